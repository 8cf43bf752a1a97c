/* The HTTP side of a real daemon: what it serves, to whom, and whom it does not let in the way. */
#include "web.h"

#include "base/clock.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define GROSS 4.0 /* anomaly that is critical */

/* ---- what is served */

static void expect_headers(const struct web_answer *answer, const char *caching)
{
    static const char *const strict[][2] = {
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"X-Frame-Options", "DENY"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
    };
    static const char *const policy[] = {"default-src 'none';",   "script-src 'self';",
                                         "style-src 'self';",     "connect-src 'self';",
                                         "img-src 'self' data:;", "frame-ancestors 'none';",
                                         "base-uri 'none';"};
    for (size_t i = 0; i < sizeof strict / sizeof strict[0]; i++) {
        const char *value = web_header(answer, strict[i][0]);
        if (!value || strcmp(value, strict[i][1]) != 0)
            fail_msg("%s: %s", strict[i][0], value ? value : "is missing");
    }
    for (size_t i = 0; i < sizeof policy / sizeof policy[0]; i++) {
        const char *value = web_header(answer, "Content-Security-Policy");
        if (!value || !strstr(value, policy[i]))
            fail_msg("Content-Security-Policy: %s: no %s", value ? value : "", policy[i]);
    }
    assert_string_equal(web_header(answer, "Cache-Control"), caching);
    assert_null(web_header(answer, "Access-Control-Allow-Origin"));
}

static void test_paths(void **state)
{
    static const struct {
        const char *path, *type, *caching, *begin;
        int status;
    } paths[] = {
        {"/", "text/html; charset=utf-8", "no-cache", "<!doctype html>", 200},
        {"/index.html", "text/html; charset=utf-8", "no-cache", "<!doctype html>", 200},
        {"/metrics", "text/plain; version=0.0.4; charset=utf-8", "no-store", "# HELP armwatch_",
         200},
        {"/healthz", "application/json", "no-store", "{\"status\":\"ok\"", 200},
        {"/api/overview", "application/json", "no-store", "{\"instance\":\"cell7\"", 200},
        {"/api/robot?name=nobody", "application/json", "no-store", "{\"error\":", 404},
        {"/api/robot", "application/json", "no-store", "{\"error\":", 400},
        {"/api/robot?name=", "application/json", "no-store", "{\"error\":", 400},
        {"/api/robot?name=a%00b", "application/json", "no-store", "{\"error\":", 400},
        {"/api/robot?name=..%2f..%2fetc", "application/json", "no-store", "{\"error\":", 400},
        {"/api/robot?name=%3Cscript%3E", "application/json", "no-store", "{\"error\":", 400},
        {"/api", "application/json", "no-store", "{\"error\":", 404},
        {"/../../etc/passwd", "application/json", "no-store", "{\"error\":", 404},
        {"/%2e%2e/index.html", "application/json", "no-store", "{\"error\":", 404},
        {"//index.html", "application/json", "no-store", "{\"error\":", 404},
    };
    struct cell *cell = *state;
    cell_start(cell);
    struct web web = web_of(cell);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct web_answer got = web_ask(&web, "GET", paths[i].path, "");
        if (got.status != paths[i].status)
            fail_msg("%s: %d, expected %d", paths[i].path, got.status, paths[i].status);
        if (strncmp(got.body, paths[i].begin, strlen(paths[i].begin)) != 0)
            fail_msg("%s: \"%.60s\", expected \"%s\"", paths[i].path, got.body, paths[i].begin);
        assert_string_equal(web_header(&got, "Content-Type"), paths[i].type);
        expect_headers(&got, paths[i].caching);
        struct web_answer head = web_ask(&web, "HEAD", paths[i].path, "");
        assert_int_equal(head.status, paths[i].status);
        assert_int_equal(head.size, 0);
        assert_non_null(web_header(&head, "Content-Length"));
        web_answer_free(&got);
        web_answer_free(&head);
    }
    cell_stop(cell);
}

