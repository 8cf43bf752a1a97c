#include "daemon/http_budget.h"

int64_t http_budget_spend(struct http_budget *budget, int64_t spent_ns, int64_t now_ns)
{
    if (budget->at_ns == 0)
        budget->left_ns = HTTP_BUDGET_NS;
    else
        budget->left_ns += (now_ns - budget->at_ns) / HTTP_BUDGET_SHARE;
    if (budget->left_ns > HTTP_BUDGET_NS)
        budget->left_ns = HTTP_BUDGET_NS;
    budget->at_ns = now_ns;
    budget->left_ns -= spent_ns;
    return budget->left_ns < 0 ? -budget->left_ns * HTTP_BUDGET_SHARE : 0;
}
