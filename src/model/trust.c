#include "model/trust.h"

#include "base/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIGNATURE_FILE_MAX 4096 /* enough to say what is wrong with it */

static int read_signature(const char *path, unsigned char ret_signature[SIGNATURE_SIZE],
                          struct diag *diag)
{
    char *name;
    if (asprintf(&name, "%s%s", path, SIGNATURE_SUFFIX) < 0)
        return diag_errno(diag, ENOMEM, "%s", path);
    void *data = NULL;
    size_t size;
    int r = file_read_nofollow(name, SIGNATURE_FILE_MAX, &data, &size, diag);
    if (r == 0 && size != SIGNATURE_SIZE)
        r = diag_set(diag, "%s: %zu bytes, a signature has %d", name, size, SIGNATURE_SIZE);
    if (r == 0)
        memcpy(ret_signature, data, SIGNATURE_SIZE);
    if (r == -ENOENT)
        diag_set(diag, "%s: not signed: there is no %s", path,
                 strrchr(name, '/') ? strrchr(name, '/') + 1 : name);
    free(data);
    free(name);
    return r;
}

enum signature_verdict trust_check(const struct signature_public *key, const char *path,
                                   const void *data, size_t size, struct diag *diag)
{
    unsigned char signature[SIGNATURE_SIZE];
    int r = read_signature(path, signature, diag);
    if (r < 0)
        return r == -ENOENT ? SIGNATURE_MISSING : SIGNATURE_INVALID;
    if (signature_is_valid(key, data, size, signature))
        return SIGNATURE_VALID;
    char id[SIGNATURE_KEY_ID_SIZE];
    signature_key_id(key, id);
    diag_set(diag, "%s%s: not the signature of this file by the key %s", path, SIGNATURE_SUFFIX,
             id);
    return SIGNATURE_INVALID;
}

static int apply(const struct trust *trust, const char *path, const struct hash_part *file,
                 struct trust_origin *origin, struct diag *diag)
{
    struct diag why = DIAG_INIT;
    if (trust->policy == TRUST_OFF || !trust->has_key)
        return 0;
    origin->signature = trust_check(&trust->key, path, file->data, file->size, &why);
    if (origin->signature == SIGNATURE_VALID)
        return 0;
    if (trust->policy == TRUST_WARN) {
        origin->warning = why;
        return 0;
    }
    if (diag)
        *diag = why;
    return -EKEYREJECTED;
}

int trust_load_model(const struct trust *trust, const char *path, struct model **ret_model,
                     struct trust_origin *ret_origin, struct diag *diag)
{
    void *data;
    size_t size;
    *ret_origin = (struct trust_origin){.signature = SIGNATURE_UNCHECKED};
    int r = file_read_nofollow(path, MODEL_FILE_MAX, &data, &size, diag);
    if (r < 0)
        return r;
    const struct hash_part file = {data, size};
    if (hash_sha256(&file, 1, ret_origin->file_sha256) < 0)
        r = diag_errno(diag, ENOMEM, "%s", path);
    if (r == 0)
        r = apply(trust, path, &file, ret_origin, diag);
    if (r == 0 && (r = model_parse(data, size, ret_model, diag)) < 0)
        diag_prefix(diag, "%s", path);
    if (r == 0)
        (*ret_model)->signature = ret_origin->signature;
    free(data);
    return r;
}

bool trust_same(const struct trust *a, const struct trust *b)
{
    return a->policy == b->policy && a->has_key == b->has_key &&
           (!a->has_key || !memcmp(&a->key, &b->key, sizeof a->key));
}
