/*
 * replay: a target over the files of a corpus, without libFuzzer and with any compiler: what was
 * found once stays mended.
 *
 *   replay_<target> DIRECTORY|FILE...
 */
#include "base/file.h"
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define INPUT_MAX ((size_t)16 << 20)

static int replay_file(const char *path)
{
    void *data;
    size_t size;
    struct diag diag = DIAG_INIT;
    if (file_read(path, INPUT_MAX, &data, &size, &diag) < 0) {
        fprintf(stderr, "%s\n", diag.text);
        return -1;
    }
    fprintf(stderr, "%s\n", path); /* the last one is the one that aborts */
    /* Of its own size, so that a sanitizer sees a step past the end. */
    unsigned char *exact = malloc(size ? size : 1);
    FUZZ_CHECK(exact);
    for (size_t i = 0; i < size; i++)
        exact[i] = ((unsigned char *)data)[i];
    free(data);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    return 1;
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Returns how many files were given to the target, or -1. */
static int replay(const char *path)
{
    struct stat st;
    struct dirent **entries;
    if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
        return replay_file(path);
    int count = scandir(path, &entries, is_visible, alphasort);
    if (count < 0)
        perror(path);
    int r = count;
    for (int i = 0; i < count; i++) {
        char file[4096];
        snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
        if (replay_file(file) < 0)
            r = -1;
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return r;
}

int main(int argc, char **argv)
{
    int total = 0;
    for (int i = 1; i < argc; i++) {
        int count = replay(argv[i]);
        if (count < 0)
            return EXIT_FAILURE;
        total += count;
    }
    printf("%d inputs\n", total);
    return total > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
