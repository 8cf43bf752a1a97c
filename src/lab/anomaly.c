#include "lab/anomaly.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    double usual, least, most;
    const char *unit; /* NULL: takes no amount */
} kinds[ANOMALY_KINDS] = {
    [ANOMALY_NONE] = {"none", 0, 0, 0, NULL},
    [ANOMALY_SLOW] = {"slow", 0.5, 0.05, 0.99, "of the programmed speed"},
    [ANOMALY_COLLISION] = {"collision", 0, 0, 0, NULL},
    [ANOMALY_PAYLOAD] = {"payload", 1, 0.01, 14, "kg"},
    [ANOMALY_FRICTION] = {"friction", 1.5, 1, 10, "times the friction"},
    [ANOMALY_STUCK] = {"stuck", 0, 1, 7, "as number of the sensor"},
    [ANOMALY_DROPOUT] = {"dropout", 0, 1, 7, "as number of the sensor"},
    [ANOMALY_LOOSE] = {"loose", 0, 1, 7, "as number of the sensor"},
};

const char *anomaly_name(enum anomaly_kind kind)
{
    return kinds[kind].name;
}

static int parse_amount(const char *text, struct anomaly *anomaly, struct diag *diag)
{
    enum anomaly_kind kind = anomaly->kind;
    if (!kinds[kind].unit)
        return diag_set(diag, "anomaly \"%s\" takes no amount", kinds[kind].name);
    char *end;
    anomaly->amount = strtod(text, &end);
    bool sensor = kind >= ANOMALY_STUCK;
    if (end == text || *end != '\0' || !(anomaly->amount >= kinds[kind].least) ||
        !(anomaly->amount <= kinds[kind].most) ||
        (sensor && anomaly->amount != floor(anomaly->amount)))
        return diag_set(diag, "anomaly \"%s:%s\": %g to %g %s are allowed", kinds[kind].name, text,
                        kinds[kind].least, kinds[kind].most, kinds[kind].unit);
    return 0;
}

int anomaly_parse(const char *text, struct anomaly *ret_anomaly, struct diag *diag)
{
    char copy[64];
    if (strlen(text) >= sizeof copy)
        return diag_set(diag, "anomaly \"%.40s...\" is not known", text);
    strcpy(copy, text);
    char *slash = strchr(copy, '/'), *colon = strchr(copy, ':');
    bool some = slash && !strcmp(slash, "/some");
    if (some)
        *slash = '\0';
    if (colon)
        *colon = '\0';
    for (int kind = 0; kind < ANOMALY_KINDS; kind++) {
        if (strcmp(copy, kinds[kind].name) != 0)
            continue;
        if (some && kind != ANOMALY_SLOW)
            return diag_set(diag, "anomaly \"%s\": only \"slow\" can be /some", text);
        *ret_anomaly = (struct anomaly){kind, kinds[kind].usual, some};
        return colon ? parse_amount(colon + 1, ret_anomaly, diag) : 0;
    }
    return diag_set(diag,
                    "anomaly \"%s\" is not known; slow:SPEED[/some], collision, payload:KG, "
                    "friction:FACTOR, stuck, dropout, loose and none are",
                    text);
}
