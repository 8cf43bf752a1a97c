#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void redirect(const char *path, int fd)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0 || dup2(file, fd) < 0)
        _exit(126);
}

void command_start(struct command *command, const char *directory, const char *format, ...)
{
    static unsigned count;
    const char *program = getenv("ARMWATCH");
    char *line, *rest, *argv[COMMAND_ARGS_MAX + 1];
    int argc = 0;
    if (!program)
        fail_msg("$ARMWATCH is not set: it says where the program is");
    va_list args;
    va_start(args, format);
    assert_true(vasprintf(&line, format, args) >= 0);
    va_end(args);
    argv[argc++] = (char *)(uintptr_t)program;
    for (char *word = strtok_r(line, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        assert_true(argc < COMMAND_ARGS_MAX);
        argv[argc++] = word;
    }
    argv[argc] = NULL;
    command_deinit(command);
    snprintf(command->out, sizeof command->out, "%s/out.%u", directory, count);
    snprintf(command->err, sizeof command->err, "%s/err.%u", directory, count++);
    command->pid = fork();
    assert_true(command->pid >= 0);
    if (command->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        redirect("/dev/null", STDIN_FILENO);
        redirect(command->out, STDOUT_FILENO);
        redirect(command->err, STDERR_FILENO);
        if (chdir(directory) == 0)
            execv(program, argv);
        _exit(127);
    }
    free(line);
}

static bool has_ended(struct command *command)
{
    int status;
    if (command->pid != 0 && waitpid(command->pid, &status, WNOHANG) == command->pid) {
        command->pid = 0;
        command->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }
    return command->pid == 0;
}

int command_wait(struct command *command, uv_loop_t *loop, int limit_ms)
{
    uint64_t end = uv_hrtime() + (uint64_t)limit_ms * 1000000;
    while (!has_ended(command)) {
        if (uv_hrtime() > end)
            fail_msg("armwatch has not ended within %d ms; its stderr: %s", limit_ms,
                     command_err(command));
        uv_run(loop, UV_RUN_ONCE);
    }
    return command->exit_code;
}

void command_wait_for(struct command *command, uv_loop_t *loop, const char *text, int limit_ms)
{
    uint64_t end = uv_hrtime() + (uint64_t)limit_ms * 1000000;
    while (!strstr(command_err(command), text)) {
        if (uv_hrtime() > end || has_ended(command))
            fail_msg("\"%s\" is not in the stderr: %s", text, command_err(command));
        uv_run(loop, UV_RUN_ONCE);
    }
}

void command_signal(const struct command *command, int signal)
{
    assert_true(command->pid > 0);
    assert_int_equal(kill(command->pid, signal), 0);
}

static const char *read_text(struct command *command, const char *path)
{
    enum { SIZE_MAX_TEXT = 1 << 20 };
    FILE *file = fopen(path, "r");
    free(command->text);
    command->text = calloc(1, SIZE_MAX_TEXT);
    assert_non_null(command->text);
    if (file) {
        size_t size = fread(command->text, 1, SIZE_MAX_TEXT - 1, file);
        command->text[size] = '\0';
        fclose(file);
    }
    return command->text;
}

const char *command_out(struct command *command)
{
    return read_text(command, command->out);
}

const char *command_err(struct command *command)
{
    return read_text(command, command->err);
}

void command_deinit(struct command *command)
{
    if (command->pid > 0) {
        kill(command->pid, SIGKILL);
        waitpid(command->pid, NULL, 0);
    }
    free(command->text);
    *command = (struct command){0};
}
