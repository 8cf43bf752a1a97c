#include "cli/commands.h"
#include "config/config.h"
#include "source/source_map.h"

static const struct cli_option options[] = {
    {"reference", NULL, "print every key with type, range and default (Markdown)"},
    {"json", NULL, "one JSON object on stdout"},
    {0}};

static int report(const struct cli *cli, const char *path, const struct diag *diag)
{
    cJSON *tree = cJSON_CreateObject();
    cJSON_AddStringToObject(tree, "file", path);
    cJSON_AddBoolToObject(tree, "ok", !diag);
    if (diag)
        cJSON_AddStringToObject(tree, "error", diag->text);
    return cli_print_json(cli, tree);
}

/* The file with the sources belongs to the configuration. */
static int check(const char *path, struct diag *diag)
{
    struct config *config;
    struct source_map *map = NULL;
    int r = config_load(path, &config, diag);
    if (r < 0)
        return r;
    if (config->input.assembler_file)
        r = source_map_load(config->input.assembler_file, &map, diag);
    source_map_free(map);
    config_free(config);
    return r;
}

static int run(const struct cli *cli)
{
    bool json = cli_given(cli, "json");
    if (cli_given(cli, "reference"))
        config_print_reference(stdout);
    else if (cli->arg_count == 0)
        return cli_usage(cli, "which file?");
    for (size_t i = 0; i < cli->arg_count; i++) {
        const char *path = cli->args[i];
        struct diag diag = DIAG_INIT;
        int r = check(path, &diag);
        if (r < 0) {
            if (json)
                report(cli, path, &diag);
            cli_fail(cli, r, &diag);
            return CLI_BAD_CONFIG;
        }
        if (json)
            report(cli, path, NULL);
        else
            printf("%s: good\n", path);
    }
    return CLI_DONE;
}

const struct cli_command command_check_config = {
    .name = "check-config",
    .summary = "say whether a configuration of the daemon is good, and if not, why",
    .arguments = "FILE",
    .most = 1,
    .description = "Checks the file as armwatchd would at its start, without a network. A bad one "
                   "exits with 78.",
    .options = {options},
    .run = run,
};
