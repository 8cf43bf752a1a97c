#include "daemon/commissioning_file.h"

#include "base/json.h"
#include "model/safetensors_writer.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT "armwatch-commissioning"
#define VERSION "1"
#define NAME_SIZE 32

enum { IN_BLOCK, TIME, IN_SESSION, ENDED, WINDOWS, COUNT, SESSIONS, COUNTS }; /* <d>.counts */
enum { NUMBER, FIRST, OF_WINDOWS, COLUMNS };                                  /* <d>.sessions */

static const char *tensor(char name[NAME_SIZE], size_t detector, const char *leaf)
{
    snprintf(name, NAME_SIZE, "%zu.%s", detector, leaf);
    return name;
}

/* ---- out ---- */

static cJSON *make_config(const struct commissioning_record *record)
{
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "robot", record->robot);
    cJSON_AddStringToObject(root, "model_sha256", record->sha256);
    cJSON_AddStringToObject(root, "mode", commissioning_mode_name(record->mode));
    cJSON_AddBoolToObject(root, "asked", record->asked);
    cJSON_AddNumberToObject(root, "false_alarms_per_day", record->per_day);
    cJSON *list = cJSON_AddArrayToObject(root, "detectors");
    for (size_t d = 0; d < record->detectors; d++) {
        cJSON *entry = cJSON_CreateObject();
        cJSON_AddNumberToObject(entry, "block_s", record->blocks[d].block_s);
        cJSON_AddNumberToObject(entry, "period_s", record->blocks[d].period_s);
        cJSON_AddItemToArray(list, entry);
    }
    return root;
}

static int add_sessions(struct safetensors_writer *writer, const char *name,
                        const struct calibration_blocks *blocks)
{
    int64_t *rows = calloc(blocks->sessions, COLUMNS * sizeof *rows);
    if (!rows)
        return -ENOMEM;
    for (size_t s = 0; s < blocks->sessions; s++) {
        rows[s * COLUMNS + NUMBER] = (int64_t)blocks->source[s].number;
        rows[s * COLUMNS + FIRST] = (int64_t)blocks->source[s].first;
        rows[s * COLUMNS + OF_WINDOWS] = (int64_t)blocks->source[s].windows;
    }
    int r = safetensors_writer_add(writer, name, SAFETENSORS_I64,
                                   SAFETENSORS_SHAPE(blocks->sessions, COLUMNS), rows);
    free(rows);
    return r;
}

static int add_blocks(struct safetensors_writer *writer, size_t d,
                      const struct calibration_blocks *blocks)
{
    char name[NAME_SIZE];
    const int64_t counts[COUNTS] = {
        [IN_BLOCK] = (int64_t)blocks->in_block, [TIME] = blocks->time_ns,
        [IN_SESSION] = blocks->in_session,      [ENDED] = (int64_t)blocks->ended,
        [WINDOWS] = (int64_t)blocks->windows,   [COUNT] = (int64_t)blocks->count,
        [SESSIONS] = (int64_t)blocks->sessions};
    int r = safetensors_writer_add(writer, tensor(name, d, "counts"), SAFETENSORS_I64,
                                   SAFETENSORS_SHAPE(COUNTS), counts);
    if (r == 0)
        r = safetensors_writer_add(writer, tensor(name, d, "maximum"), SAFETENSORS_F64,
                                   SAFETENSORS_SHAPE(1), &blocks->maximum);
    if (r == 0 && blocks->count > 0)
        r = safetensors_writer_add(writer, tensor(name, d, "maxima"), SAFETENSORS_F64,
                                   SAFETENSORS_SHAPE(blocks->count), blocks->maxima);
    if (r == 0 && blocks->sessions > 0)
        r = add_sessions(writer, tensor(name, d, "sessions"), blocks);
    return r;
}

static int add_metadata(struct safetensors_writer *writer,
                        const struct commissioning_record *record)
{
    cJSON *config = make_config(record);
    char *text = cJSON_PrintUnformatted(config);
    cJSON_Delete(config);
    int r = text ? safetensors_writer_add_metadata(writer, "format", FORMAT) : -ENOMEM;
    if (r == 0)
        r = safetensors_writer_add_metadata(writer, "format_version", VERSION);
    if (r == 0)
        r = safetensors_writer_add_metadata(writer, "config", text);
    cJSON_free(text);
    return r;
}

int commissioning_file_format(const struct commissioning_record *record, void **ret_data,
                              size_t *ret_size, struct diag *diag)
{
    const int64_t times[] = {record->began_ns, record->last_ns};
    struct safetensors_writer *writer = safetensors_writer_new();
    int r = writer ? add_metadata(writer, record) : -ENOMEM;
    if (r == 0)
        r = safetensors_writer_add(writer, "times", SAFETENSORS_I64, SAFETENSORS_SHAPE(2), times);
    for (size_t d = 0; r == 0 && d < record->detectors; d++)
        r = add_blocks(writer, d, &record->blocks[d]);
    if (r < 0)
        diag_errno(diag, r, "commissioning of %s", record->robot);
    else
        r = safetensors_writer_finish(writer, ret_data, ret_size, diag);
    safetensors_writer_free(writer);
    return r;
}

