/*
 * Samples are kept as they came and derived values beside them, because neither can be had from the
 * other: rotations are turned in place, which the model can do again, and times in a step and sums
 * of the load rest on more than a pack has. With both, and with how many rows could stand in each
 * window, every window can be made again exactly as it was scored.
 */
#include "pipeline/evidence_pack.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/npy_out.h"
#include "pipeline/alert_json.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool evidence_id_valid(const char *id)
{
    size_t length = strlen(id);
    for (const char *c = id; *c; c++) {
        if (!isdigit((unsigned char)*c) && !(*c >= 'a' && *c <= 'f'))
            return false;
    }
    return length >= 16 && length < HASH_HEX_SIZE;
}

/* ---- out of the ring ---- */

static void copy_rows(struct evidence_pack *pack, const struct evidence_ring *ring, uint64_t first)
{
    size_t width = ring->channels + ring->derived;
    for (size_t i = 0; i < pack->rows; i++) {
        pack->row[i] = *evidence_ring_row(ring, first + i);
        memcpy(pack->values + i * width, evidence_ring_values(ring, first + i),
               width * sizeof *pack->values);
        memcpy(pack->scores + i * ring->detectors, evidence_ring_scores(ring, first + i),
               ring->detectors * sizeof *pack->scores);
    }
}

/* Of windows that begin before the pack: nobody can make them again. */
static void leave_out_scores(struct evidence_pack *pack)
{
    const struct model *model = pack->model;
    for (size_t i = 0; i < pack->rows && i + 1 < model->span; i++) {
        for (size_t d = 0; d < model->detectors; d++) {
            if (detector_span(&model->detector[d]) > i + 1)
                pack->scores[i * model->detectors + d] = NAN;
        }
    }
}

/* What lies outside of the pack is of no use in it. */
static void place_moment(const struct evidence_pack *pack, struct evidence_moment *moment,
                         uint64_t first)
{
    moment->known &= moment->row >= first && moment->row - first < pack->rows;
    moment->row -= first;
}

int evidence_pack_cut(struct evidence_pack *pack, const struct evidence_ring *ring, uint64_t number)
{
    uint64_t oldest = evidence_ring_oldest(ring);
    uint64_t first = number > ring->before ? number - ring->before : 0;
    uint64_t end = number + ring->after + 1;
    first = first > oldest ? first : oldest;
    end = end < ring->end ? end : ring->end;
    if (end <= first)
        return 0;
    size_t rows = (size_t)(end - first), width = ring->channels + ring->derived;
    pack->row = malloc(rows * sizeof *pack->row);
    pack->values = malloc(rows * width * sizeof *pack->values);
    pack->scores = malloc(rows * ring->detectors * sizeof *pack->scores);
    if (!pack->row || !pack->values || !pack->scores) {
        evidence_pack_release(pack);
        return -ENOMEM;
    }
    pack->rows = rows;
    pack->at = number >= first ? (size_t)(number - first) : rows;
    copy_rows(pack, ring, first);
    leave_out_scores(pack);
    place_moment(pack, &pack->raised, first);
    place_moment(pack, &pack->peak, first);
    return 0;
}

void evidence_pack_release(struct evidence_pack *pack)
{
    free(pack->row);
    free(pack->values);
    free(pack->scores);
    pack->row = NULL;
    pack->values = pack->scores = NULL;
    pack->rows = 0;
}

size_t evidence_pack_memory(const struct evidence_pack *pack)
{
    return pack->rows * (sizeof *pack->row +
                         (pack->model->width + pack->model->detectors) * sizeof *pack->values);
}

/* ---- pack.json ---- */

static void add_time(cJSON *object, const char *key, int64_t time_ns)
{
    char text[CLOCK_RFC3339_MAX];
    clock_format_rfc3339(time_ns, text);
    cJSON_AddStringToObject(object, key, text);
}

static void add_detectors(cJSON *root, const struct evidence_pack *pack)
{
    cJSON *list = cJSON_AddArrayToObject(root, "detectors");
    for (size_t d = 0; d < pack->model->detectors; d++) {
        const struct detector *detector = &pack->model->detector[d];
        cJSON *entry = cJSON_CreateObject();
        cJSON_AddStringToObject(entry, "name", detector->name);
        cJSON_AddStringToObject(entry, "kind", detector->kind->name);
        if (isfinite(pack->thresholds[d]))
            cJSON_AddNumberToObject(entry, "threshold", pack->thresholds[d]);
        else
            cJSON_AddNullToObject(entry, "threshold");
        cJSON_AddNumberToObject(entry, "rows", (double)detector_span(detector));
        cJSON_AddNumberToObject(entry, "k", detector->filter.k);
        cJSON_AddNumberToObject(entry, "n", detector->filter.n);
        json_append(list, entry);
    }
}

static void add_derived(cJSON *root, const struct model *model)
{
    cJSON *list = cJSON_AddArrayToObject(root, "derived");
    for (size_t i = 0; i < model->derivation.count; i++)
        json_append(list, cJSON_CreateString(model->channel[model->channels + i].name));
}

