#include "base/clock.h"
#include "base/rng.h"
#include "fixture.h"
#include "pipeline/history.h"

#define MS CLOCK_NS_PER_MS
#define CHANNELS 2

static struct history make(size_t span, double max_gap_s)
{
    struct history history;
    const struct history_options options = {
        .channels = CHANNELS, .span = span, .period_s = 0.1, .max_gap_s = max_gap_s};
    assert_int_equal(history_init(&history, &options), 0);
    return history;
}

static enum history_outcome push(struct history *history, int64_t time_ms, int64_t seq)
{
    float *row = history_next_row(history);
    for (size_t c = 0; c < CHANNELS; c++)
        row[c] = (float)(time_ms + (int64_t)c);
    const struct sample sample = {.time_ns = time_ms * MS,
                                  .has_time = true,
                                  .has_seq = seq >= 0,
                                  .seq = seq >= 0 ? (uint64_t)seq : 0};
    return history_push(history, &sample);
}

#define expect_push(history, time_ms, seq, outcome, rows)                                          \
    do {                                                                                           \
        assert_int_equal(push(history, time_ms, seq), outcome);                                    \
        assert_int_equal(history_valid_rows(history), rows);                                       \
    } while (0)

static void test_a_run_grows_to_the_span(void **state)
{
    struct history history = make(3, 0);
    assert_int_equal(history_valid_rows(&history), 0);
    expect_push(&history, 1000, -1, HISTORY_RESTARTED, 1);
    expect_push(&history, 1100, -1, HISTORY_APPENDED, 2);
    expect_push(&history, 1200, -1, HISTORY_APPENDED, 3);
    expect_push(&history, 1300, -1, HISTORY_APPENDED, 3);
    const float *window = history_window(&history, 3);
    assert_true(window[0] == 1100 && window[1] == 1101 && window[4] == 1300);
    history_deinit(&history);
}

static void test_missing_by_time(void **state)
{
    struct history history = make(3, 0);
    push(&history, 0, -1);
    expect_push(&history, 150, -1, HISTORY_APPENDED, 2);  /* 1.5 periods are one step */
    expect_push(&history, 301, -1, HISTORY_APPENDED, 1);  /* more is a missing row */
    expect_push(&history, 302, -1, HISTORY_APPENDED, 2);  /* early is no fault */
    expect_push(&history, 602, -1, HISTORY_APPENDED, 1);  /* three periods: missing */
    expect_push(&history, 903, -1, HISTORY_RESTARTED, 1); /* more: the history starts anew */
    history_deinit(&history);
}

static void expect_missing(struct history *history, int64_t time_ms, int64_t seq, uint64_t missing)
{
    push(history, time_ms, seq);
    assert_int_equal(history->missing, missing);
}

static void test_how_many_are_missing(void **state)
{
    struct history history = make(3, 0);
    expect_missing(&history, 10000, -1, 0);
    expect_missing(&history, 10150, -1, 0);
    expect_missing(&history, 10301, -1, 1);
    expect_missing(&history, 10551, -1, 2); /* two and a half periods */
    expect_missing(&history, 11551, -1, 9);
    expect_missing(&history, 9000, -1, 0); /* set back */
    expect_missing(&history, INT64_MAX / MS, -1, (INT64_MAX / MS - 9000 + 50) / 100 - 1);
    history_deinit(&history);

    history = make(3, 0); /* by the numbers, whatever the times are */
    expect_missing(&history, 10000, 5, 0);
    expect_missing(&history, 10100, 9, 3);
    expect_missing(&history, 19100, 10, 0);
    expect_missing(&history, 19200, 4010, 3999);
    expect_missing(&history, 19300, 0, 0); /* counts anew */
    expect_missing(&history, 20300, -1, 9);
    expect_missing(&history, 20400, 99, 0);
    history_deinit(&history);
}

/* With sequence numbers, jitter in time is none of the history's business. */
static void test_missing_by_seq(void **state)
{
    struct history history = make(3, 1);
    push(&history, 0, 10);
    expect_push(&history, 900, 11, HISTORY_APPENDED, 2);
    expect_push(&history, 880, 12, HISTORY_APPENDED, 3);
    expect_push(&history, 890, 14, HISTORY_APPENDED, 1);
    expect_push(&history, 1891, 15, HISTORY_RESTARTED, 1); /* over max_gap_s */
    expect_push(&history, 1900, 16, HISTORY_APPENDED, 2);
    expect_push(&history, 2000, -1, HISTORY_APPENDED, 3); /* without a number: by time */
    expect_push(&history, 2100, 99, HISTORY_APPENDED, 3);
    history_deinit(&history);
}

