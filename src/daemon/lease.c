/*
 * A round of renewals comes every third of the time to live; in between the keeper only looks which
 * keys are there, one request, so that what has expired is taken soon. Who holds what is looked at
 * with each round. A request that was not answered may have been done all the same: then the next
 * one is refused, the key tells that it is ours, and the keeper goes on from its revision.
 */
#include "daemon/lease.h"

#include "base/clock.h"
#include "daemon/lease_value.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MAX 96
#define PART "part."
#define INSTANCE "instance."
#define UNKNOWN "?"
#define MARGIN_MIN_NS (100 * CLOCK_NS_PER_MS)
#define POLL_MIN_NS (100 * CLOCK_NS_PER_MS)
#define POLL_MAX_NS (500 * CLOCK_NS_PER_MS)

int64_t lease_margin_ns(int64_t ttl_ns)
{
    return ttl_ns / 10 > MARGIN_MIN_NS ? ttl_ns / 10 : MARGIN_MIN_NS;
}

int64_t lease_keeper_poll_ns(const struct lease_keeper *keeper)
{
    int64_t poll_ns = keeper->options.ttl_ns / 10;
    return poll_ns < POLL_MIN_NS ? POLL_MIN_NS : poll_ns > POLL_MAX_NS ? POLL_MAX_NS : poll_ns;
}

/* The grant is read around the deadline: a lease that is lost and obtained again in between must
 * not lend its deadline to the grant before. */
uint64_t lease_board_grant(const struct lease_board *board, size_t partition, int64_t now_ns)
{
    const struct lease_slot *slot = &board->slot[partition];
    uint64_t before = atomic_load(&slot->grant);
    int64_t deadline_ns = atomic_load(&slot->deadline_ns);
    uint64_t after = atomic_load(&slot->grant);
    return before == after && now_ns < deadline_ns ? after : 0;
}

static int64_t now_ns(const struct lease_keeper *keeper)
{
    return keeper->store.boottime_ns(keeper->store.user);
}

void lease_keeper_init(struct lease_keeper *keeper, const struct lease_options *options,
                       const struct lease_store *store, struct lease_board *board)
{
    *keeper = (struct lease_keeper){.options = *options, .store = *store, .board = board};
    clock_format_rfc3339(store->realtime_ns(store->user), keeper->since);
    for (size_t p = 0; p < options->partitions; p++)
        strcpy(keeper->owner[p], UNKNOWN);
}

/* ---- one lease */

static void part_key(size_t partition, char ret_key[KEY_MAX])
{
    snprintf(ret_key, KEY_MAX, PART "%zu", partition);
}

static void format_value(const struct lease_keeper *keeper, uint64_t epoch,
                         char ret_value[LEASE_VALUE_MAX])
{
    struct lease_value value = {
        .epoch = epoch, .nonce = keeper->options.nonce, .most = keeper->options.most};
    strcpy(value.instance, keeper->options.instance);
    strcpy(value.since, keeper->since);
    lease_value_format(&value, ret_value, LEASE_VALUE_MAX);
}

/* asked_ns: before the request was sent. */
static void extend(struct lease_keeper *keeper, size_t partition, uint64_t revision,
                   int64_t asked_ns)
{
    struct lease *lease = &keeper->lease[partition];
    int64_t ttl_ns = keeper->options.ttl_ns;
    lease->revision = revision;
    lease->deadline_ns = asked_ns + ttl_ns - lease_margin_ns(ttl_ns);
    atomic_store(&keeper->board->slot[partition].deadline_ns, lease->deadline_ns);
}

static void hold(struct lease_keeper *keeper, size_t partition, uint64_t revision, int64_t asked_ns)
{
    keeper->lease[partition] = (struct lease){.held = true, .grant = revision};
    strcpy(keeper->owner[partition], keeper->options.instance);
    atomic_store(&keeper->board->slot[partition].grant, revision);
    extend(keeper, partition, revision, asked_ns);
}

static void drop(struct lease_keeper *keeper, size_t partition, const char *owner)
{
    atomic_store(&keeper->board->slot[partition].deadline_ns, 0);
    keeper->lease[partition] = (struct lease){0};
    strcpy(keeper->owner[partition], owner);
}

static void give(struct lease_keeper *keeper, size_t partition)
{
    struct lease *lease = &keeper->lease[partition];
    if (!lease->held || lease->giving)
        return;
    lease->giving = true;
    atomic_store(&keeper->board->slot[partition].give, lease->grant);
}

