#include "lab/fault.h"
#include "lab/program.h"
#include "lab/simulator.h"

#include "fixture.h"

#include <math.h>

#define HOUR 36000
#define STEP 0 /* channels */
#define APPARENT 1
#define FREQUENCY 3
#define POWER 5
#define SENSOR(n) (9 + 11 * ((n)-1))

static struct recording *healthy; /* an hour of robot 1, session 1 */

static struct recording *record(uint64_t robot, uint64_t session, size_t rows, const char *anomaly)
{
    struct simulator_options options = {.robot_seed = robot, .session_seed = session};
    struct recording *recording = NULL;
    struct diag diag = DIAG_INIT;
    if (anomaly && anomaly_parse(anomaly, &options.anomaly, &diag) < 0)
        fail_msg("%s", diag.text);
    assert_int_equal(simulator_record(&options, rows, &recording, &diag), 0);
    return recording;
}

static int record_healthy(void **state)
{
    healthy = record(1, 1, HOUR, NULL);
    return 0;
}

static int free_healthy(void **state)
{
    recording_free(healthy);
    return 0;
}

static const float *row_of(const struct recording *recording, size_t row)
{
    return recording->values + row * recording->channels;
}

static void expect_between(double found, double low, double high, const char *what)
{
    if (!(found >= low && found <= high))
        fail_msg("%s: %g is not in %g to %g", what, found, low, high);
}

static size_t labelled(const struct recording *recording)
{
    size_t count = 0;
    for (size_t row = 0; row < recording->rows; row++)
        count += recording->label[row] != 0;
    return count;
}

static void names_are_those_of_the_dataset(void **state)
{
    static const char *const meter[] = {"apparent_power", "current", "frequency",
                                        "phase_angle",    "power",   "power_factor",
                                        "reactive_power", "voltage"};
    static const char *const sensor[] = {"AccX", "AccY", "AccZ", "GyroX", "GyroY", "GyroZ",
                                         "q1",   "q2",   "q3",   "q4",    "temp"};
    const char *const *names = simulator_names();
    char name[64];
    assert_string_equal(names[0], "action");
    for (int i = 0; i < 8; i++) {
        snprintf(name, sizeof name, "machine_nameKuka Robot_%s", meter[i]);
        assert_string_equal(names[1 + i], name);
    }
    for (int n = 1; n <= 7; n++)
        for (int i = 0; i < 11; i++) {
            snprintf(name, sizeof name, "sensor_id%d_%s", n, sensor[i]);
            assert_string_equal(names[SENSOR(n) + i], name);
        }
}

static void same_seeds_give_the_same_bytes(void **state)
{
    size_t bytes = HOUR / 6 * SIMULATOR_CHANNELS * sizeof(float);
    struct recording *again = record(1, 1, HOUR / 6, NULL);
    struct recording *session = record(1, 2, HOUR / 6, NULL);
    struct recording *robot = record(2, 1, HOUR / 6, NULL);
    assert_memory_equal(healthy->values, again->values, bytes);
    assert_memory_not_equal(healthy->values, session->values, bytes);
    assert_memory_not_equal(healthy->values, robot->values, bytes);
    assert_int_equal(healthy->time_ns[HOUR - 1], INT64_C(3599900000000));
    assert_int_equal(labelled(healthy), 0);
    recording_free(again);
    recording_free(session);
    recording_free(robot);
}

static bool is_multiple(float value, double unit)
{
    double steps = (double)value / unit;
    return fabs(steps - round(steps)) < 1e-3;
}