static void test_duplicates_and_late_rows_change_nothing(void **state)
{
    struct history history = make(3, 0);
    push(&history, 5000, -1);
    push(&history, 5100, -1);
    expect_push(&history, 5100, -1, HISTORY_DUPLICATE, 2);
    expect_push(&history, 5000, -1, HISTORY_LATE, 2);
    expect_push(&history, 3100, -1, HISTORY_LATE, 2); /* 2 s */
    expect_push(&history, 5200, -1, HISTORY_APPENDED, 3);
    const float *window = history_window(&history, 3);
    assert_true(window[0] == 5000 && window[2] == 5100 && window[4] == 5200);
    history_deinit(&history);

    history = make(3, 0);
    push(&history, 0, 100);
    expect_push(&history, 100, 100, HISTORY_DUPLICATE, 1);
    expect_push(&history, 100, 99, HISTORY_LATE, 1);
    expect_push(&history, 100, 36, HISTORY_LATE, 1);
    expect_push(&history, 100, 101, HISTORY_APPENDED, 2);
    history_deinit(&history);
}

static void test_a_clock_or_a_counter_that_was_set_back(void **state)
{
    struct history history = make(3, 0);
    push(&history, 10000, -1);
    push(&history, 10100, -1);
    expect_push(&history, 8099, -1, HISTORY_RESTARTED, 1);
    expect_push(&history, 8199, -1, HISTORY_APPENDED, 2);
    history_deinit(&history);

    history = make(3, 0);
    push(&history, 10000, 20); /* a source that starts anew: not late, after a pause */
    expect_push(&history, 10300, 0, HISTORY_LATE, 1);
    expect_push(&history, 10301, 0, HISTORY_RESTARTED, 1);
    expect_push(&history, 10401, 1, HISTORY_APPENDED, 2);
    history_deinit(&history);

    history = make(3, 0);
    push(&history, 10000, 500);
    expect_push(&history, 10100, 0, HISTORY_RESTARTED, 1);
    expect_push(&history, 10200, 1, HISTORY_APPENDED, 2);
    expect_push(&history, 7000, 2, HISTORY_RESTARTED,
                1); /* the numbers go on, the clock does not */
    history_deinit(&history);
}

static void expect_restart(struct history *history, int64_t time_ms, int64_t seq, bool set_back)
{
    assert_int_equal(push(history, time_ms, seq), HISTORY_RESTARTED);
    assert_int_equal(history->set_back, set_back);
}

static void test_why_it_starts_anew(void **state)
{
    struct history history = make(3, 0);
    expect_restart(&history, 100000, 500, false); /* the first of all */
    expect_restart(&history, 110000, 501, false); /* a pause */
    expect_restart(&history, 120000, 600, false); /* a loss */
    expect_restart(&history, 120100, 20, true);   /* it counts anew */
    expect_restart(&history, 121000, 0, true); /* so soon that it might be late, but for a pause */
    expect_restart(&history, 110000, 1, true); /* only its clock was set */
    expect_restart(&history, 120000, -1, false);
    expect_restart(&history, 110000, -1, true);
    history_deinit(&history);
}

/* The clock that stamps, not that of a source. */
static void test_a_clock_that_was_set_and_says_so(void **state)
{
    struct history history = make(3, 0);
    push(&history, 10000, -1);
    history_shift(&history, -3600000 * MS);
    expect_push(&history, 10100 - 3600000, -1, HISTORY_APPENDED, 2);
    history_shift(&history, 7200000 * MS);
    expect_push(&history, 10200 + 3600000, -1, HISTORY_APPENDED, 3);
    history_deinit(&history);
}

static void test_a_refused_sample_breaks_the_run(void **state)
{
    struct history history = make(3, 0);
    for (int i = 0; i < 5; i++)
        push(&history, 100 * i, i);
    history_break(&history);
    assert_int_equal(history_valid_rows(&history), 0);
    expect_push(&history, 600, 6, HISTORY_APPENDED, 1);
    expect_push(&history, 700, 7, HISTORY_APPENDED, 2);
    history_break(&history);
    expect_push(&history, 800, 8, HISTORY_APPENDED, 1); /* something refused in between */
    history_deinit(&history);
}

