#include "sparkplug/arena.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

int sparkplug_arena_init(struct sparkplug_arena *arena, size_t size)
{
    *arena = (struct sparkplug_arena){.memory = malloc(size), .size = size};
    return arena->memory ? 0 : -ENOMEM;
}

void sparkplug_arena_deinit(struct sparkplug_arena *arena)
{
    free(arena->memory);
    *arena = (struct sparkplug_arena){0};
}

void sparkplug_arena_reset(struct sparkplug_arena *arena)
{
    arena->used = 0;
    arena->full = false;
}

void *sparkplug_arena_take(struct sparkplug_arena *arena, size_t size)
{
    const size_t align = _Alignof(max_align_t);
    if (size > arena->size - arena->used) {
        arena->full = true;
        return NULL;
    }
    void *memory = arena->memory + arena->used;
    size_t whole = (size + align - 1) / align * align;
    arena->used = whole < arena->size - arena->used ? arena->used + whole : arena->size;
    return memory;
}
