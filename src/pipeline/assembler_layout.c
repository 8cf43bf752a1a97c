#include "pipeline/assembler_layout.h"

#include "base/clock.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Samples that one message may make, whatever its time: they are made at once. */
#define CATCH_UP_MAX 1000

static int64_t age_ns(double s)
{
    return isinf(s) ? INT64_MAX : (int64_t)(s * (double)CLOCK_NS_PER_S);
}

static bool fill_target(struct assembler_layout *layout, const struct assembler_rules *rules,
                        const char *name)
{
    const struct assembler_rule *rule = assembler_rules_find(rules, name);
    struct assembler_target *target = &layout->target[layout->targets];
    target->channel = strdup(name);
    if (!target->channel)
        return false;
    target->rule = rule;
    target->tag = rule ? rule->tag : target->channel;
    target->max_age_ns = age_ns(rule ? rule->max_age_s : rules->max_age_s);
    target->next = ASSEMBLER_NONE;
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
    return ASSEMBLER_NONE;
}

static bool add_signal(struct assembler_layout *layout, const struct assembler_rules *rules,
                       const char *name)
{
    return find_target(layout, name) != ASSEMBLER_NONE || fill_target(layout, rules, name);
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
    layout->tick = ASSEMBLER_NONE;
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
    int64_t most = CATCH_UP_MAX * layout->period_ns;
    age = age < most ? age : most;
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

bool assembler_is_mode(const struct assembler_layout *layout, size_t t)
{
    return t >= layout->channels && !strcmp(layout->target[t].channel, ASSEMBLER_MODE);
}
