/*
 * simdjson_peer: a sample as simdjson's on-demand parser reads it, in C++.
 *
 * It takes the time as the text that it is, the number, and the values as floats; nothing is
 * checked beyond what simdjson checks. Where simdjson was not found, simdjson_peer_version is NULL.
 */
#ifndef ARMWATCH_BENCH_SIMDJSON_PEER_H
#define ARMWATCH_BENCH_SIMDJSON_PEER_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

extern const char *const simdjson_peer_version;

/* SIMDJSON_PEER_PADDING bytes behind the text must be readable. ret_values: [count]; false unless
 * there are exactly so many. */
#define SIMDJSON_PEER_PADDING 64
bool simdjson_peer_read(const char *text, size_t size, size_t count, float *ret_values);

#ifdef __cplusplus
}
#endif

#endif
