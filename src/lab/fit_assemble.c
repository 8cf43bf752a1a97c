/* From what was learnt to a model file: configuration, tensors, self-test. */
#include "lab/channel_info.h"
#include "lab/channel_means.h"
#include "lab/fit_internal.h"
#include "lab/flat_runs.h"
#include "lab/runner.h"
#include "model/derived_file.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define SELFTEST_WINDOWS 32

static cJSON *channels_json(const struct fit_source *source)
{
    const struct recording *recording = source->sessions[0];
    cJSON *list = cJSON_CreateArray();
    for (size_t c = 0; c < source->derivation->channels; c++) {
        char group[128];
        channel_group(recording->names[c], group, sizeof group);
        cJSON *entry = cJSON_CreateObject();
        cJSON_AddStringToObject(entry, "name", recording->names[c]);
        cJSON_AddStringToObject(entry, "unit", channel_unit(recording->names[c]));
        cJSON_AddStringToObject(entry, "group", group);
        cJSON_AddItemToArray(list, entry);
    }
    return list;
}

static int put_flat_runs(const struct fit_source *source, cJSON *config, struct diag *diag)
{
    const struct flat_runs_source training = {.sessions = source->sessions,
                                              .count = source->count,
                                              .split = source->split,
                                              .derivation = source->derivation,
                                              .period_s = source->options->period_s};
    struct flat_runs runs;
    int r = flat_runs_learn(&training, &runs, diag);
    if (r == 0)
        flat_runs_format(&runs, config);
    flat_runs_deinit(&runs);
    return r;
}

static int put_channel_means(const struct fit_source *source, cJSON *config, struct diag *diag)
{
    struct channel_means means;
    int r = channel_means_init(&means, source->derivation->channels, source->options->period_s);
    if (r < 0)
        return diag_errno(diag, r, "channels");
    for (size_t s = 0; s < source->count; s++)
        channel_means_add(&means, source->sessions[s]);
    channel_means_put(&means, config);
    channel_means_deinit(&means);
    return 0;
}

static int put_in_draft(void *to, const char *name, enum safetensors_dtype dtype,
                        struct safetensors_shape shape, const void *values)
{
    return draft_set(to, name, dtype, shape, values);
}

static int put_detectors(const struct fit_source *source, const char *const *kinds,
                         struct draft *draft, struct diag *diag)
{
    cJSON *list = cJSON_AddArrayToObject(draft_config(draft), "detectors");
    for (size_t i = 0; kinds[i]; i++) {
        cJSON *entry = cJSON_CreateObject();
        cJSON_AddItemToArray(list, entry);
        cJSON_AddStringToObject(entry, "kind", kinds[i]);
        cJSON_AddStringToObject(entry, "name", kinds[i]);
        const struct fit_kind *kind = fit_kind_find(kinds[i]);
        int r = kind->fit(source, i, draft, entry, diag);
        if (r < 0) {
            diag_prefix(diag, "detector %s", kinds[i]);
            return r;
        }
        fit_put_filter(entry, kind->filter ? kind->filter : &source->options->filter);
    }
    return 0;
}

static int put_content(const struct fit_source *source, const char *const *kinds,
                       struct draft *draft, struct diag *diag)
{
    cJSON *config = draft_config(draft);
    const struct fit_options *options = source->options;
    const struct derived_names names = {source->derivation->channels,
                                        (const char *const *)source->sessions[0]->names};
    cJSON_AddStringToObject(config, "name", options->name);
    cJSON_AddNumberToObject(config, "version", (double)options->version);
    cJSON_AddNumberToObject(config, "sample_period_s", options->period_s);
    cJSON_AddNumberToObject(config, "false_alarms_per_day", options->false_alarms_per_day);
    cJSON_AddItemToObject(config, "channels", channels_json(source));
    derived_file_format(source->derivation, &names, config);
    int r = derived_file_put(source->derivation,
                             &(struct tensor_sink){.put = put_in_draft, .to = draft});
    if (r < 0)
        return diag_errno(diag, r, "derived channels");
    r = put_flat_runs(source, config, diag);
    if (r == 0)
        r = put_channel_means(source, config, diag);
    return r < 0 ? r : put_detectors(source, kinds, draft, diag);
}

/* ---- self-test ---- */

static size_t longest_span(struct draft *draft)
{
    size_t longest = 1;
    cJSON *entry;
    for (size_t d = 0; (entry = draft_detector(draft, d)); d++) {
        int64_t window = 1, spacing = 1;
        json_get_integer(entry, "window", true, 1, 1 << 20, &window, NULL);
        json_get_integer(entry, "spacing", false, 1, 1 << 20, &spacing, NULL);
        size_t span = (size_t)((window - 1) * spacing) + 1;
        longest = span > longest ? span : longest;
    }
    return longest;
}

struct stretch {
    const struct recording *session;
    size_t first, rows;
    bool known; /* all derived values, in its first row */
};

static bool better(const struct stretch *a, const struct stretch *b)
{
    return !b->session || a->known > b->known || (a->known == b->known && a->rows > b->rows);
}

/* The longest stretch, of at most `most` rows, in a held-out block whose derived values are known.
 */
static void search_block(const struct fit_source *source, const struct split_block *block,
                         size_t most, struct stretch *best)
{
    const struct recording *session = source->sessions[block->session];
    struct stretch present = {.session = session};
    for (size_t i = block->first; i < block->end; i++) {
        const float *row = session->values + i * session->channels;
        bool joined = present.rows > 0 && split_continues(session, i, source->options->period_s);
        if (!session->valid[i] || !joined)
            present.rows = 0;
        if (!session->valid[i])
            continue;
        bool known = true;
        for (size_t c = source->derivation->channels; c < session->channels; c++)
            known &= !isnan(row[c]);
        if (present.rows == 0 || (known && !present.known)) {
            present.first = i;
            present.rows = 0;
            present.known = known;
        }
        present.rows++;
        if (better(&present, best))
            *best = present;
        if (best->known && best->rows == most)
            return;
        if (present.rows == most)
            present.rows = 0;
    }
}

/* Rows that lie unbroken behind each other, from the held-out part. */
static int put_selftest(const struct fit_source *source, struct draft *draft, struct diag *diag)
{
    size_t span = longest_span(draft), most = span + SELFTEST_WINDOWS - 1;
    struct stretch best = {0};
    for (size_t b = 0; b < source->split->count; b++) {
        if (source->split->block[b].part == SPLIT_HELD_OUT)
            search_block(source, &source->split->block[b], most, &best);
    }
    if (best.rows < span)
        return diag_set(diag, "no %zu unbroken rows lie in the part that is held out", span);
    size_t width = best.session->channels;
    return draft_set_selftest(draft, best.session->values + best.first * width, best.rows, width,
                              diag);
}

int fit_assemble(const struct fit_source *source, const char *const *detectors,
                 struct draft **ret_draft, struct model **ret_model, struct diag *diag)
{
    struct draft *draft = draft_new();
    int r = draft ? put_content(source, detectors, draft, diag) : diag_errno(diag, ENOMEM, "model");
    if (r == 0)
        r = put_selftest(source, draft, diag);
    if (r == 0)
        r = fit_calibrate(source, detectors, draft, diag);
    if (r == 0)
        r = draft_build(draft, ret_model, diag);
    if (r == 0)
        r = model_selftest(*ret_model, diag);
    if (r < 0) {
        draft_free(draft);
        return r;
    }
    *ret_draft = draft;
    return 0;
}
