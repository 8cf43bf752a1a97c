#include "lab/adversary_options.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define SLOPE 0.2
#define WIDTH_MAX 65536
#define STEPS_MAX 1000

static const char *const kind_names[ADVERSARY_KINDS] = {"none", "paper", "stable"};
static const char *const smoothing_names[ADVERSARY_SMOOTHINGS] = {"none", "one-sided", "two-sided",
                                                                  "in-loss"};
static const char *const norm_names[ADVERSARY_NORMS] = {"none", "layer", "batch"};

struct adversary_options adversary_defaults(enum adversary_kind kind)
{
    if (kind == ADVERSARY_PAPER)
        return (struct adversary_options){
            .kind = kind,
            .hidden = {256, 128, 64},
            .hidden_count = 3,
            .norm = ADVERSARY_NORM_LAYER,
            .dropout = true,
            .rate = 0.005,
            .beta1 = 0.9,
            .beta2 = 0.999,
            .steps = 1,
            .every = 1,
            .smoothing = ADVERSARY_SMOOTHING_ONE_SIDED,
            .smoothing_amount = 0.1,
            .weight = 1,
        };
    return (struct adversary_options){
        .kind = kind,
        .hidden = {256, 128, 64},
        .hidden_count = 3,
        .rate = 2e-4,
        .beta1 = 0,
        .beta2 = 0.99,
        .steps = 1,
        .every = 1,
        .gamma = 20,
        .smoothing_amount = 0.1,
        .weight = 0.1,
        .warmup_epochs = 3,
        .ramp_epochs = 3,
    };
}

static int check_layers(const struct adversary_options *options, struct diag *diag)
{
    if (options->hidden_count < 1 || options->hidden_count > ADVERSARY_HIDDEN_MAX)
        return diag_set(diag, "adversary: %zu hidden layers; allowed are 1 to %d",
                        options->hidden_count, ADVERSARY_HIDDEN_MAX);
    for (size_t i = 0; i < options->hidden_count; i++)
        if (options->hidden[i] < 1 || options->hidden[i] > WIDTH_MAX)
            return diag_set(diag, "adversary: a hidden layer of %zu; allowed are 1 to %d",
                            options->hidden[i], WIDTH_MAX);
    if (options->gamma > 0 && options->norm != ADVERSARY_NORM_NONE)
        return diag_set(diag,
                        "adversary: gamma is %g with %s normalisation; the gradient penalty is "
                        "exact for discriminators without norm only: choose norm none or gamma 0",
                        options->gamma, norm_names[options->norm]);
    return 0;
}

int adversary_options_check(const struct adversary_options *options, struct diag *diag)
{
    const struct {
        const char *name;
        double value, low, high;
    } ranges[] = {
        {"rate", options->rate, 0, 1},           {"beta1", options->beta1, 0, 0.9999},
        {"beta2", options->beta2, 0, 0.99999},   {"gamma", options->gamma, 0, 1e6},
        {"noise", options->noise, 0, 1e3},       {"smoothing", options->smoothing_amount, 0, 0.5},
        {"weight", options->weight, 0, 1e6},     {"steps", options->steps, 1, STEPS_MAX},
        {"every", options->every, 1, STEPS_MAX}, {"accuracy limit", options->accuracy_limit, 0, 1},
    };
    for (size_t i = 0; i < COUNT(ranges); i++)
        if (!(ranges[i].value >= ranges[i].low && ranges[i].value <= ranges[i].high))
            return diag_set(diag, "adversary: %s is %g; allowed are %g to %g", ranges[i].name,
                            ranges[i].value, ranges[i].low, ranges[i].high);
    return check_layers(options, diag);
}

size_t adversary_layers(const struct adversary_options *options, struct nn_layer_spec *ret_layers)
{
    static const enum nn_layer_kind norms[ADVERSARY_NORMS] = {
        [ADVERSARY_NORM_LAYER] = NN_LAYER_LAYERNORM, [ADVERSARY_NORM_BATCH] = NN_LAYER_BATCHNORM};
    size_t count = 0;
    assert(options->hidden_count <= ADVERSARY_HIDDEN_MAX);
    for (size_t i = 0; i < options->hidden_count; i++) {
        ret_layers[count++] = (struct nn_layer_spec){NN_LAYER_DENSE, options->hidden[i], 0};
        ret_layers[count++] = (struct nn_layer_spec){NN_LAYER_LEAKY_RELU, 0, SLOPE};
        if (options->norm != ADVERSARY_NORM_NONE)
            ret_layers[count++] = (struct nn_layer_spec){norms[options->norm], 0, 0};
        if (options->dropout && i > 0)
            ret_layers[count++] = (struct nn_layer_spec){NN_LAYER_DROPOUT, 0, i == 1 ? 0.4 : 0.3};
    }
    ret_layers[count++] = (struct nn_layer_spec){NN_LAYER_DENSE, 1, 0};
    return count;
}

