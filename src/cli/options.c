/*
 * The options of a command: parsed with getopt_long, checked against its tables, explained.
 *
 * Checks stand in the tables, so that a wrong value is refused before a command begins to work, in
 * the same words everywhere.
 */
#include "cli/cli.h"

#include "base/clock.h"
#include "base/name.h"
#include "cli/terminal.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HELP_COLUMNS TERMINAL_COLUMNS
#define HELP_INDENT_MAX 30
#define FIRST_VALUE 256 /* of getopt's codes: above any character */

/* ---- checks */

static size_t find_choice(const char *choices, const char *text)
{
    size_t length = strlen(text);
    for (size_t at = 0;; at++) {
        size_t end = strcspn(choices, "|");
        if (end == length && !strncmp(choices, text, length))
            return at;
        if (!choices[end])
            return SIZE_MAX;
        choices += end + 1;
    }
}

static bool parse_number(const char *text, double *ret_value)
{
    char *end;
    *ret_value = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*ret_value);
}

static bool in_range(const struct cli_option *option, double value)
{
    return value >= option->min && value <= option->max;
}

static int check_number(const struct cli_option *option, const char *text, struct diag *diag)
{
    double value;
    bool whole = option->type == CLI_INTEGER;
    if (parse_number(text, &value) && (!whole || value == floor(value)) && in_range(option, value))
        return 0;
    return diag_set(diag, "--%s \"%s\": must be a%s number from %.15g to %.15g", option->name, text,
                    whole ? " whole" : "", option->min, option->max);
}

static int check_duration(const struct cli_option *option, const char *text, struct diag *diag)
{
    int64_t ns;
    if (!clock_parse_duration(text, &ns))
        return diag_set(diag, "--%s \"%s\": must be a duration such as 90, 90s, 15min, 2h",
                        option->name, text);
    double s = (double)ns / 1e9;
    if (s < option->min)
        return diag_set(diag, "--%s \"%s\": at least %g s", option->name, text, option->min);
    if (option->max > 0 && s > option->max)
        return diag_set(diag, "--%s \"%s\": at most %g s", option->name, text, option->max);
    return 0;
}

static int check_value(const struct cli_option *option, const char *text, struct diag *diag)
{
    switch (option->type) {
    case CLI_TEXT:
        return *text ? 0 : diag_set(diag, "--%s is empty", option->name);
    case CLI_NUMBER:
    case CLI_INTEGER:
        return check_number(option, text, diag);
    case CLI_DURATION:
        return check_duration(option, text, diag);
    case CLI_CHOICE:
        return find_choice(option->argument, text) != SIZE_MAX
                   ? 0
                   : diag_set(diag, "--%s \"%s\": must be one of %s", option->name, text,
                              option->argument);
    case CLI_NAME:
        return name_valid(text)
                   ? 0
                   : diag_set(diag, "--%s \"%s\": a name is %s", option->name, text, NAME_RULE);
    }
    return -EINVAL;
}

/* ---- parsing */

static void collect_options(struct cli *cli)
{
    for (size_t t = 0; t < CLI_TABLES_MAX && cli->command->options[t]; t++) {
        for (const struct cli_option *o = cli->command->options[t]; o->name || o->help; o++) {
            if (!o->name)
                continue;
            assert(cli->option_count < CLI_OPTIONS_MAX);
            cli->value[cli->option_count++] = (struct cli_value){.option = o};
        }
    }
}

static bool add_value(struct cli_value *value, const char *text)
{
    const char **items = realloc(value->items, (value->count + 2) * sizeof *items);
    if (!items)
        return false;
    items[value->count++] = text;
    items[value->count] = NULL;
    value->items = items;
    return true;
}

/* What getopt did not take, in words. */
static int refuse_option(const struct cli *cli, const char *typed)
{
    const char *names[CLI_OPTIONS_MAX];
    for (size_t i = 0; i < cli->option_count; i++)
        names[i] = cli->value[i].option->name;
    char word[64];
    snprintf(word, sizeof word, "%.*s", (int)strcspn(typed, "="), typed);
    const char *closest =
        !strncmp(word, "--", 2) && word[2] ? cli_closest(word + 2, names, cli->option_count) : NULL;
    if (closest)
        return cli_error(cli, CLI_USAGE, "no option \"%s\"; did you mean \"--%s\"?", word, closest);
    return cli_usage(cli, "no option \"%s\"", word);
}

