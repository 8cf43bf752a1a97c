#include "daemon/scorer.h"
#include "golden.h"
#include "tiny_model.h"

#include "base/clock.h"
#include "base/rng.h"

#include <string.h>

#define ROWS 4
#define CHANNELS 3
#define RESULTS_MAX 8192

struct box {
    uv_loop_t loop;
    struct scorer *scorer;
    bool stopped;
    uint64_t row_shape; /* of plain models */
    size_t results, sets;
    uint32_t failed_candidate;
    struct scorer_result result[RESULTS_MAX];
    struct {
        uint64_t generation;
        bool ok;
        char reason[128];
        size_t before; /* results that came before it */
    } set[64];
};

static struct box box;

/* The scorer's thread passes through here with every batch, and stands still while it is closed. */
static uv_mutex_t gate;

void __real_score_windows(struct model *model, const struct score_request *requests, size_t count,
                          struct score *ret_scores);
void __wrap_score_windows(struct model *model, const struct score_request *requests, size_t count,
                          struct score *ret_scores);
void __wrap_score_windows(struct model *model, const struct score_request *requests, size_t count,
                          struct score *ret_scores)
{
    uv_mutex_lock(&gate);
    uv_mutex_unlock(&gate);
    __real_score_windows(model, requests, count, ret_scores);
}

static void on_result(void *user, const struct scorer_result *result)
{
    assert_ptr_equal(user, &box);
    assert_true(box.results < RESULTS_MAX);
    box.result[box.results++] = *result;
}

static void on_set(void *user, uint64_t generation, bool ok, const char *reason)
{
    assert_true(box.sets < 64);
    box.set[box.sets].generation = generation;
    box.set[box.sets].ok = ok;
    box.set[box.sets].before = box.results;
    snprintf(box.set[box.sets].reason, sizeof box.set[0].reason, "%s", reason);
    box.sets++;
}

static void on_candidate(void *user, uint32_t shadow, const char *reason)
{
    assert_non_null(strstr(reason, "self-test"));
    box.failed_candidate = shadow;
}

static const struct scorer_handlers handlers = {
    .on_result = on_result, .on_set = on_set, .on_candidate = on_candidate};

static int setup(void **state)
{
    memset(&box, 0, sizeof box);
    struct model *plain = tiny_model_new(&(struct tiny_model){0});
    box.row_shape = plain->row_shape;
    model_unref(plain);
    uv_loop_init(&box.loop);
    uv_mutex_init(&gate);
    return scorer_start(&box.loop, &handlers, &box, &box.scorer);
}

static void on_stopped(void *user)
{
    assert_ptr_equal(user, &box);
    box.stopped = true;
}

static void stop(void)
{
    scorer_stop(box.scorer, on_stopped, &box);
    while (!box.stopped)
        uv_run(&box.loop, UV_RUN_ONCE);
    box.scorer = NULL;
}

static int teardown(void **state)
{
    if (box.scorer)
        stop();
    uv_run(&box.loop, UV_RUN_DEFAULT);
    uv_mutex_destroy(&gate);
    return uv_loop_close(&box.loop);
}

static void wait_for(size_t results, size_t sets)
{
    int64_t deadline_ns = clock_monotonic_ns() + 60 * CLOCK_NS_PER_S;
    while ((box.results < results || box.sets < sets) && clock_monotonic_ns() < deadline_ns)
        uv_run(&box.loop, UV_RUN_ONCE);
    if (box.results < results || box.sets < sets)
        fail_msg("%zu of %zu results, %zu of %zu sets", box.results, results, box.sets, sets);
}

/* All robots have this model. Its reference goes along. */
static void post(uint64_t generation, size_t robots, struct model *model)
{
    struct scoring_set *set = scoring_set_new(generation, robots);
    for (size_t r = 0; r < robots; r++)
        scoring_set_assign(set, r, model, 1);
    model_unref(model);
    scorer_post(box.scorer, set);
}

static void fill_window(uint64_t seq, float values[ROWS * CHANNELS])
{
    struct rng rng;
    rng_init(&rng, seq);
    for (size_t i = 0; i < ROWS * CHANNELS; i++)
        values[i] = (float)rng_normal(&rng);
}

