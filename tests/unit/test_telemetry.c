#include "daemon/telemetry.h"

#include "base/clock.h"
#include "base/log.h"
#include "fake_client.h"
#include "fixture.h"
#include "plant.h"

#include <ctype.h>
#include <string.h>

static struct plant plant;
static const struct assembly no_assembly;
static struct silence silence;
static struct saved_state saved;
static struct service service;
static struct text out;

static int setup_models(void **state)
{
    int r = fixture_setup(state);
    plant_set_directory(fixture_directory);
    plant_add_model(&(struct tiny_model){.name = "one", .detectors = 2});
    return r;
}

static int setup(void **state)
{
    plant_start(&plant, "\"default\":\"one\"", "", NULL);
    silence = (struct silence){.fleet = &plant.fleet, .publisher = &plant.publisher};
    service = (struct service){.config = plant.config,
                               .fleet = &plant.fleet,
                               .intake = &plant.intake,
                               .assembly = &no_assembly,
                               .publisher = &plant.publisher,
                               .control = &plant.control,
                               .saved = &saved,
                               .silence = &silence,
                               .began_ns = INT64_C(1764142000500000000),
                               .connects = 3};
    return 0;
}

static int teardown(void **state)
{
    text_deinit(&out);
    plant_stop(&plant);
    return 0;
}

static void print(void)
{
    text_clear(&out);
    telemetry_print(&service, clock_monotonic_ns(), &out);
    assert_false(out.failed);
}

static bool has_line(const char *line)
{
    char whole[256];
    snprintf(whole, sizeof whole, "\n%s\n", line);
    return strstr(out.data, whole) != NULL;
}

#define EXPECT_LINE(line)                                                                          \
    do {                                                                                           \
        if (!has_line(line))                                                                       \
            fail_msg("no line %s", line);                                                          \
    } while (0)

static struct robot *add_robot(const char *name)
{
    struct diag diag = DIAG_INIT;
    struct robot *robot = fleet_add(&plant.fleet, name, &diag);
    if (!robot)
        fail_msg("%s", diag.text);
    return robot;
}

/* What is not known has no sample, and what is 0 has one: a rule can count on it. */
static void test_a_new_robot(void **state)
{
    add_robot("kuka1");
    print();
    assert_null(strstr(out.data, "\narmwatch_score{"));
    assert_null(strstr(out.data, "\narmwatch_sample_age_seconds{"));
    assert_null(strstr(out.data, "\narmwatch_clock_skew_seconds{"));
    assert_null(strstr(out.data, "\narmwatch_detector_score{"));
    EXPECT_LINE("armwatch_samples_received_total{robot=\"kuka1\"} 0");
    EXPECT_LINE("armwatch_samples_rejected_total{robot=\"kuka1\",reason=\"bad_time\"} 0");
    EXPECT_LINE(
        "armwatch_alerts_total{robot=\"kuka1\",kind=\"sensor_fault\",severity=\"warning\"} 0");
    EXPECT_LINE("armwatch_robot_state{robot=\"kuka1\",state=\"warming\"} 1");
    EXPECT_LINE("armwatch_robot_model_info{robot=\"kuka1\",model=\"one\",version=\"1\"} 1");
    EXPECT_LINE("armwatch_mqtt_connected 1");
    EXPECT_LINE("armwatch_mqtt_connects_total 3");
    EXPECT_LINE("armwatch_robots 1");
    EXPECT_LINE("process_start_time_seconds 1764142000.5");
    assert_non_null(strstr(out.data, "\narmwatch_model_info{name=\"one\",version=\"1\",sha256=\""));
    fake_client.online = false;
    print();
    EXPECT_LINE("armwatch_mqtt_connected 0");
}

