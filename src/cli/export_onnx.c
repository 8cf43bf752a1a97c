#include "cli/model_onnx.h"
#include "cli/sessions.h"
#include "onnx/onnx_export.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* "0 analog, 3 autoencoder": all, or those that can be exported. */
static void list_detectors(const struct model *model, bool all, char *ret_text, size_t size)
{
    size_t used = 0;
    ret_text[0] = '\0';
    for (size_t d = 0; d < model->detectors && used < size; d++) {
        if (all || onnx_can_export(&model->detector[d]))
            used += (size_t)snprintf(ret_text + used, size - used, "%s%zu %s", used ? ", " : "", d,
                                     model->detector[d].name);
    }
}

static int find_named(const struct model *model, const char *name, size_t *ret_detector,
                      struct diag *diag)
{
    char list[512], *end;
    unsigned long number = strtoul(name, &end, 10);
    bool numbered = *name && !*end;
    for (size_t d = 0; d < model->detectors; d++) {
        if (!strcmp(model->detector[d].name, name) || (numbered && number == d)) {
            *ret_detector = d;
            return 0;
        }
    }
    list_detectors(model, true, list, sizeof list);
    return diag_set(diag, "--detector %s: the model has %s", name, list);
}

static int choose_detector(const struct cli *cli, const struct model *model, size_t *ret_detector,
                           struct diag *diag)
{
    char list[512];
    size_t count = 0;
    if (cli_given(cli, "detector"))
        return find_named(model, cli_text(cli, "detector"), ret_detector, diag);
    for (size_t d = 0; d < model->detectors; d++) {
        if (!onnx_can_export(&model->detector[d]))
            continue;
        *ret_detector = d;
        count++;
    }
    if (count == 1)
        return 0;
    list_detectors(model, count == 0, list, sizeof list);
    if (count == 0)
        return diag_set(diag, "none of its detectors (%s) has an ONNX form; %s have", list,
                        ONNX_EXPORT_KINDS);
    return diag_set(diag, "several detectors have an ONNX form (%s): say which with --detector",
                    list);
}

static int convert(const struct cli *cli, struct model *model, const void *data, size_t size,
                   struct diag *diag)
{
    void *file = NULL;
    struct onnx_export export = {.model = model, .data = data, .size = size};
    int r = choose_detector(cli, model, &export.detector, diag);
    if (r < 0)
        return r;
    if (cli_given(cli, "false-alarms-per-day"))
        export.false_alarms_per_day = cli_number(cli, "false-alarms-per-day");
    size_t file_size = 0;
    r = onnx_export(&export, &file, &file_size, diag);
    if (r == 0)
        r = file_write(cli_text(cli, "out"), file, file_size, diag);
    free(file);
    if (r < 0)
        return r;
    const struct detector *detector = &model->detector[export.detector];
    printf("%s: detector %s of %s version %lld, operator set %d: rows [N, %zu] (%zu rows of %zu "
           "channels) to %sscore\n",
           cli_text(cli, "out"), detector->name, model->name, (long long)model->version,
           ONNX_EXPORT_OPSET, detector->window * detector->channels, detector->window,
           detector->channels, strcmp(detector->kind->name, "knn") ? "reconstruction and " : "");
    return 0;
}

int model_onnx_export(const struct cli *cli)
{
    struct diag diag = DIAG_INIT;
    struct model *model = NULL;
    void *data = NULL;
    size_t size = 0;
    const char *path = cli->args[0];
    int place = cli_check_place(cli, "out");
    if (place != CLI_DONE)
        return place;
    int r = file_read(path, MODEL_FILE_MAX, &data, &size, &diag);
    if (r == 0)
        r = sessions_parse_model(path, data, size, &model, &diag);
    if (r == 0)
        r = convert(cli, model, data, size, &diag);
    free(data);
    model_unref(model);
    return r < 0 ? cli_fail(cli, r, &diag) : CLI_DONE;
}
