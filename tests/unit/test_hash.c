#include "base/hash.h"
#include "fixture.h"

/* FIPS 180-4's examples. */
static void test_known_digests(void **state)
{
    char hex[HASH_HEX_SIZE];
    assert_int_equal(hash_sha256(NULL, 0, hex), 0);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    const struct hash_part abc = {"abc", 3};
    assert_int_equal(hash_sha256(&abc, 1, hex), 0);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void test_parts_are_one_message(void **state)
{
    static const char text[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    char hex[HASH_HEX_SIZE];
    for (size_t cut = 0; cut <= strlen(text); cut++) {
        const struct hash_part parts[] = {{text, cut}, {NULL, 0}, {text + cut, strlen(text) - cut}};
        assert_int_equal(hash_sha256(parts, 3, hex), 0);
        assert_string_equal(hex,
                            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_digests),
        cmocka_unit_test(test_parts_are_one_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
