#include "cli/intake.h"

#include "base/json.h"
#include "model/calibration.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 4096

void intake_init(struct intake *intake, const struct intake_options *options)
{
    *intake = (struct intake){.options = *options};
}

void intake_deinit(struct intake *intake)
{
    sample_decoder_free(intake->decoder);
    recording_free(intake->recording);
    free(intake->values);
    *intake = (struct intake){0};
}

/* ---- the channels, from the first sample */

struct channel_list {
    size_t count, generated;
    const char **name; /* [count] borrowed */
    char (*text)[32];  /* generated names */
};

static void channel_list_deinit(struct channel_list *list)
{
    free(list->name);
    free(list->text);
}

static bool generate_names(struct channel_list *list, size_t count)
{
    list->name = calloc(count, sizeof *list->name);
    list->text = calloc(count, sizeof *list->text);
    if (!list->name || !list->text)
        return false;
    for (list->count = 0; list->count < count; list->count++) {
        snprintf(list->text[list->count], sizeof *list->text, "channel_%zu", list->count);
        list->name[list->count] = list->text[list->count];
    }
    return true;
}

static void note_left_out(struct intake *intake, const char *name)
{
    size_t used = strlen(intake->left_out);
    snprintf(intake->left_out + used, sizeof intake->left_out - used, "%s%s", used ? ", " : "",
             name);
    intake->left_out_count++;
}

static bool take_names(struct intake *intake, struct channel_list *list, const cJSON *channels)
{
    const cJSON *item;
    list->name = calloc((size_t)cJSON_GetArraySize(channels) + 1, sizeof *list->name);
    if (!list->name)
        return false;
    intake->left_out[0] = '\0';
    intake->left_out_count = 0;
    cJSON_ArrayForEach(item, channels)
    {
        if (cJSON_IsNumber(item))
            list->name[list->count++] = item->string;
        else
            note_left_out(intake, item->string);
    }
    intake->named = true;
    return true;
}

/* Values of a sample without names. */
static size_t count_values(const void *payload, size_t size, const cJSON *tree)
{
    const unsigned char *bytes = payload;
    if (size >= SAMPLE_BINARY_HEADER && *bytes == SAMPLE_BINARY_MAGIC)
        return (size - SAMPLE_BINARY_HEADER) / 4;
    const cJSON *values = cJSON_GetObjectItemCaseSensitive(tree, "values");
    return (size_t)cJSON_GetArraySize(cJSON_IsArray(tree) ? tree : values);
}

static int create(struct intake *intake, const char *const *names, size_t count)
{
    intake->decoder = sample_decoder_new(names, count, intake->options.time_unit);
    intake->recording = recording_new(FIRST_CAPACITY, count, names, true, false);
    intake->values = calloc(count, sizeof *intake->values);
    if (!intake->decoder || !intake->recording || !intake->values) {
        sample_decoder_free(intake->decoder);
        recording_free(intake->recording);
        free(intake->values);
        intake->decoder = NULL;
        intake->recording = NULL;
        intake->values = NULL;
        return -ENOMEM;
    }
    intake->capacity = FIRST_CAPACITY;
    intake->recording->rows = 0;
    intake->recording->named = intake->named;
    return 0;
}

/* Fixes the channels, if this sample can say which. Returns 1 if it did. */
static int fix_channels(struct intake *intake, const void *payload, size_t size)
{
    struct channel_list list = {0};
    const bool listed = intake->options.names != NULL;
    bool binary = size > 0 && *(const unsigned char *)payload == SAMPLE_BINARY_MAGIC;
    cJSON *tree = binary || size > SAMPLE_PAYLOAD_MAX ? NULL : json_parse(payload, size, NULL);
    const cJSON *channels = cJSON_GetObjectItemCaseSensitive(tree, "channels");
    size_t count = count_values(payload, size, tree);
    bool readable = cJSON_IsObject(channels) || count > 0, ok = true;
    int r = 0;
    if (readable && listed)
        r = create(intake, (const char *const *)intake->options.names, intake->options.name_count);
    else if (readable) {
        ok = cJSON_IsObject(channels) ? take_names(intake, &list, channels)
                                      : generate_names(&list, count);
        r = !ok ? -ENOMEM : list.count > 0 ? create(intake, list.name, list.count) : 0;
    }
    intake->named = intake->named || listed;
    channel_list_deinit(&list);
    cJSON_Delete(tree);
    return r;
}

/* ---- rows */

