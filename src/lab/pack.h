/*
 * pack: an evidence pack, read back (docs/evidence.md).
 *
 * A pack may come from anywhere: every size is bounded and held against every other, and nothing in
 * it is taken for a path. Memory: pack_free, which accepts NULL.
 */
#ifndef ARMWATCH_LAB_PACK_H
#define ARMWATCH_LAB_PACK_H

#include "base/diag.h"
#include "base/json.h"
#include "model/model.h"

#include <stdbool.h>
#include <stddef.h>

#define PACK_ROWS_MAX 1000000
#define PACK_VALUES_MAX ((size_t)1 << 26)

struct pack_detector {
    const char *name;
    double threshold; /* INFINITY: it had none */
};

struct pack {
    cJSON *about;             /* pack.json; texts below are borrowed from it */
    cJSON *alert;             /* as it was raised */
    cJSON *cleared, *verdict; /* NULL: there is none */
    const char *alert_id, *robot, *kind;
    const char *model, *sha256; /* of the model's content */
    int64_t model_version;
    double period_s;
    size_t detectors;
    struct pack_detector detector[MODEL_DETECTORS_MAX];

    size_t rows; /* 0: no sample was there, and nothing of what follows */
    size_t at;   /* row that the alert was raised at; rows: it is not there */
    size_t channels, derived;
    char **columns;        /* [channels] */
    float *samples;        /* [rows][channels] as they came */
    float *derived_values; /* [rows][derived] */
    double *time_s;        /* [rows] Unix seconds */
    int *window;           /* [rows] rows that could stand in a window, or enum evidence_standing */
    double *scores;        /* [rows][detectors]; NAN: not evaluated */
};

/* path: its directory. Errors: -ENOENT there is none; -EINVAL with the file and what is wrong. */
int pack_load(const char *path, struct pack **ret_pack, struct diag *diag);
/* pack.json and the alert alone, without rows (0), as for a list. */
int pack_load_head(const char *path, struct pack **ret_pack, struct diag *diag);
void pack_free(struct pack *pack);

#endif
