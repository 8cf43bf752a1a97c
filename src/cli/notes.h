/*
 * notes: lines from a pipe on stdin, read on a loop beside everything else.
 *
 * Thread: the loop's. Memory: the caller's; it must live until the loop has closed the handle.
 */
#ifndef ARMWATCH_CLI_NOTES_H
#define ARMWATCH_CLI_NOTES_H

#include <stddef.h>
#include <uv.h>

#define NOTES_LINE_MAX 256 /* the rest of a longer line is the next one */

struct notes {
    uv_pipe_t pipe;
    char buffer[NOTES_LINE_MAX];
    char line[NOTES_LINE_MAX + 1];
    size_t used;
    void (*on_line)(void *user, char *line); /* without its line feed; may be written to */
    void (*on_end)(void *user);              /* once: the other side has closed the pipe */
    void *user;
};

/* The handlers and user must be set. Errors: negative errno; stdin is no pipe. */
int notes_start(struct notes *notes, uv_loop_t *loop);

#endif