/* A period that is longer than the gap would otherwise start anew with every sample. */
static void test_slow_samples(void **state)
{
    struct history history;
    const struct history_options options = {
        .channels = CHANNELS, .span = 3, .period_s = 1, .max_gap_s = 0.3};
    assert_int_equal(history_init(&history, &options), 0);
    push(&history, 0, -1);
    expect_push(&history, 1000, -1, HISTORY_APPENDED, 2);
    expect_push(&history, 2500, -1, HISTORY_APPENDED, 3);
    expect_push(&history, 4001, -1, HISTORY_RESTARTED, 1);
    history_deinit(&history);
}

static void test_span_changes_keep_the_rows(void **state)
{
    struct history history = make(2, 0);
    int64_t time_ms = 0;
    for (int i = 0; i < 31; i++)
        push(&history, time_ms += 100, -1);
    assert_int_equal(history_reshape(&history, 20, history.channels, 0.1), 0);
    expect_push(&history, time_ms += 100, -1, HISTORY_APPENDED, 20);
    const float *window = history_window(&history, 20);
    for (int i = 0; i < 20; i++)
        assert_true(window[2 * i] == (float)(time_ms - 100 * (19 - i)));
    for (int i = 0; i < 100; i++)
        push(&history, time_ms += 100, -1);
    assert_int_equal(history_reshape(&history, 1, history.channels, 0.1), 0);
    expect_push(&history, time_ms += 100, -1, HISTORY_APPENDED, 1);
    /* The gap of three periods goes with the period. */
    assert_int_equal(history_reshape(&history, 2, history.channels, 1), 0);
    expect_push(&history, time_ms += 2500, -1, HISTORY_APPENDED, 1);
    assert_int_equal(history_reshape(&history, 2, history.channels, 0.1), 0);
    expect_push(&history, time_ms += 301, -1, HISTORY_RESTARTED, 1);
    history_deinit(&history);
}

/* Rows that gave way to others are not claimed by a longer window. */
static void test_a_longer_span_finds_only_what_is_there(void **state)
{
    struct history history = make(2, 0);
    int64_t time_ms = 0;
    for (size_t i = 0; i < history.capacity + 1; i++)
        push(&history, time_ms += 100, -1);
    assert_int_equal(history_reshape(&history, 20, history.channels, 0.1), 0);
    assert_int_equal(history_valid_rows(&history), history.end);
    expect_push(&history, time_ms += 100, -1, HISTORY_APPENDED, 3);
    history_deinit(&history);
}

static void test_steps_of_centuries(void **state)
{
    struct history history = make(2, 0);
    push(&history, 0, -1);
    expect_push(&history, INT64_MAX / MS, -1, HISTORY_RESTARTED, 1);
    expect_push(&history, 0, -1, HISTORY_RESTARTED, 1);
    expect_push(&history, 0, 7, HISTORY_DUPLICATE, 1); /* no number before: by time */
    expect_push(&history, INT64_MAX / MS, 7, HISTORY_RESTARTED, 1);
    history_deinit(&history);
}

/* A list of everything that was pushed, and the rules of the header word by word. */
struct naive {
    float row[20000];
    size_t count, run;
    int64_t time_ns;
    uint64_t seq;
    bool has_seq;
};

static enum history_outcome naive_push(struct naive *naive, const struct sample *sample,
                                       float value, int64_t max_gap_ns)
{
    const int64_t period = 100 * MS;
    int64_t step = sample->time_ns - naive->time_ns;
    bool next, restart = naive->count == 0;
    if (!restart && sample->has_seq && naive->has_seq) {
        if (sample->seq == naive->seq)
            return HISTORY_DUPLICATE;
        bool back = sample->seq < naive->seq;
        bool paused = step > max_gap_ns && step > period * 3 / 2;
        if (back && naive->seq - sample->seq <= 64 && !paused)
            return HISTORY_LATE;
        restart = back || step < -2 * CLOCK_NS_PER_S;
        next = sample->seq == naive->seq + 1;
    } else {
        if (!restart && step == 0)
            return HISTORY_DUPLICATE;
        if (!restart && step < 0 && step >= -2 * CLOCK_NS_PER_S)
            return HISTORY_LATE;
        restart |= step < 0;
        next = step <= period * 3 / 2;
    }
    restart |= naive->count > 0 && step > max_gap_ns && step > period * 3 / 2;
    naive->run = !restart && next ? naive->run + 1 : 1;
    naive->row[naive->count++] = value;
    naive->time_ns = sample->time_ns;
    naive->seq = sample->seq;
    naive->has_seq = sample->has_seq;
    return restart ? HISTORY_RESTARTED : HISTORY_APPENDED;
}

