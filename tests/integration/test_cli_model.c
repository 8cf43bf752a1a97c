/* armwatch model keygen, sign and verify: what they write, what they refuse, and that openssl
 * agrees. */
#include "bench.h"
#include "toy_arm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* A model, toy.safetensors, and a pair of keys, a.key and a.pub. */
static int group_setup(void **state)
{
    toy_arm_train(bench_make_directory("sign"), &(struct toy_model){"toy", "toy", 3, 2, 1});
    return 0;
}

static int setup(void **state)
{
    bench_setup(state);
    bench_shell("rm -f *.key *.pub *.sig");
    bench_expect(*state, 0, "key ", "model keygen --private a.key --public a.pub");
    return 0;
}

static void test_keys_are_never_overwritten(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(bench_mode_of("a.key"), 0600);
    assert_int_equal(bench_shell("cp -p a.key kept"), 0);
    bench_expect(bench, 1, "a.key: File exists", "model keygen --private a.key --public b.pub");
    bench_expect(bench, 1, "a.pub: File exists", "model keygen --private b.key --public a.pub");
    bench_expect(bench, 1, "b.key: File exists", "model keygen --private b.key --public b.key");
    bench_expect(bench, 1, "No such file", "model keygen --private no/b.key --public b.pub");
    assert_int_equal(bench_shell("cmp a.key kept && ! ls b.key b.pub"), 0);
    bench_expect(bench, 2, "--public FILE is needed", "model keygen --private b.key");
}

static void test_sign_and_verify(void **state)
{
    struct bench *bench = *state;
    bench_expect(bench, 66, "not signed: there is no toy.safetensors.sig",
                 "model verify --public-key a.pub toy.safetensors");
    bench_expect(bench, 0, "good", "model verify toy.safetensors");
    bench_expect(bench, 0, "toy.safetensors.sig: toy version 3, signed with key ",
                 "model sign --key a.key toy.safetensors");
    assert_int_equal(bench_shell("test $(stat -c %s toy.safetensors.sig) = 64 && ! ls *.sig.*"), 0);
    bench_expect(bench, 0, "toy version 3, signature, hash and self-test hold",
                 "model verify --public-key a.pub toy.safetensors");
    bench_expect(bench, 0, "\"signature\":\"valid\"",
                 "model verify --json --public-key a.pub toy.safetensors");
    bench_expect(bench, 0, "\"signature\":\"unchecked\"", "model verify --json toy.safetensors");
    bench_expect(bench, 0, "", "model keygen --private b.key --public b.pub");
    bench_expect(bench, 65, "not the signature of this file by the key",
                 "model verify --public-key b.pub toy.safetensors");
    bench_expect(bench, 65, "\"signature\":\"invalid\"",
                 "model verify --json --public-key b.pub toy.safetensors");
    bench_expect(bench, 0, "",
                 "model sign --key b.key toy.safetensors"); /* in the place of the first */
    bench_expect(bench, 0, "good", "model verify --public-key b.pub toy.safetensors");
}

static void test_tampered_files(void **state)
{
    struct bench *bench = *state;
    bench_expect(bench, 0, "", "model sign --key a.key toy.safetensors");
    assert_int_equal(bench_shell("cp toy.safetensors.sig x.safetensors.sig && "
                                 "sed 's/toy/tox/' toy.safetensors > x.safetensors"),
                     0);
    bench_expect(bench, 65, "not the signature of this file",
                 "model verify --public-key a.pub x.safetensors");
    assert_int_equal(bench_shell("cp toy.safetensors x.safetensors && : > x.safetensors.sig"), 0);
    bench_expect(bench, 65, "0 bytes, a signature has 64",
                 "model verify --public-key a.pub x.safetensors");
    assert_int_equal(bench_shell("head -c 1000 toy.safetensors > x.safetensors"), 0);
    bench_expect(bench, 65, "x.safetensors", "model sign --key a.key x.safetensors"); /* no model */
}

static void test_keys_that_do_not_serve(void **state)
{
    struct bench *bench = *state;
    bench_expect(bench, 66, "no.key", "model sign --key no.key toy.safetensors");
    bench_expect(bench, 66, "no.pub", "model verify --public-key no.pub toy.safetensors");
    bench_expect(bench, 66, "no.safetensors", "model sign --key a.key no.safetensors");
    bench_expect(bench, 65, "no public key", "model verify --public-key a.key toy.safetensors");
    assert_int_equal(bench_shell("chmod 644 a.key"), 0);
    bench_expect(bench, 1, "others may read it", "model sign --key a.key toy.safetensors");
    bench_expect(bench, 2, "--key FILE is needed", "model sign toy.safetensors");
    assert_int_equal(bench_shell("! ls *.sig"), 0);
}

static void test_openssl_agrees(void **state)
{
    struct bench *bench = *state;
    if (bench_shell("openssl version") != 0) {
        print_message("skipped: openssl is not installed\n");
        skip();
    }
    bench_expect(bench, 0, "", "model sign --key a.key toy.safetensors");
    assert_int_equal(bench_shell("openssl pkeyutl -verify -rawin -pubin -inkey a.pub "
                                 "-in toy.safetensors -sigfile toy.safetensors.sig"),
                     0);
    assert_int_not_equal(bench_shell("openssl pkeyutl -verify -rawin -pubin -inkey a.pub -in a.pub "
                                     "-sigfile toy.safetensors.sig"),
                         0);
    assert_int_equal(
        bench_shell("openssl genpkey -algorithm ed25519 -out o.key && chmod 600 o.key && "
                    "openssl pkey -in o.key -pubout -out o.pub && "
                    "openssl pkeyutl -sign -rawin -inkey o.key -in toy.safetensors "
                    "-out toy.safetensors.sig"),
        0);
    bench_expect(bench, 0, "signature, hash", "model verify --public-key o.pub toy.safetensors");
    assert_int_equal(bench_shell("cp toy.safetensors.sig openssl.sig"), 0);
    bench_expect(bench, 0, "", "model sign --key o.key toy.safetensors");
    assert_int_equal(bench_shell("cmp toy.safetensors.sig openssl.sig"),
                     0); /* Ed25519 has one answer */
    assert_int_equal(bench_shell("openssl pkey -in o.key -aes256 -passout pass:x -out e.key && "
                                 "openssl genpkey -algorithm x25519 -out x.key && "
                                 "openssl genpkey -algorithm ed448 -out y.key && chmod 600 ?.key"),
                     0);
    bench_expect(bench, 65, "encrypted", "model sign --key e.key toy.safetensors");
    bench_expect(bench, 65, "must be Ed25519", "model sign --key x.key toy.safetensors");
    bench_expect(bench, 65, "must be Ed25519", "model sign --key y.key toy.safetensors");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_keys_are_never_overwritten),
        TEST(test_sign_and_verify),
        TEST(test_tampered_files),
        TEST(test_keys_that_do_not_serve),
        TEST(test_openssl_agrees),
    };
    return cmocka_run_group_tests(tests, group_setup, bench_remove_directory);
}
