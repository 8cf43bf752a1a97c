#include "base/json.h"
#include "config/config.h"
#include "fixture.h"

#include <errno.h>
#include <sys/stat.h>

#define MINIMAL "{\"mqtt\":{\"url\":\"mqtt://h\"},\"models\":{\"default\":\"m\"}}"

static struct config *load(const char *text)
{
    struct config *config = NULL;
    struct diag diag = DIAG_INIT;
    if (config_load(fixture_write("armwatchd.json", text), &config, &diag) < 0)
        fail_msg("%s", diag.text);
    return config;
}

static void expect_beside(const char *path, const char *name)
{
    assert_string_equal(path, fixture_path(name));
}

static void test_defaults(void **state)
{
    struct config *config = load(MINIMAL);
    assert_string_equal(config->instance, "armwatch");
    assert_string_equal(config->mqtt.url.item[0], "mqtt://h");
    assert_string_equal(config->mqtt.protocol, "5");
    assert_string_equal(config->mqtt.client_id, "armwatch-armwatch");
    assert_null(config->mqtt.username);
    assert_false(config->mqtt.tls_insecure);
    assert_string_equal(config->topics.root, "armwatch");
    assert_int_equal(config->topics.samples.count, 1);
    assert_string_equal(config->topics.samples.item[0], "armwatch/robot/{robot}/sample");
    assert_int_equal(config->robots.max, 1000);
    assert_string_equal(config->models.directory, "/var/lib/armwatch/models");
    assert_string_equal(config->models.default_name, "m");
    assert_int_equal(config->models.robots.count, 0);
    assert_string_equal(config->models.signature, "warn");
    assert_null(config->models.public_key_file);
    assert_false(config->models.watch);
    assert_true(config->alerts.false_alarms_per_day == 0);
    assert_true(config->alerts.reassert_s == 60);
    assert_int_equal(config->input.gate.count, 1);
    assert_string_equal(config->input.gate.item[0].name, "mode");
    assert_int_equal(config->input.gate.item[0].count, 1);
    assert_string_equal(config->input.gate.item[0].allowed[0].text, "auto");
    assert_true(config->input.settle_s == 0);
    assert_string_equal(config->input.time_unit, "s");
    assert_true(config->scores.rate_hz == 2);
    assert_string_equal(config->state_directory, "/var/lib/armwatch");
    assert_string_equal(config->log.level, "info");
    config_free(config);
    config_free(NULL);
}

/* The example of the interface's description, as it stands there. */
static void test_several_brokers(void **state)
{
    struct config *config = load("{\"mqtt\":{\"url\":[\"mqtts://n1\",\"mqtts://n2:1\"],"
                                 "\"ca_file\":\"ca\"},\"models\":{\"default\":\"m\"}}");
    assert_int_equal(config->mqtt.url.count, 2);
    assert_string_equal(config->mqtt.url.item[1], "mqtts://n2:1");
    config_free(config);
}

static void test_the_documented_example(void **state)
{
    struct config *config = load(
        "{ \"instance\": \"cell7\",\n"
        "  \"mqtt\":   {\"url\": \"mqtts://broker.cell7:8883\", \"protocol\": \"5\", "
        "\"client_id\": \"armwatch-cell7\", \"username\": \"armwatch\",\n"
        "             \"password_file\": \"mqtt-password\", \"ca_file\": \"ca.crt\", "
        "\"cert_file\": \"client.crt\", \"key_file\": \"client.key\"},\n"
        "  \"topics\": {\"root\": \"armwatch\", \"samples\": "
        "[\"armwatch/robot/{robot}/sample\"]},\n"
        "  \"robots\": {\"max\": 1000},\n"
        "  \"models\": {\"directory\": \"/var/lib/armwatch/models\", \"default\": \"kuka-sim\", "
        "\"robots\": {\"kuka2\": \"kuka-v2\"},\n"
        "             \"signature\": \"warn\", \"public_key_file\": \"model-pub.key\"},\n"
        "  \"alerts\": {\"false_alarms_per_day\": 1, \"reassert_s\": 60},\n"
        "  \"input\":  {\"max_gap_s\": 0.3, \"stale_periods\": 10, \"silent_s\": 30, "
        "\"gate\": {\"mode\": [\"auto\"]}},\n"
        "  \"scores\": {\"rate_hz\": 2}, \"http\": {\"listen\": \"127.0.0.1:9464\"},\n"
        "  \"state_directory\": \"/var/lib/armwatch\", \"log\": {\"level\": \"info\"} }\n");
    assert_string_equal(config->instance, "cell7");
    assert_string_equal(config->mqtt.password_file, "mqtt-password");
    assert_true(config->input.max_gap_s == 0.3);
    assert_string_equal(config_model_of(config, "kuka2"), "kuka-v2");
    assert_string_equal(config_model_of(config, "kuka1"), "kuka-sim");
    config_free(config);
}

