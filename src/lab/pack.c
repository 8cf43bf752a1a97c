#include "lab/pack.h"

#include "base/file.h"
#include "lab/npy.h"
#include "pipeline/evidence_pack.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define JSON_FILE_MAX ((size_t)1 << 20)

void pack_free(struct pack *pack)
{
    if (!pack)
        return;
    cJSON_Delete(pack->about);
    cJSON_Delete(pack->alert);
    cJSON_Delete(pack->cleared);
    cJSON_Delete(pack->verdict);
    for (size_t c = 0; pack->columns && c < pack->channels; c++)
        free(pack->columns[c]);
    free(pack->columns);
    free(pack->samples);
    free(pack->derived_values);
    free(pack->time_s);
    free(pack->window);
    free(pack->scores);
    free(pack);
}

/* ---- JSON ---- */

/* The caller frees; NULL when memory is out. */
static char *path_of(const char *directory, const char *name)
{
    char *path;
    return asprintf(&path, "%s/%s", directory, name) < 0 ? NULL : path;
}

static int read_json(const char *directory, const char *name, cJSON **ret_tree, struct diag *diag)
{
    char *path = path_of(directory, name);
    void *data = NULL;
    size_t size;
    int r = path ? file_read_nofollow(path, JSON_FILE_MAX, &data, &size, diag)
                 : diag_errno(diag, ENOMEM, "%s", name);
    if (r == 0) {
        while (size > 0 && ((char *)data)[size - 1] == '\n')
            size--;
        *ret_tree = json_parse(data, size, diag);
        r = *ret_tree && cJSON_IsObject(*ret_tree) ? 0 : -EINVAL;
        if (*ret_tree && r < 0)
            diag_set(diag, "must be an object");
        if (r < 0)
            diag_prefix(diag, "%s", path);
    }
    free(path);
    free(data);
    return r;
}

/* Those that come later, and may never. */
static int read_note(const char *directory, const char *name, cJSON **ret_tree, struct diag *diag)
{
    int r = read_json(directory, name, ret_tree, diag);
    return r == -ENOENT ? 0 : r;
}

static int take_detectors(struct pack *pack, struct diag *diag)
{
    const cJSON *list, *item;
    int r = json_get_array(pack->about, "detectors", true, &list, diag);
    if (r < 0)
        return r;
    cJSON_ArrayForEach(item, list)
    {
        if (pack->detectors == MODEL_DETECTORS_MAX)
            return diag_set(diag, "detectors: over %d", MODEL_DETECTORS_MAX);
        struct pack_detector *detector = &pack->detector[pack->detectors++];
        detector->threshold = (double)INFINITY;
        const cJSON *threshold = cJSON_GetObjectItemCaseSensitive(item, "threshold");
        r = json_get_string(item, "name", true, DETECTOR_NAME_MAX - 1, &detector->name, diag);
        if (r == 0 && !cJSON_IsNull(threshold))
            r = json_get_number(item, "threshold", true, 0, DBL_MAX, &detector->threshold, diag);
        if (r < 0)
            return r;
    }
    return pack->detectors > 0 ? 0 : diag_set(diag, "detectors: none");
}

static int take_model(struct pack *pack, struct diag *diag)
{
    const cJSON *model;
    int r = json_get_object(pack->about, "model", true, &model, diag);
    if (r == 0)
        r = json_get_string(model, "name", true, NAME_MAX_LENGTH, &pack->model, diag);
    if (r == 0 && !name_valid(pack->model))
        r = diag_set(diag, "name: must be " NAME_RULE);
    if (r == 0)
        r = json_get_string(model, "sha256", true, HASH_HEX_SIZE - 1, &pack->sha256, diag);
    if (r == 0)
        r = json_get_integer(model, "version", true, 0, INT64_C(1) << 53, &pack->model_version,
                             diag);
    if (r == 0)
        r = json_get_number(model, "period_s", true, 1e-6, 1e6, &pack->period_s, diag);
    if (r < 0)
        diag_prefix(diag, "model");
    return r;
}

