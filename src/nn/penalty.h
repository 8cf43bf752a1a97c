/*
 * penalty: the exact zero-centred gradient penalty of a discriminator, without automatic
 * differentiation.
 *
 * For networks of dense layers, rectifiers and dropouts only, with one output D(x): such a network
 * (with what it dropped) is linear in x around every x that sits on no kink, D = w(x) x + b(x), and
 * the gradient of ||dD/dx||^2 with respect to the weights follows from one backward pass and one
 * masked linear forward pass. Source: R1 and R2 of Mescheder et al. 2018. Thread: as network.
 */
#ifndef ARMWATCH_NN_PENALTY_H
#define ARMWATCH_NN_PENALTY_H

#include "nn/network.h"

struct penalty;

bool penalty_applies(const struct network *network);

/* Borrows the network (penalty_applies is asserted) and allocates the scratch. NULL when memory is
 * out. */
struct penalty *penalty_new(struct network *network);
void penalty_free(struct penalty *penalty);

/* After network_forward: adds to the parameter gradients
 *     d/d(parameters) sum over rows of (logit_gradient D + weight / 2 ||dD/dx||^2).
 * Returns dD/dx, [rows][inputs]. */
const real *penalty_backward(struct penalty *penalty, const real *logit_gradient, double weight);

#endif