/* The window of this number, of which content and time follow. */
static bool push_for(size_t robot, uint64_t seq, uint32_t shadow)
{
    float values[ROWS * CHANNELS];
    fill_window(seq, values);
    const struct scorer_window window = {.prompt = true,
                                         .robot = robot,
                                         .shadow = shadow,
                                         .rows = ROWS,
                                         .channels = CHANNELS,
                                         .values = values,
                                         .time_ns = (int64_t)seq * 10,
                                         .row_shape = box.row_shape,
                                         .seq = seq,
                                         .epoch = 3,
                                         .received_ns = (int64_t)seq * 7};
    return scorer_push(box.scorer, &window);
}

static bool push(size_t robot, uint64_t seq)
{
    return push_for(robot, seq, 0);
}

static void expect_scored(const struct scorer_result *result, size_t robot, uint64_t seq,
                          const struct tiny_model *tiny)
{
    float values[ROWS * CHANNELS];
    fill_window(seq, values);
    assert_int_equal(result->robot, robot);
    assert_true(result->scored);
    assert_int_equal(result->epoch, 3);
    assert_int_equal(result->received_ns, seq * 7);
    assert_int_equal(result->score.seq, seq);
    assert_int_equal(result->score.time_ns, seq * 10);
    double expected = tiny_model_score(tiny, 0, values);
    expect_near(result->score.detector[0].score, expected, 1e-4 * (1 + expected));
}

/* Bursts of all sizes, of robots with two models: in the order of each robot, with the right
 * scores. */
static void test_windows_in_results_out(void **state)
{
    const struct tiny_model even = {.random = true}, odd = {.name = "odd"};
    struct model *models[] = {tiny_model_new(&even), tiny_model_new(&odd)};
    struct scoring_set *set = scoring_set_new(1, 10);
    for (size_t r = 0; r < 10; r++)
        scoring_set_assign(set, r, models[r % 2], 1);
    model_unref(models[0]);
    model_unref(models[1]);
    scorer_post(box.scorer, set);
    struct rng rng;
    rng_init(&rng, 2);
    uint64_t seq = 0;
    while (seq < 2000) {
        for (uint64_t n = 1 + rng_below(&rng, 150); n > 0; n--, seq++)
            assert_true(push(seq % 10, seq));
        scorer_wake(box.scorer);
        uv_run(&box.loop, UV_RUN_NOWAIT);
    }
    wait_for(seq, 1);
    uint64_t next[10];
    for (size_t r = 0; r < 10; r++)
        next[r] = r;
    for (size_t i = 0; i < box.results; i++) {
        size_t robot = box.result[i].robot;
        assert_int_equal(box.result[i].generation, 1);
        expect_scored(&box.result[i], robot, next[robot], robot % 2 ? &odd : &even);
        next[robot] += 10;
    }
    assert_true(box.set[0].ok);
}

static void test_without_a_set_windows_come_back_unscored(void **state)
{
    assert_true(push(0, 1));
    scorer_wake(box.scorer);
    wait_for(1, 0);
    assert_false(box.result[0].scored);
    post(1, 1, tiny_model_new(&(struct tiny_model){0}));
    assert_true(push(0, 2));
    assert_true(push(1, 3)); /* in no set */
    scorer_wake(box.scorer);
    wait_for(3, 1);
    assert_true(box.result[1].scored);
    assert_int_equal(box.result[1].generation, 1);
    assert_false(box.result[2].scored);
}

/* A window that was pushed after a set is scored with it or a later one, and no result of the old
 * set follows the report. */
