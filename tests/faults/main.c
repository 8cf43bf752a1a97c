/*
 * faults [--quick | --short] [--list] [--directory DIR] [ROW...]: runs the rows of the fault table.
 *
 * One line for a row, the last one counts. Each check runs in a process of its own, so that one
 * that ends badly, or that lives in name spaces of its own, leaves the others alone; what it says
 * besides is in DIR/row-NUMBER.log.
 */
#include "fault.h"
#include "kit.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define LIMIT_S 1800
#define QUICK_LIMIT_S 240

struct outcome {
    char figure[600];
    char skipped[200];
};

static struct outcome *outcome; /* shared with the process of a check */
static bool long_form = true;

bool fault_long(void)
{
    return long_form;
}

void fault_figure(const char *format, ...)
{
    size_t used = strlen(outcome->figure);
    va_list arguments;
    va_start(arguments, format);
    if (used > 0 && used + 2 < sizeof outcome->figure)
        used += (size_t)sprintf(outcome->figure + used, "; ");
    vsnprintf(outcome->figure + used, sizeof outcome->figure - used, format, arguments);
    va_end(arguments);
}

_Noreturn void fault_skip(const char *reason)
{
    snprintf(outcome->skipped, sizeof outcome->skipped, "%s", reason);
    skip();
    abort();
}

/* ---- one row */

static int run_check(const struct fault_row *row, const char *log_path)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(long_form ? LIMIT_S : QUICK_LIMIT_S); /* a daemon held by ptrace cannot be waited for */
    int log = open(log_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (log < 0 || dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0)
        return 126;
    if ((row->flags & FAULT_NETWORK && !network_own()) ||
        (row->flags & FAULT_MOUNTS && !mounts_own())) {
        snprintf(outcome->skipped, sizeof outcome->skipped, "no name spaces here");
        return 0;
    }
    const struct CMUnitTest tests[] = {{.name = row->fault,
                                        .test_func = row->check,
                                        .setup_func = cell_setup,
                                        .teardown_func = cell_teardown}};
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}

static int run_once(const struct fault_row *row, const char *log_path)
{
    int status = 0;
    *outcome = (struct outcome){.figure = ""};
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        int code = run_check(row, log_path);
        fflush(stdout);
        _exit(code);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The first thing that cmocka complained about. */
static void read_complaint(const char *log_path, char *ret_text, size_t size)
{
    char line[1000];
    FILE *log = fopen(log_path, "re");
    snprintf(ret_text, size, "the check itself has died");
    while (log && fgets(line, sizeof line, log)) {
        const char *text = strncmp(line, "ERROR: ", 7) ? strstr(line, "ERROR   ] --- ") : line;
        if (!text)
            continue;
        text += text == line ? 7 : 14;
        snprintf(ret_text, size, "%.*s", (int)strcspn(text, "\n"), text);
        break;
    }
    if (log)
        fclose(log);
}

static double load(void)
{
    double average = 0;
    return getloadavg(&average, 1) == 1 ? average : 0;
}

enum verdict { PASSED, FAILED, SKIPPED };

static enum verdict check_row(const struct fault_row *row, const char *directory)
{
    char log_path[300], complaint[400], again[80] = "";
    snprintf(log_path, sizeof log_path, "%s/row-%d.log", directory, row->number);
    int code = run_once(row, log_path);
    if (code != 0 && (row->flags & FAULT_TIMING) &&
        load() > (double)sysconf(_SC_NPROCESSORS_ONLN)) {
        read_complaint(log_path, complaint, sizeof complaint);
        snprintf(again, sizeof again, " [second try; the first failed at a load of %.1f]", load());
        code = run_once(row, log_path);
    }
    if (*outcome->skipped) {
        printf("%2d  skipped  %s (%s)\n", row->number, row->fault, outcome->skipped);
        return SKIPPED;
    }
    if (code == 0) {
        printf("%2d  PASS     %s: %s%s\n", row->number, row->fault, outcome->figure, again);
        return PASSED;
    }
    read_complaint(log_path, complaint, sizeof complaint);
    printf("%2d  FAIL     %s: %s (%s)%s; %s%s\n", row->number, row->fault, complaint, log_path,
           again, *outcome->figure ? "measured: " : "", outcome->figure);
    return FAILED;
}

static enum verdict run_row(const struct fault_row *row, const char *directory)
{
    if (row->check)
        return check_row(row, directory);
    printf("%2d  skipped  %s (%s%s)\n", row->number, row->fault,
           row->exception ? "" : "checked elsewhere: ",
           row->exception ? row->exception : row->elsewhere);
    return SKIPPED;
}

/* ---- the command line */

static void list_rows(void)
{
    for (size_t i = 0; i < fault_row_count; i++) {
        const struct fault_row *row = &fault_rows[i];
        printf("%d\t%s\t%s\t%s\t%s\t%s\t%s\n", row->number, row->fault, row->expected,
               row->injection, row->check ? "here" : "", row->elsewhere ? row->elsewhere : "",
               row->exception ? row->exception : "");
    }
}

struct choice {
    bool quick;
    int numbers[64];
    size_t count;
    const char *directory;
};

static bool is_chosen(const struct fault_row *row, const struct choice *choice)
{
    for (size_t i = 0; i < choice->count; i++) {
        if (choice->numbers[i] == row->number)
            return true;
    }
    return choice->count == 0 && (!choice->quick || (row->check && row->flags & FAULT_QUICK));
}

static bool read_arguments(int argc, char **argv, struct choice *choice)
{
    for (int i = 1; i < argc; i++) {
        char *end;
        long number = strtol(argv[i], &end, 10);
        if (!strcmp(argv[i], "--quick")) {
            choice->quick = true;
            long_form = false;
        } else if (!strcmp(argv[i], "--short")) {
            long_form = false;
        } else if (!strcmp(argv[i], "--directory") && i + 1 < argc) {
            choice->directory = argv[++i];
        } else if (*end || number < 1 || choice->count == 64) {
            fprintf(stderr, "faults: unexpected argument \"%s\"\n", argv[i]);
            return false;
        } else {
            choice->numbers[choice->count++] = (int)number;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "--list")) {
        list_rows();
        return 0;
    }
    struct choice choice = {.directory = "/tmp"};
    if (!read_arguments(argc, argv, &choice))
        return 2;
    outcome =
        mmap(NULL, sizeof *outcome, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (outcome == MAP_FAILED || cell_group_setup(NULL) != 0)
        return 1;
    unsigned count[3] = {0};
    for (size_t i = 0; i < fault_row_count; i++) {
        if (is_chosen(&fault_rows[i], &choice))
            count[run_row(&fault_rows[i], choice.directory)]++;
        fflush(stdout);
    }
    cell_group_teardown(NULL);
    printf("%u passed, %u failed, %u skipped\n", count[PASSED], count[FAILED], count[SKIPPED]);
    return count[FAILED] > 0 || count[PASSED] == 0;
}