static void test_known_files_are_not_sent_again(void **state)
{
    struct cell *cell = *state;
    char line[128];
    cell_start(cell);
    struct web web = web_of(cell);
    struct web_answer first = web_ask(&web, "GET", "/", "");
    snprintf(line, sizeof line, "If-None-Match: \"x\", W/%s\r\n", web_header(&first, "ETag"));
    struct web_answer again = web_ask(&web, "GET", "/", line);
    assert_int_equal(again.status, 304);
    assert_int_equal(again.size, 0);
    expect_headers(&again, "no-cache");
    struct web_answer other = web_ask(&web, "GET", "/", "If-None-Match: \"0123456789abcdef\"\r\n");
    assert_int_equal(other.status, 200);
    assert_int_equal(other.size, first.size);
    web_answer_free(&first);
    web_answer_free(&again);
    web_answer_free(&other);
    cell_stop(cell);
}

static const char *const robot_members[] = {
    "robot",   "state", "reasons",       "since", "score", "coverage_1h", "last_sample_age_s",
    "rate_hz", "model", "model_version", "alerts"};

static void expect_members(const cJSON *tree, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!json_at(tree, names[i]))
            fail_msg("no member %s", names[i]);
    }
}

#define EXPECT_MEMBERS(tree, ...)                                                                  \
    do {                                                                                           \
        static const char *const expected[] = {__VA_ARGS__};                                       \
        expect_members(tree, expected, sizeof expected / sizeof expected[0]);                      \
    } while (0)

static void expect_robot(const cJSON *robot, const char *name)
{
    expect_members(robot, robot_members, sizeof robot_members / sizeof robot_members[0]);
    assert_string_equal(json_text(robot, "robot"), name);
    assert_string_equal(json_text(robot, "model"), "cell");
    assert_true(cJSON_IsArray(json_at(robot, "reasons")));
    json_number(robot, "coverage_1h");
    assert_true(json_number(robot, "last_sample_age_s") >= 0);
}

static void expect_overview(const struct web *web, const char *robot, bool alerted)
{
    cJSON *tree = web_json(web, "/api/overview", 200);
    EXPECT_MEMBERS(tree, "instance", "version", "now", "uptime_s", "state", "reasons", "broker.url",
                   "counters.samples", "counters.rejected", "counters.windows", "counters.alerts");
    assert_string_equal(json_text(tree, "instance"), CELL_INSTANCE);
    assert_string_equal(json_text(tree, "state"), "online");
    assert_true(cJSON_IsTrue(json_at(tree, "broker.connected")));
    assert_true(json_number(tree, "counters.samples") >= 100);
    assert_true(json_number(tree, "counters.windows") >= 90);
    const cJSON *robots = json_at(tree, "robots");
    assert_int_equal(cJSON_GetArraySize(robots), 1);
    expect_robot(robots->child, robot);
    const cJSON *alerts = json_at(robots->child, "alerts");
    assert_int_equal(cJSON_GetArraySize(alerts), alerted);
    if (alerted) {
        EXPECT_MEMBERS(alerts->child, "alert_id", "kind", "severity", "started", "acked", "text");
        assert_true(strlen(json_text(alerts->child, "text")) > 10);
    }
    cJSON_Delete(tree);
}

static void expect_episode(const cJSON *episode, const char *state)
{
    EXPECT_MEMBERS(episode, "alert_id", "kind", "severity", "state", "started", "ended", "score",
                   "peak_score", "text", "step", "acked", "verdict", "channels", "groups",
                   "detectors", "model.name", "model.version");
    assert_string_equal(json_text(episode, "state"), state);
    assert_string_equal(json_text(episode, "kind"), "anomaly");
    assert_true(json_number(episode, "peak_score") > 1);
    assert_null(strstr(json_text(episode, "text"), "as usual"));
    assert_true(cJSON_IsNull(json_at(episode, "ended")) == !strcmp(state, "raised"));
    EXPECT_MEMBERS(json_at(episode, "channels")->child, "name", "share", "observed", "expected",
                   "z");
    EXPECT_MEMBERS(json_at(episode, "groups")->child, "name", "share");
    EXPECT_MEMBERS(json_at(episode, "detectors")->child, "name", "score", "threshold", "ratio");
}

