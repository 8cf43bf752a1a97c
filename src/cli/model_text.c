#include "cli/model_text.h"

#include "lab/metrics.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static double number_of(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNumber(item) ? item->valuedouble : (double)NAN;
}

static const char *text_of(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsString(item) ? item->valuestring : "?";
}

/* A list of their figures; a mere number in models of version 0.1. */
static double epochs_of(const cJSON *training)
{
    const cJSON *epochs = cJSON_GetObjectItemCaseSensitive(training, "epochs");
    return cJSON_IsArray(epochs) ? cJSON_GetArraySize(epochs) : number_of(training, "epochs");
}

static void print_training(const cJSON *training, FILE *out)
{
    fprintf(out,
            "  training     %.0f windows, %.0f held out; epoch %.0f of %.0f is the best, held-out "
            "loss %.4g\n",
            number_of(training, "windows"), number_of(training, "held_out_windows"),
            number_of(training, "best_epoch"), epochs_of(training),
            number_of(training, "held_out_loss"));
    const cJSON *discriminator = cJSON_GetObjectItemCaseSensitive(training, "discriminator");
    if (!discriminator) {
        fprintf(out, "  adversary    none\n");
        return;
    }
    fprintf(out,
            "  adversary    %s; discriminator %s: AUC %.3f, balanced accuracy %.3f; loss %.3f of "
            "the twin "
            "without it\n",
            text_of(training, "adversary"), text_of(discriminator, "state"),
            number_of(discriminator, "auc"), number_of(discriminator, "balanced_accuracy"),
            number_of(discriminator, "loss_to_twin"));
}

/* The widths of the dense layers, "-" between them. */
static void print_layers(const cJSON *layers, FILE *out)
{
    const cJSON *layer;
    cJSON_ArrayForEach(layer, layers)
    {
        double outputs = number_of(layer, "outputs");
        if (isfinite(outputs))
            fprintf(out, "-%.0f", outputs);
    }
}

#define EXAMPLES 3

/* "  left out     28 differ: a, b, c, ...": one line for each reason, in the order in which they
 * are first met. */
static void print_left_out(const cJSON *list, FILE *out)
{
    const cJSON *entry, *other;
    cJSON_ArrayForEach(entry, list)
    {
        const char *reason = text_of(entry, "reason");
        size_t count = 0;
        bool known = false;
        for (other = list->child; other != entry; other = other->next)
            known |= !strcmp(text_of(other, "reason"), reason);
        if (known)
            continue;
        cJSON_ArrayForEach(other, list) count += !strcmp(text_of(other, "reason"), reason);
        fprintf(out, "  left out     %zu, %s:", count, reason);
        size_t printed = 0;
        for (other = entry; other && printed < EXAMPLES; other = other->next) {
            if (!strcmp(text_of(other, "reason"), reason))
                fprintf(out, "%s %s", printed++ ? "," : "", text_of(other, "name"));
        }
        fprintf(out, "%s\n", count > printed ? ", ..." : "");
    }
}

static void print_network(const struct model *model, const struct detector *detector,
                          const cJSON *entry, FILE *out)
{
    const cJSON *scaler = cJSON_GetObjectItemCaseSensitive(entry, "scaler");
    const cJSON *architecture = cJSON_GetObjectItemCaseSensitive(entry, "architecture");
    const cJSON *training = cJSON_GetObjectItemCaseSensitive(entry, "training");
    const cJSON *used = cJSON_GetObjectItemCaseSensitive(entry, "channels");
    size_t channels = used ? (size_t)cJSON_GetArraySize(used) : model->channels;
    fprintf(out, "  looks at     %zu of the channels\n", channels);
    print_left_out(cJSON_GetObjectItemCaseSensitive(entry, "left_out"), out);
    fprintf(out, "  scaler       %s", text_of(scaler, "kind"));
    if (isfinite(number_of(scaler, "clip")))
        fprintf(out, ", clipped at %g", number_of(scaler, "clip"));
    fprintf(out, "\n");
    const cJSON *reduction = cJSON_GetObjectItemCaseSensitive(entry, "reduction");
    size_t width = reduction ? (size_t)number_of(reduction, "components") : channels;
    if (reduction)
        fprintf(out, "  reduction    %zu principal components with %.4g of the variance\n", width,
                number_of(reduction, "variance"));
    fprintf(out, "  network      %s: %zu", text_of(architecture, "name"), detector->window * width);
    print_layers(cJSON_GetObjectItemCaseSensitive(architecture, "encoder"), out);
    print_layers(cJSON_GetObjectItemCaseSensitive(architecture, "decoder"), out);
    fprintf(out, ", score %s\n", text_of(entry, "score"));
    if (training)
        print_training(training, out);
}

