/*
 * commissioning_file: a record of commissioning as a safetensors file: any reader of the format
 * shows the maxima.
 *
 * Metadata: "format", "format_version", "config" (JSON: robot, model_sha256, mode, asked,
 * false_alarms_per_day, detectors with block_s and period_s). Tensors: "times" I64 [began, last];
 * of each detector "<d>.counts" I64 (blocks_counts), "<d>.maximum" F64 [1] of the block that is
 * being filled, "<d>.maxima" F64, "<d>.sessions" I64 [sessions][number, first, windows].
 */
#ifndef ARMWATCH_DAEMON_COMMISSIONING_FILE_H
#define ARMWATCH_DAEMON_COMMISSIONING_FILE_H

#include "daemon/commissioning.h"

#define COMMISSIONING_FILE_MAX ((size_t)32 << 20)

/* Memory: the caller frees *ret_data. Errors: -ENOMEM. */
int commissioning_file_format(const struct commissioning_record *record, void **ret_data,
                              size_t *ret_size, struct diag *diag);
/* A record that is armed has its calibrations. Memory: commissioning_record_free. Errors: -EINVAL
 * with what is wrong in diag; -ENOMEM. */
int commissioning_file_parse(const void *data, size_t size,
                             struct commissioning_record **ret_record, struct diag *diag);

#endif
