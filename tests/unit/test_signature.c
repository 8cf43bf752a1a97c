#include "model/signature_key.h"

#include "fixture.h"

#include <errno.h>
#include <sys/stat.h>

/* RFC 8032, 7.1. */
static const struct {
    const char *private_key, *public_key, *message, *signature;
} vectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9"
     "b46bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f1"
     "1d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984d"
     "c6594a7c15e9716ed28dc027beceea1ec40a"},
};

static size_t from_hex(const char *text, unsigned char *ret_bytes)
{
    size_t size = strlen(text) / 2;
    for (size_t i = 0; i < size; i++) {
        unsigned value;
        assert_int_equal(sscanf(text + 2 * i, "%2x", &value), 1);
        ret_bytes[i] = (unsigned char)value;
    }
    return size;
}

static void test_vectors(void **state)
{
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        struct signature_private private_key;
        struct signature_public public_key;
        unsigned char expected[SIGNATURE_SIZE], found[SIGNATURE_SIZE], wanted_key[32], message[8];
        assert_int_equal(from_hex(vectors[i].private_key, private_key.bytes), 32);
        from_hex(vectors[i].public_key, wanted_key);
        assert_int_equal(from_hex(vectors[i].signature, expected), SIGNATURE_SIZE);
        size_t size = from_hex(vectors[i].message, message);
        assert_int_equal(signature_public_of(&private_key, &public_key), 0);
        assert_memory_equal(public_key.bytes, wanted_key, sizeof wanted_key);
        assert_int_equal(signature_sign(&private_key, message, size, found), 0);
        assert_memory_equal(found, expected, sizeof found);
        assert_true(signature_is_valid(&public_key, message, size, expected));
    }
}