static void sensors_are_quantised_and_still_at_rest(void **state)
{
    size_t still = 0;
    for (size_t row = 0; row < HOUR; row++)
        for (int n = 1; n <= 7; n++) {
            const float *v = row_of(healthy, row) + SENSOR(n);
            double norm = 0;
            for (int i = 0; i < 3; i++) {
                if (!is_multiple(v[i], 16.0 / 32768) || !is_multiple(v[3 + i], 2000.0 / 32768))
                    fail_msg("row %zu sensor %d: %.9g %.9g", row, n, (double)v[i],
                             (double)v[3 + i]);
            }
            for (int i = 6; i < 10; i++)
                norm += (double)v[i] * (double)v[i];
            expect_between(norm, 1 - 1e-6, 1 + 1e-6, "length of the quaternion");
            still += n == 7 && v[3] == 0 && v[4] == 0 && v[5] == 0;
        }
    expect_between((double)still / HOUR, 0.15, 0.45, "share at rest");
    for (size_t row = 0; row < HOUR; row++) {
        assert_true(row_of(healthy, row)[SENSOR(2) + 10] == 144.12F);
        assert_true(row_of(healthy, row)[SENSOR(7) + 10] == 180.24F);
    }
    assert_true(row_of(healthy, HOUR - 1)[SENSOR(1) + 10] > row_of(healthy, 0)[SENSOR(1) + 10] + 4);
}

/* A quaternion and the accelerometer beside it must speak of the same gravity. */
static void orientation_agrees_with_gravity_at_rest(void **state)
{
    size_t checked = 0;
    for (size_t row = 0; row < HOUR; row += 7)
        for (int n = 1; n <= 7; n++) {
            const float *v = row_of(healthy, row) + SENSOR(n);
            if (v[3] != 0 || v[4] != 0 || v[5] != 0)
                continue;
            double x = (double)v[6], y = (double)v[7], z = (double)v[8], w = (double)v[9];
            double up[3] = {2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)};
            for (int i = 0; i < 3; i++)
                expect_between((double)v[i] - up[i], -0.06, 0.06, "g");
            checked++;
        }
    assert_true(checked > 1000);
}

static void power_is_that_of_the_cell(void **state)
{
    double sums[2][2] = {{0}};
    size_t counts[2] = {0}, idle = 0, changes = 0;
    for (size_t row = 0; row < HOUR; row++) {
        const float *v = row_of(healthy, row);
        idle = v[STEP] == 0 ? idle + 1 : 0;
        int moving = v[STEP] > 0;
        if (moving || idle > 60) {
            sums[moving][0] += (double)v[POWER];
            sums[moving][1] += (double)v[APPARENT];
            counts[moving]++;
        }
        expect_between(hypot((double)v[POWER], (double)v[7]) - (double)v[APPARENT], -1e-3, 1e-3,
                       "apparent power");
        expect_between((double)v[POWER] / (double)v[APPARENT] - (double)v[6], -1e-5, 1e-5,
                       "power factor");
        expect_between((double)v[4], 310, 345, "phase angle");
        double ticks = 51200 / (double)v[FREQUENCY] - 1024;
        expect_between(fabs(ticks - round(ticks)), 0, 0.01, "frequency");
        changes += row > 0 && v[POWER] != row_of(healthy, row - 1)[POWER];
    }
    expect_between(sums[0][0] / (double)counts[0], 122, 130, "idle W");
    expect_between(sums[0][1] / (double)counts[0], 159, 167, "idle VA");
    expect_between(sums[1][0] / (double)counts[1], 154, 166, "moving W");
    expect_between(sums[1][1] / (double)counts[1], 178, 188, "moving VA");
    expect_between((double)HOUR / (double)changes, 10, 14, "rows of one reading");
}

static void steps_are_as_long_and_as_many_as_in_the_dataset(void **state)
{
    bool seen[PROGRAM_STEPS] = {false};
    size_t segments = 1, begin = 0, shortest = HOUR;
    for (size_t row = 0; row < HOUR; row++) {
        int step = (int)row_of(healthy, row)[STEP];
        assert_in_range(step, 0, 31);
        seen[step] = true;
        if (row == 0 || step == (int)row_of(healthy, row - 1)[STEP])
            continue;
        assert_int_equal(step, ((int)row_of(healthy, row - 1)[STEP] + 1) % PROGRAM_STEPS);
        shortest = begin > 0 && row - begin < shortest ? row - begin : shortest;
        begin = row;
        segments++;
    }
    for (int i = 0; i < PROGRAM_STEPS; i++)
        assert_true(seen[i]);
    expect_between((double)HOUR / (double)segments, 85, 115, "rows of a step");
    expect_between((double)shortest, 21, 60, "shortest step");
}

