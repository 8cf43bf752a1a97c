/*
 * cli: what every subcommand is made of: its description, its options, its errors and exit codes.
 *
 * A subcommand is one `struct cli_command` in a file of its own, named in commands.h and listed in
 * main.c. main parses and checks the options against the tables before it calls `run`, so getters
 * cannot fail; --help and --version are there by themselves. `run` returns an exit code. Data goes
 * to stdout, everything else to stderr; "-" stands for stdin or stdout where a file is meant.
 *
 *     static const struct cli_option options[] = {
 *         {"out", "FILE", "where to write", .required = true},
 *         {"rate-hz", "HZ", "samples per second", "10", CLI_NUMBER, 0.001, 10000},
 *         {"format", "json|binary", "form of a sample", "json", CLI_CHOICE},
 *         {"json", NULL, "one JSON object on stdout"},
 *         {0}};
 *     const struct cli_command command_foo = {
 *         .name = "foo", .summary = "does foo", .arguments = "FILE", .least = 1, .most = 1,
 *         .options = {options, data_options}, .run = run_foo};
 */
#ifndef ARMWATCH_CLI_CLI_H
#define ARMWATCH_CLI_CLI_H

#include "base/diag.h"
#include "base/file.h"
#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum cli_exit {
    CLI_DONE = 0,
    CLI_FAILED = 1,
    CLI_USAGE = 2,
    CLI_BAD_DATA = 65,    /* EX_DATAERR: what was read is wrong */
    CLI_NO_INPUT = 66,    /* EX_NOINPUT: a file to read is not there */
    CLI_UNREACHABLE = 69, /* EX_UNAVAILABLE: the broker */
    CLI_BAD_CONFIG = 78,  /* EX_CONFIG */
};

enum cli_type {
    CLI_TEXT,
    CLI_NUMBER,   /* finite, min <= x <= max */
    CLI_INTEGER,  /* min <= x <= max, exact up to 2^53 */
    CLI_DURATION, /* "90", "1.5h"; min and max in seconds; max 0: no limit */
    CLI_CHOICE,   /* one of `argument`, which is "this|that" */
    CLI_NAME,     /* of a robot, an instance or a model */
};

struct cli_option {
    const char *name;     /* without "--"; NULL: `help` is a heading, or the table ends */
    const char *argument; /* as in the help, "FILE"; NULL: a flag */
    const char *help;
    const char *standard; /* default as it would be typed; NULL: none */
    enum cli_type type;
    double min, max; /* of CLI_NUMBER, CLI_INTEGER, CLI_DURATION */
    bool required;
    bool repeatable; /* else the last one counts */
};

#define CLI_TABLES_MAX 5
#define CLI_OPTIONS_MAX 64

struct cli;

struct cli_command {
    const char *name;                                 /* "train", or two words: "model show" */
    const char *summary;                              /* half a line, no full stop */
    const char *arguments;                            /* "FILE", "[MODEL]"; NULL: none */
    const char *description;                          /* paragraphs under the usage; NULL: none */
    size_t least, most;                               /* arguments besides the options */
    const struct cli_option *options[CLI_TABLES_MAX]; /* tables, each ended by {0} */
    int (*run)(const struct cli *cli);
};

struct cli {
    const struct cli_command *command;
    size_t arg_count;
    char **args; /* [arg_count] */
    size_t option_count;
    struct cli_value {
        const struct cli_option *option;
        const char **items; /* as given, NULL at the end; NULL: never given */
        size_t count;
    } value[CLI_OPTIONS_MAX];
};

/* Parses argv (argv[0] is the command's name). Returns true if the command is to be run; else
 * *ret_exit is the exit code: help or version was printed, or an error. Memory: cli_deinit. */
bool cli_parse(struct cli *cli, const struct cli_command *command, int argc, char **argv,
               int *ret_exit);
void cli_deinit(struct cli *cli);

/* ---- options: of what was given last, or the default. The name must be in the tables. */

bool cli_given(const struct cli *cli, const char *name); /* a flag, or an option without default */
const char *cli_text(const struct cli *cli, const char *name);        /* NULL: neither */
double cli_number(const struct cli *cli, const char *name);           /* NAN: neither */
int64_t cli_integer(const struct cli *cli, const char *name);         /* 0: neither */
int64_t cli_duration_ns(const struct cli *cli, const char *name);     /* 0: neither */
size_t cli_choice(const struct cli *cli, const char *name);           /* position in the list */
const char *const *cli_list(const struct cli *cli, const char *name); /* all, NULL at the end */

/* ---- messages on stderr: "armwatch train: ..." */

/* Says what went wrong and returns the exit code for it: -EINVAL is bad data, -ENOENT a missing
 * input, anything else a failure. With an empty diag the errno's own text. */
int cli_fail(const struct cli *cli, int error, const struct diag *diag);
int cli_error(const struct cli *cli, enum cli_exit code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same, with a pointer to --help; returns CLI_USAGE. */
int cli_usage(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Something worth knowing. */
void cli_note(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- output */

/* A file that appears whole or not at all, or stdout for "-" and NULL. */
struct cli_output {
    FILE *stream;
    struct file_writer writer; /* path NULL: stdout */
};
int cli_output_open(struct cli_output *output, const char *path, struct diag *diag);
int cli_output_commit(struct cli_output *output, struct diag *diag); /* ends it in any case */
void cli_output_discard(struct cli_output *output);

/* Before long work: can the file of this option be made? Returns an exit code, after a message. */
int cli_check_place(const struct cli *cli, const char *option);

/* One line (or, on a terminal, indented) on stdout; the tree is taken. NULL: out of memory. Returns
 * an exit code. */
int cli_print_json(const struct cli *cli, cJSON *tree);

/* ---- for main */

void cli_print_help(const struct cli_command *command, FILE *out);
/* The candidate that was probably meant, or NULL. */
const char *cli_closest(const char *word, const char *const *candidates, size_t count);

#endif
