#include "pipeline/assembler.h"

#include "base/clock.h"
#include "pipeline/assembler_layout.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct assembler {
    struct assembler_layout *layout;
    float *value;                    /* [channels] */
    struct assembler_signal *signal; /* [targets - channels] */
    int64_t *time_ns;                /* [targets] */
    bool *known;                     /* [targets] */
    bool *doubted;                   /* [targets] what is known may be so no longer */
    char mode[SAMPLE_MODE_MAX];
    bool started, ticked;
    int64_t newest_ns; /* time of tags */
    int64_t border_ns; /* the next one */
    int64_t due_ns;    /* of the sample that is due */
    uint64_t restarts;
};

static const char *const refusal_names[ASSEMBLER_REFUSALS] = {
    [ASSEMBLER_TAKEN] = "taken",
    [ASSEMBLER_UNKNOWN] = "unknown",
    [ASSEMBLER_LATE] = "late",
    [ASSEMBLER_NOT_A_NUMBER] = "not_a_number",
    [ASSEMBLER_NOT_IN_TABLE] = "not_in_table",
    [ASSEMBLER_NONFINITE] = "nonfinite",
};

const char *assembler_refusal_name(enum assembler_refusal refusal)
{
    assert(refusal < ASSEMBLER_REFUSALS);
    return refusal_names[refusal];
}

/* ---- one robot */

struct assembler *assembler_new(struct assembler_layout *layout)
{
    struct assembler *assembler = calloc(1, sizeof *assembler);
    if (!assembler)
        return NULL;
    assembler->layout = assembler_layout_ref(layout);
    assembler->value = calloc(layout->targets, sizeof *assembler->value);
    assembler->signal = calloc(layout->targets - layout->channels + 1, sizeof *assembler->signal);
    assembler->time_ns = calloc(layout->targets, sizeof *assembler->time_ns);
    assembler->known = calloc(layout->targets, sizeof *assembler->known);
    assembler->doubted = calloc(layout->targets, sizeof *assembler->doubted);
    if (!assembler->value || !assembler->signal || !assembler->time_ns || !assembler->known ||
        !assembler->doubted) {
        assembler_free(assembler);
        return NULL;
    }
    return assembler;
}

void assembler_free(struct assembler *assembler)
{
    if (!assembler)
        return;
    assembler_layout_unref(assembler->layout);
    free(assembler->value);
    free(assembler->signal);
    free(assembler->time_ns);
    free(assembler->known);
    free(assembler->doubted);
    free(assembler);
}

/* ---- time */

static void begin_at(struct assembler *assembler, int64_t time_ns)
{
    int64_t period_ns = assembler->layout->period_ns;
    assembler->started = true;
    assembler->newest_ns = time_ns;
    assembler->border_ns = (time_ns + period_ns - 1) / period_ns * period_ns;
}

/* The clock of the source was set back: what holds for ever still does, the rest is of no known
 * age. */
static void set_back(struct assembler *assembler, int64_t time_ns)
{
    for (size_t t = 0; t < assembler->layout->targets; t++) {
        assembler->known[t] &= assembler->layout->target[t].max_age_ns == INT64_MAX;
        assembler->time_ns[t] = time_ns;
    }
}

bool assembler_due(struct assembler *assembler, int64_t time_ns)
{
    const struct assembler_layout *layout = assembler->layout;
    int64_t step_ns = assembler->started ? time_ns - assembler->newest_ns : 0;
    if (!assembler->started) {
        begin_at(assembler, time_ns);
    } else if (step_ns > layout->patience_ns || step_ns < -layout->patience_ns) {
        if (step_ns < 0)
            set_back(assembler, time_ns);
        begin_at(assembler, time_ns);
        assembler->restarts++;
    } else if (step_ns > 0) {
        assembler->newest_ns = time_ns;
    }
    if (layout->tick != ASSEMBLER_NONE || time_ns <= assembler->border_ns)
        return false;
    assembler->due_ns = assembler->border_ns;
    assembler->border_ns += layout->period_ns;
    return true;
}

