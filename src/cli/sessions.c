#include "cli/sessions.h"

#include "cli/data.h"
#include "lab/fit.h"
#include "nn/blas.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int select_like(const struct recording *loaded, const struct model *model,
                       const struct recording *first, struct recording **ret_recording,
                       struct diag *diag)
{
    if (!model)
        return recording_select(loaded, (const char *const *)first->names, first->channels,
                                ret_recording, diag);
    if (!loaded->named && loaded->channels != model->channels)
        return diag_set(diag,
                        "%zu columns without names, the model has %zu channels; give --columns",
                        loaded->channels, model->channels);
    const char **names = malloc(model->channels * sizeof *names);
    if (!names)
        return diag_errno(diag, ENOMEM, "channels");
    for (size_t c = 0; c < model->channels; c++)
        names[c] = loaded->named ? model->channel[c].name : loaded->names[c];
    int r = recording_select(loaded, names, model->channels, ret_recording, diag);
    free(names);
    return r;
}

/* Then nothing need be copied: a recording may be large. */
static bool is_as_wanted(const struct recording *loaded, const struct model *model,
                         const struct recording *first)
{
    size_t channels = model ? model->channels : first->channels;
    if (loaded->channels != channels)
        return false;
    for (size_t c = 0; c < channels && (loaded->named || !model); c++)
        if (strcmp(loaded->names[c], model ? model->channel[c].name : first->names[c]) != 0)
            return false;
    return true;
}

static int load_one(const struct cli *cli, const char *path, const struct model *model,
                    struct sessions *sessions, struct diag *diag)
{
    struct recording *loaded, *selected;
    int r = data_load(cli, path, &loaded, diag);
    if (r < 0)
        return r;
    const struct recording *first = sessions->count > 0 ? sessions->item[0] : NULL;
    if ((!model && !first) || is_as_wanted(loaded, model, first)) {
        sessions->item[sessions->count++] = loaded;
        return 0;
    }
    r = select_like(loaded, model, first, &selected, diag);
    recording_free(loaded);
    if (r < 0)
        diag_prefix(diag, "%s", path);
    else
        sessions->item[sessions->count++] = selected;
    return r;
}

int sessions_load_file(const struct cli *cli, const char *path, const struct model *model,
                       struct sessions *sessions, struct diag *diag)
{
    struct recording **item =
        realloc(sessions->item, (sessions->count + 1) * sizeof(struct recording *));
    if (!item)
        return diag_errno(diag, ENOMEM, "recordings");
    sessions->item = item;
    return load_one(cli, path, model, sessions, diag);
}

int sessions_load(const struct cli *cli, const char *option, const struct model *model,
                  struct sessions *sessions, struct diag *diag)
{
    int r = 0;
    const char *const *paths = cli_list(cli, option);
    for (size_t i = 0; r == 0 && paths && paths[i]; i++)
        r = sessions_load_file(cli, paths[i], model, sessions, diag);
    return r;
}

int sessions_leave_out_labelled(const struct cli *cli, const char *option,
                                struct sessions *sessions, struct diag *diag)
{
    const char *const *paths = cli_list(cli, option);
    for (size_t s = 0; s < sessions->count; s++) {
        struct recording *recording = sessions->item[s];
        size_t count = 0;
        for (size_t i = 0; recording->label && i < recording->rows; i++) {
            bool labelled = recording->label[i] != 0 && recording->valid[i];
            recording->valid[i] &= !labelled;
            recording->holes += labelled;
            count += labelled;
        }
        if (count > 0 && recording->holes == recording->rows)
            return diag_set(
                diag,
                "%s: each of the %zu rows is labelled as an anomaly: nothing healthy is "
                "left to learn from; is it the file for --anomalous?",
                paths[s], recording->rows);
        if (count > 0)
            cli_note(cli, "%s: %zu labelled rows are left out", paths[s], count);
    }
    return 0;
}

int sessions_check_labels(const struct cli *cli, const char *option,
                          const struct sessions *sessions, size_t first, struct diag *diag)
{
    const char *const *paths = cli_list(cli, option);
    for (size_t s = first; s < sessions->count; s++) {
        const struct recording *recording = sessions->item[s];
        const char *path = paths[s - first];
        if (!recording->label)
            return diag_set(
                diag, "%s: no labels: a column \"anomaly\", or --label-column, is needed", path);
        size_t i = 0;
        while (i < recording->rows && recording->label[i] == 0)
            i++;
        if (i == recording->rows)
            cli_note(cli, "%s: no row is labelled as an anomaly", path);
    }
    return 0;
}

int sessions_blame(const struct cli *cli, const char *option, int error, struct diag *diag)
{
    const char *const *paths = cli_list(cli, option);
    size_t count = 0;
    while (paths && paths[count])
        count++;
    if (error == -EINVAL && count == 1)
        diag_prefix(diag, "%s", paths[0]);
    else if (error == -EINVAL && count > 1)
        diag_prefix(diag, "%s and %zu more", paths[0], count - 1);
    return error;
}

void sessions_free(struct sessions *sessions)
{
    for (size_t i = 0; i < sessions->count; i++)
        recording_free(sessions->item[i]);
    free(sessions->item);
    *sessions = (struct sessions){0};
}

int sessions_parse_model(const char *path, const void *data, size_t size, struct model **ret_model,
                         struct diag *diag)
{
    blas_init();
    struct model *model = NULL;
    int r = model_parse(data, size, &model, diag);
    if (r == 0)
        r = model_selftest(model, diag);
    if (r < 0) {
        diag_prefix(diag, "%s", path);
        model_unref(model);
        return r;
    }
    *ret_model = model;
    return 0;
}

int sessions_load_model(const char *path, struct model **ret_model, struct diag *diag)
{
    void *data;
    size_t size;
    int r = file_read(path, MODEL_FILE_MAX, &data, &size, diag);
    if (r < 0)
        return r;
    r = sessions_parse_model(path, data, size, ret_model, diag);
    free(data);
    return r;
}

void sessions_check_period(const struct cli *cli, const struct sessions *sessions, double period_s)
{
    double usual_s = fit_period_of(sessions->item, sessions->count);
    if (usual_s > 0 && fabs(usual_s - period_s) > 0.1 * period_s)
        cli_note(cli, "samples are usually %.4g s apart, the model's period is %.4g s", usual_s,
                 period_s);
}

double sessions_choose_period(const struct cli *cli, const struct sessions *sessions)
{
    double from_times_s = fit_period_of(sessions->item, sessions->count);
    if (cli_given(cli, "rate-hz"))
        return 1 / cli_number(cli, "rate-hz");
    if (from_times_s > 0)
        return from_times_s;
    cli_note(cli, "the recordings have no times: 10 samples a second are assumed (--rate-hz)");
    return 0.1;
}
