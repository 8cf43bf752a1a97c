#include "recording_check.h"

#include "base/json.h"
#include "fuzz.h"
#include "lab/csv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CELL_MAX 24        /* bytes of a value, a time or a label with its comma */
#define TIME_ERROR_NS 3000 /* a double holds the seconds of a far year to a microsecond or two */

static void check_holes(const struct recording *recording)
{
    size_t holes = 0;
    for (size_t row = 0; row < recording->rows; row++) {
        FUZZ_CHECK(recording->valid[row] <= 1);
        holes += !recording->valid[row];
    }
    FUZZ_CHECK(holes == recording->holes);
    FUZZ_CHECK(holes == 0 || !recording->valid[recording->hole_row]);
}

static void check_recording(const struct recording *recording)
{
    FUZZ_CHECK(recording->rows > 0 && recording->channels > 0);
    for (size_t c = 0; c < recording->channels; c++) {
        FUZZ_CHECK(*recording->names[c] && json_is_utf8(recording->names[c]));
        FUZZ_CHECK(!strpbrk(recording->names[c], "\r\n"));
    }
    for (size_t i = 0; i < recording->rows * recording->channels; i++)
        FUZZ_CHECK(isfinite(recording->values[i]));
    for (size_t row = 0; recording->label && row < recording->rows; row++)
        FUZZ_CHECK(recording->label[row] >= 0);
    check_holes(recording);
}

struct recording *recording_check_load(const char *path)
{
    struct recording *recording;
    struct diag diag = DIAG_INIT;
    int r = recording_load(path, NULL, &recording, &diag);
    if (r < 0) {
        fuzz_check_refusal(r, &diag);
        return NULL;
    }
    check_recording(recording);
    return recording;
}

static void check_same(const struct recording *a, const struct recording *b)
{
    FUZZ_CHECK(a->rows == b->rows && a->channels == b->channels && a->holes == b->holes);
    for (size_t c = 0; c < a->channels; c++)
        FUZZ_CHECK(!strcmp(a->names[c], b->names[c]));
    FUZZ_CHECK(!memcmp(a->values, b->values, a->rows * a->channels * sizeof *a->values));
    FUZZ_CHECK(!memcmp(a->valid, b->valid, a->rows));
    FUZZ_CHECK(!a->label == !b->label && !a->time_ns == !b->time_ns);
    for (size_t row = 0; a->label && row < a->rows; row++)
        FUZZ_CHECK(a->label[row] == b->label[row]);
    for (size_t row = 0; a->time_ns && row < a->rows; row++)
        FUZZ_CHECK(llabs(a->time_ns[row] - b->time_ns[row]) <= TIME_ERROR_NS);
}

/* A file has the times to the microsecond. */
static bool times_go_on_in_microseconds(const struct recording *recording)
{
    const int64_t *time_ns = recording->time_ns;
    for (size_t row = 1; time_ns && row < recording->rows; row++) {
        if (time_ns[row] > time_ns[row - 1] && time_ns[row] - time_ns[row - 1] < TIME_ERROR_NS)
            return false;
    }
    return true;
}

/* The table must have room in the pipe, and a header that is known for one by a word. */
static bool can_be_saved(const struct recording *recording)
{
    size_t cells, header = 0, words = recording->time_ns || recording->label;
    double number;
    for (size_t c = 0; c < recording->channels; c++) {
        header += 2 * strlen(recording->names[c]) + 3;
        words += !csv_parse_number(recording->names[c], &number);
    }
    return words > 0 && times_go_on_in_microseconds(recording) &&
           !__builtin_mul_overflow(recording->rows, recording->channels + 2, &cells) &&
           cells < (FUZZ_WRITTEN_MAX - header - 64) / CELL_MAX;
}

void recording_check_saved(const struct recording *recording)
{
    if (!can_be_saved(recording))
        return;
    const struct recording_output output = {.path = fuzz_sink(),
                                            .label_column = recording->label != NULL};
    FUZZ_CHECK(recording_save(recording, &output, NULL) == 0);
    void *data;
    size_t size;
    fuzz_written(&data, &size);
    struct recording *again = recording_check_load(fuzz_file(data, size));
    FUZZ_CHECK(again);
    check_same(recording, again);
    recording_free(again);
    free(data);
}
