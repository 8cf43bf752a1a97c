/*
 * report_files: a report in a directory: report.html to look at, report.json to work with.
 */
#ifndef ARMWATCH_CLI_REPORT_FILES_H
#define ARMWATCH_CLI_REPORT_FILES_H

#include "base/diag.h"
#include "base/json.h"

#include <stddef.h>

/* Makes the directory, but not the one that it is in. Errors: -ENOENT, -ENOTDIR, -EACCES, ... with
 * the text in diag. To be called before the work whose report it is. */
int report_files_prepare(const char *directory, struct diag *diag);

/* Errors: those of file_write. */
int report_files_write(const char *directory, const cJSON *report, const char *html,
                       size_t html_size, struct diag *diag);

#endif
