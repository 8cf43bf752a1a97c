/*
 * Partitions are dealt out one by one in rounds, to those that hold most first; who has reached its
 * own bound is passed over. So a target is the fair share, and the few larger shares are where they
 * are already: a fleet in balance is left alone, one that has lost an instance only takes, one that
 * has gained an instance only gives up what that one is to have.
 */
#include "daemon/partition_balance.h"

#include <stdbool.h>
#include <string.h>

static bool comes_before(const struct balance_instance *a, const struct balance_instance *b)
{
    return a->held != b->held ? a->held > b->held : strcmp(a->name, b->name) < 0;
}

void balance_targets(const struct balance_view *view, size_t *ret_targets)
{
    size_t order[BALANCE_INSTANCES_MAX];
    for (size_t i = 0; i < view->instances; i++) {
        size_t at = i;
        for (; at > 0 && comes_before(&view->instance[i], &view->instance[order[at - 1]]); at--)
            order[at] = order[at - 1];
        order[at] = i;
        ret_targets[i] = 0;
    }
    bool dealt = true;
    for (size_t left = view->partitions; left > 0 && dealt;) {
        dealt = false;
        for (size_t i = 0; i < view->instances && left > 0; i++) {
            size_t most = view->instance[order[i]].most;
            if (most > 0 && ret_targets[order[i]] >= most)
                continue;
            ret_targets[order[i]]++;
            left--;
            dealt = true;
        }
    }
}

/* Those that want some look at different ones first; where two meet, one of them is refused by the
 * store, and looks again. */
static size_t first_look(const struct balance_view *view, const size_t *targets)
{
    size_t before = 0;
    for (size_t i = 0; i < view->instances; i++) {
        if (targets[i] > view->instance[i].held &&
            strcmp(view->instance[i].name, view->instance[view->me].name) < 0)
            before += targets[i] - view->instance[i].held;
    }
    return before;
}

static void take(const struct balance_view *view, size_t wanted, size_t skip,
                 struct partition_set *ret_take)
{
    size_t count = partition_set_count(&view->free);
    wanted = wanted < count ? wanted : count;
    skip = count > 0 ? skip % count : 0;
    size_t at = 0; /* number of the partition among the free ones */
    for (size_t p = 0; p < view->partitions; p++) {
        if (!partition_set_has(&view->free, p))
            continue;
        if ((at + count - skip) % count < wanted)
            partition_set_add(ret_take, p);
        at++;
    }
}

void balance_plan(const struct balance_view *view, struct partition_set *ret_take,
                  struct partition_set *ret_give)
{
    size_t targets[BALANCE_INSTANCES_MAX];
    balance_targets(view, targets);
    size_t held = view->instance[view->me].held, target = targets[view->me];
    *ret_take = *ret_give = (struct partition_set){0};
    if (target > held)
        take(view, target - held, first_look(view, targets), ret_take);
    for (size_t p = view->partitions; p-- > 0 && held > target;) {
        if (!partition_set_has(&view->mine, p))
            continue;
        partition_set_add(ret_give, p);
        held--;
    }
}