static void test_a_robot_with_everything(void **state)
{
    struct robot *robot = add_robot("kuka1");
    robot->counters.received = 12;
    robot->counters.rejected[SAMPLE_MALFORMED] = 2;
    robot->counters.due = 10;
    robot->counters.evaluated = 7;
    robot->counters.scored = 7;
    robot->score = 1.5;
    robot->detector_score[0] = 0.25;
    robot->detector_score[1] = -1; /* has not judged */
    robot->rate.period_s = 0.1;
    robot->dated = true;
    robot->clock_skew_s = -0.5;
    robot->last_arrival_ns = clock_monotonic_ns();
    robot->alert.episode.open = true;
    robot->alert.episode.severity = ALERT_CRITICAL;
    robot->counters.raised[ALERT_ANOMALY][ALERT_WARNING] = 4;
    service_troubles(&service, clock_monotonic_ns());
    service.troubles = 1U << SERVICE_STATE;
    print();
    EXPECT_LINE("armwatch_samples_rejected_total{robot=\"kuka1\",reason=\"malformed\"} 2");
    EXPECT_LINE("armwatch_windows_not_evaluated_total{robot=\"kuka1\"} 3");
    EXPECT_LINE("armwatch_score{robot=\"kuka1\"} 1.5");
    EXPECT_LINE("armwatch_detector_score{robot=\"kuka1\",detector=\"first\"} 0.25");
    EXPECT_LINE("armwatch_sample_period_seconds{robot=\"kuka1\"} 0.1");
    EXPECT_LINE("armwatch_clock_skew_seconds{robot=\"kuka1\"} -0.5");
    EXPECT_LINE("armwatch_robot_state{robot=\"kuka1\",state=\"alert\"} 1");
    EXPECT_LINE("armwatch_alerts_open{robot=\"kuka1\",kind=\"anomaly\",severity=\"critical\"} 1");
    EXPECT_LINE("armwatch_alerts_open{robot=\"kuka1\",kind=\"anomaly\",severity=\"warning\"} 0");
    EXPECT_LINE("armwatch_alerts_total{robot=\"kuka1\",kind=\"anomaly\",severity=\"warning\"} 4");
    EXPECT_LINE("armwatch_degraded{reason=\"state\"} 1");
    EXPECT_LINE("armwatch_degraded{reason=\"model\"} 0");
    assert_null(strstr(out.data, "detector=\"second\"} -1"));
}

static void test_the_histogram_adds_up(void **state)
{
    latency_push(&service.latency, 300000);
    latency_push(&service.latency, 20000000);
    latency_push(&service.latency, INT64_C(3000000000));
    print();
    EXPECT_LINE("armwatch_sample_to_score_seconds_bucket{le=\"0.00025\"} 0");
    EXPECT_LINE("armwatch_sample_to_score_seconds_bucket{le=\"0.0005\"} 1");
    EXPECT_LINE("armwatch_sample_to_score_seconds_bucket{le=\"0.025\"} 2");
    EXPECT_LINE("armwatch_sample_to_score_seconds_bucket{le=\"1\"} 2");
    EXPECT_LINE("armwatch_sample_to_score_seconds_bucket{le=\"+Inf\"} 3");
    EXPECT_LINE("armwatch_sample_to_score_seconds_count 3");
    EXPECT_LINE("armwatch_sample_to_score_seconds_sum 3.0203");
}

/* Every line is a sample of the family before it, no family comes twice, and no sample. */
static void test_the_form(void **state)
{
    static char family[128], seen[64 << 10];
    add_robot("kuka1");
    add_robot("kuka2");
    print();
    *seen = '\0';
    char *copy = strdup(out.data), *rest = copy;
    for (char *line; (line = strsep(&rest, "\n")) && *line;) {
        char name[128];
        if (sscanf(line, "# HELP %127s", name) == 1) {
            snprintf(family, sizeof family, "%s", name);
            size_t length = strlen(seen);
            char wanted[140];
            snprintf(wanted, sizeof wanted, "%s;", name);
            assert_null(strstr(seen, wanted));
            snprintf(seen + length, sizeof seen - length, "%s", wanted);
            assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(name));
        } else if (sscanf(line, "# TYPE %127s", name) == 1) {
            assert_string_equal(name, family);
            bool total = strstr(name, "_total") != NULL;
            assert_int_equal(total, strstr(line, " counter") != NULL);
        } else {
            assert_int_equal(strncmp(line, family, strlen(family)), 0);
            assert_ptr_equal(strstr(out.data, line), strstr(strstr(out.data, line), line));
        }
    }
    free(copy);
}

