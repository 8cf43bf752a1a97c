#include "base/hash.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>

int hash_sha256(const struct hash_part *parts, size_t count, char ret_hex[HASH_HEX_SIZE])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (!context)
        return -ENOMEM;
    unsigned char digest[EVP_MAX_MD_SIZE];
    int ok = EVP_DigestInit_ex(context, EVP_sha256(), NULL);
    for (size_t i = 0; ok && i < count; i++)
        ok = EVP_DigestUpdate(context, parts[i].data, parts[i].size);
    ok = ok && EVP_DigestFinal_ex(context, digest, NULL);
    EVP_MD_CTX_free(context);
    if (!ok)
        return -ENOMEM;
    for (int i = 0; i < 32; i++)
        snprintf(ret_hex + 2 * i, 3, "%02x", digest[i]);
    return 0;
}