enum { CODE_HELP = 'h', CODE_VERSION = 'V' };

static int read_options(struct cli *cli, int argc, char **argv, bool *ret_run)
{
    struct option table[CLI_OPTIONS_MAX + 3] = {{"help", no_argument, NULL, CODE_HELP},
                                                {"version", no_argument, NULL, CODE_VERSION}};
    for (size_t i = 0; i < cli->option_count; i++) {
        const struct cli_option *o = cli->value[i].option;
        table[i + 2] = (struct option){o->name, o->argument ? required_argument : no_argument, NULL,
                                       FIRST_VALUE + (int)i};
    }
    int code;
    opterr = 0;
    optind = 0; /* a fresh start for GNU's getopt */
    while (optind < argc + 1 && (code = getopt_long(argc, argv, ":h", table, NULL)) != -1) {
        if (code == CODE_HELP) {
            cli_print_help(cli->command, stdout);
            return CLI_DONE;
        }
        if (code == CODE_VERSION) {
            puts("armwatch " ARMWATCH_VERSION);
            return CLI_DONE;
        }
        if (code == ':')
            return cli_usage(cli, "%s needs %s", argv[optind - 1],
                             optopt >= FIRST_VALUE
                                 ? cli->value[optopt - FIRST_VALUE].option->argument
                                 : "an argument");
        if (code == '?' && optopt >= FIRST_VALUE)
            return cli_usage(cli, "--%s takes no argument",
                             cli->value[optopt - FIRST_VALUE].option->name);
        if (code == '?')
            return refuse_option(cli, argv[optind - 1]);
        struct cli_value *value = &cli->value[code - FIRST_VALUE];
        struct diag diag = DIAG_INIT;
        if (optarg && check_value(value->option, optarg, &diag) < 0)
            return cli_usage(cli, "%s", diag.text);
        if (!add_value(value, optarg ? optarg : ""))
            return cli_fail(cli, -ENOMEM, NULL);
    }
    *ret_run = true;
    return CLI_DONE;
}

static int check_complete(const struct cli *cli)
{
    for (size_t i = 0; i < cli->option_count; i++) {
        const struct cli_option *o = cli->value[i].option;
        if (o->required && cli->value[i].count == 0)
            return cli_usage(cli, "--%s %s is needed", o->name, o->argument);
    }
    if (cli->arg_count < cli->command->least)
        return cli_usage(cli, "%s is missing", cli->command->arguments);
    if (cli->arg_count > cli->command->most)
        return cli_usage(cli, "unexpected argument \"%s\"", cli->args[cli->command->most]);
    return CLI_DONE;
}

bool cli_parse(struct cli *cli, const struct cli_command *command, int argc, char **argv,
               int *ret_exit)
{
    *cli = (struct cli){.command = command};
    collect_options(cli);
    bool run = false;
    *ret_exit = read_options(cli, argc, argv, &run);
    if (!run)
        return false;
    cli->args = argv + optind;
    cli->arg_count = (size_t)(argc - optind);
    *ret_exit = check_complete(cli);
    return *ret_exit == CLI_DONE;
}

void cli_deinit(struct cli *cli)
{
    for (size_t i = 0; i < cli->option_count; i++)
        free(cli->value[i].items);
    cli->option_count = 0;
}

/* ---- getters */

static const struct cli_value *find_value(const struct cli *cli, const char *name)
{
    for (size_t i = 0; i < cli->option_count; i++) {
        if (!strcmp(cli->value[i].option->name, name))
            return &cli->value[i];
    }
    assert(!"the option is in no table of the command");
    abort();
}

bool cli_given(const struct cli *cli, const char *name)
{
    return find_value(cli, name)->count > 0;
}