static void add_moment(cJSON *list, const struct evidence_pack *pack, const char *what,
                       const struct evidence_moment *moment)
{
    if (!moment->known)
        return;
    cJSON *entry = cJSON_CreateObject();
    cJSON_AddStringToObject(entry, "what", what);
    cJSON_AddNumberToObject(entry, "row", (double)moment->row);
    alert_json_number(entry, "score", moment->ratio);
    cJSON_AddStringToObject(entry, "detector",
                            pack->model->detector[moment->attribution.detector].name);
    alert_json_attribution(entry, pack->model, &moment->attribution);
    json_append(list, entry);
}

static void add_model(cJSON *root, const struct model *model)
{
    cJSON *object = cJSON_AddObjectToObject(root, "model");
    cJSON_AddStringToObject(object, "name", model->name);
    cJSON_AddNumberToObject(object, "version", (double)model->version);
    cJSON_AddStringToObject(object, "sha256", model->sha256);
    cJSON_AddNumberToObject(object, "period_s", model->period_s);
    const cJSON *provenance = cJSON_GetObjectItemCaseSensitive(model->config, "provenance");
    const cJSON *simulated = cJSON_GetObjectItemCaseSensitive(provenance, "simulated");
    if (cJSON_IsBool(simulated))
        cJSON_AddBoolToObject(object, "simulated", cJSON_IsTrue(simulated));
}

static cJSON *describe(const struct evidence_pack *pack)
{
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "format", EVIDENCE_FORMAT);
    cJSON_AddNumberToObject(root, "format_version", EVIDENCE_FORMAT_VERSION);
    cJSON_AddStringToObject(root, "tool", "armwatchd " ARMWATCH_VERSION);
    cJSON_AddStringToObject(root, "alert_id", pack->alert_id);
    cJSON_AddStringToObject(root, "instance", pack->instance);
    cJSON_AddStringToObject(root, "robot", pack->robot);
    cJSON_AddStringToObject(root, "kind", alert_kind_name(pack->kind));
    add_time(root, "written", pack->written_ns);
    cJSON_AddNumberToObject(root, "rows", (double)pack->rows);
    cJSON_AddNumberToObject(root, "channels", (double)pack->model->channels);
    if (pack->at < pack->rows)
        cJSON_AddNumberToObject(root, "raised_row", (double)pack->at);
    else
        cJSON_AddNullToObject(root, "raised_row");
    if (pack->cut)
        cJSON_AddStringToObject(root, "cut", pack->cut);
    else
        cJSON_AddNullToObject(root, "cut");
    add_model(root, pack->model);
    cJSON *config = cJSON_AddObjectToObject(root, "configuration");
    cJSON_AddStringToObject(config, "sha256", pack->config_sha256);
    add_detectors(root, pack);
    add_derived(root, pack->model);
    cJSON *moments = cJSON_AddArrayToObject(root, "explained");
    add_moment(moments, pack, "raised", &pack->raised);
    add_moment(moments, pack, "peak", &pack->peak);
    return root;
}

/* ---- the files ---- */

static void put_pack(FILE *stream, const struct evidence_pack *pack)
{
    json_memory_failed(); /* of what was before */
    cJSON *root = describe(pack);
    char *text = cJSON_Print(root);
    cJSON_Delete(root);
    if (text && !json_memory_failed()) /* else it lacks something */
        fprintf(stream, "%s\n", text);
    cJSON_free(text);
}

static void put_alert(FILE *stream, const struct evidence_pack *pack)
{
    fprintf(stream, "%s\n", pack->alert);
}

static void put_part(FILE *stream, const struct evidence_pack *pack, size_t first, size_t count)
{
    npy_out_header(stream, "<f4", pack->rows, count);
    for (size_t i = 0; i < pack->rows; i++)
        fwrite(pack->values + i * pack->model->width + first, sizeof *pack->values, count, stream);
}

static void put_samples(FILE *stream, const struct evidence_pack *pack)
{
    put_part(stream, pack, 0, pack->model->channels);
}

static void put_derived(FILE *stream, const struct evidence_pack *pack)
{
    put_part(stream, pack, pack->model->channels, pack->model->width - pack->model->channels);
}

static void put_times(FILE *stream, const struct evidence_pack *pack)
{
    npy_out_header(stream, "<f8", pack->rows, 0);
    for (size_t i = 0; i < pack->rows; i++) {
        double time = (double)pack->row[i].time_ns / 1e9;
        fwrite(&time, sizeof time, 1, stream);
    }
}

static void put_windows(FILE *stream, const struct evidence_pack *pack)
{
    npy_out_header(stream, "<i4", pack->rows, 0);
    for (size_t i = 0; i < pack->rows; i++)
        fwrite(&pack->row[i].window, sizeof pack->row[i].window, 1, stream);
}

static void put_scores(FILE *stream, const struct evidence_pack *pack)
{
    npy_out_header(stream, "<f4", pack->rows, pack->model->detectors);
    fwrite(pack->scores, sizeof *pack->scores, pack->rows * pack->model->detectors, stream);
}

