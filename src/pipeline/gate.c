#include "pipeline/gate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define ANY (-1)

/* It comes from a network, and is shown in states, logs and terminals. */
static void keep_text(const char *text, char ret_text[GATE_TEXT_MAX])
{
    int length = json_utf8_head(text, GATE_TEXT_MAX - 1);
    memcpy(ret_text, text, (size_t)length);
    ret_text[length] = '\0';
    for (char *c = ret_text; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    }
}

struct gate_value gate_judge(const struct conditions *gate, size_t condition, const struct tag *tag)
{
    const struct condition *wanted = &gate->item[condition];
    struct gate_value value = {.type = tag->type, .which = ANY};
    size_t which;
    bool unknown = tag->type == TAG_NULL || (tag->type != TAG_TEXT && isnan(tag->number));
    if (unknown) {
        value.type = TAG_NULL;
        value.verdict = strcmp(wanted->name, GATE_MODE) ? GATE_UNKNOWN : GATE_OPEN;
        return value;
    }
    if (tag->type == TAG_TEXT)
        keep_text(tag->text, value.text);
    else
        value.number = tag->number;
    bool holds = condition_holds(wanted, tag, &which);
    value.verdict = holds ? GATE_OPEN : GATE_CLOSED;
    value.which = holds ? (int)which : ANY;
    return value;
}

bool gate_is_open(const struct conditions *gate, const struct gate_reading *reading)
{
    bool open = true;
    for (size_t i = 0; i < gate->count; i++)
        open &= reading->value[i].verdict == GATE_OPEN;
    return open;
}

static bool looks_new(const struct gate_value *known, const struct gate_value *value)
{
    if (known->verdict != value->verdict)
        return true;
    if (value->verdict == GATE_OPEN)
        return false;
    if (known->type != value->type)
        return true;
    return value->type == TAG_TEXT ? strcmp(known->text, value->text) != 0
                                   : value->type == TAG_BOOL && known->number != value->number;
}

struct gate_change gate_follow(const struct conditions *gate, struct gate_reading *known,
                               const struct gate_reading *sample)
{
    struct gate_change change = {false, false};
    for (size_t i = 0; i < gate->count; i++) {
        struct gate_value *before = &known->value[i];
        const struct gate_value *value = &sample->value[i];
        bool told = looks_new(before, value);
        bool open = before->verdict == GATE_OPEN && value->verdict == GATE_OPEN;
        change.told |= told;
        change.parted |=
            open && before->which != value->which && before->which >= 0 && value->which >= 0;
        if (told || (open && value->which >= 0))
            *before = *value;
    }
    return change;
}

void gate_reason(const struct condition *condition, const struct gate_value *value,
                 char ret_text[GATE_REASON_MAX])
{
    char seen[GATE_TEXT_MAX + 4] = "unknown";
    bool text_wanted = false;
    for (size_t i = 0; i < condition->count; i++)
        text_wanted |= condition->allowed[i].type == TAG_TEXT;
    if (value->type == TAG_TEXT) /* "30" is not 30: the quotes tell why it does not hold */
        snprintf(seen, sizeof seen, text_wanted ? "%s" : "\"%s\"", value->text);
    else if (value->type == TAG_BOOL)
        snprintf(seen, sizeof seen, "%s", value->number != 0 ? "true" : "false");
    else if (value->type == TAG_NUMBER)
        snprintf(seen, sizeof seen, "%.6g", value->number);
    snprintf(ret_text, GATE_REASON_MAX, "%s %s", condition->name, seen);
}
