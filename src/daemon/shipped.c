#include "daemon/shipped.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char shipped_directory[] = ARMWATCH_MODELS;

char *shipped_path(const char *directory, const char *path)
{
    const char *slash = strrchr(path, '/');
    char *shipped;
    return asprintf(&shipped, "%s/%s", directory, slash ? slash + 1 : path) < 0 ? NULL : shipped;
}

int shipped_load_model(const struct trust *trust, const struct shipped_paths *paths,
                       struct model **ret_model, struct trust_origin *ret_origin, struct diag *diag)
{
    struct diag ignored = DIAG_INIT; /* where neither is there, the first is what was asked for */
    int r = trust_load_model(trust, paths->own, ret_model, ret_origin, diag);
    if (r != -ENOENT)
        return r;
    int other = trust_load_model(trust, paths->shipped, ret_model, ret_origin, &ignored);
    if (other == -ENOENT)
        return r;
    if (diag)
        *diag = ignored;
    return other;
}