static void expect_scores(const cJSON *scores)
{
    const cJSON *value;
    double highest = 0;
    assert_int_equal(json_number(scores, "interval_s"), 1);
    double age_s = (double)clock_realtime_ns() / 1e9 - json_number(scores, "t0");
    size_t count = 0;
    cJSON_ArrayForEach(value, json_at(scores, "values"))
    {
        assert_true(cJSON_IsNumber(value) || cJSON_IsNull(value));
        highest =
            cJSON_IsNumber(value) && value->valuedouble > highest ? value->valuedouble : highest;
        count++;
    }
    assert_in_range(count, 1, 600);
    if (fabs(age_s - (double)count) > 2)
        fail_msg("%zu intervals, the first began %g s ago", count, age_s);
    assert_true(highest > 1);
}

static void expect_one_robot(const struct web *web, size_t episodes, const char *newest)
{
    cJSON *tree = web_json(web, "/api/robot?name=kuka1", 200);
    expect_robot(json_at(tree, "robot"), "kuka1");
    EXPECT_MEMBERS(tree, "model.name", "model.version", "model.sha256", "drift",
                   "model.target_false_alarms_per_day", "model.supported_false_alarms_per_day",
                   "counters.samples", "counters.rejected", "counters.windows",
                   "counters.not_evaluated");
    assert_int_equal(json_number(tree, "model.channels"), TOY_ARM_CHANNELS);
    assert_true(json_number(tree, "model.target_false_alarms_per_day") == CELL_FALSE_ALARMS);
    const cJSON *detector = json_at(tree, "model.detectors")->child;
    assert_true(json_number(detector, "threshold") > 0);
    const cJSON *list = json_at(tree, "episodes");
    assert_int_equal(cJSON_GetArraySize(list), episodes);
    if (episodes > 0)
        expect_episode(list->child, newest);
    expect_scores(json_at(tree, "scores"));
    cJSON_Delete(tree);
}

static void fresh(struct cell *cell)
{
    wait_ms(&cell->harness->loop, 600); /* what was rendered before is as good for 500 ms */
}

/* What an operator says of the newest alert is there at the next look. */
static void acknowledge(struct cell *cell, const struct web *web)
{
    char body[160];
    cJSON *tree = web_json(web, "/api/robot?name=kuka1", 200);
    snprintf(body, sizeof body, "\"command\":\"ack\",\"alert_id\":\"%s\",\"verdict\":\"true\"",
             json_text(json_at(tree, "episodes")->child, "alert_id"));
    cJSON_Delete(tree);
    cJSON *reply = cell_command(cell, body);
    assert_true(cJSON_IsTrue(json_at(reply, "ok")));
    cJSON_Delete(reply);
    fresh(cell);
    tree = web_json(web, "/api/robot?name=kuka1", 200);
    const cJSON *episode = json_at(tree, "episodes")->child;
    assert_true(cJSON_IsTrue(json_at(episode, "acked")));
    assert_string_equal(json_text(episode, "verdict"), "true");
    assert_true(cJSON_IsTrue(json_at(json_at(tree, "robot.alerts")->child, "acked")));
    cJSON_Delete(tree);
}

static void test_a_robot_and_its_alerts(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    cell_start(cell);
    struct web web = web_of(cell);
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 901);
    cell_run(cell, &robot, 100, 0);
    cell_run(cell, &robot, 30, GROSS);
    expect_overview(&web, "kuka1", true);
    expect_one_robot(&web, 1, "raised");
    cell_run(cell, &robot, 60, 0);
    fresh(cell);
    expect_overview(&web, "kuka1", false);
    expect_one_robot(&web, 1, "cleared");
    cell_run(cell, &robot, 30, GROSS);
    fresh(cell);
    expect_one_robot(&web, 2, "raised");
    acknowledge(cell, &web);
    cell_stop(cell);
}

/* ---- metrics */

