/*
 * Targets of tags are the model's channels, in their order, and behind them signals: the mode,
 * those of the gate, and the one that makes samples. Several targets may be made of one tag: they
 * are a chain through `next`.
 */
#include "pipeline/assembler.h"

#include "base/clock.h"
#include "base/name_table.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NONE SIZE_MAX

#define SIGNAL_TEXT_MAX (CONDITION_TEXT_MAX + 1)

struct target {
    char *channel;
    const char *tag;                   /* the rule's, or the channel's name */
    const struct assembler_rule *rule; /* NULL: as it comes */
    int64_t max_age_ns;                /* INT64_MAX: for ever */
    size_t next;                       /* of the same tag */
};

struct assembler_layout {
    unsigned references;
    size_t channels, targets; /* targets: with the signals */
    struct target *target;    /* [targets] */
    char **names;             /* [targets] of the targets, for by_name */
    struct name_table *by_name;
    const char **tags; /* [tag_count] distinct */
    size_t *first;     /* [tag_count] target of a tag */
    size_t tag_count;
    struct name_table *table; /* of tags */
    size_t tick;              /* target whose arrival makes a sample; NONE: the clock does */
    int64_t period_ns;
    int64_t patience_ns; /* a larger step of the times is a jump */
};

/* As it came, or what its table makes of it. */
struct signal {
    struct tag tag;
    char text[SIGNAL_TEXT_MAX];
};

