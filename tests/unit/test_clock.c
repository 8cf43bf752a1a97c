#include "base/clock.h"
#include "base/rng.h"
#include "fixture.h"

static int64_t parse(const char *text)
{
    int64_t time_ns = -1;
    if (!clock_parse_rfc3339(text, strlen(text), &time_ns))
        fail_msg("\"%s\" was refused", text);
    return time_ns;
}

static void test_known_times(void **state)
{
    static const struct {
        const char *text;
        int64_t time_ns;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01T00:00:00.000000001Z", 1},
        {"2026-11-23T17:00:00.123Z", INT64_C(1795453200123000000)},
        {"2026-11-23 17:00:00z", INT64_C(1795453200000000000)},
        {"2026-11-23t18:30:00+01:30", INT64_C(1795453200000000000)},
        {"2026-11-23T12:00:00-05:00", INT64_C(1795453200000000000)},
        {"2024-02-29T00:00:00Z", INT64_C(1709164800000000000)},
        {"2000-02-29T23:59:59Z", INT64_C(951868799000000000)},
        {"2016-12-31T23:59:60Z", INT64_C(1483228800000000000)}, /* a leap second */
        {"2026-11-23T17:00:00.1234567899999Z", INT64_C(1795453200123456789)},
        {"2261-12-31T23:59:59Z", INT64_C(9214646399000000000)},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(parse(cases[i].text), cases[i].time_ns);
}

/* The first and the last second of every day that can be said, counted up from 1970. */
static void test_every_day(void **state)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t start_ns = 0;
    for (int year = 1970; year <= 2261; year++) {
        for (int month = 1; month <= 12; month++) {
            bool leap = month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            for (int day = 1; day <= days[month - 1] + leap; day++) {
                char text[40];
                snprintf(text, sizeof text, "%04d-%02d-%02dT00:00:00Z", year, month, day);
                assert_int_equal(parse(text), start_ns);
                start_ns += 86400 * CLOCK_NS_PER_S;
                snprintf(text, sizeof text, "%04d-%02d-%02dT23:59:59Z", year, month, day);
                assert_int_equal(parse(text), start_ns - CLOCK_NS_PER_S);
            }
        }
    }
}

static void test_what_is_no_time(void **state)
{
    static const char *const cases[] = {
        "",
        "2026",
        "2026-11-23",
        "2026-11-23T17:00:00",
        "2026-11-23T17:00Z",
        "2026-11-23T17:00:00.Z",
        "2026-11-23T17:00:00,5Z",
        "2026-11-23T17:00:00Z ",
        " 2026-11-23T17:00:00Z",
        "2026-11-23T24:00:00Z",
        "2026-11-23T17:60:00Z",
        "2026-11-23T17:00:61Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-04-00T00:00:00Z",
        "2025-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "2262-01-01T00:00:00Z",
        "+026-11-23T17:00:00Z",
        "2026-11-23T17:00:00+0100",
        "2026-11-23T17:00:00+01",
        "2026-11-23T17:00:00+24:00",
        "2026-11-23T17:00:00+01:60",
        "2026/11/23T17:00:00Z",
        "2026-11-23T17-00-00Z",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t time_ns = 5;
        if (clock_parse_rfc3339(cases[i], strlen(cases[i]), &time_ns))
            fail_msg("\"%s\" was accepted", cases[i]);
        assert_int_equal(time_ns, 5);
    }
}

static void test_parse_reads_no_further_than_the_length(void **state)
{
    static const char text[] = "2026-11-23T17:00:00Z";
    int64_t time_ns;
    for (size_t length = 0; length < strlen(text); length++) {
        char *exact = malloc(length + !length); /* so that a sanitizer sees the end */
        memcpy(exact, text, length);
        assert_false(clock_parse_rfc3339(exact, length, &time_ns));
        free(exact);
    }
}

static void test_format(void **state)
{
    static const struct {
        int64_t time_ns;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {INT64_C(1795453200123999999), "2026-11-23T17:00:00.123Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {-CLOCK_NS_PER_S, "1969-12-31T23:59:59.000Z"},
        {INT64_MAX, "2262-04-11T23:47:16.854Z"},
        {INT64_MIN, "1677-09-21T00:12:43.145Z"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[CLOCK_RFC3339_MAX];
        clock_format_rfc3339(cases[i].time_ns, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void test_round_trip(void **state)
{
    struct rng rng;
    rng_init(&rng, 3);
    for (int i = 0; i < 10000; i++) {
        int64_t ms = (int64_t)rng_below(&rng, UINT64_C(9214646399000));
        char text[CLOCK_RFC3339_MAX];
        clock_format_rfc3339(ms * CLOCK_NS_PER_MS, text);
        assert_int_equal(parse(text), ms * CLOCK_NS_PER_MS);
    }
}

static void test_durations(void **state)
{
    static const struct {
        const char *text;
        int64_t ns;
    } good[] = {{"90", 90 * CLOCK_NS_PER_S},        {"90s", 90 * CLOCK_NS_PER_S},
                {"1.5h", 5400 * CLOCK_NS_PER_S},    {"250ms", 250 * CLOCK_NS_PER_MS},
                {"2min", 120 * CLOCK_NS_PER_S},     {"2m", 120 * CLOCK_NS_PER_S},
                {"3d", 3 * 86400 * CLOCK_NS_PER_S}, {"0", 0}};
    int64_t ns;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(clock_parse_duration(good[i].text, &ns));
        assert_int_equal(ns, good[i].ns);
    }
    static const char *const bad[] = {"", "s", "-1s", "1w", "1 s", "1e300h", "inf", "nan", "1hh"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (clock_parse_duration(bad[i], &ns))
            fail_msg("\"%s\" was accepted", bad[i]);
    }
}

static void test_monotonic_does_not_step_back(void **state)
{
    int64_t before = clock_monotonic_ns();
    for (int i = 0; i < 1000; i++) {
        int64_t now = clock_monotonic_ns();
        assert_true(now >= before);
        before = now;
    }
    assert_true(clock_realtime_ns() > INT64_C(1600000000) * CLOCK_NS_PER_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_times),
        cmocka_unit_test(test_every_day),
        cmocka_unit_test(test_what_is_no_time),
        cmocka_unit_test(test_parse_reads_no_further_than_the_length),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_monotonic_does_not_step_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
