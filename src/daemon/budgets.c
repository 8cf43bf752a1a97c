#include "daemon/budgets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MEMBER "thresholds"

void budgets_deinit(struct budgets *budgets)
{
    free(budgets->item);
    *budgets = (struct budgets){0};
}

static size_t find(const struct budgets *budgets, const char *robot)
{
    size_t at = 0;
    while (at < budgets->count && strcmp(budgets->item[at].robot, robot) != 0)
        at++;
    return at;
}

double budgets_find(const struct budgets *budgets, const char *robot)
{
    size_t at = find(budgets, robot);
    return at < budgets->count ? budgets->item[at].per_day : 0;
}

int budgets_put(struct budgets *budgets, const char *robot, double per_day)
{
    size_t at = find(budgets, robot);
    if (at == BUDGETS_MAX)
        return -ENOSPC;
    if (at == budgets->capacity) {
        size_t capacity = budgets->capacity ? 2 * budgets->capacity : 8;
        struct budget *item = reallocarray(budgets->item, capacity, sizeof *item);
        if (!item)
            return -ENOMEM;
        budgets->item = item;
        budgets->capacity = capacity;
    }
    if (at == budgets->count) {
        budgets->count++;
        strcpy(budgets->item[at].robot, robot);
    }
    budgets->item[at].per_day = per_day;
    budgets->changed = true;
    return 0;
}

void budgets_drop(struct budgets *budgets, const char *robot)
{
    size_t at = find(budgets, robot);
    if (at == budgets->count)
        return;
    budgets->item[at] = budgets->item[--budgets->count];
    budgets->changed = true;
}

void budgets_clear(struct budgets *budgets)
{
    budgets->changed |= budgets->count > 0;
    budgets->count = 0;
}

bool budgets_follow(struct budgets *budgets, double configured)
{
    bool ends = budgets->configured != configured && find(budgets, BUDGETS_ALL) < budgets->count;
    if (ends)
        budgets_drop(budgets, BUDGETS_ALL);
    budgets->configured = configured;
    return ends;
}

int budgets_load(struct budgets *budgets, const cJSON *state)
{
    int r = 0;
    const cJSON *entry, *object = cJSON_GetObjectItemCaseSensitive(state, MEMBER);
    json_get_number(object, "configured", false, 0, BUDGET_MOST, &budgets->configured, NULL);
    cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(object, "robots"))
    {
        const char *robot = "";
        double per_day = 0;
        if (r < 0 || json_get_string(entry, "robot", true, NAME_MAX_LENGTH, &robot, NULL) < 0 ||
            (*robot && !name_valid(robot)) ||
            json_get_number(entry, "false_alarms_per_day", true, BUDGET_LEAST, BUDGET_MOST,
                            &per_day, NULL) < 0)
            continue;
        r = budgets_put(budgets, robot, per_day);
        r = r == -ENOSPC ? 0 : r;
    }
    return r;
}

void budgets_save(struct budgets *budgets, cJSON *state)
{
    budgets->changed = false;
    cJSON *object = cJSON_AddObjectToObject(state, MEMBER);
    cJSON_AddNumberToObject(object, "configured", budgets->configured);
    cJSON *list = cJSON_AddArrayToObject(object, "robots");
    for (size_t i = 0; i < budgets->count; i++) {
        cJSON *entry = cJSON_CreateObject();
        cJSON_AddStringToObject(entry, "robot", budgets->item[i].robot);
        cJSON_AddNumberToObject(entry, "false_alarms_per_day", budgets->item[i].per_day);
        json_append(list, entry);
    }
}
