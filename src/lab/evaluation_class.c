#include "lab/evaluation_internal.h"

#include <errno.h>
#include <stdlib.h>

const char *evaluation_part_name(enum evaluation_part part)
{
    static const char *const names[] = {"label", "first_half", "second_half"};
    return names[part];
}

/* The one label of all measured rows, or 0. */
static int label_throughout(const struct scored *scored)
{
    int label = 0;
    for (size_t i = 0; i < scored->rows; i++) {
        if (scored->hole[i])
            continue;
        if (scored->label[i] == 0 || (label != 0 && scored->label[i] != label))
            return 0;
        label = scored->label[i];
    }
    return label;
}

static void add_class(struct evaluation *evaluation, const struct evaluation_class *class)
{
    if (evaluation->classes < EVALUATION_CLASSES_MAX)
        evaluation->class[evaluation->classes++] = *class;
}

static bool has_class(const struct evaluation *evaluation, int label)
{
    for (size_t c = 0; c < evaluation->classes; c++) {
        if (evaluation->class[c].label == label)
            return true;
    }
    return false;
}

/* Which classes there are. */
static void find_classes(const struct scored *scored, size_t count, struct evaluation *evaluation)
{
    for (size_t s = 0; s < count; s++) {
        int label = 0;
        for (size_t i = 0; i < scored[s].rows; i++) {
            if (scored[s].label[i] == label)
                continue;
            label = scored[s].label[i];
            if (label != 0 && !has_class(evaluation, label))
                add_class(evaluation, &(struct evaluation_class){.label = label});
        }
    }
    if (evaluation->classes == 1)
        evaluation->classes = 0; /* everything is of this one */
    for (size_t s = 0; s < count; s++) {
        struct evaluation_class half = {.label = label_throughout(&scored[s]), .recording = s};
        if (half.label == 0)
            continue;
        half.part = EVALUATION_FIRST_HALF;
        add_class(evaluation, &half);
        half.part = EVALUATION_SECOND_HALF;
        add_class(evaluation, &half);
    }
}

/* Rows among those of all recordings that a class is made of. */
struct stretch {
    size_t first, end;
};

static struct stretch stretch_of(const struct evaluation_class *class, const struct scored *scored)
{
    if (class->part == EVALUATION_LABEL)
        return (struct stretch){0, SIZE_MAX};
    size_t first = 0;
    for (size_t s = 0; s < class->recording; s++)
        first += scored[s].rows;
    size_t rows = scored[class->recording].rows, middle = first + rows / 2;
    return class->part == EVALUATION_FIRST_HALF ? (struct stretch){first, middle}
                                                : (struct stretch){middle, first + rows};
}

static bool belongs(const struct evaluation_class *class, struct stretch stretch, int label,
                    size_t row)
{
    return label == class->label && row >= stretch.first && row < stretch.end;
}

/* score and label have room for all windows. */
static int rank_class(struct evaluation_class *class, struct stretch stretch,
                      const struct scored_windows *windows, double *score, int *label,
                      struct diag *diag)
{
    struct metrics_series series = {score, label, 0};
    struct metrics_confusion confusion;
    for (size_t i = 0; i < windows->count; i++) {
        bool its = belongs(class, stretch, windows->label[i], windows->row[i]);
        if (!its && windows->label[i] != 0)
            continue;
        class->windows += its;
        score[series.count] = windows->score[i];
        label[series.count++] = its;
    }
    metrics_confusion(&series, 1, &confusion);
    class->recall = confusion.recall;
    class->ranked = evaluation_has_both_classes(&series);
    return class->ranked ? metrics_rank(&series, &class->ranking, diag) : 0;
}

/* The events are in the order of the recordings, their rows counted from the first of all. */
static int count_class_events(struct evaluation_class *class, struct stretch stretch,
                              const struct event_list *events)
{
    struct event_list its = {.item = calloc(events->count + 1, sizeof *its.item)};
    double p90_s;
    if (!its.item)
        return -ENOMEM;
    for (size_t e = 0; e < events->count; e++) {
        const struct event *event = &events->item[e];
        if (!belongs(class, stretch, event->label, event->first))
            continue;
        its.item[its.count++] = *event;
        class->events_found += event->found;
    }
    class->events = its.count;
    int r = evaluation_delays(its.item, its.count, &class->delay_p50_s, &p90_s);
    free(its.item);
    return r;
}

int evaluation_classes(const struct scored *scored, size_t count, const struct event_list *events,
                       struct evaluation *evaluation, struct diag *diag)
{
    struct scored_windows windows;
    find_classes(scored, count, evaluation);
    if (evaluation->classes == 0)
        return 0;
    int r = scored_collect(scored, count, SCORED_ROBOT, &windows);
    double *score = calloc(evaluation->windows, sizeof *score);
    int *label = calloc(evaluation->windows, sizeof *label);
    if (r == 0 && !(score && label))
        r = -ENOMEM;
    for (size_t c = 0; r == 0 && c < evaluation->classes; c++) {
        struct evaluation_class *class = &evaluation->class[c];
        struct stretch stretch = stretch_of(class, scored);
        r = rank_class(class, stretch, &windows, score, label, diag);
        if (r == 0)
            r = count_class_events(class, stretch, events);
    }
    free(score);
    free(label);
    scored_windows_deinit(&windows);
    return r < 0 ? diag_errno(diag, r, "evaluation") : 0;
}
