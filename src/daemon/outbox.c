#include "daemon/outbox.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    struct entry *next;
    struct mqtt_message message; /* its strings lie behind this struct */
    uint64_t token;
    bool sent;
};

struct outbox {
    struct entry *first, **end; /* in the order of arrival */
    struct entry *unsent;       /* the first that was not sent */
    size_t count;
    uint64_t dropped, refused;
};

struct outbox *outbox_new(void)
{
    struct outbox *outbox = calloc(1, sizeof *outbox);
    if (outbox)
        outbox->end = &outbox->first;
    return outbox;
}

void outbox_free(struct outbox *outbox)
{
    if (!outbox)
        return;
    while (outbox->first) {
        struct entry *next = outbox->first->next;
        free(outbox->first);
        outbox->first = next;
    }
    free(outbox);
}

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
    struct entry *entry =
        malloc(sizeof *entry + topic + type + message->size + message->correlation_size);
    if (!entry)
        return NULL;
    *entry = (struct entry){.message = *message};
    char *at = (char *)(entry + 1);
    at = append(at, message->topic, topic, (const void **)&entry->message.topic);
    at = append(at, message->content_type, type, (const void **)&entry->message.content_type);
    at = append(at, message->payload, message->size, &entry->message.payload);
    append(at, message->correlation, message->correlation_size, &entry->message.correlation);
    entry->message.response_topic = NULL;
    return entry;
}

/* Where the pointer to an entry stands; NULL if it is not in the list. */
static struct entry **find_link(struct outbox *outbox, const struct entry *entry)
{
    for (struct entry **link = &outbox->first; *link; link = &(*link)->next) {
        if (*link == entry)
            return link;
    }
    return NULL;
}

static void remove_entry(struct outbox *outbox, struct entry *entry)
{
    struct entry **link = find_link(outbox, entry);
    if (outbox->unsent == entry)
        outbox->unsent = entry->next;
    if (outbox->end == &entry->next)
        outbox->end = link;
    *link = entry->next;
    outbox->count--;
    free(entry);
}

static struct entry *find_unsent_retained(const struct outbox *outbox, const char *topic)
{
    for (struct entry *entry = outbox->unsent; entry; entry = entry->next) {
        if (entry->message.retained && !strcmp(entry->message.topic, topic))
            return entry;
    }
    return NULL;
}

int outbox_put(struct outbox *outbox, const struct mqtt_message *message)
{
    if (message->retained) {
        struct entry *older = find_unsent_retained(outbox, message->topic);
        if (older)
            remove_entry(outbox, older);
    }
    if (outbox->count >= OUTBOX_MAX) {
        outbox->dropped++;
        return -ENOBUFS;
    }
    struct entry *entry = copy_message(message);
    if (!entry) {
        outbox->dropped++;
        return -ENOMEM;
    }
    *outbox->end = entry;
    outbox->end = &entry->next;
    if (!outbox->unsent)
        outbox->unsent = entry;
    outbox->count++;
    return 0;
}

void outbox_flush(struct outbox *outbox, struct mqtt_client *client)
{
    while (outbox->unsent) {
        struct entry *entry = outbox->unsent;
        int r = mqtt_client_publish(client, &entry->message, &entry->token);
        bool impossible = r == -EMSGSIZE || r == -EINVAL;
        if (r < 0 && !impossible)
            return;
        outbox->unsent = entry->next;
        entry->sent = true;
        if (impossible) {
            outbox->refused++;
            remove_entry(outbox, entry);
        } else if (entry->message.qos == 0) {
            remove_entry(outbox, entry);
        }
    }
}

void outbox_ack(struct outbox *outbox, uint64_t token, int reason)
{
    for (struct entry *entry = outbox->first; entry && entry->sent; entry = entry->next) {
        if (entry->token != token)
            continue;
        outbox->refused += reason >= 128;
        remove_entry(outbox, entry);
        return;
    }
}

size_t outbox_count(const struct outbox *outbox)
{
    return outbox->count;
}

uint64_t outbox_dropped(const struct outbox *outbox)
{
    return outbox->dropped;
}

uint64_t outbox_refused(const struct outbox *outbox)
{
    return outbox->refused;
}
