/*
 * A message is read from the outside in: the document, an element of it, a tag of that. Times,
 * qualities and the robot's name may stand at any of the three; the innermost counts.
 */
#include "source/source_read.h"

#include "base/json_pointer.h"
#include "base/name.h"
#include "base/utf8.h"
#include "pipeline/sample_time.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BARE_MAX 256 /* bytes of a value that is no JSON */

static const char *const refusal_names[SOURCE_REFUSALS] = {
    [SOURCE_READ] = "read",           [SOURCE_EMPTY] = "empty",
    [SOURCE_TOO_LARGE] = "too_large", [SOURCE_MALFORMED] = "malformed",
    [SOURCE_NO_ROBOT] = "no_robot",   [SOURCE_NO_TAG] = "no_tag",
    [SOURCE_NO_VALUE] = "no_value",   [SOURCE_BAD_TIME] = "bad_time",
};

const char *source_refusal_name(enum source_refusal refusal)
{
    assert(refusal < SOURCE_REFUSALS);
    return refusal_names[refusal];
}

struct reading {
    const struct source *source;
    const struct source_match *match;
    source_found *found;
    void *user;
    struct diag *diag;
    enum source_refusal refusal; /* the first */
    const cJSON *document, *element;
};

static void refuse(struct reading *reading, enum source_refusal refusal, const struct diag *why)
{
    if (reading->refusal == SOURCE_READ) {
        reading->refusal = refusal;
        if (reading->diag)
            *reading->diag = *why;
    }
}

/* Innermost first. */
static const cJSON *look(const struct reading *reading, const cJSON *tag, const char *place)
{
    const cJSON *item = tag ? json_pointer_get(tag, place) : NULL;
    if (!item)
        item = json_pointer_get(reading->element, place);
    return item ? item : json_pointer_get(reading->document, place);
}

/* ---- one tag */

static bool is_good(const struct source *source, const cJSON *quality)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, source->good)
    {
        if (quality ? cJSON_Compare(item, quality, true) : cJSON_IsNull(item))
            return true;
    }
    return false;
}

static bool to_tag(const cJSON *value, struct tag *ret_tag)
{
    *ret_tag = (struct tag){.type = TAG_NULL};
    if (cJSON_IsNumber(value))
        *ret_tag = (struct tag){.type = TAG_NUMBER, .number = value->valuedouble};
    else if (cJSON_IsBool(value))
        *ret_tag = (struct tag){.type = TAG_BOOL, .number = cJSON_IsTrue(value)};
    else if (cJSON_IsString(value))
        *ret_tag = (struct tag){.type = TAG_TEXT, .text = value->valuestring};
    return !cJSON_IsObject(value) && !cJSON_IsArray(value);
}

static const char *find_robot(struct reading *reading)
{
    const char *robot = reading->match->robot;
    struct diag diag = DIAG_INIT;
    if (reading->source->robot && *reading->source->robot != '/') {
        robot = reading->source->robot;
    } else if (reading->source->robot) {
        const cJSON *item = look(reading, NULL, reading->source->robot);
        robot = cJSON_IsString(item) && name_valid(item->valuestring) ? item->valuestring : "";
    }
    if (*robot)
        return robot;
    diag_set(&diag, "no robot is named, or by no valid name: " NAME_RULE);
    refuse(reading, SOURCE_NO_ROBOT, &diag);
    return NULL;
}

/* place: what holds the tag, where its time and quality may stand; NULL: nothing but the value. */
static void give(struct reading *reading, const char *name, const cJSON *place, const cJSON *value)
{
    const struct source *source = reading->source;
    struct diag diag = DIAG_INIT;
    struct source_tag tag = {.robot = find_robot(reading), .name = name};
    if (!tag.robot)
        return;
    if (!*name) {
        diag_set(&diag, "a tag has no name");
        refuse(reading, SOURCE_NO_TAG, &diag);
        return;
    }
    if (!to_tag(value, &tag.tag)) {
        diag_set(&diag, "tag \"%.80s\" is %s, must be a value", name, json_type_name(value));
        refuse(reading, SOURCE_NO_VALUE, &diag);
        return;
    }
    if (source->quality && !is_good(source, look(reading, place, source->quality)))
        tag.tag = (struct tag){.type = TAG_NULL};
    const cJSON *time = source->time ? look(reading, place, source->time) : NULL;
    if (time && !sample_time_read(time, source->time_unit, &tag.time_ns, &diag)) {
        diag_prefix(&diag, "tag \"%.80s\"", name);
        refuse(reading, SOURCE_BAD_TIME, &diag);
        return;
    }
    tag.has_time = time;
    reading->found(reading->user, &tag);
}

/* ---- one element */

static void refuse_place(struct reading *reading, const char *what, const char *place)
{
    struct diag diag = DIAG_INIT;
    diag_set(&diag, "no %s at \"%.100s\"", what, place);
    refuse(reading, SOURCE_NO_TAG, &diag);
}

