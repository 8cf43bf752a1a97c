/*
 * The arm runs in steps of 20 ms; the sensors average over the five steps of a row, as their own
 * filter does before the rows are taken at 10 Hz. Each source of randomness has a stream of its
 * own, so that a fault, which draws from the last, leaves the others as they were.
 */
#include "lab/simulator.h"

#include "lab/arm_model.h"
#include "lab/fault.h"
#include "lab/imu.h"
#include "lab/power_meter.h"
#include "lab/program.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SENSORS 7
#define STEPS_PER_ROW 5
#define STOP_RATE 8 /* 1/s, of the speed: an emergency stop from full speed takes 0.125 s */
#define STEP_S (1.0 / SIMULATOR_RATE_HZ / STEPS_PER_ROW)

enum stream { STREAM_PROGRAM, STREAM_POWER, STREAM_FAULT, STREAM_IMU };

struct simulator {
    struct arm_model arm;
    struct program program;
    struct program_run run;
    struct imu imu[SENSORS + 1]; /* by number: 0 is not used */
    struct power_meter meter;
    struct fault fault;
    double override; /* of the programmed speed */
    double late_s;   /* the part of the next step is, by so much */
    int new_step;    /* -1: none began in the last step */
    int64_t start_ns;
    int64_t row;
};

#define SENSOR(n)                                                                                  \
    "sensor_id" #n "_AccX", "sensor_id" #n "_AccY", "sensor_id" #n "_AccZ",                        \
        "sensor_id" #n "_GyroX", "sensor_id" #n "_GyroY", "sensor_id" #n "_GyroZ",                 \
        "sensor_id" #n "_q1", "sensor_id" #n "_q2", "sensor_id" #n "_q3", "sensor_id" #n "_q4",    \
        "sensor_id" #n "_temp"
#define METER(name) "machine_nameKuka Robot_" name

static const char *const names[] = {
    "action",
    METER("apparent_power"),
    METER("current"),
    METER("frequency"),
    METER("phase_angle"),
    METER("power"),
    METER("power_factor"),
    METER("reactive_power"),
    METER("voltage"),
    SENSOR(1),
    SENSOR(2),
    SENSOR(3),
    SENSOR(4),
    SENSOR(5),
    SENSOR(6),
    SENSOR(7),
};
_Static_assert(sizeof names / sizeof names[0] == SIMULATOR_CHANNELS, "names and channels differ");

const char *const *simulator_names(void)
{
    return names;
}

/* Independent streams; the session's depend on the robot too, so that two cells differ. */
static struct rng make_stream(uint64_t robot_seed, uint64_t session_seed, uint64_t stream)
{
    struct rng rng;
    rng_init(&rng, robot_seed);
    rng_init(&rng, rng_next(&rng) ^ session_seed);
    rng_init(&rng, rng_next(&rng) ^ stream);
    return rng;
}

static struct rng make_mount_stream(uint64_t robot_seed, uint64_t sensor)
{
    struct rng rng;
    rng_init(&rng, ~robot_seed);
    rng_init(&rng, rng_next(&rng) ^ sensor);
    return rng;
}

static void set_anomaly(struct simulator *simulator, const struct anomaly *anomaly, double first_s)
{
    struct fault *fault = &simulator->fault;
    int before = fault->anomaly.kind == ANOMALY_LOOSE ? fault->sensor : 0;
    fault_set(fault, anomaly, first_s);
    int after = fault->anomaly.kind == ANOMALY_LOOSE ? fault->sensor : 0;
    if (before > 0)
        imu_loosen(&simulator->imu[before], false, &fault->rng);
    if (after > 0)
        imu_loosen(&simulator->imu[after], true, &fault->rng);
}

struct simulator *simulator_new(const struct simulator_options *options)
{
    struct simulator *simulator = calloc(1, sizeof *simulator);
    if (!simulator)
        return NULL;
    uint64_t robot = options->robot_seed, session = options->session_seed;
    arm_model_init(&simulator->arm);
    program_init(&simulator->program, robot);
    program_run_init(&simulator->run, &simulator->program,
                     make_stream(robot, session, STREAM_PROGRAM));
    power_meter_init(&simulator->meter, make_stream(robot, session, STREAM_POWER));
    for (int n = 1; n <= SENSORS; n++)
        imu_init(&simulator->imu[n], n, make_mount_stream(robot, (uint64_t)n),
                 make_stream(robot, session, STREAM_IMU + (uint64_t)n));
    fault_init(&simulator->fault, make_stream(robot, session, STREAM_FAULT));
    double first_s = 30 + 30 * rng_uniform(&simulator->fault.rng);
    set_anomaly(simulator, &options->anomaly, first_s);
    simulator->new_step = -1;
    simulator->override = 1;
    simulator->start_ns = options->start_ns;
    return simulator;
}

void simulator_free(struct simulator *simulator)
{
    free(simulator);
}

void simulator_set_anomaly(struct simulator *simulator, const struct anomaly *anomaly)
{
    set_anomaly(simulator, anomaly, 1 + 2 * rng_uniform(&simulator->fault.rng));
}