static struct sample random_step(struct rng *rng, struct sample sample)
{
    static const int64_t steps_ms[] = {100, 100, 100, 100, 100, 100, 100, 100, 97,    104,
                                       150, 151, 200, 299, 301, 900, 0,   -50, -1999, -2500};
    static const int64_t seqs[] = {1, 1, 1, 1, 1, 1,  1,   1,   1,   1,
                                   1, 1, 2, 3, 0, -1, -40, -70, 500, 1};
    sample.time_ns += steps_ms[rng_below(rng, 20)] * MS;
    int64_t seq = (int64_t)sample.seq + seqs[rng_below(rng, 20)];
    sample.seq = seq > 0 ? (uint64_t)seq : 0;
    if (rng_below(rng, 200) == 0)
        sample.has_seq = !sample.has_seq;
    return sample;
}

static void test_random_streams_equal_a_naive_reference(void **state)
{
    static struct naive naive;
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct rng rng;
        rng_init(&rng, seed);
        size_t span = 1 + rng_below(&rng, 24);
        struct history history = make(span, seed % 2 ? 0.3 : 0.9);
        int64_t max_gap_ns = (seed % 2 ? 300 : 900) * MS;
        struct sample sample = {.time_ns = 100 * CLOCK_NS_PER_S,
                                .has_time = true,
                                .has_seq = seed % 3 > 0,
                                .seq = 1000};
        naive = (struct naive){0};
        for (int i = 0; i < 5000; i++) {
            float value = (float)i;
            float *row = history_next_row(&history);
            row[0] = row[1] = value;
            enum history_outcome expected = naive_push(&naive, &sample, value, max_gap_ns);
            enum history_outcome found = history_push(&history, &sample);
            if (found != expected)
                fail_msg("seed %d, sample %d: %d instead of %d", (int)seed, i, found, expected);
            if (rng_below(&rng, 40) == 0) {
                history_break(&history);
                naive.run = 0;
            }
            if (rng_below(&rng, 500) == 0) {
                span = 1 + rng_below(&rng, 40);
                assert_int_equal(history_reshape(&history, span, history.channels, 0.1), 0);
                naive.run = naive.run < history.run ? naive.run : history.run;
            }
            sample = random_step(&rng, sample);
            if (found == HISTORY_DUPLICATE || found == HISTORY_LATE)
                continue; /* room for its row may have cost the oldest one */
            size_t rows = history_valid_rows(&history);
            assert_int_equal(rows, naive.run < span ? naive.run : span);
            for (size_t r = 0; r < rows; r++)
                assert_true(history_window(&history, rows)[r * CHANNELS] ==
                            naive.row[naive.count - rows + r]);
        }
        history_deinit(&history);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_run_grows_to_the_span),
        cmocka_unit_test(test_missing_by_time),
        cmocka_unit_test(test_how_many_are_missing),
        cmocka_unit_test(test_missing_by_seq),
        cmocka_unit_test(test_duplicates_and_late_rows_change_nothing),
        cmocka_unit_test(test_a_clock_or_a_counter_that_was_set_back),
        cmocka_unit_test(test_why_it_starts_anew),
        cmocka_unit_test(test_a_clock_that_was_set_and_says_so),
        cmocka_unit_test(test_a_refused_sample_breaks_the_run),
        cmocka_unit_test(test_slow_samples),
        cmocka_unit_test(test_span_changes_keep_the_rows),
        cmocka_unit_test(test_a_longer_span_finds_only_what_is_there),
        cmocka_unit_test(test_steps_of_centuries),
        cmocka_unit_test(test_random_streams_equal_a_naive_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
