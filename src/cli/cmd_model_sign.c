#include "cli/commands.h"
#include "cli/sessions.h"
#include "model/signature_key.h"
#include "model/trust.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct cli_option keygen_options[] = {
    {"private", "FILE", "the key that signs: to be kept secret, away from the robots' machines",
     .required = true},
    {"public", "FILE", "the key that checks: for models.public_key_file", .required = true},
    {0}};

static int run_keygen(const struct cli *cli)
{
    struct signature_private key;
    struct signature_public public_key;
    struct diag diag = DIAG_INIT;
    int place = cli_check_place(cli, "private");
    if (place == CLI_DONE)
        place = cli_check_place(cli, "public");
    if (place != CLI_DONE)
        return place;
    int r = signature_generate(&key);
    if (r == 0)
        r = signature_public_of(&key, &public_key);
    if (r == 0)
        r = signature_key_write(&key, cli_text(cli, "private"), cli_text(cli, "public"), &diag);
    explicit_bzero(&key, sizeof key);
    if (r < 0)
        return cli_fail(cli, r, &diag);
    char id[SIGNATURE_KEY_ID_SIZE];
    signature_key_id(&public_key, id);
    printf("key %s: private in %s, public in %s\n", id, cli_text(cli, "private"),
           cli_text(cli, "public"));
    return CLI_DONE;
}

static const struct cli_option sign_options[] = {
    {"key", "FILE", "the private key (PEM, not encrypted), which others must not be able to read",
     .required = true},
    {0}};

static int write_signature(const char *path, const unsigned char *signature, struct diag *diag)
{
    char *name;
    if (asprintf(&name, "%s%s", path, SIGNATURE_SUFFIX) < 0)
        return diag_errno(diag, ENOMEM, "%s", path);
    int r = file_write(name, signature, SIGNATURE_SIZE, diag);
    free(name);
    return r;
}

/* The bytes that are signed are those that were looked at. */
static int sign(const struct cli *cli, const struct signature_private *key,
                struct model **ret_model, struct diag *diag)
{
    void *data;
    size_t size;
    unsigned char signature[SIGNATURE_SIZE];
    const char *path = cli->args[0];
    int r = file_read(path, MODEL_FILE_MAX, &data, &size, diag);
    if (r < 0)
        return r;
    r = sessions_parse_model(path, data, size, ret_model, diag);
    if (r == 0 && (r = signature_sign(key, data, size, signature)) < 0)
        diag_errno(diag, r, "%s", path);
    if (r == 0)
        r = write_signature(path, signature, diag);
    free(data);
    return r;
}

static int run_sign(const struct cli *cli)
{
    struct signature_private key;
    struct signature_public public_key;
    struct model *model = NULL;
    struct diag diag = DIAG_INIT;
    int r = signature_key_read_private(cli_text(cli, "key"), &key, &diag);
    if (r < 0)
        return cli_fail(cli, r, &diag);
    r = signature_public_of(&key, &public_key);
    if (r == 0)
        r = sign(cli, &key, &model, &diag);
    explicit_bzero(&key, sizeof key);
    if (r == 0) {
        char id[SIGNATURE_KEY_ID_SIZE];
        signature_key_id(&public_key, id);
        printf("%s%s: %s version %lld, signed with key %s\n", cli->args[0], SIGNATURE_SUFFIX,
               model->name, (long long)model->version, id);
    }
    model_unref(model);
    return r < 0 ? cli_fail(cli, r, &diag) : CLI_DONE;
}

const struct cli_command command_model_keygen = {
    .name = "model keygen",
    .summary = "make a pair of keys for signing models (Ed25519)",
    .description = "Neither file may exist yet: a key is never overwritten.",
    .options = {keygen_options},
    .run = run_keygen,
};

const struct cli_command command_model_sign = {
    .name = "model sign",
    .summary = "sign a model, so that armwatchd can tell who made it",
    .arguments = "FILE",
    .least = 1,
    .most = 1,
    .description = "Checks the model, then writes FILE.sig: the 64 bytes of the Ed25519 signature "
                   "over all bytes of the file.\n\n"
                   "  openssl pkeyutl -verify -rawin -pubin -inkey PUBLIC -in FILE -sigfile "
                   "FILE.sig",
    .options = {sign_options},
    .run = run_sign,
};
