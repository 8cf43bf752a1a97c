#include "sparkplug/topic.h"

#include <stdio.h>
#include <string.h>

#define PARTS_MAX 5

static const char *const type_names[SPARKPLUG_TYPES] = {
    [SPARKPLUG_NBIRTH] = "NBIRTH", [SPARKPLUG_NDEATH] = "NDEATH", [SPARKPLUG_DBIRTH] = "DBIRTH",
    [SPARKPLUG_DDEATH] = "DDEATH", [SPARKPLUG_NDATA] = "NDATA",   [SPARKPLUG_DDATA] = "DDATA",
    [SPARKPLUG_NCMD] = "NCMD",     [SPARKPLUG_DCMD] = "DCMD",     [SPARKPLUG_STATE] = "STATE",
};

const char *sparkplug_type_name(enum sparkplug_type type)
{
    return type_names[type];
}

/* Returns how many parts there are, one more than PARTS_MAX if there are too many. */
static size_t split(const char *topic, struct sparkplug_span ret_parts[PARTS_MAX])
{
    for (size_t count = 0; count < PARTS_MAX; topic++) {
        size_t length = strcspn(topic, "/");
        ret_parts[count++] = (struct sparkplug_span){.text = topic, .length = length};
        topic += length;
        if (!*topic)
            return count;
    }
    return PARTS_MAX + 1;
}

static enum sparkplug_type type_of(struct sparkplug_span part)
{
    enum sparkplug_type type = SPARKPLUG_NBIRTH;
    while (type < SPARKPLUG_TYPES &&
           !sparkplug_span_same(part, sparkplug_span_of(type_names[type])))
        type++;
    return type;
}

static bool of_device(enum sparkplug_type type)
{
    return *type_names[type] == 'D';
}

static int check_id(struct sparkplug_span id, const char *what, struct diag *diag)
{
    if (!sparkplug_span_is_name(id, SPARKPLUG_ID_MAX))
        return diag_set(diag,
                        "topic: the %s must be 1 to %d bytes of UTF-8 without control characters",
                        what, SPARKPLUG_ID_MAX);
    if (memchr(id.text, '+', id.length) || memchr(id.text, '#', id.length))
        return diag_set(diag, "topic: the %s \"%.*s\" must hold neither + nor #", what,
                        (int)id.length, id.text);
    return 0;
}

static int parse_state(const struct sparkplug_span *parts, size_t count,
                       struct sparkplug_topic *ret_topic, struct diag *diag)
{
    if (count != 3)
        return diag_set(diag, "topic: a STATE has 3 parts, " SPARKPLUG_NAMESPACE "/STATE/HOST");
    *ret_topic = (struct sparkplug_topic){.type = SPARKPLUG_STATE, .node = parts[2]};
    return check_id(parts[2], "host", diag);
}

int sparkplug_topic_parse(const char *topic, struct sparkplug_topic *ret_topic, struct diag *diag)
{
    struct sparkplug_span parts[PARTS_MAX];
    size_t count = split(topic, parts);
    if (!sparkplug_span_same(parts[0], sparkplug_span_of(SPARKPLUG_NAMESPACE)))
        return diag_set(diag, "topic \"%.80s\": does not begin with " SPARKPLUG_NAMESPACE "/",
                        topic);
    if (count >= 2 && sparkplug_span_same(parts[1], sparkplug_span_of("STATE")))
        return parse_state(parts, count, ret_topic, diag);
    enum sparkplug_type type = count >= 3 ? type_of(parts[2]) : SPARKPLUG_TYPES;
    if (type >= SPARKPLUG_STATE)
        return diag_set(diag,
                        "topic \"%.80s\": the third part must be one of NBIRTH, NDEATH, DBIRTH, "
                        "DDEATH, NDATA, DDATA, NCMD, DCMD",
                        topic);
    if (count != (of_device(type) ? 5U : 4U))
        return diag_set(diag, "topic \"%.80s\": %s has %d parts", topic, type_names[type],
                        of_device(type) ? 5 : 4);
    *ret_topic = (struct sparkplug_topic){.type = type, .group = parts[1], .node = parts[3]};
    if (of_device(type))
        ret_topic->device = parts[4];
    int r = check_id(ret_topic->group, "group", diag);
    if (r == 0)
        r = check_id(ret_topic->node, "node", diag);
    if (r == 0 && of_device(type))
        r = check_id(ret_topic->device, "device", diag);
    return r;
}

size_t sparkplug_topic_format(const struct sparkplug_topic *topic,
                              char ret_text[SPARKPLUG_TOPIC_SIZE])
{
    int group = (int)topic->group.length, node = (int)topic->node.length;
    if (topic->type == SPARKPLUG_STATE)
        return (size_t)snprintf(ret_text, SPARKPLUG_TOPIC_SIZE, SPARKPLUG_NAMESPACE "/STATE/%.*s",
                                node, topic->node.text);
    return (size_t)snprintf(ret_text, SPARKPLUG_TOPIC_SIZE,
                            SPARKPLUG_NAMESPACE "/%.*s/%s/%.*s%s%.*s", group, topic->group.text,
                            type_names[topic->type], node, topic->node.text,
                            topic->device.length ? "/" : "", (int)topic->device.length,
                            topic->device.text ? topic->device.text : "");
}
