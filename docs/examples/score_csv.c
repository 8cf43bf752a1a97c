/*
 * score_csv: scores a CSV file with libarmwatch: one line for each sample, and alerts as sentences.
 *
 *     cc -o score_csv score_csv.c $(pkg-config --cflags --libs armwatch)
 *     ./score_csv MODEL.safetensors SAMPLES.csv
 *
 * The first line of the CSV names its columns, in any order, with commas between them; columns that
 * the model does not know are passed over. Rows are one sample period apart. C99.
 */
#include <armwatch/armwatch.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 65536
#define COLUMNS_MAX 4096
#define START_NS INT64_C(1700000000000000000)

/* Where the columns of the file stand in a sample; the channel count: nowhere. */
struct layout {
    size_t columns;
    size_t channel[COLUMNS_MAX];
};

/* Takes the next cell off a line; NULL at its end. */
static char *next_cell(char **line)
{
    char *cell = *line;
    if (!cell)
        return NULL;
    char *end = cell + strcspn(cell, ",\r\n");
    *line = *end == ',' ? end + 1 : NULL;
    *end = '\0';
    return cell;
}

static int read_header(FILE *file, const armwatch_model *model, struct layout *layout)
{
    static char line[LINE_MAX_BYTES];
    size_t channels = armwatch_model_channels(model), found = 0;
    char *rest = fgets(line, sizeof line, file), *name;
    layout->columns = 0;
    while ((name = next_cell(&rest)) && layout->columns < COLUMNS_MAX) {
        size_t channel = armwatch_model_find_channel(model, name);
        layout->channel[layout->columns++] = channel;
        found += channel < channels;
    }
    if (found != channels)
        fprintf(stderr, "score_csv: %zu of the model's %zu channels are in the file\n", found,
                channels);
    return found == channels ? 0 : -1;
}

/* A cell that is no number becomes NaN, which the monitor refuses. */
static void read_row(char *line, const struct layout *layout, size_t channels, float *values)
{
    for (size_t c = 0; c < channels; c++)
        values[c] = (float)NAN;
    char *cell;
    for (size_t i = 0; i < layout->columns && (cell = next_cell(&line)); i++) {
        char *end;
        double value = strtod(cell, &end);
        if (layout->channel[i] < channels && end != cell && *end == '\0')
            values[layout->channel[i]] = (float)value;
    }
}

static void print_detectors(const armwatch_model *model, const armwatch_monitor *monitor)
{
    for (size_t d = 0; d < armwatch_model_detectors(model); d++) {
        struct armwatch_detector_score score;
        armwatch_monitor_detector(monitor, d, &score);
        if (score.evaluated)
            printf(" %s=%.6g/%.6g", armwatch_model_detector_name(model, d), score.score,
                   score.threshold);
    }
}

static void score_file(FILE *file, const armwatch_model *model, armwatch_monitor *monitor,
                       const struct layout *layout, float *values)
{
    static char line[LINE_MAX_BYTES];
    int64_t period_ns = (int64_t)(1e9 * armwatch_model_period_s(model) + 0.5);
    for (int64_t row = 0; fgets(line, sizeof line, file); row++) {
        struct armwatch_score score;
        read_row(line, layout, armwatch_model_channels(model), values);
        if (armwatch_monitor_push(monitor, START_NS + row * period_ns, values, &score) < 0) {
            printf("%lld refused\n", (long long)row);
            continue;
        }
        printf("%lld %s", (long long)row, score.evaluated ? "" : "-");
        if (score.evaluated)
            printf("%.6g", score.score);
        print_detectors(model, monitor);
        putchar('\n');
        if (score.event == ARMWATCH_RAISED) {
            char text[512];
            armwatch_monitor_text(monitor, text, sizeof text);
            printf("%lld ALERT %s\n", (long long)row, text);
        } else if (score.event == ARMWATCH_CLEARED) {
            printf("%lld cleared\n", (long long)row);
        }
    }
}

int main(int argc, char **argv)
{
    static struct layout layout;
    char error[ARMWATCH_ERROR_MAX];
    armwatch_model *model = NULL;
    armwatch_monitor *monitor = NULL;
    if (argc != 3) {
        fputs("Usage: score_csv MODEL.safetensors SAMPLES.csv\n", stderr);
        return 2;
    }
    if (armwatch_model_load(argv[1], &model, error) < 0) {
        fprintf(stderr, "score_csv: %s\n", error);
        return 1;
    }
    FILE *file = fopen(argv[2], "r");
    if (!file)
        perror(argv[2]);
    float *values = calloc(armwatch_model_channels(model), sizeof *values);
    int ok = file && values && read_header(file, model, &layout) == 0 &&
             armwatch_monitor_new(model, 0, &monitor) == 0;
    if (ok)
        score_file(file, model, monitor, &layout, values);
    armwatch_monitor_free(monitor);
    armwatch_model_free(model);
    free(values);
    if (file)
        fclose(file);
    return ok ? 0 : 1;
}
