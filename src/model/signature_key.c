#include "model/signature_key.h"

#include "base/file.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_FILE_MAX 16384

/* Never a question on the terminal. */
static int no_passphrase(char *buffer, int size, int writing, void *user)
{
    *(bool *)user = true;
    return -1;
}

/* The key in the text, which is wiped; NULL with the reason. */
static EVP_PKEY *parse(const char *path, char *text, size_t size, bool private, struct diag *diag)
{
    bool encrypted = false;
    BIO *bio = BIO_new_mem_buf(text, (int)size);
    EVP_PKEY *key = NULL;
    if (bio && private)
        key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &encrypted);
    else if (bio)
        key = PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, &encrypted);
    BIO_free(bio);
    explicit_bzero(text, size);
    ERR_clear_error(); /* what is left in the thread's queue would be taken for TLS's */
    const char *kind = private ? "private" : "public";
    if (encrypted)
        diag_set(diag, "%s: encrypted; give the key without a passphrase", path);
    else if (!key)
        diag_set(diag, "%s: no %s key (PEM)", path, kind);
    else if (EVP_PKEY_get_id(key) != EVP_PKEY_ED25519)
        diag_set(diag, "%s: a %s key of another kind, must be Ed25519", path, kind);
    else
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

static int read_key(const char *path, bool private, EVP_PKEY **ret_key, struct diag *diag)
{
    void *text;
    size_t size;
    int r = file_read(path, KEY_FILE_MAX, &text, &size, diag);
    if (r < 0)
        return r;
    *ret_key = parse(path, text, size, private, diag);
    free(text);
    return *ret_key ? 0 : -EINVAL;
}

/* Others must not read a private key, nor write any. */
static int check_mode(const char *path, mode_t forbidden, struct diag *diag)
{
    struct stat st;
    if (stat(path, &st) < 0 || !(st.st_mode & forbidden))
        return 0;
    diag_set(diag, "%s: others may %s it; chmod o%s it", path,
             st.st_mode & forbidden & S_IROTH ? "read" : "write", forbidden & S_IROTH ? "=" : "-w");
    return -EACCES;
}

int signature_key_read_public(const char *path, struct signature_public *ret_key, struct diag *diag)
{
    EVP_PKEY *key;
    int r = check_mode(path, S_IWOTH, diag);
    if (r == 0)
        r = read_key(path, false, &key, diag);
    if (r < 0)
        return r;
    size_t size = sizeof ret_key->bytes;
    if (EVP_PKEY_get_raw_public_key(key, ret_key->bytes, &size) != 1)
        r = diag_errno(diag, ENOMEM, "%s", path);
    EVP_PKEY_free(key);
    return r;
}

int signature_key_read_private(const char *path, struct signature_private *ret_key,
                               struct diag *diag)
{
    EVP_PKEY *key;
    int r = check_mode(path, S_IROTH | S_IWOTH, diag);
    if (r == 0)
        r = read_key(path, true, &key, diag);
    if (r < 0)
        return r;
    size_t size = sizeof ret_key->bytes;
    if (EVP_PKEY_get_raw_private_key(key, ret_key->bytes, &size) != 1)
        r = diag_errno(diag, ENOMEM, "%s", path);
    EVP_PKEY_free(key);
    return r;
}

/* Writes one of the two forms. */
static int create(EVP_PKEY *key, bool private, const char *path, struct diag *diag)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    char *text;
    int written = 0;
    if (bio && private)
        written = PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    else if (bio)
        written = PEM_write_bio_PUBKEY(bio, key);
    int r;
    if (written != 1) {
        r = diag_errno(diag, ENOMEM, "%s", path);
    } else {
        long size = BIO_get_mem_data(bio, &text);
        r = file_create(path, text, (size_t)size, private ? 0600 : 0644, diag);
    }
    BIO_free(bio);
    return r;
}

int signature_key_write(const struct signature_private *key, const char *private_path,
                        const char *public_path, struct diag *diag)
{
    EVP_PKEY *pair =
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, key->bytes, sizeof key->bytes);
    if (!pair)
        return diag_errno(diag, ENOMEM, "keys");
    int r = create(pair, true, private_path, diag);
    if (r == 0 && (r = create(pair, false, public_path, diag)) < 0)
        unlink(private_path);
    EVP_PKEY_free(pair);
    return r;
}
