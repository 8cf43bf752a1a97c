/*
 * model_store: where a daemon on this machine reads its models, and what it asks of them.
 *
 * Both follow from its configuration; a directory can be named instead, then nothing is known of
 * signatures.
 */
#ifndef ARMWATCH_CLI_MODEL_STORE_H
#define ARMWATCH_CLI_MODEL_STORE_H

#include "cli/cli.h"
#include "config/config.h"
#include "model/model.h"
#include "model/trust.h"

/* --config and --directory, for the tables of commands. */
extern const struct cli_option model_store_options[];

struct model_store {
    struct config *config; /* NULL: a directory was named, and no configuration */
    const char *directory; /* borrowed from the configuration or the arguments */
    struct trust trust;
};

/* Of --config, by default the service's own, and --directory. key: file of the public key in the
 * place of the configured one; NULL: that. Returns an exit code; CLI_DONE: model_store_deinit. */
int model_store_open(struct model_store *store, const struct cli *cli, const char *key);
void model_store_deinit(struct model_store *store);

/* DIRECTORY/NAME.safetensors. Memory: the caller frees it; NULL when memory is out. */
char *model_store_path(const char *directory, const char *name);

/* What the file is called without directory and ending. False if that is no name of a model. */
bool model_store_name(const char *path, char ret_name[NAME_MAX_LENGTH + 1]);

/* How many robots' entries, or the default, name the model in the configuration. */
bool model_store_names(const struct model_store *store, const char *name);

#endif
