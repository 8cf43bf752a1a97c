/*
 * The numbers reproduce what was seen on a real cell: 126 W and 163 VA at rest, about 160 W and
 * 183 VA in motion, apparent power, power factor and phase angle exact functions of power and
 * reactive power, and a current that is a true mean square with harmonics in it.
 */
#include "lab/power_meter.h"

#include <math.h>

#define SAMPLE_S 0.1
#define BASE_W 126.0
#define DRIVE_EFFICIENCY 0.65
#define DC_LINK_TAU_S 1.5 /* its capacitors smooth what the drives take */
#define PC_DEVIATION_W 5.0
#define PC_TAU_S 4.0
#define BURST_W 20.0
#define BURSTS_PER_S (1.0 / 600)

/* Copper loss per torque squared, W/(N m)^2. */
static const double copper[ARM_JOINTS] = {.004, .004, .006, .008, .03, .05, .08};

void power_meter_init(struct power_meter *meter, struct rng session_rng)
{
    *meter = (struct power_meter){.rng = session_rng};
    meter->base_w = BASE_W + 0.5 * rng_normal(&meter->rng);
    meter->voltage = 229.5 + 1.2 * rng_normal(&meter->rng);
}

void power_meter_feel(struct power_meter *meter, const double torque[ARM_JOINTS],
                      const double velocity[ARM_JOINTS], bool braked, double dt)
{
    double drives_w = 0;
    for (int i = 0; i < ARM_JOINTS && !braked; i++)
        drives_w +=
            copper[i] * torque[i] * torque[i] + fmax(torque[i] * velocity[i], 0) / DRIVE_EFFICIENCY;
    meter->drives_w += (drives_w - meter->drives_w) * dt / DC_LINK_TAU_S;
    meter->sum_ws += (meter->base_w + meter->drives_w) * dt;
    meter->sum_s += dt;
}

/* One step of an Ornstein-Uhlenbeck process: a random walk that is drawn back to its mean. */
static double wander(struct rng *rng, double value, double mean, double deviation, double share)
{
    return mean + (value - mean) * (1 - share) +
           deviation * sqrt(share * (2 - share)) * rng_normal(rng);
}

static void poll(struct power_meter *meter)
{
    double burst = meter->burst_s > 0 ? BURST_W : 0;
    double power = meter->sum_ws / meter->sum_s + meter->pc_w + burst;
    double reactive = -103 + 0.35 * (power - 126) + 0.4 * rng_normal(&meter->rng);
    double apparent = hypot(power, reactive);
    double factor = power / apparent;
    double harmonics = fmax(0.66 - 0.006 * (power - 126), 0.3);
    double current = hypot(apparent / meter->voltage, harmonics);
    /* The meter counts ticks in a period: 1024 at 50 Hz. */
    double frequency = 51200 / (1024 - fmax(fmin(round(meter->frequency_offset), 2), -2));
    const double values[POWER_CHANNELS] = {
        apparent, current, frequency, 360 - acos(factor) / DEGREE,
        power,    factor,  reactive,  meter->voltage,
    };
    for (int i = 0; i < POWER_CHANNELS; i++)
        meter->values[i] = (float)values[i];
    meter->sum_ws = meter->sum_s = 0;
}

void power_meter_read(struct power_meter *meter, float ret_values[POWER_CHANNELS])
{
    struct rng *rng = &meter->rng;
    meter->pc_w = wander(rng, meter->pc_w, 0, PC_DEVIATION_W, SAMPLE_S / PC_TAU_S);
    meter->voltage = wander(rng, meter->voltage, 229.5, 1.2, SAMPLE_S / 60);
    meter->frequency_offset = wander(rng, meter->frequency_offset, 0, 0.5, SAMPLE_S / 30);
    double chance = rng_uniform(rng), length_s = 5 + 25 * rng_uniform(rng);
    meter->burst_s -= SAMPLE_S;
    if (meter->burst_s <= 0 && chance < BURSTS_PER_S * SAMPLE_S)
        meter->burst_s = length_s;
    if (meter->hold <= 0) {
        poll(meter);
        meter->hold = 10 + (int)rng_below(rng, 5);
    }
    meter->hold--;
    for (int i = 0; i < POWER_CHANNELS; i++)
        ret_values[i] = meter->values[i];
}
