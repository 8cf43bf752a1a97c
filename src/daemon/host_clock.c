#include "daemon/host_clock.h"

#include "base/clock.h"

#define JUMP_NS CLOCK_NS_PER_S

void host_clock_init(struct host_clock *clock, int64_t wall_ns, int64_t now_ns)
{
    *clock = (struct host_clock){.offset_ns = wall_ns - now_ns};
}

int64_t host_clock_check(struct host_clock *clock, int64_t wall_ns, int64_t now_ns)
{
    int64_t step_ns = wall_ns - now_ns - clock->offset_ns;
    if (step_ns >= -JUMP_NS && step_ns <= JUMP_NS)
        return 0;
    clock->offset_ns += step_ns;
    clock->jumps++;
    return step_ns;
}

int64_t host_clock_ns(const struct host_clock *clock, int64_t now_ns)
{
    return now_ns + clock->offset_ns;
}
