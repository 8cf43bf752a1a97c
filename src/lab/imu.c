#include "lab/imu.h"

#define GYRO_LSB (2000.0 / 32768)
#define ACC_LSB (16.0 / 32768)
#define ANGLE_LSB (180.0 / 32768)
#define REST_SPEED (0.1 * DEGREE) /* below it the sensor reports a rate of exactly 0 */
#define SAMPLE_S 0.1
#define GLITCH_CHANCE 1e-5 /* a row */

/* Sensors that report a fixed number, whatever the temperature is. */
static const double fixed_temperature[8] = {
    [2] = 144.12, [3] = 144.12, [4] = 144.12, [5] = 144.12, [6] = 180.24, [7] = 180.24};

static struct vec3 random_vector(struct rng *rng, double deviation)
{
    struct vec3 v;
    v.x = deviation * rng_normal(rng);
    v.y = deviation * rng_normal(rng);
    v.z = deviation * rng_normal(rng);
    return v;
}

void imu_init(struct imu *imu, int number, struct rng robot_rng, struct rng session_rng)
{
    *imu = (struct imu){.number = number};
    struct vec3 tilt = random_vector(&robot_rng, 1);
    double turn = 360 * DEGREE * rng_uniform(&robot_rng);
    imu->link_from_sensor = rotation_from_rpy(tilt.x, 0.5 * tilt.y, turn);
    struct vec3 direction = random_vector(&robot_rng, 1);
    imu->lever = vec3_scale(direction, 0.06 / fmax(vec3_length(direction), 1e-3));
    struct rng *rng = &session_rng;
    imu->force_bias = random_vector(rng, 0.010);
    imu->velocity_bias = random_vector(rng, 0.1);
    imu->yaw = 360 * DEGREE * rng_uniform(rng);
    imu->sign = rng_uniform(rng) < 0.5 ? -1 : 1;
    imu->temperature_start = 24 + 6 * rng_uniform(rng);
    imu->temperature_rise = 8 + 3 * rng_uniform(rng);
    imu->temperature_switch_s = rng_uniform(rng) < 0.5 ? 1200 * rng_uniform(rng) : 0;
    imu->rng = session_rng;
    rng_init(&imu->fault_rng, rng_next(rng));
}

void imu_loosen(struct imu *imu, bool loose, struct rng *rng)
{
    imu->looseness = (struct imu_looseness){.on = loose};
    if (!loose)
        return;
    for (int i = 0; i < 3; i++)
        imu->looseness.angle[i] = 2 * DEGREE * rng_normal(rng);
    imu->looseness.frequency_hz = 8 + 7 * rng_uniform(rng);
}

static struct rotation link_from_sensor(const struct imu *imu)
{
    if (!imu->looseness.on)
        return imu->link_from_sensor;
    const double *angle = imu->looseness.angle;
    struct rotation crept = rotation_from_rpy(angle[0], angle[1], angle[2]);
    return rotation_multiply(&imu->link_from_sensor, &crept);
}

void imu_feel(const struct imu *imu, const struct arm_link_motion *link, double speed,
              double weight, struct imu_input *input)
{
    struct rotation mount = link_from_sensor(imu);
    struct vec3 force = arm_link_specific_force(link, imu->lever);
    force = rotation_apply_inverse(&mount, force);
    struct vec3 velocity = rotation_apply_inverse(&mount, link->velocity);
    input->specific_force = vec3_add(input->specific_force, vec3_scale(force, weight));
    input->velocity = vec3_add(input->velocity, vec3_scale(velocity, weight));
    input->speed += weight * speed;
}

static double quantise(double value, double lsb, double range)
{
    double steps = round(value / lsb);
    return lsb * fmax(fmin(steps, range / lsb - 1), -range / lsb);
}

static void put_vector(struct vec3 v, double lsb, double range, float ret_values[3])
{
    ret_values[0] = (float)quantise(v.x, lsb, range);
    ret_values[1] = (float)quantise(v.y, lsb, range);
    ret_values[2] = (float)quantise(v.z, lsb, range);
}

