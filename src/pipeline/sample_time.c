#include "pipeline/sample_time.h"

#include "base/clock.h"

#include <math.h>
#include <string.h>

static const struct time_unit {
    const char *name, *words;
    double ns;
} time_units[SAMPLE_TIME_UNITS] = {[SAMPLE_TIME_S] = {"s", "seconds", 1e9},
                                   [SAMPLE_TIME_MS] = {"ms", "milliseconds", 1e6},
                                   [SAMPLE_TIME_US] = {"us", "microseconds", 1e3},
                                   [SAMPLE_TIME_NS] = {"ns", "nanoseconds", 1}};

enum sample_time_unit sample_time_unit(const char *name)
{
    int unit = SAMPLE_TIME_S;
    while (unit < SAMPLE_TIME_NS && strcmp(time_units[unit].name, name) != 0)
        unit++;
    return (enum sample_time_unit)unit;
}

/* The unit in which a number is a date of this century; NULL if there is none. */
static const struct time_unit *find_dated_unit(double value)
{
    for (size_t i = 0; i < SAMPLE_TIME_UNITS; i++) {
        double seconds = value * time_units[i].ns / 1e9;
        if (seconds >= 9.8e8 && seconds < 4.2e9)
            return &time_units[i];
    }
    return NULL;
}

/* A time in another unit than the configured one would be a jump of centuries: it is refused in
 * those words. Other numbers are accepted, because some sources count from their own start. */
bool sample_time_of_number(double value, enum sample_time_unit time_unit, int64_t *ret_time_ns,
                           struct diag *diag)
{
    const struct time_unit *unit = &time_units[time_unit];
    const struct time_unit *dated = find_dated_unit(value);
    if (dated && dated != unit) {
        diag_set(diag, "time %.*f must be %s: set time_unit to \"%s\" (it is \"%s\")",
                 value == floor(value) ? 0 : 3, value, dated->words, dated->name, unit->name);
        return false;
    }
    if (value < 0 || value * unit->ns > 9e18) {
        diag_set(diag, "time %.17g is out of range for time_unit %s", value, unit->name);
        return false;
    }
    double whole = floor(value * unit->ns / 1e9);
    double rest_ns = value * unit->ns - whole * 1e9;
    *ret_time_ns = time_unit == SAMPLE_TIME_NS ? (int64_t)value
                                               : (int64_t)whole * CLOCK_NS_PER_S + llround(rest_ns);
    return true;
}

bool sample_time_read(const cJSON *item, enum sample_time_unit unit, int64_t *ret_time_ns,
                      struct diag *diag)
{
    if (cJSON_IsNumber(item))
        return sample_time_of_number(item->valuedouble, unit, ret_time_ns, diag);
    if (!cJSON_IsString(item))
        diag_set(diag, "time is %s, must be RFC 3339 or a number", json_type_name(item));
    else if (!clock_parse_rfc3339(item->valuestring, strlen(item->valuestring), ret_time_ns))
        diag_set(diag, "time \"%.40s\" is not RFC 3339 with an offset or Z", item->valuestring);
    else
        return true;
    return false;
}
