#include "cli/progress.h"

#include "base/clock.h"
#include "cli/terminal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define FIRST_AFTER_NS CLOCK_NS_PER_S
#define REDRAW_NS (CLOCK_NS_PER_S / 10)
#define BAR_WIDTH 30
#define SHARE_FOR_ESTIMATE 0.005 /* below, an estimate would only be noise */

void progress_begin(struct progress *progress, const char *what)
{
    *progress = (struct progress){
        .what = what, .start_ns = clock_monotonic_ns(), .enabled = terminal_is(stderr)};
}

static void format_left(double seconds, char ret_text[32])
{
    long long s = llround(fmin(seconds, 1e7));
    if (s < 3600)
        snprintf(ret_text, 32, "%lld:%02lld left", s / 60, s % 60);
    else
        snprintf(ret_text, 32, "%lld:%02lld:%02lld left", s / 3600, s / 60 % 60, s % 60);
}

void progress_update(struct progress *progress, double share)
{
    if (!progress->enabled)
        return;
    int64_t now_ns = clock_monotonic_ns();
    if (now_ns - progress->start_ns < FIRST_AFTER_NS || now_ns - progress->drawn_ns < REDRAW_NS)
        return;
    progress->drawn_ns = now_ns;
    progress->drawn = true;
    share = fmin(fmax(share, 0), 1);
    char bar[BAR_WIDTH + 1], left[32] = "";
    int full = (int)(share * BAR_WIDTH);
    memset(bar, '#', (size_t)full);
    memset(bar + full, '-', (size_t)(BAR_WIDTH - full));
    bar[BAR_WIDTH] = '\0';
    if (share > SHARE_FOR_ESTIMATE) {
        double elapsed_s = (double)(now_ns - progress->start_ns) / 1e9;
        format_left(elapsed_s * (1 - share) / share, left);
    }
    fprintf(stderr, "\r\033[K%.24s [%s] %3.0f %%  %s", progress->what, bar, floor(100 * share),
            left);
    fflush(stderr);
}

void progress_clear(struct progress *progress)
{
    if (progress->drawn)
        fputs("\r\033[K", stderr);
    progress->drawn = false;
}

void progress_end(struct progress *progress)
{
    progress_clear(progress);
    progress->enabled = false;
}
