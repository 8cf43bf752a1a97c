/*
 * signature: who made a model file: Ed25519 (RFC 8032) over all of its bytes.
 *
 * A signature stands beside the file, as FILE.sig: its 64 bytes and nothing else. Keys are plain
 * values; whoever holds a private one wipes it (explicit_bzero). Thread: any.
 */
#ifndef ARMWATCH_MODEL_SIGNATURE_H
#define ARMWATCH_MODEL_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>

#define SIGNATURE_SIZE 64
#define SIGNATURE_KEY_SIZE 32
#define SIGNATURE_KEY_ID_SIZE 17 /* 16 digits and the terminating 0 */
#define SIGNATURE_SUFFIX ".sig"

struct signature_public {
    unsigned char bytes[SIGNATURE_KEY_SIZE];
};

struct signature_private {
    unsigned char bytes[SIGNATURE_KEY_SIZE];
};

/* How the signature of a file stood when it was read. */
enum signature_verdict {
    SIGNATURE_UNCHECKED, /* nobody asked, or there is no key to ask with */
    SIGNATURE_VALID,
    SIGNATURE_MISSING, /* there is no FILE.sig */
    SIGNATURE_INVALID, /* of other bytes, by another key, or no signature at all */
};

/* Errors of all of these: -ENOMEM, also for whatever else goes wrong inside libcrypto. */
int signature_generate(struct signature_private *ret_key);
int signature_public_of(const struct signature_private *key, struct signature_public *ret_key);
int signature_sign(const struct signature_private *key, const void *data, size_t size,
                   unsigned char ret_signature[SIGNATURE_SIZE]);

bool signature_is_valid(const struct signature_public *key, const void *data, size_t size,
                        const unsigned char signature[SIGNATURE_SIZE]);

/* A name for a key: the first digits of the SHA-256 of its DER form (SubjectPublicKeyInfo). "" when
 * memory is out. */
void signature_key_id(const struct signature_public *key, char ret_id[SIGNATURE_KEY_ID_SIZE]);

const char *signature_verdict_name(enum signature_verdict verdict);

#endif
