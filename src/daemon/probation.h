/*
 * probation: a model that was just loaded has to keep its own promise for a while, or the one
 * before comes back by itself.
 *
 * It lasts models.probation_s of judged time of each of its robots. Two things end it with a
 * rollback: scores that are not finite, and a flood of alerts: more than models.rollback_alerts
 * times what its calibration supports explain, as a Poisson process over the whole probation. As in
 * calibration, blocks of 30 s of judged time are what is counted: an alert that goes on counts anew
 * with each. One that was open when the model came is none of its own.
 *
 * What was undone once is not undone again: a person who loads it again means it. A model that a
 * rollback has brought back is on no probation. Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_PROBATION_H
#define ARMWATCH_DAEMON_PROBATION_H

#include "base/diag.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/name.h"
#include "daemon/robot.h"
#include "daemon/swap.h"

#include <stdbool.h>
#include <stdint.h>

#define PROBATIONS_MAX 64
#define PROBATION_UNDONE_MAX 64
#define PROBATION_NONFINITE 3    /* scores that are not finite: one may be the input's */
#define PROBATION_ALERTS_LEAST 5 /* fewer are never a flood */
#define PROBATION_CHANCE 1e-3    /* that a model within its promise is undone */

struct fleet;

struct probation_model {
    char name[NAME_MAX_LENGTH + 1];
    int64_t version;
    char sha256[HASH_HEX_SIZE];
};

struct probation {
    uint32_t number;
    char robot[NAME_MAX_LENGTH + 1]; /* key of the assignment */
    struct probation_model model;
    double period_s;
    uint64_t windows; /* judged */
    uint64_t nonfinite, alerts;
    size_t robots; /* that were judged */
    bool failing;
    char why[16]; /* where failing: "nonfinite", "alerts" */
};

struct probation_rollback {
    bool known;
    bool open; /* nobody has chosen a model since */
    int64_t time_ns;
    char robot[NAME_MAX_LENGTH + 1];
    char reason[16];
    char code[32]; /* "": it was rolled back; else why it could not be */
    char text[DIAG_TEXT_MAX];
    struct probation_model from, to;
};

struct probations {
    size_t count;
    struct probation item[PROBATIONS_MAX];
    uint32_t numbers;
    size_t undone_count;
    struct {
        char robot[NAME_MAX_LENGTH + 1];
        char sha256[HASH_HEX_SIZE];
    } undone[PROBATION_UNDONE_MAX];
    bool rolling; /* `leaving` is being left */
    struct probation leaving;
    struct probation_rollback last;
    bool changed;                                                               /* worth saving */
    void (*on_rollback)(void *user, const struct probation_rollback *rollback); /* may be NULL */
    void *user;
};

/* Alerts that are too many: the smallest number that a Poisson variable of that mean reaches with a
 * chance of at most PROBATION_CHANCE, PROBATION_ALERTS_LEAST at least. */
uint64_t probation_limit(double mean);

/* An assignment has another content than before (or the same: new_content false), by a swap. */
void probation_on_swap(struct fleet *fleet, const struct assignment *assignment,
                       enum swap_kind kind, bool new_content);
/* This content was undone for that assignment, and nobody has asked for it since. */
bool probation_was_undone(const struct probations *probations, const char *robot,
                          const char *sha256);

/* A model was rolled back by itself (or could not be), and nobody has chosen one since. */
bool probation_is_undone(const struct probations *probations);

/* A window of the live model has come back; transition: of the alert of its scores. */
void probation_result(struct fleet *fleet, struct robot *robot, bool judged, bool nonfinite,
                      enum alert_transition transition);
/* Rolls back what has failed, when no other swap is under way. */
void probation_tick(struct fleet *fleet);

/* Members "probation" and "last_rollback" of the status. */
void probation_status(const struct fleet *fleet, cJSON *root);

/* Members of the saved operations; after the assignments are there. */
void probation_save(const struct probations *probations, cJSON *state);
void probation_load(struct fleet *fleet, const cJSON *state);

#endif
