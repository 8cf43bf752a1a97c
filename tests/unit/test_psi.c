#include "model/psi.h"

#include "golden.h"

#include <errno.h>
#include <string.h>

static const char *const cases[] = {"same.",  "moved.", "slow.", "apart.",
                                    "steps.", "equal.", "short."};
#define CASES (sizeof cases / sizeof cases[0])

/* The calibration of a case. */
static struct psi_reference fit(const struct golden *golden, const char *prefix)
{
    struct psi_reference reference;
    size_t count, sessions;
    double *means = golden_values(golden, prefix, "means", &count);
    int64_t *ends = golden_values(golden, prefix, "session_end", &sessions);
    size_t session_end[8];
    assert_true(sessions <= 8);
    for (size_t s = 0; s < sessions; s++)
        session_end[s] = (size_t)ends[s];
    assert_int_equal(psi_reference_fit(means, session_end, sessions, &reference), 0);
    free(means);
    free(ends);
    return reference;
}

static void count_live(const struct golden *golden, const char *prefix,
                       const struct psi_reference *reference, uint32_t ret_count[PSI_BINS])
{
    size_t count;
    double *live = golden_values(golden, prefix, "live", &count);
    memset(ret_count, 0, PSI_BINS * sizeof *ret_count);
    for (size_t i = 0; i < count; i++)
        ret_count[psi_bin(reference, live[i])]++;
    free(live);
}

static void test_reference_and_index_as_by_numpy(void **state)
{
    struct golden golden = golden_open("psi.safetensors");
    for (size_t i = 0; i < CASES; i++) {
        struct psi_reference reference = fit(&golden, cases[i]);
        size_t edges, counts, three;
        double *edge = golden_values(&golden, cases[i], "edges", &edges);
        double *count = golden_values(&golden, cases[i], "counts", &counts);
        double *expected = golden_values(&golden, cases[i], "expected", &three);
        assert_int_equal(reference.bins, counts);
        for (size_t b = 0; b < counts; b++)
            expect_near(reference.count[b], count[b], 0);
        for (size_t b = 0; b < edges; b++)
            expect_near(reference.edge[b], edge[b], 0);
        uint32_t live[PSI_BINS];
        count_live(&golden, cases[i], &reference, live);
        expect_near(reference.design_effect, expected[0], 1e-9);
        expect_near(reference.between, expected[1], 1e-9);
        expect_near(psi_compare(&reference, live, PSI_STABLE).index, expected[2], 1e-9);
        free(edge);
        free(count);
        free(expected);
    }
    golden_close(&golden);
}

/* What is told of the same cases: a level needs its limit, more than chance, and more than what
 * sessions differ by. */
static void test_levels(void **state)
{
    static const enum psi_level expected[CASES] = {PSI_STABLE,   PSI_LARGE, PSI_STABLE, PSI_STABLE,
                                                   PSI_MODERATE, PSI_LARGE, PSI_STABLE};
    struct golden golden = golden_open("psi.safetensors");
    for (size_t i = 0; i < CASES; i++) {
        struct psi_reference reference = fit(&golden, cases[i]);
        uint32_t live[PSI_BINS];
        count_live(&golden, cases[i], &reference, live);
        struct psi psi = psi_compare(&reference, live, PSI_STABLE);
        if (psi.level != expected[i])
            fail_msg("%s %s at %g, expected %s", cases[i], psi_level_name(psi.level), psi.index,
                     psi_level_name(expected[i]));
    }
    golden_close(&golden);
}

static struct psi_reference halves(double between)
{
    return (struct psi_reference){
        .bins = 2, .edge = {1}, .count = {100000, 100000}, .design_effect = 1, .between = between};
}

/* With shares p and 1 - p of two halves the index is (p - 1/2) ln(p / (1 - p)). */
static struct psi with_share(const struct psi_reference *reference, double share,
                             enum psi_level before)
{
    const uint32_t count[PSI_BINS] = {(uint32_t)(1e5 * share), (uint32_t)(1e5 * (1 - share))};
    return psi_compare(reference, count, before);
}

static void test_a_level_that_is_there_stays_until_well_under_its_limit(void **state)
{
    struct psi_reference reference = halves(0);
    const struct {
        double share, index;
        enum psi_level before, now;
    } steps[] = {
        {0.66, 0.1061, PSI_STABLE, PSI_MODERATE},   {0.65, 0.0929, PSI_STABLE, PSI_STABLE},
        {0.65, 0.0929, PSI_MODERATE, PSI_MODERATE}, {0.63, 0.0692, PSI_MODERATE, PSI_STABLE},
        {0.75, 0.2747, PSI_STABLE, PSI_LARGE},      {0.73, 0.2288, PSI_MODERATE, PSI_MODERATE},
        {0.73, 0.2288, PSI_LARGE, PSI_LARGE},       {0.71, 0.1880, PSI_LARGE, PSI_MODERATE},
        {0.63, 0.0692, PSI_LARGE, PSI_STABLE},
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct psi psi = with_share(&reference, steps[i].share, steps[i].before);
        expect_near(psi.index, steps[i].index, 2e-4);
        if (psi.level != steps[i].now)
            fail_msg("step %zu: %s, expected %s", i, psi_level_name(psi.level),
                     psi_level_name(steps[i].now));
    }
}

