/* The rule alone, and fleets that live by it. */
#include "base/rng.h"
#include "daemon/partition_balance.h"
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>

static struct balance_view view_of(size_t partitions, size_t instances, const size_t *held)
{
    struct balance_view view = {.partitions = partitions, .instances = instances};
    for (size_t i = 0; i < instances; i++) {
        snprintf(view.instance[i].name, sizeof view.instance[i].name, "i%02zu", i);
        view.instance[i].held = held[i];
    }
    return view;
}

static void expect_targets(size_t partitions, size_t instances, const size_t *held,
                           const size_t *targets)
{
    struct balance_view view = view_of(partitions, instances, held);
    size_t found[BALANCE_INSTANCES_MAX];
    balance_targets(&view, found);
    for (size_t i = 0; i < instances; i++)
        assert_int_equal(found[i], targets[i]);
}

static void test_targets(void **state)
{
    expect_targets(24, 1, (size_t[]){0}, (size_t[]){24});
    expect_targets(24, 2, (size_t[]){24, 0}, (size_t[]){12, 12});
    expect_targets(24, 5, (size_t[]){0, 0, 0, 0, 0}, (size_t[]){5, 5, 5, 5, 4});
    /* The larger shares are where they are. */
    expect_targets(24, 5, (size_t[]){4, 5, 5, 5, 5}, (size_t[]){4, 5, 5, 5, 5});
    expect_targets(8, 3, (size_t[]){4, 4, 0}, (size_t[]){3, 3, 2});
    expect_targets(2, 4, (size_t[]){0, 0, 1, 1}, (size_t[]){0, 0, 1, 1});
}

static void test_bounds(void **state)
{
    struct balance_view view = view_of(24, 3, (size_t[]){0, 0, 0});
    size_t targets[BALANCE_INSTANCES_MAX];
    view.instance[1].most = 2;
    balance_targets(&view, targets);
    assert_int_equal(targets[0], 11);
    assert_int_equal(targets[1], 2);
    assert_int_equal(targets[2], 11);
    view.instance[0].most = view.instance[2].most = 3; /* something is left */
    balance_targets(&view, targets);
    assert_int_equal(targets[0] + targets[1] + targets[2], 8);
}

static void test_plan(void **state)
{
    struct partition_set take, give;
    struct balance_view view = view_of(8, 2, (size_t[]){8, 0});
    for (size_t p = 0; p < 8; p++)
        partition_set_add(&view.mine, p);
    balance_plan(&view, &take, &give); /* of the first */
    assert_int_equal(partition_set_count(&take), 0);
    assert_int_equal(partition_set_count(&give), 4);
    assert_true(partition_set_has(&give, 7) && !partition_set_has(&give, 3));
    view = view_of(8, 2, (size_t[]){0, 0}); /* two at once look at different ones */
    for (size_t p = 0; p < 8; p++)
        partition_set_add(&view.free, p);
    struct partition_set first, second;
    balance_plan(&view, &first, &give);
    view.me = 1;
    balance_plan(&view, &second, &give);
    assert_int_equal(partition_set_count(&first), 4);
    assert_int_equal(partition_set_count(&second), 4);
    for (size_t p = 0; p < 8; p++)
        assert_false(partition_set_has(&first, p) && partition_set_has(&second, p));
}

/* ---- fleets */

#define NOBODY (-1)
#define FLEET_MAX 12

struct simulated {
    size_t partitions;
    int owner[PARTITIONS_MAX];
    bool alive[FLEET_MAX];
    size_t moves; /* taken from one that is alive, to be another's */
};

static struct balance_view look(const struct simulated *fleet, size_t who)
{
    struct balance_view view = {.partitions = fleet->partitions};
    for (size_t i = 0; i < FLEET_MAX; i++) {
        if (!fleet->alive[i])
            continue;
        struct balance_instance *instance = &view.instance[view.instances];
        snprintf(instance->name, sizeof instance->name, "i%02zu", i);
        view.me = i == who ? view.instances : view.me;
        for (size_t p = 0; p < fleet->partitions; p++)
            instance->held += fleet->owner[p] == (int)i;
        view.instances++;
    }
    for (size_t p = 0; p < fleet->partitions; p++) {
        if (fleet->owner[p] == NOBODY)
            partition_set_add(&view.free, p);
        if (fleet->owner[p] == (int)who)
            partition_set_add(&view.mine, p);
    }
    return view;
}

/* Each in turn looks and acts, from a random one on. Returns false when nobody has done anything.
 */
static bool turn(struct simulated *fleet, struct rng *rng)
{
    bool done = false;
    size_t start = (size_t)(rng_uniform(rng) * FLEET_MAX);
    for (size_t n = 0; n < FLEET_MAX; n++) {
        size_t who = (start + n) % FLEET_MAX;
        if (!fleet->alive[who])
            continue;
        struct balance_view view = look(fleet, who);
        struct partition_set take, give;
        balance_plan(&view, &take, &give);
        for (size_t p = 0; p < fleet->partitions; p++) {
            if (partition_set_has(&take, p))
                fleet->owner[p] = (int)who;
            if (partition_set_has(&give, p))
                fleet->owner[p] = NOBODY;
            fleet->moves += partition_set_has(&give, p);
            done |= partition_set_has(&take, p) || partition_set_has(&give, p);
        }
    }
    return done;
}

static void settle(struct simulated *fleet, struct rng *rng)
{
    int turns = 0;
    fleet->moves = 0;
    while (turn(fleet, rng)) {
        if (++turns > 6)
            fail_msg("it does not come to rest");
    }
}

static size_t count_alive(const struct simulated *fleet)
{
    size_t count = 0;
    for (size_t i = 0; i < FLEET_MAX; i++)
        count += fleet->alive[i];
    return count;
}

static void assert_balanced(const struct simulated *fleet)
{
    size_t instances = count_alive(fleet);
    for (size_t i = 0; i < FLEET_MAX && instances > 0; i++) {
        size_t held = 0;
        for (size_t p = 0; p < fleet->partitions; p++)
            held += fleet->owner[p] == (int)i;
        if (!fleet->alive[i])
            assert_int_equal(held, 0);
        else if (held < fleet->partitions / instances ||
                 held > (fleet->partitions + instances - 1) / instances)
            fail_msg("one of %zu holds %zu of %zu", instances, held, fleet->partitions);
    }
}

/* What must move when one joins is what it is to have; when one leaves, nothing of the others. */
static void test_joins_and_leaves(void **state)
{
    struct rng rng;
    rng_init(&rng, 7);
    static const size_t sizes[] = {1, 5, 24, 60, 256};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        struct simulated fleet = {.partitions = sizes[s]};
        for (size_t p = 0; p < fleet.partitions; p++)
            fleet.owner[p] = NOBODY;
        fleet.alive[0] = true;
        settle(&fleet, &rng);
        for (int round = 0; round < 200; round++) {
            size_t who = (size_t)(rng_uniform(&rng) * FLEET_MAX);
            bool joins = !fleet.alive[who];
            if (!joins && count_alive(&fleet) == 1)
                continue;
            fleet.alive[who] = joins;
            for (size_t p = 0; p < fleet.partitions && !joins; p++)
                fleet.owner[p] = fleet.owner[p] == (int)who ? NOBODY : fleet.owner[p];
            settle(&fleet, &rng);
            assert_balanced(&fleet);
            size_t fair = fleet.partitions / count_alive(&fleet);
            if (fleet.moves > (joins ? fair : 0))
                fail_msg("%zu moved, %zu had to", fleet.moves, joins ? fair : 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_plan),
        cmocka_unit_test(test_joins_and_leaves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