const char *cli_text(const struct cli *cli, const char *name)
{
    const struct cli_value *value = find_value(cli, name);
    return value->count > 0 ? value->items[value->count - 1] : value->option->standard;
}

double cli_number(const struct cli *cli, const char *name)
{
    const char *text = cli_text(cli, name);
    double value = (double)NAN;
    if (text)
        parse_number(text, &value);
    return value;
}

int64_t cli_integer(const struct cli *cli, const char *name)
{
    double value = cli_number(cli, name);
    return isnan(value) ? 0 : (int64_t)value;
}

int64_t cli_duration_ns(const struct cli *cli, const char *name)
{
    const char *text = cli_text(cli, name);
    int64_t ns = 0;
    if (text)
        clock_parse_duration(text, &ns);
    return ns;
}

size_t cli_choice(const struct cli *cli, const char *name)
{
    const struct cli_value *value = find_value(cli, name);
    size_t at = find_choice(value->option->argument, cli_text(cli, name));
    assert(at != SIZE_MAX);
    return at;
}

const char *const *cli_list(const struct cli *cli, const char *name)
{
    static const char *const none[] = {NULL};
    const struct cli_value *value = find_value(cli, name);
    return value->count > 0 ? value->items : none;
}

/* ---- help */

static int option_width(const struct cli_option *option)
{
    return 2 + 2 + (int)strlen(option->name) +
           (option->argument ? 1 + (int)strlen(option->argument) : 0);
}

static int help_indent(const struct cli_command *command)
{
    int indent = 0;
    for (size_t t = 0; t < CLI_TABLES_MAX && command->options[t]; t++) {
        for (const struct cli_option *o = command->options[t]; o->name || o->help; o++) {
            int width = o->name ? option_width(o) + 2 : 0;
            indent = width > indent && width <= HELP_INDENT_MAX ? width : indent;
        }
    }
    return indent;
}

static void put_option(FILE *out, const struct cli_option *option, int indent)
{
    char text[512];
    int used = snprintf(text, sizeof text, "%s", option->help);
    if (option->standard)
        used +=
            snprintf(text + used, sizeof text - (size_t)used, " (default %s)", option->standard);
    if (option->repeatable)
        snprintf(text + used, sizeof text - (size_t)used, " (may be repeated)");
    int column = fprintf(out, "  --%s%s%s", option->name, option->argument ? " " : "",
                         option->argument ? option->argument : "");
    if (column + 2 > indent) {
        fputc('\n', out);
        column = 0;
    }
    terminal_put_wrapped(out, text, column, indent, HELP_COLUMNS);
}

static void put_required(FILE *out, const struct cli_command *command)
{
    for (size_t t = 0; t < CLI_TABLES_MAX && command->options[t]; t++) {
        for (const struct cli_option *o = command->options[t]; o->name || o->help; o++) {
            if (o->required)
                fprintf(out, " --%s %s", o->name, o->argument);
        }
    }
}

void cli_print_help(const struct cli_command *command, FILE *out)
{
    fprintf(out, "Usage: armwatch %s", command->name);
    put_required(out, command);
    fprintf(out, " [OPTION]...%s%s\n", command->arguments ? " " : "",
            command->arguments ? command->arguments : "");
    fprintf(out, "%c%s.\n", toupper((unsigned char)command->summary[0]), command->summary + 1);
    if (command->description) {
        fputc('\n', out);
        terminal_put_wrapped(out, command->description, 0, 0, HELP_COLUMNS);
    }
    int indent = help_indent(command);
    for (size_t t = 0; t < CLI_TABLES_MAX && command->options[t]; t++) {
        const struct cli_option *o = command->options[t];
        if (o->name)
            fputs(t == 0 ? "\nOptions:\n" : "\n", out);
        for (; o->name || o->help; o++) {
            if (o->name)
                put_option(out, o, indent);
            else
                fprintf(out, "\n%s:\n", o->help);
        }
    }
    static const struct cli_option always[] = {{"help", NULL, "this text"},
                                               {"version", NULL, "the version"}};
    fputc('\n', out);
    put_option(out, &always[0], indent);
    put_option(out, &always[1], indent);
}
