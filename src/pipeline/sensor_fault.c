#include "pipeline/sensor_fault.h"

#include "base/clock.h"

/* Which channels stand still, and the rows for which all of them have. */
static uint32_t list_channels(struct sensor_fault *fault, const struct flat *flat,
                              const struct model *model)
{
    uint32_t rows = UINT32_MAX;
    fault->channels = 0;
    for (size_t c = 0; c < model->channels; c++) {
        if (!flat_has(flat, model, c))
            continue;
        size_t at = fault->channels++;
        if (at < SENSOR_FAULT_LISTED_MAX) {
            fault->listed[at].channel = c;
            fault->listed[at].observed = flat->last[c];
            fault->listed[at].alone = flat_has_alone(flat, model, c);
            fault->listed[at].varied = false;
        }
        rows = flat->rows[c] < rows ? flat->rows[c] : rows;
    }
    return rows;
}

static enum alert_transition note_fault(struct sensor_fault *fault, const struct flat *flat,
                                        const struct model *model,
                                        const struct sensor_fault_row *row)
{
    struct alert_episode *episode = &fault->episode;
    if (!episode->open && row->muted)
        return ALERT_NONE;
    uint64_t since = list_channels(fault, flat, model) - 1;
    fault->flat_s = (double)since * model->period_s;
    fault->varying = false;
    bool raised = !episode->open;
    if (raised)
        *episode = (struct alert_episode){
            .open = true,
            .severity = ALERT_WARNING,
            .started_ns = row->time_ns - (int64_t)(fault->flat_s * (double)CLOCK_NS_PER_S),
            .first_seq = row->seq - (since < row->seq ? since : row->seq),
            .p_value = 1};
    episode->windows++;
    episode->last_seq = row->seq;
    return raised ? ALERT_RAISED : ALERT_NONE;
}

static bool group_varied(const struct sensor_fault *fault, const struct model *model,
                         size_t channel)
{
    size_t group = model->channel[channel].group;
    for (size_t i = 0; i < fault->channels && i < SENSOR_FAULT_LISTED_MAX; i++) {
        if (fault->listed[i].varied && model->channel[fault->listed[i].channel].group == group)
            return true;
    }
    return false;
}

/* One that no limit is known of any more, after a change of models, cannot hold the episode open;
 * nor can one that stood still only with its group, such as a temperature, once that lives. */
static bool all_varied(struct sensor_fault *fault, const struct flat *flat,
                       const struct model *model)
{
    size_t count =
        fault->channels < SENSOR_FAULT_LISTED_MAX ? fault->channels : SENSOR_FAULT_LISTED_MAX;
    bool all = true;
    for (size_t i = 0; i < count; i++) {
        size_t channel = fault->listed[i].channel;
        fault->listed[i].varied |=
            flat->last[channel] != fault->listed[i].observed || !flat_limited(model, channel);
    }
    for (size_t i = 0; i < count; i++)
        all &= fault->listed[i].varied ||
               (!fault->listed[i].alone && group_varied(fault, model, fault->listed[i].channel));
    return all;
}

enum alert_transition sensor_fault_push(struct sensor_fault *fault, const struct flat *flat,
                                        const struct model *model,
                                        const struct sensor_fault_row *row)
{
    struct alert_episode *episode = &fault->episode;
    if (row->verdict == FLAT_SENSOR_FAULT)
        return note_fault(fault, flat, model, row);
    /* A robot that stands still does not show that a sensor lives. */
    if (!episode->open || row->verdict == FLAT_STOPPED || !all_varied(fault, flat, model)) {
        fault->varying = false;
        return ALERT_NONE;
    }
    if (!fault->varying || row->time_ns < fault->varying_since_ns) {
        fault->varying = true;
        fault->varying_since_ns = row->time_ns;
    }
    if ((double)(row->time_ns - fault->varying_since_ns) <
        SENSOR_FAULT_CLEAR_S * (double)CLOCK_NS_PER_S)
        return ALERT_NONE;
    episode->open = false;
    episode->ended_ns = row->time_ns;
    return ALERT_CLEARED;
}
