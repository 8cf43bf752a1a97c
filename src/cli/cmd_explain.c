#include "cli/commands.h"
#include "cli/explain_json.h"
#include "cli/explain_packs.h"
#include "cli/explain_text.h"
#include "cli/fields.h"
#include "cli/sessions.h"
#include "pipeline/evidence_pack.h"
#include "report/report.h"

#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct cli_option options[] = {
    {"state-directory", "DIR", "the daemon's, where the packs are", "/var/lib/armwatch"},
    {"model", "PATH",
     "directory of models, in which the one that raised the alert is looked for (default: models "
     "in "
     "the state directory); or a file: that model, whichever it is"},
    {"html", "FILE", "write a page with charts"},
    {"list", NULL, "all packs, newest first"},
    {"forget", NULL, "delete the pack of this alert"},
    {"json", NULL, "one JSON object on stdout"},
    {0}};

/* ---- which model ---- */

static bool is_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* What goes without the model is told without it: *ret_model is NULL then, and diag says why. */
static int find_model(const struct cli *cli, const struct pack *pack, struct model **ret_model,
                      struct diag *diag)
{
    const char *given = cli_text(cli, "model");
    char *directory = NULL;
    *ret_model = NULL;
    if (given && !is_directory(given))
        return sessions_load_model(given, ret_model, diag);
    if (!given && asprintf(&directory, "%s/models", cli_text(cli, "state-directory")) < 0)
        return diag_errno(diag, ENOMEM, "model");
    int r = explain_packs_model(pack, given ? given : directory, ret_model, diag);
    if (r < 0 && r != -ENOMEM && !given)
        r = 0;
    if (r == 0 && !given && !*ret_model) {
        /* It may be one that came with the program. */
        struct diag ignored = DIAG_INIT;
        if (explain_packs_model(pack, ARMWATCH_MODELS, ret_model, &ignored) == 0 && *ret_model)
            *diag = DIAG_INIT;
    }
    if (r == 0 && *ret_model)
        r = model_selftest(*ret_model, diag);
    free(directory);
    return r;
}

/* ---- one pack ---- */

static int write_page(const struct cli *cli, const cJSON *explained, struct diag *diag)
{
    struct cli_output output;
    char *html;
    size_t size;
    int r = report_evidence(explained, &html, &size, diag);
    if (r < 0)
        return r;
    r = cli_output_open(&output, cli_text(cli, "html"), diag);
    if (r == 0) {
        fwrite(html, 1, size, output.stream);
        r = cli_output_commit(&output, diag);
    }
    free(html);
    return r;
}

static int show(const struct cli *cli, const struct explain_input *input, struct diag *diag)
{
    cJSON *explained = explain_json(input);
    if (!explained)
        return diag_errno(diag, ENOMEM, "explaining");
    const char *result =
        fields_text(cJSON_GetObjectItemCaseSensitive(explained, "rescored"), "result", "");
    int done = strcmp(result, "different") != 0 ? CLI_DONE : CLI_FAILED;
    int r = cli_given(cli, "html") ? write_page(cli, explained, diag) : 0;
    if (r == 0 && cli_given(cli, "json")) {
        int printed = cli_print_json(cli, explained);
        return printed == CLI_DONE ? done : printed;
    }
    fields_clean(explained);
    if (r == 0 && (!cli_given(cli, "html") || strcmp(cli_text(cli, "html"), "-") != 0))
        explain_text(stdout, explained);
    cJSON_Delete(explained);
    return r < 0 ? r : done;
}

static int explain_pack(const struct cli *cli, const char *path, const struct pack *pack,
                        struct diag *diag)
{
    struct model *model = NULL;
    struct explanation *explanation = NULL;
    struct diag why = DIAG_INIT;
    int r = 0;
    if (pack->rows > 0) {
        r = find_model(cli, pack, &model, &why);
        if (r == 0 && model)
            r = explanation_make(pack, model, &explanation, &why);
    } else {
        diag_set(&why, "no samples of this robot were in memory");
    }
    if (r < 0)
        *diag = why;
    const struct explain_input input = {
        .path = path, .pack = pack, .model = model, .explanation = explanation, .why = why.text};
    if (r == 0)
        r = show(cli, &input, diag);
    explanation_free(explanation);
    model_unref(model);
    return r;
}

/* ---- what there is ---- */

static int list_packs(const struct cli *cli, struct diag *diag)
{
    cJSON *list;
    size_t unreadable;
    int r = explain_packs_list(cli_text(cli, "state-directory"), &list, &unreadable, diag);
    if (r < 0)
        return cli_fail(cli, r, diag);
    if (unreadable > 0)
        cli_note(cli, "%zu packs cannot be read", unreadable);
    if (cli_given(cli, "json")) {
        cJSON *root = cJSON_CreateObject();
        json_attach(root, "packs", list);
        return cli_print_json(cli, root);
    }
    fields_clean(list);
    explain_text_list(stdout, list);
    cJSON_Delete(list);
    return CLI_DONE;
}

/* Only what the daemon keeps is forgotten, by its id: no path is deleted. */
static int forget(const struct cli *cli, struct diag *diag)
{
    char *directory;
    const char *id = cli->args[0];
    if (!evidence_id_valid(id))
        return cli_usage(cli, "--forget wants the whole id of an alert");
    if (asprintf(&directory, "%s/evidence", cli_text(cli, "state-directory")) < 0)
        return cli_fail(cli, -ENOMEM, diag);
    int r = evidence_remove(directory, id, diag);
    free(directory);
    return r < 0 ? cli_fail(cli, r, diag) : CLI_DONE;
}

static int run(const struct cli *cli)
{
    struct diag diag = DIAG_INIT;
    struct pack *pack = NULL;
    char *path = NULL;
    setlocale(LC_CTYPE, "");
    if (cli_given(cli, "list"))
        return cli->arg_count > 0 ? cli_usage(cli, "--list shows all alerts")
                                  : list_packs(cli, &diag);
    if (cli->arg_count == 0)
        return cli_usage(cli, "which alert? --list shows what there is");
    if (cli_given(cli, "forget"))
        return forget(cli, &diag);
    if (cli_given(cli, "html") && strcmp(cli_text(cli, "html"), "-") != 0) {
        int place = cli_check_place(cli, "html");
        if (place != CLI_DONE)
            return place;
    }
    int r = explain_packs_find(cli->args[0], cli_text(cli, "state-directory"), &path, &diag);
    if (r == 0)
        r = pack_load(path, &pack, &diag);
    if (r == 0)
        r = explain_pack(cli, path, pack, &diag);
    pack_free(pack);
    free(path);
    return r < 0 ? cli_fail(cli, r, &diag) : r;
}

const struct cli_command command_explain = {
    .name = "explain",
    .summary = "show what an alert rests on, and score it again",
    .arguments = "[ALERT_ID|PACK]",
    .least = 0,
    .most = 1,
    .description =
        "Reads the evidence that the daemon has kept of an alert (the first digits of its id are "
        "enough), scores it again with the model that raised it, says whether the scores are the "
        "same, and draws the score over time and the channels that deviate.\n"
        "Exits with 1 if the scores are not what the daemon said.",
    .options = {options},
    .run = run,
};