static void test_swaps_under_load(void **state)
{
    uint64_t seq = 0, generation = 0;
    struct rng rng;
    rng_init(&rng, 5);
    static uint64_t posted_at[RESULTS_MAX];
    while (generation < 40) {
        generation++;
        post(generation, 2, tiny_model_new(&(struct tiny_model){.random = generation % 2}));
        for (uint64_t n = rng_below(&rng, 100); n > 0; n--, seq++) {
            assert_true(push(seq % 2, seq));
            posted_at[seq] = generation;
        }
        scorer_wake(box.scorer);
        if (generation % 3 == 0)
            uv_run(&box.loop, UV_RUN_ONCE);
        else
            uv_run(&box.loop, UV_RUN_NOWAIT);
    }
    wait_for(seq, 1);
    while (box.set[box.sets - 1].generation < generation)
        wait_for(seq, box.sets + 1);
    assert_int_equal(box.results, seq);
    size_t report = 0;
    for (size_t i = 0; i < seq; i++) {
        while (report < box.sets && box.set[report].before <= i)
            report++;
        uint64_t reported = report ? box.set[report - 1].generation : 0;
        const struct scorer_result *result = &box.result[i];
        assert_true(result->scored);
        assert_int_equal(result->generation, reported);
        if (result->generation < posted_at[result->score.seq])
            fail_msg("window %zu of generation %d was scored by %d", i,
                     (int)posted_at[result->score.seq], (int)result->generation);
    }
}

/* ---- models whose rows are not the same ---- */

static int steps[] = {0, 1};
static size_t motion[] = {1};
static float rest[] = {0}, rest_level[] = {1};

static struct derivation derive(size_t count, enum derived_kind first, enum derived_kind second)
{
    static float usual[] = {5, 6};
    return (struct derivation){
        .channels = CHANNELS,
        .count = count,
        .channel = {{.kind = first, .name = "first"}, {.kind = second, .name = "second"}},
        .step_channel = 0,
        .steps = 2,
        .step = steps,
        .motions = 1,
        .motion = motion,
        .rest = rest,
        .rest_level = rest_level,
        .load = 2,
        .load_usual = usual,
        .load_spread = 1};
}

/* Rows of another shape hold numbers that nothing can be mistaken for. */
struct shaped {
    struct tiny_model tiny;
    struct model *model;
    size_t width;
    float derived;
};

static bool push_shaped(const struct shaped *shaped, uint64_t seq)
{
    float plain[ROWS * CHANNELS], values[ROWS * (CHANNELS + DERIVED_MAX)];
    fill_window(seq, plain);
    for (size_t row = 0; row < ROWS; row++) {
        for (size_t c = 0; c < shaped->width; c++)
            values[row * shaped->width + c] =
                c < CHANNELS ? plain[row * CHANNELS + c] : shaped->derived;
    }
    const struct scorer_window window = {.prompt = true,
                                         .robot = seq % 2,
                                         .rows = ROWS,
                                         .channels = shaped->width,
                                         .values = values,
                                         .row_shape = shaped->model->row_shape,
                                         .seq = seq,
                                         .received_ns = (int64_t)seq};
    return scorer_push(box.scorer, &window);
}

/* The score that the plain channels alone get: a detector sees no derived ones. */
static double plain_score(uint64_t seq)
{
    float values[ROWS * CHANNELS];
    fill_window(seq, values);
    return tiny_model_score(&(struct tiny_model){.random = true}, 0, values);
}

static const struct shaped *made_by[RESULTS_MAX];

/* Rows of the model that the loop has heard of last, as the fleet makes them. Returns the next
 * number. */
static uint64_t push_burst(const struct shaped *shaped, size_t count, struct rng *rng, uint64_t seq)
{
    const struct shaped *rows = &shaped[(box.set[box.sets - 1].generation - 1) % count];
    for (uint64_t n = 1 + rng_below(rng, 100); n > 0; n--, seq++) {
        made_by[seq] = rows;
        assert_true(push_shaped(rows, seq));
    }
    scorer_wake(box.scorer);
    return seq;
}

/* What was pushed before the loop heard of a set is not read by a model of other rows, and nothing
 * else is lost. Returns how many windows were dropped. */
static size_t check_readers(const struct shaped *shaped, size_t count)
{
    uint64_t next[2] = {0, 1};
    size_t dropped = 0;
    for (size_t i = 0; i < box.results; i++) {
        const struct scorer_result *result = &box.result[i];
        uint64_t seq = (uint64_t)result->received_ns;
        assert_int_equal(seq, next[result->robot]); /* in order */
        next[result->robot] += 2;
        dropped += !result->scored;
        if (!result->scored)
            continue;
        const struct shaped *reader = &shaped[(result->generation - 1) % count];
        if (reader->model->row_shape != made_by[seq]->model->row_shape)
            fail_msg("window %d: the model of set %d read rows that another made", (int)seq,
                     (int)result->generation);
        expect_near(result->score.detector[0].score, plain_score(seq), 1e-3);
    }
    return dropped;
}

