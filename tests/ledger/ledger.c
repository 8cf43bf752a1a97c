/*
 * ledger: nothing injected is missing, nothing is told that was not injected, through kills of the
 * broker and of the daemon.
 *
 * Some arms move rightly and wrongly by turns. In rounds the broker is killed once and the daemon
 * three or four times, at random moments; then there is quiet for a while. What was injected is
 * written down, what a client of another make (mosquitto_sub, with a session that outlives the
 * broker) hears is written down, and check_ledger.py compares the two.
 *
 * ARMWATCH_LEDGER_ROUNDS [2]; ARMWATCH_LEDGER_DIRECTORY: where the two files are kept.
 */
#include "cell.h"

#include "base/rng.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ROBOTS 4
#define ROW_MS 20
#define GROSS 4.0
#define OWED_MS 10000
#define SURE_MS 2000
#define QUIET_MS 12000

struct injector {
    struct cell_robot robot;
    char name[8];
    bool wrong;
    uint64_t turns_ms; /* when it changes */
    uint64_t first_seq;
    uint64_t since_ms;
};

struct ledger {
    struct cell *cell;
    struct rng rng;
    struct injector injector[ROBOTS];
    uv_timer_t timer;
    FILE *injected;
    uint64_t outage_ms; /* the end of the last one */
    pid_t collector;
    char directory[256];
    unsigned broker_kills, daemon_kills;
};

static uint64_t now_ms(void)
{
    return uv_hrtime() / 1000000;
}

static uint64_t random_ms(struct ledger *ledger, uint64_t min, uint64_t max)
{
    return min + (uint64_t)(rng_uniform(&ledger->rng) * (double)(max - min));
}

/* ---- injector */

/* Whether it must have been told: it outlasted the last outage by OWED_MS, the last SURE_MS of that
 * for itself. */
static bool is_owed(const struct ledger *ledger, const struct injector *injector)
{
    uint64_t sure_ms = ledger->outage_ms + OWED_MS - SURE_MS;
    uint64_t since_ms = injector->since_ms > sure_ms ? injector->since_ms : sure_ms;
    return now_ms() >= since_ms + SURE_MS;
}

static void write_down(struct ledger *ledger, const struct injector *injector)
{
    fprintf(ledger->injected, "%s,%llu,%llu,%d\n", injector->name,
            (unsigned long long)injector->first_seq,
            (unsigned long long)injector->robot.arm.row - 1, is_owed(ledger, injector));
    fflush(ledger->injected);
}

static void turn(struct ledger *ledger, struct injector *injector)
{
    if (injector->wrong)
        write_down(ledger, injector);
    injector->wrong = !injector->wrong;
    injector->since_ms = now_ms();
    injector->first_seq = injector->robot.arm.row;
    injector->turns_ms = now_ms() + (injector->wrong ? random_ms(ledger, 3000, 25000)
                                                     : random_ms(ledger, 4000, 10000));
}

static void on_timer(uv_timer_t *timer)
{
    struct ledger *ledger = timer->data;
    for (size_t i = 0; i < ROBOTS; i++) {
        struct injector *injector = &ledger->injector[i];
        if (now_ms() >= injector->turns_ms)
            turn(ledger, injector);
        cell_send_if_possible(ledger->cell, &injector->robot, injector->wrong ? GROSS : 0);
    }
}

static void start_injector(struct ledger *ledger)
{
    char path[300];
    snprintf(path, sizeof path, "%s/injected.csv", ledger->directory);
    ledger->injected = fopen(path, "we");
    assert_non_null(ledger->injected);
    fprintf(ledger->injected, "robot,first_seq,last_seq,owed\n");
    for (size_t i = 0; i < ROBOTS; i++) {
        struct injector *injector = &ledger->injector[i];
        snprintf(injector->name, sizeof injector->name, "kuka%zu", i + 1);
        cell_robot_init(&injector->robot, injector->name, TOY_ARM_CHANNELS, 600 + i);
        injector->turns_ms = now_ms() + random_ms(ledger, 3000, 9000);
    }
    uv_timer_init(&ledger->cell->harness->loop, &ledger->timer);
    ledger->timer.data = ledger;
    uv_timer_start(&ledger->timer, on_timer, 0, ROW_MS);
}

/* Anomalies that are under way are brought to their end, and everybody is well for a while. */
static void end_injector(struct ledger *ledger)
{
    for (size_t i = 0; i < ROBOTS; i++) {
        struct injector *injector = &ledger->injector[i];
        if (injector->wrong)
            turn(ledger, injector);
        injector->turns_ms = UINT64_MAX;
    }
    wait_ms(&ledger->cell->harness->loop, 5000);
    uv_close((uv_handle_t *)&ledger->timer, NULL);
    fclose(ledger->injected);
}

