/*
 * trust: which model files may be used: what is asked of their signature, and by which key.
 *
 * File and signature are read once, whole, into memory: the bytes that are verified are the bytes
 * that are parsed, whatever happens to the files meanwhile. Neither may be a symbolic link.
 * Thread: any; a struct trust is a plain value.
 */
#ifndef ARMWATCH_MODEL_TRUST_H
#define ARMWATCH_MODEL_TRUST_H

#include "base/diag.h"
#include "base/hash.h"
#include "model/model.h"
#include "model/signature.h"

#include <stdbool.h>

enum trust_policy {
    TRUST_OFF,    /* signatures are not looked at */
    TRUST_WARN,   /* a model without a valid one is used, with a warning */
    TRUST_REQUIRE /* it is refused */
};

struct trust {
    enum trust_policy policy;
    bool has_key; /* without one nothing can be checked; TRUST_REQUIRE must have one */
    struct signature_public key;
};

/* What is known of a file, also of one that was refused. */
struct trust_origin {
    char file_sha256[HASH_HEX_SIZE]; /* as sha256sum prints it; "" if it could not be read */
    enum signature_verdict signature;
    struct diag warning; /* what TRUST_WARN let pass; else "" */
};

/* As model_load, by the rules of `trust`. Errors: -ENOENT the model is not there; -EKEYREJECTED its
 * signature is refused; -ELOOP, -EINVAL, -EFBIG, ... not a good model; each with the reason. */
int trust_load_model(const struct trust *trust, const char *path, struct model **ret_model,
                     struct trust_origin *ret_origin, struct diag *diag);

/* What FILE.sig says of the file's bytes; why it is not valid stands in diag. */
enum signature_verdict trust_check(const struct signature_public *key, const char *path,
                                   const void *data, size_t size, struct diag *diag);

bool trust_same(const struct trust *a, const struct trust *b);

#endif
