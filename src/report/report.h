/*
 * report: one self-contained HTML page about an evaluation, a comparison or an alert.
 *
 * It is made from the JSON that the commands print, and from nothing else, so a page can be made
 * again from a stored report.json. What the JSON does not have is left out or "not measured".
 *
 * Memory: the caller frees *ret_html; it ends with a 0 that *ret_size does not count.
 * Errors: -EINVAL it is no JSON object; -ENOMEM.
 */
#ifndef ARMWATCH_REPORT_REPORT_H
#define ARMWATCH_REPORT_REPORT_H

#include "base/diag.h"
#include "base/json.h"

#include <stddef.h>

/* Of `armwatch evaluate --json`. */
int report_evaluation(const cJSON *evaluation, char **ret_html, size_t *ret_size,
                      struct diag *diag);
/* Of `armwatch compare --json`. */
int report_comparison(const cJSON *comparison, char **ret_html, size_t *ret_size,
                      struct diag *diag);
/* Of `armwatch explain --json`. */
int report_evidence(const cJSON *explained, char **ret_html, size_t *ret_size, struct diag *diag);

#endif