double adversary_influence(const struct adversary_options *options, double epochs)
{
    double since = epochs - (double)options->warmup_epochs;
    if (since < 0)
        return 0;
    return options->ramp_epochs == 0 ? 1 : fmin(1, since / (double)options->ramp_epochs);
}

/* The place of a name, or -1. */
static int find(const char *const *names, int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

const char *adversary_kind_name(enum adversary_kind kind)
{
    return kind_names[kind];
}

bool adversary_kind_from_name(const char *name, enum adversary_kind *ret_kind)
{
    int found = find(kind_names, ADVERSARY_KINDS, name);
    if (found >= 0)
        *ret_kind = (enum adversary_kind)found;
    return found >= 0;
}

const char *adversary_smoothing_name(enum adversary_smoothing smoothing)
{
    return smoothing_names[smoothing];
}

bool adversary_smoothing_from_name(const char *name, enum adversary_smoothing *ret_smoothing)
{
    int found = find(smoothing_names, ADVERSARY_SMOOTHINGS, name);
    if (found >= 0)
        *ret_smoothing = (enum adversary_smoothing)found;
    return found >= 0;
}

const char *adversary_norm_name(enum adversary_norm norm)
{
    return norm_names[norm];
}

bool adversary_norm_from_name(const char *name, enum adversary_norm *ret_norm)
{
    int found = find(norm_names, ADVERSARY_NORMS, name);
    if (found >= 0)
        *ret_norm = (enum adversary_norm)found;
    return found >= 0;
}

/* A plain decimal number at *text, which moves behind it; 0 where there is none up to the limit. */
static unsigned take_number(const char **text, unsigned long limit)
{
    char *end;
    if (!isdigit((unsigned char)**text))
        return 0;
    unsigned long number = strtoul(*text, &end, 10);
    *text = end;
    return number <= limit ? (unsigned)number : 0;
}

int adversary_hidden_parse(const char *text, struct adversary_options *options, struct diag *diag)
{
    size_t hidden[ADVERSARY_HIDDEN_MAX], count = 0;
    bool more = true;
    for (const char *at = text; more && count < ADVERSARY_HIDDEN_MAX; at++) {
        hidden[count] = take_number(&at, WIDTH_MAX);
        if (hidden[count] == 0 || (*at && *at != ','))
            break;
        more = *at == ',';
        count++;
    }
    if (more)
        return diag_set(diag, "%s: must be 1 to %d widths such as 256,128,64, each 1 to %d", text,
                        ADVERSARY_HIDDEN_MAX, WIDTH_MAX);
    memcpy(options->hidden, hidden, count * sizeof *hidden);
    options->hidden_count = count;
    return 0;
}

void adversary_hidden_format(const struct adversary_options *options,
                             char ret_text[ADVERSARY_HIDDEN_TEXT])
{
    size_t used = 0;
    ret_text[0] = '\0';
    for (size_t i = 0; i < options->hidden_count && used < ADVERSARY_HIDDEN_TEXT; i++)
        used += (size_t)snprintf(ret_text + used, ADVERSARY_HIDDEN_TEXT - used, "%s%zu",
                                 i ? "," : "", options->hidden[i]);
}

int adversary_balance_parse(const char *text, struct adversary_options *options, struct diag *diag)
{
    const char *at = text;
    unsigned steps = take_number(&at, STEPS_MAX), every = 1;
    if (*at == '/') {
        at++;
        every = steps == 1 ? take_number(&at, STEPS_MAX) : 0;
    }
    if (*at || steps == 0 || every == 0)
        return diag_set(diag, "%s: must be N, steps a batch, or 1/N, a step every N batches", text);
    options->steps = steps;
    options->every = every;
    return 0;
}
