/*
 * record_sources: a robot that is recorded from single tags, by the file that the daemon reads.
 *
 * Where no list of channels is given they are what the first seconds bring: each tag that is a
 * number, or becomes one by its table, under the name that the file gives it. Then the samples are
 * made as in the daemon. Thread: one; nothing is printed.
 */
#ifndef ARMWATCH_CLI_RECORD_SOURCES_H
#define ARMWATCH_CLI_RECORD_SOURCES_H

#include "base/name.h"
#include "cli/intake.h"
#include "mqtt/client.h"
#include "pipeline/assembler.h"
#include "source/source_sparkplug.h"

#define RECORD_CHANNELS_MAX 1024

struct record_sources {
    struct source_map *map;
    struct source_sparkplug *sparkplug;
    struct intake *intake;      /* borrowed */
    struct mqtt_client *client; /* borrowed; for rebirths */
    double period_s;            /* of the samples, where the file says none */
    int64_t discover_ns; /* for so long after the first tag channels are found; 0: they are given */
    char robot[NAME_MAX_LENGTH + 1]; /* "": that of the first tag */
    char other[NAME_MAX_LENGTH + 1]; /* "": no other robot was heard */
    struct conditions no_gate;
    struct assembler *assembler; /* NULL while channels are found */
    struct {
        char **name;
        size_t count;
    } found;
    int64_t first_ns, now_ns, wall_ns; /* of the first tag, and of the message; monotonic, wall */
    uint64_t refused;                  /* tags, and messages of which something was */
    char refused_text[DIAG_TEXT_MAX];  /* of the first */
    int result;
};

/* robot: NULL, any. Errors: those of source_map_load; -EINVAL there is no period. Memory: _deinit,
 * also after an error. */
int record_sources_init(struct record_sources *sources, const char *path, const char *robot,
                        struct intake *intake, struct diag *diag);
void record_sources_deinit(struct record_sources *sources);

/* The sample period, and how long channels are looked for where intake has no list of them. */
int record_sources_begin(struct record_sources *sources, double period_s, int64_t discover_ns,
                         struct diag *diag);

/* Takes a message, and gives the samples that it completes to the intake. now_ns: monotonic. False
 * if it is of no source. *ret_result: -ENOMEM, or 0. */
bool record_sources_message(struct record_sources *sources, const struct mqtt_message *message,
                            int64_t now_ns, int64_t wall_ns, int *ret_result);

/* Now and then: asks nodes for births that are due, as the daemon does. */
void record_sources_tick(struct record_sources *sources, int64_t now_ns, int64_t wall_ns);

/* The connection is there again. */
void record_sources_missed(struct record_sources *sources);

#endif
