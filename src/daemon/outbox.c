#include "daemon/outbox.h"

#include "base/clock.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    struct entry *next;
    struct mqtt_message message; /* its strings lie behind this struct */
    size_t bytes;
    struct outbox_kept kept; /* number 0: it is not */
    uint64_t token;
    bool sent;
    bool ahead; /* of what was put next: it stays */
};

struct list {
    struct entry *first, **end; /* in the order of arrival */
};

struct outbox {
    struct list queue;    /* those that were sent come first */
    struct entry *unsent; /* the first that was not sent */
    struct list refused;  /* kept ones that the broker did not take */
    struct list aside;    /* kept ones that are not ours to tell; they are in count, too */
    size_t aside_count;
    enum outbox_leave (*ask)(void *user, const char *topic); /* NULL: whatever it is */
    void *ask_user;
    size_t window, under_way; /* messages with the library: at most, and now */
    int64_t retry_ns;         /* monotonic: when they are queued again */
    int64_t ready;            /* number of the last that may be sent */
    size_t count, bytes;
    uint64_t dropped, expired, refusals;
    void (*on_gone)(void *user, int64_t number);
    void *user;
};

/* ---- lists */

static void list_init(struct list *list)
{
    list->first = NULL;
    list->end = &list->first;
}

static void list_append(struct list *list, struct entry *entry)
{
    entry->next = NULL;
    *list->end = entry;
    list->end = &entry->next;
}

static bool list_remove(struct list *list, struct entry *entry)
{
    for (struct entry **link = &list->first; *link; link = &(*link)->next) {
        if (*link != entry)
            continue;
        *link = entry->next;
        if (list->end == &entry->next)
            list->end = link;
        return true;
    }
    return false;
}

static void list_free(struct list *list)
{
    while (list->first) {
        struct entry *next = list->first->next;
        free(list->first);
        list->first = next;
    }
}

struct outbox *outbox_new(void (*on_gone)(void *user, int64_t number), void *user)
{
    struct outbox *outbox = calloc(1, sizeof *outbox);
    if (!outbox)
        return NULL;
    list_init(&outbox->queue);
    list_init(&outbox->refused);
    list_init(&outbox->aside);
    outbox->on_gone = on_gone;
    outbox->user = user;
    return outbox;
}

void outbox_free(struct outbox *outbox)
{
    if (!outbox)
        return;
    list_free(&outbox->queue);
    list_free(&outbox->refused);
    list_free(&outbox->aside);
    free(outbox);
}

static void unqueue(struct outbox *outbox, struct entry *entry)
{
    if (outbox->unsent == entry)
        outbox->unsent = entry->next;
    list_remove(&outbox->queue, entry);
}

static void discard(struct outbox *outbox, struct entry *entry)
{
    outbox->under_way -= entry->sent;
    if (list_remove(&outbox->aside, entry))
        outbox->aside_count--;
    else if (!list_remove(&outbox->refused, entry))
        unqueue(outbox, entry);
    outbox->count--;
    outbox->bytes -= entry->bytes;
    if (entry->kept.number && outbox->on_gone)
        outbox->on_gone(outbox->user, entry->kept.number);
    free(entry);
}

/* ---- in */

static char *append(char *at, const void *data, size_t size, const void **ret_copy)
{
    if (!data)
        return at;
    memcpy(at, data, size);
    *ret_copy = at;
    return at + size;
}

