/*
 * sample_time: a time as sources write it: RFC 3339, or a number in a configured unit. Thread: any.
 */
#ifndef ARMWATCH_PIPELINE_SAMPLE_TIME_H
#define ARMWATCH_PIPELINE_SAMPLE_TIME_H

#include "base/json.h"
#include "pipeline/sample.h"

/* False with the reason in diag: it is no time, or a date in another unit. */
bool sample_time_read(const cJSON *item, enum sample_time_unit unit, int64_t *ret_time_ns,
                      struct diag *diag);
bool sample_time_of_number(double value, enum sample_time_unit unit, int64_t *ret_time_ns,
                           struct diag *diag);

#endif
