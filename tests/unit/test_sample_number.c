#include "base/rng.h"
#include "fixture.h"
#include "pipeline/sample_number.h"

#include <inttypes.h>
#include <math.h>

#define PLAIN_MAX 15 /* bytes of a number */
#define LOOKED_AT 16 /* bytes before the end */

/* A copy of exactly this size, so that a sanitizer sees its end. */
static char *copy_exactly(const char *text)
{
    size_t size = strlen(text);
    char *copy = malloc(size + !size);
    memcpy(copy, text, size);
    return copy;
}

/* Bytes of the number that it begins with, by the grammar of JSON, written once more; 0: none. */
static size_t number_length(const char *text)
{
    size_t at = *text == '-', digits = strspn(text + at, "0123456789");
    if (digits == 0 || (digits > 1 && text[at] == '0'))
        return 0;
    at += digits;
    if (text[at] == '.') {
        digits = strspn(text + at + 1, "0123456789");
        if (digits == 0)
            return 0;
        at += 1 + digits;
    }
    if (text[at] == 'e' || text[at] == 'E') {
        at += 1 + (text[at + 1] == '+' || text[at + 1] == '-');
        digits = strspn(text + at, "0123456789");
        if (digits == 0)
            return 0;
        at += digits;
    }
    return at;
}

static double value_by_strtod(const char *text, size_t length)
{
    char number[200];
    memcpy(number, text, length);
    number[length] = '\0';
    return strtod(number, NULL);
}

static void check_plain(const char *text, const char *copy, size_t length)
{
    float value = -1, expected = (float)value_by_strtod(text, length);
    const size_t size = strlen(text);
    const char *stop = sample_number_read_plain(copy, copy + size, &value);
    bool plain =
        length > 0 && length <= PLAIN_MAX && size >= LOOKED_AT && strcspn(text, "eE") >= length;
    if (!plain)
        assert_null(stop);
    else if (stop != copy + length || memcmp(&value, &expected, sizeof value) != 0)
        fail_msg("%s: ends at %td, %a instead of %a", text, stop ? stop - copy : -1, (double)value,
                 (double)expected);
}

/* Both readers about the number that `text` begins with. */
static void check(const char *text)
{
    double value = -1;
    size_t length = number_length(text);
    char *copy = copy_exactly(text);
    const char *stop = sample_number_read(copy, copy + strlen(text), &value);
    if (length == 0) {
        if (stop)
            fail_msg("%s was read", text);
    } else if (stop) {
        double expected = value_by_strtod(text, length);
        if (stop != copy + length || memcmp(&value, &expected, sizeof value) != 0)
            fail_msg("%s: ends at %td, %a instead of %a", text, stop - copy, value, expected);
    } else if (length <= 64) {
        fail_msg("%s was not read", text);
    }
    if (sample_number_suits())
        check_plain(text, copy, length);
    free(copy);
}

/* With whatever behind it: nothing, less than is looked at, as much, and more. */
static void check_with_tails(const char *number)
{
    static const char *const tails[] = {
        "",
        ",",
        "]}",
        "        ",
        ",               ",
        "]               ",
        "}               ",
        "\n              ",
        ".               ",
        "e               ",
        "E5              ",
        "-               ",
        "+               ",
        "x               ",
        "/:              ", /* before and behind the digits */
        ",1,2,3,4,5,6,7,8,9",
        ",-.5,0.e,00,1e5,23456789",
        "\x01\x80\xff\xb0\xb9\xae\xac\xad         ", /* bit 7 of digits, point, comma, minus */
    };
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        char text[300];
        snprintf(text, sizeof text, "%s%s", number, tails[i]);
        check(text);
    }
}

