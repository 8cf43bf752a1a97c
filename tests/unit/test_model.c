#include "fixture.h"
#include "model/model_file.h"
#include "nn/blas.h"
#include "tiny_model.h"

#include <errno.h>
#include <math.h>

static int parse(const void *data, size_t size, struct diag *diag)
{
    struct model *model = NULL;
    *diag = DIAG_INIT;
    int r = model_parse(data, size, &model, diag);
    if (r == 0)
        model_unref(model);
    return r;
}

static void expect_refused(const struct tiny_model *tiny, const char *why)
{
    void *data;
    size_t size;
    struct diag diag;
    tiny_model_format(tiny, &data, &size);
    int r = parse(data, size, &diag);
    free(data);
    if (r != -EINVAL)
        fail_msg("%d instead of a refusal because of \"%s\"", r, why);
    fixture_expect_text(diag.text, why);
}

static void test_everything_is_read(void **state)
{
    const struct alert_filter filter = {.k = 2, .n = 7, .clear_ratio = 0.5, .clear_s = 3};
    struct model *model = tiny_model_new(&(struct tiny_model){.name = "cell-7",
                                                              .version = 12,
                                                              .detectors = 2,
                                                              .spacing = 2,
                                                              .period_s = 0.25,
                                                              .filter = filter,
                                                              .random = true});
    assert_string_equal(model->name, "cell-7");
    assert_int_equal(model->version, 12);
    assert_int_equal(strlen(model->sha256), 64);
    assert_int_equal(model->channels, 3);
    assert_string_equal(model->channel[2].name, "c");
    assert_string_equal(model->channel[0].unit, "deg/s");
    assert_string_equal(model->channel[1].unit, "");
    assert_int_equal(model->groups, 2); /* "arm" for two, its own name for the third */
    assert_string_equal(model->group_names[model->channel[1].group], "arm");
    assert_string_equal(model->group_names[model->channel[2].group], "c");
    assert_true(model->period_s == 0.25);
    assert_int_equal(model->detectors, 2);
    assert_string_equal(model->detector[1].name, "second");
    assert_int_equal(detector_span(&model->detector[0]), 7);
    assert_int_equal(detector_span(&model->detector[1]), 1);
    assert_int_equal(model->span, 7);
    assert_int_equal(model->detector[0].filter.k, 2);
    assert_int_equal(model->detector[0].filter.n, 7);
    assert_true(model->detector[0].filter.clear_ratio == 0.5);
    assert_true(model->detector[0].filter.clear_s == 3);
    assert_true(model_calibrated(model));
    struct diag diag = DIAG_INIT;
    if (model_selftest(model, &diag) < 0)
        fail_msg("%s", diag.text);
    model_unref(model);
}

static void test_thresholds_share_the_budget(void **state)
{
    struct model *one = tiny_model_new(&(struct tiny_model){.limit = 2});
    struct model *two = tiny_model_new(&(struct tiny_model){.limit = 2, .detectors = 2});
    double alone = model_threshold(one, 0, 1), shared = model_threshold(two, 1, 2);
    if (alone <= 2 || alone > 2.1 || alone != shared)
        fail_msg("%g alone, %g shared", alone, shared);
    assert_true(model_threshold(one, 0, 10) < alone);
    model_unref(one);
    model_unref(two);
    struct model *none = tiny_model_new(&(struct tiny_model){.uncalibrated = true});
    assert_false(model_calibrated(none));
    assert_true(isinf(model_threshold(none, 0, 1)));
    model_unref(none);
}

/* Channel a counts to millions, b is of the order of 1 (rows of the self-test), and so is c. */
static void count_to_millions(cJSON *config)
{
    cJSON *usual = cJSON_GetObjectItem(config, "channels")->child;
    cJSON_AddNumberToObject(usual, "mean", -5e6);
    cJSON_AddNumberToObject(usual, "spread", 1);
}

