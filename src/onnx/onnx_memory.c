#include "onnx/onnx_memory.h"

#include <stdlib.h>
#include <string.h>

struct onnx_memory_block {
    struct onnx_memory_block *next;
    _Alignas(max_align_t) unsigned char bytes[];
};

void onnx_memory_init(struct onnx_memory *memory, size_t limit)
{
    *memory = (struct onnx_memory){.limit = limit};
}

void onnx_memory_deinit(struct onnx_memory *memory)
{
    while (memory->blocks) {
        struct onnx_memory_block *block = memory->blocks;
        memory->blocks = block->next;
        free(block);
    }
    *memory = (struct onnx_memory){0};
}

void *onnx_memory_take(struct onnx_memory *memory, size_t size)
{
    size_t left = memory->limit - memory->used, overhead = sizeof(struct onnx_memory_block);
    if (left < overhead || size > left - overhead) {
        memory->full = true;
        return NULL;
    }
    struct onnx_memory_block *block = calloc(1, overhead + size);
    if (!block) {
        memory->failed = true;
        return NULL;
    }
    memory->used += overhead + size;
    block->next = memory->blocks;
    memory->blocks = block;
    return block->bytes;
}

char *onnx_memory_text(struct onnx_memory *memory, const void *text, size_t length)
{
    char *copy = onnx_memory_take(memory, length + 1);
    if (copy && length > 0)
        memcpy(copy, text, length);
    return copy;
}
