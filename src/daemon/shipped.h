/*
 * shipped: models that came with the program, for names that the administrator's directory has
 * none of.
 *
 * A package puts them under /usr, where the daemon cannot change them and an upgrade can; a model
 * of the same name in models.directory goes before. Thread: any.
 */
#ifndef ARMWATCH_DAEMON_SHIPPED_H
#define ARMWATCH_DAEMON_SHIPPED_H

#include "base/diag.h"
#include "model/trust.h"

/* Where they are, as it was built: PREFIX/share/armwatch/models. */
extern const char shipped_directory[];

/* The file of the same name in another directory. Memory: the caller frees it; NULL when memory is
 * out. */
char *shipped_path(const char *directory, const char *path);

/* As trust_load_model of the own path, or of the shipped one where there is nothing at that. What
 * is there and is refused is refused: no other model takes its place. Errors: those of
 * trust_load_model; -ENOENT names the own. */
struct shipped_paths {
    const char *own, *shipped;
};
int shipped_load_model(const struct trust *trust, const struct shipped_paths *paths,
                       struct model **ret_model, struct trust_origin *ret_origin,
                       struct diag *diag);

#endif