static void test_values_that_can_be_no_reading(void **state)
{
    struct model *model = tiny_model_new(&(struct tiny_model){.edit = count_to_millions});
    struct model *still = tiny_model_new(&(struct tiny_model){.still = true});
    static const struct {
        float values[3];
        size_t known, unknown; /* the first that is refused; 3: none */
    } cases[] = {
        {{0, 0, 0}, 3, 3},
        {{5e9F, 1e6F, -1e6F}, 3, 3}, /* a million times the usual: a following error may be so */
        {{-5.1e9F, 0, 0}, 0, 3},
        {{0, 1.1e6F, 0}, 1, 3},
        {{0, 0, -1e30F}, 2, 2},
        {{0, 4294967295.0F, 1e11F}, 1, 2}, /* a code of 32 bits in what was always 0 */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t known = model_find_impossible(model, cases[i].values);
        size_t unknown = model_find_impossible(still, cases[i].values);
        if (known != cases[i].known || unknown != cases[i].unknown)
            fail_msg("case %zu: %zu and %zu", i, known, unknown);
    }
    model_unref(model);
    model_unref(still);
}

static void test_same_channels(void **state)
{
    struct model *a = tiny_model_new(&(struct tiny_model){0});
    struct model *b = tiny_model_new(&(struct tiny_model){.channels = 4});
    struct diag diag = DIAG_INIT;
    assert_int_equal(model_same_channels(a, a, &diag), 0);
    assert_int_equal(model_same_channels(a, b, &diag), -EINVAL);
    fixture_expect_text(diag.text, "4 channels");
    free(b->channel[0].name);
    b->channel[0].name = strdup("q");
    b->channels = 3;
    assert_int_equal(model_same_channels(a, b, &diag), -EINVAL);
    fixture_expect_text(diag.text, "\"q\"");
    b->channels = 4;
    model_unref(a);
    model_unref(b);
}

/* ---- the shape of rows ---- */

static int shape_steps[] = {0, 2}, shape_other_steps[] = {0, 3};
static size_t shape_motion[] = {1}, shape_other_motion[] = {2};
static float shape_rest[] = {0.5F}, shape_other_rest[] = {0.25F};
static float shape_usual[] = {5, 6}, shape_other_usual[] = {5, 7};
static size_t shape_points[] = {0, 1, 3}, shape_other_points[] = {0, 2, 3};
static float shape_point_load[] = {5, 6, 7}, shape_other_point_load[] = {5, 6, 8};
static size_t shape_rotation[][4] = {{2, 3, 4, 5}}, shape_other_rotation[][4] = {{2, 3, 5, 4}};
static float shape_reference[] = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0};
static float shape_other_reference[] = {1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 1, 0};

static uint64_t shape_of(const struct derivation *derivation, const struct tiny_model *more)
{
    struct tiny_model tiny = *more;
    tiny.channels = 6;
    tiny.derivation = derivation;
    struct model *model = tiny_model_new(&tiny);
    uint64_t shape = model->row_shape;
    model_unref(model);
    return shape;
}

static struct derivation shape_derivation(void)
{
    return (struct derivation){
        .channels = 6,
        .count = 2,
        .channel = {{.kind = DERIVED_MOVING_TIME, .name = "time"},
                    {.kind = DERIVED_LOAD_EXCESS, .name = "load"}},
        .step_channel = 0,
        .steps = 2,
        .step = shape_steps,
        .motions = 1,
        .motion = shape_motion,
        .rest = shape_rest,
        .rest_level = shape_rest,
        .load = 1,
        .load_usual = shape_usual,
        .load_spread = 2,
        .point_first = shape_points,
        .point_load = shape_point_load,
        .point_least = 5,
        .contrast_usual = shape_usual,
        .contrast_spread = 2,
        .rotations = 1,
        .rotation = shape_rotation,
        .reference = shape_reference,
    };
}

/* Whatever a derived value or a sign hangs on. */
static void test_rows_that_differ_have_other_shapes(void **state)
{
    const struct derivation usual = shape_derivation();
    struct derivation other[19];
    for (size_t i = 0; i < 19; i++)
        other[i] = usual;
    other[0].count = 1;
    other[1].channel[0].kind = DERIVED_LOAD_EXCESS;
    other[1].channel[1].kind = DERIVED_MOVING_TIME;
    other[2].step_channel = 1;
    other[3].step = shape_other_steps;
    other[4].motion = shape_other_motion;
    other[5].rest = shape_other_rest;
    other[6].rest_level = shape_other_rest;
    other[7].load = 2;
    other[8].load_usual = shape_other_usual;
    other[9].load_spread = 3;
    other[10].rotations = 0;
    other[11].rotation = shape_other_rotation;
    other[12].reference = shape_other_reference;
    other[13].point_first = NULL;
    other[14].point_first = shape_other_points;
    other[15].point_load = shape_other_point_load;
    other[16].point_least = 6;
    other[17].contrast_usual = shape_other_usual;
    other[18].contrast_spread = 3;
    uint64_t shape = shape_of(&usual, &(struct tiny_model){0});
    for (size_t i = 0; i < 19; i++) {
        if (shape_of(&other[i], &(struct tiny_model){0}) == shape)
            fail_msg("derivation %zu has the same shape", i);
    }
    assert_true(shape_of(&usual, &(struct tiny_model){.period_s = 0.2}) != shape);
    assert_true(shape_of(NULL, &(struct tiny_model){0}) != shape);
}

