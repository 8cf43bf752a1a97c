/* Secrets stand in files that systemd or an administrator provides: never in the configuration,
 * never in argv. */
#include "config/config.h"

#include "base/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET_MAX 4096

/* A path made of the parts if it can be read, else NULL. */
static char *readable_path(const char *directory, size_t length, const char *prefix,
                           const char *name)
{
    char *path;
    if (asprintf(&path, "%.*s%s%s", (int)length, directory, prefix, name) < 0)
        return NULL;
    if (access(path, R_OK) == 0)
        return path;
    free(path);
    return NULL;
}

int config_find_secret(const struct config *config, const char *name, char **ret_path,
                       struct diag *diag)
{
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    const char *slash = strrchr(config->path, '/');
    size_t beside = slash ? (size_t)(slash - config->path) + 1 : 0;
    char *path = NULL;
    if (*name == '/') {
        path = readable_path("", 0, "", name);
    } else {
        if (credentials)
            path = readable_path(credentials, strlen(credentials), "/", name);
        if (credentials && !path)
            path = readable_path(credentials, strlen(credentials), "/armwatch.", name);
        if (!path)
            path = readable_path(config->path, beside, "", name);
    }
    if (!path) {
        diag_set(diag, "%s: not readable, neither as a credential nor beside the configuration",
                 name);
        return -ENOENT;
    }
    *ret_path = path;
    return 0;
}

int config_read_secret(const struct config *config, const char *name, char **ret_text,
                       struct diag *diag)
{
    char *path;
    int r = config_find_secret(config, name, &path, diag);
    if (r < 0)
        return r;
    struct stat st;
    void *text = NULL;
    size_t size;
    if (stat(path, &st) == 0 && (st.st_mode & S_IROTH))
        r = diag_set(diag, "%s: others may read it; chmod o= it", path);
    else
        r = file_read(path, SECRET_MAX, &text, &size, diag);
    free(path);
    if (r < 0)
        return r;
    ((char *)text)[strcspn(text, "\r\n")] = '\0';
    *ret_text = text;
    return 0;
}
