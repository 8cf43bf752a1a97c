/*
 * Why: blocks of one session are alike, and a tail fitted to all sessions together has seen each of
 * them. What a new session will do shows only in one that the threshold does not come from.
 */
#include "model/calibration.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The maxima of all sessions but one, in the same order. */
static void copy_others(const struct calibration_blocks *blocks, size_t first, size_t end,
                        double *ret_maxima)
{
    if (first > 0)
        memcpy(ret_maxima, blocks->maxima, first * sizeof *ret_maxima);
    if (end < blocks->count)
        memcpy(ret_maxima + first, blocks->maxima + end,
               (blocks->count - end) * sizeof *ret_maxima);
}

/* scratch: [blocks->count]. */
static int leave_out(const struct calibration_blocks *blocks, size_t index, double per_day,
                     double *scratch, struct calibration_session *ret_session)
{
    const struct calibration_source *source = &blocks->source[index];
    size_t first = source->first;
    size_t end = index + 1 < blocks->sessions ? source[1].first : blocks->count;
    copy_others(blocks, first, end, scratch);
    const struct calibration_blocks others = {
        .block_s = blocks->block_s,
        .period_s = blocks->period_s,
        .windows = blocks->windows - source->windows,
        .sessions = blocks->sessions - 1,
        .count = blocks->count - (end - first),
        .maxima = scratch,
    };
    struct calibration calibration;
    int r = calibration_fit(&calibration, &others, NULL);
    if (r < 0)
        return r;
    *ret_session = (struct calibration_session){
        .number = source->number,
        .hours = (double)source->windows * blocks->period_s / 3600,
        .blocks = end - first,
        .threshold = calibration_threshold(&calibration, per_day),
    };
    calibration_deinit(&calibration);
    for (size_t i = first; i < end; i++)
        ret_session->over += blocks->maxima[i] > ret_session->threshold;
    return 0;
}

/* How much better than the budget the session's own rate explains its alarms: the log-likelihood
 * ratio of the two Poisson rates, negative where there are fewer alarms than allowed. */
static double conspicuousness(const struct calibration_session *session, double per_day)
{
    double over = (double)session->over, allowed = per_day * session->hours / 24;
    double ratio = over > 0 ? over * log(over / allowed) - (over - allowed) : allowed;
    return over > allowed ? ratio : -ratio;
}

static void drop_inconspicuous(struct calibration_left_out *left_out)
{
    while (left_out->stored > CALIBRATION_SESSIONS_MAX) {
        struct calibration_session *session = left_out->session;
        size_t least = 0;
        for (size_t s = 1; s < left_out->stored; s++) {
            if (conspicuousness(&session[s], left_out->per_day) <
                conspicuousness(&session[least], left_out->per_day))
                least = s;
        }
        left_out->stored--;
        memmove(session + least, session + least + 1, (left_out->stored - least) * sizeof *session);
    }
}

int calibration_leave_out(struct calibration *calibration, const struct calibration_blocks *blocks,
                          double false_alarms_per_day, struct diag *diag)
{
    assert(false_alarms_per_day > 0);
    if (blocks->sessions < 2)
        return 0;
    struct calibration_left_out left_out = {
        .per_day = false_alarms_per_day,
        .stored = blocks->sessions,
        .session = calloc(blocks->sessions, sizeof *left_out.session),
    };
    double *scratch = malloc(blocks->count * sizeof *scratch);
    int r = left_out.session && scratch ? 0 : -ENOMEM;
    for (size_t s = 0; r == 0 && s < blocks->sessions; s++) {
        r = leave_out(blocks, s, false_alarms_per_day, scratch, &left_out.session[s]);
        left_out.over += left_out.session[s].over;
    }
    free(scratch);
    if (r < 0) {
        free(left_out.session);
        return diag_errno(diag, r, "calibration");
    }
    drop_inconspicuous(&left_out);
    free(calibration->left_out.session);
    calibration->left_out = left_out;
    return 0;
}

const struct calibration_session *calibration_worst(const struct calibration_left_out *left_out)
{
    const struct calibration_session *worst = NULL;
    for (size_t s = 0; left_out->over > 0 && s < left_out->stored; s++) {
        const struct calibration_session *session = &left_out->session[s];
        if (!worst ||
            conspicuousness(session, left_out->per_day) > conspicuousness(worst, left_out->per_day))
            worst = session;
    }
    return worst;
}

/* ---- check ---- */

static int check_session(const struct calibration_left_out *left_out, size_t index,
                         struct diag *diag)
{
    const struct calibration_session *session = &left_out->session[index];
    if (session->number == 0 || (index > 0 && session->number <= session[-1].number))
        return diag_set(diag, "session %zu, must rise from 1 on", session->number);
    if (!(session->hours > 0) || !isfinite(session->hours))
        return diag_set(diag, "session %zu: hours %g, must be over 0", session->number,
                        session->hours);
    if (session->blocks == 0 || session->over > session->blocks)
        return diag_set(diag, "session %zu: %zu of %zu blocks over the threshold", session->number,
                        session->over, session->blocks);
    if (!isfinite(session->threshold))
        return diag_set(diag, "session %zu: threshold %g", session->number, session->threshold);
    return 0;
}

/* The sessions against the sums: equal if all are stored, else no more. */
static int check_sums(const struct calibration *calibration, struct diag *diag)
{
    const struct calibration_left_out *left_out = &calibration->left_out;
    size_t blocks = 0, over = 0;
    double hours = 0;
    for (size_t s = 0; s < left_out->stored; s++) {
        blocks += left_out->session[s].blocks;
        over += left_out->session[s].over;
        hours += left_out->session[s].hours;
    }
    bool all = left_out->stored == calibration->sessions;
    double rounding = 1e-9 * calibration->hours;
    if (blocks > calibration->blocks || (all && blocks < calibration->blocks))
        return diag_set(diag, "%zu blocks in the sessions, %zu in all", blocks,
                        calibration->blocks);
    if (over > left_out->over || (all && over < left_out->over) ||
        left_out->over > calibration->blocks)
        return diag_set(diag, "%zu blocks over the threshold in the sessions, %zu in all", over,
                        left_out->over);
    if (hours > calibration->hours + rounding || (all && hours < calibration->hours - rounding))
        return diag_set(diag, "%g hours in the sessions, %g in all", hours, calibration->hours);
    return 0;
}

int calibration_check_left_out(const struct calibration *calibration, struct diag *diag)
{
    const struct calibration_left_out *left_out = &calibration->left_out;
    if (left_out->stored == 0)
        return 0;
    size_t expected = calibration->sessions < CALIBRATION_SESSIONS_MAX ? calibration->sessions
                                                                       : CALIBRATION_SESSIONS_MAX;
    int r = 0;
    if (expected < 2 || left_out->stored != expected)
        r = diag_set(diag, "%zu sessions of %zu", left_out->stored, calibration->sessions);
    else if (!(left_out->per_day > 0) || !isfinite(left_out->per_day))
        r = diag_set(diag, "false_alarms_per_day %g, must be over 0", left_out->per_day);
    for (size_t s = 0; r == 0 && s < left_out->stored; s++)
        r = check_session(left_out, s, diag);
    if (r == 0)
        r = check_sums(calibration, diag);
    if (r < 0)
        diag_prefix(diag, "calibration: left_out");
    return r;
}
