#include "daemon/shadow_match.h"

#include "base/clock.h"

#include <string.h>

#define NEAR_NS (SHADOW_NEAR_S * CLOCK_NS_PER_S)
#define LONE_NS (SHADOW_LONE_S * CLOCK_NS_PER_S)

static bool belong_together(const struct shadow_alert *a, const struct shadow_alert *b)
{
    bool a_first = b->open || a->started_ns <= b->ended_ns + NEAR_NS;
    bool b_first = a->open || b->started_ns <= a->ended_ns + NEAR_NS;
    return a_first && b_first;
}

static void note_match(enum shadow_side side, struct shadow_alert *alert, shadow_found *found,
                       void *user)
{
    if (alert->matched)
        return;
    alert->matched = true;
    if (!alert->before && !alert->told)
        found(user, side, SHADOW_MATCHED, alert);
}

static void pair(struct shadow_match *match, shadow_found *found, void *user)
{
    for (size_t l = 0; l < match->side[SHADOW_LIVE].count; l++) {
        struct shadow_alert *live = &match->side[SHADOW_LIVE].item[l];
        for (size_t c = 0; c < match->side[SHADOW_CANDIDATE].count; c++) {
            struct shadow_alert *candidate = &match->side[SHADOW_CANDIDATE].item[c];
            if (!belong_together(live, candidate))
                continue;
            note_match(SHADOW_LIVE, live, found, user);
            note_match(SHADOW_CANDIDATE, candidate, found, user);
        }
    }
}

static void tell_alone(enum shadow_side side, struct shadow_alert *alert, shadow_found *found,
                       void *user)
{
    if (alert->matched || alert->told || alert->before)
        return;
    alert->told = true;
    found(user, side, SHADOW_ALONE, alert);
}

static void drop(struct shadow_match *match, enum shadow_side side, size_t at)
{
    struct shadow_alert *item = match->side[side].item;
    match->side[side].count--;
    memmove(item + at, item + at + 1, (match->side[side].count - at) * sizeof *item);
}

void shadow_match_raise(struct shadow_match *match, enum shadow_side side,
                        const struct shadow_alert *alert, shadow_found *found, void *user)
{
    if (match->side[side].count == SHADOW_PENDING_MAX) {
        tell_alone(side, &match->side[side].item[0], found, user);
        drop(match, side, 0);
    }
    match->side[side].item[match->side[side].count++] = *alert;
    pair(match, found, user);
}

static struct shadow_alert *newest_open(struct shadow_match *match, enum shadow_side side)
{
    size_t count = match->side[side].count;
    struct shadow_alert *newest = count > 0 ? &match->side[side].item[count - 1] : NULL;
    return newest && newest->open ? newest : NULL;
}

void shadow_match_follow(struct shadow_match *match, enum shadow_side side, double peak)
{
    struct shadow_alert *alert = newest_open(match, side);
    if (alert && peak > alert->peak)
        alert->peak = peak;
}

void shadow_match_clear(struct shadow_match *match, enum shadow_side side, int64_t ended_ns,
                        shadow_found *found, void *user)
{
    struct shadow_alert *alert = newest_open(match, side);
    if (!alert)
        return;
    alert->open = false;
    alert->ended_ns = ended_ns;
    if (alert->told)
        found(user, side, SHADOW_ENDED, alert);
}

static bool is_over(const struct shadow_alert *alert, int64_t now_ns)
{
    return !alert->open && now_ns > alert->ended_ns + NEAR_NS;
}

void shadow_match_turn(struct shadow_match *match, int64_t now_ns, shadow_found *found, void *user)
{
    for (int s = 0; s < SHADOW_SIDES; s++) {
        enum shadow_side side = (enum shadow_side)s;
        struct shadow_alert *item = match->side[side].item;
        for (size_t i = 0; i < match->side[side].count; i++) {
            bool lone = item[i].open && now_ns > item[i].started_ns + LONE_NS;
            if (lone || is_over(&item[i], now_ns))
                tell_alone(side, &item[i], found, user);
        }
        for (size_t i = match->side[side].count; i-- > 0;) {
            if (is_over(&item[i], now_ns))
                drop(match, side, i);
        }
    }
}