struct assembler {
    struct assembler_layout *layout;
    float *value;          /* [channels] */
    struct signal *signal; /* [targets - channels] */
    int64_t *time_ns;      /* [targets] */
    bool *known;           /* [targets] */
    bool *doubted;         /* [targets] what is known may be so no longer */
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

/* ---- layout */

static int64_t age_ns(double s)
{
    return isinf(s) ? INT64_MAX : (int64_t)(s * (double)CLOCK_NS_PER_S);
}

static bool fill_target(struct assembler_layout *layout, const struct assembler_rules *rules,
                        const char *name)
{
    const struct assembler_rule *rule = assembler_rules_find(rules, name);
    struct target *target = &layout->target[layout->targets];
    target->channel = strdup(name);
    if (!target->channel)
        return false;
    target->rule = rule;
    target->tag = rule ? rule->tag : target->channel;
    target->max_age_ns = age_ns(rule ? rule->max_age_s : rules->max_age_s);
    target->next = NONE;
    layout->targets++;
    return true;
}

/* Every tag once, with the targets that are made of it. */
static bool index_tags(struct assembler_layout *layout)
{
    const char **of_target = calloc(layout->targets + 1, sizeof *of_target);
    layout->tags = calloc(layout->targets + 1, sizeof *layout->tags);
    layout->first = calloc(layout->targets + 1, sizeof *layout->first);
    for (size_t t = 0; of_target && t < layout->targets; t++)
        of_target[t] = layout->target[t].tag;
    struct name_table *first_of = of_target ? name_table_new(of_target, layout->targets) : NULL;
    bool ok = layout->tags && layout->first && first_of;
    for (size_t t = 0; ok && t < layout->targets; t++) {
        size_t first = name_table_find(first_of, of_target[t]);
        if (first == t) {
            layout->tags[layout->tag_count] = of_target[t];
            layout->first[layout->tag_count++] = t;
        } else { /* behind the first, before the others */
            layout->target[t].next = layout->target[first].next;
            layout->target[first].next = t;
        }
    }
    name_table_free(first_of);
    free(of_target);
    layout->table = ok ? name_table_new(layout->tags, layout->tag_count) : NULL;
    return layout->table;
}

/* Before there is a table. */
static size_t find_target(const struct assembler_layout *layout, const char *channel)
{
    for (size_t t = 0; t < layout->targets; t++) {
        if (!strcmp(layout->target[t].channel, channel))
            return t;
    }
    return NONE;
}

static bool add_signal(struct assembler_layout *layout, const struct assembler_rules *rules,
                       const char *name)
{
    return find_target(layout, name) != NONE || fill_target(layout, rules, name);
}

/* The mode counts only where a rule says which tag it is: else every sample without one would be
 * refused. */
static bool add_signals(struct assembler_layout *layout, const struct assembler_rules *rules,
                        const struct conditions *gate)
{
    bool ok = true;
    if (assembler_rules_find(rules, ASSEMBLER_MODE))
        ok = add_signal(layout, rules, ASSEMBLER_MODE);
    for (size_t i = 0; ok && i < gate->count; i++) {
        if (strcmp(gate->item[i].name, ASSEMBLER_MODE) != 0)
            ok = add_signal(layout, rules, gate->item[i].name);
    }
    layout->tick = NONE;
    if (ok && rules->tick && (ok = add_signal(layout, rules, rules->tick)))
        layout->tick = find_target(layout, rules->tick);
    return ok;
}

static bool index_names(struct assembler_layout *layout)
{
    layout->names = calloc(layout->targets + 1, sizeof *layout->names);
    for (size_t t = 0; layout->names && t < layout->targets; t++)
        layout->names[t] = layout->target[t].channel;
    if (layout->names)
        layout->by_name = name_table_new((const char *const *)layout->names, layout->targets);
    return layout->by_name;
}

struct assembler_layout *assembler_layout_new(const struct assembler_rules *rules,
                                              const struct conditions *gate,
                                              const char *const *names, size_t channels,
                                              double period_s)
{
    struct assembler_layout *layout = calloc(1, sizeof *layout);
    if (!layout)
        return NULL;
    layout->references = 1;
    layout->channels = channels;
    layout->target = calloc(channels + gate->count + 2, sizeof *layout->target);
    bool ok = layout->target != NULL;
    for (size_t c = 0; ok && c < channels; c++)
        ok = fill_target(layout, rules, names[c]);
    if (!ok || !add_signals(layout, rules, gate) || !index_names(layout) || !index_tags(layout)) {
        assembler_layout_unref(layout);
        return NULL;
    }
    layout->period_ns = age_ns(rules->period_s > 0 ? rules->period_s : period_s);
    int64_t age = isinf(rules->max_age_s) ? 0 : age_ns(rules->max_age_s);
    layout->patience_ns = age > CLOCK_NS_PER_S ? age : CLOCK_NS_PER_S;
    return layout;
}

struct assembler_layout *assembler_layout_of(const struct assembler_rules *rules,
                                             const struct conditions *gate,
                                             const struct model *model)
{
    const char **names = calloc(model->channels + 1, sizeof *names);
    if (!names)
        return NULL;
    for (size_t c = 0; c < model->channels; c++)
        names[c] = model->channel[c].name;
    struct assembler_layout *layout =
        assembler_layout_new(rules, gate, names, model->channels, model->period_s);
    free(names);
    return layout;
}

struct assembler_layout *assembler_layout_ref(struct assembler_layout *layout)
{
    layout->references++;
    return layout;
}

void assembler_layout_unref(struct assembler_layout *layout)
{
    if (!layout || --layout->references > 0)
        return;
    for (size_t t = 0; layout->target && t < layout->targets; t++)
        free(layout->target[t].channel);
    free(layout->target);
    free(layout->names);
    name_table_free(layout->by_name);
    free(layout->tags);
    free(layout->first);
    name_table_free(layout->table);
    free(layout);
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
    if (layout->tick != NONE || time_ns <= assembler->border_ns)
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

static const struct assembler_word *find_word(const struct assembler_rule *rule, const char *word)
{
    for (size_t w = 0; rule && w < rule->word_count; w++) {
        if (!strcmp(rule->words[w].word, word))
            return &rule->words[w];
    }
    return NULL;
}

static enum assembler_refusal refuse_word(const struct target *target, const char *word,
                                          struct diag *diag)
{
    int shown = json_utf8_head(word, 60);
    if (target->rule && target->rule->word_count > 0) {
        diag_set(diag, "channel \"%s\": \"%.*s\" is not in its table", target->channel, shown,
                 word);
        return ASSEMBLER_NOT_IN_TABLE;
    }
    diag_set(diag, "channel \"%s\": \"%.*s\" is no number, and the channel has no table",
             target->channel, shown, word);
    return ASSEMBLER_NOT_A_NUMBER;
}

/* Gateways write numbers as texts, too: "12.5". */
static bool read_number_text(const char *text, double *ret_number)
{
    char *end;
    if (strspn(text, "0123456789+-.eE") != strlen(text) || !*text)
        return false;
    *ret_number = strtod(text, &end);
    return !*end;
}

static enum assembler_refusal to_number(const struct target *target, const struct tag *tag,
                                        float *ret_value, struct diag *diag)
{
    const struct assembler_rule *rule = target->rule;
    const char *text = tag->type == TAG_TEXT   ? tag->text
                       : tag->type == TAG_BOOL ? (tag->number != 0 ? "true" : "false")
                                               : NULL;
    const struct assembler_word *word = text ? find_word(rule, text) : NULL;
    double number = tag->number;
    if (tag->type == TAG_TEXT && !word && !read_number_text(text, &number))
        return refuse_word(target, text, diag);
    double value = word ? word->number : rule ? rule->scale * number + rule->offset : number;
    *ret_value = (float)value;
    if (isfinite(*ret_value))
        return ASSEMBLER_TAKEN;
    diag_set(diag, "channel \"%s\" is %g, must be a number that a 32-bit float can hold",
             target->channel, value);
    return ASSEMBLER_NONFINITE;
}

/* A mode may be a word, or the number of one: "AUT", 4. */
static enum assembler_refusal to_mode(const struct target *target, const struct tag *tag,
                                      char ret_mode[SAMPLE_MODE_MAX], struct diag *diag)
{
    char number[40];
    const char *text = tag->text;
    if (tag->type == TAG_BOOL)
        text = tag->number != 0 ? "true" : "false";
    if (tag->type == TAG_NUMBER) {
        snprintf(number, sizeof number, "%.15g", tag->number);
        text = number;
    }
    const struct assembler_word *word = find_word(target->rule, text);
    if (!word && target->rule->word_count > 0)
        return refuse_word(target, text, diag);
    if (word)
        text = word->text;
    if (strlen(text) >= SAMPLE_MODE_MAX) {
        diag_set(diag, "mode: %zu bytes, at most %d are allowed", strlen(text),
                 SAMPLE_MODE_MAX - 1);
        return ASSEMBLER_NOT_IN_TABLE;
    }
    strcpy(ret_mode, text);
    return ASSEMBLER_TAKEN;
}

/* A signal is what its table says, or else as it comes. */
static enum assembler_refusal to_signal(const struct target *target, const struct tag *tag,
                                        struct signal *signal, struct diag *diag)
{
    char number[40];
    const char *text = tag->type == TAG_TEXT ? tag->text : number;
    snprintf(number, sizeof number, "%.15g", tag->number);
    if (tag->type == TAG_BOOL)
        text = tag->number != 0 ? "true" : "false";
    const struct assembler_word *word = find_word(target->rule, text);
    signal->tag = *tag;
    if (word)
        signal->tag = (struct tag){.type = TAG_NUMBER, .number = word->number};
    if (signal->tag.type != TAG_TEXT)
        return ASSEMBLER_TAKEN;
    if (strlen(text) >= SIGNAL_TEXT_MAX) {
        diag_set(diag, "signal \"%s\": %zu bytes, at most %d are allowed", target->channel,
                 strlen(text), SIGNAL_TEXT_MAX - 1);
        return ASSEMBLER_NOT_IN_TABLE;
    }
    strcpy(signal->text, text);
    return ASSEMBLER_TAKEN;
}

static bool is_mode(const struct assembler_layout *layout, size_t t)
{
    return t >= layout->channels && !strcmp(layout->target[t].channel, ASSEMBLER_MODE);
}

static enum assembler_refusal put(struct assembler *assembler, size_t t,
                                  const struct assembler_input *input, struct diag *diag)
{
    const struct target *target = &assembler->layout->target[t];
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
    if (is_mode(assembler->layout, t))
        refusal = to_mode(target, tag, assembler->mode, diag);
    else if (t < assembler->layout->channels)
        refusal = to_number(target, tag, &assembler->value[t], diag);
    else
        refusal = to_signal(target, tag, &assembler->signal[t - assembler->layout->channels], diag);
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
    for (size_t t = layout->first[number]; t != NONE; t = layout->target[t].next) {
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
    const struct target *target = &assembler->layout->target[t];
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
    const struct signal *signal = &assembler->signal[t - layout->channels];
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
        bool mode = is_mode(layout, t);
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
