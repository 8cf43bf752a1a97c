/* Keepers over a store that is an array, on a clock that is a number. */
#include "base/clock.h"
#include "daemon/lease.h"
#include "daemon/lease_value.h"
#include "fixture.h"

#include <errno.h>
#include <stdlib.h>

#define TTL_NS (5 * CLOCK_NS_PER_S)
#define MS CLOCK_NS_PER_MS
#define KEYS 64
#define PARTITIONS 6
#define MEMBERS 3

static struct store {
    int64_t now_ns, created_ns;
    uint64_t revision;
    struct key {
        char name[96], value[LEASE_VALUE_MAX]; /* value "": removed, and remembered */
        uint64_t revision;
        int64_t written_ns;
    } key[KEYS];
    bool down;       /* nothing is done, nothing answered */
    bool mute;       /* writes of partitions' keys are done, and not answered */
    int64_t slow_ns; /* each request takes so long */
    unsigned writes;
} store;

static struct key *find(const char *name)
{
    for (size_t i = 0; i < KEYS; i++) {
        struct key *key = &store.key[i];
        if (key->revision && store.now_ns - key->written_ns >= TTL_NS)
            *key = (struct key){0};
        if (key->revision && !strcmp(key->name, name))
            return key;
    }
    return NULL;
}

static int answer(int r)
{
    store.now_ns += store.slow_ns;
    return r;
}

static int write_key(const char *name, const char *value, uint64_t *ret_revision)
{
    struct key *key = find(name);
    for (size_t i = 0; !key && i < KEYS; i++) {
        if (store.key[i].revision == 0)
            key = &store.key[i];
    }
    if (!key)
        abort(); /* the test has too few */
    snprintf(key->name, sizeof key->name, "%s", name);
    snprintf(key->value, sizeof key->value, "%s", value);
    key->revision = ++store.revision;
    key->written_ns = store.now_ns; /* as early as it can be */
    store.writes++;
    bool mute = store.mute && !strncmp(name, "part.", 5);
    if (ret_revision && !mute)
        *ret_revision = key->revision;
    return answer(mute ? -ETIMEDOUT : 0);
}

static int create_key(void *user, const char *name, const char *value, uint64_t *ret_revision)
{
    if (store.down)
        return -EIO;
    const struct key *key = find(name);
    return key && *key->value ? answer(-EEXIST) : write_key(name, value, ret_revision);
}

static int update_key(void *user, const char *name, const char *value, uint64_t revision,
                      uint64_t *ret_revision)
{
    if (store.down)
        return -EIO;
    const struct key *key = find(name);
    return !key || key->revision != revision ? answer(-ESTALE)
                                             : write_key(name, value, ret_revision);
}

static int remove_key(void *user, const char *name, uint64_t revision)
{
    return update_key(user, name, "", revision, NULL);
}

static int get_key(void *user, const char *name, char ret_value[LEASE_VALUE_MAX],
                   uint64_t *ret_revision)
{
    if (store.down)
        return -EIO;
    const struct key *key = find(name);
    if (!key || !*key->value)
        return answer(-ENOENT);
    strcpy(ret_value, key->value);
    *ret_revision = key->revision;
    return answer(0);
}

static int list_keys(void *user, void (*on_key)(void *arg, const char *key), void *arg,
                     int64_t *ret_created_ns)
{
    if (store.down)
        return -EIO;
    for (size_t i = 0; i < KEYS; i++) {
        if (store.key[i].revision && find(store.key[i].name))
            on_key(arg, store.key[i].name);
    }
    *ret_created_ns = store.created_ns;
    return answer(0);
}

static int64_t read_clock(void *user)
{
    return store.now_ns;
}

static const struct lease_store functions = {.create = create_key,
                                             .update = update_key,
                                             .remove = remove_key,
                                             .get = get_key,
                                             .list = list_keys,
                                             .boottime_ns = read_clock,
                                             .realtime_ns = read_clock};

/* ---- members of a fleet: a keeper, and what its loop would do */

static struct member {
    struct lease_keeper keeper;
    struct lease_board board;
    bool loop_stands;
} members[MEMBERS];

static void begin(void)
{
    store = (struct store){.now_ns = 1000 * CLOCK_NS_PER_S, .created_ns = CLOCK_NS_PER_S};
    memset(members, 0, sizeof members);
}

static void join(size_t number, uint64_t nonce)
{
    struct member *member = &members[number];
    struct lease_options options = {.nonce = nonce, .partitions = PARTITIONS, .ttl_ns = TTL_NS};
    snprintf(options.instance, sizeof options.instance, "m%zu", number);
    memset(member, 0, sizeof *member);
    lease_keeper_init(&member->keeper, &options, &functions, &member->board);
    atomic_store(&member->board.able, true);
    atomic_store(&member->board.hearing, true);
}