/* A reload of the same rows must lose no window, whatever else the model learnt anew. */
static void test_rows_that_are_alike_have_one_shape(void **state)
{
    struct derivation usual = shape_derivation(), other = usual;
    uint64_t shape = shape_of(&usual, &(struct tiny_model){0});
    assert_true(
        shape_of(&usual, &(struct tiny_model){
                             .version = 7, .name = "new", .random = true, .limit = 9}) == shape);
    usual.count = usual.rotations = 0; /* what nothing is derived from is in no row */
    other = usual;
    other.step = shape_other_steps;
    other.rest = shape_other_rest;
    other.load_usual = shape_other_usual;
    shape = shape_of(&usual, &(struct tiny_model){0});
    assert_true(shape_of(&other, &(struct tiny_model){.period_s = 0.2}) == shape);
    assert_true(shape_of(NULL, &(struct tiny_model){0}) == shape);
}

/* ---- what is refused ---- */

static cJSON *detector(cJSON *config)
{
    return cJSON_GetObjectItemCaseSensitive(config, "detectors")->child;
}

static void set_number(cJSON *object, const char *key, double value)
{
    cJSON_DeleteItemFromObjectCaseSensitive(object, key);
    cJSON_AddNumberToObject(object, key, value);
}

static void set_string(cJSON *object, const char *key, const char *value)
{
    cJSON_DeleteItemFromObjectCaseSensitive(object, key);
    cJSON_AddStringToObject(object, key, value);
}

static void bad_name(cJSON *config)
{
    set_string(config, "name", "../x");
}

static void bad_version(cJSON *config)
{
    set_number(config, "version", 0);
}

static void bad_period(cJSON *config)
{
    set_number(config, "sample_period_s", 0);
}

static void no_channels(cJSON *config)
{
    cJSON_DeleteItemFromObjectCaseSensitive(config, "channels");
    cJSON_AddArrayToObject(config, "channels");
}

static void same_channel(cJSON *config)
{
    cJSON *second = cJSON_GetObjectItemCaseSensitive(config, "channels")->child->next;
    set_string(second, "name", "a");
}

static void unnamed_channel(cJSON *config)
{
    set_string(cJSON_GetObjectItemCaseSensitive(config, "channels")->child, "name", "");
}

static void no_detectors(cJSON *config)
{
    cJSON_DeleteItemFromObjectCaseSensitive(config, "detectors");
    cJSON_AddArrayToObject(config, "detectors");
}

static void odd_detectors(cJSON *config)
{
    cJSON *list = cJSON_GetObjectItemCaseSensitive(config, "detectors");
    cJSON_AddItemToArray(list, cJSON_CreateNumber(3));
}

static void unknown_kind(cJSON *config)
{
    set_string(detector(config), "kind", "oracle");
}

static void window_too_long(cJSON *config)
{
    set_number(detector(config), "window", 513);
}

static void span_too_long(cJSON *config)
{
    set_number(detector(config), "spacing", 65);
}

static void other_window(cJSON *config)
{
    set_number(detector(config), "window", 5);
}

static void k_over_n(cJSON *config)
{
    set_number(cJSON_GetObjectItemCaseSensitive(detector(config), "filter"), "k", 6);
}

static void k_of_none(cJSON *config)
{
    set_number(cJSON_GetObjectItemCaseSensitive(detector(config), "filter"), "k", 0);
}

static void n_too_large(cJSON *config)
{
    set_number(cJSON_GetObjectItemCaseSensitive(detector(config), "filter"), "n", 65);
}

