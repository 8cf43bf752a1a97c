#include "lab/holdout.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

static void add(struct recording **list, size_t *source, size_t *count, struct recording *item,
                size_t session)
{
    list[*count] = item;
    source[(*count)++] = session;
}

static void keep_whole(struct recording *const *sessions, size_t count, double share,
                       struct holdout *holdout)
{
    size_t tests = share > 0 ? (size_t)fmax(1, floor(share * (double)count)) : 0;
    for (size_t s = 0; s < count; s++) {
        if (s < count - tests)
            add(holdout->fit, holdout->fit_source, &holdout->fit_count, sessions[s], s);
        else
            add(holdout->test, holdout->test_source, &holdout->test_count, sessions[s], s);
    }
}

static int cut_each(struct recording *const *sessions, size_t count, double share, size_t gap_rows,
                    struct holdout *holdout, struct diag *diag)
{
    holdout->owned = true;
    for (size_t s = 0; s < count; s++) {
        size_t rows = sessions[s]->rows, tests = (size_t)(share * (double)rows);
        if (tests <= gap_rows || rows - tests <= gap_rows)
            return diag_set(
                diag,
                "session %zu: %zu rows are too few to keep %.0f %% of them aside behind "
                "%zu rows of gap",
                s + 1, rows, 100 * share, gap_rows);
        struct recording *fit, *test;
        int r = recording_cut(sessions[s], 0, rows - tests, &fit);
        if (r < 0)
            return diag_errno(diag, r, "test rows");
        add(holdout->fit, holdout->fit_source, &holdout->fit_count, fit, s);
        r = recording_cut(sessions[s], rows - tests + gap_rows, rows, &test);
        if (r < 0)
            return diag_errno(diag, r, "test rows");
        add(holdout->test, holdout->test_source, &holdout->test_count, test, s);
    }
    return 0;
}

int holdout_make(struct recording *const *sessions, size_t count, double share, size_t gap_rows,
                 struct holdout *ret_holdout, struct diag *diag)
{
    assert(share >= 0 && share < 1);
    *ret_holdout = (struct holdout){
        .fit = calloc(count + 1, sizeof(struct recording *)),
        .test = calloc(count + 1, sizeof(struct recording *)),
        .fit_source = calloc(count + 1, sizeof(size_t)),
        .test_source = calloc(count + 1, sizeof(size_t)),
    };
    int r = 0;
    if (!ret_holdout->fit || !ret_holdout->test || !ret_holdout->fit_source ||
        !ret_holdout->test_source)
        r = diag_errno(diag, ENOMEM, "test rows");
    else if (share == 0 || count >= HOLDOUT_SESSIONS_WHOLE)
        keep_whole(sessions, count, share, ret_holdout);
    else
        r = cut_each(sessions, count, share, gap_rows, ret_holdout, diag);
    if (r < 0)
        holdout_deinit(ret_holdout);
    return r;
}

void holdout_deinit(struct holdout *holdout)
{
    for (size_t i = 0; holdout->owned && i < holdout->fit_count; i++)
        recording_free(holdout->fit[i]);
    for (size_t i = 0; holdout->owned && i < holdout->test_count; i++)
        recording_free(holdout->test[i]);
    free(holdout->fit);
    free(holdout->test);
    free(holdout->fit_source);
    free(holdout->test_source);
    *holdout = (struct holdout){0};
}