static int step(size_t number)
{
    struct member *member = &members[number];
    for (size_t p = 0; p < PARTITIONS && !member->loop_stands; p++)
        atomic_store(&member->board.slot[p].given, atomic_load(&member->board.slot[p].give));
    if (!member->loop_stands)
        atomic_store(&member->board.alive_ns, store.now_ns);
    return lease_keeper_step(&member->keeper);
}

static bool holds(size_t number, size_t partition)
{
    return lease_board_grant(&members[number].board, partition, store.now_ns) != 0;
}

static size_t count(size_t number)
{
    size_t sum = 0;
    for (size_t p = 0; p < PARTITIONS; p++)
        sum += holds(number, p);
    return sum;
}

static void assert_one_owner(void)
{
    for (size_t p = 0; p < PARTITIONS; p++) {
        size_t owners = 0;
        for (size_t m = 0; m < MEMBERS; m++)
            owners += holds(m, p);
        if (owners > 1)
            fail_msg("partition %zu has %zu owners", p, owners);
    }
}

/* The first `many` members' steps, each 100 ms, for so long. */
static void pass(size_t many, int64_t time_ns)
{
    for (int64_t end_ns = store.now_ns + time_ns; store.now_ns < end_ns; store.now_ns += 100 * MS) {
        for (size_t m = 0; m < many; m++) {
            step(m);
            assert_one_owner();
        }
    }
}

/* ---- tests */

static void test_obtained_and_renewed(void **state)
{
    begin();
    join(0, 1);
    assert_int_equal(step(0), 0);
    assert_int_equal(count(0), PARTITIONS);
    /* The deadline is of before the request, and before the key can expire. */
    int64_t deadline_ns = store.now_ns + TTL_NS - lease_margin_ns(TTL_NS);
    assert_int_equal(atomic_load(&members[0].board.slot[0].deadline_ns), deadline_ns);
    unsigned writes = store.writes;
    store.now_ns += TTL_NS / 3 - MS;
    step(0);
    assert_int_equal(store.writes, writes);
    store.now_ns += MS;
    uint64_t grant = lease_board_grant(&members[0].board, 0, store.now_ns);
    step(0);
    assert_int_equal(store.writes, writes + PARTITIONS + 1); /* and that it is there */
    assert_int_equal(lease_board_grant(&members[0].board, 0, store.now_ns), grant);
    pass(1, 60 * CLOCK_NS_PER_S);
    assert_int_equal(count(0), PARTITIONS);
    assert_int_equal(lease_board_grant(&members[0].board, 0, store.now_ns), grant);
}

/* A slow answer does not lengthen the lease. */
static void test_asked_before(void **state)
{
    begin();
    join(0, 1);
    pass(1, CLOCK_NS_PER_S);
    store.slow_ns = 300 * MS;
    store.now_ns += TTL_NS / 3;
    int64_t before_ns = store.now_ns;
    step(0);
    for (size_t p = 0; p < PARTITIONS; p++) {
        const struct lease *lease = &members[0].keeper.lease[p];
        if (!lease->held)
            continue;
        const struct key *key = find((char[]){'p', 'a', 'r', 't', '.', (char)('0' + p), 0});
        assert_non_null(key);
        assert_true(lease->deadline_ns + lease_margin_ns(TTL_NS) <= key->written_ns + TTL_NS);
        assert_true(lease->deadline_ns > before_ns);
    }
}

static void test_loop_stalls(void **state)
{
    begin();
    join(0, 1);
    pass(1, 10 * CLOCK_NS_PER_S);
    members[0].loop_stands = true;
    int64_t stalled_ns = store.now_ns;
    join(1, 2);
    while (count(1) < PARTITIONS) {
        pass(2, 100 * MS);
        if (store.now_ns - stalled_ns > 2 * TTL_NS)
            fail_msg("a stalled loop keeps %zu leases", count(0));
    }
    assert_int_equal(count(0), 0);
    members[0].loop_stands = false; /* and when it goes on it is one of two */
    pass(2, 10 * CLOCK_NS_PER_S);
    assert_int_equal(count(0), 3);
    assert_int_equal(count(1), 3);
}

