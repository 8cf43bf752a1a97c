#include "model/derived_file.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REFERENCE_TOLERANCE 1e-3 /* of the length of a quaternion */

static int find_channel(const struct derived_names *names, const cJSON *item, size_t *ret_place,
                        struct diag *diag)
{
    if (!cJSON_IsString(item))
        return diag_set(diag, "found %s, must be the name of a channel", json_type_name(item));
    for (size_t c = 0; c < names->count; c++) {
        if (!strcmp(names->name[c], item->valuestring)) {
            *ret_place = c;
            return 0;
        }
    }
    return diag_set(diag, "\"%s\" is no channel of the samples", item->valuestring);
}

/* ---- reading ---- */

struct reading {
    const cJSON *object;
    const struct safetensors *tensors;
    const struct derived_names *names;
};

static int load_steps(const struct reading *reading, struct derivation *derivation,
                      struct diag *diag)
{
    const cJSON *list = NULL, *item;
    item = cJSON_GetObjectItemCaseSensitive(reading->object, "step_channel");
    int r = item ? find_channel(reading->names, item, &derivation->step_channel, diag) : 0;
    if (r < 0)
        diag_prefix(diag, "step_channel");
    if (r == 0)
        r = json_get_array(reading->object, "steps", false, &list, diag);
    if (r < 0 || !list)
        return r;
    derivation->step = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof *derivation->step);
    if (!derivation->step)
        return diag_errno(diag, ENOMEM, "steps");
    cJSON_ArrayForEach(item, list)
    {
        double least = derivation->steps ? derivation->step[derivation->steps - 1] + 1 : 0;
        double step = cJSON_IsNumber(item) ? item->valuedouble : -1;
        if (step != floor(step) || step < least || step >= DERIVED_STEPS_MAX)
            return diag_set(diag, "steps: entry %zu must be an integer from %.0f to %d",
                            derivation->steps, least, DERIVED_STEPS_MAX - 1);
        derivation->step[derivation->steps++] = (int)step;
    }
    return 0;
}

static int load_motion(const struct reading *reading, struct derivation *derivation,
                       struct diag *diag)
{
    const cJSON *list = NULL, *item;
    int r = json_get_array(reading->object, "motion", false, &list, diag);
    if (r < 0 || !list)
        return r;
    size_t count = (size_t)cJSON_GetArraySize(list);
    if (count == 0)
        return 0;
    derivation->motion = calloc(count + 1, sizeof *derivation->motion);
    derivation->rest = calloc(count + 1, sizeof *derivation->rest);
    derivation->rest_level = calloc(count + 1, sizeof *derivation->rest_level);
    if (!derivation->motion || !derivation->rest || !derivation->rest_level)
        return diag_errno(diag, ENOMEM, "motion");
    cJSON_ArrayForEach(item, list)
    {
        r = find_channel(reading->names, item, &derivation->motion[derivation->motions++], diag);
        if (r < 0) {
            diag_prefix(diag, "motion");
            return r;
        }
    }
    r = safetensors_get_f32(reading->tensors, "derived.rest", SAFETENSORS_SHAPE(count),
                            derivation->rest, diag);
    if (r == 0)
        r = safetensors_get_f32(reading->tensors, "derived.rest_level", SAFETENSORS_SHAPE(count),
                                derivation->rest_level, diag);
    for (size_t i = 0; r == 0 && i < count; i++) {
        if (!(derivation->rest_level[i] >= 0))
            r = diag_set(diag, "derived.rest_level: entry %zu is %g, must be 0 or over", i,
                         (double)derivation->rest_level[i]);
    }
    return r;
}

static int load_point_counts(const struct reading *reading, struct derivation *derivation,
                             struct diag *diag)
{
    size_t steps = derivation->steps;
    int64_t *counts = calloc(steps + 1, sizeof *counts);
    derivation->point_first = calloc(steps + 1, sizeof *derivation->point_first);
    int r = counts && derivation->point_first
                ? safetensors_get_i64(reading->tensors, "derived.points", SAFETENSORS_SHAPE(steps),
                                      counts, diag)
                : diag_errno(diag, ENOMEM, "points");
    for (size_t s = 0; r == 0 && s < steps; s++) {
        if (counts[s] < 0 || counts[s] > LOAD_POINTS_MAX)
            r = diag_set(diag, "derived.points: entry %zu is %lld, must be 0 to %d", s,
                         (long long)counts[s], LOAD_POINTS_MAX);
        else
            derivation->point_first[s + 1] = derivation->point_first[s] + (size_t)counts[s];
    }
    free(counts);
    return r;
}