/* What is in a key: 0 it is ours, -ESTALE another one's, -ENOENT nobody's, or no answer. */
static int whose(struct lease_keeper *keeper, const char *key, uint64_t *ret_revision,
                 struct lease_value *ret_value)
{
    char text[LEASE_VALUE_MAX];
    int r = keeper->store.get(keeper->store.user, key, text, ret_revision);
    if (r < 0)
        return r;
    lease_value_parse(text, ret_value);
    return ret_value->nonce == keeper->options.nonce ? 0 : -ESTALE;
}

/* Writes a key of ours again. Returns 0 and the new revision; -ESTALE: it is not ours; -ENOENT:
 * nobody's. */
static int rewrite(struct lease_keeper *keeper, const char *key, const char *text,
                   uint64_t *revision, int64_t *ret_asked_ns)
{
    struct lease_value value;
    void *user = keeper->store.user;
    *ret_asked_ns = now_ns(keeper);
    int r = keeper->store.update(user, key, text, *revision, revision);
    if (r != -ESTALE)
        return r;
    uint64_t newest;
    r = whose(keeper, key, &newest, &value);
    if (r < 0)
        return r;
    *ret_asked_ns = now_ns(keeper);
    return keeper->store.update(user, key, text, newest, revision);
}

static int renew(struct lease_keeper *keeper, size_t partition)
{
    char key[KEY_MAX], text[LEASE_VALUE_MAX];
    struct lease *lease = &keeper->lease[partition];
    uint64_t revision = lease->revision;
    int64_t asked_ns;
    part_key(partition, key);
    format_value(keeper, lease->grant, text);
    int r = rewrite(keeper, key, text, &revision, &asked_ns);
    if (r == 0) {
        extend(keeper, partition, revision, asked_ns);
    } else if (r == -ESTALE || r == -ENOENT) {
        drop(keeper, partition, UNKNOWN);
        atomic_fetch_add(&keeper->board->refused, 1);
        return 0;
    }
    return r;
}

/* ---- a round */

static void expire(struct lease_keeper *keeper)
{
    for (size_t p = 0; p < keeper->options.partitions; p++) {
        const struct lease *lease = &keeper->lease[p];
        if (!lease->held || now_ns(keeper) < lease->deadline_ns)
            continue;
        if (!lease->giving)
            atomic_fetch_add(&keeper->board->expired, 1);
        drop(keeper, p, UNKNOWN);
    }
}

/* What the loop has let go of goes back; where the store does not answer it expires by itself. */
static void finish_giving(struct lease_keeper *keeper)
{
    for (size_t p = 0; p < keeper->options.partitions; p++) {
        struct lease *lease = &keeper->lease[p];
        if (!lease->giving || atomic_load(&keeper->board->slot[p].given) != lease->grant)
            continue;
        char key[KEY_MAX];
        uint64_t revision = lease->revision;
        part_key(p, key);
        drop(keeper, p, UNKNOWN);
        if (keeper->store.remove(keeper->store.user, key, revision) == 0)
            keeper->owner[p][0] = '\0';
    }
}

/* Others hear that we are there. A key of our name that is another process's is usually the one
 * before this one, and will expire; one that stays is a twin's. */
static int announce(struct lease_keeper *keeper)
{
    char key[KEY_MAX], text[LEASE_VALUE_MAX];
    struct lease_value value;
    int64_t asked_ns = now_ns(keeper);
    snprintf(key, sizeof key, INSTANCE "%s", keeper->options.instance);
    format_value(keeper, 0, text);
    int r = -ENOENT;
    if (keeper->announced)
        r = rewrite(keeper, key, text, &keeper->announced, &asked_ns);
    if (r == -ENOENT)
        r = keeper->store.create(keeper->store.user, key, text, &keeper->announced);
    uint64_t revision;
    if (r == -EEXIST && (r = whose(keeper, key, &revision, &value)) == 0)
        keeper->announced = revision;
    if (r == -ENOENT)
        r = -ESTALE; /* it has expired just now: the next round makes it */
    if (r != -ESTALE) {
        keeper->twin_ns = 0;
        atomic_store(&keeper->board->twin, false);
        return r;
    }
    keeper->announced = 0;
    keeper->twin_ns = keeper->twin_ns ? keeper->twin_ns : asked_ns;
    if (asked_ns - keeper->twin_ns > 2 * keeper->options.ttl_ns)
        atomic_store(&keeper->board->twin, true);
    return 0;
}

/* The one that ends first is renewed first. */
static int renew_all(struct lease_keeper *keeper)
{
    bool done[PARTITIONS_MAX] = {false};
    int r = atomic_load(&keeper->board->hearing) ? announce(keeper) : 0;
    while (r == 0) {
        size_t next = PARTITIONS_MAX;
        for (size_t p = 0; p < keeper->options.partitions; p++) {
            const struct lease *lease = &keeper->lease[p];
            if (lease->held && !lease->giving && !done[p] &&
                (next == PARTITIONS_MAX || lease->deadline_ns < keeper->lease[next].deadline_ns))
                next = p;
        }
        if (next == PARTITIONS_MAX)
            break;
        done[next] = true;
        r = renew(keeper, next);
    }
    return r;
}

