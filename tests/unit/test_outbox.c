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
    struct outbox *outbox = outbox_new(NULL, NULL);
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
    outbox_ack(outbox, fake_client.message[1].token, 0, 0); /* out of order */
    flush(outbox);
    expect_taken("abc");
    put(outbox, "d");
    flush(outbox);
    expect_taken("abcd");
    assert_int_equal(outbox_count(outbox), 3);
    outbox_ack(outbox, 999, 0, 0); /* of somebody else */
    assert_int_equal(outbox_count(outbox), 3);
    for (size_t i = 0; i < 4; i++)
        outbox_ack(outbox, fake_client.message[i].token, 0, 0);
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
        struct outbox *outbox = outbox_new(NULL, NULL);
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
        struct outbox *outbox = outbox_new(NULL, NULL);
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
    struct outbox *outbox = outbox_new(NULL, NULL);
    put(outbox, "a");
    put(outbox, "b");
    flush(outbox);
    outbox_ack(outbox, fake_client.message[0].token, 135, 0);
    outbox_ack(outbox, fake_client.message[1].token, 16,
               0); /* nobody listens: that is no refusal */
    assert_int_equal(outbox_refused(outbox), 1);
    assert_int_equal(outbox_count(outbox), 0);
    outbox_free(outbox);
}