/* ---- collector */

static void run_collector(const struct ledger *ledger, const char *port)
{
    char path[300];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    snprintf(path, sizeof path, "%s/alerts.jsonl", ledger->directory);
    int out = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
    dup2(out, STDOUT_FILENO);
    out = open("/dev/null", O_WRONLY);
    dup2(out, STDERR_FILENO);
    execlp("stdbuf", "stdbuf", "-oL", "mosquitto_sub", "-h", "127.0.0.1", "-p", port, "-V",
           "mqttv5", "-i", "collector", "-c", "-x", "3600", "-q", "1", "-t",
           "armwatch/robot/+/alert", NULL);
    _exit(127);
}

static void start_collector(struct ledger *ledger)
{
    char port[16];
    snprintf(port, sizeof port, "%d", broker_port(ledger->cell->harness->broker));
    ledger->collector = fork();
    assert_true(ledger->collector >= 0);
    if (ledger->collector == 0)
        run_collector(ledger, port);
}

/* mosquitto_sub ends on some ways to lose a broker; its session goes on. */
static void keep_collector(struct ledger *ledger)
{
    int status;
    if (waitpid(ledger->collector, &status, WNOHANG) != ledger->collector)
        return;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        fail_msg("stdbuf or mosquitto_sub is not installed");
    start_collector(ledger);
}

/* ---- kills */

static void turn_loop(struct ledger *ledger, uint64_t ms)
{
    uint64_t end = now_ms() + ms;
    while (now_ms() < end) {
        keep_collector(ledger);
        wait_ms(&ledger->cell->harness->loop, 50);
    }
}

static void kill_daemon(struct ledger *ledger)
{
    daemon_process_assert_alive(ledger->cell->daemon);
    daemon_process_kill(ledger->cell->daemon);
    daemon_process_start(ledger->cell->daemon);
    ledger->outage_ms = now_ms();
    ledger->daemon_kills++;
}

static void kill_broker(struct ledger *ledger)
{
    broker_kill(ledger->cell->harness->broker);
    turn_loop(ledger, random_ms(ledger, 0, 1500));
    broker_start(ledger->cell->harness->broker, NULL);
    ledger->outage_ms = now_ms();
    ledger->broker_kills++;
}

static void run_round(struct ledger *ledger, unsigned round)
{
    unsigned kills = round % 3 == 2 ? 4 : 3, broker_at = (unsigned)random_ms(ledger, 0, kills);
    for (unsigned i = 0; i < kills; i++) {
        turn_loop(ledger, random_ms(ledger, 200, 2500));
        if (i == broker_at) {
            kill_broker(ledger);
            turn_loop(ledger, random_ms(ledger, 0, 1500));
        }
        kill_daemon(ledger);
    }
    turn_loop(ledger, QUIET_MS);
}

static void test_ledger(void **state)
{
    struct ledger ledger = {.cell = *state};
    struct cell *cell = ledger.cell;
    const char *rounds = getenv("ARMWATCH_LEDGER_ROUNDS"),
               *keep = getenv("ARMWATCH_LEDGER_DIRECTORY");
    rng_init(&ledger.rng, 7);
    snprintf(ledger.directory, sizeof ledger.directory, "%s",
             keep ? keep : broker_directory(cell->harness->broker));
    cell_restart_broker(
        cell, &(struct broker_options){.lines = "persistence true\nautosave_on_changes true\n"
                                                "autosave_interval 1\nmax_queued_messages 0"});
    start_collector(&ledger);
    cell_configure(cell, "alerts.reassert_s", "2");
    cell_configure(cell, "scores.rate_hz", "2");
    cell_write_config(cell);
    daemon_process_start(cell->daemon);
    start_injector(&ledger);
    unsigned count = rounds ? (unsigned)atoi(rounds) : 2;
    for (unsigned round = 0; round < count; round++) {
        run_round(&ledger, round);
        peer_forget(cell->watcher);
    }
    end_injector(&ledger);
    turn_loop(&ledger, 3000);
    kill(ledger.collector, SIGTERM);
    waitpid(ledger.collector, NULL, 0);
    print_message("%u kills of the broker, %u of the daemon\n", ledger.broker_kills,
                  ledger.daemon_kills);
    char command[1024];
    snprintf(command, sizeof command, "python3 -B '%s' '%s/injected.csv' '%s/alerts.jsonl' >&2",
             CHECK_LEDGER, ledger.directory, ledger.directory);
    assert_int_equal(system(command), 0);
    daemon_process_stop(cell->daemon);
    cell->finished = true;
}

int main(void)
{
    const struct CMUnitTest tests[] = {CELL_TEST(test_ledger)};
    return cmocka_run_group_tests(tests, cell_group_setup, cell_group_teardown);
}
