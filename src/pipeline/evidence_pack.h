/*
 * evidence_pack: what an alert rests on, as a directory of files that NumPy and `armwatch score`
 * read: docs/evidence.md has the format.
 *
 * A pack appears whole or not at all: it is written under a name that begins with a dot, put on the
 * disk, and renamed; one that goes is renamed first. What a kill leaves begins with a dot.
 *
 * Thread: any, one at a time for one directory; everything but evidence_pack_cut waits for the
 * disk.
 */
#ifndef ARMWATCH_PIPELINE_EVIDENCE_PACK_H
#define ARMWATCH_PIPELINE_EVIDENCE_PACK_H

#include "base/hash.h"
#include "pipeline/alert.h"
#include "pipeline/evidence_ring.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define EVIDENCE_FORMAT "armwatch-evidence"
#define EVIDENCE_FORMAT_VERSION 1
#define EVIDENCE_PACK_FILE "pack.json" /* what the others mean; never written twice */
#define EVIDENCE_ALERT_FILE "alert.json"
#define EVIDENCE_CLEARED_FILE "cleared.json" /* may come later, as does the next */
#define EVIDENCE_VERDICT_FILE "verdict.json"
#define EVIDENCE_SAMPLES_FILE "samples.npy"
#define EVIDENCE_TIME_FILE "samples.time.npy"
#define EVIDENCE_COLUMNS_FILE "columns.npy"
#define EVIDENCE_DERIVED_FILE "derived.npy"
#define EVIDENCE_SCORES_FILE "scores.npy"
#define EVIDENCE_WINDOWS_FILE "windows.npy"
#define EVIDENCE_NEW ".new-"
#define EVIDENCE_OLD ".old-"

/* What one window's deviations were. */
struct evidence_moment {
    bool known;
    uint64_t row; /* of the ring; behind evidence_pack_cut: of the pack */
    double ratio;
    struct attribution attribution;
};

struct evidence_pack {
    char alert_id[HASH_HEX_SIZE];
    char robot[NAME_MAX_LENGTH + 1];
    char instance[NAME_MAX_LENGTH + 1];
    char config_sha256[HASH_HEX_SIZE];
    enum alert_kind kind;
    struct model *model; /* borrowed; of its rows and scores */
    double thresholds[MODEL_DETECTORS_MAX];
    const char *alert; /* borrowed: the JSON of the alert as it was raised */
    const char *cut;   /* borrowed; why it ends early; NULL: it does not */
    int64_t written_ns;
    struct evidence_moment raised, peak; /* of an anomaly */

    size_t rows;   /* 0: no sample was there */
    size_t at;     /* the row that the alert was raised at; rows: it is not there any more */
    float *values; /* [rows][model->width] as in the ring */
    float *scores; /* [rows][model->detectors] */
    struct evidence_row *row; /* [rows] */
};

/* Copies the rows around a number of the ring: as many before and after as it is made for, or as
 * are there. Memory: evidence_pack_release. Errors: -ENOMEM. */
int evidence_pack_cut(struct evidence_pack *pack, const struct evidence_ring *ring,
                      uint64_t number);
void evidence_pack_release(struct evidence_pack *pack);
/* What the rows take in memory. */
size_t evidence_pack_memory(const struct evidence_pack *pack);

/* Letters and digits as alert ids have them: a name of a directory and no path. */
bool evidence_id_valid(const char *id);

/* Writes DIRECTORY/<alert_id>, in the place of one that is there. ret_bytes: what it takes on the
 * disk, about. Errors: errnos of writing. */
int evidence_pack_write(const struct evidence_pack *pack, const char *directory,
                        uint64_t *ret_bytes, struct diag *diag);
/* Puts a file into a pack that is there. Errors: -ENOENT there is no such pack; errnos. */
int evidence_pack_note(const char *directory, const char *id, const char *name, const char *text,
                       struct diag *diag);

/* Removes a pack and what is in it. Errors: -ENOENT there is none; errnos. */
int evidence_remove(const char *directory, const char *id, struct diag *diag);
/* Removes what a kill has left, in the directory and in its packs. */
void evidence_remove_leftovers(const char *directory);
/* Bytes on the disk of a pack, about; 0: it is none. ret_time_ns: when it was written. */
uint64_t evidence_measure(const char *directory, const char *id, int64_t *ret_time_ns);

#endif
