#include "daemon/score_ring.h"

#include "base/clock.h"

#define INTERVAL_NS (SCORE_RING_INTERVAL_S * CLOCK_NS_PER_S)

/* From 1 on: 0 is a ring that has never seen one. */
static int64_t number_of(int64_t now_ns)
{
    return now_ns / INTERVAL_NS + 1;
}

static size_t place_of(int64_t number)
{
    return (size_t)(number % SCORE_RING_INTERVALS);
}

static void go_on(struct score_ring *ring, int64_t number)
{
    int64_t passed = ring->newest ? number - ring->newest : SCORE_RING_INTERVALS;
    if (passed >= SCORE_RING_INTERVALS) {
        ring->filled = 1;
    } else {
        uint32_t filled = ring->filled + (uint32_t)passed;
        ring->filled = filled < SCORE_RING_INTERVALS ? filled : SCORE_RING_INTERVALS;
    }
    int64_t first = passed >= SCORE_RING_INTERVALS ? number : ring->newest + 1;
    for (int64_t n = first; n <= number; n++)
        ring->highest[place_of(n)] = -1;
    ring->newest = number;
}

void score_ring_push(struct score_ring *ring, double score, int64_t now_ns)
{
    int64_t number = number_of(now_ns);
    if (number > ring->newest)
        go_on(ring, number);
    float *highest = &ring->highest[place_of(ring->newest)];
    if ((float)score > *highest)
        *highest = (float)score;
}

size_t score_ring_read(const struct score_ring *ring, int64_t now_ns, float *ret_values,
                       int64_t *ret_first_ns)
{
    int64_t present = number_of(now_ns), oldest = ring->newest - ring->filled + 1;
    present = present > ring->newest ? present : ring->newest;
    if (present - oldest >= SCORE_RING_INTERVALS)
        oldest = present - SCORE_RING_INTERVALS + 1;
    size_t count = 0;
    for (int64_t n = oldest; ring->newest && n <= present; n++) {
        float value = n <= ring->newest ? ring->highest[place_of(n)] : -1;
        if (count == 0 && value < 0)
            continue;
        if (count == 0)
            *ret_first_ns = (n - 1) * INTERVAL_NS;
        ret_values[count++] = value;
    }
    return count;
}