static void put_columns(FILE *stream, const struct evidence_pack *pack)
{
    const char **names = malloc(pack->model->channels * sizeof *names);
    for (size_t c = 0; names && c < pack->model->channels; c++)
        names[c] = pack->model->channel[c].name;
    if (names)
        npy_out_strings(stream, names, pack->model->channels);
    free(names);
}

static const struct {
    const char *name;
    void (*put)(FILE *stream, const struct evidence_pack *pack);
    bool samples, derived; /* only where there are any */
} files[] = {
    {EVIDENCE_PACK_FILE, put_pack, false, false},
    {EVIDENCE_ALERT_FILE, put_alert, false, false},
    {EVIDENCE_SAMPLES_FILE, put_samples, true, false},
    {EVIDENCE_TIME_FILE, put_times, true, false},
    {EVIDENCE_COLUMNS_FILE, put_columns, true, false},
    {EVIDENCE_DERIVED_FILE, put_derived, true, true},
    {EVIDENCE_SCORES_FILE, put_scores, true, false},
    {EVIDENCE_WINDOWS_FILE, put_windows, true, false},
};

/* A file of which nothing was written is one for which memory was out. */
static int write_file(int directory, size_t index, const struct evidence_pack *pack)
{
    int fd = openat(directory, files[index].name,
                    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    FILE *stream = fd < 0 ? NULL : fdopen(fd, "wb");
    if (!stream) {
        int error = errno;
        if (fd >= 0)
            close(fd);
        return -error;
    }
    errno = 0;
    files[index].put(stream, pack);
    int r = 0;
    if (fflush(stream) != 0 || ferror(stream) || fsync(fd) < 0)
        r = errno ? -errno : -EIO;
    else if (ftell(stream) == 0)
        r = -ENOMEM;
    if (fclose(stream) != 0 && r == 0)
        r = -errno;
    return r;
}

static int write_files(const char *path, const struct evidence_pack *pack)
{
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0)
        return -errno;
    int r = 0;
    for (size_t i = 0; r == 0 && i < sizeof files / sizeof files[0]; i++) {
        if ((files[i].samples && pack->rows == 0) ||
            (files[i].derived && pack->model->width == pack->model->channels))
            continue;
        r = write_file(directory, i, pack);
    }
    if (r == 0 && fsync(directory) < 0)
        r = -errno;
    close(directory);
    return r;
}

static void sync_directory(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    fsync(fd);
    close(fd);
}

/* The same alert may have been raised before, as where a recording is played again. */
static int publish(const char *directory, const char *temporary, const char *path)
{
    if (renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) < 0 &&
        (errno != EEXIST || renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_EXCHANGE) < 0))
        return -errno;
    sync_directory(directory);
    return 0;
}

int evidence_pack_write(const struct evidence_pack *pack, const char *directory,
                        uint64_t *ret_bytes, struct diag *diag)
{
    char hidden[HASH_HEX_SIZE + 8];
    char *temporary = NULL, *path = NULL;
    int64_t time_ns;
    snprintf(hidden, sizeof hidden, EVIDENCE_NEW "%s", pack->alert_id);
    if (asprintf(&temporary, "%s/%s", directory, hidden) < 0)
        return diag_errno(diag, ENOMEM, "evidence");
    if (asprintf(&path, "%s/%s", directory, pack->alert_id) < 0) {
        free(temporary);
        return diag_errno(diag, ENOMEM, "evidence");
    }
    mkdir(directory, 0750); /* the next line tells if it cannot be made */
    int r = mkdir(temporary, 0750) < 0 ? -errno : 0;
    if (r == -EEXIST) {
        evidence_remove(directory, hidden, NULL);
        r = mkdir(temporary, 0750) < 0 ? -errno : 0;
    }
    if (r == 0)
        r = write_files(temporary, pack);
    if (r == 0)
        r = publish(directory, temporary, path);
    evidence_remove(directory, hidden, NULL); /* half of it, or the one before */
    if (r == 0)
        *ret_bytes = evidence_measure(directory, pack->alert_id, &time_ns);
    if (r < 0)
        diag_errno(diag, r, "cannot write %s", path);
    free(temporary);
    free(path);
    return r;
}

int evidence_pack_note(const char *directory, const char *id, const char *name, const char *text,
                       struct diag *diag)
{
    char *path;
    if (asprintf(&path, "%s/%s/" EVIDENCE_PACK_FILE, directory, id) < 0)
        return diag_errno(diag, ENOMEM, "evidence");
    int r = access(path, F_OK) < 0 ? diag_errno(diag, errno, "%s", path) : 0;
    free(path);
    if (r == 0 && asprintf(&path, "%s/%s/%s", directory, id, name) < 0)
        return diag_errno(diag, ENOMEM, "evidence");
    if (r < 0)
        return r;
    r = file_write(path, text, strlen(text), diag);
    free(path);
    return r;
}