/* The value of a sample, by its whole left side. */
static double sample_of(const char *metrics, const char *name)
{
    char line[256];
    snprintf(line, sizeof line, "\n%s ", name);
    const char *at = strstr(metrics, line);
    if (!at)
        fail_msg("no sample %s", name);
    return strtod(at + strlen(line), NULL);
}

static void check_by_promtool(const char *metrics)
{
    if (system("command -v promtool >/dev/null") != 0) {
        print_message("not checked by promtool, which is not installed (Debian: prometheus)\n");
        return;
    }
    FILE *pipe = popen("promtool check metrics", "w");
    assert_non_null(pipe);
    fputs(metrics, pipe);
    assert_int_equal(pclose(pipe), 0);
}

static void test_metrics(void **state)
{
    static const struct {
        const char *name, *counter;
    } same[] = {
        {"armwatch_samples_received_total{robot=\"kuka1\"}", "received"},
        {"armwatch_windows_scored_total{robot=\"kuka1\"}", "scored"},
        {"armwatch_windows_queued_total{robot=\"kuka1\"}", "windows"},
        {"armwatch_samples_rejected_total{robot=\"kuka1\",reason=\"malformed\"}",
         "rejected.malformed"},
        {"armwatch_samples_rejected_total{robot=\"kuka1\",reason=\"wrong_count\"}",
         "rejected.wrong_count"},
        {"armwatch_alerts_total{robot=\"kuka1\",kind=\"anomaly\",severity=\"critical\"}", "alerts"},
    };
    static const struct {
        const char *name;
        double value;
    } known[] = {
        {"armwatch_mqtt_connected", 1},
        {"armwatch_mqtt_connects_total", 1},
        {"armwatch_robots", 1},
        {"armwatch_build_info{version=\"" ARMWATCH_VERSION "\"}", 1},
        {"armwatch_robot_state{robot=\"kuka1\",state=\"alert\"}", 1},
        {"armwatch_robot_state{robot=\"kuka1\",state=\"ok\"}", 0},
        {"armwatch_alerts_open{robot=\"kuka1\",kind=\"anomaly\",severity=\"critical\"}", 1},
        {"armwatch_alerts_open{robot=\"kuka1\",kind=\"silent\",severity=\"info\"}", 0},
        {"armwatch_degraded{reason=\"http\"}", 0},
        {"armwatch_model_reloads_total{result=\"ok\"}", 1},
        {"armwatch_model_reloads_total{result=\"model_not_found\"}", 1},
        {"armwatch_control_refused_total{code=\"model_not_found\"}", 1},
    };
    struct cell *cell = *state;
    struct cell_robot robot;
    cell_start(cell);
    struct web web = web_of(cell);
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 902);
    cell_run(cell, &robot, 60, 0);
    cJSON_Delete(cell_command(cell, "\"command\":\"reload\",\"model\":\"cell-v2\""));
    cell_refused(cell, "\"command\":\"reload\",\"model\":\"nowhere\"", "model_not_found");
    cell_publish(cell, cell_topic("kuka1", "sample"), "{", 1);
    cell_publish(cell, cell_topic("kuka1", "sample"), "[1]", 3);
    cell_run(cell, &robot, 60, GROSS);
    struct web_answer answer = web_ask(&web, "GET", "/metrics", "");
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        double counted = cell_counter(cell, "kuka1", same[i].counter);
        if (sample_of(answer.body, same[i].name) != counted || counted == 0)
            fail_msg("%s: %g, the status says %g", same[i].name,
                     sample_of(answer.body, same[i].name), counted);
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (sample_of(answer.body, known[i].name) != known[i].value)
            fail_msg("%s: %g, expected %g", known[i].name, sample_of(answer.body, known[i].name),
                     known[i].value);
    }
    double scored = sample_of(answer.body, "armwatch_windows_scored_total{robot=\"kuka1\"}");
    assert_true(sample_of(answer.body, "armwatch_sample_to_score_seconds_count") == scored);
    assert_true(sample_of(answer.body, "armwatch_sample_to_score_seconds_bucket{le=\"+Inf\"}") ==
                scored);
    assert_true(sample_of(answer.body, "armwatch_sample_to_score_seconds_sum") > 0);
    assert_true(sample_of(answer.body, "armwatch_score{robot=\"kuka1\"}") > 1);
    assert_true(sample_of(answer.body, "process_resident_memory_bytes") > 1e6);
    assert_true(sample_of(answer.body, "process_open_fds") > 5);
    check_by_promtool(answer.body);
    web_answer_free(&answer);
    cell_stop(cell);
}

