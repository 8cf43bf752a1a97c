#include "model/signature.h"

#include "base/hash.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

int signature_generate(struct signature_private *ret_key)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    size_t size = sizeof ret_key->bytes;
    bool ok = key && EVP_PKEY_get_raw_private_key(key, ret_key->bytes, &size) == 1;
    EVP_PKEY_free(key);
    return ok ? 0 : -ENOMEM;
}

static EVP_PKEY *private_key(const struct signature_private *key)
{
    return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, key->bytes, sizeof key->bytes);
}

int signature_public_of(const struct signature_private *key, struct signature_public *ret_key)
{
    EVP_PKEY *pair = private_key(key);
    size_t size = sizeof ret_key->bytes;
    bool ok = pair && EVP_PKEY_get_raw_public_key(pair, ret_key->bytes, &size) == 1;
    EVP_PKEY_free(pair);
    return ok ? 0 : -ENOMEM;
}

int signature_sign(const struct signature_private *key, const void *data, size_t size,
                   unsigned char ret_signature[SIGNATURE_SIZE])
{
    EVP_PKEY *pair = private_key(key);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t written = SIGNATURE_SIZE;
    bool ok = pair && context && EVP_DigestSignInit(context, NULL, NULL, NULL, pair) == 1 &&
              EVP_DigestSign(context, ret_signature, &written, data, size) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(pair);
    return ok && written == SIGNATURE_SIZE ? 0 : -ENOMEM;
}

bool signature_is_valid(const struct signature_public *key, const void *data, size_t size,
                        const unsigned char signature[SIGNATURE_SIZE])
{
    EVP_PKEY *public_key =
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key->bytes, sizeof key->bytes);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = public_key && context &&
              EVP_DigestVerifyInit(context, NULL, NULL, NULL, public_key) == 1 &&
              EVP_DigestVerify(context, signature, SIGNATURE_SIZE, data, size) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(public_key);
    ERR_clear_error(); /* what is left in the thread's queue would be taken for TLS's */
    return ok;
}

void signature_key_id(const struct signature_public *key, char ret_id[SIGNATURE_KEY_ID_SIZE])
{
    /* RFC 8410: everything but the key itself is constant. */
    static const unsigned char before[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                           0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
    const struct hash_part parts[] = {{before, sizeof before}, {key->bytes, sizeof key->bytes}};
    char digest[HASH_HEX_SIZE] = "";
    hash_sha256(parts, 2, digest);
    memcpy(ret_id, digest, SIGNATURE_KEY_ID_SIZE - 1);
    ret_id[SIGNATURE_KEY_ID_SIZE - 1] = '\0';
}

const char *signature_verdict_name(enum signature_verdict verdict)
{
    static const char *const names[] = {[SIGNATURE_UNCHECKED] = "unchecked",
                                        [SIGNATURE_VALID] = "valid",
                                        [SIGNATURE_MISSING] = "missing",
                                        [SIGNATURE_INVALID] = "invalid"};
    return names[verdict];
}
