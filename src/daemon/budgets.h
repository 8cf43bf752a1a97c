/*
 * budgets: how many false alarms a day operators allow (`threshold`), of single robots or of all.
 *
 * They are state, beside the configuration: a budget of one robot holds until it is reset, the one
 * of all until it is reset or the configuration's own number changes. Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_BUDGETS_H
#define ARMWATCH_DAEMON_BUDGETS_H

#include "base/json.h"
#include "base/name.h"

#include <stdbool.h>
#include <stddef.h>

#define BUDGETS_MAX 1001 /* every robot, and all */
#define BUDGETS_ALL ""
#define BUDGET_LEAST 1e-6
#define BUDGET_MOST 1e4 /* as the configuration's */

struct budget {
    char robot[NAME_MAX_LENGTH + 1];
    double per_day;
};

struct budgets {
    size_t count, capacity;
    struct budget *item;
    double configured; /* alerts.false_alarms_per_day when the one of all was given */
    bool changed;      /* since it was saved */
};

void budgets_deinit(struct budgets *budgets);

/* Of exactly that robot, or BUDGETS_ALL; 0: none. */
double budgets_find(const struct budgets *budgets, const char *robot);

/* Errors: -ENOSPC; -ENOMEM. */
int budgets_put(struct budgets *budgets, const char *robot, double per_day);
void budgets_drop(struct budgets *budgets, const char *robot);
void budgets_clear(struct budgets *budgets);

/* The configuration says this now. True if the budget of all has ended by that. */
bool budgets_follow(struct budgets *budgets, double configured);

/* Member "thresholds" of the saved operations. What cannot be read is left out. Errors: -ENOMEM. */
int budgets_load(struct budgets *budgets, const cJSON *state);
void budgets_save(struct budgets *budgets, cJSON *state);

#endif
