#include "daemon/held.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

static void release(struct held_answer *answer)
{
    free((char *)answer->reply.topic);
    free((void *)answer->reply.correlation);
    free((char *)answer->reply.text);
}

static bool copy(const struct publisher_reply *reply, struct publisher_reply *ret_copy)
{
    *ret_copy = (struct publisher_reply){.text = strdup(reply->text)};
    bool good = ret_copy->text;
    if (reply->topic)
        good &= (ret_copy->topic = strdup(reply->topic)) != NULL;
    if (reply->correlation) {
        void *bytes = malloc(reply->correlation_size);
        good &= bytes != NULL;
        if (bytes)
            memcpy(bytes, reply->correlation, reply->correlation_size);
        ret_copy->correlation = bytes;
        ret_copy->correlation_size = reply->correlation_size;
    }
    return good;
}

/* In their order: one that still waits holds those behind it. */
static void send_due(struct held *held, bool all)
{
    bool settled = all || held->is_settled(held->user);
    int64_t now_ns = clock_monotonic_ns();
    size_t sent = 0;
    while (sent < held->count && (settled || held->item[sent].until_ns <= now_ns)) {
        publisher_reply(held->publisher, &held->item[sent].reply);
        release(&held->item[sent++]);
    }
    held->count -= sent;
    memmove(held->item, held->item + sent, held->count * sizeof held->item[0]);
}

static void on_look(uv_timer_t *timer)
{
    struct held *held = timer->data;
    send_due(held, false);
    if (held->count == 0)
        uv_timer_stop(timer);
}

void held_init(struct held *held, uv_loop_t *loop)
{
    uv_timer_init(loop, &held->timer);
    held->timer.data = held;
}

void held_send(struct held *held, const struct publisher_reply *reply)
{
    struct held_answer answer = {.until_ns = clock_monotonic_ns() + HELD_MS * CLOCK_NS_PER_MS};
    bool open = held->timer.data && !uv_is_closing((uv_handle_t *)&held->timer);
    bool settled = held->count == 0 && open && held->is_settled(held->user);
    if (!open || settled || held->count == HELD_MAX || !copy(reply, &answer.reply)) {
        release(&answer);
        publisher_reply(held->publisher, reply);
        return;
    }
    held->item[held->count++] = answer;
    if (!uv_is_active((uv_handle_t *)&held->timer))
        uv_timer_start(&held->timer, on_look, HELD_LOOK_MS, HELD_LOOK_MS);
}

void held_stop(struct held *held)
{
    send_due(held, true);
    if (held->timer.data && !uv_is_closing((uv_handle_t *)&held->timer))
        uv_close((uv_handle_t *)&held->timer, NULL);
}
