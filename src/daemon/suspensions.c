#include "daemon/suspensions.h"

#include "base/clock.h"
#include "base/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MEMBER "suspensions"
#define WEEK_NS (SUSPENSION_MINUTES_MAX * 60 * CLOCK_NS_PER_S)

void suspensions_deinit(struct suspensions *suspensions)
{
    free(suspensions->item);
    *suspensions = (struct suspensions){0};
}

static struct suspension *find_exact(const struct suspensions *suspensions, const char *robot)
{
    for (size_t i = 0; i < suspensions->count; i++) {
        if (!strcmp(suspensions->item[i].robot, robot))
            return &suspensions->item[i];
    }
    return NULL;
}

static void drop(struct suspensions *suspensions, size_t at)
{
    suspensions->count--;
    memmove(&suspensions->item[at], &suspensions->item[at + 1],
            (suspensions->count - at) * sizeof *suspensions->item);
}

static void drop_exceptions(struct suspensions *suspensions)
{
    for (size_t i = suspensions->count; i-- > 0;) {
        if (suspensions->item[i].until_ns == 0)
            drop(suspensions, i);
    }
}

int suspensions_put(struct suspensions *suspensions, const struct suspension *suspension)
{
    struct suspension *place = find_exact(suspensions, suspension->robot);
    if (!place && suspensions->count == SUSPENSIONS_MAX)
        return -ENOSPC;
    if (!place && suspensions->count == suspensions->capacity) {
        size_t capacity = suspensions->capacity ? 2 * suspensions->capacity : 8;
        struct suspension *item = reallocarray(suspensions->item, capacity, sizeof *item);
        if (!item)
            return -ENOMEM;
        suspensions->item = item;
        suspensions->capacity = capacity;
    }
    if (!place)
        place = &suspensions->item[suspensions->count++];
    *place = *suspension;
    if (!*suspension->robot)
        drop_exceptions(suspensions);
    return 0;
}

int suspensions_end(struct suspensions *suspensions, const char *robot, int64_t now_ns)
{
    suspensions_expire(suspensions, now_ns);
    if (!*robot) {
        suspensions->count = 0;
        return 0;
    }
    if (find_exact(suspensions, SUSPENSIONS_ALL)) {
        struct suspension exception = {.until_ns = 0};
        strcpy(exception.robot, robot);
        return suspensions_put(suspensions, &exception);
    }
    struct suspension *own = find_exact(suspensions, robot);
    if (own)
        drop(suspensions, (size_t)(own - suspensions->item));
    return 0;
}

void suspensions_expire(struct suspensions *suspensions, int64_t now_ns)
{
    for (size_t i = suspensions->count; i-- > 0;) {
        if (suspensions->item[i].until_ns != 0 && suspensions->item[i].until_ns <= now_ns)
            drop(suspensions, i);
    }
    if (!find_exact(suspensions, SUSPENSIONS_ALL))
        drop_exceptions(suspensions);
}

const struct suspension *suspensions_find(const struct suspensions *suspensions, const char *robot,
                                          int64_t now_ns)
{
    const struct suspension *own = find_exact(suspensions, robot),
                            *all = find_exact(suspensions, SUSPENSIONS_ALL);
    if (own && own->until_ns == 0)
        return NULL;
    const struct suspension *later = !own ? all : all && all->until_ns > own->until_ns ? all : own;
    return later && later->until_ns > now_ns ? later : NULL;
}

bool suspensions_has(const struct suspensions *suspensions, const char *robot)
{
    return find_exact(suspensions, robot) != NULL;
}

/* ---- saved ---- */

static int load_one(struct suspensions *suspensions, const cJSON *entry, int64_t wall_ns,
                    int64_t now_ns)
{
    struct suspension one = {.until_ns = 0};
    const char *robot = "", *until = "", *reason = "";
    int64_t until_ns;
    if (json_get_string(entry, "robot", true, NAME_MAX_LENGTH, &robot, NULL) < 0 ||
        (*robot && !name_valid(robot)) ||
        json_get_string(entry, "until", false, CLOCK_RFC3339_MAX, &until, NULL) < 0 ||
        json_get_string(entry, "reason", false, SUSPENSION_REASON_MAX, &reason, NULL) < 0)
        return 0;
    if (*until) {
        if (!clock_parse_rfc3339(until, strlen(until), &until_ns) || until_ns <= wall_ns)
            return 0;
        int64_t left_ns = until_ns - wall_ns;
        one.until_ns = now_ns + (left_ns < WEEK_NS ? left_ns : WEEK_NS);
    }
    strcpy(one.robot, robot);
    strcpy(one.reason, reason);
    int r = suspensions_put(suspensions, &one);
    return r == -ENOSPC ? 0 : r;
}

int suspensions_load(struct suspensions *suspensions, const char *state, int64_t wall_ns,
                     int64_t now_ns)
{
    int r = 0;
    cJSON *tree = state ? json_parse(state, strlen(state), NULL) : NULL;
    const cJSON *entry, *list = cJSON_GetObjectItemCaseSensitive(tree, MEMBER);
    cJSON_ArrayForEach(entry, list)
    {
        if (r == 0)
            r = load_one(suspensions, entry, wall_ns, now_ns);
    }
    cJSON_Delete(tree);
    suspensions_expire(suspensions, now_ns);
    return r;
}

static cJSON *make_entry(const struct suspension *one, int64_t offset_ns)
{
    cJSON *entry = cJSON_CreateObject();
    cJSON_AddStringToObject(entry, "robot", one->robot);
    if (one->until_ns == 0)
        return entry;
    char until[CLOCK_RFC3339_MAX];
    clock_format_rfc3339(one->until_ns + offset_ns, until);
    cJSON_AddStringToObject(entry, "until", until);
    cJSON_AddStringToObject(entry, "reason", one->reason);
    return entry;
}

char *suspensions_save(const struct suspensions *suspensions, char *state, int64_t wall_ns,
                       int64_t now_ns)
{
    cJSON *root = state ? json_parse(state, strlen(state), NULL) : NULL;
    free(state);
    if (!root)
        return NULL;
    cJSON_DeleteItemFromObjectCaseSensitive(root, MEMBER);
    cJSON *list = cJSON_CreateArray();
    /* Exceptions last: that for all would end them. */
    for (int exceptions = 0; exceptions < 2; exceptions++) {
        for (size_t i = 0; i < suspensions->count; i++) {
            if ((suspensions->item[i].until_ns == 0) == exceptions)
                json_append(list, make_entry(&suspensions->item[i], wall_ns - now_ns));
        }
    }
    if (suspensions->count > 0)
        json_attach(root, MEMBER, list);
    else
        cJSON_Delete(list);
    char *text = cJSON_Print(root);
    cJSON_Delete(root);
    return text;
}
