/*
 * http_budget: how much of the loop's time HTTP may take: a fifth, and 20 ms at once.
 *
 * Whatever clients ask for, and however often, samples come first. All zeros is a start. Thread:
 * the loop.
 */
#ifndef ARMWATCH_DAEMON_HTTP_BUDGET_H
#define ARMWATCH_DAEMON_HTTP_BUDGET_H

#include <stdint.h>

#define HTTP_BUDGET_SHARE 5       /* one part in so many */
#define HTTP_BUDGET_NS 20000000LL /* that can be saved up */

struct http_budget {
    int64_t left_ns; /* negative: owed */
    int64_t at_ns;   /* monotonic */
};

/* Time was spent until now. Returns for how long nothing more is to be; 0: go on. */
int64_t http_budget_spend(struct http_budget *budget, int64_t spent_ns, int64_t now_ns);

#endif
