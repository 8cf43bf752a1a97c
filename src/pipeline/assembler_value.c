/* What a tag's value is to the target that is made of it. */
#include "pipeline/assembler_layout.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct assembler_word *find_word(const struct assembler_rule *rule, const char *word)
{
    for (size_t w = 0; rule && w < rule->word_count; w++) {
        if (!strcmp(rule->words[w].word, word))
            return &rule->words[w];
    }
    return NULL;
}

static enum assembler_refusal refuse_word(const struct assembler_target *target, const char *word,
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

enum assembler_refusal assembler_to_number(const struct assembler_target *target,
                                           const struct tag *tag, float *ret_value,
                                           struct diag *diag)
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
enum assembler_refusal assembler_to_mode(const struct assembler_target *target,
                                         const struct tag *tag, char ret_mode[SAMPLE_MODE_MAX],
                                         struct diag *diag)
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
enum assembler_refusal assembler_to_signal(const struct assembler_target *target,
                                           const struct tag *tag, struct assembler_signal *signal,
                                           struct diag *diag)
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
