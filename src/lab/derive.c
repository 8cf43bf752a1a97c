/*
 * Rest is learnt, not given: the rows in which the fastest motion channel is slowest are at rest,
 * for every arm rests somewhere in its program. What the motion channels read there, and how far
 * they stray, is rest. An arm that never rests only loses its moving time the waiting, which it has
 * not got.
 */
#include "lab/derive.h"

#include "lab/channel_info.h"
#include "lab/derive_internal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REST_SHARE 0.02    /* of the rows, at least, is rest */
#define REST_ROWS_MAX 5000 /* more say nothing new */
#define REST_MARGIN 3.0
#define REST_STRAY 0.999      /* quantile of the distance from rest */
#define REST_LEVEL_SHARE 0.01 /* of the largest usual motion: a level below it is noise */
#define MOTION_QUANTILE 0.99  /* usual motion; the rest may be spikes */
#define POWER_ITERATIONS 200

bool derive_name_matches(const char *pattern, const char *name)
{
    size_t length = strlen(pattern);
    bool open = length > 0 && pattern[length - 1] == '*';
    return open ? !strncmp(pattern, name, length - 1) : !strcmp(pattern, name);
}

/* ---- training rows, one after the other ---- */

struct walk {
    const struct derive_source *source;
    size_t block, row; /* the next */
    bool started;
};

/* NULL at the end. */
static const float *next_row(struct walk *walk)
{
    const struct split *split = walk->source->split;
    for (; walk->block < split->count; walk->block++, walk->started = false) {
        const struct split_block *block = &split->block[walk->block];
        const struct recording *session = walk->source->sessions[block->session];
        if (block->part != SPLIT_TRAINING)
            continue;
        if (!walk->started) {
            walk->row = block->first;
            walk->started = true;
        }
        while (walk->row < block->end) {
            size_t row = walk->row++;
            if (session->valid[row])
                return session->values + row * session->channels;
        }
    }
    return NULL;
}

static size_t count_rows(const struct derive_source *source)
{
    struct walk walk = {.source = source};
    size_t count = 0;
    while (next_row(&walk))
        count++;
    return count;
}

/* ---- program steps ---- */

static int find_step_channel(const struct derive_source *source, struct derivation *derivation,
                             struct diag *diag)
{
    const struct recording *first = source->sessions[0];
    const char *name = source->step_channel ? source->step_channel : DERIVE_STEP_CHANNEL;
    for (size_t c = 0; first->named && c < first->channels; c++) {
        if (!strcmp(first->names[c], name))
            derivation->step_channel = c;
    }
    if (source->step_channel && derivation->step_channel == DERIVED_NONE)
        return diag_set(diag, "no channel is named %s, which is to be the program step", name);
    return 0;
}

static int learn_steps(const struct derive_source *source, struct derivation *derivation,
                       struct diag *diag)
{
    bool seen[DERIVED_STEPS_MAX] = {false};
    struct walk walk = {.source = source};
    size_t count = 0, bad = 0;
    int r = find_step_channel(source, derivation, diag);
    if (r < 0 || derivation->step_channel == DERIVED_NONE)
        return r;
    for (const float *row; (row = next_row(&walk));) {
        int step = derivation_step(derivation, row);
        if (step < 0) {
            bad++;
        } else if (!seen[step]) {
            seen[step] = true;
            count++;
        }
    }
    if (source->step_channel && bad > 0)
        return diag_set(diag,
                        "%s is not a whole number from 0 to %d in %zu rows: it is no program step",
                        source->step_channel, DERIVED_STEPS_MAX - 1, bad);
    if (bad > 0 || count < 2) { /* by its name only, and it names nothing */
        derivation->step_channel = DERIVED_NONE;
        return 0;
    }
    derivation->step = calloc(count, sizeof *derivation->step);
    if (!derivation->step)
        return diag_errno(diag, ENOMEM, "program steps");
    for (int step = 0; step < DERIVED_STEPS_MAX; step++) {
        if (seen[step])
            derivation->step[derivation->steps++] = step;
    }
    return 0;
}