static size_t text_size(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

static struct entry *copy_message(const struct mqtt_message *message)
{
    size_t topic = text_size(message->topic), type = text_size(message->content_type);
    size_t bytes = topic + type + message->size + message->correlation_size;
    struct entry *entry = malloc(sizeof *entry + bytes);
    if (!entry)
        return NULL;
    *entry = (struct entry){.message = *message, .bytes = bytes};
    char *at = (char *)(entry + 1);
    at = append(at, message->topic, topic, (const void **)&entry->message.topic);
    at = append(at, message->content_type, type, (const void **)&entry->message.content_type);
    at = append(at, message->payload, message->size, &entry->message.payload);
    append(at, message->correlation, message->correlation_size, &entry->message.correlation);
    entry->message.response_topic = NULL;
    return entry;
}

static struct entry *find_unsent_retained(const struct outbox *outbox, const char *topic)
{
    for (struct entry *entry = outbox->unsent; entry; entry = entry->next) {
        if (entry->message.retained && !entry->ahead && !strcmp(entry->message.topic, topic))
            return entry;
    }
    return NULL;
}

/* Those that are sent may be acknowledged at any moment: they stay. */
static void make_room(struct outbox *outbox, size_t bytes)
{
    while (outbox->count >= OUTBOX_MAX || outbox->bytes + bytes > OUTBOX_BYTES_MAX) {
        struct entry *oldest = outbox->aside.first     ? outbox->aside.first
                               : outbox->refused.first ? outbox->refused.first
                                                       : outbox->unsent;
        if (!oldest)
            return;
        outbox->dropped++;
        discard(outbox, oldest);
    }
}

static int put(struct outbox *outbox, const struct mqtt_message *message,
               const struct outbox_kept *kept, bool ahead)
{
    struct entry *entry = copy_message(message);
    if (!entry) {
        outbox->dropped++;
        return -ENOMEM;
    }
    make_room(outbox, entry->bytes);
    entry->kept = *kept;
    entry->ahead = ahead;
    list_append(&outbox->queue, entry);
    if (!outbox->unsent)
        outbox->unsent = entry;
    outbox->count++;
    outbox->bytes += entry->bytes;
    return 0;
}

static void drop_older(struct outbox *outbox, const struct mqtt_message *message)
{
    struct entry *older = message->retained ? find_unsent_retained(outbox, message->topic) : NULL;
    if (older)
        discard(outbox, older);
}

int outbox_put(struct outbox *outbox, const struct mqtt_message *message)
{
    drop_older(outbox, message);
    return put(outbox, message, &(struct outbox_kept){0}, false);
}

int outbox_put_ahead(struct outbox *outbox, const struct mqtt_message *message)
{
    drop_older(outbox, message);
    return put(outbox, message, &(struct outbox_kept){0}, true);
}

int outbox_put_kept(struct outbox *outbox, const struct mqtt_message *message,
                    const struct outbox_kept *kept)
{
    return put(outbox, message, kept, false);
}

/* ---- out */

void outbox_ready(struct outbox *outbox, int64_t number)
{
    if (number > outbox->ready)
        outbox->ready = number;
}

/* ---- whose it is */

void outbox_set_gate(struct outbox *outbox, enum outbox_leave (*ask)(void *user, const char *topic),
                     void *user)
{
    outbox->ask = ask;
    outbox->ask_user = user;
}

void outbox_set_window(struct outbox *outbox, size_t window)
{
    outbox->window = window;
}

static void put_aside(struct outbox *outbox, struct entry *entry)
{
    if (entry->kept.number == 0) {
        discard(outbox, entry);
        return;
    }
    unqueue(outbox, entry);
    list_append(&outbox->aside, entry);
    outbox->aside_count++;
}

void outbox_recall(struct outbox *outbox)
{
    if (!outbox->aside.first)
        return;
    *outbox->queue.end = outbox->aside.first;
    outbox->queue.end = outbox->aside.end;
    if (!outbox->unsent)
        outbox->unsent = outbox->aside.first;
    list_init(&outbox->aside);
    outbox->aside_count = 0;
}

size_t outbox_disown(struct outbox *outbox, const char *topic)
{
    size_t count = 0;
    struct entry *next;
    for (struct entry *entry = outbox->aside.first; entry; entry = next) {
        next = entry->next;
        if (strcmp(entry->message.topic, topic) != 0)
            continue;
        discard(outbox, entry);
        count++;
    }
    return count;
}

void outbox_resend(struct outbox *outbox)
{
    for (struct entry *entry = outbox->queue.first; entry && entry->sent; entry = entry->next)
        entry->sent = false;
    outbox->unsent = outbox->queue.first;
    outbox->under_way = 0;
}

void outbox_flush(struct outbox *outbox, struct mqtt_client *client)
{
    while (outbox->unsent && outbox->unsent->kept.number <= outbox->ready) {
        struct entry *entry = outbox->unsent;
        enum outbox_leave leave =
            outbox->ask ? outbox->ask(outbox->ask_user, entry->message.topic) : OUTBOX_SEND;
        if (leave == OUTBOX_NOT_OURS) {
            put_aside(outbox, entry);
            continue;
        }
        if (leave == OUTBOX_WAIT || (outbox->window && outbox->under_way >= outbox->window))
            return;
        int r = mqtt_client_publish(client, &entry->message, &entry->token);
        bool impossible = r == -EMSGSIZE || r == -EINVAL;
        if (r < 0 && !impossible)
            return;
        outbox->unsent = entry->next;
        entry->sent = true;
        outbox->under_way++;
        if (impossible)
            outbox->refusals++;
        if (impossible || entry->message.qos == 0)
            discard(outbox, entry);
    }
}

static struct entry *find_sent(const struct outbox *outbox, uint64_t token)
{
    for (struct entry *entry = outbox->queue.first; entry && entry->sent; entry = entry->next) {
        if (entry->token == token)
            return entry;
    }
    return NULL;
}

void outbox_ack(struct outbox *outbox, uint64_t token, int reason, int64_t now_ns)
{
    struct entry *entry = find_sent(outbox, token);
    if (!entry)
        return;
    outbox->refusals += reason >= 128;
    if (reason < 128 || entry->kept.number == 0) {
        discard(outbox, entry);
        return;
    }
    unqueue(outbox, entry);
    entry->sent = false;
    outbox->under_way--;
    list_append(&outbox->refused, entry);
    outbox->retry_ns = now_ns + (int64_t)(OUTBOX_RETRY_S * (double)CLOCK_NS_PER_S);
}

/* ---- time */

/* Before those that were never sent: they are older. */
static void queue_refused(struct outbox *outbox)
{
    struct entry **at = &outbox->queue.first;
    while (*at != outbox->unsent)
        at = &(*at)->next;
    struct entry *behind = *at;
    *at = outbox->refused.first;
    *outbox->refused.end = behind;
    if (!behind)
        outbox->queue.end = outbox->refused.end;
    outbox->unsent = outbox->refused.first;
    list_init(&outbox->refused);
}

static double age_s(const struct entry *entry, int64_t now_ns)
{
    return entry->kept.age_s + (double)(now_ns - entry->kept.now_ns) / (double)CLOCK_NS_PER_S;
}

void outbox_tick(struct outbox *outbox, double max_age_s, bool now, int64_t now_ns)
{
    if (outbox->refused.first && (now || now_ns >= outbox->retry_ns))
        queue_refused(outbox);
    struct entry *const lists[] = {outbox->unsent, outbox->aside.first};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        struct entry *next;
        for (struct entry *entry = lists[i]; entry; entry = next) {
            next = entry->next;
            if (entry->kept.number == 0 || age_s(entry, now_ns) <= max_age_s)
                continue;
            outbox->expired++;
            discard(outbox, entry);
        }
    }
}

void outbox_each_kept(const struct outbox *outbox,
                      void (*each)(void *user, const struct mqtt_message *message,
                                   const struct outbox_kept *kept),
                      void *user)
{
    const struct list *const lists[] = {&outbox->aside, &outbox->refused, &outbox->queue};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        for (const struct entry *entry = lists[i]->first; entry; entry = entry->next) {
            if (entry->kept.number)
                each(user, &entry->message, &entry->kept);
        }
    }
}

void outbox_each_topic(const struct outbox *outbox, void (*each)(void *user, const char *topic),
                       void *user)
{
    const struct list *const lists[] = {&outbox->refused, &outbox->queue};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        for (const struct entry *entry = lists[i]->first; entry; entry = entry->next)
            each(user, entry->message.topic);
    }
}

size_t outbox_count(const struct outbox *outbox)
{
    return outbox->count - outbox->aside_count;
}

size_t outbox_aside(const struct outbox *outbox)
{
    return outbox->aside_count;
}

uint64_t outbox_dropped(const struct outbox *outbox)
{
    return outbox->dropped;
}

uint64_t outbox_expired(const struct outbox *outbox)
{
    return outbox->expired;
}

uint64_t outbox_refused(const struct outbox *outbox)
{
    return outbox->refusals;
}