static void test_process_stands_still(void **state)
{
    begin();
    join(0, 1);
    pass(1, 3 * CLOCK_NS_PER_S);
    uint64_t grant = lease_board_grant(&members[0].board, 2, store.now_ns);
    /* Neither thread runs; the other one takes everything. */
    join(1, 2);
    for (int64_t end_ns = store.now_ns + 2 * TTL_NS; store.now_ns < end_ns;
         store.now_ns += 100 * MS) {
        step(1);
        assert_one_owner();
    }
    assert_int_equal(count(1), PARTITIONS);
    assert_int_equal(count(0), 0); /* by the clock alone */
    pass(2, 10 * CLOCK_NS_PER_S);
    assert_int_equal(count(0), 3);
    for (size_t p = 0; p < PARTITIONS; p++) {
        if (holds(0, p)) /* what is ours again is not what was ours before */
            assert_true(lease_board_grant(&members[0].board, p, store.now_ns) > grant);
    }
    assert_int_equal(atomic_load(&members[0].board.expired), PARTITIONS);
}

static void test_store_is_gone(void **state)
{
    begin();
    join(0, 1);
    pass(1, 3 * CLOCK_NS_PER_S);
    store.down = true;
    int64_t down_ns = store.now_ns;
    while (count(0) > 0) {
        pass(1, 100 * MS);
        assert_true(store.now_ns - down_ns < TTL_NS);
    }
    assert_false(atomic_load(&members[0].board.reachable));
    store.down = false;
    pass(1, TTL_NS);
    assert_int_equal(count(0), PARTITIONS);
}

/* A renewal that was done and not answered, as when a leader is elected, costs nothing. */
static void test_answer_is_lost(void **state)
{
    begin();
    join(0, 1);
    pass(1, 3 * CLOCK_NS_PER_S);
    uint64_t grant = lease_board_grant(&members[0].board, 0, store.now_ns);
    store.mute = true;
    pass(1, 2 * CLOCK_NS_PER_S);
    store.mute = false;
    pass(1, 3 * CLOCK_NS_PER_S);
    assert_int_equal(count(0), PARTITIONS);
    assert_int_equal(lease_board_grant(&members[0].board, 0, store.now_ns), grant);
    assert_int_equal(atomic_load(&members[0].board.refused), 0);
}

/* So does one that obtains: the key is ours, and nobody else's for the time to live. */
static void test_answer_of_the_first_is_lost(void **state)
{
    begin();
    join(0, 1);
    store.mute = true;
    pass(1, CLOCK_NS_PER_S);
    assert_int_equal(count(0), 0);
    store.mute = false;
    pass(1, 2 * TTL_NS);
    assert_int_equal(count(0), PARTITIONS);
}

static void test_joins_and_leaves(void **state)
{
    begin();
    join(0, 1);
    pass(1, CLOCK_NS_PER_S);
    join(1, 2);
    pass(2, 5 * CLOCK_NS_PER_S);
    assert_int_equal(count(0), 3);
    assert_int_equal(count(1), 3);
    assert_int_equal(atomic_load(&members[0].board.instances), 2);
    bool before[PARTITIONS];
    for (size_t p = 0; p < PARTITIONS; p++)
        before[p] = holds(0, p);
    lease_keeper_stop(&members[1].keeper); /* what it had is free at once */
    assert_int_equal(count(1), 0);
    pass(1, 2 * CLOCK_NS_PER_S);
    assert_int_equal(count(0), PARTITIONS);
    for (size_t p = 0; p < PARTITIONS; p++)
        assert_true(!before[p] || holds(0, p));
    assert_int_equal(atomic_load(&members[0].board.expired), 0);
}

/* The loop has not let go yet: the key stays. */
static void test_given_when_the_loop_says_so(void **state)
{
    begin();
    join(0, 1);
    pass(1, CLOCK_NS_PER_S);
    join(1, 2);
    step(1);
    store.now_ns += 100 * MS;
    atomic_store(&members[0].board.alive_ns, store.now_ns);
    lease_keeper_step(&members[0].keeper);
    size_t asked = 0;
    for (size_t p = 0; p < PARTITIONS; p++)
        asked += atomic_load(&members[0].board.slot[p].give) != 0;
    assert_int_equal(asked, 3);
    assert_int_equal(count(0), PARTITIONS);
    atomic_store(&members[0].board.alive_ns, store.now_ns);
    lease_keeper_step(&members[0].keeper);
    step(1);
    assert_int_equal(count(1), 0);
    pass(2, 3 * CLOCK_NS_PER_S);
    assert_int_equal(count(1), 3);
}

/* A bucket that was made anew knows nothing of leases that still run. */
static void test_bucket_is_new(void **state)
{
    begin();
    join(0, 1);
    pass(1, 3 * CLOCK_NS_PER_S);
    memset(store.key, 0, sizeof store.key);
    store.created_ns = store.now_ns;
    join(1, 2);
    int64_t made_ns = store.now_ns;
    while (count(1) == 0) {
        pass(2, 100 * MS);
        assert_true(store.now_ns - made_ns < 2 * TTL_NS);
    }
    assert_true(store.now_ns - made_ns >= TTL_NS);
    assert_int_equal(atomic_load(&members[0].board.refused), PARTITIONS);
}