/* ---- in ---- */

static int read_mode(const cJSON *config, struct commissioning_record *record, struct diag *diag)
{
    const char *mode;
    int r = json_get_string(config, "mode", true, 16, &mode, diag);
    if (r < 0)
        return r;
    for (int m = 0; m < COMMISSIONING_MODES; m++) {
        record->mode = (enum commissioning_mode)m;
        if (!strcmp(mode, commissioning_mode_name(record->mode)))
            return 0;
    }
    return diag_set(diag, "mode: \"%.16s\", must be idle, learning or armed", mode);
}

static int read_detectors(const cJSON *config, struct commissioning_record *record,
                          struct diag *diag)
{
    const cJSON *list = NULL, *entry;
    int r = json_get_array(config, "detectors", true, &list, diag);
    int count = r == 0 ? cJSON_GetArraySize(list) : 0;
    if (r == 0 && (count < 1 || count > MODEL_DETECTORS_MAX))
        r = diag_set(diag, "%d detectors, must be 1 to %d", count, MODEL_DETECTORS_MAX);
    if (r < 0)
        return r;
    cJSON_ArrayForEach(entry, list)
    {
        double block_s, period_s;
        r = cJSON_IsObject(entry) ? json_get_number(entry, "block_s", true, 1, 3600, &block_s, diag)
                                  : diag_set(diag, "detectors: must be objects");
        if (r == 0)
            r = json_get_number(entry, "period_s", true, 1e-6, 1e6, &period_s, diag);
        if (r < 0)
            return r;
        calibration_blocks_init(&record->blocks[record->detectors++], block_s, period_s);
    }
    return 0;
}

static int read_config(const cJSON *config, struct commissioning_record *record, struct diag *diag)
{
    const char *robot = "", *sha256 = "";
    int r = cJSON_IsObject(config)
                ? json_get_string(config, "robot", true, NAME_MAX_LENGTH, &robot, diag)
                : diag_set(diag, "config: must be an object");
    if (r == 0)
        r = json_get_string(config, "model_sha256", true, HASH_HEX_SIZE - 1, &sha256, diag);
    if (r == 0 && (!name_valid(robot) || strlen(sha256) != HASH_HEX_SIZE - 1 ||
                   strspn(sha256, "0123456789abcdef") != HASH_HEX_SIZE - 1))
        r = diag_set(diag, "config: no robot's name, or no digest");
    if (r < 0)
        return r;
    strcpy(record->robot, robot);
    strcpy(record->sha256, sha256);
    record->asked = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(config, "asked"));
    r = json_get_number(config, "false_alarms_per_day", true, 0, 1e9, &record->per_day, diag);
    if (r == 0)
        r = read_mode(config, record, diag);
    if (r == 0 && record->mode == COMMISSIONING_ARMED && !(record->per_day > 0))
        r = diag_set(diag, "false_alarms_per_day: 0 of one that is armed");
    return r < 0 ? r : read_detectors(config, record, diag);
}

/* Sessions follow one another, and share the blocks and windows out. */
static int take_sessions(const int64_t *rows, struct calibration_blocks *blocks, struct diag *diag)
{
    int64_t windows = 0;
    for (size_t s = 0; s < blocks->sessions; s++) {
        const int64_t *row = rows + s * COLUMNS;
        bool follows =
            s == 0 ? row[FIRST] == 0 && row[NUMBER] >= 1
                   : row[FIRST] > row[FIRST - COLUMNS] && row[NUMBER] > row[NUMBER - COLUMNS];
        if (!follows || row[FIRST] >= (int64_t)blocks->count || row[OF_WINDOWS] < 1 ||
            row[OF_WINDOWS] > (int64_t)blocks->windows || row[NUMBER] > (int64_t)blocks->ended + 1)
            return diag_set(diag, "session %zu does not follow the one before", s + 1);
        blocks->source[s] = (struct calibration_source){.number = (size_t)row[NUMBER],
                                                        .first = (size_t)row[FIRST],
                                                        .windows = (size_t)row[OF_WINDOWS]};
        windows += row[OF_WINDOWS];
    }
    return windows == (int64_t)blocks->windows
               ? 0
               : diag_set(diag, "sessions of %lld windows, blocks of %zu", (long long)windows,
                          blocks->windows);
}

