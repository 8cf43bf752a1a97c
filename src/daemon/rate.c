#include "daemon/rate.h"

#include <math.h>

#define STRETCH_S 5
#define STRETCH_STEPS 10
#define ARRIVAL_STRETCHES 3 /* as long */
#define BROKEN_STEPS 5

void rate_restart(struct rate *rate)
{
    rate->whole = rate->broken = (struct rate_sum){0};
}

static void add(struct rate_sum *sum, const struct rate_step *step)
{
    sum->s += step->s;
    sum->samples += step->samples;
    sum->steps++;
}

static void judge(struct rate *rate, double mean_s, double period_s)
{
    double deviation = mean_s / period_s - 1;
    int side = fabs(deviation) <= RATE_LIMIT ? 0 : deviation > 0 ? 1 : -1;
    rate->off = side != 0 && side == rate->side;
    rate->side = side;
    rate->period_s = mean_s;
    rate_restart(rate);
}

void rate_push(struct rate *rate, const struct rate_step *step, double period_s)
{
    double stretch_s = STRETCH_STEPS * period_s;
    stretch_s = stretch_s > STRETCH_S ? stretch_s : STRETCH_S;
    stretch_s *= step->arrival ? ARRIVAL_STRETCHES : 1;
    struct rate_sum *whole = &rate->whole, *broken = &rate->broken;
    add(step->broken ? broken : whole, step);
    bool slow = broken->steps > whole->steps && broken->steps >= BROKEN_STEPS;
    if (whole->s >= stretch_s && whole->samples > 0)
        judge(rate, whole->s / (double)whole->samples, period_s);
    else if (slow && whole->s + broken->s >= stretch_s)
        judge(rate, (whole->s + broken->s) / (double)(whole->samples + broken->samples), period_s);
}
