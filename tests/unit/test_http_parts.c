/* What of the HTTP side needs no socket: who is meant by a request, and how much time it may take;
 * and the histogram that it tells. */
#include "daemon/http_budget.h"
#include "daemon/http_host.h"
#include "daemon/http_page.h"
#include "daemon/latency.h"

#include <stdlib.h>
#include <string.h>

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on

#define MS 1000000LL

static bool allowed(const char *listen_on, const char *more, const char *host)
{
    struct listen_address listen;
    char *items[] = {(char *)more};
    const struct config_list list = {.count = more != NULL, .item = items};
    assert_int_equal(listen_parse(listen_on, &listen, NULL), 0);
    return http_host_allowed(host, &listen, &list);
}

static void test_hosts_of_the_loopback(void **state)
{
    static const char *const good[] = {"localhost", "LocalHost:9464", "127.0.0.1", "127.0.0.1:8080",
                                       "[::1]",     "[::1]:1",        "127.0.0.1:"};
    static const char *const bad[] = {"",
                                      ":9464",
                                      "example.org",
                                      "localhost.example.org",
                                      "localhos",
                                      "localhost ",
                                      "127.0.0.1.nip.io",
                                      "localhost:123456",
                                      "[::1",
                                      "[::1]x",
                                      "[]:1",
                                      "127.0.0.1:80:80",
                                      "localhost:8o",
                                      "[localhost]:1x",
                                      "::1",
                                      "evil@localhost"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        if (!allowed("127.0.0.1:9464", NULL, good[i]))
            fail_msg("refused: \"%s\"", good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (allowed("127.0.0.1:9464", NULL, bad[i]))
            fail_msg("allowed: \"%s\"", bad[i]);
    }
    assert_true(allowed("127.9.9.9:1", NULL, "127.9.9.9"));
    assert_false(allowed("127.0.0.1:1", NULL, "127.9.9.9"));
    assert_true(allowed("127.0.0.1:1", "watch.cell7", "watch.cell7:443"));
    assert_false(allowed("127.0.0.1:1", "watch.cell7", "watch.cell"));
}

/* Who opens it to others may be asked for by any name, or by those that are listed. */
static void test_hosts_of_others(void **state)
{
    assert_true(allowed("0.0.0.0:1", NULL, "cell7.plant:9464"));
    assert_false(allowed("0.0.0.0:1", NULL, "cell7:plant"));
    assert_false(allowed("0.0.0.0:1", "cell7", "cell8"));
    assert_true(allowed("192.0.2.1:1", "cell7", "192.0.2.1:1"));
    assert_true(allowed("[2001:db8::5]:1", "cell7", "[2001:db8::5]:1"));
}

static void test_budget(void **state)
{
    struct http_budget budget = {0};
    int64_t now_ns = 1000 * MS;
    /* what was saved up may be spent at once */
    assert_int_equal(http_budget_spend(&budget, 20 * MS, now_ns), 0);
    /* then a fifth: 1 ms is owed, and paid off in five */
    assert_int_equal(http_budget_spend(&budget, 1 * MS, now_ns), 5 * MS);
    assert_int_equal(http_budget_spend(&budget, 0, now_ns + 5 * MS), 0);
    assert_int_equal(http_budget_spend(&budget, 2 * MS, now_ns + 10 * MS), 5 * MS);
    /* however long nobody asks, no more is saved up */
    assert_int_equal(http_budget_spend(&budget, 20 * MS, now_ns + 100000 * MS), 0);
    assert_true(http_budget_spend(&budget, 1 * MS, now_ns + 100000 * MS) > 0);
}

/* A client that never lets go gets a fifth, in the long run. */
static void test_budget_in_the_long_run(void **state)
{
    struct http_budget budget = {0};
    int64_t now_ns = 1000 * MS, spent_ns = 0;
    while (now_ns < 11000 * MS) {
        now_ns += 3 * MS;
        spent_ns += 3 * MS;
        now_ns += http_budget_spend(&budget, 3 * MS, now_ns);
    }
    assert_in_range(spent_ns / MS, 1900, 2100);
}

static void test_latency(void **state)
{
    struct latency latency = {0};
    static const int64_t pushed[] = {-5, 0, 250000, 250001, 1000000000, 1000000001, 90000000000};
    for (size_t i = 0; i < sizeof pushed / sizeof pushed[0]; i++)
        latency_push(&latency, pushed[i]);
    assert_int_equal(latency.count[0], 3); /* a bound belongs to what is under it */
    assert_int_equal(latency.count[1], 1);
    assert_int_equal(latency.count[LATENCY_BOUNDS - 1], 1);
    assert_int_equal(latency.count[LATENCY_BOUNDS], 2);
    assert_int_equal(latency.sum_ns, 250000 + 250001 + 1000000000LL + 1000000001 + 90000000000);
    for (size_t i = 1; i < LATENCY_BOUNDS; i++)
        assert_true(latency_bounds_s[i] > latency_bounds_s[i - 1]);
    /* the two tables say the same */
    for (size_t i = 0; i < LATENCY_BOUNDS; i++) {
        struct latency one = {0};
        latency_push(&one, (int64_t)(latency_bounds_s[i] * 1e9 + 0.5));
        assert_int_equal(one.count[i], 1);
    }
}

static void test_page(void **state)
{
    bool index = false;
    for (size_t i = 0; i < http_page_file_count; i++) {
        const struct http_page_file *file = &http_page_files[i];
        index |= !strcmp(file->path, "/index.html") && !strncmp(file->type, "text/html", 9);
        assert_true(file->size > 0 && *file->etag == '"' && strlen(file->etag) == 18);
    }
    assert_true(index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts_of_the_loopback),
        cmocka_unit_test(test_hosts_of_others),
        cmocka_unit_test(test_budget),
        cmocka_unit_test(test_budget_in_the_long_run),
        cmocka_unit_test(test_latency),
        cmocka_unit_test(test_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