static int read_sessions(const struct safetensors *file, const char *name,
                         struct calibration_blocks *blocks, struct diag *diag)
{
    int64_t *rows = calloc(blocks->sessions, COLUMNS * sizeof *rows);
    blocks->source = calloc(blocks->sessions, sizeof *blocks->source);
    int r = rows && blocks->source ? 0 : diag_errno(diag, ENOMEM, "sessions");
    if (r == 0)
        r = safetensors_get_i64(file, name, SAFETENSORS_SHAPE(blocks->sessions, COLUMNS), rows,
                                diag);
    if (r == 0)
        r = take_sessions(rows, blocks, diag);
    free(rows);
    return r;
}

static int read_maxima(const struct safetensors *file, const char *name,
                       struct calibration_blocks *blocks, struct diag *diag)
{
    blocks->maxima = calloc(blocks->count, sizeof *blocks->maxima);
    if (!blocks->maxima)
        return diag_errno(diag, ENOMEM, "maxima");
    blocks->capacity = blocks->count;
    int r = safetensors_get_f64(file, name, SAFETENSORS_SHAPE(blocks->count), blocks->maxima, diag);
    for (size_t i = 0; r == 0 && i < blocks->count; i++) {
        if (blocks->maxima[i] < 0)
            r = diag_set(diag, "%s: %g, no score is under 0", name, blocks->maxima[i]);
    }
    return r;
}

static int check_counts(const int64_t *counts, const struct calibration_blocks *blocks,
                        struct diag *diag)
{
    int64_t count = counts[COUNT], most = (int64_t)blocks->full * count;
    bool good = count >= 0 && count <= COMMISSIONING_BLOCKS_MAX + 1 && counts[IN_BLOCK] >= 0 &&
                counts[IN_BLOCK] < (int64_t)blocks->full && counts[ENDED] >= 0 &&
                counts[WINDOWS] >= count && counts[WINDOWS] <= most && counts[SESSIONS] >= 0 &&
                counts[SESSIONS] <= count && (counts[SESSIONS] > 0) == (count > 0) &&
                (counts[IN_SESSION] == 0 || count > 0);
    return good ? 0 : diag_set(diag, "the counts contradict each other");
}

static int read_blocks(const struct safetensors *file, size_t d, struct calibration_blocks *blocks,
                       struct diag *diag)
{
    char name[NAME_SIZE];
    int64_t counts[COUNTS];
    int r = safetensors_get_i64(file, tensor(name, d, "counts"), SAFETENSORS_SHAPE(COUNTS), counts,
                                diag);
    if (r == 0)
        r = check_counts(counts, blocks, diag);
    if (r == 0)
        r = safetensors_get_f64(file, tensor(name, d, "maximum"), SAFETENSORS_SHAPE(1),
                                &blocks->maximum, diag);
    if (r < 0)
        return r;
    blocks->in_block = (size_t)counts[IN_BLOCK];
    blocks->time_ns = counts[TIME];
    blocks->in_session = counts[IN_SESSION] != 0;
    blocks->ended = (size_t)counts[ENDED];
    blocks->windows = (size_t)counts[WINDOWS];
    blocks->count = (size_t)counts[COUNT];
    blocks->sessions = (size_t)counts[SESSIONS];
    if (blocks->count == 0)
        return 0;
    r = read_maxima(file, tensor(name, d, "maxima"), blocks, diag);
    return r < 0 ? r : read_sessions(file, tensor(name, d, "sessions"), blocks, diag);
}

static int read_record(const struct safetensors *file, struct commissioning_record *record,
                       struct diag *diag)
{
    const char *format = safetensors_metadata(file, "format"),
               *version = safetensors_metadata(file, "format_version"),
               *config = safetensors_metadata(file, "config");
    if (!format || !version || !config || strcmp(format, FORMAT) != 0 ||
        strcmp(version, VERSION) != 0)
        return diag_set(diag, "no %s file of version %s", FORMAT, VERSION);
    cJSON *tree = json_parse(config, strlen(config), diag);
    int r = tree ? read_config(tree, record, diag) : -EINVAL;
    cJSON_Delete(tree);
    int64_t times[2];
    if (r == 0)
        r = safetensors_get_i64(file, "times", SAFETENSORS_SHAPE(2), times, diag);
    for (size_t d = 0; r == 0 && d < record->detectors; d++)
        r = read_blocks(file, d, &record->blocks[d], diag);
    if (r < 0)
        return r;
    record->began_ns = times[0];
    record->last_ns = times[1];
    return record->mode == COMMISSIONING_ARMED ? commissioning_refit(record, diag) : 0;
}

int commissioning_file_parse(const void *data, size_t size,
                             struct commissioning_record **ret_record, struct diag *diag)
{
    struct safetensors *file;
    int r = safetensors_parse(data, size, &file, diag);
    if (r < 0)
        return r;
    struct commissioning_record *record = calloc(1, sizeof *record);
    r = record ? read_record(file, record, diag) : diag_errno(diag, ENOMEM, "commissioning");
    safetensors_free(file);
    if (r < 0) {
        commissioning_record_free(record);
        return r == -ENODATA ? -EINVAL : r;
    }
    *ret_record = record;
    return 0;
}
