/*
 * hash: SHA-256 (FIPS 180-4) through OpenSSL's libcrypto, as lower-case hexadecimal.
 */
#ifndef ARMWATCH_BASE_HASH_H
#define ARMWATCH_BASE_HASH_H

#include <stddef.h>

#define HASH_HEX_SIZE 65 /* 64 digits and the terminating 0 */

struct hash_part {
    const void *data;
    size_t size;
};

/* The digest of the parts one after the other. Errors: -ENOMEM. */
int hash_sha256(const struct hash_part *parts, size_t count, char ret_hex[HASH_HEX_SIZE]);

#endif
