/*
 * Every change of mode is written at once, what is learnt each minute, and a few seconds after the
 * robot has paused: a crash costs what came since then.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "daemon/commissioning_file.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIGITS 16 /* of the model's digest, in the file's name */
#define ENDING ".safetensors"
#define RETRY_NS (60 * CLOCK_NS_PER_S)

/* NULL: memory is out. */
static char *path_of(const struct commissioning_saver *saver,
                     const struct commissioning_record *record)
{
    char *path;
    return asprintf(&path, "%s/%s.%.*s" ENDING, saver->directory, record->robot, DIGITS,
                    record->sha256) < 0
               ? NULL
               : path;
}

/* ---- reading ---- */

static void move_aside(const char *path)
{
    char *aside;
    if (asprintf(&aside, "%s.unreadable", path) < 0)
        return;
    if (rename(path, aside) < 0)
        log_warning("%s: %s", path, strerror(errno));
    free(aside);
}

static bool has_room(const struct commissioning *commissioning,
                     const struct commissioning_record *record)
{
    size_t own = 0;
    for (size_t i = 0; i < commissioning->count; i++)
        own += !strcmp(commissioning->record[i]->robot, record->robot);
    return own < COMMISSIONING_PER_ROBOT && commissioning->count < COMMISSIONING_RECORDS_MAX &&
           !commissioning_find(commissioning, record->robot, record->sha256);
}

static void read_file(struct commissioning *commissioning, const char *path)
{
    struct diag diag = DIAG_INIT;
    void *data = NULL;
    size_t size;
    struct commissioning_record *record = NULL;
    int r = file_read(path, COMMISSIONING_FILE_MAX, &data, &size, &diag);
    if (r == 0 && (r = commissioning_file_parse(data, size, &record, &diag)) < 0)
        diag_prefix(&diag, "%s", path);
    free(data);
    if (r < 0) {
        log_error("commissioning: %s: what was learnt is not used", diag.text);
        if (r == -EINVAL)
            move_aside(path);
        return;
    }
    if (!has_room(commissioning, record)) {
        log_warning("%s: more records than there is room for", path);
        commissioning_record_free(record);
        return;
    }
    commissioning->record[commissioning->count++] = record;
}

int commissioning_open(struct commissioning *commissioning, uv_loop_t *loop,
                       const char *state_directory)
{
    struct commissioning_saver *saver = &commissioning->saver;
    saver->loop = loop;
    if (asprintf(&saver->directory, "%s/commissioning", state_directory) < 0) {
        saver->directory = NULL;
        return -ENOMEM;
    }
    DIR *directory = opendir(saver->directory);
    struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        size_t length = strlen(entry->d_name), ending = strlen(ENDING);
        char *path;
        if (length <= ending || strcmp(entry->d_name + length - ending, ENDING) != 0)
            continue;
        if (asprintf(&path, "%s/%s", saver->directory, entry->d_name) < 0)
            continue;
        read_file(commissioning, path);
        free(path);
    }
    if (directory)
        closedir(directory);
    return 0;
}

/* ---- writing ---- */

static void write_in_pool(uv_work_t *work)
{
    struct commissioning_saver *saver = work->data;
    char *end = strrchr(saver->path, '/');
    *end = '\0';
    mkdir(saver->path, 0750); /* the next line tells if it cannot be made */
    *end = '/';
    saver->result = file_write(saver->path, saver->data, saver->size, &saver->diag);
}

static void write_next(struct commissioning *commissioning, int64_t now_ns);

static void on_written(uv_work_t *work, int status)
{
    struct commissioning_saver *saver = work->data;
    struct commissioning *commissioning =
        (struct commissioning *)((char *)saver - offsetof(struct commissioning, saver));
    saver->failed = status < 0 || saver->result < 0;
    if (saver->failed && log_is_due(++saver->failures))
        log_error("commissioning not saved (%llu times): %s", (unsigned long long)saver->failures,
                  saver->diag.text);
    if (saver->failed && saver->record)
        saver->record->dirty = true;
    free(saver->path);
    free(saver->data);
    saver->path = saver->data = NULL;
    saver->record = NULL;
    saver->busy = false;
    if (saver->flushing && !saver->failed)
        write_next(commissioning, clock_monotonic_ns());
}

static void write_record(struct commissioning_saver *saver, struct commissioning_record *record,
                         int64_t now_ns)
{
    struct diag diag = DIAG_INIT;
    saver->tried_ns = record->saved_ns = now_ns;
    saver->path = path_of(saver, record);
    int r = saver->path ? commissioning_file_format(record, &saver->data, &saver->size, &diag)
                        : -ENOMEM;
    saver->work.data = saver;
    if (r == 0)
        r = uv_queue_work(saver->loop, &saver->work, write_in_pool, on_written);
    saver->busy = r == 0;
    if (r == 0) {
        saver->record = record;
        record->dirty = record->urgent = false;
        return;
    }
    saver->failed = true;
    if (log_is_due(++saver->failures))
        log_error("commissioning not saved (%llu times): %s", (unsigned long long)saver->failures,
                  *diag.text ? diag.text : "out of memory");
    free(saver->path);
    free(saver->data);
    saver->path = saver->data = NULL;
}

static bool is_due(const struct commissioning_saver *saver,
                   const struct commissioning_record *record, int64_t now_ns)
{
    double age_s = (double)(now_ns - record->saved_ns) / 1e9;
    return record->dirty && (saver->flushing || record->urgent || age_s >= COMMISSIONING_SAVE_S ||
                             (record->quiet && age_s >= COMMISSIONING_SAVE_QUIET_S));
}

static void write_next(struct commissioning *commissioning, int64_t now_ns)
{
    struct commissioning_saver *saver = &commissioning->saver;
    for (size_t i = 0; i < commissioning->count && !saver->busy; i++) {
        if (is_due(saver, commissioning->record[i], now_ns))
            write_record(saver, commissioning->record[i], now_ns);
    }
}

void commissioning_tick(struct commissioning *commissioning, int64_t now_ns)
{
    struct commissioning_saver *saver = &commissioning->saver;
    commissioning->total = 0;
    for (size_t i = 0; i < commissioning->count; i++) {
        for (size_t d = 0; d < commissioning->record[i]->detectors; d++)
            commissioning->total += commissioning->record[i]->blocks[d].count;
    }
    if (!saver->directory || saver->busy || (saver->failed && now_ns - saver->tried_ns < RETRY_NS))
        return;
    write_next(commissioning, now_ns);
}

void commissioning_flush(struct commissioning *commissioning)
{
    struct commissioning_saver *saver = &commissioning->saver;
    if (!saver->directory)
        return;
    saver->flushing = true;
    if (!saver->busy)
        write_next(commissioning, clock_monotonic_ns());
}

static void on_unlinked(uv_fs_t *request)
{
    uv_fs_req_cleanup(request);
    free(request);
}

/* A write of it that is under way may bring the file back: the next start has room for it, or says
 * that there is none. */
void commissioning_forget(struct commissioning *commissioning,
                          const struct commissioning_record *record)
{
    struct commissioning_saver *saver = &commissioning->saver;
    if (saver->record == record)
        saver->record = NULL;
    char *path = saver->directory ? path_of(saver, record) : NULL;
    uv_fs_t *request = path ? malloc(sizeof *request) : NULL;
    if (request && uv_fs_unlink(saver->loop, request, path, on_unlinked) < 0)
        free(request);
    free(path);
}
