/*
 * onnx_memory: what a file unfolds to, up to a limit, given back all at once.
 *
 * A small file can name millions of empty messages: the limit bounds them. Thread: any.
 */
#ifndef ARMWATCH_ONNX_ONNX_MEMORY_H
#define ARMWATCH_ONNX_ONNX_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

struct onnx_memory {
    struct onnx_memory_block *blocks;
    size_t used, limit;
    bool full;   /* something would have been over the limit */
    bool failed; /* or there was no memory */
};

void onnx_memory_init(struct onnx_memory *memory, size_t limit);
void onnx_memory_deinit(struct onnx_memory *memory); /* also of zeros */

/* Zeroed and aligned for everything; NULL where it is full or has failed. */
void *onnx_memory_take(struct onnx_memory *memory, size_t size);
/* A text of that length, ended by a NUL. */
char *onnx_memory_text(struct onnx_memory *memory, const void *text, size_t length);

#endif
