#include "cli/cli.h"

#include "cli/terminal.h"

#include <errno.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- messages */

static void put_message(const struct cli *cli, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

static void put_message(const struct cli *cli, const char *format, va_list args)
{
    fprintf(stderr, "armwatch %s: ", cli->command->name);
    vfprintf(stderr, format, args);
}

int cli_fail(const struct cli *cli, int error, const struct diag *diag)
{
    const char *text = diag && *diag->text ? diag->text : strerror(abs(error));
    enum cli_exit code = error == -EINVAL   ? CLI_BAD_DATA
                         : error == -ENOENT ? CLI_NO_INPUT
                                            : CLI_FAILED;
    return cli_error(cli, code, "%s", text);
}

int cli_error(const struct cli *cli, enum cli_exit code, const char *format, ...)
{
    fflush(stdout); /* on a terminal, what was printed stands before what went wrong */
    va_list args;
    va_start(args, format);
    put_message(cli, format, args);
    va_end(args);
    fputc('\n', stderr);
    return (int)code;
}

int cli_usage(const struct cli *cli, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put_message(cli, format, args);
    va_end(args);
    fprintf(stderr, "; see armwatch %s --help\n", cli->command->name);
    return CLI_USAGE;
}

void cli_note(const struct cli *cli, const char *format, ...)
{
    fflush(stdout);
    va_list args;
    va_start(args, format);
    put_message(cli, format, args);
    va_end(args);
    fputc('\n', stderr);
}

/* ---- output */

int cli_output_open(struct cli_output *output, const char *path, struct diag *diag)
{
    *output = (struct cli_output){.stream = stdout};
    if (!path || !strcmp(path, "-"))
        return 0;
    int r = file_writer_open(&output->writer, path, diag);
    if (r == 0)
        output->stream = output->writer.stream;
    return r;
}

int cli_output_commit(struct cli_output *output, struct diag *diag)
{
    if (output->stream != stdout)
        return file_writer_commit(&output->writer, diag);
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    return diag_errno(diag, errno ? errno : EIO, "cannot write to stdout");
}

void cli_output_discard(struct cli_output *output)
{
    if (output->stream != stdout)
        file_writer_discard(&output->writer);
}

int cli_print_json(const struct cli *cli, cJSON *tree)
{
    char *text = !tree                 ? NULL
                 : terminal_is(stdout) ? cJSON_Print(tree)
                                       : cJSON_PrintUnformatted(tree);
    cJSON_Delete(tree);
    if (!text)
        return cli_fail(cli, -ENOMEM, NULL);
    puts(text);
    cJSON_free(text);
    return fflush(stdout) == 0 ? CLI_DONE : cli_error(cli, CLI_FAILED, "cannot write to stdout");
}

/* ---- near misses */

/* Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
static size_t distance(const char *a, const char *b)
{
    enum { LONGEST = 40 };
    size_t n = strlen(a), m = strlen(b), cost[LONGEST + 1][LONGEST + 1];
    if (n > LONGEST || m > LONGEST)
        return SIZE_MAX;
    for (size_t i = 0; i <= n; i++) {
        for (size_t j = 0; j <= m; j++) {
            if (i == 0 || j == 0) {
                cost[i][j] = i + j;
                continue;
            }
            size_t best = cost[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            size_t other = (cost[i - 1][j] < cost[i][j - 1] ? cost[i - 1][j] : cost[i][j - 1]) + 1;
            best = other < best ? other : best;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                cost[i - 2][j - 2] + 1 < best)
                best = cost[i - 2][j - 2] + 1;
            cost[i][j] = best;
        }
    }
    return cost[n][m];
}

const char *cli_closest(const char *word, const char *const *candidates, size_t count)
{
    const char *closest = NULL;
    size_t length = strlen(word), least = length < 4 ? 2 : 3; /* must be below */
    for (size_t i = 0; i < count; i++) {
        if (length > 1 && !strncmp(word, candidates[i], length))
            return candidates[i];
        size_t d = distance(word, candidates[i]);
        if (d < least) {
            least = d;
            closest = candidates[i];
        }
    }
    return closest;
}

int cli_check_place(const struct cli *cli, const char *name)
{
    const char *path = cli_text(cli, name);
    if (!path || !strcmp(path, "-"))
        return CLI_DONE;
    char *copy = strdup(path);
    if (!copy)
        return cli_fail(cli, -ENOMEM, NULL);
    int code = access(dirname(copy), W_OK) == 0
                   ? CLI_DONE
                   : cli_error(cli, CLI_FAILED, "%s: %s", path, strerror(errno));
    free(copy);
    return code;
}
