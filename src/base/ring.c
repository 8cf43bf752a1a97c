/*
 * Every record is an 8-byte header (its length) and the bytes, rounded up to 8. A record that would
 * cross the end of the buffer is preceded by a header with the length SKIP, which sends the reader
 * to the start: so a record is always contiguous. Positions only grow; their difference is the
 * fill.
 *
 * Where position 0 would stand moves: once the producer has gone RING_RESTART bytes from the start
 * and finds that everything was released, its next record begins at the start again. The consumer
 * has nothing in hand then, and reads the new origin behind the head that was committed after it.
 */
#include "base/ring.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RING_HEADER sizeof(uint64_t)
#define RING_SKIP UINT64_MAX
#define RING_RESTART ((size_t)64 << 10)

static size_t round_up_8(size_t size)
{
    return (size + 7) & ~(size_t)7;
}

int ring_init(struct ring *ring, size_t capacity)
{
    size_t rounded = 64;
    while (rounded < capacity)
        rounded *= 2;
    memset(ring, 0, sizeof *ring);
    ring->data = aligned_alloc(64, rounded);
    if (!ring->data)
        return -ENOMEM;
    ring->capacity = rounded;
    return 0;
}

void ring_deinit(struct ring *ring)
{
    free(ring->data);
    ring->data = NULL;
}

/* Bytes from the start of the buffer. */
static size_t offset_of(const struct ring *ring, size_t position, size_t origin)
{
    return (position - origin) & (ring->capacity - 1);
}

static uint64_t *header_at(const struct ring *ring, size_t position, size_t origin)
{
    return (uint64_t *)(void *)(ring->data + offset_of(ring, position, origin));
}

/* The producer's; returns the origin that holds for its next record. */
static size_t restart_if_empty(struct ring *ring, size_t head)
{
    size_t origin = atomic_load_explicit(&ring->origin, memory_order_relaxed);
    if (head - origin < RING_RESTART)
        return origin;
    ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
    if (ring->tail_seen != head)
        return origin;
    atomic_store_explicit(&ring->origin, head, memory_order_relaxed);
    return head;
}

void *ring_reserve(struct ring *ring, size_t size)
{
    size_t need = RING_HEADER + round_up_8(size);
    assert(need <= ring->capacity / 4);
    size_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    size_t origin = restart_if_empty(ring, head);
    size_t to_end = ring->capacity - offset_of(ring, head, origin);
    size_t skip = to_end < need ? to_end : 0;
    if (head + skip + need - ring->tail_seen > ring->capacity) {
        ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
        if (head + skip + need - ring->tail_seen > ring->capacity)
            return NULL;
    }
    if (skip)
        *header_at(ring, head, origin) = RING_SKIP;
    uint64_t *header = header_at(ring, head + skip, origin);
    *header = size;
    ring->reserved = skip + need;
    return header + 1;
}

void ring_commit(struct ring *ring)
{
    assert(ring->reserved);
    size_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    atomic_store_explicit(&ring->head, head + ring->reserved, memory_order_release);
    ring->reserved = 0;
}

const void *ring_read(struct ring *ring, size_t *ret_size)
{
    if (ring->read == ring->head_seen) {
        ring->head_seen = atomic_load_explicit(&ring->head, memory_order_acquire);
        ring->origin_seen = atomic_load_explicit(&ring->origin, memory_order_relaxed);
    }
    if (ring->read == ring->head_seen)
        return NULL;
    size_t origin = ring->origin_seen;
    if (*header_at(ring, ring->read, origin) == RING_SKIP)
        ring->read += ring->capacity - offset_of(ring, ring->read, origin);
    uint64_t *header = header_at(ring, ring->read, origin);
    size_t size = (size_t)*header;
    if (ret_size)
        *ret_size = size;
    ring->read += RING_HEADER + round_up_8(size);
    return header + 1;
}

void ring_release(struct ring *ring)
{
    atomic_store_explicit(&ring->tail, ring->read, memory_order_release);
}

size_t ring_used(const struct ring *ring)
{
    return atomic_load(&ring->head) - atomic_load(&ring->tail);
}
