#include "cli/method.h"

#include "lab/fit_kind.h"

#include <stdio.h>
#include <string.h>

const struct cli_option training_options[] = {
    {.help = "how it is trained"},
    {"detectors", "LIST",
     "kinds with commas between them; default: what the project's results show to be best for such "
     "samples",
     "default"},
    {"arch", "basic|deep", "the paper's autoencoder 1 or 2", "deep", CLI_CHOICE},
    {"decoder-layers", "1|2", "hidden layers of the decoder: the paper can be read both ways", "1",
     CLI_CHOICE},
    {"adversary", "none|paper|stable", "discriminator: none, as written, or the stable recipe",
     "stable", CLI_CHOICE},
    {"reduce", "none|pca|mutual-information",
     "fewer inputs: principal components, or the channels that say most about the label", "none",
     CLI_CHOICE},
    {"labelled", "FILE", "recording with labels, for --reduce mutual-information",
     .repeatable = true},
    {"seed", "N", "same seed, same recordings, same machine: same bytes", "1", CLI_INTEGER, 0,
     9e15},
    {0}};

const struct cli_option method_options[] = {
    {.help = "what is learnt"},
    {"scaler", "minmax|standard|robust|maxabs|signed-sqrt|power|quantile-uniform|quantile-normal",
     "default: standard; minmax with --adversary paper"},
    {"output", "linear|sigmoid", "default: linear; sigmoid with the minmax scaler", NULL,
     CLI_CHOICE},
    {"ignore", "NAME",
     "a channel of the samples that no detector looks at, or with KIND: before it that kind; \"*\" "
     "at an end",
     .repeatable = true},
    {"step-channel", "NAME", "names the program step (default: action, if there is one)"},
    {"load", "NAME", "electrical load that cycle-power follows (default: the first channel in W)"},
    {"motion", "NAME",
     "a channel that tells motion from rest; \"*\" at an end (default: angular rates)",
     .repeatable = true},
    {"keep-drift", NULL,
     "look at channels too that drift within or between sessions, never change, or name the "
     "program step"},
    {"pca-variance", "SHARE", "of the variance that --reduce pca keeps", "0.95", CLI_NUMBER, 0.01,
     0.999999},
    {"keep", "N", "channels that --reduce mutual-information keeps (default: half)", NULL,
     CLI_INTEGER, 1, 100000},
    {"window", "ROWS", "rows in a window", "5", CLI_INTEGER, 1, 512},
    {"spacing", "ROWS", "from one row of a window to the next", "1", CLI_INTEGER, 1, 64},
    {"neighbours", "N", "nearest windows that knn expects the mean of", "1", CLI_INTEGER, 1, 64},
    {"filter", "K/N",
     "an alert needs K of the last N windows over the threshold; with K over --window a "
     "glitch of one row cannot raise one (default: 3/5, and in train a longer one where "
     "glitches ask for it)"},
    {"epochs", "N", "at most", "40", CLI_INTEGER, 1, 10000},
    {0}};

static int choose_scaler(const struct cli *cli, struct fit_options *fit, struct diag *diag)
{
    const char *scaler = cli_text(cli, "scaler");
    if (!scaler)
        return 0;
    enum scaler_kind kind;
    int r = scaler_kind_parse(scaler, &kind, diag);
    if (r < 0)
        diag_prefix(diag, "--scaler");
    else
        fit_use_scaler(fit, kind);
    return r;
}

static int choose_filter(const struct cli *cli, struct alert_filter *filter, struct diag *diag)
{
    const char *text = cli_text(cli, "filter");
    int end = 0;
    if (!text)
        return 0;
    if (sscanf(text, "%u/%u%n", &filter->k, &filter->n, &end) != 2 || text[end] || filter->k < 1 ||
        filter->k > filter->n || filter->n > ALERT_FILTER_N_MAX)
        return diag_set(diag, "--filter %s: must be K/N with 1 <= K <= N <= %d", text,
                        ALERT_FILTER_N_MAX);
    return 0;
}