/* ---- looking */

struct look {
    const struct lease_keeper *keeper;
    struct partition_set present;
    struct balance_view view;
};

static void on_key(void *arg, const char *key)
{
    struct look *look = arg;
    struct balance_view *view = &look->view;
    if (!strncmp(key, PART, strlen(PART))) {
        char *end;
        unsigned long p = strtoul(key + strlen(PART), &end, 10);
        if (!*end && p < look->keeper->options.partitions)
            partition_set_add(&look->present, p);
    } else if (!strncmp(key, INSTANCE, strlen(INSTANCE)) && name_valid(key + strlen(INSTANCE)) &&
               strcmp(key + strlen(INSTANCE), look->keeper->options.instance) != 0 &&
               view->instances < BALANCE_INSTANCES_MAX) {
        struct balance_instance *instance = &view->instance[view->instances++];
        *instance = (struct balance_instance){0};
        strcpy(instance->name, key + strlen(INSTANCE));
    }
}

/* A bucket that was made just now holds no key of leases that were given out by the one before it:
 * nothing is obtained until they have ended. */
static void note_bucket(struct lease_keeper *keeper, int64_t created_ns)
{
    if (created_ns == keeper->bucket_ns)
        return;
    int64_t ttl_ns = keeper->options.ttl_ns;
    int64_t left_ns = ttl_ns - (keeper->store.realtime_ns(keeper->store.user) - created_ns);
    left_ns = left_ns < 0 ? 0 : left_ns > ttl_ns ? ttl_ns : left_ns;
    keeper->bucket_ns = created_ns;
    keeper->obtain_ns = now_ns(keeper) + left_ns;
}

/* The bounds of those that are there. One that has left since the list was made is passed over. */
static int look_at_instances(struct lease_keeper *keeper, struct balance_view *view)
{
    size_t kept = 1; /* the first one is this one */
    for (size_t i = 1; i < view->instances; i++) {
        char key[KEY_MAX];
        struct lease_value value;
        uint64_t revision;
        snprintf(key, sizeof key, INSTANCE "%s", view->instance[i].name);
        int r = whose(keeper, key, &revision, &value);
        if (r == -ENOENT)
            continue;
        if (r < 0 && r != -ESTALE)
            return r;
        view->instance[kept] = view->instance[i];
        view->instance[kept++].most = value.most;
    }
    view->instances = kept;
    return 0;
}

/* A key of ours that we know nothing of is from a request that we had given up. */
static int look_at_owner(struct lease_keeper *keeper, size_t partition)
{
    char key[KEY_MAX];
    struct lease_value value = {0};
    uint64_t revision;
    part_key(partition, key);
    int r = whose(keeper, key, &revision, &value);
    if (r == 0)
        r = keeper->store.remove(keeper->store.user, key, revision) == 0 ? -ENOENT : -ESTALE;
    if (r == -ENOENT)
        keeper->owner[partition][0] = '\0';
    else if (r == -ESTALE)
        strcpy(keeper->owner[partition], *value.instance ? value.instance : UNKNOWN);
    return r == -ENOENT || r == -ESTALE ? 0 : r;
}

static int look_at_owners(struct lease_keeper *keeper, const struct look *look, bool thorough)
{
    int r = 0;
    for (size_t p = 0; r == 0 && p < keeper->options.partitions; p++) {
        bool unknown = !strcmp(keeper->owner[p], UNKNOWN);
        if (keeper->lease[p].held)
            continue;
        if (!partition_set_has(&look->present, p))
            keeper->owner[p][0] = '\0';
        else if (thorough || unknown)
            r = look_at_owner(keeper, p);
    }
    return r;
}

/* Of the look before, where this one was not thorough. */
static void keep_bounds(const struct balance_view *before, struct balance_view *view)
{
    for (size_t i = 0; i < view->instances; i++) {
        for (size_t b = 0; b < before->instances; b++) {
            if (!strcmp(view->instance[i].name, before->instance[b].name))
                view->instance[i].most = before->instance[b].most;
        }
    }
}

static void count_held(const struct lease_keeper *keeper, struct balance_view *view)
{
    for (size_t p = 0; p < keeper->options.partitions; p++) {
        const struct lease *lease = &keeper->lease[p];
        if (lease->held && !lease->giving) {
            partition_set_add(&view->mine, p);
            view->instance[view->me].held++;
        } else if (!lease->held && !*keeper->owner[p]) {
            partition_set_add(&view->free, p);
        }
        for (size_t i = 0; !lease->held && i < view->instances; i++)
            view->instance[i].held +=
                i != view->me && !strcmp(view->instance[i].name, keeper->owner[p]);
    }
}