/* Numbers, and what is none, with blanks between them. */
static const char *const edges[] = {
    "0 -0 1 -1 9 10 0.0 -0.0 0.1 -0.1 1.0 100 0.5 00 01 -01 00.5 -00.5 0.50 - . .5 -.5 5. -5. 0.",
    "-0. +1 --1 -+1 1- 1.2.3 1..2 1.-2 0x10 1e5 1E5 1e+5 1e-5 1e 1e+ 1.5e3 1.e3 0e0 -0e-0 e5 .e5",
    "NaN inf -inf",
    /* of 13 to 17 bytes */
    "1234567890123 12345678901234 123456789012345 1234567890123456 12345678901234567",
    "-12345678901234 -123456789012345 -1234567890123456 0.12345678901 0.123456789012",
    "0.1234567890123 0.12345678901234 0.123456789012345 -0.123456789012 -0.1234567890123",
    "-0.12345678901234 1234567890123. 12345678901234. 123456789012345. 12345678901234.5",
    "1234567890123.4 123456789012.34 -123456789012.3 -1234567890123.4 999999999999999",
    "-99999999999999 99999999.9999999 9999999.9999999 100000000000000 0.0000000000001",
    "-0.000000000001 0.0000000000000 -0.000000000000 000000000000000 0000000.0000000",
    "99999999999999e 12345678901234e 9.9999999999999 16777217 16777219.0 0.000123456789",
    /* where a double ends */
    "9007199254740991 9007199254740992 9007199254740993 9007199254740995 9007199254740993.0",
    "9007199254740992.5 9007199254740993.5 900719925474099.25 4503599627370497.5",
    "4503599627370496.5 9223372036854775807 9223372036854775808 9999999999999999999",
    "10000000000000000000 18446744073709551616 9999999999999999999.5 0.9999999999999999999",
    "0.10000000000000000001 0.0000000000000000001 0.9007199254740993 1.7976931348623157e308",
    "1e309 -1e309 4.9e-324 2e-324 1e-400 0.000000000000000000000000000001 1e22 1e23",
    "9007199254740993e22 9007199254740993e-22 9007199254740993e-19 9007199254740993e-20",
    "1234567890123456789e-30",
    "17976931348623158079372897140530341507993413271003782693617377 0e00000000000000000000000",
    "0.333333333333333333333333333333333333333333333333333333333333333333333333333333333333",
};

static void test_numbers_at_the_edges(void **state)
{
    check_with_tails("");
    check_with_tails(" 1");
    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++) {
        char line[120], *rest = NULL;
        snprintf(line, sizeof line, "%s", edges[i]);
        for (char *number = strtok_r(line, " ", &rest); number; number = strtok_r(NULL, " ", &rest))
            check_with_tails(number);
    }
}

/* Every pattern of up to seven bytes of these, with room behind it. */
static void test_every_short_pattern(void **state)
{
    static const char bytes[] = "019.-,e";
    for (uint32_t pattern = 0; pattern < 7 * 7 * 7 * 7 * 7 * 7 * 7; pattern++) {
        char text[LOOKED_AT + 8];
        uint32_t rest = pattern;
        for (size_t i = 0; i < 7; i++, rest /= 7)
            text[i] = bytes[rest % 7];
        strcpy(text + 7, pattern % 2 ? "]         " : ", 12.5    ");
        check(text);
    }
}

/* Digits, a point anywhere or nowhere, a sign, at times an exponent; lengths are spread evenly. */
static void make_number(struct rng *rng, char ret_text[100])
{
    size_t digits = 1 + rng_below(rng, rng_below(rng, 8) ? 17 : 60);
    size_t point = rng_below(rng, digits + 1), at = 0;
    if (rng_below(rng, 2))
        ret_text[at++] = '-';
    for (size_t i = 0; i < digits; i++) {
        if (i == point && (i > 0 || rng_below(rng, 16) == 0))
            ret_text[at++] = '.';
        ret_text[at++] = (char)('0' + (rng_below(rng, 6) ? rng_below(rng, 10) : 0));
    }
    if (rng_below(rng, 6) == 0)
        at += (size_t)sprintf(ret_text + at, "%c%s%" PRIu64, rng_below(rng, 2) ? 'e' : 'E',
                              rng_below(rng, 2) ? "-" : "", rng_below(rng, 40));
    ret_text[at] = '\0';
}

