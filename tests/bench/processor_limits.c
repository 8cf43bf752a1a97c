#include "processor_limits.h"

#define BLOCKS 8         /* independent sums of limits_read */
#define CHAINS 12        /* of limits_multiply_add: more than latency times units */
#define READ_AT_ONCE 128 /* floats: BLOCKS of the widest vectors */

typedef float lanes256 __attribute__((vector_size(32)));
typedef float lanes512 __attribute__((vector_size(64)));

/* clang-format off */
#define DEFINE(bits, isa)                                                                          \
    __attribute__((target(isa))) static float read_##bits(size_t count, const float *values)       \
    {                                                                                              \
        lanes##bits sum[BLOCKS] = {0};                                                             \
        size_t step = BLOCKS * sizeof sum[0] / sizeof(float);                                      \
        for (size_t i = 0; i + READ_AT_ONCE <= count; i += READ_AT_ONCE) {                         \
            for (size_t at = i; at < i + READ_AT_ONCE; at += step) {                               \
                const lanes##bits *block = (const lanes##bits *)(values + at);                     \
                _Pragma("GCC unroll 8") for (size_t b = 0; b < BLOCKS; b++) sum[b] += block[b];    \
            }                                                                                      \
        }                                                                                          \
        for (size_t b = 1; b < BLOCKS; b++)                                                        \
            sum[0] += sum[b];                                                                      \
        return sum[0][0];                                                                          \
    }                                                                                              \
    __attribute__((target(isa))) static size_t multiply_add_##bits(size_t rounds, float *ret_sum)  \
    {                                                                                              \
        lanes##bits x[CHAINS], factor = {0}, more = {0};                                           \
        factor += 0.999F;                                                                          \
        more += 0.001F;                                                                            \
        for (size_t c = 0; c < CHAINS; c++)                                                        \
            x[c] = more * (float)c;                                                                \
        for (size_t i = 0; i < rounds; i++) {                                                      \
            _Pragma("GCC unroll 12") for (size_t c = 0; c < CHAINS; c++) x[c] = x[c] * factor + more; \
        }                                                                                          \
        for (size_t c = 1; c < CHAINS; c++)                                                        \
            x[0] += x[c];                                                                          \
        *ret_sum = x[0][0];                                                                        \
        return rounds * CHAINS * 2 * (sizeof x[0] / sizeof(float));                                \
    }
/* clang-format on */

DEFINE(256, "avx2,fma")
DEFINE(512, "avx512f")

bool limits_known(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

float limits_read(size_t count, const float *values)
{
    return __builtin_cpu_supports("avx512f") ? read_512(count, values) : read_256(count, values);
}

size_t limits_multiply_add(size_t rounds, float *ret_sum)
{
    return __builtin_cpu_supports("avx512f") ? multiply_add_512(rounds, ret_sum)
                                             : multiply_add_256(rounds, ret_sum);
}