/* The rows of an anomaly are those of the healthy twin until the first label. */
static void expect_twin_until_label(const struct recording *recording, const char *anomaly)
{
    size_t row = 0;
    while (row < recording->rows && recording->label[row] == 0) {
        if (memcmp(row_of(recording, row), row_of(healthy, row),
                   SIMULATOR_CHANNELS * sizeof(float)) != 0)
            fail_msg("%s: row %zu differs without a label", anomaly, row);
        row++;
    }
    expect_between((double)row, 100, HOUR - 1, anomaly);
}

static void collisions_are_labelled_and_felt(void **state)
{
    struct recording *r = record(1, 1, HOUR, "collision");
    expect_twin_until_label(r, "collision");
    expect_between((double)labelled(r) / HOUR, 0.01, 0.04, "share of collision rows");
    size_t runs = 0, felt = 0;
    double peak = 0; /* of the change of any rate in a row; moves alone stay below */
    for (size_t row = 1; row < HOUR; row++) {
        runs += r->label[row] && !r->label[row - 1];
        peak = r->label[row] ? peak : 0;
        for (int n = 1; n <= 7 && r->label[row]; n++)
            for (int i = 3; i < 6; i++)
                peak = fmax(peak, fabs((double)(row_of(r, row)[SENSOR(n) + i] -
                                                row_of(r, row - 1)[SENSOR(n) + i])));
        felt += peak > 12 && (row + 1 == HOUR || !r->label[row + 1]);
    }
    expect_between((double)runs, 40, 90, "collisions in an hour");
    expect_between((double)felt / (double)runs, 0.7, 1, "share that is felt");
    recording_free(r);
}

static void deflection_of_a_collision_is_consistent(void **state)
{
    struct fault fault;
    struct rng rng;
    rng_init(&rng, 9);
    fault_init(&fault, rng);
    struct anomaly collision = {.kind = ANOMALY_COLLISION};
    fault_set(&fault, &collision, 0);
    double position = 0, velocity = 0, largest = 0, error = 0;
    const double h = 0.0005;
    size_t active = 0;
    for (int i = 0; i < 10000; i++) {
        struct fault_effect effect;
        fault_advance(&fault, h, true, -1, &effect);
        velocity += h * effect.deflection_acceleration[0];
        position += h * effect.deflection_velocity[0];
        if (effect.deflection[0] == 0) /* cut off */
            position = velocity = 0;
        largest = fmax(largest, fabs(effect.deflection_velocity[0]));
        error = fmax(error, fabs(velocity - effect.deflection_velocity[0]));
        error = fmax(error, 10 * fabs(position - effect.deflection[0]));
        active += effect.active;
    }
    expect_between(largest, 0.02, 2, "speed of the deflection");
    expect_between(error, 0, 0.05 * largest, "error of the integrals");
    expect_between((double)active * h, 0.3, 2.5, "length of a collision");
}

/* Which columns of which rows differ from the healthy twin. */
static size_t count_differences(const struct recording *r, size_t from, size_t to)
{
    size_t count = 0;
    for (size_t row = 0; row < r->rows; row++)
        for (size_t i = from; i < to; i++)
            count += row_of(r, row)[i] != row_of(healthy, row)[i];
    return count;
}

static void passing_sensor_faults_touch_their_rows_only(void **state)
{
    static const char *const faults[] = {"stuck", "dropout:3"};
    for (int f = 0; f < 2; f++) {
        struct recording *r = record(1, 1, HOUR, faults[f]);
        expect_twin_until_label(r, faults[f]);
        size_t silent = 0, zeros = 0;
        for (size_t row = 0; row < HOUR; row++) {
            bool differs = memcmp(row_of(r, row), row_of(healthy, row), 86 * sizeof(float)) != 0;
            if (differs && !r->label[row])
                fail_msg("%s: row %zu differs without a label", faults[f], row);
            silent += r->label[row] && !differs; /* stuck at rest */
            const float *v = row_of(r, row) + SENSOR(3);
            zeros += v[0] == 0 && v[1] == 0 && v[2] == 0 && v[6] == 0 && v[9] == 0;
        }
        size_t rows = labelled(r);
        expect_between((double)rows, 800, 6000, faults[f]);
        expect_between((double)silent, 0, (double)rows / 50, "labelled rows without a trace");
        if (f == 1)
            assert_int_equal(zeros, rows);
        assert_int_equal(count_differences(r, 0, SENSOR(1)), 0);
        recording_free(r);
    }
}

