#include "daemon/maintenance.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/context.h"

#include <string.h>

int64_t maintenance_wall_ns(int64_t time_ns)
{
    return clock_realtime_ns() - clock_monotonic_ns() + time_ns;
}

bool maintenance_knows(const struct fleet *fleet, const char *robot)
{
    if (!*robot || fleet_find(fleet, robot) || suspensions_has(&fleet->suspensions, robot))
        return true;
    const struct assignment *own = assignments_find(&fleet->assignments, robot);
    return own && *own->key;
}

static void follow(struct fleet *fleet, struct publisher *publisher, const char *robot,
                   int64_t now_ns)
{
    for (size_t i = 0; i < fleet->count; i++) {
        struct robot *one = fleet->robot[i];
        if (*robot && strcmp(one->name, robot) != 0)
            continue;
        context_suspend(one, suspensions_find(&fleet->suspensions, one->name, now_ns), now_ns);
        publisher_state(publisher, one, true, now_ns);
    }
    if (fleet->on_suspended)
        fleet->on_suspended(fleet->user);
}

int maintenance_suspend(struct fleet *fleet, struct publisher *publisher,
                        const struct maintenance_request *request, int64_t now_ns)
{
    struct suspension suspension = {.until_ns = now_ns + request->minutes * 60 * CLOCK_NS_PER_S};
    strcpy(suspension.robot, request->robot);
    strcpy(suspension.reason, request->reason);
    suspensions_expire(&fleet->suspensions, now_ns);
    int r = suspensions_put(&fleet->suspensions, &suspension);
    if (r < 0)
        return r;
    char until[CLOCK_RFC3339_MAX];
    clock_format_rfc3339(maintenance_wall_ns(suspension.until_ns), until);
    log_info("audit: %s: suspend %s: no alerts for %lld min, until %s%s%s", request->who,
             *request->robot ? request->robot : "all robots", (long long)request->minutes, until,
             *request->reason ? ": " : "", request->reason);
    follow(fleet, publisher, request->robot, now_ns);
    return 0;
}

int maintenance_resume(struct fleet *fleet, struct publisher *publisher,
                       const struct maintenance_request *request, int64_t now_ns)
{
    int r = suspensions_end(&fleet->suspensions, request->robot, now_ns);
    if (r < 0)
        return r;
    log_info("audit: %s: resume %s", request->who, *request->robot ? request->robot : "all robots");
    follow(fleet, publisher, request->robot, now_ns);
    return 0;
}

void maintenance_tick(struct fleet *fleet, int64_t now_ns)
{
    size_t before = fleet->suspensions.count;
    suspensions_expire(&fleet->suspensions, now_ns);
    if (fleet->suspensions.count == before)
        return;
    log_info("audit: time: %zu suspension%s over", before - fleet->suspensions.count,
             before - fleet->suspensions.count == 1 ? " is" : "s are");
    if (fleet->on_suspended)
        fleet->on_suspended(fleet->user);
}