/* Every fourth set is waited for, and what is pushed then is of rows that its model makes: none of
 * that is dropped, however fast the threads are. */
static void expect_swaps_between(struct shaped *shaped, size_t count, bool alike)
{
    enum { SWAPS = 40 };
    uint64_t seq = 0, heard = 0;
    struct rng rng;
    rng_init(&rng, 7);
    for (size_t s = 0; s < count; s++)
        shaped[s].model = tiny_model_new(&shaped[s].tiny);
    post(1, 2, model_ref(shaped[0].model));
    wait_for(0, 1);
    for (uint64_t generation = 2; generation <= SWAPS; generation++) {
        post(generation, 2, model_ref(shaped[(generation - 1) % count].model));
        seq = push_burst(shaped, count, &rng, seq);
        uv_run(&box.loop, UV_RUN_NOWAIT);
        while (generation % 4 == 0 && box.set[box.sets - 1].generation < generation)
            wait_for(0, box.sets + 1);
        if (generation % 4 != 0)
            continue;
        uint64_t before = seq;
        seq = push_burst(shaped, count, &rng, seq);
        heard += seq - before;
        wait_for(seq, 1); /* or the next set would find some of them in the ring */
    }
    wait_for(seq, 1);
    assert_int_equal(box.results, seq);
    size_t dropped = check_readers(shaped, count);
    if (alike ? dropped > 0 : dropped == 0 || dropped > seq - heard)
        fail_msg("%zu of %d windows dropped, %d were of a set that was known", dropped, (int)seq,
                 (int)heard);
    for (size_t s = 0; s < count; s++)
        model_unref(shaped[s].model);
}

/* Wider, narrower, and as wide with the derived channels in another order. */
static void test_windows_of_other_rows_are_dropped(void **state)
{
    const struct derivation both = derive(2, DERIVED_MOVING_TIME, DERIVED_LOAD_SUM);
    const struct derivation turned = derive(2, DERIVED_LOAD_SUM, DERIVED_MOVING_TIME);
    struct shaped shaped[] = {
        {.tiny = {.random = true}, .width = CHANNELS},
        {.tiny = {.random = true, .derivation = &both}, .width = CHANNELS + 2, .derived = 1e6F},
        {.tiny = {.random = true, .derivation = &turned}, .width = CHANNELS + 2, .derived = NAN},
    };
    expect_swaps_between(shaped, 3, false);
}

static void test_a_model_of_the_same_rows_loses_no_window(void **state)
{
    const struct derivation derivation = derive(1, DERIVED_LOAD_SUM, DERIVED_LOAD_SUM);
    struct shaped shaped[] = {
        {.tiny = {.random = true, .derivation = &derivation}, .width = CHANNELS + 1},
        {.tiny = {.random = true, .derivation = &derivation, .limit = 3}, .width = CHANNELS + 1},
    };
    expect_swaps_between(shaped, 2, true);
}

static void test_a_failing_selftest_keeps_the_old_set(void **state)
{
    const struct tiny_model good = {.random = true};
    post(1, 1, tiny_model_new(&good));
    wait_for(0, 1);
    post(2, 1, tiny_model_new(&(struct tiny_model){.random = true, .wrong_selftest = 1.1}));
    push(0, 0);
    scorer_wake(box.scorer);
    wait_for(1, 2);
    assert_true(box.set[0].ok);
    assert_false(box.set[1].ok);
    assert_int_equal(box.set[1].generation, 2);
    assert_non_null(strstr(box.set[1].reason, "self-test"));
    assert_int_equal(box.result[0].generation, 1);
    expect_scored(&box.result[0], 0, 0, &good);
    post(3, 1, tiny_model_new(&(struct tiny_model){0}));
    wait_for(1, 3);
    assert_true(box.set[2].ok);
}

