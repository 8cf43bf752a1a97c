#include "cli/commands.h"
#include "cli/model_text.h"
#include "cli/sessions.h"
#include "model/signature_key.h"
#include "model/trust.h"

#include <errno.h>
#include <stdlib.h>

static const struct cli_option show_options[] = {
    {"false-alarms-per-day", "N", "budget from which the threshold follows (default: the model's)",
     NULL, CLI_NUMBER, 0.001, 10000},
    {"channels", NULL, "list the channels as well"},
    {"json", NULL, "the whole configuration as JSON"},
    {0}};

static void print_channels(const struct model *model)
{
    printf("channels\n");
    for (size_t c = 0; c < model->channels; c++)
        printf("  %4zu  %-40s %-6s %s\n", c, model->channel[c].name, model->channel[c].unit,
               model->group_names[model->channel[c].group]);
}

static int run_show(const struct cli *cli)
{
    struct model *model;
    struct diag diag = DIAG_INIT;
    int r = model_load(cli->args[0], &model, &diag);
    if (r < 0)
        return cli_fail(cli, r, &diag);
    int code = CLI_DONE;
    if (cli_given(cli, "json")) {
        cJSON *tree = cJSON_Duplicate(model->config, true);
        cJSON_AddStringToObject(tree, "sha256", model->sha256);
        code = cli_print_json(cli, tree);
    } else {
        model_text_print(model, stdout);
        model_text_print_promise(model,
                                 cli_given(cli, "false-alarms-per-day")
                                     ? cli_number(cli, "false-alarms-per-day")
                                     : model->false_alarms_per_day,
                                 stdout);
        printf("sha256       %s\n", model->sha256);
        if (cli_given(cli, "channels"))
            print_channels(model);
    }
    model_unref(model);
    return code;
}

static const struct cli_option verify_options[] = {
    {"public-key", "FILE", "the file must be signed with the private half of this key (PEM)"},
    {"json", NULL, "one JSON object on stdout"},
    {0}};

/* Of the bytes that are parsed afterwards. */
static int verify_signature(const struct cli *cli, const void *data, size_t size,
                            enum signature_verdict *ret_verdict, struct diag *diag)
{
    struct signature_public key;
    if (!cli_given(cli, "public-key"))
        return 0;
    int r = signature_key_read_public(cli_text(cli, "public-key"), &key, diag);
    if (r < 0)
        return r;
    *ret_verdict = trust_check(&key, cli->args[0], data, size, diag);
    return *ret_verdict == SIGNATURE_VALID     ? 0
           : *ret_verdict == SIGNATURE_MISSING ? -ENOENT
                                               : -EINVAL;
}

static int verify(const struct cli *cli, enum signature_verdict *ret_verdict,
                  struct model **ret_model, struct diag *diag)
{
    void *data;
    size_t size;
    int r = file_read(cli->args[0], MODEL_FILE_MAX, &data, &size, diag);
    if (r < 0)
        return r;
    r = verify_signature(cli, data, size, ret_verdict, diag);
    if (r == 0)
        r = sessions_parse_model(cli->args[0], data, size, ret_model, diag);
    free(data);
    return r;
}

static int run_verify(const struct cli *cli)
{
    struct model *model;
    struct diag diag = DIAG_INIT;
    enum signature_verdict verdict = SIGNATURE_UNCHECKED;
    int r = verify(cli, &verdict, &model, &diag);
    if (cli_given(cli, "json")) {
        cJSON *tree = cJSON_CreateObject();
        cJSON_AddStringToObject(tree, "file", cli->args[0]);
        cJSON_AddBoolToObject(tree, "ok", r == 0);
        cJSON_AddStringToObject(tree, "signature", signature_verdict_name(verdict));
        cJSON_AddStringToObject(tree, r == 0 ? "sha256" : "error",
                                r == 0 ? model->sha256 : diag.text);
        cli_print_json(cli, tree);
    }
    if (r < 0)
        return cli_fail(cli, r, &diag);
    if (!cli_given(cli, "json"))
        printf("%s: good: %s version %lld, %shash and self-test hold (%zu windows)\n", cli->args[0],
               model->name, (long long)model->version,
               verdict == SIGNATURE_VALID ? "signature, " : "",
               model->selftest_rows - model->span + 1);
    model_unref(model);
    return CLI_DONE;
}

const struct cli_command command_model_show = {
    .name = "model show",
    .summary = "say what a model is, how it was made and what it promises",
    .arguments = "FILE",
    .least = 1,
    .most = 1,
    .options = {show_options},
    .run = run_show,
};

const struct cli_command command_model_verify = {
    .name = "model verify",
    .summary = "check a model's container, hash, shapes and self-test on this machine",
    .arguments = "FILE",
    .description =
        "With a key also the signature in FILE.sig: one that is not there exits with 66, "
        "one that is not of this file by this key with 65.",
    .least = 1,
    .most = 1,
    .options = {verify_options},
    .run = run_verify,
};
