/*
 * signature_key: the keys of signatures as PEM files, as openssl(1) reads and writes them.
 */
#ifndef ARMWATCH_MODEL_SIGNATURE_KEY_H
#define ARMWATCH_MODEL_SIGNATURE_KEY_H

#include "base/diag.h"
#include "model/signature.h"

/* Errors of both: those of file_read; -EINVAL no Ed25519 key of that kind, or encrypted; -EACCES
 * also where others may write the file, or read the private one. */
int signature_key_read_public(const char *path, struct signature_public *ret_key,
                              struct diag *diag);
int signature_key_read_private(const char *path, struct signature_private *ret_key,
                               struct diag *diag);

/* Makes two files that are not there yet, or none: the private one with mode 0600 (PKCS #8, not
 * encrypted). Errors: -EEXIST and others of file_create; -ENOMEM. */
int signature_key_write(const struct signature_private *key, const char *private_path,
                        const char *public_path, struct diag *diag);

#endif