/* ---- rest ---- */

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

float derive_quantile(float *values, size_t count, double share)
{
    qsort(values, count, sizeof *values, compare_floats);
    return values[(size_t)(share * (double)(count - 1))];
}

static bool is_motion(const struct derive_source *source, const char *name)
{
    const char *unit = channel_unit(name);
    if (!source->motion || !source->motion[0])
        return !strcmp(unit, "deg/s") || !strcmp(unit, "rad/s");
    for (size_t i = 0; source->motion[i]; i++) {
        if (derive_name_matches(source->motion[i], name))
            return true;
    }
    return false;
}

static int find_motion(const struct derive_source *source, struct derivation *derivation,
                       struct diag *diag)
{
    const struct recording *first = source->sessions[0];
    derivation->motion = calloc(first->channels, sizeof *derivation->motion);
    derivation->rest = calloc(first->channels, sizeof *derivation->rest);
    derivation->rest_level = calloc(first->channels, sizeof *derivation->rest_level);
    if (!derivation->motion || !derivation->rest || !derivation->rest_level)
        return diag_errno(diag, ENOMEM, "motion channels");
    for (size_t c = 0; c < first->channels; c++) {
        if (c != derivation->step_channel && is_motion(source, first->names[c]))
            derivation->motion[derivation->motions++] = c;
    }
    for (size_t i = 0; source->motion && source->motion[i]; i++) {
        bool known = false;
        for (size_t m = 0; m < derivation->motions; m++)
            known |= derive_name_matches(source->motion[i], first->names[derivation->motion[m]]);
        if (!known)
            return diag_set(diag, "no channel is named %s, which is to tell motion from rest",
                            source->motion[i]);
    }
    return 0;
}

/* How fast a row is: the largest of its motions, each as a share of what is usual for it. */
static float speed_of(const struct derivation *derivation, const float *row, const float *usual)
{
    float fastest = 0;
    for (size_t i = 0; i < derivation->motions; i++)
        fastest = fmaxf(fastest, fabsf(row[derivation->motion[i]]) / usual[i]);
    return fastest;
}

struct rest {
    size_t rows;
    float *column; /* [rows] scratch */
    float *speed;  /* [rows] */
    float *usual;  /* [motions] */
};

static void measure_usual(const struct derive_source *source, const struct derivation *derivation,
                          struct rest *rest)
{
    for (size_t i = 0; i < derivation->motions; i++) {
        struct walk walk = {.source = source};
        size_t used = 0;
        for (const float *row; (row = next_row(&walk));)
            rest->column[used++] = fabsf(row[derivation->motion[i]]);
        rest->usual[i] = fmaxf(derive_quantile(rest->column, used, MOTION_QUANTILE), 1e-6F);
    }
    struct walk walk = {.source = source};
    size_t used = 0;
    for (const float *row; (row = next_row(&walk));)
        rest->speed[used++] = speed_of(derivation, row, rest->usual);
}

/* The value at rest, and how far from it a row at rest strays: limit is the speed of rest. */
static void measure_rest(const struct derive_source *source, struct derivation *derivation,
                         struct rest *rest, float limit)
{
    for (size_t i = 0; i < derivation->motions; i++) {
        struct walk walk = {.source = source};
        size_t used = 0, at = 0;
        for (const float *row; (row = next_row(&walk)) && used < REST_ROWS_MAX; at++) {
            if (rest->speed[at] <= limit)
                rest->column[used++] = row[derivation->motion[i]];
        }
        float centre = derive_quantile(rest->column, used, 0.5);
        for (size_t k = 0; k < used; k++)
            rest->column[k] = fabsf(rest->column[k] - centre);
        float stray = derive_quantile(rest->column, used, REST_STRAY);
        derivation->rest[i] = centre;
        derivation->rest_level[i] =
            fmaxf((float)REST_MARGIN * stray, (float)REST_LEVEL_SHARE * rest->usual[i]);
    }
}