/* ---- what others say of it */

static char *read_whole(const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file)
        fail_msg("%s cannot be read", path);
    static char text[256 << 10];
    size_t size = fread(text, 1, sizeof text - 1, file);
    text[size] = '\0';
    fclose(file);
    return text;
}

/* docs/metrics.md has each family, with its labels, its type and its words. */
static void test_the_documentation(void **state)
{
    struct robot *robot = add_robot("kuka1");
    robot->counters.scored = 1;
    print();
    const char *page = read_whole(PROJECT_DIR "/docs/metrics.md");
    char *rest = out.data;
    for (char *line; (line = strsep(&rest, "\n")) && *line;) {
        char name[128], type[16], row[512];
        int words;
        if (sscanf(line, "# HELP %127s %n", name, &words) != 1)
            continue;
        const char *help = line + words, *type_line = strsep(&rest, "\n");
        assert_int_equal(sscanf(type_line, "# TYPE %*s %15s", type), 1);
        snprintf(row, sizeof row, " | %s | %s |", type, help);
        char begin[160];
        snprintf(begin, sizeof begin, "| `%s", name);
        const char *at = strstr(page, begin);
        while (at && at[strlen(begin)] != '{' && at[strlen(begin)] != '`')
            at = strstr(at + 1, begin);
        if (!at || !strstr(at, row) || strstr(at, row) > strchr(at, '\n'))
            fail_msg("docs/metrics.md has no row %s...`%s", begin, row);
    }
}

/* Every name that a rule or the dashboard uses is one that the daemon tells. */
static void check_names(const char *path)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    const char *text = read_whole(path);
    size_t found = 0;
    for (const char *at = text; *at; at++) {
        bool begins = !strncmp(at, "armwatch_", 9) || !strncmp(at, "process_", 8);
        if (!begins || (at > text && (isalnum((unsigned char)at[-1]) || at[-1] == '_')))
            continue;
        static const char *const suffixes[] = {"_bucket", "_sum", "_count", ""};
        int length = (int)strspn(at, letters);
        bool known = false;
        for (size_t s = 0; s < sizeof suffixes / sizeof suffixes[0]; s++) {
            int cut = (int)strlen(suffixes[s]);
            char type[160];
            if (cut > length || strncmp(at + length - cut, suffixes[s], (size_t)cut) != 0)
                continue;
            snprintf(type, sizeof type, "# TYPE %.*s %s", length - cut, at, cut ? "histogram" : "");
            known |= strstr(out.data, type) != NULL;
        }
        if (!known)
            fail_msg("%s: there is no metric %.*s", path, length, at);
        found++;
        at += length - 1;
    }
    assert_true(found > 10);
}

static void test_rules_and_dashboard(void **state)
{
    add_robot("kuka1");
    print();
    check_names(PROJECT_DIR "/config/prometheus/armwatch.rules.yml");
    check_names(PROJECT_DIR "/config/prometheus/armwatch.test.yml");
    check_names(PROJECT_DIR "/config/grafana/armwatch.json");
    struct diag diag = DIAG_INIT;
    const char *text = read_whole(PROJECT_DIR "/config/grafana/armwatch.json");
    cJSON *tree = cJSON_Parse(text);
    if (!tree)
        fail_msg("the dashboard is no JSON: %s", diag.text);
    assert_true(cJSON_GetArraySize(cJSON_GetObjectItem(tree, "panels")) > 10);
    cJSON_Delete(tree);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        TEST(test_a_new_robot),           TEST(test_a_robot_with_everything),
        TEST(test_the_histogram_adds_up), TEST(test_the_form),
        TEST(test_the_documentation),     TEST(test_rules_and_dashboard),
    };
    return cmocka_run_group_tests(tests, setup_models, fixture_teardown);
}
