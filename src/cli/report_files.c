#include "cli/report_files.h"

#include "base/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int report_files_prepare(const char *directory, struct diag *diag)
{
    struct stat status;
    if (mkdir(directory, 0777) < 0 && errno != EEXIST)
        return diag_errno(diag, errno, "--report %s", directory);
    if (stat(directory, &status) < 0)
        return diag_errno(diag, errno, "--report %s", directory);
    if (!S_ISDIR(status.st_mode))
        return diag_errno(diag, ENOTDIR, "--report %s", directory);
    if (access(directory, W_OK | X_OK) < 0)
        return diag_errno(diag, errno, "--report %s", directory);
    return 0;
}

static int write_file(const char *directory, const char *name, const char *text, size_t size,
                      struct diag *diag)
{
    size_t length = strlen(directory) + strlen(name) + 2;
    char *path = malloc(length);
    if (!path)
        return diag_errno(diag, ENOMEM, "%s", name);
    snprintf(path, length, "%s/%s", directory, name);
    int r = file_write(path, text, size, diag);
    free(path);
    return r;
}

int report_files_write(const char *directory, const cJSON *report, const char *html,
                       size_t html_size, struct diag *diag)
{
    char *text = cJSON_Print(report);
    if (!text)
        return diag_errno(diag, ENOMEM, "report");
    int r = write_file(directory, "report.json", text, strlen(text), diag);
    cJSON_free(text);
    return r < 0 ? r : write_file(directory, "report.html", html, html_size, diag);
}
