#include "daemon/maintenance_command.h"

#include "base/clock.h"
#include "base/name.h"
#include "daemon/maintenance.h"
#include "daemon/suspensions.h"

#include <errno.h>
#include <string.h>

/* A text for people: it stands in states, and in the log. */
static int read_reason(const cJSON *arguments, const char **ret_reason, struct diag *diag)
{
    int r = json_get_string(arguments, "reason", false, SUSPENSION_REASON_MAX, ret_reason, diag);
    for (const char *c = *ret_reason; r == 0 && *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            r = diag_set(diag, "reason: must be one line of text");
    }
    return r;
}

static int read_robot(const cJSON *arguments, const char **ret_robot, struct diag *diag)
{
    int r = json_get_string(arguments, "robot", false, NAME_MAX_LENGTH, ret_robot, diag);
    if (r == 0 && **ret_robot && !name_valid(*ret_robot))
        r = diag_set(diag, "robot: must be a name: " NAME_RULE);
    return r;
}

static int read_request(const struct maintenance_order *order, bool suspend,
                        struct maintenance_request *ret_request, struct diag *diag)
{
    *ret_request = (struct maintenance_request){.robot = "", .reason = "", .who = order->who};
    int r = read_robot(order->arguments, &ret_request->robot, diag);
    if (r == 0 && suspend)
        r = json_get_integer(order->arguments, "minutes", true, 1, SUSPENSION_MINUTES_MAX,
                             &ret_request->minutes, diag);
    return r < 0 || !suspend ? r : read_reason(order->arguments, &ret_request->reason, diag);
}

static void tell_state(const struct maintenance_order *order, const char *robot, int64_t now_ns,
                       cJSON *ret_answer)
{
    const struct suspension *suspension =
        suspensions_find(&order->fleet->suspensions, robot, now_ns);
    if (*robot)
        cJSON_AddStringToObject(ret_answer, "robot", robot);
    if (!suspension)
        return;
    char until[CLOCK_RFC3339_MAX];
    clock_format_rfc3339(maintenance_wall_ns(suspension->until_ns), until);
    cJSON_AddStringToObject(ret_answer, "until", until);
    cJSON_AddStringToObject(ret_answer, "reason", suspension->reason);
}

const char *maintenance_command(const struct maintenance_order *order, cJSON *ret_answer,
                                struct diag *diag)
{
    bool suspend = !strcmp(order->command, "suspend");
    struct maintenance_request request;
    int64_t now_ns = clock_monotonic_ns();
    if (read_request(order, suspend, &request, diag) < 0)
        return "invalid_argument";
    if (!maintenance_knows(order->fleet, request.robot)) {
        diag_set(diag, "no such robot");
        return "unknown_robot";
    }
    int r = suspend ? maintenance_suspend(order->fleet, order->publisher, &request, now_ns)
                    : maintenance_resume(order->fleet, order->publisher, &request, now_ns);
    if (r < 0) {
        diag_set(diag, r == -ENOSPC ? "too many suspensions at once" : "out of memory");
        return "failed";
    }
    tell_state(order, request.robot, now_ns, ret_answer);
    return NULL;
}