static void test_what_sessions_differ_by_is_no_drift(void **state)
{
    struct psi_reference reference = halves(0.3);
    assert_int_equal(with_share(&reference, 0.75, PSI_STABLE).level, PSI_STABLE); /* .275 */
    assert_int_equal(with_share(&reference, 0.8, PSI_STABLE).level, PSI_LARGE);   /* .416 */
}

/* From a few blocks chance makes .2 of two equal shares. */
static void test_few_blocks_tell_no_level(void **state)
{
    struct psi_reference reference = halves(0);
    const uint32_t few[PSI_BINS] = {14, 6}, more[PSI_BINS] = {140, 60};
    assert_int_equal(psi_compare(&reference, few, PSI_STABLE).level, PSI_STABLE);
    assert_int_equal(psi_compare(&reference, more, PSI_STABLE).level, PSI_MODERATE);
    reference.design_effect = 10;
    assert_int_equal(psi_compare(&reference, more, PSI_STABLE).level, PSI_STABLE);
}

static void test_too_few_blocks_are_no_reference(void **state)
{
    const double means[PSI_BINS - 1] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    const size_t end = PSI_BINS - 1;
    struct psi_reference reference;
    assert_int_equal(psi_reference_fit(means, &end, 1, &reference), 0);
    assert_int_equal(reference.bins, 0);
    assert_int_equal(psi_reference_fit(NULL, NULL, 0, &reference), 0);
    assert_int_equal(reference.bins, 0);
}

static void test_a_file_keeps_it(void **state)
{
    struct golden golden = golden_open("psi.safetensors");
    struct psi_reference reference = fit(&golden, "steps."), loaded;
    golden_close(&golden);
    cJSON *object = psi_reference_format(&reference);
    struct diag diag = DIAG_INIT;
    if (psi_reference_load(object, &loaded, &diag) < 0)
        fail_msg("%s", diag.text);
    assert_int_equal(loaded.bins, reference.bins);
    assert_memory_equal(loaded.edge, reference.edge, sizeof loaded.edge);
    assert_memory_equal(loaded.count, reference.count, sizeof loaded.count);
    expect_near(loaded.design_effect, reference.design_effect, 0);
    expect_near(loaded.between, reference.between, 0);
    cJSON_Delete(object);
}

static void test_what_is_wrong_in_a_file(void **state)
{
    static const struct {
        const char *text, *reason;
    } wrong[] = {
        {"{\"edges\":[],\"counts\":[1],\"design_effect\":1,\"between_sessions\":0}", "edges"},
        {"{\"edges\":[2,2],\"counts\":[1,1,1],\"design_effect\":1,\"between_sessions\":0}",
         "rising"},
        {"{\"edges\":[1,\"x\"],\"counts\":[1,1,1],\"design_effect\":1,\"between_sessions\":0}",
         "finite"},
        {"{\"edges\":[1,2],\"counts\":[1,1],\"design_effect\":1,\"between_sessions\":0}",
         "one more than edges"},
        {"{\"edges\":[1],\"counts\":[1,-1],\"design_effect\":1,\"between_sessions\":0}",
         "whole number"},
        {"{\"edges\":[1],\"counts\":[1,0.5],\"design_effect\":1,\"between_sessions\":0}",
         "whole number"},
        {"{\"edges\":[1],\"counts\":[0,0],\"design_effect\":1,\"between_sessions\":0}",
         "must not all be 0"},
        {"{\"edges\":[1],\"counts\":[1,1],\"design_effect\":0.5,\"between_sessions\":0}",
         "design_effect"},
        {"{\"edges\":[1],\"counts\":[1,1],\"design_effect\":1}", "between_sessions"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct psi_reference reference;
        struct diag diag = DIAG_INIT;
        cJSON *object = json_parse(wrong[i].text, strlen(wrong[i].text), NULL);
        assert_non_null(object);
        assert_int_equal(psi_reference_load(object, &reference, &diag), -EINVAL);
        if (!strstr(diag.text, wrong[i].reason))
            fail_msg("\"%s\", expected \"%s\"", diag.text, wrong[i].reason);
        cJSON_Delete(object);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference_and_index_as_by_numpy),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_a_level_that_is_there_stays_until_well_under_its_limit),
        cmocka_unit_test(test_what_sessions_differ_by_is_no_drift),
        cmocka_unit_test(test_few_blocks_tell_no_level),
        cmocka_unit_test(test_too_few_blocks_are_no_reference),
        cmocka_unit_test(test_a_file_keeps_it),
        cmocka_unit_test(test_what_is_wrong_in_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