static int take_sizes(struct pack *pack, struct diag *diag)
{
    int64_t rows, channels, at = -1;
    const cJSON *derived, *raised = cJSON_GetObjectItemCaseSensitive(pack->about, "raised_row");
    int r = json_get_integer(pack->about, "rows", true, 0, PACK_ROWS_MAX, &rows, diag);
    if (r == 0)
        r = json_get_integer(pack->about, "channels", true, 1, MODEL_CHANNELS_MAX, &channels, diag);
    if (r == 0)
        r = json_get_array(pack->about, "derived", true, &derived, diag);
    if (r == 0 && raised && !cJSON_IsNull(raised))
        r = json_get_integer(pack->about, "raised_row", true, 0, rows - 1, &at, diag);
    if (r < 0)
        return r;
    pack->rows = (size_t)rows;
    pack->channels = (size_t)channels;
    pack->derived = (size_t)cJSON_GetArraySize(derived);
    pack->at = at < 0 ? pack->rows : (size_t)at;
    if (pack->derived > DERIVED_MAX)
        return diag_set(diag, "derived: over %d", DERIVED_MAX);
    if (pack->rows * (pack->channels + pack->derived) > PACK_VALUES_MAX)
        return diag_set(diag, "%zu rows of %zu channels are too much", pack->rows, pack->channels);
    return 0;
}

static int take_about(struct pack *pack, struct diag *diag)
{
    const char *format;
    int64_t version;
    int r = json_get_string(pack->about, "format", true, 64, &format, diag);
    if (r == 0 && strcmp(format, EVIDENCE_FORMAT) != 0)
        r = diag_set(diag, "format: must be \"" EVIDENCE_FORMAT "\"");
    if (r == 0)
        r = json_get_integer(pack->about, "format_version", true, 1, EVIDENCE_FORMAT_VERSION,
                             &version, diag);
    if (r == 0)
        r = json_get_string(pack->about, "alert_id", true, HASH_HEX_SIZE - 1, &pack->alert_id,
                            diag);
    if (r == 0 && !evidence_id_valid(pack->alert_id))
        r = diag_set(diag, "alert_id: must be hexadecimal digits");
    if (r == 0)
        r = json_get_string(pack->about, "robot", true, NAME_MAX_LENGTH, &pack->robot, diag);
    if (r == 0)
        r = json_get_string(pack->about, "kind", true, 32, &pack->kind, diag);
    if (r == 0)
        r = take_model(pack, diag);
    if (r == 0)
        r = take_detectors(pack, diag);
    return r < 0 ? r : take_sizes(pack, diag);
}

/* ---- tables ---- */

static int open_table(const char *directory, const char *name, size_t rows, size_t columns,
                      struct npy **ret_npy, struct diag *diag)
{
    char *path = path_of(directory, name);
    int r = path ? npy_open(path, ret_npy, diag) : diag_errno(diag, ENOMEM, "%s", name);
    if (r == 0 && ((*ret_npy)->rows != rows || (*ret_npy)->columns != columns)) {
        r = diag_set(diag, "%s: %zu x %zu, must be %zu x %zu as " EVIDENCE_PACK_FILE " says", path,
                     (*ret_npy)->rows, (*ret_npy)->columns, rows, columns);
        npy_close(*ret_npy);
    }
    free(path);
    return r;
}

/* Memory: the caller frees *ret_values. */
static int read_table(const char *directory, const char *name, size_t rows, size_t columns,
                      double **ret_values, struct diag *diag)
{
    struct npy *npy = NULL;
    int r = open_table(directory, name, rows, columns, &npy, diag);
    if (r < 0)
        return r;
    *ret_values = malloc(rows * columns * sizeof **ret_values);
    r = *ret_values ? npy_read_numbers(npy, rows * columns, *ret_values, diag)
                    : diag_errno(diag, ENOMEM, "%s", name);
    npy_close(npy);
    return r;
}

static int read_floats(const char *directory, const char *name, size_t rows, size_t columns,
                       float **ret_values, struct diag *diag)
{
    double *values = NULL;
    int r = read_table(directory, name, rows, columns, &values, diag);
    if (r == 0 && !(*ret_values = malloc(rows * columns * sizeof **ret_values)))
        r = diag_errno(diag, ENOMEM, "%s", name);
    for (size_t i = 0; r == 0 && i < rows * columns; i++)
        (*ret_values)[i] = (float)values[i];
    free(values);
    return r;
}