static void test_cannot_hear(void **state)
{
    begin();
    join(0, 1);
    join(1, 2);
    pass(2, 10 * CLOCK_NS_PER_S);
    assert_int_equal(count(0), 3);
    atomic_store(&members[0].board.able, false);
    pass(2, 3 * CLOCK_NS_PER_S);
    assert_int_equal(count(0), 0);
    assert_int_equal(count(1), PARTITIONS);
    atomic_store(&members[0].board.able, true);
    pass(2, 5 * CLOCK_NS_PER_S);
    assert_int_equal(count(0), 3);
}

/* Its connection is away for a moment: it keeps what it has, and is given nothing; what was its own
 * when it was away for longer goes to those who hear. */
static void test_does_not_hear_at_present(void **state)
{
    begin();
    join(0, 1);
    join(1, 2);
    join(2, 3);
    pass(3, 10 * CLOCK_NS_PER_S);
    assert_int_equal(count(0), 2);
    atomic_store(&members[0].board.hearing, false);
    unsigned before = store.writes;
    pass(3, 10 * CLOCK_NS_PER_S);
    assert_true(store.writes > before);
    assert_int_equal(count(0), 2);
    assert_int_equal(count(1), 2);
    store.down = true; /* for so long that nobody has anything */
    pass(3, 6 * CLOCK_NS_PER_S);
    assert_int_equal(count(0) + count(1) + count(2), 0);
    store.down = false;
    pass(3, 10 * CLOCK_NS_PER_S);
    assert_int_equal(count(0), 0);
    assert_int_equal(count(1), 3);
    assert_int_equal(count(2), 3);
    atomic_store(&members[0].board.hearing, true);
    pass(3, 5 * CLOCK_NS_PER_S);
    assert_int_equal(count(0), 2);
}

/* Two processes of one name: the second one takes nothing. One that was restarted waits for its
 * former self to expire. */
static void test_twin(void **state)
{
    begin();
    join(0, 1);
    pass(1, CLOCK_NS_PER_S);
    struct member twin = {0};
    struct lease_options options = members[0].keeper.options;
    options.nonce = 99;
    lease_keeper_init(&twin.keeper, &options, &functions, &twin.board);
    atomic_store(&twin.board.able, true);
    atomic_store(&twin.board.hearing, true);
    for (int i = 0; i < 300; i++) {
        pass(1, 100 * MS);
        atomic_store(&twin.board.alive_ns, store.now_ns);
        lease_keeper_step(&twin.keeper);
        for (size_t p = 0; p < PARTITIONS; p++)
            assert_int_equal(lease_board_grant(&twin.board, p, store.now_ns), 0);
    }
    assert_true(atomic_load(&twin.board.twin));
    assert_false(atomic_load(&members[0].board.twin));
    join(0, 2); /* killed, and started at once */
    pass(1, TTL_NS + CLOCK_NS_PER_S);
    assert_int_equal(count(0), PARTITIONS);
    assert_false(atomic_load(&members[0].board.twin));
}

static void test_values(void **state)
{
    char text[LEASE_VALUE_MAX];
    struct lease_value value = {.instance = "plant-a",
                                .since = "2026-11-23T21:06:21.610Z",
                                .epoch = 4711,
                                .nonce = UINT64_MAX,
                                .most = 7},
                       again;
    lease_value_format(&value, text, sizeof text);
    lease_value_parse(text, &again);
    assert_string_equal(again.instance, value.instance);
    assert_string_equal(again.since, value.since);
    assert_true(again.nonce == UINT64_MAX && again.epoch == 4711 && again.most == 7);
    static const char *const others[] = {"", "{}", "\"instance\":\"", "{\"instance\":7}",
                                         "{\"instance\":\"a/b\",\"nonce\":\"x\"}"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        lease_value_parse(others[i], &again);
        assert_string_equal(again.instance, "");
        assert_true(again.nonce == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_obtained_and_renewed),
        cmocka_unit_test(test_asked_before),
        cmocka_unit_test(test_loop_stalls),
        cmocka_unit_test(test_process_stands_still),
        cmocka_unit_test(test_store_is_gone),
        cmocka_unit_test(test_answer_is_lost),
        cmocka_unit_test(test_answer_of_the_first_is_lost),
        cmocka_unit_test(test_joins_and_leaves),
        cmocka_unit_test(test_given_when_the_loop_says_so),
        cmocka_unit_test(test_bucket_is_new),
        cmocka_unit_test(test_cannot_hear),
        cmocka_unit_test(test_does_not_hear_at_present),
        cmocka_unit_test(test_twin),
        cmocka_unit_test(test_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