static void test_every_changed_bit_is_found(void **state)
{
    struct signature_private key, other_key;
    struct signature_public public_key, other;
    unsigned char message[100], signature[SIGNATURE_SIZE];
    memset(message, 7, sizeof message);
    assert_int_equal(signature_generate(&key), 0);
    assert_int_equal(signature_generate(&other_key), 0);
    assert_memory_not_equal(&key, &other_key, sizeof key);
    assert_int_equal(signature_public_of(&key, &public_key), 0);
    assert_int_equal(signature_public_of(&other_key, &other), 0);
    assert_int_equal(signature_sign(&key, message, sizeof message, signature), 0);
    for (size_t bit = 0; bit < 8 * sizeof message; bit++) {
        message[bit / 8] ^= (unsigned char)(1U << bit % 8);
        assert_false(signature_is_valid(&public_key, message, sizeof message, signature));
        message[bit / 8] ^= (unsigned char)(1U << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * sizeof signature; bit++) {
        signature[bit / 8] ^= (unsigned char)(1U << bit % 8);
        assert_false(signature_is_valid(&public_key, message, sizeof message, signature));
        signature[bit / 8] ^= (unsigned char)(1U << bit % 8);
    }
    assert_false(signature_is_valid(&public_key, message, sizeof message - 1, signature));
    assert_false(signature_is_valid(&other, message, sizeof message, signature));
    assert_true(signature_is_valid(&public_key, message, sizeof message, signature));
}

/* ---- files ---- */

static void test_keys_in_files(void **state)
{
    char private_path[256], public_path[256];
    struct signature_private key, read_private;
    struct signature_public public_key, read_public;
    struct diag diag = DIAG_INIT;
    struct stat st;
    snprintf(private_path, sizeof private_path, "%s", fixture_path("a.key"));
    snprintf(public_path, sizeof public_path, "%s", fixture_path("a.pub"));
    assert_int_equal(signature_generate(&key), 0);
    assert_int_equal(signature_public_of(&key, &public_key), 0);
    mode_t mask = umask(0);
    assert_int_equal(signature_key_write(&key, private_path, public_path, &diag), 0);
    umask(mask);
    assert_int_equal(stat(private_path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(signature_key_read_private(private_path, &read_private, &diag), 0);
    assert_memory_equal(&read_private, &key, sizeof key);
    assert_int_equal(signature_key_read_public(public_path, &read_public, &diag), 0);
    assert_memory_equal(&read_public, &public_key, sizeof public_key);
    /* Neither is touched, and none is left alone. */
    assert_int_equal(signature_key_write(&key, private_path, fixture_path("b.pub"), &diag),
                     -EEXIST);
    assert_int_equal(access(fixture_path("b.pub"), F_OK), -1);
    assert_int_equal(signature_key_write(&key, fixture_path("b.key"), public_path, &diag), -EEXIST);
    assert_int_equal(access(fixture_path("b.key"), F_OK), -1);
    /* The other half is no key of its kind. */
    assert_int_equal(signature_key_read_public(private_path, &read_public, &diag), -EINVAL);
    assert_int_equal(chmod(public_path, 0600), 0);
    assert_int_equal(signature_key_read_private(public_path, &read_private, &diag), -EINVAL);
}

/* The first vector's keys, as `openssl pkey` writes them. */
#define PUBLIC_PEM                                                                                 \
    "-----BEGIN PUBLIC KEY-----\n"                                                                 \
    "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"                               \
    "-----END PUBLIC KEY-----\n"
#define PRIVATE_PEM                                                                                \
    "-----BEGIN PRIVATE KEY-----\n"                                                                \
    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"                           \
    "-----END PRIVATE KEY-----\n"
#define X25519_PEM                                                                                 \
    "-----BEGIN PUBLIC KEY-----\n"                                                                 \
    "MCowBQYDK2VuAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"                               \
    "-----END PUBLIC KEY-----\n"
#define ENCRYPTED_PEM                                                                              \
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"                                                      \
    "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjnKydqQipACwICCAAw\n"                           \
    "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEED+MMb0vr2Unifo8oddgW0cEQOYN\n"                           \
    "ToTRJSAs+qEGmR6MTTneo9Sc+I3VpX8S7MlnRBUDL3XvTnL7bWqy08A+UvrJ3rXr\n"                           \
    "/WWTLBm+0++TlwKtNvU=\n"                                                                       \
    "-----END ENCRYPTED PRIVATE KEY-----\n"

static void test_keys_of_openssl(void **state)
{
    struct signature_public key;
    struct signature_private private_key;
    struct diag diag = DIAG_INIT;
    unsigned char wanted[32];
    char id[SIGNATURE_KEY_ID_SIZE];
    assert_int_equal(signature_key_read_public(fixture_write("k", PUBLIC_PEM), &key, &diag), 0);
    from_hex(vectors[0].public_key, wanted);
    assert_memory_equal(key.bytes, wanted, sizeof wanted);
    signature_key_id(&key, id);
    assert_string_equal(id, "06e3fd8fda29bb60"); /* openssl pkey -pubin -outform DER | sha256sum */
    fixture_write("k", PRIVATE_PEM);
    assert_int_equal(chmod(fixture_path("k"), 0640), 0);
    assert_int_equal(signature_key_read_private(fixture_path("k"), &private_key, &diag), 0);
    from_hex(vectors[0].private_key, wanted);
    assert_memory_equal(private_key.bytes, wanted, sizeof wanted);
}

static void test_keys_that_are_refused(void **state)
{
    static const struct {
        const char *text;
        mode_t mode;
        bool private;
        int error;
        const char *why;
    } cases[] = {
        {"", 0600, false, -EINVAL, "no public key"},
        {"junk", 0600, false, -EINVAL, "no public key"},
        {X25519_PEM, 0600, false, -EINVAL, "must be Ed25519"},
        {PUBLIC_PEM, 0646, false, -EACCES, "others may write it"},
        {PUBLIC_PEM, 0600, true, -EINVAL, "no private key"},
        {PRIVATE_PEM, 0600, false, -EINVAL, "no public key"},
        {PRIVATE_PEM, 0644, true, -EACCES, "others may read it"},
        {PRIVATE_PEM, 0602, true, -EACCES, "others may write it"},
        {ENCRYPTED_PEM, 0600, true, -EINVAL, "encrypted"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct signature_public key;
        struct signature_private private_key;
        struct diag diag = DIAG_INIT;
        const char *path = fixture_write("k", cases[i].text);
        assert_int_equal(chmod(path, cases[i].mode), 0);
        int r = cases[i].private ? signature_key_read_private(path, &private_key, &diag)
                                 : signature_key_read_public(path, &key, &diag);
        if (r != cases[i].error)
            fail_msg("case %zu: %d, %s", i, r, diag.text);
        fixture_expect_text(diag.text, cases[i].why);
    }
    struct signature_public key;
    struct diag diag = DIAG_INIT;
    assert_int_equal(signature_key_read_public(fixture_path("none"), &key, &diag), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_every_changed_bit_is_found),
        cmocka_unit_test(test_keys_in_files),
        cmocka_unit_test(test_keys_of_openssl),
        cmocka_unit_test(test_keys_that_are_refused),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