static double mean_power(const struct recording *r)
{
    double sum = 0;
    for (size_t row = 0; row < r->rows; row++)
        sum += (double)row_of(r, row)[POWER];
    return sum / (double)r->rows;
}

static void load_and_friction_show_in_power_alone(void **state)
{
    static const char *const faults[] = {"payload:2", "friction:1.5"};
    for (int f = 0; f < 2; f++) {
        struct recording *r = record(1, 1, HOUR, faults[f]);
        assert_int_equal(labelled(r), HOUR);
        assert_int_equal(count_differences(r, SENSOR(1), SIMULATOR_CHANNELS), 0);
        expect_between(mean_power(r) - mean_power(healthy), 2, 20, faults[f]);
        recording_free(r);
    }
}

static void a_loose_sensor_moves_alone(void **state)
{
    struct recording *r = record(1, 1, HOUR, "loose:4");
    assert_int_equal(labelled(r), HOUR);
    assert_int_equal(count_differences(r, 0, SENSOR(4)), 0);
    assert_int_equal(count_differences(r, SENSOR(5), SIMULATOR_CHANNELS), 0);
    assert_true(count_differences(r, SENSOR(4), SENSOR(5)) > HOUR);
    recording_free(r);
}

/* Mean length of the steps but 0 that are labelled `label`, in rows; whole steps in *ret_count. */
static double step_length(const struct recording *r, int label, size_t *ret_count)
{
    size_t rows = 0, steps = 0, begin = 0;
    for (size_t row = 1; row < r->rows; row++) {
        if (row_of(r, row)[STEP] == row_of(r, row - 1)[STEP])
            continue;
        bool wanted = begin > 0 && row_of(r, begin)[STEP] > 0 && row - begin < 300;
        if (wanted && r->label[(begin + row) / 2] == label) {
            rows += row - begin;
            steps++;
        }
        begin = row;
    }
    *ret_count = steps;
    return (double)rows / (double)steps;
}

static void slowness_stretches_moves(void **state)
{
    size_t steps, slow_steps;
    double normal = step_length(healthy, 0, &steps);
    struct recording *half = record(1, 1, HOUR, "slow:0.5");
    /* Step 0 waits, and is not touched. */
    for (size_t row = 1; row < half->rows; row++) {
        bool works = row_of(half, row)[STEP] > 0;
        if (works == (row_of(half, row - 1)[STEP] > 0)) /* a sample can have parts of two steps */
            assert_int_equal(half->label[row], works);
    }
    /* Moves are 73 % of the time and double; rests stay as they are. */
    expect_between(step_length(half, 1, &slow_steps) / normal, 1.6, 1.9, "0.5: length of a step");
    recording_free(half);
    struct recording *some = record(1, 1, HOUR, "slow:0.75/some");
    expect_twin_until_label(some, "slow/some");
    expect_between(step_length(some, 1, &slow_steps) / normal, 1.1, 1.4, "0.75: length of a step");
    expect_between(step_length(some, 0, &steps) / normal, 0.95, 1.05, "length of the others");
    expect_between((double)(steps + slow_steps) / (double)slow_steps, 6, 8.5, "one step of");
    recording_free(some);
}