/* More distinct models than a small memory of passed ones would hold. */
static void test_many_models(void **state)
{
    enum { MODELS = 40 };
    for (uint64_t generation = 1; generation <= 2; generation++) {
        struct scoring_set *set = scoring_set_new(generation, MODELS);
        for (size_t r = 0; r < MODELS; r++) {
            struct model *model = tiny_model_new(&(struct tiny_model){.random = r % 2});
            scoring_set_assign(set, r, model, 1);
            model_unref(model);
        }
        scorer_post(box.scorer, set);
        for (size_t r = 0; r < MODELS; r++)
            assert_true(push(r, r));
        scorer_wake(box.scorer);
        wait_for(generation * MODELS, generation);
    }
    for (size_t i = 0; i < 2 * MODELS; i++)
        expect_scored(&box.result[i], i % MODELS, i % MODELS,
                      &(struct tiny_model){.random = i % MODELS % 2});
}

static void test_overflow_is_refused_and_nothing_is_lost(void **state)
{
    post(1, 1, tiny_model_new(&(struct tiny_model){0}));
    wait_for(0, 1);
    uint64_t taken = 0;
    while (push(0, taken) && taken < RESULTS_MAX) /* not woken, and the loop does not turn */
        taken++;
    assert_in_range(taken, 1000, RESULTS_MAX - 1);
    assert_false(push(0, 0));
    scorer_wake(box.scorer);
    wait_for(taken, 1);
    for (uint64_t seq = 0; seq < taken; seq++)
        assert_int_equal(box.result[seq].score.seq, seq);
    assert_true(push(0, taken)); /* there is room again */
    scorer_wake(box.scorer);
    wait_for(taken + 1, 1);
}

static void test_stop_scores_what_waits(void **state)
{
    post(1, 1, tiny_model_new(&(struct tiny_model){0}));
    for (uint64_t seq = 0; seq < 1000; seq++)
        assert_true(push(0, seq));
    stop();
    assert_int_equal(box.results, 1000);
    assert_int_equal(box.sets, 1);
    for (uint64_t seq = 0; seq < 1000; seq++) {
        assert_true(box.result[seq].scored);
        assert_int_equal(box.result[seq].score.seq, seq);
    }
}

/* Sets that were not taken are freed with the scorer; a sanitizer sees the rest. */
static void test_stop_with_sets_under_way(void **state)
{
    for (uint64_t generation = 1; generation <= 10; generation++)
        post(generation, 3, tiny_model_new(&(struct tiny_model){0}));
    stop();
    for (size_t i = 0; i < box.sets; i++)
        assert_true(box.set[i].ok);
}

static void test_stop_at_once(void **state)
{
    stop();
    assert_int_equal(box.results, 0);
}

static void test_idle_is_not_stalled(void **state)
{
    post(1, 1, tiny_model_new(&(struct tiny_model){0}));
    wait_for(0, 1);
    expect_near(scorer_stalled_s(box.scorer), 0, 0);
}

static void run_until_stalled(double limit_s)
{
    int64_t deadline_ns = clock_monotonic_ns() + 60 * CLOCK_NS_PER_S;
    while (scorer_stalled_s(box.scorer) < limit_s && clock_monotonic_ns() < deadline_ns)
        uv_run(&box.loop, UV_RUN_ONCE);
}

static void run_until_working(void)
{
    int64_t deadline_ns = clock_monotonic_ns() + 60 * CLOCK_NS_PER_S;
    while (scorer_stalled_s(box.scorer) > 0 && clock_monotonic_ns() < deadline_ns)
        uv_run(&box.loop, UV_RUN_ONCE);
}

static void test_stalled_with_work(void **state)
{
    post(1, 1, tiny_model_new(&(struct tiny_model){0}));
    wait_for(0, 1);
    uv_mutex_lock(&gate);
    int64_t began_ns = clock_monotonic_ns();
    assert_true(push(0, 1));
    scorer_wake(box.scorer);
    run_until_stalled(0.5);
    double stalled_s = scorer_stalled_s(box.scorer);
    double true_s = (double)(clock_monotonic_ns() - began_ns) / 1e9;
    uv_mutex_unlock(&gate);
    assert_true(stalled_s >= 0.5);
    assert_true(stalled_s <= true_s);
    wait_for(1, 1);
    run_until_working();
    expect_near(scorer_stalled_s(box.scorer), 0, 0);
}

