#include "config/listen.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on

#include <arpa/inet.h>
#include <string.h>

static void test_addresses(void **state)
{
    static const struct {
        const char *text, *host;
        unsigned port;
        int family;
        bool loopback;
    } good[] = {
        {"127.0.0.1:9464", "127.0.0.1", 9464, AF_INET, true},
        {"127.8.0.1:0", "127.8.0.1", 0, AF_INET, true},
        {"localhost:80", "127.0.0.1", 80, AF_INET, true},
        {"0.0.0.0:65535", "0.0.0.0", 65535, AF_INET, false},
        {"192.0.2.7:1", "192.0.2.7", 1, AF_INET, false},
        {"[::1]:9464", "::1", 9464, AF_INET6, true},
        {"[0:0:0:0:0:0:0:1]:1", "::1", 1, AF_INET6, true},
        {"[2001:db8::5]:9464", "2001:db8::5", 9464, AF_INET6, false},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct listen_address listen;
        struct diag diag = DIAG_INIT;
        if (listen_parse(good[i].text, &listen, &diag) < 0)
            fail_msg("%s: %s", good[i].text, diag.text);
        assert_false(listen.off);
        assert_string_equal(listen.host, good[i].host);
        assert_int_equal(listen.port, good[i].port);
        assert_int_equal(listen.address.any.sa_family, good[i].family);
        assert_int_equal(listen.loopback, good[i].loopback);
        bool v6 = good[i].family == AF_INET6;
        assert_int_equal(ntohs(v6 ? listen.address.v6.sin6_port : listen.address.v4.sin_port),
                         good[i].port);
        assert_int_equal(listen.size, v6 ? sizeof listen.address.v6 : sizeof listen.address.v4);
    }
}

static void test_off(void **state)
{
    struct listen_address listen = {.port = 5};
    assert_int_equal(listen_parse("off", &listen, NULL), 0);
    assert_true(listen.off);
}

static void test_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "9464",
        ":9464",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:x",
        "127.0.0.1:65536",
        "127.0.0.1:123456",
        "127.0.0.1:-1",
        "127.0.0.1: 1",
        "127.0.0:1",
        "example.org:80",
        "::1:9464",
        "[::1]",
        "[::1:9464",
        "[]:1",
        "[fe80::1%lo]:1",
        "[127.0.0.1]:1",
        "OFF",
        "*:9464",
        "http://127.0.0.1:1",
        "[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb]:9464",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct listen_address listen;
        struct diag diag = DIAG_INIT;
        if (listen_parse(bad[i], &listen, &diag) == 0)
            fail_msg("accepted: %s", bad[i]);
        assert_true(*diag.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_addresses), cmocka_unit_test(test_off),
                                       cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
