/* NumPy's format: numbers or names, which are written and read again; then as a recording. */
#include "base/json.h"
#include "fuzz.h"
#include "lab/npy.h"
#include "recording_check.h"

#include <stdlib.h>
#include <string.h>

static struct npy *open_written(void)
{
    void *data;
    size_t size;
    struct npy *npy;
    fuzz_written(&data, &size);
    FUZZ_CHECK(npy_open(fuzz_file(data, size), &npy, NULL) == 0);
    free(data);
    return npy;
}

static void check_numbers_again(const struct npy *npy, const double *values, size_t count)
{
    struct npy_writer *writer;
    size_t columns = npy->dimensions == 2 ? npy->columns : 0;
    if (count > FUZZ_WRITTEN_MAX / sizeof *values - 64 || (npy->dimensions == 2 && columns == 0))
        return;
    FUZZ_CHECK(npy_create(fuzz_sink(), NPY_FLOAT64, npy->rows, columns, &writer, NULL) == 0);
    npy_put(writer, values, count);
    FUZZ_CHECK(npy_commit(writer, NULL) == 0);
    struct npy *again = open_written();
    FUZZ_CHECK(again->rows == npy->rows && again->columns == npy->columns && again->left == count);
    double *read = malloc((count ? count : 1) * sizeof *read);
    FUZZ_CHECK(read && npy_read_numbers(again, count, read, NULL) == 0);
    FUZZ_CHECK(!memcmp(read, values, count * sizeof *read));
    free(read);
    npy_close(again);
}

static void check_numbers(struct npy *npy)
{
    size_t count = npy->left;
    double *values = malloc((count ? count : 1) * sizeof *values), one_more;
    struct diag diag = DIAG_INIT;
    FUZZ_CHECK(values && npy_read_numbers(npy, count, values, NULL) == 0 && npy->left == 0);
    fuzz_check_refusal(npy_read_numbers(npy, 1, &one_more, &diag), &diag);
    check_numbers_again(npy, values, count);
    free(values);
}

static void free_names(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

static void check_names_again(char *const *names, size_t count, size_t item_size)
{
    char **again;
    size_t again_count;
    if (count > (FUZZ_WRITTEN_MAX - 1024) / item_size)
        return;
    FUZZ_CHECK(npy_write_strings(fuzz_sink(), (const char *const *)names, count, NULL) == 0);
    struct npy *npy = open_written();
    FUZZ_CHECK(npy_read_strings(npy, &again, &again_count, NULL) == 0 && again_count == count);
    for (size_t i = 0; i < count; i++)
        FUZZ_CHECK(!strcmp(names[i], again[i]));
    free_names(again, again_count);
    npy_close(npy);
}

static void check_names(struct npy *npy)
{
    char **names;
    size_t count;
    double number;
    struct diag diag = DIAG_INIT;
    fuzz_check_refusal(npy_read_numbers(npy, 1, &number, &diag), &diag);
    int r = npy_read_strings(npy, &names, &count, &diag);
    if (r < 0) {
        FUZZ_CHECK(npy->dimensions != 1);
        fuzz_check_refusal(r, &diag);
        return;
    }
    FUZZ_CHECK(count == npy->rows);
    for (size_t i = 0; i < count; i++)
        FUZZ_CHECK(json_is_utf8(names[i]));
    check_names_again(names, count, npy->item_size);
    free_names(names, count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct npy *npy;
    struct diag diag = DIAG_INIT;
    int r = npy_open(fuzz_file(data, size), &npy, &diag);
    if (r < 0) {
        fuzz_check_refusal(r, &diag);
    } else {
        FUZZ_CHECK(npy->dimensions == 1 || npy->dimensions == 2);
        FUZZ_CHECK(npy->left == npy->rows * npy->columns && npy->left <= size);
        if (npy->kind == 'U')
            check_names(npy);
        else
            check_numbers(npy);
        npy_close(npy);
    }
    recording_free(recording_check_load(fuzz_file(data, size)));
    return 0;
}
