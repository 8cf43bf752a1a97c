#include "lab/event.h"

#include <errno.h>
#include <stdlib.h>

static bool same_event(const struct scored *scored, size_t row, bool by_steps)
{
    return scored->label[row] == scored->label[row - 1] &&
           (!by_steps || !scored->step || scored->step[row] == scored->step[row - 1]);
}

/* The conditions of the last row before that there is a verdict on. */
static unsigned conditions_before(const struct scored *scored, size_t row)
{
    for (size_t before = row; before-- > 0;) {
        if (scored_judged(scored, before))
            return scored->triggered[before];
    }
    return 0;
}

unsigned event_begun(const struct scored *scored, size_t row)
{
    unsigned present = scored->triggered[row];
    return present ? present & ~conditions_before(scored, row) : 0;
}

bool event_step_goes_on(const struct scored *scored, size_t row)
{
    return scored->judges_steps && scored->step && row > 0 &&
           scored->step[row] == scored->step[row - 1];
}

bool event_is_onset(const struct scored *scored, size_t row)
{
    return scored->triggered[row] && conditions_before(scored, row) == 0;
}

static int append(struct event_list *list, const struct event *event)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 64;
        struct event *grown = realloc(list->item, capacity * sizeof *grown);
        if (!grown)
            return -ENOMEM;
        list->item = grown;
        list->capacity = capacity;
    }
    list->item[list->count++] = *event;
    return 0;
}

static void look_for(const struct scored *scored, unsigned mask, struct event *event)
{
    const int64_t *time_ns = scored->time_ns;
    int64_t until_ns = time_ns[event->end - 1] + EVENT_AFTER_NS;
    for (size_t i = event->first; i < scored->rows && time_ns[i] <= until_ns; i++) {
        if (i >= event->end && scored->label[i] != 0)
            return; /* the next event has begun: what comes now is its own */
        if (event_begun(scored, i) & mask) {
            event->found = true;
            event->delay_s = (double)(time_ns[i] - time_ns[event->first]) / 1e9;
            return;
        }
    }
}

/* The few rows behind the border of a step in which the label of the step before ends. */
static bool is_spilt(const struct scored *scored, size_t first, size_t end)
{
    double length_s = (double)(end - first) * scored->period_s;
    return first > 0 && end < scored->rows && length_s <= EVENT_SPILL_S &&
           scored->label[first - 1] == scored->label[first] &&
           scored->label[end] != scored->label[first];
}

int event_collect(const struct scored *scored, bool by_steps, unsigned mask,
                  struct event_list *list)
{
    size_t first = 0;
    while (first < scored->rows) {
        size_t end = first + 1;
        while (end < scored->rows && same_event(scored, end, by_steps))
            end++;
        if (scored->label[first] != 0 && !(by_steps && is_spilt(scored, first, end))) {
            struct event event = {.first = first, .end = end, .label = scored->label[first]};
            look_for(scored, mask, &event);
            if (append(list, &event) < 0)
                return -ENOMEM;
        }
        first = end;
    }
    return 0;
}

static bool follows_label(const struct scored *scored, size_t row)
{
    const int64_t *time_ns = scored->time_ns;
    bool same_step = true; /* as the row's, from i + 1 on */
    for (size_t i = row + 1; i-- > 0 && time_ns[i] <= time_ns[row];) {
        same_step = i == row || (same_step && event_step_goes_on(scored, i + 1));
        if (!same_step && time_ns[row] - time_ns[i] > EVENT_AFTER_NS)
            return false;
        if (scored->label[i] != 0)
            return true;
    }
    return false;
}

bool event_next_onset(const struct scored *scored, size_t *from, struct event_onset *ret_onset)
{
    size_t row = *from;
    while (row < scored->rows && !event_is_onset(scored, row))
        row++;
    if (row == scored->rows) {
        *from = row;
        return false;
    }
    *ret_onset = (struct event_onset){.row = row, .in_event = follows_label(scored, row)};
    size_t last = row++;
    for (; row < scored->rows; row++) {
        int64_t since_ns = scored->time_ns[row] - scored->time_ns[last];
        if (since_ns < 0 || since_ns > EVENT_MERGE_NS)
            break;
        if (event_is_onset(scored, row))
            last = row;
    }
    *from = row;
    return true;
}
