#include "cli/commands.h"
#include "cli/model_store.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LISTED_MAX 4096

static const struct cli_option options[] = {{"json", NULL, "one JSON array on stdout"}, {0}};

struct listing {
    const struct cli *cli;
    struct model_store store;
    size_t count;
    char *name[LISTED_MAX];
    cJSON *json; /* NULL: a table */
    int code;
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void free_names(struct listing *listing)
{
    for (size_t i = 0; i < listing->count; i++)
        free(listing->name[i]);
    listing->count = 0;
}

static int read_names(struct listing *listing, const char *directory, struct diag *diag)
{
    DIR *stream = opendir(directory);
    if (!stream)
        return diag_errno(diag, errno, "%s", directory);
    const struct dirent *entry;
    while ((entry = readdir(stream)) && listing->count < LISTED_MAX) {
        char name[NAME_MAX_LENGTH + 1];
        size_t length = strlen(entry->d_name);
        /* model_store_name takes a name without the ending, too */
        if (!model_store_name(entry->d_name, name) || strlen(name) == length)
            continue;
        if (!(listing->name[listing->count] = strdup(name)))
            break;
        listing->count++;
    }
    closedir(stream);
    qsort(listing->name, listing->count, sizeof listing->name[0], compare_names);
    return 0;
}

static void put_json(struct listing *listing, const char *path, const char *name,
                     const struct model *model, const char *error)
{
    cJSON *item = cJSON_CreateObject();
    cJSON_AddStringToObject(item, "name", name);
    cJSON_AddStringToObject(item, "file", path);
    if (model) {
        cJSON_AddStringToObject(item, "model", model->name);
        cJSON_AddNumberToObject(item, "version", (double)model->version);
        cJSON_AddStringToObject(item, "sha256", model->sha256);
        cJSON_AddStringToObject(item, "signature", signature_verdict_name(model->signature));
    } else {
        cJSON_AddStringToObject(item, "error", error);
    }
    cJSON_AddBoolToObject(item, "configured", model_store_names(&listing->store, name));
    cJSON_AddItemToArray(listing->json, item);
}

static void put_line(const struct listing *listing, const char *path, const char *name,
                     const struct model *model)
{
    printf("%-20s %-20s %7lld  %-10s %-10s %s\n", name, model->name, (long long)model->version,
           signature_verdict_name(model->signature),
           model_store_names(&listing->store, name) ? "yes" : "-", path);
}

static void list_one(struct listing *listing, const char *directory, const char *name)
{
    struct diag diag = DIAG_INIT;
    struct model *model = NULL;
    struct trust_origin origin;
    struct trust trust = listing->store.trust;
    char *path = model_store_path(directory, name);
    /* Refused by its signature is what the list shows, not why it would end. */
    trust.policy = trust.has_key ? TRUST_WARN : TRUST_OFF;
    int r = path ? trust_load_model(&trust, path, &model, &origin, &diag)
                 : diag_errno(&diag, ENOMEM, "%s", name);
    if (listing->json)
        put_json(listing, path ? path : "", name, model, diag.text);
    else if (r == 0)
        put_line(listing, path, name, model);
    if (r < 0)
        listing->code = cli_error(listing->cli, CLI_FAILED, "%s", diag.text);
    model_unref(model);
    free(path);
}

/* A directory that is not there holds no models. */
static int list_directory(struct listing *listing, const char *directory)
{
    struct diag diag = DIAG_INIT;
    int r = read_names(listing, directory, &diag);
    if (r < 0 && r != -ENOENT)
        return cli_fail(listing->cli, r, &diag);
    for (size_t i = 0; i < listing->count; i++)
        list_one(listing, directory, listing->name[i]);
    free_names(listing);
    return listing->code;
}

static int run(const struct cli *cli)
{
    struct listing *listing = calloc(1, sizeof *listing);
    if (!listing)
        return cli_fail(cli, -ENOMEM, NULL);
    listing->cli = cli;
    int code = model_store_open(&listing->store, cli, NULL);
    if (code == CLI_DONE) {
        if (cli_given(cli, "json"))
            listing->json = cJSON_CreateArray();
        else
            printf("%-20s %-20s %7s  %-10s %-10s %s\n", "NAME", "MODEL", "VERSION", "SIGNATURE",
                   "CONFIGURED", "FILE");
        code = list_directory(listing, listing->store.directory);
        if (listing->store.config)
            code = list_directory(listing, ARMWATCH_MODELS);
        if (listing->json && cli_print_json(cli, listing->json) != CLI_DONE)
            code = CLI_FAILED;
        model_store_deinit(&listing->store);
    }
    free(listing);
    return code;
}

const struct cli_command command_model_list = {
    .name = "model list",
    .summary = "list the models that armwatchd could read here",
    .description =
        "Those of the configured directory, and those that came with the program: they are used "
        "for names that the directory has none of. The self-tests are not run.",
    .options = {options, model_store_options},
    .run = run,
};
