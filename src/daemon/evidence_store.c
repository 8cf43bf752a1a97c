#include "daemon/evidence_store.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define MIB 1048576.0

int evidence_store_init(struct evidence_store *store, const char *state_directory)
{
    *store = (struct evidence_store){0};
    if (asprintf(&store->directory, "%s/evidence", state_directory) >= 0)
        return 0;
    store->directory = NULL;
    return -ENOMEM;
}

void evidence_store_deinit(struct evidence_store *store)
{
    free(store->directory);
    free(store->entry);
    *store = (struct evidence_store){0};
}

/* ---- the index ---- */

static int add_entry(struct evidence_store *store, const char *id, uint64_t bytes, int64_t time_ns)
{
    if (store->count == store->capacity) {
        size_t capacity = store->capacity ? 2 * store->capacity : 64;
        struct evidence_entry *entry = realloc(store->entry, capacity * sizeof *entry);
        if (!entry)
            return -ENOMEM;
        store->entry = entry;
        store->capacity = capacity;
    }
    struct evidence_entry *entry = &store->entry[store->count++];
    *entry = (struct evidence_entry){.bytes = bytes, .time_ns = time_ns};
    snprintf(entry->id, sizeof entry->id, "%s", id);
    store->bytes += bytes;
    return 0;
}

static void drop_entry(struct evidence_store *store, size_t at)
{
    store->bytes -= store->entry[at].bytes;
    store->count--;
    memmove(store->entry + at, store->entry + at + 1, (store->count - at) * sizeof *store->entry);
}

static void forget(struct evidence_store *store, const char *id)
{
    for (size_t i = 0; i < store->count; i++) {
        if (!strcmp(store->entry[i].id, id)) {
            drop_entry(store, i);
            return;
        }
    }
}

static int older(const void *a, const void *b)
{
    const struct evidence_entry *first = a, *second = b;
    return (first->time_ns > second->time_ns) - (first->time_ns < second->time_ns);
}

int evidence_store_open(struct evidence_store *store, struct diag *diag)
{
    store->count = 0;
    store->bytes = 0;
    evidence_remove_leftovers(store->directory);
    DIR *stream = opendir(store->directory);
    if (!stream && errno != ENOENT)
        return diag_errno(diag, errno, "%s", store->directory);
    const struct dirent *entry;
    int r = 0;
    while (stream && r == 0 && (entry = readdir(stream))) {
        int64_t time_ns;
        uint64_t bytes = evidence_id_valid(entry->d_name)
                             ? evidence_measure(store->directory, entry->d_name, &time_ns)
                             : 0;
        if (bytes > 0 && (r = add_entry(store, entry->d_name, bytes, time_ns)) < 0)
            diag_errno(diag, r, "%s", store->directory);
    }
    if (stream)
        closedir(stream);
    if (store->count > 0)
        qsort(store->entry, store->count, sizeof *store->entry, older);
    store->known = r == 0;
    return r;
}

/* ---- bounds ---- */

/* One that cannot be removed is not tried for ever: it stays, uncounted, until the next start. */
static void remove_oldest(struct evidence_store *store)
{
    evidence_remove(store->directory, store->entry[0].id, NULL);
    drop_entry(store, 0);
}

static void make_room(struct evidence_store *store, const struct evidence_limits *limits,
                      uint64_t bytes, size_t packs)
{
    while (store->count > 0 &&
           (store->bytes + bytes > limits->bytes || store->count + packs > EVIDENCE_PACKS_MAX ||
            store->entry[0].time_ns < limits->oldest_ns))
        remove_oldest(store);
}

void evidence_store_prune(struct evidence_store *store, const struct evidence_limits *limits)
{
    make_room(store, limits, 0, 0);
}

/* Free for us; what cannot be told is found out by writing. */
static uint64_t free_bytes(const struct evidence_store *store)
{
    struct statvfs fs;
    mkdir(store->directory, 0750);
    return statvfs(store->directory, &fs) < 0 ? UINT64_MAX
                                              : (uint64_t)fs.f_bavail * (uint64_t)fs.f_frsize;
}

/* The journal needs the disk more than the evidence of last week does. */
static int make_free(struct evidence_store *store, const struct evidence_limits *limits,
                     uint64_t bytes, struct diag *diag)
{
    uint64_t available;
    while ((available = free_bytes(store)) < limits->keep_free + bytes) {
        if (store->count == 0) {
            diag_set(diag, "%s: %.1f MiB are free on its disk, evidence.keep_free_mib is %.6g",
                     store->directory, (double)available / MIB, (double)limits->keep_free / MIB);
            return -ENOSPC;
        }
        remove_oldest(store);
    }
    return 0;
}

/* Rounded up, with the names of the columns. */
static uint64_t expected_bytes(const struct evidence_pack *pack)
{
    return evidence_pack_memory(pack) + pack->model->channels * 128 + strlen(pack->alert) + 65536;
}

int evidence_store_add(struct evidence_store *store, const struct evidence_limits *limits,
                       const struct evidence_pack *pack, struct diag *diag)
{
    uint64_t bytes = expected_bytes(pack);
    int64_t time_ns = 0;
    if (bytes > limits->bytes) {
        diag_set(diag, "a pack of %.1f MiB is larger than evidence.max_mib", (double)bytes / MIB);
        return -EFBIG;
    }
    make_room(store, limits, bytes, 1);
    int r = make_free(store, limits, bytes, diag);
    if (r == 0)
        r = evidence_pack_write(pack, store->directory, &bytes, diag);
    if (r < 0)
        return r;
    forget(store, pack->alert_id);
    evidence_measure(store->directory, pack->alert_id, &time_ns);
    return add_entry(store, pack->alert_id, bytes, time_ns);
}

/* The pack is larger by it, which may be too much for another. */
int evidence_store_note(struct evidence_store *store, const struct evidence_limits *limits,
                        const char *id, const struct evidence_note *note, struct diag *diag)
{
    int64_t time_ns;
    int r = evidence_pack_note(store->directory, id, note->name, note->text, diag);
    for (size_t i = 0; r == 0 && i < store->count; i++) {
        struct evidence_entry *entry = &store->entry[i];
        if (strcmp(entry->id, id) != 0)
            continue;
        store->bytes -= entry->bytes;
        entry->bytes = evidence_measure(store->directory, id, &time_ns);
        store->bytes += entry->bytes;
        make_room(store, limits, 0, 0);
        break;
    }
    return r;
}