/* One robot with a model and a candidate of that number. */
static void post_pair(uint64_t generation, const struct tiny_model *live, uint32_t shadow,
                      const struct tiny_model *candidate)
{
    struct model *model = tiny_model_new(live), *other = tiny_model_new(candidate);
    struct scoring_set *set = scoring_set_new(generation, 1);
    scoring_set_assign(set, 0, model, 1);
    scoring_set_shadow(set, 0, shadow, other);
    model_unref(model);
    model_unref(other);
    scorer_post(box.scorer, set);
}

/* Whatever a candidate takes, live windows that wait are next. */
static void test_candidates_wait_for_live_windows(void **state)
{
    const struct tiny_model live = {.random = true}, candidate = {0};
    post_pair(1, &live, 9, &candidate);
    wait_for(0, 1);
    uv_mutex_lock(&gate);
    assert_true(push_for(0, 100, 9));
    scorer_wake(box.scorer);
    uv_sleep(20); /* it stands at the gate now; if it does not, the order is the same */
    for (uint64_t i = 0; i < 20; i++) {
        assert_true(push_for(0, 101 + i, 9));
        assert_true(push(0, i));
    }
    scorer_wake(box.scorer);
    uv_mutex_unlock(&gate);
    wait_for(41, 1);
    size_t live_seen = 0, shadows_before = 0;
    for (size_t i = 0; i < box.results; i++) {
        const struct scorer_result *result = &box.result[i];
        assert_true(result->scored && result->cost_ns >= 0);
        if (result->shadow == 0)
            expect_scored(result, 0, live_seen++, &live);
        else
            expect_scored(result, 0, result->score.seq, &candidate);
        assert_true(result->shadow == 0 || result->shadow == 9);
        shadows_before += result->shadow == 9 && live_seen < 20;
        assert_false(result->shadow == 9 && result->score.attributed);
    }
    assert_true(shadows_before <= 1);
}

/* It keeps nothing from being scored, and is named. */
static void test_a_candidate_that_fails(void **state)
{
    const struct tiny_model live = {.random = true};
    post_pair(1, &live, 7, &(struct tiny_model){.random = true, .wrong_selftest = 1.1});
    push(0, 0);
    push_for(0, 1, 7);
    push_for(0, 2, 6); /* of one that is no longer in the set */
    scorer_wake(box.scorer);
    wait_for(3, 1);
    assert_true(box.set[0].ok);
    assert_int_equal(box.failed_candidate, 7);
    expect_scored(&box.result[0], 0, 0, &live);
    assert_false(box.result[1].scored);
    assert_int_equal(box.result[1].shadow, 7);
    assert_false(box.result[2].scored);
    assert_int_equal(box.result[2].shadow, 6);
}

/* However many candidates' windows wait, live ones find room, and the other way round. */
static void test_candidates_have_room_of_their_own(void **state)
{
    const struct tiny_model both = {0};
    post_pair(1, &both, 9, &both);
    wait_for(0, 1);
    uv_mutex_lock(&gate);
    uint64_t taken = 0, live = 0;
    while (push_for(0, 1000 + taken, 9))
        taken++;
    assert_true(taken >= 1000);
    while (live < 2000 && push(0, live))
        live++;
    assert_int_equal(live, 2000);
    scorer_wake(box.scorer);
    uv_mutex_unlock(&gate);
    wait_for(taken + live, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_candidates_wait_for_live_windows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_candidate_that_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(test_candidates_have_room_of_their_own, setup, teardown),
        cmocka_unit_test_setup_teardown(test_windows_in_results_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_without_a_set_windows_come_back_unscored, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_swaps_under_load, setup, teardown),
        cmocka_unit_test_setup_teardown(test_windows_of_other_rows_are_dropped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_model_of_the_same_rows_loses_no_window, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_failing_selftest_keeps_the_old_set, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_models, setup, teardown),
        cmocka_unit_test_setup_teardown(test_overflow_is_refused_and_nothing_is_lost, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_stop_scores_what_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stop_with_sets_under_way, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stop_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_idle_is_not_stalled, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stalled_with_work, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