static void print_detector(const struct model *model, const struct detector *detector,
                           const cJSON *entry, FILE *out)
{
    const cJSON *architecture = cJSON_GetObjectItemCaseSensitive(entry, "architecture");
    fprintf(out, "detector %s\n", detector->name);
    fprintf(out, "  windows      %zu rows", detector->window);
    if (detector->spacing > 1)
        fprintf(out, ", every %zu", detector->spacing);
    fprintf(out, " (%.3g s)\n", (double)(detector_span(detector) - 1) * model->period_s);
    const cJSON *summary = cJSON_GetObjectItemCaseSensitive(entry, "summary");
    if (cJSON_IsString(summary))
        fprintf(out, "  learnt       %s\n", summary->valuestring);
    if (architecture)
        print_network(model, detector, entry, out);
    fprintf(
        out,
        "  alert filter %u of %u windows over the threshold; clear under %.2g of it for %.3g s\n",
        detector->filter.k, detector->filter.n, detector->filter.clear_ratio,
        detector->filter.clear_s);
}

void model_text_print(const struct model *model, FILE *out)
{
    fprintf(out, "model %s, version %lld\n", model->name, (long long)model->version);
    fprintf(out, "  channels     %zu in %zu groups, a sample every %.4g s\n", model->channels,
            model->groups, model->period_s);
    const cJSON *provenance = cJSON_GetObjectItemCaseSensitive(model->config, "provenance");
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(provenance, "simulated")))
        fprintf(out, "  data         simulated: nothing here is a claim about a real arm\n");
    const cJSON *entry, *list = cJSON_GetObjectItemCaseSensitive(model->config, "detectors");
    size_t d = 0;
    cJSON_ArrayForEach(entry, list) print_detector(model, &model->detector[d++], entry, out);
}

/* The file that a session of the calibration came from; NULL if the model does not tell. */
static const char *session_file(const struct model *model, size_t number)
{
    const cJSON *provenance = cJSON_GetObjectItemCaseSensitive(model->config, "provenance");
    const cJSON *entry, *list = cJSON_GetObjectItemCaseSensitive(provenance, "calibration");
    size_t i = 0;
    cJSON_ArrayForEach(entry, list)
    {
        const cJSON *file = cJSON_GetObjectItemCaseSensitive(entry, "file");
        if (++i == number)
            return cJSON_IsString(file) ? file->valuestring : NULL;
    }
    return NULL;
}

/* Each session by the threshold of the others, and what it means if their alarms are too many. */
static void print_tried(const struct model *model, const struct calibration *calibration,
                        double false_alarms_per_day, FILE *out)
{
    const struct calibration_left_out *left_out = &calibration->left_out;
    if (left_out->stored == 0)
        return;
    double days = calibration->hours / 24;
    double lower = metrics_poisson_lower(left_out->over, 0.95) / days;
    fprintf(out, "  sessions     each of %zu against the other", calibration->sessions);
    if (calibration->sessions > 2)
        fprintf(out, " %zu", calibration->sessions - 1);
    if (left_out->per_day != false_alarms_per_day)
        fprintf(out, ", at %.4g a day", left_out->per_day);
    fprintf(out, ": %zu alarm%s in %.2f h, %.3g a day (95 %%: %.3g to %.3g)", left_out->over,
            left_out->over == 1 ? "" : "s", calibration->hours, (double)left_out->over / days,
            lower, metrics_poisson_upper(left_out->over, 0.95) / days);
    const struct calibration_session *worst = calibration_worst(left_out);
    if (worst) {
        const char *file = session_file(model, worst->number);
        fprintf(out, "; worst: session %zu", worst->number);
        if (file)
            fprintf(out, " (%s)", file);
        fprintf(out, ", %zu in %.2f h", worst->over, worst->hours);
    }
    fprintf(out, "\n");
    if (lower > left_out->per_day)
        fprintf(out, "  warning      sessions differ more than the calibration allows for: expect "
                     "more false alarms in a new one; look whether the worst was healthy, and give "
                     "it more sessions\n");
}

void model_text_print_promise(const struct model *model, double false_alarms_per_day, FILE *out)
{
    const struct calibration *least = model_least_calibration(model);
    if (!least) {
        fprintf(out, "not calibrated: it scores, but raises nothing\n");
        return;
    }
    double supported = calibration_supported_per_day(least);
    fprintf(out, "calibration\n");
    fprintf(out, "  target       %.4g false alarms a day", false_alarms_per_day);
    if (model->detectors > 1)
        fprintf(out, ", each detector an equal share of %.3g",
                false_alarms_per_day / (double)model->detectors);
    fprintf(out, "\n");
    fprintf(out, "  supported    %.3g a day at 95 %%, by %.2f h in %zu session%s\n", supported,
            least->hours, least->sessions, least->sessions == 1 ? "" : "s");
    if (supported > false_alarms_per_day)
        fprintf(
            out,
            "  so           the target is an extrapolation: %.0f clean hours would support it\n",
            3 * 24 / false_alarms_per_day);
    fprintf(out, "  new session  may be unlike all %zu seen with a chance of up to %.0f %%\n",
            least->sessions, 100 * calibration_new_session_risk(least));
    for (size_t d = 0; d < model->detectors; d++) {
        const struct calibration *calibration = &model->detector[d].calibration;
        fprintf(out, "  %-12s threshold %.4g (%zu blocks of %g s, %s tail)\n",
                model->detector[d].name, model_threshold(model, d, false_alarms_per_day),
                calibration->blocks, calibration->block_s,
                calibration_tail_name(calibration->tail));
        print_tried(model, calibration, false_alarms_per_day / (double)model->detectors, out);
    }
}