static void a_program_at_any_speed_is_consistent(void **state)
{
    struct program program;
    struct program_run run;
    struct rng rng;
    rng_init(&rng, 5);
    program_init(&program, 3);
    program_run_init(&run, &program, rng);
    struct arm_state before = {.position = {0}}, now;
    const double h = 0.001;
    double largest = 0;
    for (int i = 0; i < 200000; i++) {
        double speed = 0.2 + 0.8 * fabs(sin(i * h));
        program_run_advance(&run, h, speed, 2, &now);
        for (int j = 0; j < ARM_JOINTS && i > 0; j++) {
            double mean = 0.5 * (now.velocity[j] + before.velocity[j]);
            expect_between(now.position[j] - before.position[j] - h * mean, -2e-5, 2e-5, "rad");
            double bend = 0.5 * (now.acceleration[j] + before.acceleration[j]);
            expect_between(now.velocity[j] - before.velocity[j] - h * bend, -4e-3, 4e-3, "rad/s");
            largest = fmax(largest, fabs(now.velocity[j]) / arm_speed_limit(j));
            assert_true(fabs(now.position[j]) < arm_position_limit(j));
        }
        before = now;
    }
    expect_between(largest, 0.25, 0.36, "share of the speed limit");
}

static void an_anomaly_can_be_switched_while_running(void **state)
{
    struct simulator_options options = {.robot_seed = 1, .session_seed = 1, .start_ns = 5};
    struct simulator *simulator = simulator_new(&options);
    struct anomaly dropout = {.kind = ANOMALY_DROPOUT};
    float values[SIMULATOR_CHANNELS];
    int label, during = 0, after = 0;
    int64_t time_ns;
    for (int row = 0; row < 3000; row++) {
        if (row == 1000)
            simulator_set_anomaly(simulator, &dropout);
        if (row == 2000)
            simulator_set_anomaly(simulator, NULL);
        simulator_next(simulator, values, &label, &time_ns);
        assert_int_equal(time_ns, 5 + INT64_C(100000000) * row);
        bool same = !memcmp(values, row_of(healthy, (size_t)row), sizeof values);
        assert_int_equal(same, label == 0);
        during += row >= 1000 && row < 1200 && label;
        after += (row < 1000 || row >= 2000) && label;
    }
    assert_true(during > 0);
    assert_int_equal(after, 0);
    simulator_free(simulator);
}

