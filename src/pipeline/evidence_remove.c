/* What is to go is renamed first: a kill leaves nothing that looks like a pack. */
#include "pipeline/evidence_pack.h"

#include "base/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK 4096 /* what a file system gives out */

static bool begins_with(const char *text, const char *with)
{
    return !strncmp(text, with, strlen(with));
}

static DIR *open_directory(const char *directory, const char *name)
{
    char *path;
    if (asprintf(&path, "%s/%s", directory, name) < 0)
        return NULL;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    free(path);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    if (!stream && fd >= 0)
        close(fd);
    return stream;
}

/* Files only: directories in it are nobody's here, and then it stays. */
static int remove_hidden(const char *directory, const char *name)
{
    DIR *stream = open_directory(directory, name);
    if (!stream)
        return -errno;
    const struct dirent *entry;
    while ((entry = readdir(stream))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(dirfd(stream), entry->d_name, 0);
    }
    closedir(stream);
    char *path;
    if (asprintf(&path, "%s/%s", directory, name) < 0)
        return -ENOMEM;
    int r = rmdir(path) < 0 ? -errno : 0;
    free(path);
    return r;
}

/* Where one of that name is left already, it goes first. */
static int hide(const char *directory, const char *id, const char *hidden)
{
    char *from, *to;
    if (asprintf(&from, "%s/%s", directory, id) < 0)
        return -ENOMEM;
    if (asprintf(&to, "%s/%s", directory, hidden) < 0) {
        free(from);
        return -ENOMEM;
    }
    int r = rename(from, to) < 0 ? -errno : 0;
    if (r == -ENOTEMPTY || r == -EEXIST) {
        remove_hidden(directory, hidden);
        r = rename(from, to) < 0 ? -errno : 0;
    }
    free(from);
    free(to);
    return r;
}

int evidence_remove(const char *directory, const char *id, struct diag *diag)
{
    char hidden[HASH_HEX_SIZE + 16];
    int r = 0;
    if (*id == '.') {
        snprintf(hidden, sizeof hidden, "%s", id);
    } else {
        snprintf(hidden, sizeof hidden, EVIDENCE_OLD "%s", id);
        r = hide(directory, id, hidden);
    }
    if (r == 0)
        r = remove_hidden(directory, hidden);
    return r < 0 ? diag_errno(diag, r, "%s/%s", directory, id) : 0;
}

/* "verdict.json.Ab3dEf", as file_write makes them. */
static void remove_temporary(const char *directory, const char *id)
{
    DIR *stream = open_directory(directory, id);
    const struct dirent *entry;
    while (stream && (entry = readdir(stream))) {
        if (begins_with(entry->d_name, EVIDENCE_CLEARED_FILE ".") ||
            begins_with(entry->d_name, EVIDENCE_VERDICT_FILE "."))
            unlinkat(dirfd(stream), entry->d_name, 0);
    }
    if (stream)
        closedir(stream);
}

void evidence_remove_leftovers(const char *directory)
{
    DIR *stream = open_directory(directory, ".");
    const struct dirent *entry;
    while (stream && (entry = readdir(stream))) {
        if (begins_with(entry->d_name, EVIDENCE_NEW) || begins_with(entry->d_name, EVIDENCE_OLD))
            remove_hidden(directory, entry->d_name);
        else if (evidence_id_valid(entry->d_name))
            remove_temporary(directory, entry->d_name);
    }
    if (stream)
        closedir(stream);
}

uint64_t evidence_measure(const char *directory, const char *id, int64_t *ret_time_ns)
{
    DIR *stream = open_directory(directory, id);
    const struct dirent *entry;
    struct stat st;
    uint64_t bytes = BLOCK;
    if (!stream)
        return 0;
    bool is_pack = fstatat(dirfd(stream), EVIDENCE_PACK_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0;
    *ret_time_ns = is_pack ? st.st_mtim.tv_sec * CLOCK_NS_PER_S + st.st_mtim.tv_nsec : 0;
    while ((entry = readdir(stream))) {
        if (fstatat(dirfd(stream), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(st.st_mode))
            bytes += ((uint64_t)st.st_size + BLOCK - 1) / BLOCK * BLOCK;
    }
    closedir(stream);
    return is_pack ? bytes : 0;
}
