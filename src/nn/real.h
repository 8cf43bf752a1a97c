/*
 * real: the number type of the networks.
 *
 * float everywhere that ships. The same sources are compiled once more with ARMWATCH_NN_DOUBLE for
 * the tests that compare gradients with finite differences, which float is too coarse for.
 */
#ifndef ARMWATCH_NN_REAL_H
#define ARMWATCH_NN_REAL_H

#ifdef ARMWATCH_NN_DOUBLE
typedef double real;
#else
typedef float real;
#endif

#endif
