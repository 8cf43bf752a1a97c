/* armwatch: finds the subcommand and runs it. */
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/terminal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* In the order of the help. */
/* clang-format off */
static const struct cli_command *const commands[] = {
    &command_simulate,
    &command_doctor,
    &command_record,
    &command_train,
    &command_calibrate,
    &command_evaluate,
    &command_compare,
    &command_score,
    &command_replay,
    &command_model_show,
    &command_model_verify,
    &command_model_install,
    &command_model_list,
    &command_model_keygen,
    &command_model_sign,
    &command_model_export_onnx,
    &command_model_import_onnx,
    &command_watch,
    &command_fleet,
    &command_explain,
    &command_ctl,
    &command_check_config,
};
/* clang-format on */
#define COMMANDS (sizeof commands / sizeof commands[0])

static void print_help(FILE *out)
{
    const char *bold = terminal_style(out, TERMINAL_BOLD),
               *plain = terminal_style(out, TERMINAL_PLAIN);
    fputs("Usage: armwatch COMMAND [OPTION]... [ARGUMENT]...\n"
          "Learns how a robot arm moves when it is healthy, and watches live whether it\n"
          "still does.\n\nCommands:\n",
          out);
    for (size_t i = 0; i < COMMANDS; i++) {
        fprintf(out, "  %s%-13s%s  ", bold, commands[i]->name, plain);
        terminal_put_wrapped(out, commands[i]->summary, 17, 17, TERMINAL_COLUMNS);
    }
    fputs("\n\"armwatch COMMAND --help\" explains a command and its options.\n"
          "Exit codes: 0 done, 1 failed, 2 usage, 65 bad input data, 66 input file missing,\n"
          "69 broker unreachable, 78 bad configuration.\n",
          out);
}

/* "model" of "model show", or the whole name. */
static size_t first_word(const char *name)
{
    return strcspn(name, " ");
}

/* Whether a name begins with just this word, and goes on after it or not. */
static bool has_first_word(const char *name, const char *word)
{
    return first_word(name) == strlen(word) && !strncmp(name, word, strlen(word));
}

static bool is_group(const char *word)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        if (has_first_word(commands[i]->name, word) && strchr(commands[i]->name, ' '))
            return true;
    }
    return false;
}

static void print_group(const char *word, FILE *out)
{
    fprintf(out, "Usage: armwatch %s COMMAND [OPTION]... [ARGUMENT]...\n\nCommands:\n", word);
    for (size_t i = 0; i < COMMANDS; i++) {
        if (has_first_word(commands[i]->name, word))
            fprintf(out, "  %-20s %s\n", commands[i]->name, commands[i]->summary);
    }
}

/* The command that argv begins with, and how many words of argv are its name. */
static const struct cli_command *find_command(int argc, char **argv, int *ret_words)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        const char *name = commands[i]->name;
        size_t first = first_word(name);
        if (argc < 1 || !has_first_word(name, argv[0]))
            continue;
        *ret_words = name[first] ? 2 : 1;
        if (!name[first] || (argc > 1 && !strcmp(argv[1], name + first + 1)))
            return commands[i];
    }
    return NULL;
}

static int unknown_command(int argc, char **argv)
{
    const char *names[COMMANDS];
    char typed[128];
    snprintf(typed, sizeof typed, "%s%s%s", argv[0], is_group(argv[0]) && argc > 1 ? " " : "",
             is_group(argv[0]) && argc > 1 ? argv[1] : "");
    for (size_t i = 0; i < COMMANDS; i++)
        names[i] = commands[i]->name;
    const char *closest = cli_closest(typed, names, COMMANDS);
    fprintf(stderr, "armwatch: no command \"%s\"", typed);
    if (closest)
        fprintf(stderr, "; did you mean \"%s\"?\n", closest);
    else
        fputs("; \"armwatch --help\" lists them\n", stderr);
    return CLI_USAGE;
}

static bool is_help(const char *word)
{
    return !strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help");
}

/* argv begins with the command's words. */
static int run_command(int argc, char **argv)
{
    if (is_group(argv[0]) && (argc < 2 || is_help(argv[1]))) {
        print_group(argv[0], argc < 2 ? stderr : stdout);
        return argc < 2 ? CLI_USAGE : CLI_DONE;
    }
    int words, code;
    const struct cli_command *command = find_command(argc, argv, &words);
    if (!command)
        return unknown_command(argc, argv);
    struct cli cli;
    if (cli_parse(&cli, command, argc - words + 1, argv + words - 1, &code))
        code = command->run(&cli);
    cli_deinit(&cli);
    return code;
}

static int run_help(int argc, char **argv)
{
    int words;
    if (argc < 1) {
        print_help(stdout);
        return CLI_DONE;
    }
    if (argc == 1 && is_group(argv[0])) {
        print_group(argv[0], stdout);
        return CLI_DONE;
    }
    const struct cli_command *command = find_command(argc, argv, &words);
    if (!command)
        return unknown_command(argc, argv);
    cli_print_help(command, stdout);
    return CLI_DONE;
}

static int dispatch(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return CLI_USAGE;
    }
    if (is_help(argv[1]))
        return run_help(argc - 2, argv + 2);
    if (!strcmp(argv[1], "--version")) {
        puts("armwatch " ARMWATCH_VERSION);
        return CLI_DONE;
    }
    if (argv[1][0] == '-') {
        fprintf(stderr, "armwatch: no option \"%s\" before the command; see armwatch --help\n",
                argv[1]);
        return CLI_USAGE;
    }
    return run_command(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
    int code = dispatch(argc, argv);
    errno = 0;
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == CLI_DONE) {
        if (errno != EPIPE) /* head has seen enough */
            fprintf(stderr, "armwatch: cannot write to stdout: %s\n",
                    strerror(errno ? errno : EIO));
        code = CLI_FAILED;
    }
    return code;
}