static int learn_rest(const struct derive_source *source, struct derivation *derivation,
                      struct diag *diag)
{
    int r = find_motion(source, derivation, diag);
    if (r < 0 || derivation->motions == 0)
        return r;
    struct rest rest = {.rows = count_rows(source)};
    rest.column = malloc((rest.rows + 1) * sizeof *rest.column);
    rest.speed = malloc((rest.rows + 1) * sizeof *rest.speed);
    rest.usual = malloc(derivation->motions * sizeof *rest.usual);
    if (rest.column && rest.speed && rest.usual && rest.rows > 0) {
        measure_usual(source, derivation, &rest);
        memcpy(rest.column, rest.speed, rest.rows * sizeof *rest.speed);
        measure_rest(source, derivation, &rest,
                     derive_quantile(rest.column, rest.rows, REST_SHARE));
    } else {
        r = diag_errno(diag, ENOMEM, "motion channels");
    }
    free(rest.column);
    free(rest.speed);
    free(rest.usual);
    return r;
}

/* ---- rotations ---- */

/* The channel whose name is `name` with the ending "_q<part>" in the place of "_q1". */
static size_t find_part(const struct recording *recording, const char *name, char part)
{
    size_t length = strlen(name);
    for (size_t c = 0; c < recording->channels; c++) {
        const char *other = recording->names[c];
        if (strlen(other) == length && !strncmp(other, name, length - 1) &&
            other[length - 1] == part)
            return c;
    }
    return DERIVED_NONE;
}

static int find_rotations(const struct recording *first, struct derivation *derivation,
                          struct diag *diag)
{
    derivation->rotation = calloc(first->channels / 4 + 1, sizeof *derivation->rotation);
    if (!derivation->rotation)
        return diag_errno(diag, ENOMEM, "rotations");
    for (size_t c = 0; c < first->channels; c++) {
        size_t length = strlen(first->names[c]);
        size_t *four = derivation->rotation[derivation->rotations];
        if (length < 3 || strcmp(first->names[c] + length - 3, "_q1") != 0)
            continue;
        bool whole = true;
        for (size_t j = 0; j < 4; j++) {
            four[j] = find_part(first, first->names[c], (char)('1' + j));
            whole &= four[j] != DERIVED_NONE;
        }
        derivation->rotations += whole;
    }
    return 0;
}

/* The direction that lies nearest to all +-q: the first eigenvector of the sum of q qT. */
static void principal(const double sum[4][4], float ret[4])
{
    double v[4] = {0.5, 0.5, 0.5, 0.5};
    size_t largest = 0;
    for (size_t j = 1; j < 4; j++)
        largest = sum[j][j] > sum[largest][largest] ? j : largest;
    v[largest] += 1; /* not at right angles to the answer */
    for (int n = 0; n < POWER_ITERATIONS; n++) {
        double next[4] = {0}, length = 0;
        for (size_t j = 0; j < 4; j++) {
            for (size_t k = 0; k < 4; k++)
                next[j] += sum[j][k] * v[k];
            length += next[j] * next[j];
        }
        for (size_t j = 0; length > 0 && j < 4; j++)
            v[j] = next[j] / sqrt(length);
    }
    double length = sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2] + v[3] * v[3]);
    double sign = v[largest] < 0 ? -1 : 1;
    for (size_t j = 0; j < 4; j++)
        ret[j] = (float)(sign * v[j] / length);
}

static void add_outer(double sum[4][4], const float *row, const size_t four[4])
{
    for (size_t j = 0; j < 4; j++) {
        for (size_t k = 0; k < 4; k++)
            sum[j][k] += (double)row[four[j]] * (double)row[four[k]];
    }
}

