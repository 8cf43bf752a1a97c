/*
 * What evidence.c and evidence_write.c share. Only for evidence*.c.
 */
#ifndef ARMWATCH_DAEMON_EVIDENCE_INTERNAL_H
#define ARMWATCH_DAEMON_EVIDENCE_INTERNAL_H

#include "daemon/evidence.h"

struct evidence_item {
    struct evidence_item *next;
    size_t bytes;              /* that count against the memory */
    bool is_pack;              /* else a note: */
    struct evidence_pack pack; /* with a reference to its model */
    char *text;                /* owned: the alert of a pack, or the note */
    char id[HASH_HEX_SIZE];
    const char *name; /* static: file of a note */
};

/* NULL is allowed. */
void evidence_item_free(struct evidence_item *item);

size_t evidence_budget(const struct evidence *evidence);
/* Whether so many bytes more may wait for the disk. */
bool evidence_has_room(const struct evidence *evidence, size_t bytes);
/* The item is taken. */
void evidence_put(struct evidence *evidence, struct evidence_item *item);
void evidence_put_note(struct evidence *evidence, const char *id, const char *name, char *text);
/* Starts the next job, if there is something to do and none is under way. */
void evidence_go_on(struct evidence *evidence);

#endif