/* ---- what is refused */

static void expect_status(const struct web *web, const char *request, const char *status)
{
    char *answer = web_exchange(web, request);
    if (strncmp(answer, status, strlen(status)) != 0)
        fail_msg("\"%.60s\": \"%.60s\", expected \"%s\"", request, answer, status);
    free(answer);
}

static void test_refused_requests(void **state)
{
    static const struct {
        const char *request, *status;
    } requests[] = {
        {"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 405"},
        {"PUT /api/overview HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
         "HTTP/1.1 405"},
        {"DELETE /api/robot?name=kuka1 HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 405"},
        {"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 405"},
        {"TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 405"},
        {"CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 405"},
        {"get / HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 405"},
        {"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 40\r\n\r\nGET /metrics HTTP/1.1",
         "HTTP/1.1 400"},
        {"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         "HTTP/1.1 400"},
        {"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", "HTTP/1.1 403"},
        {"GET /metrics HTTP/1.1\r\nHost: localhost.evil.example:80\r\n\r\n", "HTTP/1.1 403"},
        {"GET / HTTP/1.1\r\nHost:\r\n\r\n", "HTTP/1.1 403"},
        {"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", "HTTP/1.1 400"},
        {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400"},
        {"GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 200"},
        {"GET / HTTP/1.0\r\nHost: evil.example\r\n\r\n", "HTTP/1.1 403"},
        {"GET / HTTP/1.1\r\nHost: [::1]:1\r\nConnection: close\r\n\r\n", "HTTP/1.1 200"},
        {"\x16\x03\x01\x02 \r\n\r\n", ""},
        {"\r\n\r\n\r\n GET\r\n\r\n", ""},
        {"GET\r\n\r\n", ""},
        {"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n", ""},
        {"GET / HTTP/1.1\r\nHost: localhost\r\n: x\r\nx\r\nConnection: close\r\n\r\n", ""},
        {"GET /%zz%0 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "HTTP/1.1 404"},
        {"GET /api/robot?&&=&name&name=&=x HTTP/1.1\r\nHost: localhost\r\nConnection: "
         "close\r\n\r\n",
         "HTTP/1.1 400"},
    };
    struct cell *cell = *state;
    cell_start(cell);
    struct web web = web_of(cell);
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        expect_status(&web, requests[i].request, requests[i].status);
        daemon_process_assert_alive(cell->daemon);
    }
    struct web_answer answer = web_ask(&web, "POST", "/healthz", "Content-Length: 3000000000\r\n");
    assert_int_equal(answer.status, 405);
    assert_string_equal(web_header(&answer, "Allow"), "GET, HEAD");
    assert_string_equal(web_header(&answer, "Connection"), "close");
    expect_headers(&answer, "no-store");
    web_answer_free(&answer);
    cell_stop(cell);
}

static void test_further_hosts(void **state)
{
    struct cell *cell = *state;
    cell_configure(cell, "http.hosts", "[\"watch.cell7\"]");
    cell_start(cell);
    struct web web = web_of(cell);
    expect_status(&web, "GET / HTTP/1.1\r\nHost: watch.cell7\r\nConnection: close\r\n\r\n",
                  "HTTP/1.1 200");
    expect_status(&web, "GET / HTTP/1.1\r\nHost: cell7\r\n\r\n", "HTTP/1.1 403");
    cell_stop(cell);
}

/* A head that has no end, and lines of it without end, take no memory to speak of. */
static void test_oversized_requests(void **state)
{
    static char head[300000];
    struct cell *cell = *state;
    cell_start(cell);
    struct web web = web_of(cell);
    long before_kib = daemon_process_rss_kib(cell->daemon);
    for (int form = 0; form < 3; form++) {
        size_t used =
            (size_t)snprintf(head, sizeof head, "GET /%s", form == 0 ? "" : " HTTP/1.1\r\n");
        while (used < sizeof head - 100)
            used += (size_t)snprintf(head + used, sizeof head - used,
                                     form == 0   ? "aaaaaaaaaaaaaaaaaaaa"
                                     : form == 1 ? "X-A: b\r\n"
                                                 : "bbbbbbbbbbbbbbbbbbbbbbbbbbb");
        char *answer = web_exchange(&web, head);
        if (*answer && strncmp(answer, "HTTP/1.1 4", 10) != 0)
            fail_msg("form %d: %.60s", form, answer);
        free(answer);
        daemon_process_assert_alive(cell->daemon);
    }
    long grown_kib = daemon_process_rss_kib(cell->daemon) - before_kib;
    if (!SANITIZED && grown_kib > 1024)
        fail_msg("%ld KiB more after three large requests", grown_kib);
    cell_stop(cell);
}

/* Several requests in one packet are answered in their order; so are two on one connection. */
static void test_pipelining(void **state)
{
#define REQUEST(path, more) "GET " path " HTTP/1.1\r\nHost: localhost\r\n" more "\r\n"
    static const char requests[] = REQUEST("/healthz", "") REQUEST("/nowhere", "")
        REQUEST("/metrics", "") REQUEST("/api/overview", "Connection: close\r\n");
    struct cell *cell = *state;
    cell_start(cell);
    struct web web = web_of(cell);
    char *answer = web_exchange(&web, requests);
    static const char *const order[] = {
        "HTTP/1.1 200", "\"status\":\"ok\"", "HTTP/1.1 404", "HTTP/1.1 200",
        "# HELP",       "HTTP/1.1 200",      "\"robots\":[]"};
    const char *at = answer;
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        const char *found = strstr(at, order[i]);
        if (!found)
            fail_msg("%zu: no %s in \"%.300s\"", i, order[i], at);
        at = found + 1;
    }
    free(answer);
    cell_stop(cell);
}

/* ---- many, slow, and no port */

#define MANY 500

/* More than may be connected at once: the others wait, and all are answered; a robot is scored
 * meanwhile. */
static void test_many_connections(void **state)
{
    static int fds[MANY];
    static const char request[] =
        "GET /api/overview HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    struct cell *cell = *state;
    struct cell_robot robot;
    cell_configure(cell, "http.connections", "64");
    cell_start(cell);
    struct web web = web_of(cell);
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 903);
    for (size_t i = 0; i < MANY; i++) {
        fds[i] = web_connect(&web);
        web_send(fds[i], request, sizeof request - 1);
    }
    cell_run(cell, &robot, 50, 0);
    for (size_t i = 0; i < MANY; i++) {
        char *answer = web_receive(fds[i], NULL);
        if (strncmp(answer, "HTTP/1.1 200", 12) != 0)
            fail_msg("connection %zu: \"%.60s\"", i, answer);
        free(answer);
        close(fds[i]);
    }
    int descriptors = daemon_process_descriptors(cell->daemon);
    assert_true(descriptors < 64 + 40);
    cell_stop(cell);
}

