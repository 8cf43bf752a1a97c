/*
 * mutate: how libFuzzer changes a container whose parts hang on each other. Left to itself it would
 * hardly ever get past a length or a hash.
 */
#ifndef ARMWATCH_TESTS_MUTATE_H
#define ARMWATCH_TESTS_MUTATE_H

#include <stddef.h>
#include <stdint.h>

/* libFuzzer's own; both work in place and return the new size, at most max_size. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

/* Either the bytes, or the header alone with its length made right. */
size_t mutate_safetensors(uint8_t *data, size_t size, size_t max_size, unsigned seed);

#endif
