/* A machine or a robot that asks for too much. */
#include "fault.h"
#include "kit.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SPAN 5

/* ---- 56 */

#define SPINNERS_MAX 64

static size_t start_spinners(pid_t spinners[SPINNERS_MAX])
{
    size_t count = 2 * (size_t)sysconf(_SC_NPROCESSORS_ONLN);
    count = count < SPINNERS_MAX ? count : SPINNERS_MAX;
    for (size_t i = 0; i < count; i++) {
        spinners[i] = fork();
        if (spinners[i] == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            close_range(STDERR_FILENO + 1, ~0U, 0);
            for (volatile unsigned long turns = 0;; turns++)
                ;
        }
    }
    return count;
}

static void stop_spinners(const pid_t *spinners, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        kill(spinners[i], SIGKILL);
        waitpid(spinners[i], NULL, 0);
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* From a sample's publish to its score, in ms; sorted. */
static void measure_scores(struct cell *cell, struct cell_robot *robot, double *ret_ms,
                           size_t count)
{
    const char *topic = "armwatch/robot/kuka1/score";
    for (size_t i = 0; i < count; i++) {
        size_t heard = cell_count(cell, topic);
        double start_s = seconds_now();
        cell_send(cell, robot, 0);
        cell_wait(cell, cell_count(cell, topic) > heard, 5000);
        ret_ms[i] = 1e3 * (seconds_now() - start_s);
        if (i % 100 == 99)
            peer_forget(cell->watcher);
    }
    qsort(ret_ms, count, sizeof ret_ms[0], compare);
}

CHECK(check_busy_machine)
{
    enum { MOST = 1000 };
    static double ms[MOST];
    struct cell *cell = *state;
    struct cell_robot robot;
    pid_t spinners[SPINNERS_MAX];
    size_t count = fault_long() ? MOST : 200;
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 960);
    cell_start(cell);
    cell_run(cell, &robot, 20, 0);
    if (setpriority(PRIO_PROCESS, (id_t)cell->daemon->pid, -5) < 0) /* as in the unit */
        fault_figure("without the unit's Nice=-5 (not allowed here)");
    measure_scores(cell, &robot, ms, count);
    double idle_ms = ms[count * 99 / 100];
    size_t spinning = start_spinners(spinners);
    measure_scores(cell, &robot, ms, count);
    stop_spinners(spinners, spinning);
    fault_figure(
        "sample to score with %zu spinning processes: median %.1f ms, p99 %.1f ms (p99 before: "
        "%.1f ms)",
        spinning, ms[count / 2], ms[count * 99 / 100], idle_ms);
    assert_true(ms[count * 99 / 100] < 250);
    assert_true(cell_counter(cell, "kuka1", "overload") == 0);
    cell_stop(cell);
}

/* ---- 57 */

CHECK(check_flood)
{
    struct cell *cell = *state;
    struct cell_robot normal, flood;
    cell_robot_init(&normal, "kuka1", TOY_ARM_CHANNELS, 961);
    cell_robot_init(&flood, "flood", TOY_ARM_CHANNELS, 962);
    cell_start(cell);
    cell_run(cell, &normal, 20, 0);
    long before_kib = daemon_process_rss_kib(cell->daemon);
    cell_stream_start(cell, &normal, 1); /* 100 rows a second; the other one ten times as many */
    double start_s = seconds_now(), length_s = fault_long() ? 60 : 5;
    while (seconds_now() - start_s < length_s) {
        size_t due = (size_t)((seconds_now() - start_s) * 1000);
        while (flood.arm.row < due)
            cell_send(cell, &flood, 0);
        uv_run(&cell->harness->loop, UV_RUN_ONCE);
        peer_forget(cell->watcher);
    }
    cell_stream_stop(cell);
    double end_s = seconds_now();
    cell_run(cell, &normal, 5, 0);
    double recovered_s = seconds_now() - end_s;
    double windows = (double)normal.arm.row - SPAN + 1;
    double rows = (double)flood.arm.row, scored = cell_counter(cell, "flood", "scored");
    double overload = cell_counter(cell, "flood", "overload");
    fault_figure(
        "%.0f rows at 1000 a second: %.0f scored, %.0f refused and counted; the other robot: all "
        "%.0f windows scored, %.2f s behind at the end; resident memory %+ld KiB",
        rows, scored, overload, windows, recovered_s,
        daemon_process_rss_kib(cell->daemon) - before_kib);
    assert_true(cell_counter(cell, "kuka1", "scored") == windows);
    assert_true(cell_counter(cell, "kuka1", "overload") == 0);
    assert_true(cell_counter(cell, "flood", "received") == rows);
    assert_true(overload > 0 || scored == rows - SPAN + 1);
    assert_true(recovered_s <= 5);
    cell_stop(cell);
}
