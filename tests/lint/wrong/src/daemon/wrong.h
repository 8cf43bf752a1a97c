/* Where it belongs, and nothing wrong with it. */
#ifndef ARMWATCH_TESTS_WRONG_H
#define ARMWATCH_TESTS_WRONG_H

#include "base/wrong.h"

#endif