int method_choose(const struct cli *cli, enum adversary_kind adversary, struct fit_options *ret_fit,
                  struct diag *diag)
{
    *ret_fit = fit_defaults(adversary);
    ret_fit->window = (size_t)cli_integer(cli, "window");
    ret_fit->ignore = cli_list(cli, "ignore");
    ret_fit->step_channel = cli_text(cli, "step-channel");
    ret_fit->motion = cli_list(cli, "motion");
    ret_fit->load = cli_text(cli, "load");
    ret_fit->keep_drift = cli_given(cli, "keep-drift");
    ret_fit->pca_variance = cli_number(cli, "pca-variance");
    if (cli_given(cli, "keep"))
        ret_fit->keep_channels = (size_t)cli_integer(cli, "keep");
    ret_fit->spacing = (size_t)cli_integer(cli, "spacing");
    ret_fit->knn_neighbours = (size_t)cli_integer(cli, "neighbours");
    ret_fit->train.epochs = (size_t)cli_integer(cli, "epochs");
    int r = choose_scaler(cli, ret_fit, diag);
    if (r == 0)
        r = choose_filter(cli, &ret_fit->filter, diag);
    if (cli_given(cli, "output"))
        ret_fit->architecture.sigmoid = cli_choice(cli, "output") == 1;
    return r;
}

/* "a,b,c": kinds that there are, each once. */
static int choose_detectors(const struct cli *cli, struct method_detectors *ret, struct diag *diag)
{
    const char *text = cli_text(cli, "detectors");
    *ret = (struct method_detectors){0};
    if (!strcmp(text, "default"))
        return 0;
    while (*text) {
        char name[DETECTOR_NAME_MAX];
        size_t length = strcspn(text, ",");
        snprintf(name, sizeof name, "%.*s", (int)length, text);
        const struct fit_kind *kind = fit_kind_find(name);
        if (!kind) {
            char list[256] = "";
            size_t used = 0;
            for (const struct fit_kind *const *k = fit_kinds(); *k && used < sizeof list; k++)
                used += (size_t)snprintf(list + used, sizeof list - used, " %s", (*k)->name);
            return diag_set(diag, "--detectors: \"%s\" is none; there are%s", name, list);
        }
        for (size_t i = 0; i < ret->count; i++) {
            if (ret->kind[i] == kind->name)
                return diag_set(diag, "--detectors: %s appears twice", name);
        }
        if (ret->count == MODEL_DETECTORS_MAX)
            return diag_set(diag, "--detectors: at most %d", MODEL_DETECTORS_MAX);
        ret->kind[ret->count++] = kind->name;
        text += length + (text[length] == ',');
    }
    return ret->count > 0 ? 0 : diag_set(diag, "--detectors: empty");
}

int method_choose_training(const struct cli *cli, struct fit_options *ret_fit,
                           struct method_detectors *ret_detectors, struct diag *diag)
{
    enum fit_reduction reduction = (enum fit_reduction)cli_choice(cli, "reduce");
    bool by_label = reduction == FIT_REDUCTION_MUTUAL_INFORMATION;
    if (by_label != cli_given(cli, "labelled"))
        return diag_set(diag, by_label ? "--reduce mutual-information: --labelled must be given"
                                       : "--labelled: for --reduce mutual-information only");
    int r = method_choose(cli, (enum adversary_kind)cli_choice(cli, "adversary"), ret_fit, diag);
    if (r == 0)
        r = choose_detectors(cli, ret_detectors, diag);
    if (r < 0)
        return r;
    ret_fit->choose_filter = !cli_given(cli, "filter");
    ret_fit->detectors = ret_detectors->count > 0 ? ret_detectors->kind : NULL;
    ret_fit->reduction = reduction;
    ret_fit->architecture.kind = (enum architecture_kind)cli_choice(cli, "arch");
    ret_fit->architecture.second_decoder_layer = cli_choice(cli, "decoder-layers") == 1;
    ret_fit->train.seed = (uint64_t)cli_integer(cli, "seed");
    return 0;
}
