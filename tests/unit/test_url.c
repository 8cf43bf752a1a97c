#include "mqtt/url.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_accepted(void **state)
{
    static const struct {
        const char *text;
        const char *host;
        int port;
        bool tls, is_unix;
    } cases[] = {
        {"mqtt://broker", "broker", 1883, false, false},
        {"mqtt://broker/", "broker", 1883, false, false},
        {"MQTT://Broker.Cell-7_x:1884", "Broker.Cell-7_x", 1884, false, false},
        {"mqtts://broker.cell7", "broker.cell7", 8883, true, false},
        {"mqtts://10.0.0.1:1", "10.0.0.1", 1, true, false},
        {"mqtt://[::1]", "::1", 1883, false, false},
        {"mqtt://[fe80::1%eth0]:65535", "fe80::1%eth0", 65535, false, false},
        {"unix:///run/mosquitto/mqtt.sock", "/run/mosquitto/mqtt.sock", 0, false, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mqtt_url url = {0};
        struct diag diag = DIAG_INIT;
        if (mqtt_url_parse(cases[i].text, &url, &diag) != 0)
            fail_msg("%s: refused: %s", cases[i].text, diag.text);
        assert_string_equal(url.host, cases[i].host);
        assert_int_equal(url.port, cases[i].port);
        assert_int_equal(url.tls, cases[i].tls);
        assert_int_equal(url.is_unix, cases[i].is_unix);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", "allowed is"},
        {"broker", "allowed is"},
        {"tcp://broker", "allowed is"},
        {"mqtt:/broker", "allowed is"},
        {"mqtt://", "host"},
        {"mqtt://:1883", "host"},
        {"mqtt:///path", "host"},
        {"mqtt://[::1", "host"},
        {"mqtt://[]", "host"},
        {"mqtt://a b", "after the host"},
        {"mqtt://broker:", "port"},
        {"mqtt://broker:0", "port"},
        {"mqtt://broker:65536", "port"},
        {"mqtt://broker:99999999999999999999", "port"},
        {"mqtt://broker:-1", "port"},
        {"mqtt://broker:18x", "after the host"},
        {"mqtt://broker/topic", "after the host"},
        {"mqtt://broker?x=1", "after the host"},
        {"unix://", "absolute"},
        {"unix:///", "absolute"},
        {"unix://run/mqtt.sock", "absolute"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mqtt_url url = {.port = 42};
        struct diag diag = DIAG_INIT;
        int r = mqtt_url_parse(cases[i].text, &url, &diag);
        if (r != -EINVAL || !strstr(diag.text, cases[i].words))
            fail_msg("\"%s\": %d \"%s\", expected -EINVAL and \"%s\"", cases[i].text, r, diag.text,
                     cases[i].words);
        assert_int_equal(url.port, 42);
    }
}

static void test_secret_is_not_repeated(void **state)
{
    static const char *texts[] = {"mqtt://user:hunter2@broker", "mqtts://hunter2@broker:1",
                                  "mqtt://user:hunter2@[::1]", "http://user:hunter2@broker"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct mqtt_url url;
        struct diag diag = DIAG_INIT;
        assert_int_equal(mqtt_url_parse(texts[i], &url, &diag), -EINVAL);
        if (strstr(diag.text, "hunter2"))
            fail_msg("the diagnosis repeats the password: %s", diag.text);
    }
}

static void test_lengths(void **state)
{
    char text[600];
    struct mqtt_url url;
    for (int length = 254; length <= 257; length++) {
        snprintf(text, sizeof text, "mqtt://%0*d", length, 0);
        assert_int_equal(mqtt_url_parse(text, &url, NULL), length <= 255 ? 0 : -EINVAL);
    }
    for (int length = 106; length <= 109; length++) { /* of the path, with its slash */
        snprintf(text, sizeof text, "unix:///%0*d", length - 1, 0);
        assert_int_equal(mqtt_url_parse(text, &url, NULL), length <= 107 ? 0 : -EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_secret_is_not_repeated),
        cmocka_unit_test(test_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