static void clear_over_1(cJSON *config)
{
    set_number(cJSON_GetObjectItemCaseSensitive(detector(config), "filter"), "clear_ratio", 1.1);
}

static void no_filter(cJSON *config)
{
    cJSON_DeleteItemFromObjectCaseSensitive(detector(config), "filter");
}

static void unknown_scaler(cJSON *config)
{
    set_string(cJSON_GetObjectItemCaseSensitive(detector(config), "scaler"), "kind", "magic");
}

static void unknown_score(cJSON *config)
{
    set_string(detector(config), "score", "feeling");
}

static cJSON *layers(cJSON *config, const char *part)
{
    cJSON *architecture = cJSON_GetObjectItemCaseSensitive(detector(config), "architecture");
    return cJSON_GetObjectItemCaseSensitive(architecture, part);
}

static void unknown_layer(cJSON *config)
{
    set_string(layers(config, "encoder")->child, "kind", "layernorm");
}

static void other_width(cJSON *config)
{
    set_number(layers(config, "encoder")->child, "outputs", 6);
}

static void activation_first(cJSON *config)
{
    set_string(layers(config, "encoder")->child, "kind", "relu");
}

static void activated_twice(cJSON *config)
{
    cJSON *relu = cJSON_CreateObject();
    cJSON_AddStringToObject(relu, "kind", "relu");
    cJSON_AddItemToArray(layers(config, "encoder"), relu);
}

static void no_layers(cJSON *config)
{
    cJSON *architecture = cJSON_GetObjectItemCaseSensitive(detector(config), "architecture");
    cJSON_DeleteItemFromObjectCaseSensitive(architecture, "decoder");
    cJSON_DeleteItemFromObjectCaseSensitive(architecture, "encoder");
    cJSON_AddArrayToObject(architecture, "encoder");
    cJSON_AddArrayToObject(architecture, "decoder");
}

static void channels_twice(cJSON *config)
{
    cJSON_AddItemToObject(detector(config), "channels", cJSON_CreateIntArray((int[]){1, 1, 2}, 3));
}

static void channel_too_far(cJSON *config)
{
    cJSON_AddItemToObject(detector(config), "channels", cJSON_CreateIntArray((int[]){0, 1, 3}, 3));
}

static void bad_blocks(cJSON *config)
{
    set_number(cJSON_GetObjectItemCaseSensitive(detector(config), "calibration"), "blocks", 9);
}

static void bad_tail(cJSON *config)
{
    set_string(cJSON_GetObjectItemCaseSensitive(detector(config), "calibration"), "tail", "long");
}