/* Until the other side has closed it; what comes is of no interest. */
static bool is_closed(int fd)
{
    char byte[4096];
    ssize_t got = recv(fd, byte, sizeof byte, MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN);
}

/* One that says nothing, one that sends a letter now and then, and one that does not take what it
 * asks for: each gives its place back. Nobody waits for them meanwhile. */
static void test_slow_connections(void **state)
{
    enum { SILENT, DRIP, GREEDY, COUNT };
    struct cell *cell = *state;
    bool closed[COUNT] = {false};
    int fd[COUNT];
    cell_configure(cell, "http.connections", "4");
    cell_start(cell);
    struct web web = web_of(cell);
    for (int i = 0; i < COUNT; i++)
        fd[i] = web_connect(&web);
    web_send(fd[DRIP], "GET / HTTP/1.1\r\nX: ", 19);
    static char ask[] = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for (int i = 0; i < 400; i++) /* answers of megabytes */
        send(fd[GREEDY], ask, sizeof ask - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    int64_t began_ns = clock_monotonic_ns();
    while (!closed[SILENT] || !closed[DRIP] || !closed[GREEDY]) {
        double passed_s = (double)(clock_monotonic_ns() - began_ns) / 1e9;
        if (passed_s > 35 * TIME_SCALE)
            fail_msg("still open after %.0f s: silent %d, drip %d, greedy %d", passed_s,
                     !closed[SILENT], !closed[DRIP], !closed[GREEDY]);
        struct web_answer answer = web_ask(&web, "GET", "/healthz", "");
        assert_int_equal(answer.status, 200);
        web_answer_free(&answer);
        if (!closed[DRIP])
            send(fd[DRIP], "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        closed[SILENT] |= is_closed(fd[SILENT]);
        closed[DRIP] |= is_closed(fd[DRIP]);
        struct web_answer metrics = web_ask(&web, "GET", "/metrics", "");
        closed[GREEDY] = sample_of(metrics.body, "armwatch_http_connections") <=
                         1 + !closed[SILENT] + !closed[DRIP];
        web_answer_free(&metrics);
        wait_ms(&cell->harness->loop, 500);
    }
    for (int i = 0; i < COUNT; i++)
        close(fd[i]);
    cell_stop(cell);
}

#define GREEDY_PEERS 8
#define GREEDY_S 1.5

static void swallow(int fd)
{
    static char bytes[1 << 16];
    while (recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        ;
}

/* Whatever clients ask for, and however often, HTTP gets a fifth of the loop's time. */
static void test_insatiable_clients(void **state)
{
    static const char ask[] = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
    struct cell *cell = *state;
    struct cell_robot robot;
    int fd[GREEDY_PEERS];
    cell_start(cell);
    struct web web = web_of(cell);
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 906);
    cell_run(cell, &robot, 10, 0);
    for (int i = 0; i < GREEDY_PEERS; i++)
        fd[i] = web_connect(&web);
    int64_t began_ns = clock_monotonic_ns();
    double passed_s = 0;
    while (passed_s < GREEDY_S * TIME_SCALE) {
        for (int i = 0; i < GREEDY_PEERS; i++) {
            send(fd[i], ask, sizeof ask - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
            swallow(fd[i]);
        }
        passed_s = (double)(clock_monotonic_ns() - began_ns) / 1e9;
    }
    cell_run(cell, &robot, 50, 0); /* it is scored meanwhile */
    for (int i = 0; i < GREEDY_PEERS; i++)
        close(fd[i]);
    struct web_answer answer = web_ask(&web, "GET", "/metrics", "");
    double spent_s = sample_of(answer.body, "armwatch_http_cpu_seconds_total");
    passed_s = (double)(clock_monotonic_ns() - began_ns) / 1e9;
    if (spent_s > passed_s * 0.3 + 0.1)
        fail_msg("HTTP took %.2f s of %.2f s", spent_s, passed_s);
    assert_true(sample_of(answer.body, "armwatch_http_requests_total{code=\"200\"}") > 10);
    web_answer_free(&answer);
    cell_stop(cell);
}

static int occupy_port(int *ret_port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    *ret_port = ntohs(at.sin_port);
    return fd;
}

static bool status_has_reason(const struct cell *cell, const char *reason)
{
    cJSON *status = cell_last_json(cell, CELL_STATUS);
    bool has = json_has_text(json_at(status, "reasons"), reason);
    cJSON_Delete(status);
    return has;
}

static void test_a_busy_port(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    char listen_on[48];
    int port, fd = occupy_port(&port);
    snprintf(listen_on, sizeof listen_on, "\"127.0.0.1:%d\"", port);
    cell_configure(cell, "http.listen", listen_on);
    cell_start(cell);
    assert_true(status_has_reason(cell, "http"));
    assert_true(cell_last_says(cell, CELL_STATUS, "state", "degraded"));
    assert_int_equal(daemon_process_logged(cell->daemon, "Address already in use"), 1);
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 904);
    cell_run(cell, &robot, 60, 0);
    cell_run(cell, &robot, 30, GROSS);
    cell_wait(cell, cell_count_alerts(cell, cell_topic("kuka1", "alert"), "raised") == 1, 5000);
    close(fd);
    cell_wait(cell, !status_has_reason(cell, "http"), 15000);
    struct web web = web_of(cell);
    assert_int_equal(web.port, port);
    cJSON_Delete(web_json(&web, "/api/robot?name=kuka1", 200));
    cell_stop(cell);
}

/* Who opens it to others hears of it, and may be asked for by any name. */
static void test_all_addresses(void **state)
{
    struct cell *cell = *state;
    cell_configure(cell, "http.listen", "\"0.0.0.0:0\"");
    cell_start(cell);
    struct web web = web_of(cell);
    expect_status(&web, "GET / HTTP/1.1\r\nHost: cell7.plant\r\nConnection: close\r\n\r\n",
                  "HTTP/1.1 200");
    assert_int_equal(daemon_process_logged(cell->daemon, "is not the loopback interface"), 1);
    cell_stop(cell);
}

static void test_ipv6(void **state)
{
    struct cell *cell = *state;
    const struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    bool has = fd >= 0 && bind(fd, (const struct sockaddr *)&at, sizeof at) == 0;
    if (fd >= 0)
        close(fd);
    if (!has) {
        print_message("not looked at: this machine has no IPv6\n");
        cell->finished = true;
        return;
    }
    cell_configure(cell, "http.listen", "\"[::1]:0\"");
    cell_start(cell);
    struct web web = web_of(cell);
    assert_string_equal(web.host, "::1");
    cJSON_Delete(web_json(&web, "/healthz", 200));
    cell_stop(cell);
}

static void test_off(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    cell_configure(cell, "http.listen", "\"off\"");
    cell_start(cell);
    cJSON *status = cell_last_json(cell, CELL_STATUS);
    assert_true(cJSON_IsNull(json_at(status, "http")));
    assert_string_equal(json_text(status, "state"), "online");
    cJSON_Delete(status);
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 905);
    cell_run(cell, &robot, 60, 0);
    cell_run(cell, &robot, 30, GROSS);
    assert_int_equal(daemon_process_logged(cell->daemon, "http"), 0);
    cell_stop(cell);
}

/* Without a broker it is degraded, alive, and says so. */
static void test_health_without_a_broker(void **state)
{
    struct cell *cell = *state;
    cell_start(cell);
    struct web web = web_of(cell);
    cell_end_broker(cell, broker_stop);
    cJSON *health = NULL;
    cell_wait(cell,
              (cJSON_Delete(health), health = web_json(&web, "/healthz", 200),
               json_has_text(json_at(health, "reasons"), "broker")),
              15000);
    assert_string_equal(json_text(health, "status"), "ok");
    assert_string_equal(json_text(health, "state"), "degraded");
    assert_true(cJSON_IsFalse(json_at(health, "broker.connected")));
    assert_true(strlen(json_text(health, "broker.reason")) > 0);
    cJSON_Delete(health);
    cell_start_broker(cell, NULL);
    cell_wait(cell, cell_last_says(cell, CELL_STATUS, "state", "online"), 15000);
    cell_stop(cell);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CELL_TEST(test_paths),
        CELL_TEST(test_known_files_are_not_sent_again),
        CELL_TEST(test_a_robot_and_its_alerts),
        CELL_TEST(test_metrics),
        CELL_TEST(test_refused_requests),
        CELL_TEST(test_further_hosts),
        CELL_TEST(test_oversized_requests),
        CELL_TEST(test_pipelining),
        CELL_TEST(test_many_connections),
        CELL_TEST(test_slow_connections),
        CELL_TEST(test_insatiable_clients),
        CELL_TEST(test_a_busy_port),
        CELL_TEST(test_all_addresses),
        CELL_TEST(test_ipv6),
        CELL_TEST(test_off),
        CELL_TEST(test_health_without_a_broker),
    };
    return cmocka_run_group_tests(tests, cell_group_setup, cell_group_teardown);
}