/* What is behind a number: bytes of numbers and of anything, as many as it happens. */
static void append_tail(struct rng *rng, char *text)
{
    static const char bytes[] = ",,,,,]} \n0123456789.-eE";
    size_t at = strlen(text);
    for (uint64_t n = rng_below(rng, 24); n > 0; n--)
        text[at++] = bytes[rng_below(rng, sizeof bytes - 1)];
    text[at] = '\0';
}

static void test_made_up_numbers(void **state)
{
    struct rng rng;
    rng_init(&rng, 7);
    for (size_t i = 0; i < 300000; i++) {
        char text[140];
        make_number(&rng, text);
        append_tail(&rng, text);
        check(text);
    }
}

/* Halfway between two doubles, and one unit of the last digit beside that. */
static void test_halves(void **state)
{
    struct rng rng;
    rng_init(&rng, 8);
    for (size_t i = 0; i < 20000; i++) {
        const uint64_t half = (UINT64_C(1) << 52 | rng_next(&rng) >> 12) * 2 + 1; /* 54 bits */
        const int places = 2 + (int)rng_below(&rng, 2); /* of half / 4 or half / 8 */
        uint64_t fraction = half & ((UINT64_C(1) << places) - 1);
        for (int p = 0; p < places; p++)
            fraction *= 5;
        for (int beside = -1; beside <= 1; beside++) {
            char text[60];
            snprintf(text, sizeof text, "%" PRIu64 ".%0*" PRIu64, half >> places, places,
                     fraction + (uint64_t)(int64_t)beside);
            check(text);
        }
    }
}

/* One run against the numbers of it one by one. */
static void check_run(const char *text, size_t count)
{
    enum { MOST = 8 };
    const size_t size = strlen(text);
    char *copy = copy_exactly(text);
    const char *at = copy, *expected_at = copy, *end = copy + size;
    float values[MOST], expected[MOST];
    size_t n = 0;
    for (; n < count; n++) {
        const char *stop = sample_number_read_plain(expected_at, end, &expected[n]);
        if (!stop || stop == end || *stop != ',' || end - expected_at <= LOOKED_AT)
            break;
        expected_at = stop + 1;
        expected_at += *expected_at == ' ';
    }
    size_t read = sample_number_read_run(&at, end, count, values);
    if (read != n || at != expected_at || memcmp(values, expected, n * sizeof values[0]) != 0)
        fail_msg("%s: %zu numbers up to %td instead of %zu up to %td", text, read, at - copy, n,
                 expected_at - copy);
    free(copy);
}

static void test_runs(void **state)
{
    static const char *const runs[] = {
        "",
        "1",
        "1,2,3,4,5,6,7,8,9",
        "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16",
        "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13",
        "1,  2,   3,4,5,6,7,8,9,10,11,12,13,14",
        "1 ,2,3,4,5,6,7,8,9,10,11,12,13,14",
        "1.5,-2.25,1e5,4,5,6,7,8,9,10,11,12,13,14",
        "123456789012345,2,3,4,5,6,7,8,9",
        "1234567890123456,2,3,4,5,6,7,8,9",
        ",1,2,3,4,5,6,7,8,9,10,11,12,13",
        "1]2,3,4,5,6,7,8,9,10,11,12,13",
        "1,]2,3,4,5,6,7,8,9,10,11,12,13",
    };
    if (!sample_number_suits()) {
        print_message("skipped: this processor has no SSE4.1\n");
        skip();
    }
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        for (size_t count = 0; count <= 8; count++)
            check_run(runs[i], count);
    }
    struct rng rng;
    rng_init(&rng, 9);
    for (size_t i = 0; i < 50000; i++) {
        char text[1200] = "";
        for (uint64_t n = 1 + rng_below(&rng, 8); n > 0; n--) {
            make_number(&rng, text + strlen(text));
            strcat(text, rng_below(&rng, 10) ? (rng_below(&rng, 4) ? "," : ", ") : " ,");
        }
        append_tail(&rng, text);
        check_run(text, rng_below(&rng, 9));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_at_the_edges),
        cmocka_unit_test(test_every_short_pattern),
        cmocka_unit_test(test_made_up_numbers),
        cmocka_unit_test(test_halves),
        cmocka_unit_test(test_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