static void test_configurations_that_are_refused(void **state)
{
    static const struct {
        void (*edit)(cJSON *config);
        const char *why;
    } cases[] = {
        {bad_name, "name \"../x\""},
        {bad_version, "version: 0"},
        {bad_period, "sample_period_s: 0"},
        {no_channels, "channels: 0"},
        {same_channel, "\"a\" appears twice"},
        {unnamed_channel, "must not be empty"},
        {no_detectors, "detectors: 0"},
        {odd_detectors, "detector 1: kind: missing"},
        {unknown_kind, "oracle"},
        {window_too_long, "window: 513"},
        {span_too_long, "spacing: 65"},
        {other_window, "12 -> 12 wide"},
        {k_over_n, "k: 6"},
        {k_of_none, "k: 0"},
        {n_too_large, "n: 65"},
        {clear_over_1, "clear_ratio: 1.1"},
        {no_filter, "filter: missing"},
        {unknown_scaler, "magic"},
        {unknown_score, "feeling"},
        {unknown_layer, "layernorm"},
        {other_width, "not [6, inputs]"},
        {activation_first, "must follow a dense layer"},
        {activated_twice, "must follow a dense layer"},
        {no_layers, "no dense layer"},
        {channels_twice, "entry 1 must be an integer from 2"},
        {channel_too_far, "entry 2"},
        {bad_blocks, "10 maxima of 9 blocks"},
        {bad_tail, "long"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_refused(&(struct tiny_model){.edit = cases[i].edit}, cases[i].why);
}

/* References of 20000 rotations in 1024 steps would be 328 MB, of which the file has none. That the
 * entries are none either must not be what is found out first. */
static void many_rotations(cJSON *config)
{
    cJSON *derived = cJSON_AddObjectToObject(config, "derived");
    cJSON_AddStringToObject(derived, "step_channel", "a");
    cJSON *steps = cJSON_AddArrayToObject(derived, "steps");
    for (int i = 0; i < DERIVED_STEPS_MAX; i++)
        cJSON_AddItemToArray(steps, cJSON_CreateNumber(i));
    cJSON *rotations = cJSON_AddArrayToObject(derived, "rotations");
    for (int i = 0; i < 20000; i++)
        cJSON_AddItemToArray(rotations, cJSON_CreateNumber(0));
}

static void test_references_that_the_file_has_not_got(void **state)
{
    static float few[] = {1, 0, 0, 0, 1, 0, 0, 0}; /* one step and any other, one rotation */
    static size_t rotation[][4] = {{0, 1, 2, 3}};
    static int one_step[] = {4};
    const struct derivation derivation = {.channels = 4,
                                          .load = DERIVED_NONE,
                                          .steps = 1,
                                          .step = one_step,
                                          .rotations = 1,
                                          .rotation = rotation,
                                          .reference = few};
    const struct tiny_model tiny = {.channels = 4, .derivation = &derivation};
    struct tiny_model bad = tiny;
    model_unref(tiny_model_new(&tiny));
    bad.reshape = "derived.rotation";
    expect_refused(&bad, "derived.rotation");
    expect_refused(&(struct tiny_model){.edit = many_rotations},
                   "derived.rotation: missing, or not [1025, 20000, 4]");
}

static void nameless_derived(cJSON *config)
{
    cJSON *channel = cJSON_GetObjectItemCaseSensitive(
        cJSON_GetObjectItemCaseSensitive(config, "derived"), "channels");
    set_string(cJSON_GetArrayItem(channel, 0), "name", "");
}

static void test_a_derived_channel_has_a_name(void **state)
{
    static size_t motion[] = {1};
    static float rest[] = {0}, rest_level[] = {1};
    static int steps[] = {0, 1};
    const struct derivation derivation = {.channels = 3,
                                          .count = 1,
                                          .channel = {{DERIVED_MOVING_TIME, "moving_time"}},
                                          .load = DERIVED_NONE,
                                          .steps = 2,
                                          .step = steps,
                                          .motions = 1,
                                          .motion = motion,
                                          .rest = rest,
                                          .rest_level = rest_level};
    struct tiny_model tiny = {.derivation = &derivation};
    model_unref(tiny_model_new(&tiny));
    tiny.edit = nameless_derived;
    expect_refused(&tiny, "name: must not be empty");
}

static cJSON *derived_load(cJSON *config)
{
    cJSON *derived = cJSON_GetObjectItemCaseSensitive(config, "derived");
    return cJSON_GetObjectItemCaseSensitive(derived, "load");
}

static void no_least(cJSON *config)
{
    cJSON_DeleteItemFromObjectCaseSensitive(derived_load(config), "least");
}

static void no_contrast_spread(cJSON *config)
{
    set_number(derived_load(config), "contrast_spread", 0);
}

/* Whatever the file says of points, it says all of it, and as much of it as it says. */
static void test_points_of_the_load(void **state)
{
    static size_t too_many[] = {0, 0, LOAD_POINTS_MAX + 1};
    static float many[LOAD_POINTS_MAX + 1];
    struct derivation derivation = shape_derivation();
    const struct tiny_model tiny = {.channels = 6, .derivation = &derivation};
    const struct {
        const char *drop, *reshape, *why;
        void (*edit)(cJSON *config);
    } cases[] = {
        {"derived.points", NULL, "derived.points", NULL},
        {"derived.contrast", NULL, "derived.contrast", NULL},
        {NULL, "derived.points", "derived.points", NULL},
        {NULL, "derived.point_load", "derived.point_load: not [3]", NULL},
        {NULL, "derived.contrast", "derived.contrast", NULL},
        {NULL, NULL, "least", no_least},
        {NULL, NULL, "contrast_spread", no_contrast_spread},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tiny_model bad = tiny;
        bad.drop = cases[i].drop;
        bad.reshape = cases[i].reshape;
        bad.edit = cases[i].edit;
        expect_refused(&bad, cases[i].why);
    }
    derivation.point_first = too_many;
    derivation.point_load = many;
    expect_refused(&tiny, "derived.points: entry 1 is 8193, must be 0 to 8192");
}

/* A model from before there were any is one whose steps have means only. */
static void test_no_points_of_the_load(void **state)
{
    struct derivation derivation = shape_derivation();
    derivation.point_first = NULL;
    struct model *model =
        tiny_model_new(&(struct tiny_model){.channels = 6, .derivation = &derivation});
    assert_null(model->derivation.point_first);
    assert_true(model->derivation.load_spread == 2);
    model_unref(model);
}

static void same_detector(cJSON *config)
{
    set_string(detector(config)->next, "name", "first");
}

static void test_detectors_have_names_of_their_own(void **state)
{
    expect_refused(&(struct tiny_model){.detectors = 2, .edit = same_detector},
                   "\"first\" appears twice");
}

/* It looks at three of 4090 channels, in two rows that are 64 apart. */
static void many_channels(cJSON *config)
{
    cJSON *list = cJSON_GetObjectItemCaseSensitive(config, "channels");
    for (int c = 3; c < 4090; c++) {
        char name[16];
        snprintf(name, sizeof name, "channel%d", c);
        cJSON *entry = cJSON_CreateObject();
        cJSON_AddStringToObject(entry, "name", name);
        cJSON_AddItemToArray(list, entry);
    }
    cJSON_AddItemToObject(detector(config), "channels", cJSON_CreateIntArray((int[]){0, 1, 2}, 3));
}

static void test_a_window_that_no_queue_could_take(void **state)
{
    expect_refused(&(struct tiny_model){.window = {2}, .spacing = 64, .edit = many_channels},
                   "65 rows of 4090 channels");
}

static const char *const tensors[] = {
    "0.encoder.0.weight", "0.encoder.0.bias",         "0.encoder.1.weight",
    "0.encoder.1.bias",   "0.encoder.1.running_mean", "0.encoder.1.running_var",
    "0.decoder.0.weight", "0.decoder.0.bias",         "0.scaler.offset",
    "0.scaler.scale",     "0.channel.floor",          "0.calibration.maxima",
    "selftest.input",     "0.selftest.score",
};

static void test_tensors_that_are_missing_poisoned_or_of_another_shape(void **state)
{
    for (size_t i = 0; i < sizeof tensors / sizeof tensors[0]; i++) {
        expect_refused(&(struct tiny_model){.drop = tensors[i]}, tensors[i]);
        expect_refused(&(struct tiny_model){.poison = tensors[i]}, tensors[i]);
        expect_refused(&(struct tiny_model){.poison = tensors[i], .poison_value = (double)INFINITY},
                       tensors[i]);
        expect_refused(
            &(struct tiny_model){.poison = tensors[i], .poison_value = -(double)INFINITY},
            tensors[i]);
    }
    for (size_t i = 0; i < sizeof tensors / sizeof tensors[0]; i++) {
        bool weight = strstr(tensors[i], ".0.weight"), maxima = strstr(tensors[i], "maxima");
        expect_refused(&(struct tiny_model){.reshape = tensors[i]},
                       weight   ? (strstr(tensors[i], "encoder") ? "wide" : "6 inputs")
                       : maxima ? "maxima of 10 blocks"
                                : tensors[i]);
    }
}

static void test_selftest_finds_one_wrong_score(void **state)
{
    struct diag diag = DIAG_INIT;
    struct model *model =
        tiny_model_new(&(struct tiny_model){.random = true, .wrong_selftest = 1.01});
    assert_int_equal(model_selftest(model, &diag), -EINVAL);
    fixture_expect_text(diag.text, "\"first\", window 76");
    model_unref(model);
}

static void replace(unsigned char *data, size_t size, const char *from, const char *to)
{
    assert_int_equal(strlen(from), strlen(to));
    unsigned char *at = memmem(data, size, from, strlen(from));
    assert_non_null(at);
    memcpy(at, to, strlen(to));
}

static void test_container_is_checked(void **state)
{
    static const struct {
        const char *from, *to, *why;
    } cases[] = {
        {"\"armwatch-model\"", "\"armwatch-madel\"", "not an armwatch model"},
        {"\"format_version\":\"1\"", "\"format_version\":\"2\"", "format_version is \"2\""},
        {"\"format\"", "\"farmat\"", "(missing)"},
        {"\"sha256\"", "\"sha255\"", "lacks"},
        {"\"config\"", "\"canfig\"", "lacks"},
        {"\\\"version\\\":1", "\\\"version\\\":2", "corrupt"},
    };
    void *whole;
    size_t size;
    struct diag diag;
    tiny_model_format(&(struct tiny_model){0}, &whole, &size);
    assert_int_equal(parse(whole, size, &diag), 0);
    unsigned char *copy = malloc(size);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        memcpy(copy, whole, size);
        replace(copy, size, cases[i].from, cases[i].to);
        assert_int_equal(parse(copy, size, &diag), -EINVAL);
        fixture_expect_text(diag.text, cases[i].why);
    }
    free(copy);
    free(whole);
}

static void test_every_truncated_length_is_refused(void **state)
{
    void *whole;
    size_t size;
    struct diag diag;
    tiny_model_format(&(struct tiny_model){0}, &whole, &size);
    for (size_t length = 0; length < size; length++) {
        unsigned char *copy = malloc(length + !length); /* so that a sanitizer sees the end */
        memcpy(copy, whole, length);
        if (parse(copy, length, &diag) != -EINVAL)
            fail_msg("%zu of %zu bytes were accepted", length, size);
        free(copy);
    }
    free(whole);
}

static void test_every_flipped_byte_is_refused(void **state)
{
    static const unsigned char masks[] = {0x01, 0x80, 0xff};
    void *whole;
    size_t size;
    struct diag diag;
    tiny_model_format(&(struct tiny_model){0}, &whole, &size);
    unsigned char *bytes = whole;
    for (size_t i = 0; i < size; i++) {
        for (size_t m = 0; m < sizeof masks; m++) {
            bytes[i] ^= masks[m];
            if (parse(bytes, size, &diag) != -EINVAL)
                fail_msg("byte %zu of %zu flipped by %#x was accepted", i, size, masks[m]);
            bytes[i] ^= masks[m];
        }
    }
    assert_int_equal(parse(bytes, size, &diag), 0);
    free(whole);
}

static void test_load_names_the_file(void **state)
{
    struct model *model = NULL;
    struct diag diag = DIAG_INIT;
    assert_int_equal(model_load(fixture_path("none.safetensors"), &model, &diag), -ENOENT);
    tiny_model_write(&(struct tiny_model){.edit = bad_version}, fixture_path("bad.safetensors"));
    assert_int_equal(model_load(fixture_path("bad.safetensors"), &model, &diag), -EINVAL);
    fixture_expect_text(diag.text, "bad.safetensors: version");
    tiny_model_write(&(struct tiny_model){0}, fixture_path("good.safetensors"));
    assert_int_equal(model_load(fixture_path("good.safetensors"), &model, &diag), 0);
    assert_ptr_equal(model_ref(model), model);
    model_unref(model);
    assert_string_equal(model->name, "tiny");
    model_unref(model);
    model_unref(NULL);
}

int main(void)
{
    blas_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_is_read),
        cmocka_unit_test(test_thresholds_share_the_budget),
        cmocka_unit_test(test_values_that_can_be_no_reading),
        cmocka_unit_test(test_same_channels),
        cmocka_unit_test(test_rows_that_differ_have_other_shapes),
        cmocka_unit_test(test_rows_that_are_alike_have_one_shape),
        cmocka_unit_test(test_configurations_that_are_refused),
        cmocka_unit_test(test_references_that_the_file_has_not_got),
        cmocka_unit_test(test_a_derived_channel_has_a_name),
        cmocka_unit_test(test_points_of_the_load),
        cmocka_unit_test(test_no_points_of_the_load),
        cmocka_unit_test(test_detectors_have_names_of_their_own),
        cmocka_unit_test(test_a_window_that_no_queue_could_take),
        cmocka_unit_test(test_tensors_that_are_missing_poisoned_or_of_another_shape),
        cmocka_unit_test(test_selftest_finds_one_wrong_score),
        cmocka_unit_test(test_container_is_checked),
        cmocka_unit_test(test_every_truncated_length_is_refused),
        cmocka_unit_test(test_every_flipped_byte_is_refused),
        cmocka_unit_test(test_load_names_the_file),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