/* Models from before there were any have none. */
static int load_points(const struct reading *reading, const cJSON *object,
                       struct derivation *derivation, struct diag *diag)
{
    const struct safetensors_tensor *tensor =
        safetensors_find(reading->tensors, "derived.point_load");
    if (!tensor)
        return 0;
    int r = load_point_counts(reading, derivation, diag);
    if (r == 0)
        r = json_get_number(object, "least", true, -1e12, 1e12, &derivation->point_least, diag);
    if (r == 0)
        r = json_get_number(object, "contrast_spread", true, 1e-12, 1e12,
                            &derivation->contrast_spread, diag);
    if (r < 0)
        return r;
    /* before any memory is taken: the number of points is the file's word */
    size_t points = derivation->point_first[derivation->steps];
    if (tensor->count != points)
        return diag_set(diag, "derived.point_load: not [%zu]", points);
    derivation->point_load = calloc(points + 1, sizeof *derivation->point_load);
    derivation->contrast_usual = calloc(derivation->steps + 1, sizeof *derivation->contrast_usual);
    if (!derivation->point_load || !derivation->contrast_usual)
        return diag_errno(diag, ENOMEM, "points");
    r = safetensors_get_f32(reading->tensors, "derived.point_load", SAFETENSORS_SHAPE(points),
                            derivation->point_load, diag);
    return r < 0 ? r
                 : safetensors_get_f32(reading->tensors, "derived.contrast",
                                       SAFETENSORS_SHAPE(derivation->steps),
                                       derivation->contrast_usual, diag);
}

/* "load": {"channel": ..., "spread": ...}, with points also "least" and "contrast_spread" */
static int load_load(const struct reading *reading, struct derivation *derivation,
                     struct diag *diag)
{
    const cJSON *object = NULL;
    int r = json_get_object(reading->object, "load", false, &object, diag);
    if (r < 0 || !object)
        return r;
    derivation->load_usual = calloc(derivation->steps + 1, sizeof *derivation->load_usual);
    if (!derivation->load_usual)
        return diag_errno(diag, ENOMEM, "load");
    r = find_channel(reading->names, cJSON_GetObjectItemCaseSensitive(object, "channel"),
                     &derivation->load, diag);
    if (r == 0)
        r = json_get_number(object, "spread", true, 1e-12, 1e12, &derivation->load_spread, diag);
    if (r == 0)
        r = safetensors_get_f32(reading->tensors, "derived.load",
                                SAFETENSORS_SHAPE(derivation->steps), derivation->load_usual, diag);
    if (r == 0)
        r = load_points(reading, object, derivation, diag);
    if (r < 0)
        diag_prefix(diag, "load");
    return r;
}

static int load_rotation(const struct reading *reading, const cJSON *list, size_t *places,
                         struct diag *diag)
{
    size_t used = 0;
    const cJSON *item;
    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) != 4)
        return diag_set(diag, "an entry must be an array of 4 channels");
    cJSON_ArrayForEach(item, list)
    {
        int r = find_channel(reading->names, item, &places[used++], diag);
        if (r < 0)
            return r;
    }
    return 0;
}

