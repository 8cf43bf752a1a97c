#include "lab/worker.h"

#include "fixture.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define JOBS 9
#define NUMBERS 50000 /* more than a pipe holds */

struct collected {
    size_t taken[JOBS];
    unsigned long sum[JOBS];
    double last_share;
    pid_t parent;
};

static int count_up(size_t job, const struct worker_child *child, struct worker_answer *answer,
                    void *user, struct diag *diag)
{
    (void)diag;
    const struct collected *collected = user;
    if (getpid() == collected->parent)
        return -EPERM;
    for (size_t i = 0; i < NUMBERS; i++) {
        unsigned long number = job * 1000 + i;
        int r = worker_answer_add(answer, &number, sizeof number);
        if (r < 0)
            return r;
    }
    child->tell_share(0.5, child->worker);
    return 0;
}

static int take_numbers(size_t job, struct worker_reader *answer, void *user, struct diag *diag)
{
    (void)diag;
    struct collected *collected = user;
    unsigned long number;
    for (size_t i = 0; i < NUMBERS; i++) {
        if (worker_reader_take(answer, &number, sizeof number) < 0 || number != job * 1000 + i)
            return -EINVAL;
        collected->sum[job] += number;
    }
    assert_int_equal(answer->left, 0);
    assert_int_equal(worker_reader_take(answer, &number, 1), -EINVAL);
    collected->taken[job]++;
    return 0;
}

static void keep_share(double share, void *user)
{
    ((struct collected *)user)->last_share = share;
}

static struct worker_pool pool_of(size_t at_once, struct collected *collected)
{
    collected->parent = getpid();
    return (struct worker_pool){.jobs = JOBS,
                                .at_once = at_once,
                                .run = count_up,
                                .take = take_numbers,
                                .progress = keep_share,
                                .user = collected};
}

static void no_child_is_left(void)
{
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void every_answer_arrives_once(void **state)
{
    (void)state;
    for (size_t at_once = 1; at_once <= 2 * JOBS; at_once += 3) {
        struct collected collected = {0};
        struct worker_pool pool = pool_of(at_once, &collected);
        struct diag diag = DIAG_INIT;
        assert_int_equal(worker_pool_run(&pool, &diag), 0);
        for (size_t i = 0; i < JOBS; i++) {
            assert_int_equal(collected.taken[i], 1);
            assert_int_equal(collected.sum[i],
                             i * 1000 * NUMBERS + (unsigned long)NUMBERS * (NUMBERS - 1) / 2);
        }
        assert_true(collected.last_share == 1);
        no_child_is_left();
    }
}

static int fail_at_three(size_t job, const struct worker_child *child, struct worker_answer *answer,
                         void *user, struct diag *diag)
{
    if (job == 3)
        return diag_set(diag, "job three: no");
    return count_up(job, child, answer, user, diag);
}

static void an_error_travels_with_its_text(void **state)
{
    (void)state;
    struct collected collected = {0};
    struct worker_pool pool = pool_of(4, &collected);
    struct diag diag = DIAG_INIT;
    pool.run = fail_at_three;
    assert_int_equal(worker_pool_run(&pool, &diag), -EINVAL);
    assert_string_equal(diag.text, "job three: no");
    assert_int_equal(collected.taken[3], 0);
    no_child_is_left();
}

static int die_at_five(size_t job, const struct worker_child *child, struct worker_answer *answer,
                       void *user, struct diag *diag)
{
    if (job == 5)
        raise(SIGKILL);
    return count_up(job, child, answer, user, diag);
}

static void a_child_that_dies_is_an_error(void **state)
{
    (void)state;
    struct collected collected = {0};
    struct worker_pool pool = pool_of(2, &collected);
    struct diag diag = DIAG_INIT;
    pool.run = die_at_five;
    assert_int_equal(worker_pool_run(&pool, &diag), -ECHILD);
    assert_non_null(strstr(diag.text, "job 5"));
    no_child_is_left();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_answer_arrives_once),
        cmocka_unit_test(an_error_travels_with_its_text),
        cmocka_unit_test(a_child_that_dies_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
