#include "cli/notes.h"

#include <unistd.h>

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buffer)
{
    struct notes *notes = handle->data;
    *ret_buffer = uv_buf_init(notes->buffer, sizeof notes->buffer);
}

static void end_line(struct notes *notes)
{
    notes->line[notes->used] = '\0';
    if (notes->used > 0)
        notes->on_line(notes->user, notes->line);
    notes->used = 0;
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    struct notes *notes = stream->data;
    for (ssize_t i = 0; i < size; i++) {
        if (buffer->base[i] != '\n')
            notes->line[notes->used++] = buffer->base[i];
        if (buffer->base[i] == '\n' || notes->used == NOTES_LINE_MAX)
            end_line(notes);
    }
    if (size >= 0)
        return;
    end_line(notes);
    uv_read_stop(stream);
    notes->on_end(notes->user);
}

int notes_start(struct notes *notes, uv_loop_t *loop)
{
    notes->used = 0;
    if (uv_guess_handle(STDIN_FILENO) != UV_NAMED_PIPE) /* libuv would abort on a file */
        return UV_EINVAL;
    int r = uv_pipe_init(loop, &notes->pipe, 0);
    notes->pipe.data = notes;
    if (r == 0)
        r = uv_pipe_open(&notes->pipe, STDIN_FILENO);
    return r < 0 ? r : uv_read_start((uv_stream_t *)&notes->pipe, give_buffer, on_read);
}
