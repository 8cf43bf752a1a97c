/* Sentences from deviations made by hand. */
#include "pipeline/finding.h"

#include "model/autoencoder.h"
#include "model/cycle_power.h"
#include "model/knn.h"
#include "model/step_time.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Two links with three rates and a quaternion each, a load, a current, and the program's step. */
enum { RATE = 0, TURN = 6, LOAD = 14, CURRENT, STEP, CHANNELS, TIME = CHANNELS, WIDTH };
enum { LINK_1, LINK_2, SUPPLY, PROGRAM, GROUPS };

static struct model_channel channels[WIDTH];
static char label[GROUPS][8] = {"link 1", "link 2", "supply", "program"};
static char *labels[GROUPS] = {label[0], label[1], label[2], label[3]};
static size_t rotations[][4] = {{TURN, TURN + 1, TURN + 2, TURN + 3},
                                {TURN + 4, TURN + 5, TURN + 6, TURN + 7}};
static struct model model = {
    .channels = CHANNELS,
    .width = WIDTH,
    .channel = channels,
    .groups = GROUPS,
    .group_labels = labels,
    .group_names = labels,
    .derivation = {.channels = CHANNELS,
                   .count = 1,
                   .channel = {{DERIVED_MOVING_TIME, "moving_time"}},
                   .step_channel = STEP,
                   .load = LOAD,
                   .rotations = 2,
                   .rotation = rotations},
};

static int make_model(void **state)
{
    static char names[WIDTH][16], rate[] = "deg/s", watt[] = "W", ampere[] = "A", none[] = "";
    for (size_t c = 0; c < WIDTH; c++) {
        bool first = c < RATE + 3 || (c >= TURN && c < TURN + 4);
        snprintf(names[c], sizeof names[c], c >= TURN && c < LOAD ? "s%zu_q%zu" : "c%zu",
                 c >= TURN && c < LOAD ? (size_t)1 + (c - TURN) / 4 : c, 1 + (c - TURN) % 4);
        channels[c] = (struct model_channel){.name = names[c],
                                             .unit = c < TURN       ? rate
                                                     : c == LOAD    ? watt
                                                     : c == CURRENT ? ampere
                                                                    : none,
                                             .group = c >= STEP   ? PROGRAM
                                                      : c >= LOAD ? SUPPLY
                                                      : first     ? LINK_1
                                                                  : LINK_2};
    }
    return 0;
}

struct change {
    size_t channel;
    double share, observed, expected;
};

/* The changes end with a share of 0; the rest is as expected. */
static void expect_sentence_of(const struct detector_kind *kind, const struct change *changes,
                               float step, size_t group, const char *expected)
{
    struct deviation deviations[WIDTH];
    float row[WIDTH] = {0};
    char text[FINDING_TEXT_MAX];
    row[STEP] = step;
    for (size_t c = 0; c < WIDTH; c++)
        deviations[c] = (struct deviation){.channel = c};
    for (size_t i = 0; changes[i].share > 0; i++) {
        struct deviation *d = &deviations[changes[i].channel];
        d->share = changes[i].share;
        d->observed = changes[i].observed;
        d->expected = changes[i].expected;
        d->z = 5;
    }
    finding_join_rotations(&model, deviations);
    struct finding finding = finding_make(&model, kind, deviations, group, row);
    finding_text(&finding, &model, text);
    if (strcmp(text, expected) != 0)
        fail_msg("\"%s\", must be \"%s\"", text, expected);
}

static void expect_sentence(const struct change *changes, float step, size_t group,
                            const char *expected)
{
    expect_sentence_of(&autoencoder_kind, changes, step, group, expected);
}

static void test_speed_of_a_link(void **state)
{
    const struct change slow[] = {{RATE + 3, 0.5, 15, 20}, {RATE + 4, 0.4, 0, 0}, {0, 0, 0, 0}};
    expect_sentence(slow, 7, LINK_2,
                    "link 2 turns 25 % slower than expected in step 7 (15 deg/s, expected 20)");
    const struct change fast[] = {{RATE, 0.5, -33, -30}, {RATE + 1, 0.4, 44, 40}, {0, 0, 0, 0}};
    expect_sentence(fast, 0.5F, LINK_1,
                    "link 1 turns 10 % faster than expected (55 deg/s, expected 50)");
    const struct change still[] = {{RATE, 0.9, 0.3, 30}, {0, 0, 0, 0}};
    expect_sentence(still, 3, LINK_1, "link 1 hardly turns in step 3 (0.3 deg/s, expected 30)");
    const struct change back[] = {{RATE, 0.9, -20, 30}, {0, 0, 0, 0}};
    expect_sentence(back, 3, LINK_1, "link 1 hardly turns in step 3 (0 deg/s, expected 30)");
}

static void test_otherwise(void **state)
{
    const struct change from_rest[] = {{RATE + 5, 0.9, 12, 0.1}, {0, 0, 0, 0}};
    expect_sentence(from_rest, 4, LINK_2,
                    "link 2 turns otherwise than expected in step 4 (12 deg/s, expected 0.1)");
    const struct change aside[] = {{RATE, 0.1, 30, 30}, {RATE + 1, 0.8, 20, 0}, {0, 0, 0, 0}};
    expect_sentence(aside, 4, LINK_1,
                    "link 1 turns otherwise than expected in step 4 (36.1 deg/s, expected 30)");
}

