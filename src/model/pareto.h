/*
 * pareto: the generalised Pareto distribution, to which the excesses over a high level converge.
 *
 * Source: Pickands 1975; profile likelihood, Grimshaw 1993; use for thresholds, Siffer et al. 2017.
 */
#ifndef ARMWATCH_MODEL_PARETO_H
#define ARMWATCH_MODEL_PARETO_H

#include <stddef.h>

struct pareto {
    double gamma; /* shape: 0 exponential, > 0 heavy, < 0 with an end at -sigma / gamma */
    double sigma; /* scale > 0 */
};

/* By maximum likelihood over gamma >= -0.5 (below, the likelihood has no maximum). The excesses are
 * >= 0. Errors: -EINVAL if none is above 0. */
int pareto_fit(const double *excess, size_t count, struct pareto *ret_pareto);

/* Share of all excesses that is above y >= 0. */
double pareto_survival(const struct pareto *pareto, double y);

/* The excess that this share, in (0, 1], is above. */
double pareto_quantile(const struct pareto *pareto, double share);

#endif
