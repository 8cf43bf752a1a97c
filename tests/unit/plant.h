/*
 * plant: the daemon's parts wired together over a fake client: assignments, fleet, scorer, intake,
 * publisher, control. Of results it only keeps count: results.c has a test of its own.
 *
 * Link with fake_client.
 */
#ifndef ARMWATCH_TESTS_PLANT_H
#define ARMWATCH_TESTS_PLANT_H

#include "daemon/control.h"
#include "daemon/intake.h"
#include "tiny_model.h"

struct plant {
    uv_loop_t loop;
    struct config *config;
    struct scorer *scorer;
    struct fleet fleet;
    struct publisher publisher;
    struct intake intake;
    struct control control;
    size_t results, scored, sets, refused_sets;
    size_t shadows;            /* results of candidates */
    struct scorer_result last; /* the newest result */
    unsigned state_changes;
    /* of the newest swap that was started with plant_done */
    unsigned swaps;
    char code[32], message[512], model[NAME_MAX_LENGTH + 1];
    bool stopped;
};

/* Where the configuration and "models" will be: first of all. */
void plant_set_directory(const char *path);
/* Puts a model into the directory, under its name. */
void plant_add_model(const struct tiny_model *tiny);

/* The same under a file name of its own, in the place of what is there. */
void plant_add_model_as(const char *file_name, const struct tiny_model *tiny);
/* Makes a new pair of keys: the public one is "model-pub.key" beside the configuration, the private
 * one signs from now on. */
void plant_make_key(void);
void plant_sign(const char *file_name);
/* Removes a file, "NAME.safetensors" or its signature, from the directory of models. */
void plant_remove(const char *file);

/* models: the JSON of "models" without the directory; more: further members, each with a comma
 * before it; state: the saved state or NULL. */
void plant_start(struct plant *plant, const char *models, const char *more, const char *state);
/* Stops the scorer and everything, and proves that the loop is empty. */
void plant_stop(struct plant *plant);

struct config *plant_load_config(const char *models, const char *more);

/* For fleet_reload and fleet_rollback: the plant is the user. */
void plant_done(void *user, const struct swap_outcome *outcome);
void plant_wait_swaps(struct plant *plant, unsigned swaps);
void plant_wait_results(struct plant *plant, size_t results);

/* A message on a robot's sample topic; then one turn of the loop's part. */
void plant_publish(struct plant *plant, const char *robot, const char *payload);
/* [value, value, value] with time and sequence number; the scorer is woken. */
void plant_sample(struct plant *plant, const char *robot, unsigned seq, double value);

#endif
