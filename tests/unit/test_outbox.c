#include "daemon/outbox.h"
#include "fake_client.h"
#include "fixture.h"

#include <errno.h>

static void put_as(struct outbox *outbox, const char *topic, const char *payload, int qos,
                   bool retained)
{
    const struct mqtt_message message = {.topic = topic,
                                         .payload = payload,
                                         .size = strlen(payload),
                                         .qos = qos,
                                         .retained = retained};
    assert_int_equal(outbox_put(outbox, &message), 0);
}

static void put(struct outbox *outbox, const char *payload)
{
    put_as(outbox, "alert", payload, 1, false);
}

static void flush(struct outbox *outbox)
{
    outbox_flush(outbox, fake_client_handle());
}

/* Everything that the client has taken, in order. */
static void expect_taken(const char *expected)
{
    char text[256] = "";
    for (size_t i = 0; i < fake_client.count; i++)
        strcat(text, fake_client.message[i].payload);
    assert_string_equal(text, expected);
}

static void test_in_order_until_acknowledged(void **state)
{
    fake_client_reset();
    struct outbox *outbox = outbox_new();
    put(outbox, "a");
    put(outbox, "b");
    put(outbox, "c");
    fake_client.room = 2;
    flush(outbox);
    expect_taken("ab");
    assert_int_equal(outbox_count(outbox), 3);
    flush(outbox);
    expect_taken("ab");
    fake_client.room = 5;
    outbox_ack(outbox, fake_client.message[1].token, 0); /* out of order */
    flush(outbox);
    expect_taken("abc");
    put(outbox, "d");
    flush(outbox);
    expect_taken("abcd");
    assert_int_equal(outbox_count(outbox), 3);
    outbox_ack(outbox, 999, 0); /* of somebody else */
    assert_int_equal(outbox_count(outbox), 3);
    for (size_t i = 0; i < 4; i++)
        outbox_ack(outbox, fake_client.message[i].token, 0);
    assert_int_equal(outbox_count(outbox), 0);
    put(outbox, "e"); /* the list is whole again */
    flush(outbox);
    expect_taken("abcde");
    outbox_free(outbox);
    outbox_free(NULL);
}

static void test_offline_keeps_everything(void **state)
{
    static const int passing[] = {-ENOTCONN, -EAGAIN, -ENOMEM, -EIO};
    for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++) {
        fake_client_reset();
        struct outbox *outbox = outbox_new();
        put(outbox, "a");
        put(outbox, "b");
        fake_client.error = passing[i];
        flush(outbox);
        assert_int_equal(outbox_count(outbox), 2);
        assert_int_equal(outbox_refused(outbox), 0);
        fake_client.error = 0;
        flush(outbox);
        expect_taken("ab");
        outbox_free(outbox);
    }
}

static void test_what_can_never_be_sent_is_dropped(void **state)
{
    static const int impossible[] = {-EMSGSIZE, -EINVAL};
    for (size_t i = 0; i < sizeof impossible / sizeof impossible[0]; i++) {
        fake_client_reset();
        struct outbox *outbox = outbox_new();
        put(outbox, "a");
        fake_client.error = impossible[i];
        flush(outbox);
        assert_int_equal(outbox_count(outbox), 0);
        assert_int_equal(outbox_refused(outbox), 1);
        outbox_free(outbox);
    }
}

static void test_refused_by_the_broker(void **state)
{
    fake_client_reset();
    struct outbox *outbox = outbox_new();
    put(outbox, "a");
    put(outbox, "b");
    flush(outbox);
    outbox_ack(outbox, fake_client.message[0].token, 135);
    outbox_ack(outbox, fake_client.message[1].token, 16); /* nobody listens: that is no refusal */
    assert_int_equal(outbox_refused(outbox), 1);
    assert_int_equal(outbox_count(outbox), 0);
    outbox_free(outbox);
}

static void test_retained_topics_have_one_waiting(void **state)
{
    fake_client_reset();
    struct outbox *outbox = outbox_new();
    put_as(outbox, "state/1", "1", 1, true);
    put_as(outbox, "state/2", "2", 1, true);
    put(outbox, "a");
    put_as(outbox, "state/1", "3", 1, true); /* after the alert that it tells of */
    put(outbox, "b");
    put_as(outbox, "state/1", "4", 1, true);
    assert_int_equal(outbox_count(outbox), 4);
    flush(outbox);
    expect_taken("2ab4");
    put_as(outbox, "state/1", "5", 1, true); /* the 4 is sent, not acknowledged: both stand */
    assert_int_equal(outbox_count(outbox), 5);
    put_as(outbox, "state/1", "6", 1, true);
    put_as(outbox, "alert", "c", 1, false);
    put_as(outbox, "alert", "d", 1, false); /* not retained: every one counts */
    flush(outbox);
    expect_taken("2ab46cd");
    outbox_free(outbox);
}

static void test_qos_0_needs_no_answer(void **state)
{
    fake_client_reset();
    struct outbox *outbox = outbox_new();
    put_as(outbox, "x", "a", 0, false);
    put(outbox, "b");
    flush(outbox);
    expect_taken("ab");
    assert_int_equal(outbox_count(outbox), 1);
    outbox_free(outbox);
}

static void test_bounded(void **state)
{
    struct outbox *outbox = outbox_new();
    const struct mqtt_message message = {.topic = "t", .payload = "x", .size = 1, .qos = 1};
    for (size_t i = 0; i < OUTBOX_MAX; i++)
        assert_int_equal(outbox_put(outbox, &message), 0);
    assert_int_equal(outbox_put(outbox, &message), -ENOBUFS);
    assert_int_equal(outbox_dropped(outbox), 1);
    assert_int_equal(outbox_count(outbox), OUTBOX_MAX);
    outbox_free(outbox);
}

static void test_everything_is_copied(void **state)
{
    fake_client_reset();
    struct outbox *outbox = outbox_new();
    char topic[] = "topic", payload[] = "payload", correlation[] = "1\0002", type[] = "type";
    const struct mqtt_message message = {.topic = topic,
                                         .payload = payload,
                                         .size = 7,
                                         .qos = 1,
                                         .correlation = correlation,
                                         .correlation_size = 3,
                                         .content_type = type};
    assert_int_equal(outbox_put(outbox, &message), 0);
    memset(topic, 'x', 5);
    memset(payload, 'x', 7);
    memset(correlation, 'x', 3);
    flush(outbox);
    const struct fake_message *taken = fake_client_last("topic");
    assert_non_null(taken);
    assert_string_equal(taken->payload, "payload");
    assert_memory_equal(taken->correlation, "1\0002", 4);
    outbox_free(outbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_order_until_acknowledged),
        cmocka_unit_test(test_offline_keeps_everything),
        cmocka_unit_test(test_what_can_never_be_sent_is_dropped),
        cmocka_unit_test(test_refused_by_the_broker),
        cmocka_unit_test(test_retained_topics_have_one_waiting),
        cmocka_unit_test(test_qos_0_needs_no_answer),
        cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_everything_is_copied),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fake_client_reset();
    return failed;
}