static void read_values(struct reading *reading)
{
    const struct source *source = reading->source;
    const cJSON *values = json_pointer_get(reading->element, source->values), *item;
    if (!cJSON_IsObject(values)) {
        refuse_place(reading, "object of tags", source->values);
        return;
    }
    cJSON_ArrayForEach(item, values)
    {
        if (!source->value)
            give(reading, item->string, NULL, item);
        else if (json_pointer_get(item, source->value))
            give(reading, item->string, item, json_pointer_get(item, source->value));
        else
            refuse_place(reading, "value in a tag", source->value);
    }
}

/* Not all have to be there: a message may bring only what has changed. */
static void read_places(struct reading *reading)
{
    const struct source *source = reading->source;
    size_t found = 0;
    for (size_t t = 0; t < source->tag_count; t++) {
        const cJSON *value = json_pointer_get(reading->element, source->tags[t].place);
        found += value != NULL;
        if (value)
            give(reading, source->tags[t].tag, NULL, value);
    }
    if (found == 0)
        refuse_place(reading, "tag, not even", source->tags[0].place);
}

static void read_named(struct reading *reading)
{
    const struct source *source = reading->source;
    const cJSON *name = json_pointer_get(reading->element, source->name);
    const cJSON *value = json_pointer_get(reading->element, source->value);
    if (!cJSON_IsString(name) || !*name->valuestring)
        refuse_place(reading, "name of a tag", source->name);
    else if (!value)
        refuse_place(reading, "value", source->value);
    else
        give(reading, name->valuestring, NULL, value);
}

static void read_element(struct reading *reading)
{
    const struct source *source = reading->source;
    if (source->values)
        read_values(reading);
    else if (source->tag_count > 0)
        read_places(reading);
    else
        read_named(reading);
}

/* ---- one message */

/* The topic names the tag: the whole message is its value, or has it at a place. */
static void read_topic_tag(struct reading *reading)
{
    const char *place = reading->source->value ? reading->source->value : "";
    const cJSON *value = json_pointer_get(reading->document, place);
    struct diag diag = DIAG_INIT;
    if (!*reading->match->channel) {
        diag_set(&diag, "the topic's tag has no name, or one of over %d bytes", SOURCE_CHANNEL_MAX);
        refuse(reading, SOURCE_NO_TAG, &diag);
    } else if (!value) {
        refuse_place(reading, "value", place);
    } else {
        give(reading, reading->match->channel, NULL, value);
    }
}

static void read_document(struct reading *reading)
{
    const struct source *source = reading->source;
    const cJSON *item, *array;
    reading->element = reading->document;
    if (source->topic_tag) {
        read_topic_tag(reading);
        return;
    }
    if (!source->each) {
        read_element(reading);
        return;
    }
    array = json_pointer_get(reading->document, source->each);
    if (!cJSON_IsArray(array))
        refuse_place(reading, "array", source->each);
    array = cJSON_IsArray(array) ? array : NULL;
    cJSON_ArrayForEach(item, array)
    {
        reading->element = item;
        read_element(reading);
    }
}

/* What gateways send as the whole of a message without making it JSON: AUT, 012, NaN. */
static cJSON *read_bare(const struct source_message *message)
{
    char text[BARE_MAX + 1];
    const char *from = message->payload;
    size_t size = message->size;
    while (size > 0 && strchr(" \t\r\n", from[size - 1]) && from[size - 1])
        size--;
    for (; size > 0 && strchr(" \t\r\n", *from) && *from; from++)
        size--;
    if (size == 0 || size > BARE_MAX || strchr("{[\"", *from))
        return NULL;
    memcpy(text, from, size);
    text[size] = '\0';
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)text[i] < ' ')
            return NULL;
    }
    return json_is_utf8(text) ? cJSON_CreateString(text) : NULL;
}

enum source_refusal source_read(const struct source *source, const struct source_match *match,
                                const struct source_message *message, source_found *found,
                                void *user, struct diag *diag)
{
    struct diag why = DIAG_INIT;
    bool bare = source->topic_tag && !source->value;
    if ((message->size == 0 && !bare) || message->size > SOURCE_PAYLOAD_MAX) {
        diag_set(diag, "%zu bytes, must be 1 to %d", message->size, SOURCE_PAYLOAD_MAX);
        return message->size == 0 ? SOURCE_EMPTY : SOURCE_TOO_LARGE;
    }
    /* Nothing at all is how a bare value is said not to be known. */
    cJSON *document =
        message->size == 0 ? cJSON_CreateNull() : json_parse(message->payload, message->size, &why);
    if (!document && bare)
        document = read_bare(message);
    if (!document) {
        diag_set(diag, "%s", why.text);
        return SOURCE_MALFORMED;
    }
    struct reading reading = {.source = source,
                              .match = match,
                              .found = found,
                              .user = user,
                              .diag = diag,
                              .document = document};
    read_document(&reading);
    cJSON_Delete(document);
    return reading.refusal;
}
