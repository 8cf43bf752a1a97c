/*
 * The bytes that are checked are the bytes that are written. The files stay the installer's, so
 * that the service can read them and cannot change them in place: 0644 whatever the umask is, for
 * what keeps others out is the directory.
 */
#include "cli/commands.h"
#include "cli/model_store.h"
#include "cli/sessions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIGNATURE_FILE_MAX 4096

static const struct cli_option options[] = {
    {"name", "NAME", "name for reload and for the configuration (default: the file's)",
     .type = CLI_NAME},
    {"force", NULL, "replace a higher version, or another model"},
    {"public-key", "FILE",
     "the file must be signed with the private half of this key (PEM), whatever is configured"},
    {"json", NULL, "one JSON object on stdout"},
    {0}};

struct install {
    const struct cli *cli;
    struct model_store store;
    char name[NAME_MAX_LENGTH + 1];
    char *path; /* to be */
    void *data, *signature;
    size_t size, signature_size; /* no signature: NULL */
    struct model *model;
    bool same; /* what is there already */
};

/* ---- what is to be installed */

static char *with_suffix(const char *path)
{
    char *name;
    return asprintf(&name, "%s%s", path, SIGNATURE_SUFFIX) < 0 ? NULL : name;
}

/* A file that is not there is no error. */
static int read_signature(struct install *install, const char *path, struct diag *diag)
{
    char *name = with_suffix(path);
    if (!name)
        return diag_errno(diag, ENOMEM, "%s", path);
    int r =
        file_read(name, SIGNATURE_FILE_MAX, &install->signature, &install->signature_size, diag);
    if (r == -ENOENT)
        *diag = DIAG_INIT;
    free(name);
    return r == -ENOENT ? 0 : r;
}

static bool is_signed(const struct install *install)
{
    return install->signature && install->signature_size == SIGNATURE_SIZE &&
           signature_is_valid(&install->store.trust.key, install->data, install->size,
                              install->signature);
}

static int check_signature(const struct install *install, const char *path, struct diag *diag)
{
    const struct trust *trust = &install->store.trust;
    if (trust->policy == TRUST_OFF || !trust->has_key || is_signed(install))
        return 0;
    char id[SIGNATURE_KEY_ID_SIZE];
    signature_key_id(&trust->key, id);
    if (install->signature)
        diag_set(diag, "%s%s: not the signature of this file by the key %s", path, SIGNATURE_SUFFIX,
                 id);
    else
        diag_set(diag, "%s: not signed: there is no %s%s", path, path, SIGNATURE_SUFFIX);
    if (trust->policy == TRUST_REQUIRE)
        return -EINVAL;
    cli_note(install->cli, "%s", diag->text);
    *diag = DIAG_INIT;
    return 0;
}

static int read_model(struct install *install, struct diag *diag)
{
    const char *path = install->cli->args[0];
    int r = file_read(path, MODEL_FILE_MAX, &install->data, &install->size, diag);
    if (r == 0)
        r = read_signature(install, path, diag);
    if (r == 0)
        r = check_signature(install, path, diag);
    if (r == 0)
        r = sessions_parse_model(path, install->data, install->size, &install->model, diag);
    return r;
}

/* ---- what is there */

static int compare(const struct install *install, const struct model *there, struct diag *diag)
{
    const struct model *model = install->model;
    if (strcmp(there->name, model->name) != 0)
        return diag_set(diag, "%s: is the model %s, and %s would replace it; --name or --force",
                        install->path, there->name, model->name);
    if (there->version > model->version)
        return diag_set(diag, "%s: is %s version %lld, and %lld is older; --name or --force",
                        install->path, there->name, (long long)there->version,
                        (long long)model->version);
    return 0;
}

/* A file that is no model is worth nothing: it is replaced, and that is said. */
static int check_place(struct install *install, struct diag *diag)
{
    void *data;
    size_t size;
    struct model *there = NULL;
    struct diag why = DIAG_INIT;
    int r = file_read(install->path, MODEL_FILE_MAX, &data, &size, &why);
    if (r == -ENOENT)
        return 0;
    if (r == 0) {
        install->same = size == install->size && !memcmp(data, install->data, size);
        r = model_parse(data, size, &there, &why);
        free(data);
    }
    if (r < 0) {
        cli_note(install->cli, "%s is replaced: %s", install->path, why.text);
        return 0;
    }
    r = cli_given(install->cli, "force") ? 0 : compare(install, there, diag);
    model_unref(there);
    return r;
}

/* ---- writing */

static int make_directory(const char *path, struct diag *diag)
{
    struct stat st;
    if (stat(path, &st) == 0)
        return S_ISDIR(st.st_mode) ? 0 : diag_errno(diag, ENOTDIR, "%s", path);
    char *copy = strdup(path);
    if (!copy)
        return diag_errno(diag, ENOMEM, "%s", path);
    int r = 0;
    for (char *slash = strchr(copy + 1, '/'); r == 0; slash = strchr(slash + 1, '/')) {
        if (slash)
            *slash = '\0';
        if (mkdir(copy, 0755) < 0 && errno != EEXIST)
            r = diag_errno(diag, errno, "cannot make %s", copy);
        if (!slash)
            break;
        *slash = '/';
    }
    free(copy);
    return r;
}