static int load_rotations(const struct reading *reading, struct derivation *derivation,
                          struct diag *diag)
{
    const cJSON *list = NULL, *item;
    int r = json_get_array(reading->object, "rotations", false, &list, diag);
    if (r < 0 || !list)
        return r;
    size_t count = (size_t)cJSON_GetArraySize(list), references = (derivation->steps + 1) * count;
    if (count == 0)
        return 0;
    /* before any memory is taken: a short list can ask for a thousand times its own size */
    const struct safetensors_tensor *tensor =
        safetensors_find(reading->tensors, "derived.rotation");
    if (!tensor || tensor->count != references * 4)
        return diag_set(diag, "derived.rotation: missing, or not [%zu, %zu, 4]",
                        derivation->steps + 1, count);
    derivation->rotation = calloc(count + 1, sizeof *derivation->rotation);
    derivation->reference = calloc(references * 4 + 1, sizeof *derivation->reference);
    if (!derivation->rotation || !derivation->reference)
        return diag_errno(diag, ENOMEM, "rotations");
    cJSON_ArrayForEach(item, list)
    {
        r = load_rotation(reading, item, derivation->rotation[derivation->rotations++], diag);
        if (r < 0) {
            diag_prefix(diag, "rotations");
            return r;
        }
    }
    r = safetensors_get_f32(reading->tensors, "derived.rotation",
                            SAFETENSORS_SHAPE(derivation->steps + 1, count, 4),
                            derivation->reference, diag);
    for (size_t i = 0; r == 0 && i < references; i++) {
        double square = 0;
        for (size_t j = 0; j < 4; j++)
            square +=
                (double)derivation->reference[i * 4 + j] * (double)derivation->reference[i * 4 + j];
        if (!(fabs(square - 1) < REFERENCE_TOLERANCE))
            r = diag_set(diag, "derived.rotation: entry %zu has the length %g, must be 1", i,
                         sqrt(square));
    }
    return r;
}

static int load_derived_channel(const struct reading *reading, const cJSON *entry,
                                struct derivation *derivation, struct diag *diag)
{
    struct derived_channel *channel = &derivation->channel[derivation->count];
    const char *kind, *name;
    int r = json_get_string(entry, "kind", true, 32, &kind, diag);
    if (r == 0)
        r = json_get_string(entry, "name", true, DERIVED_NAME_MAX - 1, &name, diag);
    if (r == 0)
        r = derived_kind_parse(kind, &channel->kind, diag);
    if (r < 0)
        return r;
    if (!*name)
        return diag_set(diag, "name: must not be empty");
    if (derivation->step_channel == DERIVED_NONE || derivation->motions == 0)
        return diag_set(diag, "%s needs \"step_channel\" and \"motion\"", kind);
    if (channel->kind != DERIVED_MOVING_TIME && derivation->load == DERIVED_NONE)
        return diag_set(diag, "%s needs \"load\"", kind);
    for (size_t c = 0; c < reading->names->count; c++) {
        if (!strcmp(reading->names->name[c], name))
            return diag_set(diag, "\"%s\" is a channel of the samples already", name);
    }
    for (size_t i = 0; i < derivation->count; i++) {
        if (derivation->channel[i].kind == channel->kind ||
            !strcmp(derivation->channel[i].name, name))
            return diag_set(diag, "\"%s\" appears twice", name);
    }
    strcpy(channel->name, name);
    derivation->count++;
    return 0;
}

static int load_derived_channels(const struct reading *reading, struct derivation *derivation,
                                 struct diag *diag)
{
    const cJSON *list = NULL, *entry;
    int r = json_get_array(reading->object, "channels", false, &list, diag);
    if (r == 0 && cJSON_GetArraySize(list) > DERIVED_MAX)
        r = diag_set(diag, "channels: %d, at most %d are allowed", cJSON_GetArraySize(list),
                     DERIVED_MAX);
    if (r < 0)
        return r;
    cJSON_ArrayForEach(entry, list)
    {
        r = load_derived_channel(reading, entry, derivation, diag);
        if (r < 0) {
            diag_prefix(diag, "channels: entry %zu", derivation->count);
            return r;
        }
    }
    return 0;
}

int derived_file_load(const cJSON *config, const struct safetensors *tensors,
                      const struct derived_names *names, struct derivation *ret_derivation,
                      struct diag *diag)
{
    struct reading reading = {.tensors = tensors, .names = names};
    *ret_derivation = (struct derivation){
        .channels = names->count, .step_channel = DERIVED_NONE, .load = DERIVED_NONE};
    int r = json_get_object(config, "derived", false, &reading.object, diag);
    if (r < 0 || !reading.object)
        return r;
    r = load_steps(&reading, ret_derivation, diag);
    if (r == 0)
        r = load_motion(&reading, ret_derivation, diag);
    if (r == 0)
        r = load_load(&reading, ret_derivation, diag);
    if (r == 0)
        r = load_rotations(&reading, ret_derivation, diag);
    if (r == 0)
        r = load_derived_channels(&reading, ret_derivation, diag);
    if (r < 0)
        diag_prefix(diag, "derived");
    return r;
}

/* ---- writing ---- */