static void test_retained_topics_have_one_waiting(void **state)
{
    fake_client_reset();
    struct outbox *outbox = outbox_new(NULL, NULL);
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

/* What must not be out after the alert stays before it, also where newer ones come. */
static void test_one_ahead_stays(void **state)
{
    fake_client_reset();
    struct outbox *outbox = outbox_new(NULL, NULL);
    const struct mqtt_message ahead = {
        .topic = "state/1", .payload = "2", .size = 1, .qos = 1, .retained = true};
    put_as(outbox, "state/1", "1", 1, true);
    assert_int_equal(outbox_put_ahead(outbox, &ahead), 0); /* the 1 has nothing to say any more */
    put(outbox, "a");
    put_as(outbox, "state/1", "3", 1, true);
    put_as(outbox, "state/1", "4", 1, true);
    assert_int_equal(outbox_count(outbox), 3);
    flush(outbox);
    expect_taken("2a4");
    outbox_free(outbox);
}

static void test_qos_0_needs_no_answer(void **state)
{
    fake_client_reset();
    struct outbox *outbox = outbox_new(NULL, NULL);
    put_as(outbox, "x", "a", 0, false);
    put(outbox, "b");
    flush(outbox);
    expect_taken("ab");
    assert_int_equal(outbox_count(outbox), 1);
    outbox_free(outbox);
}

/* The oldest that was not sent goes; what is with the client stays. */
static void test_bounded(void **state)
{
    fake_client_reset();
    struct outbox *outbox = outbox_new(NULL, NULL);
    put(outbox, "a");
    flush(outbox);
    char payload[16];
    for (size_t i = 1; i < OUTBOX_MAX + 3; i++) {
        snprintf(payload, sizeof payload, "%zu ", i);
        put(outbox, payload);
    }
    assert_int_equal(outbox_dropped(outbox), 3);
    assert_int_equal(outbox_count(outbox), OUTBOX_MAX);
    fake_client.room = 2;
    flush(outbox);
    expect_taken("a4 5 ");
    outbox_free(outbox);
}

static void test_bounded_in_bytes(void **state)
{
    fake_client_reset();
    struct outbox *outbox = outbox_new(NULL, NULL);
    size_t size = 1 << 16;
    char *payload = test_calloc(1, size);
    const struct mqtt_message message = {.topic = "t", .payload = payload, .size = size, .qos = 1};
    for (size_t i = 0; i < OUTBOX_BYTES_MAX / size + 10; i++)
        assert_int_equal(outbox_put(outbox, &message), 0);
    assert_true(outbox_count(outbox) * size <= OUTBOX_BYTES_MAX);
    assert_true((outbox_count(outbox) + 2) * size > OUTBOX_BYTES_MAX);
    assert_int_equal(outbox_dropped(outbox) + outbox_count(outbox), OUTBOX_BYTES_MAX / size + 10);
    test_free(payload);
    outbox_free(outbox);
}

/* ---- kept messages */

#define S INT64_C(1000000000)

static char gone[64];

static void on_gone(void *user, int64_t number)
{
    char text[8];
    assert_ptr_equal(user, gone);
    snprintf(text, sizeof text, "%lld ", (long long)number);
    strcat(gone, text);
}

static struct outbox *new_kept(void)
{
    fake_client_reset();
    gone[0] = '\0';
    return outbox_new(on_gone, gone);
}

static void put_kept(struct outbox *outbox, const char *payload, int64_t number, double age_s)
{
    const struct mqtt_message message = {
        .topic = "alert", .payload = payload, .size = strlen(payload), .qos = 1};
    const struct outbox_kept kept = {.number = number, .created_ns = 77 * number, .age_s = age_s};
    assert_int_equal(outbox_put_kept(outbox, &message, &kept), 0);
}

static void test_kept_ones_wait_until_they_are_ready(void **state)
{
    struct outbox *outbox = new_kept();
    put(outbox, "a");
    put_kept(outbox, "b", 1, 0);
    put(outbox, "c"); /* the state that follows from the alert is not told before it */
    put_kept(outbox, "d", 2, 0);
    flush(outbox);
    expect_taken("a");
    outbox_ready(outbox, 1);
    flush(outbox);
    expect_taken("abc");
    outbox_ready(outbox, 2);
    outbox_ready(outbox, 1); /* late news */
    flush(outbox);
    expect_taken("abcd");
    outbox_ack(outbox, fake_client.message[3].token, 0, 0);
    outbox_ack(outbox, fake_client.message[0].token, 0, 0);
    outbox_ack(outbox, fake_client.message[1].token, 16, 0);
    assert_string_equal(gone, "2 1 ");
    outbox_free(outbox);
    assert_string_equal(gone, "2 1 "); /* a stop is no delivery */
}

static void test_kept_ones_outlast_a_refusal(void **state)
{
    struct outbox *outbox = new_kept();
    outbox_ready(outbox, 9);
    put_kept(outbox, "a", 1, 0);
    put(outbox, "b");
    put_kept(outbox, "c", 2, 0);
    flush(outbox);
    for (size_t i = 0; i < 3; i++)
        outbox_ack(outbox, fake_client.message[i].token, 135, 10 * S);
    assert_int_equal(outbox_refused(outbox), 3);
    assert_int_equal(outbox_count(outbox), 2);
    fake_client.room = 0;
    put(outbox, "d");
    flush(outbox);
    outbox_tick(outbox, 3600, false, 14 * S); /* not yet */
    fake_client.room = 1;
    flush(outbox);
    expect_taken("abcd"); /* they hold nothing else up */
    put(outbox, "e");
    outbox_tick(outbox, 3600, false, 15 * S);
    fake_client.room = 9;
    flush(outbox);
    expect_taken("abcdace");
    outbox_ack(outbox, fake_client.message[4].token, 135, 16 * S);
    outbox_tick(outbox, 3600, true, 16 * S); /* another connection */
    flush(outbox);
    expect_taken("abcdacea");
    put(outbox, "f"); /* the list is whole */
    flush(outbox);
    expect_taken("abcdaceaf");
    assert_string_equal(gone, "");
    outbox_free(outbox);
}

static void test_kept_ones_grow_old(void **state)
{
    struct outbox *outbox = new_kept();
    outbox_ready(outbox, 9);
    put_kept(outbox, "a", 1, 50);
    put(outbox, "b");
    put_kept(outbox, "c", 2, 0);
    outbox_tick(outbox, 60, false, 10 * S);
    assert_int_equal(outbox_expired(outbox), 0);
    outbox_tick(outbox, 60, false, 11 * S);
    assert_int_equal(outbox_expired(outbox), 1);
    assert_string_equal(gone, "1 ");
    outbox_tick(outbox, 60, false, 59 * S);
    flush(outbox);
    expect_taken("bc");
    outbox_tick(outbox, 60, false, 100 * S); /* that it is sent may become known at any moment */
    assert_int_equal(outbox_count(outbox), 2);
    outbox_free(outbox);
}

static void note_kept(void *user, const struct mqtt_message *message,
                      const struct outbox_kept *kept)
{
    char line[32];
    snprintf(line, sizeof line, "%.*s%lld/%lld ", (int)message->size,
             (const char *)message->payload, (long long)kept->number, (long long)kept->created_ns);
    strcat(user, line);
}

static void test_every_kept_one_is_told(void **state)
{
    struct outbox *outbox = new_kept();
    char told[64] = "";
    outbox_ready(outbox, 2);
    put_kept(outbox, "a", 1, 0);
    put(outbox, "b");
    put_kept(outbox, "c", 2, 0);
    put_kept(outbox, "d", 3, 0);
    flush(outbox);
    outbox_ack(outbox, fake_client.message[2].token, 135, 0);
    outbox_each_kept(outbox, note_kept, told);
    assert_string_equal(told, "c2/154 a1/77 d3/231 ");
    outbox_free(outbox);
}

static void test_everything_is_copied(void **state)
{
    fake_client_reset();
    struct outbox *outbox = outbox_new(NULL, NULL);
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

/* ---- whose it is */

static const char *not_ours = "";

static const char *waits = "";

static enum outbox_leave may(void *user, const char *topic)
{
    return strcmp(topic, not_ours) == 0 ? OUTBOX_NOT_OURS
           : strcmp(topic, waits) == 0  ? OUTBOX_WAIT
                                        : OUTBOX_SEND;
}

static void test_what_is_not_ours(void **state)
{
    struct outbox *outbox = new_kept();
    outbox_set_gate(outbox, may, NULL);
    not_ours = "alert";
    put_as(outbox, "state", "a", 1, true);
    put_kept(outbox, "b", 1, 0);
    put_as(outbox, "alert", "c", 1, false); /* not kept: it goes */
    put_kept(outbox, "d", 2, 0);
    put_as(outbox, "state", "e", 1, false);
    outbox_ready(outbox, 2);
    flush(outbox);
    expect_taken("ae");
    assert_int_equal(outbox_aside(outbox), 2);
    assert_int_equal(outbox_count(outbox), 2);
    outbox_recall(outbox);
    flush(outbox);
    expect_taken("ae");
    assert_int_equal(outbox_aside(outbox), 2);
    not_ours = "";
    outbox_recall(outbox);
    flush(outbox);
    expect_taken("aebd");
    assert_int_equal(outbox_aside(outbox), 0);
    outbox_free(outbox);
}

static void test_what_is_void(void **state)
{
    struct outbox *outbox = new_kept();
    outbox_set_gate(outbox, may, NULL);
    not_ours = "alert";
    for (int64_t number = 1; number <= 3; number++)
        put_kept(outbox, "x", number, number == 2 ? 100 : 0);
    outbox_ready(outbox, 3);
    flush(outbox);
    assert_int_equal(outbox_aside(outbox), 3);
    outbox_tick(outbox, 50, false, 0); /* they do not wait for ever */
    assert_int_equal(outbox_aside(outbox), 2);
    assert_int_equal(outbox_expired(outbox), 1);
    assert_int_equal(outbox_disown(outbox, "another"), 0);
    assert_int_equal(outbox_disown(outbox, "alert"), 2);
    assert_int_equal(outbox_aside(outbox) + outbox_count(outbox), 0);
    not_ours = "";
    outbox_recall(outbox);
    flush(outbox);
    expect_taken("");
    outbox_free(outbox);
}

static void count_topic(void *user, const char *topic)
{
    size_t *count = user;
    *count += strcmp(topic, "state") == 0;
}

/* Order is kept: whoever waits holds up those behind him. */
static void test_what_has_to_wait(void **state)
{
    struct outbox *outbox = new_kept();
    size_t states = 0;
    outbox_set_gate(outbox, may, NULL);
    not_ours = "";
    waits = "state";
    put_as(outbox, "status", "a", 1, true);
    put_as(outbox, "state", "b", 1, true);
    put_as(outbox, "status", "c", 1, false);
    flush(outbox);
    expect_taken("a");
    outbox_each_topic(outbox, count_topic, &states);
    assert_int_equal(states, 1);
    waits = "";
    flush(outbox);
    expect_taken("abc");
    outbox_each_topic(outbox, count_topic, &states);
    assert_int_equal(states, 2); /* sent, and not acknowledged */
    outbox_ack(outbox, fake_client.message[1].token, 0, 0);
    outbox_each_topic(outbox, count_topic, &states);
    assert_int_equal(states, 2);
    outbox_free(outbox);
}

/* The next one leaves when the one before is acknowledged, refused, or another client's. */
static void test_one_at_a_time(void **state)
{
    struct outbox *outbox = new_kept();
    outbox_set_window(outbox, 1);
    put_as(outbox, "t", "q", 0, false); /* QoS 0 has no answer */
    for (int64_t number = 1; number <= 4; number++)
        put_kept(outbox, (char[]){(char)('a' + number - 1), '\0'}, number, 0);
    outbox_ready(outbox, 4);
    flush(outbox);
    expect_taken("qa");
    outbox_ack(outbox, fake_client.message[1].token, 0, 0);
    flush(outbox);
    expect_taken("qab");
    outbox_ack(outbox, fake_client.message[2].token, 135, 0);
    flush(outbox);
    flush(outbox);
    expect_taken("qabc");
    outbox_resend(outbox);
    flush(outbox);
    flush(outbox);
    expect_taken("qabcc");
    outbox_ack(outbox, fake_client.message[4].token, 0, 0);
    flush(outbox);
    expect_taken("qabccd");
    outbox_free(outbox);
}

/* By another client, in the same order; what is not ours any more is left out. */
static void test_sent_again(void **state)
{
    struct outbox *outbox = new_kept();
    outbox_set_gate(outbox, may, NULL);
    not_ours = "";
    put_as(outbox, "state", "a", 1, true);
    put_as(outbox, "status", "b", 1, true);
    put_kept(outbox, "c", 1, 0);
    outbox_ready(outbox, 1);
    flush(outbox);
    put_as(outbox, "status", "d", 1, false);
    expect_taken("abc");
    not_ours = "state";
    outbox_resend(outbox);
    flush(outbox);
    expect_taken("abcbcd");
    for (size_t i = 3; i < 6; i++)
        outbox_ack(outbox, fake_client.message[i].token, 0, 0);
    assert_int_equal(outbox_count(outbox), 0);
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
        cmocka_unit_test(test_one_ahead_stays),
        cmocka_unit_test(test_qos_0_needs_no_answer),
        cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_bounded_in_bytes),
        cmocka_unit_test(test_kept_ones_wait_until_they_are_ready),
        cmocka_unit_test(test_kept_ones_outlast_a_refusal),
        cmocka_unit_test(test_kept_ones_grow_old),
        cmocka_unit_test(test_every_kept_one_is_told),
        cmocka_unit_test(test_everything_is_copied),
        cmocka_unit_test(test_what_is_not_ours),
        cmocka_unit_test(test_what_is_void),
        cmocka_unit_test(test_what_has_to_wait),
        cmocka_unit_test(test_one_at_a_time),
        cmocka_unit_test(test_sent_again),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fake_client_reset();
    return failed;
}
