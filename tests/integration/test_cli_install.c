/* armwatch model install and list: what arrives where the service reads, what is refused, and that
 * a refusal changes nothing. */
#include "bench.h"
#include "toy_arm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define BY_DIRECTORY "model install --directory models "
#define BY_CONFIG "model install --config cell.json "

/* toy.safetensors is toy version 3, old.safetensors toy version 2, other.safetensors another. */
static const char *directory;

static int group_setup(void **state)
{
    directory = bench_make_directory("install");
    toy_arm_train(directory, &(struct toy_model){"toy", "toy", 3, 2, 1});
    toy_arm_train(directory, &(struct toy_model){"old", "toy", 2, 2, 1});
    toy_arm_train(directory, &(struct toy_model){"other", "other", 1, 2, 1});
    toy_arm_train(directory, &(struct toy_model){"wide", "wide", 1, 3, 1});
    return 0;
}

static void configure(const char *more)
{
    char path[128];
    snprintf(path, sizeof path, "%s/cell.json", directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file,
            "{\"instance\": \"cell7\", \"mqtt\": {\"url\": \"mqtt://broker.cell7\"},"
            "\"models\": {\"directory\": \"models\", \"default\": \"toy\"%s}}",
            more);
    assert_int_equal(fclose(file), 0);
}

static int setup(void **state)
{
    bench_setup(state);
    bench_shell("rm -rf models *.key *.pub *.sig cell.json; mkdir models");
    configure("");
    return 0;
}

static void test_arrives_readable_and_whole(void **state)
{
    struct bench *bench = *state;
    mode_t mask = umask(077); /* an administrator's; the service is another user */
    bench_expect(bench, 0, "reload toy", BY_CONFIG "toy.safetensors");
    bench_expect(bench, 0, "", "model keygen --private a.key --public a.pub");
    bench_expect(bench, 0, "", "model sign --key a.key toy.safetensors");
    bench_expect(bench, 0, "unchanged", BY_CONFIG "toy.safetensors");
    umask(mask);
    bench_expect(bench, 0, "--broker mqtt://broker.cell7 --instance cell7 reload toy\n",
                 BY_CONFIG "toy.safetensors");
    assert_int_equal(bench_mode_of("models/toy.safetensors"), 0644);
    assert_int_equal(bench_mode_of("models/toy.safetensors.sig"), 0644);
    assert_int_equal(bench_shell("cmp toy.safetensors models/toy.safetensors && "
                                 "cmp toy.safetensors.sig models/toy.safetensors.sig && "
                                 "test $(ls models | wc -l) = 2"),
                     0);
    /* What is not signed keeps no other file's signature. */
    assert_int_equal(bench_shell("rm toy.safetensors.sig"), 0);
    bench_expect(bench, 0, "", BY_CONFIG "toy.safetensors");
    assert_int_equal(bench_shell("! ls models/*.sig"), 0);
}

static void test_names(void **state)
{
    struct bench *bench = *state;
    bench_expect(bench, 0, "reload toy-v3", BY_DIRECTORY "--name toy-v3 toy.safetensors");
    bench_expect(bench, 0, "\"default\": \"toy-v4\"", BY_CONFIG "--name toy-v4 toy.safetensors");
    assert_int_equal(bench_shell("cp toy.safetensors 'a.b.safetensors'"), 0);
    bench_expect(bench, 2, "--name NAME is needed", BY_DIRECTORY "a.b.safetensors");
    bench_expect(bench, 2, "--name", BY_DIRECTORY "--name ../toy toy.safetensors");
    bench_expect(bench, 0, "\"name\":\"toy-v5\"",
                 BY_DIRECTORY "--json --name toy-v5 toy.safetensors");
    bench_expect(bench, 0, "made/of/three/toy.safetensors",
                 "model install --directory made/of/three toy.safetensors");
    assert_int_equal(bench_shell("cmp toy.safetensors made/of/three/toy.safetensors && rm -r made"),
                     0);
}

/* What a running daemon would refuse is not told to be its next command. */
static void test_other_channels_need_a_restart(void **state)
{
    struct bench *bench = *state;
    bench_expect(bench, 0, "reload wide",
                 BY_CONFIG "wide.safetensors"); /* there is no default yet */
    bench_expect(bench, 0, "", BY_CONFIG "toy.safetensors");
    bench_expect(bench, 0, "restart armwatchd", BY_CONFIG "wide.safetensors");
    assert_null(strstr(command_out(&bench->command), " reload "));
    bench_expect(bench, 0, "reload other", BY_CONFIG "other.safetensors");
    assert_null(strstr(command_out(&bench->command), "restart"));
}

static void test_nothing_older_and_nothing_else(void **state)
{
    struct bench *bench = *state;
    bench_expect(bench, 0, "", BY_CONFIG "toy.safetensors");
    bench_expect(bench, 65, "is toy version 3, and 2 is older",
                 BY_CONFIG "--name toy old.safetensors");
    bench_expect(bench, 65, "other would replace it", BY_CONFIG "--name toy other.safetensors");
    assert_int_equal(bench_shell("cmp toy.safetensors models/toy.safetensors"), 0);
    bench_expect(bench, 0, "version 2", BY_CONFIG "--force --name toy old.safetensors");
    assert_int_equal(bench_shell("cmp old.safetensors models/toy.safetensors"), 0);
    bench_expect(bench, 0, "version 3", BY_CONFIG "toy.safetensors");
    assert_int_equal(bench_shell("cmp toy.safetensors models/toy.safetensors"), 0);
}

