/*
 * decimal: numbers as people and programs are told them.
 */
#ifndef ARMWATCH_BASE_DECIMAL_H
#define ARMWATCH_BASE_DECIMAL_H

#include <stddef.h>

#define DECIMAL_SIX_MAX 16

/* Six significant digits, byte for byte as printf's "%.6g" has them in the C locale, in a
 * seventh of its time. value: finite. Returns the length. Thread: any. */
size_t decimal_six(double value, char ret_text[DECIMAL_SIX_MAX]);

#endif
