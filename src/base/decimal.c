/*
 * A number from 1e-4 to 1e6 is scaled to six digits before the point. The powers are exact, so the
 * product is off by at most half a unit in its last place, 6e-11 of a million: only close to a half
 * could that round another way, and such numbers are left to printf, as are those with an exponent.
 */
#include "base/decimal.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define DIGITS 6
#define LOWEST (-4) /* exponent of the smallest without one in its text */
#define UNSURE 1e-9 /* from a half */

static const double power[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};

static size_t by_printf(double value, char ret_text[DECIMAL_SIX_MAX])
{
    return (size_t)snprintf(ret_text, DECIMAL_SIX_MAX, "%.*g", DIGITS, value);
}

/* Of a number from 1e-4 on and under 1e6. */
static int exponent_of(double size)
{
    static const double limit[] = {1e-3, 1e-2, 1e-1, 1e0, 1e1, 1e2, 1e3, 1e4, 1e5};
    int exponent = LOWEST;
    for (size_t i = 0; i < sizeof limit / sizeof limit[0]; i++)
        exponent += size >= limit[i];
    return exponent;
}

/* digits: six of them, the first is not 0. Zeros at the end are left out. */
static size_t put(char *text, uint32_t digits, int exponent)
{
    char digit[DIGITS];
    int count = DIGITS, at = 0;
    for (int i = DIGITS - 1; i >= 0; i--) {
        digit[i] = (char)('0' + digits % 10);
        digits /= 10;
    }
    while (digit[count - 1] == '0')
        count--;
    if (exponent < 0) {
        memcpy(text, "0.000", 5);
        at = 1 - exponent;
    }
    for (int i = 0; i < count || i <= exponent; i++) {
        if (exponent >= 0 && i == exponent + 1)
            text[at++] = '.';
        text[at++] = digit[i];
    }
    text[at] = '\0';
    return (size_t)at;
}

size_t decimal_six(double value, char ret_text[DECIMAL_SIX_MAX])
{
    double size = fabs(value);
    if (!(size >= 1e-4 && size < 1e6))
        return by_printf(value, ret_text);
    int exponent = exponent_of(size);
    double scaled = size * power[DIGITS - 1 - exponent];
    uint32_t digits = (uint32_t)scaled;
    double rest = scaled - digits;
    if (fabs(rest - 0.5) < UNSURE)
        return by_printf(value, ret_text);
    digits += rest > 0.5;
    if (digits == 1000000) { /* rounded up to the next power of ten */
        digits = 100000;
        exponent++;
    }
    if (exponent == DIGITS)
        return by_printf(value, ret_text);
    *ret_text = '-';
    size_t sign = signbit(value) != 0;
    return sign + put(ret_text + sign, digits, exponent);
}
