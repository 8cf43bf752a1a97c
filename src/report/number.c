#include "report/number.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define MINUS "\u2212"
#define NARROW_SPACE "\u202f"

static struct number_text none(void)
{
    return (struct number_text){NUMBER_NONE};
}

/* With a true minus; "-0.000" is 0. */
static struct number_text fixed(double value, int decimals, bool plus)
{
    struct number_text number, result;
    snprintf(number.text, sizeof number.text, "%.*f", decimals, fabs(value));
    bool zero = strspn(number.text, "0.") == strlen(number.text);
    const char *sign = zero ? "" : value < 0 ? MINUS : plus ? "+" : "";
    snprintf(result.text, sizeof result.text, "%s%.40s", sign, number.text);
    return result;
}

struct number_text number_share(double value)
{
    return isfinite(value) ? fixed(value, 3, false) : none();
}

struct number_text number_signed(double value)
{
    bool small = fabs(value) < 0.0005 && fabs(value) >= 0.0000005;
    return isfinite(value) ? fixed(value, small ? 6 : 3, true) : none();
}

struct number_text number_count(double value)
{
    if (!isfinite(value) || fabs(value) > 1e15)
        return none();
    struct number_text digits, result = {""};
    snprintf(digits.text, sizeof digits.text, "%.0f", fabs(value));
    size_t length = strlen(digits.text), used = 0;
    if (value < 0)
        used = (size_t)snprintf(result.text, sizeof result.text, MINUS);
    for (size_t i = 0; i < length; i++) {
        bool gap = i > 0 && (length - i) % 3 == 0;
        used += (size_t)snprintf(result.text + used, sizeof result.text - used, "%s%c",
                                 gap ? NARROW_SPACE : "", digits.text[i]);
    }
    return result;
}

struct number_text number_given(double value)
{
    struct number_text number;
    if (!isfinite(value))
        return none();
    snprintf(number.text, sizeof number.text, "%.6g", value);
    return number;
}

struct number_text number_plain(double value)
{
    if (!isfinite(value))
        return none();
    double size = fabs(value);
    if (size >= 1000 && size < 1e15)
        return number_count(value);
    if (size > 0 && (size < 1e-4 || size >= 1e15)) {
        struct number_text result;
        snprintf(result.text, sizeof result.text, "%s%.2e", value < 0 ? MINUS : "", size);
        return result;
    }
    int decimals = 2 - (size > 0 ? (int)floor(log10(size)) : 2);
    return fixed(value, decimals > 0 ? decimals : 0, false);
}

struct number_text number_duration(double seconds)
{
    struct number_text result;
    double size = fabs(seconds);
    bool hours = size >= 5400, minutes = size >= 90;
    double unit = hours ? 3600 : minutes ? 60 : 1;
    if (!isfinite(seconds))
        return none();
    struct number_text value = fixed(seconds / unit, size / unit < 100 ? 1 : 0, false);
    if (size < 10)
        value = fixed(seconds, 2, false);
    snprintf(result.text, sizeof result.text, "%.40s %s", value.text,
             hours     ? "h"
             : minutes ? "min"
                       : "s");
    return result;
}

struct number_text number_interval(double low, double high, struct number_text (*one)(double))
{
    struct number_text result = {""};
    if (isfinite(low) && isfinite(high))
        snprintf(result.text, sizeof result.text, "[%.28s, %.28s]", one(low).text, one(high).text);
    return result;
}
