#include "daemon/journal_batch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void journal_batch_init(struct journal_batch *batch)
{
    *batch = (struct journal_batch){.first = NULL};
    batch->end = &batch->first;
}

void journal_batch_clear(struct journal_batch *batch)
{
    while (batch->first) {
        struct journal_op *next = batch->first->next;
        free(batch->first);
        batch->first = next;
    }
    journal_batch_init(batch);
}

void journal_batch_move(struct journal_batch *from, struct journal_batch *to)
{
    *to = *from;
    if (!to->first)
        to->end = &to->first;
    journal_batch_init(from);
}

static const char *copy_text(char **at, const char *text)
{
    if (!text)
        return NULL;
    char *copy = strcpy(*at, text);
    *at += strlen(text) + 1;
    return copy;
}

static size_t text_size(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

static struct journal_op *copy_op(const struct journal_op *op)
{
    size_t texts = text_size(op->topic) + text_size(op->content_type) + text_size(op->robot) +
                   text_size(op->alert_kind) + text_size(op->text);
    struct journal_op *copy = malloc(sizeof *copy + texts + op->size);
    if (!copy)
        return NULL;
    char *at = (char *)(copy + 1);
    *copy = *op;
    copy->next = NULL;
    copy->topic = copy_text(&at, op->topic);
    copy->content_type = copy_text(&at, op->content_type);
    copy->robot = copy_text(&at, op->robot);
    copy->alert_kind = copy_text(&at, op->alert_kind);
    copy->text = copy_text(&at, op->text);
    if (op->size)
        copy->payload = memcpy(at, op->payload, op->size);
    return copy;
}

int journal_batch_add(struct journal_batch *batch, const struct journal_op *op)
{
    struct journal_op *copy = copy_op(op);
    if (!copy)
        return -ENOMEM;
    *batch->end = copy;
    batch->end = &copy->next;
    batch->count++;
    if (op->kind == JOURNAL_ADD)
        batch->last_number = op->number;
    return 0;
}