/* The filter's three angles, as it sends them, and the quaternion that is made of them. */
static void put_quaternion(const struct imu *imu, const struct rotation *base_from_link,
                           float ret_values[4])
{
    struct rotation mount = link_from_sensor(imu);
    struct rotation turned = rotation_from_rpy(0, 0, imu->yaw);
    struct rotation r = rotation_multiply(&turned, base_from_link);
    r = rotation_multiply(&r, &mount);
    double pitch = asin(fmax(fmin(-r.m[2][0], 1), -1)) / DEGREE;
    double roll = atan2(r.m[2][1], r.m[2][2]) / DEGREE;
    double yaw = atan2(r.m[1][0], r.m[0][0]) / DEGREE;
    roll = 0.5 * DEGREE * quantise(roll, ANGLE_LSB, 180);
    pitch = 0.5 * DEGREE * quantise(pitch, ANGLE_LSB, 180);
    yaw = 0.5 * DEGREE * quantise(yaw, ANGLE_LSB, 180);
    double cr = cos(roll), sr = sin(roll), cp = cos(pitch), sp = sin(pitch);
    double cy = cos(yaw), sy = sin(yaw);
    ret_values[0] = (float)(imu->sign * (sr * cp * cy - cr * sp * sy));
    ret_values[1] = (float)(imu->sign * (cr * sp * cy + sr * cp * sy));
    ret_values[2] = (float)(imu->sign * (cr * cp * sy - sr * sp * cy));
    ret_values[3] = (float)(imu->sign * (cr * cp * cy + sr * sp * sy));
}

static double temperature(struct imu *imu, double time_s, double chance)
{
    double fixed = fixed_temperature[imu->number];
    if (imu->number == 3 && time_s < imu->temperature_switch_s)
        return 120.3;
    if (imu->number == 4 && chance < 2 * GLITCH_CHANCE)
        return chance < GLITCH_CHANCE ? 9.59 : -175.86;
    if (fixed != 0)
        return fixed;
    double warm = imu->temperature_start + imu->temperature_rise * (1 - exp(-time_s / 3600));
    return 0.1 * round(10 * warm);
}

/* The mount creeps only while it is shaken. */
static struct vec3 rattle(struct imu *imu, const struct imu_input *input, double time_s)
{
    struct imu_looseness *loose = &imu->looseness;
    double shaking = fmin(input->speed / 0.5, 1);
    for (int i = 0; i < 3; i++)
        loose->angle[i] += shaking * 0.15 * DEGREE * rng_normal(&imu->fault_rng);
    double swing = shaking * sin(2 * 180 * DEGREE * loose->frequency_hz * time_s);
    double other = shaking * rng_normal(&imu->fault_rng);
    return (struct vec3){swing, other, 0.5 * (swing - other)};
}

static void glitch(struct imu *imu, float ret_values[6])
{
    for (int i = 0; i < 3; i++) {
        double acc = 32 * rng_uniform(&imu->rng) - 16, gyro = 4000 * rng_uniform(&imu->rng) - 2000;
        ret_values[i] = (float)quantise(acc, ACC_LSB, 16);
        ret_values[3 + i] = (float)quantise(gyro, GYRO_LSB, 2000);
    }
}

void imu_read(struct imu *imu, const struct imu_input *input, const struct rotation *base_from_link,
              double time_s, float ret_values[IMU_CHANNELS])
{
    double vibration = fmin(input->speed / 2, 1);
    struct vec3 force = vec3_scale(input->specific_force, 1 / ARM_GRAVITY);
    struct vec3 velocity = vec3_scale(input->velocity, 1 / DEGREE);
    force = vec3_add(force, imu->force_bias);
    force = vec3_add(force, random_vector(&imu->rng, 0.001 + 0.004 * vibration));
    struct vec3 noise = random_vector(&imu->rng, 0.02 + 0.12 * vibration);
    bool resting = vec3_length(input->velocity) < REST_SPEED;
    if (imu->looseness.on) {
        struct vec3 shake = rattle(imu, input, time_s);
        force = vec3_add(force, vec3_scale(shake, 0.03));
        velocity = vec3_add(velocity, vec3_scale(shake, 1.5));
    }
    velocity =
        resting ? (struct vec3){0, 0, 0} : vec3_add(velocity, vec3_add(noise, imu->velocity_bias));
    imu->yaw += 0.75 * DEGREE / 60 * sqrt(SAMPLE_S) * rng_normal(&imu->rng);
    put_vector(force, ACC_LSB, 16, ret_values);
    put_vector(velocity, GYRO_LSB, 2000, ret_values + 3);
    put_quaternion(imu, base_from_link, ret_values + 6);
    double chance = rng_uniform(&imu->rng);
    ret_values[10] = (float)temperature(imu, time_s, chance);
    bool prone = imu->number == 1 || imu->number == 3 || imu->number == 4;
    if (prone && chance > 1 - GLITCH_CHANCE)
        glitch(imu, ret_values);
}