void simulator_set_override(struct simulator *simulator, double speed)
{
    simulator->override = speed;
}

void simulator_delay_part(struct simulator *simulator, double seconds)
{
    simulator->late_s = seconds;
}

bool simulator_waits(const struct simulator *simulator)
{
    return simulator->run.wait_s > 0;
}

/* One step of the program, under the override. Returns true if a new one of its own began. */
static bool run_program(struct simulator *simulator, const struct fault_effect *effect,
                        struct arm_state *ret_state)
{
    struct program_run *run = &simulator->run;
    bool stopped = simulator->override <= 0;
    double rate = stopped ? STOP_RATE : effect->speed_rate;
    if (stopped && !program_run_is_moving(run))
        run->wait_s += STEP_S; /* what it waits for does not come nearer */
    bool new_step =
        program_run_advance(run, STEP_S, effect->speed * simulator->override, rate, ret_state);
    if (new_step) {
        run->wait_s += simulator->late_s;
        simulator->late_s = 0;
    }
    return new_step;
}

static void deflect(struct arm_state *state, const struct fault_effect *effect)
{
    for (int i = 0; i < ARM_JOINTS; i++) {
        state->position[i] += effect->deflection[i];
        state->velocity[i] += effect->deflection_velocity[i];
        state->acceleration[i] += effect->deflection_acceleration[i];
    }
}

static double joint_speed(const struct arm_state *state)
{
    double sum = 0;
    for (int i = 0; i < ARM_JOINTS; i++)
        sum += state->velocity[i] * state->velocity[i];
    return sqrt(sum);
}

/* 20 ms of the arm. Returns true if a fault was at work. */
static bool advance(struct simulator *simulator, struct arm_motion *ret_motion,
                    struct imu_input inputs[SENSORS + 1])
{
    struct program_run *run = &simulator->run;
    struct fault_effect effect;
    struct arm_state state;
    double friction[ARM_JOINTS], torque[ARM_JOINTS];
    fault_advance(&simulator->fault, STEP_S, program_run_is_moving(run), simulator->new_step,
                  &effect);
    bool new_step = run_program(simulator, &effect, &state);
    simulator->new_step = new_step ? (int)run->step : -1;
    deflect(&state, &effect);
    arm_model_run(&simulator->arm, &state, run->carried_kg + effect.payload_kg, ret_motion);
    arm_friction(state.velocity, effect.friction, friction);
    for (int i = 0; i < ARM_JOINTS; i++)
        torque[i] = ret_motion->torque[i] + friction[i] + effect.torque[i];
    power_meter_feel(&simulator->meter, torque, state.velocity, run->step == 0, STEP_S);
    double speed = joint_speed(&state);
    for (int n = 1; n <= SENSORS; n++)
        imu_feel(&simulator->imu[n], &ret_motion->link[n - 1], speed, 1.0 / STEPS_PER_ROW,
                 &inputs[n]);
    return effect.active;
}

void simulator_next(struct simulator *simulator, float ret_values[SIMULATOR_CHANNELS],
                    int *ret_label, int64_t *ret_time_ns)
{
    struct arm_motion motion;
    struct imu_input inputs[SENSORS + 1];
    memset(inputs, 0, sizeof inputs);
    *ret_label = 0;
    for (int i = 0; i < STEPS_PER_ROW; i++)
        if (advance(simulator, &motion, inputs))
            *ret_label = 1;
    double time_s = (double)simulator->row / SIMULATOR_RATE_HZ;
    ret_values[0] = (float)simulator->run.step;
    power_meter_read(&simulator->meter, ret_values + 1);
    float *values = ret_values + 1 + POWER_CHANNELS;
    for (int n = 1; n <= SENSORS; n++, values += IMU_CHANNELS) {
        imu_read(&simulator->imu[n], &inputs[n], &motion.link[n - 1].base_from_link, time_s,
                 values);
        if (fault_alter(&simulator->fault, n, values))
            *ret_label = 1;
    }
    *ret_time_ns = simulator->start_ns + simulator->row * (INT64_C(1000000000) / SIMULATOR_RATE_HZ);
    simulator->row++;
}

int simulator_record(const struct simulator_options *options, size_t rows,
                     struct recording **ret_recording, struct diag *diag)
{
    if (rows == 0)
        return diag_set(diag, "a session of no rows");
    struct simulator *simulator = simulator_new(options);
    struct recording *recording = recording_new(rows, SIMULATOR_CHANNELS, names, true, true);
    if (!simulator || !recording) {
        simulator_free(simulator);
        recording_free(recording);
        return diag_errno(diag, ENOMEM, "a session of %zu rows", rows);
    }
    for (size_t row = 0; row < rows; row++)
        simulator_next(simulator, recording->values + row * SIMULATOR_CHANNELS,
                       &recording->label[row], &recording->time_ns[row]);
    simulator_free(simulator);
    *ret_recording = recording;
    return 0;
}
