/*
 * A mantissa of up to 2^53 and a power of ten of at most 22 either way make the nearest double by
 * one multiplication or division, because both operands are exact then (Clinger, "How to read
 * floating point numbers accurately", 1990). Longer ones, as a double is written that has 17
 * digits, are divided as integers. All others are read by strtod.
 *
 * Digit by digit, most of the time goes into the branches that no predictor can know: how long each
 * number is, and where its point stands. So a plain number is read without any: sixteen bytes are
 * compared at once, and what was found are bits of words. All its digits are then moved to the
 * right end of a vector, over the point, and added up in pairs. They are fifteen at most, and so
 * are exact. Of that only what is asked for and rare is a branch: whether the number is plain.
 */
#include "pipeline/sample_number.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define LIBRARY_MAX 64 /* bytes of a number that strtod has to read */
#define MANTISSA_DIGITS 19
#define EXACT_POWER 22
#define EXACT_INTEGER (UINT64_C(1) << 53)

static const double power[EXACT_POWER + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                              1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                              1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* ---- any number */

/* Returns where they end. Over 19 of them the mantissa is of no meaning. */
static inline const char *take_digits(const char *at, const char *end, uint64_t *mantissa)
{
    uint64_t sum = *mantissa;
    for (; at < end; at++) {
        unsigned digit = (unsigned char)*at - (unsigned)'0';
        if (digit > 9)
            break;
        sum = sum * 10 + digit;
    }
    *mantissa = sum;
    return at;
}

/* NULL: there is none. */
static const char *take_exponent(const char *at, const char *end, int *ret_exponent)
{
    bool negative = at < end && *at == '-';
    int value = 0;
    at += at < end && (*at == '+' || *at == '-');
    const char *from = at;
    for (; at < end && *at >= '0' && *at <= '9'; at++)
        value = value < 10000 ? value * 10 + (*at - '0') : value;
    *ret_exponent = negative ? -value : value;
    return at > from ? at : NULL;
}

static bool read_by_library(const char *from, const char *end, double *ret_value)
{
    char text[LIBRARY_MAX + 1], *stop;
    size_t length = (size_t)(end - from);
    if (length > LIBRARY_MAX)
        return false;
    memcpy(text, from, length);
    text[length] = '\0';
    *ret_value = strtod(text, &stop);
    return !*stop;
}

#if defined(__SIZEOF_INT128__)
/* The double nearest to mantissa / 10^places. The quotient has 63 bits or 64, of which a double
 * keeps 53; of what is behind them rounding asks only whether it is more or less than half, or
 * half: for that it is enough to know if there was a remainder. */
static double divide(uint64_t mantissa, int places)
{
    const uint64_t divisor = (uint64_t)power[places];
    const int up = __builtin_clzll(mantissa), divisor_up = __builtin_clzll(divisor);
    const unsigned __int128 dividend = (unsigned __int128)(mantissa << up) << 63;
    const uint64_t quotient = (uint64_t)(dividend / (divisor << divisor_up));
    const bool rest = dividend != (unsigned __int128)quotient * (divisor << divisor_up);
    return ldexp((double)(quotient | rest), divisor_up - up - 63);
}
#define DIVIDED_MAX 19 /* places: 10^19 has 64 bits */
#else
static double divide(uint64_t mantissa, int places)
{
    return 0;
}
#define DIVIDED_MAX (-1) /* none */
#endif

/* mantissa: of at most 19 digits. False: its nearest double is not to be had so easily. */
static inline bool scale_mantissa(uint64_t mantissa, int scale, double *ret_value)
{
    if (mantissa <= EXACT_INTEGER && scale <= EXACT_POWER && scale >= -EXACT_POWER) {
        const double whole = (double)mantissa;
        *ret_value = scale < 0 ? whole / power[-scale] : whole * power[scale];
        return true;
    }
    if (mantissa == 0 || scale > 0 || scale < -DIVIDED_MAX)
        return false;
    *ret_value = divide(mantissa, -scale);
    return true;
}

/* By the grammar of JSON. */
const char *sample_number_read(const char *from, const char *end, double *ret_value)
{
    bool negative = from < end && *from == '-';
    const char *const whole = from + negative;
    uint64_t mantissa = 0;
    const char *at = take_digits(whole, end, &mantissa);
    ptrdiff_t digits = at - whole, fraction = 0;
    int exponent = 0;
    if (digits == 0 || (digits > 1 && *whole == '0'))
        return NULL;
    if (at < end && *at == '.') {
        const char *const point = at;
        at = take_digits(point + 1, end, &mantissa);
        fraction = at - point - 1;
        digits += fraction;
        if (fraction == 0)
            return NULL;
    }
    if (at < end && (*at == 'e' || *at == 'E') && !(at = take_exponent(at + 1, end, &exponent)))
        return NULL;
    int scale = exponent - (int)(fraction < 10000 ? fraction : 10000);
    double value;
    if (digits > MANTISSA_DIGITS || !scale_mantissa(mantissa, scale, &value))
        return read_by_library(from, at, ret_value) ? at : NULL;
    *ret_value = negative ? -value : value;
    return at;
}

/* ---- plain numbers */

#if defined(__x86_64__)
#define PLAIN_TARGET __attribute__((target("ssse3,sse4.1")))
#define PLAIN_INLINE __attribute__((always_inline)) PLAIN_TARGET static inline
#define WIDTH 16 /* bytes that are looked at: a number, and the one behind it */
#define WHOLE 31 /* the fraction's length of a number without a point */

/* A place in a number's bytes for each place in the vector: so that they end where it ends. Below 0
 * are zeros. From `stop` on. */
static const int8_t to_the_right[2 * WIDTH] = {-16, -15, -14, -13, -12, -11, -10, -9, -8, -7, -6,
                                               -5,  -4,  -3,  -2,  -1,  0,   1,   2,  3,  4,  5,
                                               6,   7,   8,   9,   10,  11,  12,  13, 14, 15};
/* What is added to that left of the fraction, to step over the point. From its length on. */
static const int8_t over_the_point[WHOLE + WIDTH] = {[0 ... WIDTH - 1] = -1};
/* By sign and the fraction's length. */
static const double divisors[2][WHOLE + 1] = {
    {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, [WHOLE] = 1},
    {-1e0, -1e1, -1e2, -1e3, -1e4, -1e5, -1e6, -1e7, -1e8, -1e9, -1e10, -1e11, -1e12,
     -1e13, [WHOLE] = -1}};

struct shape {
    unsigned stop;     /* where it ends, under WIDTH */
    unsigned fraction; /* digits behind the point, or WHOLE */
    bool negative, plain;
};

PLAIN_INLINE unsigned mark(__m128i where)
{
    return (unsigned)_mm_movemask_epi8(where);
}

/* In all words bit i is about byte i. *digits: a digit's value where there is one, else 0. */
PLAIN_INLINE struct shape find_shape(const char *at, __m128i *digits)
{
    const __m128i text = _mm_loadu_si128((const __m128i_u *)at);
    const __m128i value = _mm_sub_epi8(text, _mm_set1_epi8('0'));
    const __m128i is_digit = _mm_cmpeq_epi8(_mm_min_epu8(value, _mm_set1_epi8(9)), value);
    *digits = _mm_and_si128(value, is_digit);
    const unsigned minus = *at == '-', first = minus + 1; /* of the digits: bit 0 or 1 */
    const unsigned digit = mark(is_digit), zero = mark(_mm_cmpeq_epi8(value, _mm_setzero_si128()));
    const unsigned points = mark(_mm_cmpeq_epi8(text, _mm_set1_epi8('.')));
    const unsigned other = ~(digit | minus); /* all ones from WIDTH on: there is a lowest */
    const unsigned point = other & -other & points;
    const unsigned stop = (unsigned)__builtin_ctz(other ^ point);
    const unsigned wrong =
        (first & ~digit) | (first & zero & digit >> 1) | (point << 1 & ~digit) | (stop & WIDTH);
    return (struct shape){.stop = stop,
                          .fraction = (stop - (unsigned)__builtin_ctz(other) - 1) & WHOLE,
                          .negative = minus,
                          .plain = wrong == 0};
}

/* Pairs of digits become numbers below 100, pairs of these numbers below 10,000, and so on. */
PLAIN_INLINE double add_up(__m128i digits, const struct shape *shape)
{
    const __m128i place =
        _mm_add_epi8(_mm_loadu_si128((const __m128i_u *)(to_the_right + shape->stop)),
                     _mm_loadu_si128((const __m128i_u *)(over_the_point + shape->fraction)));
    __m128i sum = _mm_shuffle_epi8(digits, place);
    sum = _mm_maddubs_epi16(sum, _mm_set1_epi16(1 << 8 | 10));
    sum = _mm_madd_epi16(sum, _mm_set1_epi32(1 << 16 | 100));
    sum = _mm_packus_epi32(sum, sum);
    sum = _mm_madd_epi16(sum, _mm_set1_epi32(1 << 16 | 10000));
    const __m128d halves = _mm_mul_pd(_mm_cvtepi32_pd(sum), _mm_setr_pd(1e8, 1));
    const __m128d mantissa = _mm_add_sd(halves, _mm_unpackhi_pd(halves, halves));
    return _mm_cvtsd_f64(mantissa) / divisors[shape->negative][shape->fraction];
}

bool sample_number_suits(void)
{
    return __builtin_cpu_supports("ssse3") && __builtin_cpu_supports("sse4.1");
}

PLAIN_TARGET const char *sample_number_read_plain(const char *at, const char *end, float *ret_value)
{
    __m128i digits;
    if (end - at < WIDTH)
        return NULL;
    const struct shape shape = find_shape(at, &digits);
    const char *stop = at + shape.stop;
    if (!shape.plain || (*stop | ('e' ^ 'E')) == 'e')
        return NULL;
    *ret_value = (float)add_up(digits, &shape);
    return stop;
}

/* The next number is looked at from the next comma on, which is found before it is known where this
 * one ends: so that the processor has begun with it. */
PLAIN_TARGET size_t sample_number_read_run(const char **from, const char *end, size_t count,
                                           float *ret_values)
{
    const char *at = *from;
    size_t n = 0;
    for (; n < count && end - at > WIDTH; n++) {
        const __m128i text = _mm_loadu_si128((const __m128i_u *)at);
        const unsigned commas = mark(_mm_cmpeq_epi8(text, _mm_set1_epi8(',')));
        const unsigned comma = (unsigned)__builtin_ctz(commas | 1u << WIDTH);
        __m128i digits;
        const struct shape shape = find_shape(at, &digits);
        if (!shape.plain || shape.stop != comma)
            break;
        ret_values[n] = (float)add_up(digits, &shape);
        at += comma + 1;
        if (*at == ' ') {
            at++;
            __asm__("" : "+r"(at)); /* stays a branch: a sum would have to wait for *at */
        }
    }
    *from = at;
    return n;
}
#else
bool sample_number_suits(void)
{
    return false;
}

const char *sample_number_read_plain(const char *at, const char *end, float *ret_value)
{
    return NULL;
}

size_t sample_number_read_run(const char **at, const char *end, size_t count, float *ret_values)
{
    return 0;
}
#endif
