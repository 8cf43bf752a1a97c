#include "cli/model_store.h"

#include "model/signature_key.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ENDING ".safetensors"

const struct cli_option model_store_options[] = {
    {"config", "FILE", "configuration of the daemon, which says where its models are",
     "/etc/armwatch/armwatchd.json"},
    {"directory", "DIR", "directory of models, in the place of the configured one"},
    {0}};

static int read_key(struct model_store *store, const char *key, struct diag *diag)
{
    char *path = NULL;
    int r;
    if (!key) {
        r = config_find_secret(store->config, store->config->models.public_key_file, &path, diag);
        if (r < 0)
            return r;
        key = path;
    }
    r = signature_key_read_public(key, &store->trust.key, diag);
    store->trust.has_key = r == 0;
    free(path);
    return r;
}

/* A key that the service gets as a credential may not be where this command can read it. */
static int read_trust(struct model_store *store, const struct cli *cli, const char *key)
{
    struct diag diag = DIAG_INIT;
    const char *policy = store->config ? store->config->models.signature : "off";
    bool configured = store->config && store->config->models.public_key_file;
    store->trust.policy = key || !strcmp(policy, "require") ? TRUST_REQUIRE
                          : !strcmp(policy, "warn")         ? TRUST_WARN
                                                            : TRUST_OFF;
    if (store->trust.policy == TRUST_OFF || !(key || configured))
        return CLI_DONE;
    int r = read_key(store, key, &diag);
    if (r == 0)
        return CLI_DONE;
    diag_prefix(&diag, "%s", key ? "--public-key" : "models.public_key_file");
    if (store->trust.policy == TRUST_REQUIRE)
        return cli_fail(cli, r, &diag);
    cli_note(cli, "signatures are not checked: %s", diag.text);
    return CLI_DONE;
}

int model_store_open(struct model_store *store, const struct cli *cli, const char *key)
{
    struct diag diag = DIAG_INIT;
    const char *directory = cli_text(cli, "directory");
    *store = (struct model_store){.directory = directory};
    if (!directory || cli_given(cli, "config")) {
        int r = config_load(cli_text(cli, "config"), &store->config, &diag);
        if (r < 0) {
            cli_fail(cli, r, &diag);
            return r == -EINVAL ? CLI_BAD_CONFIG : r == -ENOENT ? CLI_NO_INPUT : CLI_FAILED;
        }
        if (!directory)
            store->directory = store->config->models.directory;
    }
    int code = read_trust(store, cli, key);
    if (code != CLI_DONE)
        model_store_deinit(store);
    return code;
}

void model_store_deinit(struct model_store *store)
{
    config_free(store->config);
    *store = (struct model_store){.config = NULL};
}

char *model_store_path(const char *directory, const char *name)
{
    char *path;
    return asprintf(&path, "%s/%s" ENDING, directory, name) < 0 ? NULL : path;
}

bool model_store_name(const char *path, char ret_name[NAME_MAX_LENGTH + 1])
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t length = strlen(name), ending = strlen(ENDING);
    if (length > ending && !strcmp(name + length - ending, ENDING))
        length -= ending;
    if (length > NAME_MAX_LENGTH)
        return false;
    memcpy(ret_name, name, length);
    ret_name[length] = '\0';
    return name_valid(ret_name);
}

bool model_store_names(const struct model_store *store, const char *name)
{
    const struct config *config = store->config;
    if (!config)
        return false;
    if (config->models.default_name && !strcmp(config->models.default_name, name))
        return true;
    for (size_t i = 0; i < config->models.robots.count; i++) {
        if (!strcmp(config->models.robots.entry[i].value, name))
            return true;
    }
    return false;
}
