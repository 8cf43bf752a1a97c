/*
 * ring: bounded queue of length-prefixed records between exactly one writing and one reading
 * thread.
 *
 * A record is contiguous in memory, so both sides work in place and a record is copied once, by
 * whoever fills it. Nothing waits: a full ring refuses, an empty one says so. One that runs empty
 * goes on at its beginning, so that memory which no backlog ever needed is never touched. Thread:
 * reserve/commit belong to the producer, peek/release to the consumer; init and deinit to whoever
 * holds it alone.
 */
#ifndef ARMWATCH_BASE_RING_H
#define ARMWATCH_BASE_RING_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct ring {
    /* set once */
    unsigned char *data;
    size_t capacity; /* bytes, a power of two */

    /* producer */
    _Alignas(64) _Atomic size_t head; /* bytes ever written */
    size_t tail_seen;                 /* the producer's last look at tail */
    size_t reserved;                  /* bytes of the record being filled, padding included */
    _Atomic size_t origin;            /* the position that stands at data[0]; changes while empty */

    /* consumer */
    _Alignas(64) _Atomic size_t tail; /* bytes ever released */
    size_t read;                      /* bytes ever read */
    size_t head_seen;                 /* the consumer's last look at head */
    size_t origin_seen;               /* and at origin */
};

/* Memory: capacity bytes (rounded up to a power of two). Errors: -ENOMEM. */
int ring_init(struct ring *ring, size_t capacity);
void ring_deinit(struct ring *ring);

/* Room for a record of `size` bytes (8-byte aligned), or NULL when the ring is too full now.
 * A record must fit a quarter of the ring. The record is seen by nobody before ring_commit. */
void *ring_reserve(struct ring *ring, size_t size);
void ring_commit(struct ring *ring);

/* The next record that was not read yet, or NULL when there is none. Records that were read stay
 * valid until ring_release, which gives all of them back: so a batch is worked on in place. */
const void *ring_read(struct ring *ring, size_t *ret_size);
void ring_release(struct ring *ring);

/* Bytes in use, headers included; exact only for a caller that holds both ends. */
size_t ring_used(const struct ring *ring);

#endif
