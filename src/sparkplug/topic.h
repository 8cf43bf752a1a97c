/*
 * topic: the topics of Sparkplug B: spBv1.0/GROUP/TYPE/NODE[/DEVICE]. Thread: any.
 */
#ifndef ARMWATCH_SPARKPLUG_TOPIC_H
#define ARMWATCH_SPARKPLUG_TOPIC_H

#include "base/diag.h"
#include "sparkplug/span.h"

#define SPARKPLUG_NAMESPACE "spBv1.0"
#define SPARKPLUG_ID_MAX 255 /* bytes of a group, node or device */
/* A topic with all parts at their longest, and the terminating 0. */
#define SPARKPLUG_TOPIC_SIZE                                                                       \
    (sizeof SPARKPLUG_NAMESPACE + sizeof "/NBIRTH" + 3 * (SPARKPLUG_ID_MAX + 1))

enum sparkplug_type {
    SPARKPLUG_NBIRTH,
    SPARKPLUG_NDEATH,
    SPARKPLUG_DBIRTH,
    SPARKPLUG_DDEATH,
    SPARKPLUG_NDATA,
    SPARKPLUG_DDATA,
    SPARKPLUG_NCMD,
    SPARKPLUG_DCMD,
    SPARKPLUG_STATE,
    SPARKPLUG_TYPES
};
const char *sparkplug_type_name(enum sparkplug_type type);

struct sparkplug_topic {
    enum sparkplug_type type;
    struct sparkplug_span group;  /* none: STATE */
    struct sparkplug_span node;   /* STATE: the host's id */
    struct sparkplug_span device; /* none: of the node itself */
};

/* The parts are borrowed from the topic. Refused with -EINVAL: another namespace, an unknown type,
 * a part too many or too few, and parts that are empty, too long, not UTF-8, or hold + or #. */
int sparkplug_topic_parse(const char *topic, struct sparkplug_topic *ret_topic, struct diag *diag);

/* Writes the topic. Returns its length. */
size_t sparkplug_topic_format(const struct sparkplug_topic *topic,
                              char ret_text[SPARKPLUG_TOPIC_SIZE]);

#endif
