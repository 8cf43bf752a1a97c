/* What is told of the partitions, in the status and beside it. */
#include "daemon/partitions.h"

#include "base/clock.h"

#define LISTED_MAX 64 /* in the status */

uint64_t partitions_changes(const struct partitions *partitions)
{
    return partitions->obtained + partitions->given + partitions->lost;
}

bool partitions_in_trouble(const struct partitions *partitions, int64_t now_ns)
{
    double down_s = (double)(now_ns - partitions->unreachable_ns) / (double)CLOCK_NS_PER_S;
    return atomic_load(&partitions->board.twin) ||
           (partitions->unreachable_ns != 0 && down_s > partitions->config->partitions.lease.ttl_s);
}

/* How old the samples are when they are judged: by the newest of each robot that sends times. */
static void add_robots(const struct partitions *partitions, cJSON *entry, size_t partition,
                       double *ret_lag_s)
{
    size_t robots = 0;
    double lag_s = 0;
    for (size_t i = 0; i < partitions->fleet->count; i++) {
        const struct robot *robot = partitions->fleet->robot[i];
        if (robot->absent || robot->partition != (int)partition)
            continue;
        robots++;
        if (robot->dated && !robot->stale && -robot->clock_skew_s > lag_s)
            lag_s = -robot->clock_skew_s;
    }
    cJSON_AddNumberToObject(entry, "robots", (double)robots);
    cJSON_AddNumberToObject(entry, "lag_s", (double)(int64_t)(lag_s * 1000) / 1000);
    *ret_lag_s = lag_s > *ret_lag_s ? lag_s : *ret_lag_s;
}

static double add_owned(const struct partitions *partitions, cJSON *list,
                        struct partition_set *ret_owned)
{
    double lag_s = 0;
    *ret_owned = (struct partition_set){0};
    for (size_t p = 0; p < partitions->count; p++) {
        if (!partitions_own(partitions, (int)p))
            continue;
        if (partition_set_count(ret_owned) >= LISTED_MAX)
            list = NULL; /* a packet has 64 KiB, and the robots want most of it */
        char since[CLOCK_RFC3339_MAX];
        cJSON *entry = cJSON_CreateObject();
        partition_set_add(ret_owned, p);
        clock_format_rfc3339(partitions->part[p].since_ns, since);
        cJSON_AddNumberToObject(entry, "partition", (double)p);
        cJSON_AddStringToObject(entry, "since", since);
        cJSON_AddNumberToObject(entry, "epoch", (double)partitions->part[p].grant);
        add_robots(partitions, entry, p, &lag_s);
        if (list)
            json_append(list, entry);
        else
            cJSON_Delete(entry);
    }
    return lag_s;
}

static uint64_t count_backlog(const struct fleet *fleet)
{
    uint64_t count = 0;
    for (size_t i = 0; i < fleet->count; i++)
        count += fleet->robot[i]->counters.backlog;
    return count;
}

void partitions_add_unassigned(const struct partitions *partitions, cJSON *object)
{
    cJSON_AddNumberToObject(object, "invalid_partition", (double)partitions->invalid);
    cJSON_AddNumberToObject(object, "foreign_partition", (double)partitions->foreign);
    cJSON_AddNumberToObject(object, "wrong_partition", (double)partitions->misplaced);
    cJSON_AddNumberToObject(object, "departed", (double)partitions->fleet->departed);
}

void partitions_add_status(const struct partitions *partitions, cJSON *root)
{
    struct partition_set owned;
    char text[PARTITION_SET_TEXT_MAX];
    cJSON *object = cJSON_AddObjectToObject(root, "partitions");
    cJSON *list = cJSON_CreateArray();
    double lag_s = add_owned(partitions, list, &owned);
    partition_set_format(&owned, text);
    cJSON_AddNumberToObject(object, "count", (double)partitions->count);
    cJSON_AddStringToObject(object, "owned", text);
    cJSON_AddNumberToObject(object, "lag_s", (double)(int64_t)(lag_s * 1000) / 1000);
    cJSON_AddNumberToObject(object, "obtained", (double)partitions->obtained);
    cJSON_AddNumberToObject(object, "given", (double)partitions->given);
    cJSON_AddNumberToObject(object, "lost", (double)partitions->lost);
    cJSON_AddNumberToObject(object, "backlog", (double)count_backlog(partitions->fleet));
    cJSON_AddNumberToObject(object, "taken_over", (double)partitions->takeover.resumed);
    cJSON_AddNumberToObject(object, "waiting", (double)outbox_aside(partitions->publisher->outbox));
    cJSON_AddNumberToObject(object, "void", (double)partitions->disowned);
    if (partitions->leased) {
        cJSON *lease = cJSON_AddObjectToObject(object, "lease");
        cJSON_AddBoolToObject(lease, "reachable", atomic_load(&partitions->board.reachable));
        cJSON_AddNumberToObject(lease, "instances", atomic_load(&partitions->board.instances));
        if (*partitions->error)
            cJSON_AddStringToObject(lease, "error", partitions->error);
    }
    json_attach(object, "list", list);
}
