#include "nn/schedule.h"

#include <math.h>
#include <string.h>

#define EXPONENTIAL_END 0.01

static double constant(double base, double step, double steps)
{
    return base;
}

static double cosine(double base, double step, double steps)
{
    const double pi = 3.14159265358979323846;
    return base / 2 * (1 + cos(pi * step / steps));
}

static double fall_in_steps(double base, double step, double steps)
{
    return step < steps / 2 ? base : step < steps * 3 / 4 ? base / 10 : base / 100;
}

static double exponential(double base, double step, double steps)
{
    return base * pow(EXPONENTIAL_END, step / steps);
}

static const struct {
    const char *name;
    double (*rate)(double base, double step, double steps);
} kinds[SCHEDULE_KINDS] = {
    [SCHEDULE_CONSTANT] = {"constant", constant},
    [SCHEDULE_COSINE] = {"cosine", cosine},
    [SCHEDULE_STEP] = {"step", fall_in_steps},
    [SCHEDULE_EXPONENTIAL] = {"exponential", exponential},
};

const char *schedule_name(enum schedule_kind kind)
{
    return kinds[kind].name;
}

bool schedule_from_name(const char *name, enum schedule_kind *ret_kind)
{
    for (int i = 0; i < SCHEDULE_KINDS; i++)
        if (strcmp(kinds[i].name, name) == 0) {
            *ret_kind = (enum schedule_kind)i;
            return true;
        }
    return false;
}

double schedule_rate(enum schedule_kind kind, double base, uint64_t step, uint64_t steps)
{
    return kinds[kind].rate(base, (double)step, (double)steps);
}
