#include "mutate.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_SIZE sizeof(uint64_t)

static size_t mutate_header(uint8_t *data, size_t size, size_t max_size, uint64_t length)
{
    size_t header = (size_t)length, rest = size - LENGTH_SIZE - header;
    uint8_t *tail = malloc(rest ? rest : 1);
    if (!tail)
        return size;
    memcpy(tail, data + LENGTH_SIZE + header, rest);
    header = LLVMFuzzerMutate(data + LENGTH_SIZE, header, max_size - LENGTH_SIZE - rest);
    length = header;
    memcpy(data, &length, LENGTH_SIZE);
    memcpy(data + LENGTH_SIZE + header, tail, rest);
    free(tail);
    return LENGTH_SIZE + header + rest;
}

size_t mutate_safetensors(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    uint64_t length = UINT64_MAX;
    if (size >= LENGTH_SIZE)
        memcpy(&length, data, LENGTH_SIZE);
    bool is_whole = size >= LENGTH_SIZE && length <= size - LENGTH_SIZE;
    return is_whole && seed % 4 != 0 ? mutate_header(data, size, max_size, length)
                                     : LLVMFuzzerMutate(data, size, max_size);
}
