/* The ring that an evidence pack is cut from. */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include "pipeline/evidence_ring.h"
#include "tiny_model.h"

#include <math.h>

#define CHANNELS 3
#define BEFORE_S 1.0 /* 10 rows, and 3 that the first window reaches back */
#define AFTER_S 0.5

static struct model *model;

static int setup(void **state)
{
    model = tiny_model_new(&(struct tiny_model){.detectors = 2});
    *state = evidence_ring_new(model, BEFORE_S, AFTER_S);
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    evidence_ring_free(*state);
    model_unref(model);
    return 0;
}

static void push(struct evidence_ring *ring, unsigned n, int32_t window)
{
    const float sample[CHANNELS] = {(float)n, (float)n + 0.25F, (float)n + 0.5F};
    const struct evidence_row row = {.time_ns = n * 100, .seq = n, .window = window};
    evidence_ring_take(ring, sample);
    evidence_ring_push(ring, &row, sample);
}

static bool score(struct evidence_ring *ring, unsigned n, double value, uint64_t *ret_row)
{
    struct score score = {.time_ns = n * 100, .seq = n, .detectors = 2};
    score.detector[0].evaluated = true;
    score.detector[0].score = value;
    return evidence_ring_score(ring, &score, ret_row);
}

static void test_size(void **state)
{
    const struct evidence_ring *ring = *state;
    assert_int_equal(ring->before, 13); /* a window of four rows */
    assert_int_equal(ring->after, 5);
    size_t row = sizeof(struct evidence_row) + (CHANNELS + 2) * sizeof(float);
    assert_int_equal(evidence_ring_size(model, BEFORE_S, AFTER_S),
                     sizeof *ring + (13 + 1 + 5 + EVIDENCE_RING_SLACK + 1) * row);
}

/* However many were pushed, what a pack needs is there, and each row is what was pushed. */
static void test_newest_are_there(void **state)
{
    struct evidence_ring *ring = *state;
    assert_int_equal(evidence_ring_oldest(ring), 0);
    for (unsigned n = 0; n < 1000; n++)
        push(ring, n, 4);
    assert_int_equal(ring->end, 1000);
    assert_true(evidence_ring_oldest(ring) <= 1000 - (ring->before + ring->after + 1));
    for (uint64_t n = evidence_ring_oldest(ring); n < ring->end; n++) {
        assert_int_equal(evidence_ring_row(ring, n)->seq, n);
        assert_true(evidence_ring_values(ring, n)[1] == (float)n + 0.25F);
        assert_true(isnan(evidence_ring_scores(ring, n)[0]));
    }
}

/* A sample that is no row after all leaves no trace in the oldest row. */
static void test_taken_and_not_pushed(void **state)
{
    struct evidence_ring *ring = *state;
    const float other[CHANNELS] = {-1, -2, -3};
    for (unsigned n = 0; n < 500; n++)
        push(ring, n, 4);
    evidence_ring_take(ring, other);
    uint64_t oldest = evidence_ring_oldest(ring);
    assert_true(evidence_ring_values(ring, oldest)[0] == (float)oldest);
    push(ring, 500, 4);
    assert_true(evidence_ring_values(ring, 500)[0] == 500);
}

/* Scores come later, in order; not for rows in no window, nor for what is gone. */
static void test_scores(void **state)
{
    struct evidence_ring *ring = *state;
    uint64_t row = 0;
    for (unsigned n = 0; n < 10; n++)
        push(ring, n, n == 6 ? EVIDENCE_STOPPED : 4);
    assert_true(score(ring, 5, 0.5, &row));
    assert_int_equal(row, 5);
    assert_true(evidence_ring_scores(ring, 5)[0] == 0.5F);
    assert_true(isnan(evidence_ring_scores(ring, 5)[1])); /* did not judge */
    assert_false(score(ring, 6, 0.5, &row));
    assert_true(score(ring, 8, 0.25, &row));
    assert_false(score(ring, 7, 0.5, &row)); /* an older one is not looked for */
    for (unsigned n = 10; n < 200; n++)
        push(ring, n, 4);
    assert_false(score(ring, 9, 0.5, &row)); /* overwritten meanwhile */
    assert_true(score(ring, 199, 0.5, &row));
    assert_int_equal(row, 199);
}

static void test_without_derived(void **state)
{
    struct evidence_ring *ring = *state;
    const float sample[CHANNELS] = {1, 2, 3};
    evidence_ring_take(ring, sample);
    evidence_ring_push(ring, &(struct evidence_row){.window = EVIDENCE_NOT_EVALUATED}, NULL);
    assert_true(evidence_ring_values(ring, 0)[2] == 3);
    assert_int_equal(evidence_ring_row(ring, 0)->window, EVIDENCE_NOT_EVALUATED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_size, setup, teardown),
        cmocka_unit_test_setup_teardown(test_newest_are_there, setup, teardown),
        cmocka_unit_test_setup_teardown(test_taken_and_not_pushed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_scores, setup, teardown),
        cmocka_unit_test_setup_teardown(test_without_derived, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