/* Half as much room again. The arrays that could grow stay grown on an error. */
static int reserve_row(struct intake *intake)
{
    struct recording *recording = intake->recording;
    if (recording->rows < intake->capacity)
        return 0;
    size_t capacity = intake->capacity + intake->capacity / 2;
    float *values = reallocarray(recording->values, capacity, recording->channels * sizeof *values);
    if (!values)
        return -ENOMEM;
    recording->values = values;
    unsigned char *valid = realloc(recording->valid, capacity);
    if (!valid)
        return -ENOMEM;
    recording->valid = valid;
    int64_t *time_ns = reallocarray(recording->time_ns, capacity, sizeof *time_ns);
    if (!time_ns)
        return -ENOMEM;
    recording->time_ns = time_ns;
    intake->capacity = capacity;
    return 0;
}

/* values NULL: a hole. */
static int push_row(struct intake *intake, const float *values, int64_t time_ns)
{
    int r = reserve_row(intake);
    if (r < 0)
        return r;
    struct recording *recording = intake->recording;
    float *row = recording->values + recording->rows * recording->channels;
    if (values)
        memcpy(row, values, recording->channels * sizeof *row);
    else
        memset(row, 0, recording->channels * sizeof *row);
    if (intake->rows > 0 && time_ns < intake->last_ns)
        intake->back_steps++;
    recording->valid[recording->rows] = values != NULL;
    recording->holes += values == NULL;
    recording->time_ns[recording->rows] = time_ns;
    recording->rows++;
    intake->rows++;
    intake->holes += values == NULL;
    intake->last_ns = time_ns;
    return 0;
}

/* The rows that a jump of the sequence number says are missing, evenly before the next one. */
static int push_missing(struct intake *intake, uint64_t count, int64_t next_ns)
{
    int64_t last_ns = intake->last_ns;
    if (count > INTAKE_GAP_MAX) {
        intake->gaps++;
        return 0;
    }
    /* Few numbers and a long time: the source has paused. */
    if (intake->rows == 0 || (double)(next_ns - last_ns) / 1e9 > CALIBRATION_SESSION_GAP_S)
        return 0;
    int r = 0;
    for (uint64_t i = 1; r == 0 && i <= count; i++)
        r = push_row(intake, NULL,
                     last_ns +
                         (int64_t)((double)(next_ns - last_ns) * (double)i / (double)(count + 1)));
    return r;
}

/* True if the row is to be recorded. */
static bool follow_seq(struct intake *intake, const struct sample *sample, uint64_t *ret_missing)
{
    bool follows = sample->has_seq && intake->has_last_seq;
    uint64_t last = intake->last_seq;
    *ret_missing = 0;
    intake->has_last_seq = sample->has_seq;
    intake->last_seq = sample->seq;
    if (!follows)
        return true;
    if (sample->seq == last) {
        intake->repeated++;
        return false;
    }
    if (sample->seq < last)
        intake->restarts++;
    else
        *ret_missing = sample->seq - last - 1;
    return true;
}

int intake_refuse(struct intake *intake, enum sample_refusal refusal, const struct diag *diag,
                  int64_t arrival_ns)
{
    if (!*intake->refused_text)
        memcpy(intake->refused_text, diag->text, sizeof intake->refused_text);
    intake->refused[refusal]++;
    /* With sequence numbers the next sample shows the hole. */
    bool leaves_hole = intake->decoder && intake->rows > 0 && !intake->has_last_seq;
    return leaves_hole ? push_row(intake, NULL, arrival_ns) : 0;
}

int intake_take(struct intake *intake, const void *payload, size_t size, int64_t arrival_ns)
{
    struct sample sample;
    struct diag diag = DIAG_INIT;
    if (!intake->decoder) {
        int r = fix_channels(intake, payload, size);
        if (r < 0)
            return r;
        if (!intake->decoder) {
            diag_set(&diag, "neither values nor channels with numbers are in it");
            return intake_refuse(intake, size == 0 ? SAMPLE_EMPTY : SAMPLE_NO_VALUES, &diag,
                                 arrival_ns);
        }
    }
    enum sample_refusal refusal =
        sample_decode(intake->decoder, payload, size, &sample, intake->values, &diag);
    if (refusal != SAMPLE_ACCEPTED)
        return intake_refuse(intake, refusal, &diag, arrival_ns);
    return intake_take_row(intake, &sample, arrival_ns);
}

int intake_take_row(struct intake *intake, const struct sample *sample, int64_t arrival_ns)
{
    uint64_t missing;
    if (!follow_seq(intake, sample, &missing))
        return 0;
    if (!intake->options.all_modes && *sample->mode && strcmp(sample->mode, "auto") != 0) {
        intake->other_modes++;
        return 0;
    }
    int64_t time_ns = sample->has_time ? sample->time_ns : arrival_ns;
    int r = push_missing(intake, missing, time_ns);
    return r < 0 ? r : push_row(intake, intake->values, time_ns);
}

int intake_fix(struct intake *intake, const char *const *names, size_t count)
{
    intake->named = true;
    return create(intake, names, count);
}

void intake_drain(struct intake *intake)
{
    intake->recording->rows = intake->recording->holes = 0;
}
