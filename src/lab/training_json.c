/*
 * The figures of the epochs are rounded to a few digits: forty epochs of seventeen numbers at full
 * length would be the larger part of a model's header.
 */
#include "lab/training_json.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* A table of figures in a struct train_epoch; the last ones only with an adversary. */
struct figure {
    const char *name;
    size_t place;
};
#define FIGURE(name, member)                                                                       \
    {                                                                                              \
        name, offsetof(struct train_epoch, member)                                                 \
    }

static const struct figure own_figures[] = {
    FIGURE("loss", loss),
    FIGURE("held_out_loss", held_out_loss),
    FIGURE("gradient_norm", gradient_norm),
};

static const struct figure adversary_figures[] = {
    FIGURE("twin_held_out_loss", twin_held_out_loss),
    FIGURE("discriminator_loss", discriminator_loss),
    FIGURE("accuracy_real", adversary.accuracy_real),
    FIGURE("accuracy_reconstructed", adversary.accuracy_reconstructed),
    FIGURE("balanced_accuracy", adversary.balanced_accuracy),
    FIGURE("reported_accuracy", adversary.reported_accuracy),
    FIGURE("auc", adversary.auc),
    FIGURE("logit_real", adversary.logit_real),
    FIGURE("logit_reconstructed", adversary.logit_reconstructed),
    FIGURE("discriminator_gradient_norm_real", adversary.gradient_norm_real),
    FIGURE("discriminator_gradient_norm_reconstructed", adversary.gradient_norm_reconstructed),
    FIGURE("penalty", adversary.penalty),
    FIGURE("relative_step", adversary.relative_step),
    FIGURE("learnt", adversary.learnt),
    FIGURE("influence", influence),
    FIGURE("pull_ratio", adversary.pull_ratio),
};

static double rounded(double value)
{
    char text[32];
    snprintf(text, sizeof text, "%.4g", value);
    return strtod(text, NULL);
}

static void add_figures(cJSON *object, const struct train_epoch *epoch,
                        const struct figure *figures, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const double *value = (const void *)((const char *)epoch + figures[i].place);
        cJSON_AddNumberToObject(object, figures[i].name, rounded(*value));
    }
}

static cJSON *epochs_json(const struct train_result *result, bool adversary)
{
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < result->epoch_count; i++) {
        const struct train_epoch *epoch = &result->epochs[i];
        cJSON *entry = cJSON_CreateObject();
        add_figures(entry, epoch, own_figures, COUNT(own_figures));
        if (adversary) {
            add_figures(entry, epoch, adversary_figures, COUNT(adversary_figures));
            cJSON_AddStringToObject(entry, "state", adversary_state_name(epoch->state));
        }
        cJSON_AddItemToArray(list, entry);
    }
    return list;
}

static cJSON *settings_json(const struct adversary_options *options)
{
    cJSON *object = cJSON_CreateObject();
    char hidden[ADVERSARY_HIDDEN_TEXT];
    adversary_hidden_format(options, hidden);
    cJSON_AddStringToObject(object, "hidden", hidden);
    cJSON_AddStringToObject(object, "norm", adversary_norm_name(options->norm));
    cJSON_AddBoolToObject(object, "dropout", options->dropout);
    cJSON_AddBoolToObject(object, "frozen", options->frozen);
    cJSON_AddStringToObject(object, "schedule", schedule_name(options->schedule));
    cJSON_AddStringToObject(object, "smoothing", adversary_smoothing_name(options->smoothing));
    const struct {
        const char *name;
        double value;
    } numbers[] = {
        {"rate", options->rate},
        {"beta1", options->beta1},
        {"beta2", options->beta2},
        {"steps", options->steps},
        {"every", options->every},
        {"accuracy_limit", options->accuracy_limit},
        {"gamma", options->gamma},
        {"noise", options->noise},
        {"smoothing_amount", options->smoothing_amount},
        {"weight", options->weight},
        {"warmup_epochs", options->warmup_epochs},
        {"ramp_epochs", options->ramp_epochs},
    };
    for (size_t i = 0; i < COUNT(numbers); i++)
        cJSON_AddNumberToObject(object, numbers[i].name, numbers[i].value);
    return object;
}

/* At the epoch that was kept. */
static cJSON *discriminator_json(const struct adversary_options *options,
                                 const struct train_result *result)
{
    const struct train_epoch *best = &result->epochs[result->best_epoch];
    cJSON *object = cJSON_CreateObject();
    /* An epoch is judged beside the twin's same epoch; what is kept, beside what the twin keeps. */
    enum adversary_state state =
        adversary_judge(&best->adversary, result->best_loss, result->twin_best_loss);
    cJSON_AddStringToObject(object, "state", adversary_state_name(state));
    cJSON_AddNumberToObject(object, "auc", best->adversary.auc);
    cJSON_AddNumberToObject(object, "accuracy_real", best->adversary.accuracy_real);
    cJSON_AddNumberToObject(object, "accuracy_reconstructed",
                            best->adversary.accuracy_reconstructed);
    cJSON_AddNumberToObject(object, "balanced_accuracy", best->adversary.balanced_accuracy);
    cJSON_AddNumberToObject(object, "reported_accuracy", best->adversary.reported_accuracy);
    cJSON_AddNumberToObject(object, "penalty", best->adversary.penalty);
    cJSON_AddNumberToObject(object, "twin_held_out_loss", result->twin_best_loss);
    cJSON_AddNumberToObject(object, "loss_to_twin", result->best_loss / result->twin_best_loss);
    cJSON_AddItemToObject(object, "settings", settings_json(options));
    return object;
}

cJSON *training_json(const struct fit_options *options, const struct fit_report *report)
{
    const struct train_options *train = &options->train;
    const struct train_result *result = &report->result;
    bool adversary = train->adversary.kind != ADVERSARY_NONE;
    cJSON *object = cJSON_CreateObject();
    cJSON_AddNumberToObject(object, "windows", (double)report->training_windows);
    cJSON_AddNumberToObject(object, "held_out_windows", (double)report->held_out_windows);
    cJSON_AddStringToObject(object, "adversary", adversary_kind_name(train->adversary.kind));
    cJSON_AddNumberToObject(object, "rate", train->rate);
    cJSON_AddStringToObject(object, "schedule", schedule_name(train->schedule));
    cJSON_AddNumberToObject(object, "batch", (double)train->batch);
    cJSON_AddNumberToObject(object, "best_epoch", (double)(result->best_epoch + 1));
    cJSON_AddNumberToObject(object, "held_out_loss", result->best_loss);
    cJSON_AddNumberToObject(object, "seed", (double)train->seed);
    if (adversary)
        cJSON_AddItemToObject(object, "discriminator",
                              discriminator_json(&train->adversary, result));
    cJSON_AddItemToObject(object, "epochs", epochs_json(result, adversary));
    return object;
}