static int read_windows(struct pack *pack, const char *directory, struct diag *diag)
{
    double *values = NULL;
    int r = read_table(directory, EVIDENCE_WINDOWS_FILE, pack->rows, 1, &values, diag);
    if (r == 0 && !(pack->window = malloc(pack->rows * sizeof *pack->window)))
        r = diag_errno(diag, ENOMEM, EVIDENCE_WINDOWS_FILE);
    for (size_t i = 0; r == 0 && i < pack->rows; i++) {
        if (values[i] >= EVIDENCE_NOT_EVALUATED && values[i] <= MODEL_SPAN_MAX)
            pack->window[i] = (int)values[i];
        else
            r = diag_set(diag, "%s/" EVIDENCE_WINDOWS_FILE ": row %zu is %g", directory, i,
                         values[i]);
    }
    free(values);
    return r;
}

static int read_columns(struct pack *pack, const char *directory, struct diag *diag)
{
    struct npy *npy = NULL;
    char **names = NULL;
    size_t count = 0;
    int r = open_table(directory, EVIDENCE_COLUMNS_FILE, pack->channels, 1, &npy, diag);
    if (r < 0)
        return r;
    r = npy_read_strings(npy, &names, &count, diag);
    npy_close(npy);
    if (r == 0)
        pack->columns = names;
    return r;
}

static int check_finite(const struct pack *pack, const char *directory, struct diag *diag)
{
    for (size_t i = 0; i < pack->rows * pack->channels; i++) {
        if (!isfinite(pack->samples[i]))
            return diag_set(diag, "%s/" EVIDENCE_SAMPLES_FILE ": row %zu is not finite", directory,
                            i / pack->channels);
    }
    for (size_t i = 0; i < pack->rows; i++) {
        if (!(fabs(pack->time_s[i]) < 9e9))
            return diag_set(diag, "%s/" EVIDENCE_TIME_FILE ": row %zu is no time", directory, i);
    }
    return 0;
}

static int read_rows(struct pack *pack, const char *directory, struct diag *diag)
{
    int r = read_floats(directory, EVIDENCE_SAMPLES_FILE, pack->rows, pack->channels,
                        &pack->samples, diag);
    if (r == 0 && pack->derived > 0)
        r = read_floats(directory, EVIDENCE_DERIVED_FILE, pack->rows, pack->derived,
                        &pack->derived_values, diag);
    if (r == 0)
        r = read_table(directory, EVIDENCE_TIME_FILE, pack->rows, 1, &pack->time_s, diag);
    if (r == 0)
        r = read_table(directory, EVIDENCE_SCORES_FILE, pack->rows, pack->detectors, &pack->scores,
                       diag);
    if (r == 0)
        r = read_windows(pack, directory, diag);
    if (r == 0)
        r = read_columns(pack, directory, diag);
    return r < 0 ? r : check_finite(pack, directory, diag);
}

static int load(const char *path, bool whole, struct pack **ret_pack, struct diag *diag)
{
    struct pack *pack = calloc(1, sizeof *pack);
    if (!pack)
        return diag_errno(diag, ENOMEM, "%s", path);
    int r = read_json(path, EVIDENCE_PACK_FILE, &pack->about, diag);
    if (r == 0 && (r = take_about(pack, diag)) < 0)
        diag_prefix(diag, "%s/" EVIDENCE_PACK_FILE, path);
    if (r == 0 && (r = read_json(path, EVIDENCE_ALERT_FILE, &pack->alert, diag)) == -ENOENT)
        r = -EINVAL; /* it is a pack, if not a whole one */
    if (r == 0)
        r = read_note(path, EVIDENCE_CLEARED_FILE, &pack->cleared, diag);
    if (r == 0)
        r = read_note(path, EVIDENCE_VERDICT_FILE, &pack->verdict, diag);
    if (r == 0 && !whole)
        pack->rows = pack->at = 0;
    if (r == 0 && pack->rows > 0 && (r = read_rows(pack, path, diag)) == -ENOENT)
        r = -EINVAL;
    if (r < 0) {
        pack_free(pack);
        return r;
    }
    *ret_pack = pack;
    return 0;
}

int pack_load(const char *path, struct pack **ret_pack, struct diag *diag)
{
    return load(path, true, ret_pack, diag);
}

int pack_load_head(const char *path, struct pack **ret_pack, struct diag *diag)
{
    return load(path, false, ret_pack, diag);
}