static int learn_rotations(const struct derive_source *source, struct derivation *derivation,
                           struct diag *diag)
{
    int r = source->sessions[0]->named ? find_rotations(source->sessions[0], derivation, diag) : 0;
    if (r < 0 || derivation->rotations == 0)
        return r;
    size_t cells = (derivation->steps + 1) * derivation->rotations;
    double(*sum)[4][4] = calloc(cells, sizeof *sum);
    derivation->reference = calloc(cells * 4, sizeof *derivation->reference);
    if (!sum || !derivation->reference) {
        free(sum);
        return diag_errno(diag, ENOMEM, "rotations");
    }
    struct walk walk = {.source = source};
    for (const float *row; (row = next_row(&walk));) {
        size_t step = derivation_step_index(derivation, derivation_step(derivation, row));
        for (size_t i = 0; i < derivation->rotations; i++) {
            add_outer(sum[derivation->steps * derivation->rotations + i], row,
                      derivation->rotation[i]);
            if (step != DERIVED_NONE)
                add_outer(sum[step * derivation->rotations + i], row, derivation->rotation[i]);
        }
    }
    for (size_t i = 0; i < cells; i++)
        principal(sum[i], &derivation->reference[i * 4]);
    free(sum);
    return 0;
}

/* ---- all of it ---- */

static void add_channel(struct derivation *derivation, enum derived_kind kind, const char *name)
{
    struct derived_channel *channel = &derivation->channel[derivation->count++];
    channel->kind = kind;
    strcpy(channel->name, name);
}

int derive_learn(const struct derive_source *source, struct derivation *ret_derivation,
                 struct diag *diag)
{
    *ret_derivation = (struct derivation){.channels = source->sessions[0]->channels,
                                          .step_channel = DERIVED_NONE,
                                          .load = DERIVED_NONE};
    int r = learn_steps(source, ret_derivation, diag);
    if (r == 0)
        r = learn_rest(source, ret_derivation, diag);
    if (r == 0 && !source->as_sampled)
        r = learn_rotations(source, ret_derivation, diag);
    if (r < 0 || source->as_sampled || ret_derivation->step_channel == DERIVED_NONE ||
        ret_derivation->motions == 0)
        return r;
    r = derive_load(source, ret_derivation, diag);
    add_channel(ret_derivation, DERIVED_MOVING_TIME, "moving_time");
    if (r == 0 && ret_derivation->load != DERIVED_NONE) {
        add_channel(ret_derivation, DERIVED_LOAD_SUM, "load_sum");
        add_channel(ret_derivation, DERIVED_LOAD_EXCESS, "load_excess");
    }
    return r;
}

/* ---- sessions ---- */

static struct recording *widen(const struct recording *session, const struct derivation *derivation)
{
    size_t width = derivation_width(derivation);
    const char **names = calloc(width, sizeof *names);
    if (!names)
        return NULL;
    for (size_t c = 0; c < width; c++)
        names[c] = c < session->channels ? session->names[c]
                                         : derivation->channel[c - session->channels].name;
    struct recording *wide = recording_new(session->rows, width, names, session->time_ns != NULL,
                                           session->label != NULL);
    free(names);
    if (!wide)
        return NULL;
    wide->named = session->named;
    wide->holes = session->holes;
    wide->hole_row = session->hole_row;
    memcpy(wide->valid, session->valid, session->rows * sizeof *wide->valid);
    if (session->time_ns)
        memcpy(wide->time_ns, session->time_ns, session->rows * sizeof *wide->time_ns);
    if (session->label)
        memcpy(wide->label, session->label, session->rows * sizeof *wide->label);
    return wide;
}

int derive_session(const struct recording *session, const struct derivation *derivation,
                   double period_s, struct recording **ret_session)
{
    struct recording *wide = widen(session, derivation);
    struct deriver deriver;
    if (!wide)
        return -ENOMEM;
    deriver_init(&deriver, derivation, period_s);
    for (size_t i = 0; i < session->rows; i++) {
        float *row = wide->values + i * wide->channels;
        memcpy(row, session->values + i * session->channels, session->channels * sizeof *row);
        if (i == 0 || !split_continues(session, i, period_s))
            deriver_break(&deriver);
        if (session->valid[i])
            deriver_push(&deriver, row);
    }
    *ret_session = wide;
    return 0;
}