static void anomalies_are_parsed_strictly(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        struct anomaly anomaly;
    } cases[] = {
        {"slow", true, {ANOMALY_SLOW, 0.5, false}},
        {"slow:0.75/some", true, {ANOMALY_SLOW, 0.75, true}},
        {"slow/some", true, {ANOMALY_SLOW, 0.5, true}},
        {"collision", true, {ANOMALY_COLLISION, 0, false}},
        {"payload:2", true, {ANOMALY_PAYLOAD, 2, false}},
        {"friction:1.5", true, {ANOMALY_FRICTION, 1.5, false}},
        {"stuck:3", true, {ANOMALY_STUCK, 3, false}},
        {"dropout", true, {ANOMALY_DROPOUT, 0, false}},
        {"loose", true, {ANOMALY_LOOSE, 0, false}},
        {"none", true, {ANOMALY_NONE, 0, false}},
        {"", false, {0}},
        {"slow:2", false, {0}},
        {"slow:", false, {0}},
        {"slow:nan", false, {0}},
        {"slow:0.5x", false, {0}},
        {"collision:1", false, {0}},
        {"stuck:2.5", false, {0}},
        {"stuck:8", false, {0}},
        {"payload:1/some", false, {0}},
        {"fast", false, {0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct anomaly a = {.kind = ANOMALY_NONE};
        struct diag diag = DIAG_INIT;
        bool ok = anomaly_parse(cases[i].text, &a, &diag) == 0;
        const struct anomaly *e = &cases[i].anomaly;
        if (ok != cases[i].ok ||
            (ok && (a.kind != e->kind || a.amount != e->amount || a.some != e->some)))
            fail_msg("\"%s\": %d, kind %d, amount %g, some %d", cases[i].text, ok, a.kind, a.amount,
                     a.some);
        assert_int_equal(ok, diag.text[0] == '\0');
    }
}

/* ---- what a plant does with a healthy arm */

/* Mean of the absolute angular rates of a row. */
static double turning(const float *row)
{
    double sum = 0;
    for (int n = 1; n <= 7; n++)
        for (int axis = 0; axis < 3; axis++)
            sum += fabs((double)row[SENSOR(n) + 3 + axis]);
    return sum / 21;
}

struct stretch {
    double turning, steps; /* mean; program steps that began */
};

static struct stretch run(struct simulator *simulator, int rows)
{
    struct stretch stretch = {0, 0};
    double step = -1;
    for (int i = 0; i < rows; i++) {
        float row[SIMULATOR_CHANNELS];
        int label;
        int64_t time_ns;
        simulator_next(simulator, row, &label, &time_ns);
        assert_int_equal(label, 0); /* it is no fault */
        stretch.turning += turning(row) / rows;
        stretch.steps += step >= 0 && (double)row[STEP] != step;
        step = (double)row[STEP];
    }
    return stretch;
}

/* The arm really is slower, and takes longer for its program. */
static void an_override_slows_the_arm(void **state)
{
    struct simulator *simulator = simulator_new(&(struct simulator_options){1, 5, 0, {0}});
    assert_non_null(simulator);
    run(simulator, 300);
    struct stretch full = run(simulator, 3000);
    simulator_set_override(simulator, 0.3);
    run(simulator, 20);
    struct stretch slow = run(simulator, 3000);
    simulator_set_override(simulator, 1);
    run(simulator, 20);
    struct stretch again = run(simulator, 3000);
    simulator_free(simulator);
    expect_between(slow.steps / full.steps, 0.25, 0.7, "steps at 30 %");
    expect_between(slow.turning / full.turning, 0.15, 0.75, "turning at 30 %");
    expect_between(again.steps / full.steps, 0.75, 1.25, "steps at 100 % again");
}

static void an_emergency_stop(void **state)
{
    struct simulator *simulator = simulator_new(&(struct simulator_options){1, 5, 0, {0}});
    double largest = 0;
    for (int again = 0; again < 20; again++) {
        run(simulator, 37);
        simulator_set_override(simulator, 0);
        run(simulator, 3);
        struct stretch stopped = run(simulator, 400);
        assert_true(stopped.steps == 0);
        largest = fmax(largest, stopped.turning);
        simulator_set_override(simulator, 1);
    }
    assert_true(run(simulator, 600).steps > 0);
    expect_between(largest, 0, 1.5, "deg/s in a stop"); /* noise and bias */
    simulator_free(simulator);
}

static void a_late_part(void **state)
{
    struct simulator *simulator = simulator_new(&(struct simulator_options){1, 5, 0, {0}});
    run(simulator, 600);
    simulator_delay_part(simulator, 60);
    int waited = 0;
    for (int i = 0; i < 1200; i++) {
        run(simulator, 1);
        waited += simulator_waits(simulator);
    }
    simulator_free(simulator);
    expect_between(waited, 590, 900, "rows that it waits");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_those_of_the_dataset),
        cmocka_unit_test(same_seeds_give_the_same_bytes),
        cmocka_unit_test(sensors_are_quantised_and_still_at_rest),
        cmocka_unit_test(orientation_agrees_with_gravity_at_rest),
        cmocka_unit_test(power_is_that_of_the_cell),
        cmocka_unit_test(steps_are_as_long_and_as_many_as_in_the_dataset),
        cmocka_unit_test(collisions_are_labelled_and_felt),
        cmocka_unit_test(deflection_of_a_collision_is_consistent),
        cmocka_unit_test(passing_sensor_faults_touch_their_rows_only),
        cmocka_unit_test(load_and_friction_show_in_power_alone),
        cmocka_unit_test(a_loose_sensor_moves_alone),
        cmocka_unit_test(slowness_stretches_moves),
        cmocka_unit_test(a_program_at_any_speed_is_consistent),
        cmocka_unit_test(an_anomaly_can_be_switched_while_running),
        cmocka_unit_test(anomalies_are_parsed_strictly),
        cmocka_unit_test(an_override_slows_the_arm),
        cmocka_unit_test(an_emergency_stop),
        cmocka_unit_test(a_late_part),
    };
    return cmocka_run_group_tests(tests, record_healthy, free_healthy);
}