static void test_what_follows_from_other_keys(void **state)
{
    struct config *config =
        load("{\"instance\":\"c7\",\"mqtt\":{\"url\":\"unix:///run/b\"},"
             "\"topics\":{\"root\":\"plant/a\"},\"state_directory\":\"state\","
             "\"models\":{\"directory\":\"models\",\"robots\":{\"r1\":\"m1\",\"r2\":\"m2\"}}}");
    assert_string_equal(config->mqtt.client_id, "armwatch-c7");
    assert_string_equal(config->topics.samples.item[0], "plant/a/robot/{robot}/sample");
    expect_beside(config->models.directory, "models");
    expect_beside(config->state_directory, "state");
    assert_string_equal(config_model_of(config, "r2"), "m2");
    assert_null(config_model_of(config, "r3"));
    config_free(config);
}

/* What is said of other signals does not let manual mode in; what is said of it does. */
static void test_the_gate(void **state)
{
    static const struct {
        const char *gate;
        size_t count;
        const char *mode;
    } cases[] = {{"{}", 1, "auto"},
                 {"{\"mode\":[\"a\",\"b\"]}", 1, "a"},
                 {"{\"$OV_PRO\":{\"min\":99}}", 2, "auto"},
                 {"{\"$OV_PRO\":{\"min\":99},\"mode\":[\"t1\"]}", 2, "t1"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[256];
        snprintf(text, sizeof text,
                 "{\"mqtt\":{\"url\":\"mqtt://h\"},\"models\":{\"default\":\"m\"},"
                 "\"input\":{\"gate\":%s,\"settle_s\":2.5}}",
                 cases[i].gate);
        struct config *config = load(text);
        const struct conditions *gate = &config->input.gate;
        assert_int_equal(gate->count, cases[i].count);
        const struct condition *mode = &gate->item[conditions_find(gate, "mode")];
        assert_string_equal(mode->allowed[0].text, cases[i].mode);
        assert_true(config->input.settle_s == 2.5);
        config_free(config);
    }
}

static void refuse(const char *text, const char *const *parts, size_t count)
{
    struct config *config = NULL;
    struct diag diag = DIAG_INIT;
    int r = config_load(fixture_write("armwatchd.json", text), &config, &diag);
    if (r != -EINVAL)
        fail_msg("%s gave %d: %s", text, r, diag.text);
    assert_null(config);
    fixture_expect_text(diag.text, "armwatchd.json: ");
    for (size_t i = 0; i < count; i++)
        fixture_expect_text(diag.text, parts[i]);
}

#define WITH(more) "{\"mqtt\":{\"url\":\"mqtt://h\"},\"models\":{\"default\":\"m\"}," more "}"

/* Each names the key, what was found and what is allowed. */
static void test_refusals(void **state)
{
    static const struct {
        const char *text, *key, *found, *allowed;
    } cases[] = {
        {"", "JSON", "", ""},
        {"[]", "an array", "must be an object", ""},
        {"{}", "mqtt.url", "missing", "no default"},
        {"{\"mqtt\":{\"url\":\"mqtt://h\"}}", "models.default", "missing", "models.robots"},
        {WITH("\"instanz\":\"x\""), "instanz", "unknown key", "instance, mqtt, topics, robots"},
        {WITH("\"log\":{\"lvl\":1}"), "log.lvl", "unknown key", "known here: level"},
        {WITH("\"log.level\":\"debug\""), "log.level", "unknown key", ""},
        {WITH("\"\":1"), "unknown key", "", ""},
        {WITH("\"log\":\"debug\""), "log", "a string", "an object"},
        {WITH("\"log\":{\"level\":\"loud\"}"), "log.level", "\"loud\"", "error|warning|info|debug"},
        {WITH("\"log\":{\"level\":\"info|debug\"}"), "log.level", "\"info|debug\"", "error|"},
        {WITH("\"log\":{\"level\":\"inf\"}"), "log.level", "\"inf\"", "error|"},
        {"{\"mqtt\":{\"url\":\"mqtt://h\"},\"models\":{\"default\":\"m\",\"signature\":\"on\"}}",
         "models.signature", "\"on\"", "off|warn|require"},
        {"{\"mqtt\":{\"url\":\"mqtt://h\"},\"models\":{\"default\":\"m\","
         "\"signature\":\"require\"}}",
         "models.signature", "require", "needs models.public_key_file"},
        {"{\"mqtt\":{\"url\":\"mqtt://h\"},\"models\":{\"default\":\"m\",\"watch\":1}}",
         "models.watch", "a number", "true or false"},
        {WITH("\"log\":{\"level\":3}"), "log.level", "a number", "a string"},
        {WITH("\"http\":{\"listen\":\"example.org:80\"}"), "http.listen", "example.org", "off"},
        {WITH("\"http\":{\"listen\":\"127.0.0.1:65536\"}"), "http.listen", "65536", "0 to 65535"},
        {WITH("\"http\":{\"connections\":3}"), "http.connections", "3", "4 to 512"},
        {WITH("\"http\":{\"hosts\":\"x\"}"), "http.hosts", "a string", "an array"},
        {WITH("\"instance\":\"a b\""), "instance", "\"a b\"", "A-Z a-z 0-9"},
        {WITH("\"instance\":null"), "instance", "null", "a string"},
        {WITH("\"state_directory\":\"\""), "state_directory", "empty", ""},
        {WITH("\"robots\":{\"max\":0}"), "robots.max", "0", "1 to 1000"},
        {WITH("\"robots\":{\"max\":1001}"), "robots.max", "1001", "1 to 1000"},
        {WITH("\"robots\":{\"max\":1.5}"), "robots.max", "1.5", "an integer"},
        {WITH("\"robots\":{\"max\":\"9\"}"), "robots.max", "a string", "1 to 1000"},
        {WITH("\"alerts\":{\"reassert_s\":0.5}"), "alerts.reassert_s", "0.5", "1 to 86400"},
        {WITH("\"alerts\":{\"false_alarms_per_day\":-1}"), "false_alarms_per_day", "-1", "0 to"},
        {WITH("\"topics\":{\"samples\":\"x\"}"), "topics.samples", "a string", "an array"},
        {WITH("\"topics\":{\"samples\":[1]}"), "topics.samples", "a number", "a string"},
        {WITH("\"topics\":{\"samples\":[\"a/b\"]}"), "topics.samples", "a/b", "{robot}"},
        {WITH("\"topics\":{\"samples\":[\"a/x{robot}\"]}"), "topics.samples", "x{robot}", "whole"},
        {WITH("\"topics\":{\"samples\":[\"{robot}/{robot}\"]}"), "topics.samples", "", "once"},
        {WITH("\"topics\":{\"samples\":[\"+/{robot}\"]}"), "topics.samples", "+/", "control"},
        {WITH("\"topics\":{\"root\":\"a/#\"}"), "topics.root", "a/#", "not"},
        {WITH("\"topics\":{\"root\":\"a\\u0007\"}"), "topics.root", "a ", "control"},
        {WITH("\"topics\":{\"root\":\"a/\"}"), "topics.root", "a/", "not"},
        {WITH("\"topics\":{\"root\":\"$SYS\"}"), "topics.root", "$SYS", "not"},
        {WITH("\"input\":{\"gate\":{\"mode\":\"auto\"}}"), "input.gate: mode: ", "a string",
         "array"},
        {WITH("\"input\":{\"gate\":{\"x\":{\"min\":2,\"max\":1}}}"), "input.gate: x: ", "min 2",
         "max 1"},
        {WITH("\"input\":{\"settle_s\":-1}"), "input.settle_s", "-1", "0 to 3600"},
        {WITH("\"input\":{\"gate\":[]}"), "input.gate", "an array", "an object"},
        {"{\"mqtt\":{\"url\":\"http://h\"},\"models\":{\"default\":\"m\"}}", "mqtt.url", "http",
         ""},
        {"{\"mqtt\":{\"url\":\"mqtt://h\",\"tls_insecure\":1},\"models\":{\"default\":\"m\"}}",
         "mqtt.tls_insecure", "a number", "true or false"},
        {"{\"mqtt\":{\"url\":\"mqtts://h\",\"cert_file\":\"c\"},\"models\":{\"default\":\"m\"}}",
         "mqtt.cert_file", "mqtt.key_file", "together"},
        {"{\"mqtt\":{\"url\":\"mqtt://h\",\"ca_file\":\"c\"},\"models\":{\"default\":\"m\"}}",
         "mqtt.ca_file", "mqtts://", ""},
        {"{\"mqtt\":{\"url\":\"mqtt://h\",\"password_file\":\"c\"},\"models\":{\"default\":\"m\"}}",
         "mqtt.password_file", "mqtt.username", ""},
        {"{\"mqtt\":{\"url\":\"mqtt://h\"},\"models\":{\"default\":\"../m\"}}", "models.default",
         "../m", "A-Z"},
        {"{\"mqtt\":{\"url\":\"mqtt://h\"},\"models\":{\"robots\":{\"a/b\":\"m\"}}}",
         "models.robots", "a/b", "A-Z"},
        {"{\"mqtt\":{\"url\":\"mqtt://h\"},\"models\":{\"robots\":[\"a\"]}}", "models.robots",
         "an array", "an object"},
        {"{\"mqtt\":{\"url\":\"mqtt://h\"},\"models\":{\"robots\":{\"a\":1}}}", "models.robots",
         "\"a\"", "names"},
        {"{\"mqtt\":{\"url\":\"mqtt://h\",\"url\":\"mqtt://i\"}}", "url", "twice", ""},
        {MINIMAL "x", "follows", "", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *const parts[] = {cases[i].key, cases[i].found, cases[i].allowed};
        refuse(cases[i].text, parts, 3);
    }
}

static void test_refused_brokers(void **state)
{
    static const struct {
        const char *text, *key, *found, *allowed;
    } cases[] = {
        {"{\"mqtt\":{\"url\":[]},\"models\":{\"default\":\"m\"}}", "mqtt.url", "0 brokers",
         "1 to 8"},
        {"{\"mqtt\":{\"url\":7},\"models\":{\"default\":\"m\"}}", "mqtt.url", "a number", "array"},
        {"{\"mqtt\":{\"url\":\"\"},\"models\":{\"default\":\"m\"}}", "mqtt.url", "not empty", ""},
        {"{\"mqtt\":{\"url\":[\"mqtts://h\",\"mqtt://i\"]},\"models\":{\"default\":\"m\"}}",
         "mqtt.url", "mqtt://i", "one scheme"},
        {"{\"mqtt\":{\"url\":[\"mqtt://h\",\"mqtt://i:0\"]},\"models\":{\"default\":\"m\"}}",
         "mqtt.url", "mqtt://i:0", "1 to 65535"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *const parts[] = {cases[i].key, cases[i].found, cases[i].allowed};
        refuse(cases[i].text, parts, 3);
    }
}

#define PARTED "\"topics\":{\"samples\":[\"p/{partition}/{robot}\"]},\"partitions\":"
#define LEASE(more) WITH(PARTED "{\"count\":24,\"lease\":{" more "}}")

static void test_partitions(void **state)
{
    static const struct {
        const char *text, *key, *found, *allowed;
    } cases[] = {
        {WITH(PARTED "{}"), "topics.samples", "p/{partition}", "partitions.count"},
        {WITH("\"partitions\":{\"count\":24,\"own\":\"0\"}"), "topics.samples", "{robot}",
         "{partition}"},
        {WITH("\"partitions\":{\"own\":\"0\"}"), "partitions.own", "partitions.count", ""},
        {WITH(PARTED "{\"count\":24}"), "partitions", "own", "lease.url"},
        {WITH(PARTED "{\"count\":24,\"own\":\"0\",\"hash\":\"crc\"}"), "partitions.hash", "crc",
         "fnv1a"},
        {WITH(PARTED "{\"count\":24,\"own\":\"0-24\"}"), "partitions.own", "24", "0 to 23"},
        {WITH(PARTED "{\"count\":257,\"own\":\"0\"}"), "partitions.count", "257", "256"},
        {WITH(PARTED "{\"count\":24,\"own\":\"0\"},\"input\":{\"assembler_file\":\"a\"}"),
         "input.assembler_file", "partitions", ""},
        {WITH(PARTED "{\"count\":24,\"own\":\"0\",\"lease\":{\"url\":\"nats://h\"}}"), "partitions",
         "one of own and lease.url", ""},
        {LEASE("\"url\":7"), "partitions.lease.url", "a number", "string or an array"},
        {LEASE("\"url\":[\"nats://h\",\"h\"]"), "partitions.lease.url", "\"h\"", "nats://"},
        {LEASE("\"url\":\"nats://h\",\"ttl_s\":0.5"), "partitions.lease.ttl_s", "0.5", "1 to"},
        {LEASE("\"url\":\"tls://h\",\"cert_file\":\"c\""), "cert_file", "key_file", "together"},
        {LEASE("\"url\":\"nats://h\",\"ca_file\":\"c\""), "ca_file", "tls://", ""},
        {LEASE("\"url\":\"nats://h\",\"password_file\":\"c\""), "password_file", "username", ""},
#if !ARMWATCH_NATS
        {LEASE("\"url\":\"nats://h\""), "partitions.lease", "without NATS", "-Dnats=enabled"},
#endif
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *const parts[] = {cases[i].key, cases[i].found, cases[i].allowed};
        refuse(cases[i].text, parts, 3);
    }
    struct config *config = load(WITH(PARTED "{\"count\":24,\"own\":\"0-7,12\"}"));
    assert_int_equal(config->partitions.count, 24);
    assert_false(config_leases(config));
    config_free(config);
#if ARMWATCH_NATS
    config = load(LEASE("\"url\":\"nats://h\""));
    assert_true(config_leases(config));
    assert_string_equal(config->partitions.lease.url.item[0], "nats://h");
    assert_string_equal(config->partitions.lease.bucket, "armwatch_partitions");
    config_free(config);
#endif
}

static void test_files_that_cannot_be_read(void **state)
{
    struct config *config = NULL;
    struct diag diag = DIAG_INIT;
    assert_int_equal(config_load(fixture_path("none.json"), &config, &diag), -ENOENT);
    fixture_expect_text(diag.text, "none.json");
    assert_int_equal(config_load(fixture_directory, &config, &diag), -EINVAL);
}

static void test_a_long_text_is_refused(void **state)
{
    char text[4000];
    int used = snprintf(text, sizeof text, "%.*s,\"state_directory\":\"", (int)strlen(MINIMAL) - 1,
                        MINIMAL);
    memset(text + used, 'a', 1025);
    strcpy(text + used + 1025, "\"}");
    refuse(text, (const char *const[]){"state_directory", "1025 characters", "1024"}, 3);
}

/* ---- secrets ---- */

static void make_secret(const char *name, const char *text, mode_t mode)
{
    assert_int_equal(chmod(fixture_write(name, text), mode), 0);
}

static void test_secrets_beside_the_configuration(void **state)
{
    struct config *config = load(MINIMAL);
    struct diag diag = DIAG_INIT;
    char *text = NULL, *path = NULL;
    unsetenv("CREDENTIALS_DIRECTORY");
    make_secret("password", "s3cret\r\nsecond line", 0640);
    assert_int_equal(config_read_secret(config, "password", &text, &diag), 0);
    assert_string_equal(text, "s3cret");
    free(text);
    make_secret("open", "s3cret", 0644);
    assert_int_equal(config_read_secret(config, "open", &text, &diag), -EINVAL);
    fixture_expect_text(diag.text, "open: others may read it");
    assert_int_equal(config_read_secret(config, "none", &text, &diag), -ENOENT);
    fixture_expect_text(diag.text, "none");
    char absolute[256];
    snprintf(absolute, sizeof absolute, "%s", fixture_path("password"));
    assert_int_equal(config_find_secret(config, absolute, &path, &diag), 0);
    assert_string_equal(path, absolute);
    free(path);
    config_free(config);
}

static void expect_secret(const struct config *config, const char *name, const char *expected)
{
    struct diag diag = DIAG_INIT;
    char *text = NULL;
    if (config_read_secret(config, name, &text, &diag) < 0)
        fail_msg("%s", diag.text);
    assert_string_equal(text, expected);
    free(text);
}

static void test_credentials_come_first(void **state)
{
    struct config *config = load(MINIMAL);
    assert_int_equal(mkdir(fixture_path("credentials"), 0700), 0);
    setenv("CREDENTIALS_DIRECTORY", fixture_path("credentials"), 1);
    make_secret("x", "beside", 0600);
    expect_secret(config, "x", "beside");
    make_secret("credentials/armwatch.x", "prefixed", 0600);
    expect_secret(config, "x", "prefixed");
    make_secret("credentials/x", "plain", 0600);
    expect_secret(config, "x", "plain");
    unsetenv("CREDENTIALS_DIRECTORY");
    config_free(config);
}

/* ---- reading again ---- */

static void test_keep_fixed(void **state)
{
    struct config *running =
        load("{\"instance\":\"a\",\"mqtt\":{\"url\":\"mqtt://h\",\"username\":\"u\"},"
             "\"models\":{\"default\":\"m\",\"robots\":{\"r\":\"x\"}}}");
    struct config *config =
        load("{\"instance\":\"b\",\"mqtt\":{\"url\":\"mqtt://h\"},\"robots\":{\"max\":5},"
             "\"topics\":{\"samples\":[\"{robot}/s\",\"t/{robot}\"]},\"alerts\":{\"reassert_s\":9},"
             "\"input\":{\"max_gap_s\":3},\"log\":{\"level\":\"debug\"},"
             "\"models\":{\"default\":\"n\",\"robots\":{\"q\":\"y\",\"r\":\"z\"}}}");
    char changed[256];
    config_keep_fixed(config, running, changed, sizeof changed);
    assert_string_equal(changed, "instance, mqtt.client_id, mqtt.username, topics.samples, "
                                 "robots.max, input.max_gap_s");
    config_free(running); /* takes away what was new */
    assert_string_equal(config->instance, "a");
    assert_string_equal(config->mqtt.username, "u");
    assert_string_equal(config->mqtt.client_id, "armwatch-a");
    assert_int_equal(config->topics.samples.count, 1);
    assert_int_equal(config->robots.max, 1000);
    assert_true(config->input.max_gap_s == 0);
    /* These change while it runs. */
    assert_true(config->alerts.reassert_s == 9);
    assert_string_equal(config->log.level, "debug");
    assert_string_equal(config_model_of(config, "q"), "y");
    assert_string_equal(config_model_of(config, "other"), "n");
    config_free(config);
}

static void test_keep_fixed_of_the_same(void **state)
{
    struct config *running = load(MINIMAL), *config = load(MINIMAL);
    char changed[8] = "x";
    config_keep_fixed(config, running, changed, sizeof changed);
    assert_string_equal(changed, "");
    config_free(running);
    config_free(config);
}

static void test_a_short_room_for_what_changed(void **state)
{
    struct config *running = load(MINIMAL);
    struct config *config = load(WITH("\"instance\":\"b\",\"state_directory\":\"/x\""));
    char changed[12];
    config_keep_fixed(config, running, changed, sizeof changed);
    assert_string_equal(changed, "instance, m");
    config_free(running);
    config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_several_brokers),
        cmocka_unit_test(test_refused_brokers),
        cmocka_unit_test(test_the_documented_example),
        cmocka_unit_test(test_the_gate),
        cmocka_unit_test(test_what_follows_from_other_keys),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_partitions),
        cmocka_unit_test(test_files_that_cannot_be_read),
        cmocka_unit_test(test_a_long_text_is_refused),
        cmocka_unit_test(test_secrets_beside_the_configuration),
        cmocka_unit_test(test_credentials_come_first),
        cmocka_unit_test(test_keep_fixed),
        cmocka_unit_test(test_keep_fixed_of_the_same),
        cmocka_unit_test(test_a_short_room_for_what_changed),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