static void test_speed_of_the_arm(void **state)
{
    const struct change slow[] = {
        {RATE, 0.38, 15, 20}, {RATE + 4, 0.3, -9, -12}, {CURRENT, 0.32, 2, 1}, {0, 0, 0, 0}};
    expect_sentence(slow, 7, LINK_1, "the arm moves 25 % slower than expected in step 7");
}

static void test_steps_and_load(void **state)
{
    const struct change late[] = {{TIME, 1, 2.1, 1.4}, {0, 0, 0, 0}};
    expect_sentence_of(&step_time_kind, late, 7, PROGRAM,
                       "step 7 has lasted 2.1 s of movement, usually 1.4 s");
    const struct change load[] = {{LOAD, 1, 138.2, 126}, {0, 0, 0, 0}};
    expect_sentence_of(&cycle_power_kind, load, 7, SUPPLY,
                       "the program's steps take 138.2 W on average, usually 126 (c14)");
    /* What any other detector knows is what the channel reads now. */
    expect_sentence(load, 7, SUPPLY, "c14 reads 138.2 W in step 7, expected 126");
    expect_sentence_of(&knn_kind, late, 7, PROGRAM, "c17 reads 2.1 in step 7, expected 1.4");
}

static void test_rotation(void **state)
{
    double half = 5 * M_PI / 180; /* of ten degrees */
    const struct change turned[] = {
        {TURN, 0.2, -cos(half), 1}, {TURN + 2, 0.7, -sin(half), 0}, {0, 0, 0, 0}};
    expect_sentence(turned, 2, LINK_1,
                    "link 1 is turned by 10 deg from where it is expected in step 2");
}

static void test_values(void **state)
{
    const struct change current[] = {{CURRENT, 0.6, 2.1, 1.2}, {LOAD, 0.2, 3, 2}, {0, 0, 0, 0}};
    expect_sentence(current, 2, SUPPLY, "c15 reads 2.1 A in step 2, expected 1.2");
    const struct change nothing[] = {{0, 0, 0, 0}};
    expect_sentence(nothing, 2, SUPPLY, "");
}

/* 59 bytes, and a character that begins with the last of the 60 that are shown. */
#define SHOWN "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeefffffffff"
#define TOO_LONG SHOWN "\xc3\xa4\xc3\xa4"

static void test_a_label_is_cut_between_characters(void **state)
{
    static char too_long[] = TOO_LONG;
    labels[LINK_1] = too_long;
    const struct change slow[] = {{RATE, 0.9, 15, 20}, {0, 0, 0, 0}};
    expect_sentence(slow, 7, LINK_1,
                    SHOWN " turns 25 % slower than expected in step 7 (15 deg/s, expected 20)");
    const struct change still[] = {{RATE, 0.9, 0.3, 30}, {0, 0, 0, 0}};
    expect_sentence(still, 3, LINK_1, SHOWN " hardly turns in step 3 (0.3 deg/s, expected 30)");
    const struct change from_rest[] = {{RATE, 0.9, 12, 0.1}, {0, 0, 0, 0}};
    expect_sentence(from_rest, 4, LINK_1,
                    SHOWN " turns otherwise than expected in step 4 (12 deg/s, expected 0.1)");
    const struct change turned[] = {{TURN, 0.2, 0, 1}, {TURN + 2, 0.7, 1, 0}, {0, 0, 0, 0}};
    expect_sentence(turned, 2, LINK_1,
                    SHOWN " is turned by 180 deg from where it is expected in step 2");
    labels[LINK_1] = label[LINK_1];
}

static void test_names_and_units_are_cut_between_characters(void **state)
{
    static char too_long[] = TOO_LONG, unit[] = "\xc2\xb5\xc2\xb5-per-\xe2\x82\xac";
    const struct model_channel current = channels[CURRENT], load = channels[LOAD];
    channels[CURRENT].name = channels[LOAD].name = too_long;
    channels[CURRENT].unit = channels[LOAD].unit = unit;
    const struct change value[] = {{CURRENT, 0.6, 2.1, 1.2}, {0, 0, 0, 0}};
    expect_sentence(value, 2, SUPPLY,
                    SHOWN " reads 2.1 \xc2\xb5\xc2\xb5-per- in step 2, expected 1.2");
    const struct change sum[] = {{LOAD, 1, 138.2, 126}, {0, 0, 0, 0}};
    expect_sentence_of(
        &cycle_power_kind, sum, 2, SUPPLY,
        "the program's steps take 138.2 \xc2\xb5\xc2\xb5-per- on average, usually 126 "
        "(" SHOWN ")");
    channels[CURRENT] = current;
    channels[LOAD] = load;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_speed_of_a_link),
        cmocka_unit_test(test_otherwise),
        cmocka_unit_test(test_speed_of_the_arm),
        cmocka_unit_test(test_steps_and_load),
        cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_a_label_is_cut_between_characters),
        cmocka_unit_test(test_names_and_units_are_cut_between_characters)};
    return cmocka_run_group_tests(tests, make_model, NULL);
}