/* The model goes last, and with it the old one: until then a daemon goes on with that. A signature
 * that is there and of no use would be called invalid; that goes after. */
static int write_files(const struct install *install, struct diag *diag)
{
    char *signature = with_suffix(install->path);
    if (!signature)
        return diag_errno(diag, ENOMEM, "%s", install->path);
    mode_t mask = umask(022);
    int r = make_directory(install->store.directory, diag);
    if (r == 0 && install->signature)
        r = file_write(signature, install->signature, install->signature_size, diag);
    if (r == 0)
        r = file_write(install->path, install->data, install->size, diag);
    if (r == 0 && !install->signature && unlink(signature) < 0 && errno != ENOENT)
        r = diag_errno(diag, errno, "%s", signature);
    umask(mask);
    free(signature);
    return r;
}

/* ---- what is said */

/* A running daemon changes over to models of the same channels only. */
static bool has_other_channels(const struct install *install)
{
    const char *name = install->store.config->models.default_name;
    const char *places[] = {install->store.directory, ARMWATCH_MODELS};
    struct model *usual = NULL;
    for (size_t i = 0; name && !usual && i < 2; i++) {
        char *path = model_store_path(places[i], name);
        if (path)
            model_load(path, &usual, NULL);
        free(path);
    }
    bool other = usual && model_same_channels(usual, install->model, NULL) < 0;
    model_unref(usual);
    return other;
}

static void say_next(const struct install *install)
{
    const struct config *config = install->store.config;
    const char *name = install->name;
    if (!config) {
        printf("next         armwatch ctl --broker URL --instance NAME reload %s\n", name);
        return;
    }
    bool other = has_other_channels(install);
    if (other)
        printf("note         its channels are not those of %s: a running daemon does not change "
               "over to it\n",
               config->models.default_name);
    else
        printf("next         armwatch ctl --broker %s --instance %s reload %s\n",
               config->mqtt.url.item[0], config->instance, name);
    if (!model_store_names(&install->store, name))
        printf("%s     \"default\": \"%s\" under \"models\" in %s, then %s\n",
               other ? "next    " : "for good", name, config->path,
               other ? "restart armwatchd" : "systemctl reload");
}

static int say(const struct install *install)
{
    const struct model *model = install->model;
    bool checked = install->store.trust.policy != TRUST_OFF && install->store.trust.has_key;
    const char *verdict = signature_verdict_name(!checked             ? SIGNATURE_UNCHECKED
                                                 : is_signed(install) ? SIGNATURE_VALID
                                                 : install->signature ? SIGNATURE_INVALID
                                                                      : SIGNATURE_MISSING);
    if (cli_given(install->cli, "json")) {
        cJSON *tree = cJSON_CreateObject();
        cJSON_AddStringToObject(tree, "file", install->path);
        cJSON_AddStringToObject(tree, "name", install->name);
        cJSON_AddStringToObject(tree, "model", model->name);
        cJSON_AddNumberToObject(tree, "version", (double)model->version);
        cJSON_AddStringToObject(tree, "sha256", model->sha256);
        cJSON_AddStringToObject(tree, "signature", verdict);
        cJSON_AddBoolToObject(tree, "changed", !install->same);
        return cli_print_json(install->cli, tree);
    }
    printf("%s    %s: %s version %lld, signature %s\n", install->same ? "unchanged" : "installed",
           install->path, model->name, (long long)model->version, verdict);
    say_next(install);
    return CLI_DONE;
}

static int install_model(struct install *install)
{
    struct diag diag = DIAG_INIT;
    install->path = model_store_path(install->store.directory, install->name);
    int r = install->path ? read_model(install, &diag) : -ENOMEM;
    if (r == 0)
        r = check_place(install, &diag);
    if (r == 0)
        r = write_files(install, &diag);
    if (r == -EACCES)
        cli_note(install->cli, "the directory is the service's: this needs root");
    return r < 0 ? cli_fail(install->cli, r, &diag) : say(install);
}

static int run(const struct cli *cli)
{
    struct install install = {.cli = cli};
    const char *name = cli_text(cli, "name");
    if (name)
        strcpy(install.name, name);
    else if (!model_store_name(cli->args[0], install.name))
        return cli_usage(cli, "\"%s\" gives no name (" NAME_RULE "): --name NAME is needed",
                         cli->args[0]);
    int code = model_store_open(&install.store, cli, cli_text(cli, "public-key"));
    if (code != CLI_DONE)
        return code;
    code = install_model(&install);
    model_unref(install.model);
    free(install.data);
    free(install.signature);
    free(install.path);
    model_store_deinit(&install.store);
    return code;
}

const struct cli_command command_model_install = {
    .name = "model install",
    .summary = "check a model and put it where armwatchd reads its models",
    .arguments = "FILE",
    .least = 1,
    .most = 1,
    .description =
        "Checks hash, shapes and self-test, and the signature by what the daemon's configuration "
        "asks for; then writes NAME.safetensors, and FILE.sig beside it where there is one, so "
        "that the service can read them. The daemon takes it when it is told to: the command for "
        "that is printed. A file name of its own for each version, such as cell7-v2, lets a "
        "rollback work through a restart.",
    .options = {options, model_store_options},
    .run = run,
};
