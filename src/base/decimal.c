/*
 * A number is scaled to six digits before the point. The powers of ten up to 1e22 are exact, so the
 * result is off by at most half a unit in its last place, 6e-11 of a million: only close to a half
 * could that round another way, and such numbers are left to printf, as are the very large and the
 * very small.
 */
#include "base/decimal.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define DIGITS 6
#define LOWEST (-14) /* exponents */
#define HIGHEST 15
#define PLAIN_LOWEST (-4) /* those without an exponent in their text, up to DIGITS - 1 */
#define UNSURE 1e-9       /* from a half */

static const double ten[] = {1e-14, 1e-13, 1e-12, 1e-11, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6,
                             1e-5,  1e-4,  1e-3,  1e-2,  1e-1,  1e0,  1e1,  1e2,  1e3,
                             1e4,   1e5,   1e6,   1e7,   1e8,   1e9,  1e10, 1e11, 1e12,
                             1e13,  1e14,  1e15,  1e16,  1e17,  1e18, 1e19};

static double power(int exponent)
{
    return ten[exponent - LOWEST];
}

static size_t by_printf(double value, char ret_text[DECIMAL_SIX_MAX])
{
    return (size_t)snprintf(ret_text, DECIMAL_SIX_MAX, "%.*g", DIGITS, value);
}

/* size: from 1e-14 on and under 1e15. A guess by the power of two, at most one too low. */
static int exponent_of(double size)
{
    int exponent = (int)floor(0.30102999566398 * ilogb(size));
    if (exponent < LOWEST)
        exponent = LOWEST;
    return exponent + (size >= power(exponent + 1));
}

/* Those that count: zeros at the end are left out. */
static int take_digits(uint32_t digits, char ret_digit[DIGITS])
{
    int count = DIGITS;
    for (int i = DIGITS - 1; i >= 0; i--) {
        ret_digit[i] = (char)('0' + digits % 10);
        digits /= 10;
    }
    while (ret_digit[count - 1] == '0')
        count--;
    return count;
}

static size_t put_plain(char *text, const char *digit, int count, int exponent)
{
    int at = 0;
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

static size_t put_scientific(char *text, const char *digit, int count, int exponent)
{
    int at = 0, size = exponent < 0 ? -exponent : exponent;
    for (int i = 0; i < count; i++) {
        if (i == 1)
            text[at++] = '.';
        text[at++] = digit[i];
    }
    text[at++] = 'e';
    text[at++] = exponent < 0 ? '-' : '+';
    text[at++] = (char)('0' + size / 10);
    text[at++] = (char)('0' + size % 10);
    text[at] = '\0';
    return (size_t)at;
}

size_t decimal_six(double value, char ret_text[DECIMAL_SIX_MAX])
{
    double size = fabs(value);
    if (size == 0) { /* often the ratio of a detector that sees nothing */
        strcpy(ret_text, signbit(value) ? "-0" : "0");
        return strlen(ret_text);
    }
    if (!(size >= power(LOWEST) && size < power(HIGHEST)))
        return by_printf(value, ret_text);
    int exponent = exponent_of(size), shift = DIGITS - 1 - exponent;
    double scaled = shift >= 0 ? size * power(shift) : size / power(-shift);
    uint32_t digits = (uint32_t)scaled;
    double rest = scaled - digits;
    if (fabs(rest - 0.5) < UNSURE)
        return by_printf(value, ret_text);
    digits += rest > 0.5;
    if (digits == 1000000) { /* rounded up to the next power of ten */
        digits = 100000;
        exponent++;
    }
    char digit[DIGITS];
    int count = take_digits(digits, digit);
    size_t sign = signbit(value) != 0;
    *ret_text = '-';
    return sign + (exponent >= PLAIN_LOWEST && exponent < DIGITS
                       ? put_plain(ret_text + sign, digit, count, exponent)
                       : put_scientific(ret_text + sign, digit, count, exponent));
}