static void add_name(cJSON *list, const struct derived_names *names, size_t place)
{
    cJSON_AddItemToArray(list, cJSON_CreateString(names->name[place]));
}

void derived_file_format(const struct derivation *derivation, const struct derived_names *names,
                         cJSON *config)
{
    bool steps = derivation->step_channel != DERIVED_NONE;
    if (!steps && derivation->motions == 0 && derivation->rotations == 0 && derivation->count == 0)
        return;
    cJSON *object = cJSON_AddObjectToObject(config, "derived");
    if (steps) {
        cJSON_AddStringToObject(object, "step_channel", names->name[derivation->step_channel]);
        cJSON_AddItemToObject(object, "steps",
                              cJSON_CreateIntArray(derivation->step, (int)derivation->steps));
    }
    cJSON *motion = cJSON_AddArrayToObject(object, "motion");
    for (size_t i = 0; i < derivation->motions; i++)
        add_name(motion, names, derivation->motion[i]);
    if (derivation->load != DERIVED_NONE) {
        cJSON *load = cJSON_AddObjectToObject(object, "load");
        cJSON_AddStringToObject(load, "channel", names->name[derivation->load]);
        cJSON_AddNumberToObject(load, "spread", derivation->load_spread);
        if (derivation->point_first) {
            cJSON_AddNumberToObject(load, "least", derivation->point_least);
            cJSON_AddNumberToObject(load, "contrast_spread", derivation->contrast_spread);
        }
    }
    cJSON *rotations = cJSON_AddArrayToObject(object, "rotations");
    for (size_t i = 0; i < derivation->rotations; i++) {
        cJSON *four = cJSON_CreateArray();
        for (size_t j = 0; j < 4; j++)
            add_name(four, names, derivation->rotation[i][j]);
        cJSON_AddItemToArray(rotations, four);
    }
    cJSON *channels = cJSON_AddArrayToObject(object, "channels");
    for (size_t i = 0; i < derivation->count; i++) {
        cJSON *entry = cJSON_CreateObject();
        cJSON_AddStringToObject(entry, "name", derivation->channel[i].name);
        cJSON_AddStringToObject(entry, "kind", derived_kind_name(derivation->channel[i].kind));
        cJSON_AddItemToArray(channels, entry);
    }
}

static int put_points(const struct derivation *derivation, const struct tensor_sink *sink)
{
    size_t steps = derivation->steps;
    int64_t *counts = calloc(steps + 1, sizeof *counts);
    if (!counts)
        return -ENOMEM;
    for (size_t s = 0; s < steps; s++)
        counts[s] = (int64_t)(derivation->point_first[s + 1] - derivation->point_first[s]);
    int r =
        sink->put(sink->to, "derived.points", SAFETENSORS_I64, SAFETENSORS_SHAPE(steps), counts);
    if (r == 0)
        r = sink->put(sink->to, "derived.point_load", SAFETENSORS_F32,
                      SAFETENSORS_SHAPE(derivation->point_first[steps]), derivation->point_load);
    if (r == 0)
        r = sink->put(sink->to, "derived.contrast", SAFETENSORS_F32, SAFETENSORS_SHAPE(steps),
                      derivation->contrast_usual);
    free(counts);
    return r;
}

int derived_file_put(const struct derivation *derivation, const struct tensor_sink *sink)
{
    int r = 0;
    if (derivation->motions > 0) {
        r = sink->put(sink->to, "derived.rest", SAFETENSORS_F32,
                      SAFETENSORS_SHAPE(derivation->motions), derivation->rest);
        if (r == 0)
            r = sink->put(sink->to, "derived.rest_level", SAFETENSORS_F32,
                          SAFETENSORS_SHAPE(derivation->motions), derivation->rest_level);
    }
    if (r == 0 && derivation->load != DERIVED_NONE)
        r = sink->put(sink->to, "derived.load", SAFETENSORS_F32,
                      SAFETENSORS_SHAPE(derivation->steps), derivation->load_usual);
    if (r == 0 && derivation->load != DERIVED_NONE && derivation->point_first)
        r = put_points(derivation, sink);
    if (r == 0 && derivation->rotations > 0)
        r = sink->put(sink->to, "derived.rotation", SAFETENSORS_F32,
                      SAFETENSORS_SHAPE(derivation->steps + 1, derivation->rotations, 4),
                      derivation->reference);
    return r;
}
