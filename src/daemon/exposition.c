#include "daemon/exposition.h"

#include <math.h>
#include <string.h>

void exposition_family(struct text *out, const char *name, enum exposition_kind kind,
                       const char *help)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    text_put(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, types[kind]);
}

static void add_escaped(struct text *out, const char *value)
{
    while (*value) {
        size_t plain = strcspn(value, "\\\"\n");
        text_bytes(out, value, plain);
        value += plain;
        if (*value == '\n')
            text_add(out, "\\n");
        else if (*value)
            text_bytes(out, (const char[]){'\\', *value}, 2);
        value += *value != '\0';
    }
}

static void add_labels(struct text *out, const struct exposition_label *labels)
{
    for (size_t i = 0; i < EXPOSITION_LABELS_MAX && labels[i].name; i++) {
        text_add(out, i ? "," : "{");
        text_add(out, labels[i].name);
        text_add(out, "=\"");
        add_escaped(out, labels[i].value);
        text_char(out, '"');
    }
    if (labels[0].name)
        text_char(out, '}');
}

/* Most are counters, and a thousand robots have many. */
static void add_value(struct text *out, double value)
{
    if (value >= 0 && value <= 9007199254740992.0 && value == (double)(uint64_t)value)
        text_integer(out, (uint64_t)value);
    else if (isnan(value))
        text_add(out, "NaN");
    else if (isinf(value))
        text_add(out, value > 0 ? "+Inf" : "-Inf");
    else
        text_put(out, "%.15g", value);
}

void exposition_sample(struct text *out, const char *name, const char *suffix,
                       const struct exposition_label *labels, double value)
{
    text_add(out, name);
    text_add(out, suffix);
    if (labels)
        add_labels(out, labels);
    text_char(out, ' ');
    add_value(out, value);
    text_char(out, '\n');
}