void assembler_doubt(struct assembler *assembler)
{
    memset(assembler->doubted, true, assembler->layout->targets * sizeof *assembler->doubted);
}

void assembler_forget(struct assembler *assembler)
{
    memset(assembler->known, 0, assembler->layout->targets * sizeof *assembler->known);
}

void assembler_shift(struct assembler *assembler, int64_t step_ns)
{
    if (!assembler->started)
        return;
    for (size_t t = 0; t < assembler->layout->targets; t++)
        assembler->time_ns[t] += step_ns;
    begin_at(assembler, assembler->newest_ns + step_ns);
}

uint64_t assembler_restarts(const struct assembler *assembler)
{
    return assembler->restarts;
}

/* ---- tags */

static enum assembler_refusal put(struct assembler *assembler, size_t t,
                                  const struct assembler_input *input, struct diag *diag)
{
    const struct assembler_target *target = &assembler->layout->target[t];
    const struct tag *tag = &input->tag;
    enum assembler_refusal refusal = ASSEMBLER_TAKEN;
    bool doubted = assembler->doubted[t];
    if (input->old && ((assembler->known[t] && !doubted) || target->max_age_ns != INT64_MAX))
        return ASSEMBLER_TAKEN;
    assembler->doubted[t] = false;
    if (assembler->known[t] && !doubted && input->time_ns < assembler->time_ns[t]) {
        diag_set(diag, "channel \"%s\": older than the value that is there", target->channel);
        return ASSEMBLER_LATE;
    }
    if (tag->type == TAG_NULL) {
        assembler->known[t] = false;
        return ASSEMBLER_TAKEN;
    }
    if (assembler_is_mode(assembler->layout, t))
        refusal = assembler_to_mode(target, tag, assembler->mode, diag);
    else if (t < assembler->layout->channels)
        refusal = assembler_to_number(target, tag, &assembler->value[t], diag);
    else
        refusal = assembler_to_signal(target, tag,
                                      &assembler->signal[t - assembler->layout->channels], diag);
    assembler->known[t] =
        refusal == ASSEMBLER_TAKEN; /* a value that makes no sense ends the last */
    assembler->time_ns[t] = input->time_ns;
    if (t == assembler->layout->tick && !input->old) {
        assembler->ticked = true;
        assembler->due_ns = input->time_ns;
    }
    return refusal;
}

enum assembler_refusal assembler_put(struct assembler *assembler,
                                     const struct assembler_input *input, struct diag *diag)
{
    const struct assembler_layout *layout = assembler->layout;
    const char *name = input->name;
    size_t number = name_table_find(layout->table, name);
    enum assembler_refusal refusal = ASSEMBLER_TAKEN;
    if (number == NAME_TABLE_NONE) {
        diag_set(diag, "tag \"%.*s\": no channel is made of it", json_utf8_head(name, 80), name);
        return ASSEMBLER_UNKNOWN;
    }
    for (size_t t = layout->first[number]; t != ASSEMBLER_NONE; t = layout->target[t].next) {
        enum assembler_refusal one = put(assembler, t, input, diag);
        refusal = refusal ? refusal : one;
    }
    return refusal;
}

/* ---- samples */

bool assembler_ticked(struct assembler *assembler)
{
    bool ticked = assembler->ticked;
    assembler->ticked = false;
    return ticked;
}