static void test_what_is_no_model(void **state)
{
    struct bench *bench = *state;
    bench_expect(bench, 0, "", BY_CONFIG "toy.safetensors");
    assert_int_equal(
        bench_shell("mkdir -p bad && head -c 2000 toy.safetensors > bad/toy.safetensors"), 0);
    bench_expect(bench, 65, "bad/toy.safetensors", BY_CONFIG "bad/toy.safetensors");
    bench_expect(bench, 65, "bad/toy.safetensors", BY_CONFIG "--force bad/toy.safetensors");
    bench_expect(bench, 66, "no.safetensors", BY_CONFIG "no.safetensors");
    assert_int_equal(bench_shell("cmp toy.safetensors models/toy.safetensors"), 0);
    assert_int_equal(bench_shell("cp bad/toy.safetensors models/toy.safetensors"), 0);
    bench_expect(bench, 0, "is replaced", BY_CONFIG "toy.safetensors");
    assert_int_equal(bench_shell("cmp toy.safetensors models/toy.safetensors && rm -r bad"), 0);
}

static void test_signatures_as_configured(void **state)
{
    struct bench *bench = *state;
    bench_expect(bench, 0, "", "model keygen --private a.key --public a.pub");
    bench_expect(bench, 0, "", "model keygen --private b.key --public b.pub");
    configure(", \"signature\": \"require\", \"public_key_file\": \"a.pub\"");
    bench_expect(bench, 65, "not signed: there is no toy.safetensors.sig",
                 BY_CONFIG "toy.safetensors");
    bench_expect(bench, 0, "", "model sign --key b.key toy.safetensors");
    bench_expect(bench, 65, "not the signature of this file", BY_CONFIG "--force toy.safetensors");
    assert_int_equal(bench_shell("test -z \"$(ls models)\""), 0);
    bench_expect(bench, 0, "signature valid", BY_CONFIG "--public-key b.pub toy.safetensors");
    bench_expect(bench, 0, "", "model sign --key a.key toy.safetensors");
    bench_expect(bench, 0, "signature valid", BY_CONFIG "toy.safetensors");
    configure(", \"signature\": \"warn\", \"public_key_file\": \"b.pub\"");
    bench_expect(bench, 0, "not the signature of this file", BY_CONFIG "toy.safetensors");
    bench_expect(bench, 0, "signature invalid", BY_CONFIG "toy.safetensors");
    bench_expect(bench, 65, "not the signature of this file",
                 "model install --directory models --public-key b.pub toy.safetensors");
    /* A key that only the service can read. */
    configure(", \"signature\": \"warn\", \"public_key_file\": \"no.pub\"");
    bench_expect(bench, 0, "signatures are not checked", BY_CONFIG "toy.safetensors");
    configure(", \"signature\": \"require\", \"public_key_file\": \"no.pub\"");
    bench_expect(bench, 66, "no.pub", BY_CONFIG "toy.safetensors");
    bench_expect(bench, 0, "signature valid", BY_CONFIG "--public-key a.pub toy.safetensors");
}

static void test_configurations_that_do_not_serve(void **state)
{
    struct bench *bench = *state;
    bench_expect(bench, 66, "no.json", "model install --config no.json toy.safetensors");
    configure(", \"wrong\": 1");
    bench_expect(bench, 78, "models.wrong", BY_CONFIG "toy.safetensors");
    assert_int_equal(bench_shell("rm -rf models && : > models"), 0);
    bench_expect(bench, 1, "Not a directory", BY_DIRECTORY "toy.safetensors");
    assert_int_equal(bench_shell("rm models"), 0);
}

static void test_list(void **state)
{
    struct bench *bench = *state;
    bench_expect(bench, 0, "", BY_CONFIG "toy.safetensors");
    bench_expect(bench, 0, "", BY_CONFIG "--name older old.safetensors");
    bench_expect(bench, 0, " yes ", "model list --config cell.json");
    const char *text = command_out(&bench->command),
               *older = strstr(text, "models/older.safetensors"),
               *toy = strstr(text, "models/toy.safetensors");
    assert_true(older && toy && older < toy);
    bench_expect(bench, 0, "\"version\":2", "model list --directory models --json");
    assert_int_equal(bench_shell("echo wrong > models/wrong.safetensors"), 0);
    bench_expect(bench, 1, "models/wrong.safetensors: ", "model list --directory models");
    bench_expect(bench, 0, "NAME", "model list --directory none");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_arrives_readable_and_whole),
        TEST(test_names),
        TEST(test_other_channels_need_a_restart),
        TEST(test_nothing_older_and_nothing_else),
        TEST(test_what_is_no_model),
        TEST(test_signatures_as_configured),
        TEST(test_configurations_that_do_not_serve),
        TEST(test_list),
    };
    return cmocka_run_group_tests(tests, group_setup, bench_remove_directory);
}
