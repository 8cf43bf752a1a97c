#include "sparkplug/rebirth.h"

#include "sparkplug/value.h"

bool sparkplug_rebirth_ask(struct sparkplug_rebirth *rebirth, const struct sparkplug_wait *wait,
                           int64_t now_ns)
{
    int64_t since_ns = now_ns - rebirth->asked_ns;
    if (!rebirth->wanted || (rebirth->wait_ns > 0 && since_ns < rebirth->wait_ns))
        return false;
    if (rebirth->wait_ns == 0 || since_ns / 2 >= rebirth->wait_ns)
        rebirth->wait_ns = wait->min_ns;
    else
        rebirth->wait_ns =
            rebirth->wait_ns < wait->max_ns / 2 ? 2 * rebirth->wait_ns : wait->max_ns;
    rebirth->asked_ns = now_ns;
    return true;
}

int sparkplug_format_rebirth(const struct sparkplug_topic *of_node, int64_t time_ms,
                             struct sparkplug_command *ret_command)
{
    const struct sparkplug_topic topic = {
        .type = SPARKPLUG_NCMD, .group = of_node->group, .node = of_node->node};
    const struct sparkplug_payload payload = {
        .has_time = true, .time_ms = (uint64_t)time_ms, .count = 1};
    const struct sparkplug_raw metric = {
        .name = sparkplug_span_of("Node Control/Rebirth"),
        .has_time = true,
        .time_ms = (uint64_t)time_ms,
        .has_datatype = true,
        .datatype = SPARKPLUG_BOOLEAN,
        .field = SPARKPLUG_FIELD_BOOLEAN,
        .integer = 1,
    };
    sparkplug_topic_format(&topic, ret_command->topic);
    long size = sparkplug_payload_pack(&payload, &metric, ret_command->payload,
                                       sizeof ret_command->payload);
    ret_command->size = size > 0 ? (size_t)size : 0;
    return size < 0 ? (int)size : 0;
}