static int look(struct lease_keeper *keeper, bool thorough)
{
    struct look look = {.keeper = keeper, .view = {.partitions = keeper->options.partitions}};
    struct balance_view *view = &look.view;
    struct balance_instance *me = &view->instance[view->instances++];
    int64_t created_ns = 0;
    strcpy(me->name, keeper->options.instance);
    me->most = keeper->options.most;
    int r = keeper->store.list(keeper->store.user, on_key, &look, &created_ns);
    if (r < 0)
        return r;
    note_bucket(keeper, created_ns);
    keep_bounds(&keeper->view, view);
    if (thorough || view->instances != keeper->view.instances)
        r = look_at_instances(keeper, view);
    if (r == 0)
        r = look_at_owners(keeper, &look, thorough);
    if (r < 0)
        return r;
    count_held(keeper, view);
    keeper->view = *view;
    atomic_store(&keeper->board->instances, (unsigned)view->instances);
    return 0;
}

/* ---- the balance */

static int obtain(struct lease_keeper *keeper, size_t partition)
{
    char key[KEY_MAX], text[LEASE_VALUE_MAX];
    uint64_t revision;
    int64_t asked_ns = now_ns(keeper);
    part_key(partition, key);
    format_value(keeper, 0, text);
    int r = keeper->store.create(keeper->store.user, key, text, &revision);
    if (r == 0)
        hold(keeper, partition, revision, asked_ns);
    else
        strcpy(keeper->owner[partition], UNKNOWN);
    return r == -EEXIST ? 0 : r;
}

static int balance(struct lease_keeper *keeper)
{
    struct partition_set take, surplus;
    int64_t until_ns = now_ns(keeper) + keeper->options.ttl_ns / 6; /* renewals must not wait */
    balance_plan(&keeper->view, &take, &surplus);
    int r = 0;
    for (size_t p = 0; r == 0 && p < keeper->options.partitions; p++) {
        if (partition_set_has(&surplus, p))
            give(keeper, p);
        else if (partition_set_has(&take, p) && now_ns(keeper) < until_ns)
            r = obtain(keeper, p);
    }
    return r;
}

/* Who does not hear samples at present is nobody to leave partitions to, and takes none; what he
 * has stays his for a while. */
static void withdraw(struct lease_keeper *keeper)
{
    char key[KEY_MAX];
    snprintf(key, sizeof key, INSTANCE "%s", keeper->options.instance);
    if (keeper->announced)
        keeper->store.remove(keeper->store.user, key, keeper->announced);
    keeper->announced = 0;
}

/* Who cannot hear samples leaves the partitions to others. */
static void retire(struct lease_keeper *keeper)
{
    for (size_t p = 0; p < keeper->options.partitions; p++)
        give(keeper, p);
    withdraw(keeper);
    keeper->renew_ns = 0;
}

int lease_keeper_step(struct lease_keeper *keeper)
{
    expire(keeper);
    finish_giving(keeper);
    int64_t start_ns = now_ns(keeper);
    if (start_ns - atomic_load(&keeper->board->alive_ns) > keeper->options.ttl_ns / 3)
        return 0; /* a loop that stalls must not keep its leases */
    if (!atomic_load(&keeper->board->able)) {
        retire(keeper);
        return 0;
    }
    bool hearing = atomic_load(&keeper->board->hearing);
    if (!hearing)
        withdraw(keeper);
    bool due = start_ns >= keeper->renew_ns || (hearing && !keeper->announced);
    int r = due ? renew_all(keeper) : 0;
    if (due && r == 0)
        keeper->renew_ns = start_ns + keeper->options.ttl_ns / 3;
    if (r == 0)
        r = look(keeper, due);
    if (r == 0 && keeper->announced && now_ns(keeper) >= keeper->obtain_ns)
        r = balance(keeper);
    atomic_store(&keeper->board->reachable, r == 0);
    return r;
}

void lease_keeper_stop(struct lease_keeper *keeper)
{
    int r = 0;
    for (size_t p = 0; p < keeper->options.partitions; p++) {
        uint64_t revision = keeper->lease[p].revision;
        char key[KEY_MAX];
        if (!keeper->lease[p].held)
            continue;
        part_key(p, key);
        drop(keeper, p, UNKNOWN);
        if (r == 0)
            r = keeper->store.remove(keeper->store.user, key, revision);
        r = r == -ESTALE ? 0 : r;
    }
    if (r == 0)
        retire(keeper);
}
