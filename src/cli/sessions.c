#include "cli/sessions.h"

#include "cli/data.h"
#include "lab/fit.h"
#include "nn/blas.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

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

static int load_one(const struct cli *cli, const char *path, const struct model *model,
                    struct sessions *sessions, struct diag *diag)
{
    struct recording *loaded, *selected;
    int r = data_load(cli, path, &loaded, diag);
    if (r < 0)
        return r;
    if (!model && sessions->count == 0) {
        sessions->item[sessions->count++] = loaded;
        return 0;
    }
    r = select_like(loaded, model, sessions->count ? sessions->item[0] : NULL, &selected, diag);
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

void sessions_free(struct sessions *sessions)
{
    for (size_t i = 0; i < sessions->count; i++)
        recording_free(sessions->item[i]);
    free(sessions->item);
    *sessions = (struct sessions){0};
}

int sessions_load_model(const char *path, struct model **ret_model, struct diag *diag)
{
    blas_init();
    int r = model_load(path, ret_model, diag);
    if (r < 0)
        return r;
    r = model_selftest(*ret_model, diag);
    if (r < 0) {
        diag_prefix(diag, "%s", path);
        model_unref(*ret_model);
    }
    return r;
}

void sessions_check_period(const struct cli *cli, const struct sessions *sessions, double period_s)
{
    double usual_s = fit_period_of(sessions->item, sessions->count);
    if (usual_s > 0 && fabs(usual_s - period_s) > 0.1 * period_s)
        cli_note(cli, "samples are usually %.4g s apart, the model's period is %.4g s", usual_s,
                 period_s);
}
