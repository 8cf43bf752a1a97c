/*
 * arena: the memory of one message, of a fixed size, given back all at once.
 *
 * It bounds what a small payload can unfold to, and lets a message be read without an allocation.
 */
#ifndef ARMWATCH_SPARKPLUG_ARENA_H
#define ARMWATCH_SPARKPLUG_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct sparkplug_arena {
    unsigned char *memory;
    size_t size, used;
    bool full; /* something did not fit since the last reset */
};

/* Errors: -ENOMEM. */
int sparkplug_arena_init(struct sparkplug_arena *arena, size_t size);
void sparkplug_arena_deinit(struct sparkplug_arena *arena);
void sparkplug_arena_reset(struct sparkplug_arena *arena);

/* Aligned for everything; NULL if it does not fit. */
void *sparkplug_arena_take(struct sparkplug_arena *arena, size_t size);

#endif