/* What a target is at that moment, or stands for it. */
static enum sample_refusal look(const struct assembler *assembler, size_t t, int64_t now_ns,
                                float *ret_value, struct diag *diag)
{
    const struct assembler_target *target = &assembler->layout->target[t];
    int64_t age = now_ns - assembler->time_ns[t];
    bool old = assembler->known[t] && age > target->max_age_ns;
    *ret_value = assembler->value[t];
    if (assembler->known[t] && !old)
        return SAMPLE_ACCEPTED;
    if (target->rule && target->rule->substituted) {
        *ret_value = (float)target->rule->substitute;
        return SAMPLE_ACCEPTED;
    }
    if (old) {
        diag_set(diag, "channel \"%s\" is %.3g s old, may be %.3g s", target->channel,
                 (double)age / (double)CLOCK_NS_PER_S,
                 (double)target->max_age_ns / (double)CLOCK_NS_PER_S);
        return SAMPLE_STALE_CHANNEL;
    }
    const char *first;
    diag_set(diag, "channel \"%s\" (tag \"%s\") has no value (%zu of %zu have none)",
             target->channel, target->tag, assembler_absent(assembler, &first),
             assembler->layout->targets);
    return SAMPLE_MISSING_CHANNEL;
}

/* The tag of a signal or channel, as the gate sees it. */
static struct tag signal_now(const struct assembler *assembler, const char *name,
                             const struct sample *sample, const float *values)
{
    const struct assembler_layout *layout = assembler->layout;
    size_t t = name_table_find(layout->by_name, name);
    if (!strcmp(name, GATE_MODE))
        return (struct tag){*sample->mode ? TAG_TEXT : TAG_NULL, .text = sample->mode};
    if (t < layout->channels)
        return (struct tag){.type = TAG_NUMBER, .number = (double)values[t]};
    if (t == NAME_TABLE_NONE || !assembler->known[t] ||
        sample->time_ns - assembler->time_ns[t] > layout->target[t].max_age_ns)
        return (struct tag){.type = TAG_NULL};
    const struct assembler_signal *signal = &assembler->signal[t - layout->channels];
    struct tag tag = signal->tag;
    if (tag.type == TAG_TEXT)
        tag.text = signal->text;
    return tag;
}

enum sample_refusal assembler_sample(const struct assembler *assembler,
                                     const struct conditions *gate, struct sample *ret_sample,
                                     float *ret_values, struct diag *diag)
{
    const struct assembler_layout *layout = assembler->layout;
    int64_t now_ns = assembler->due_ns;
    *ret_sample = (struct sample){.time_ns = now_ns, .has_time = true};
    for (size_t t = 0; t < layout->targets; t++) {
        float value;
        bool mode = assembler_is_mode(layout, t);
        if (t >= layout->channels && !mode)
            continue;
        enum sample_refusal refusal = look(assembler, t, now_ns, &value, diag);
        if (refusal)
            return refusal;
        if (mode)
            strcpy(ret_sample->mode, assembler->mode);
        else
            ret_values[t] = value;
    }
    for (size_t i = 0; i < gate->count; i++) {
        const struct tag tag = signal_now(assembler, gate->item[i].name, ret_sample, ret_values);
        ret_sample->gate.value[i] = gate_judge(gate, i, &tag);
    }
    return SAMPLE_ACCEPTED;
}

void assembler_take_over(struct assembler *assembler, const struct assembler *before)
{
    const struct assembler_layout *layout = assembler->layout, *old = before->layout;
    for (size_t t = 0; t < layout->targets; t++) {
        size_t from = name_table_find(old->by_name, layout->target[t].channel);
        if (from == NAME_TABLE_NONE)
            continue;
        assembler->known[t] = before->known[from];
        assembler->doubted[t] = before->doubted[from];
        assembler->time_ns[t] = before->time_ns[from];
        if (t < layout->channels)
            assembler->value[t] = before->value[from];
        else
            assembler->signal[t - layout->channels] = before->signal[from - old->channels];
    }
    strcpy(assembler->mode, before->mode);
    assembler->started = before->started;
    assembler->newest_ns = before->newest_ns;
    assembler->border_ns = before->border_ns;
    assembler->restarts = before->restarts;
}

size_t assembler_absent(const struct assembler *assembler, const char **ret_first)
{
    size_t absent = 0;
    *ret_first = NULL;
    for (size_t t = 0; t < assembler->layout->targets; t++) {
        if (assembler->known[t])
            continue;
        if (absent++ == 0)
            *ret_first = assembler->layout->target[t].channel;
    }
    return absent;
}
