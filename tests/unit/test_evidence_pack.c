/* Packs: written from a ring, read back, scored again; and packs that nobody should have written.
 */
#include "fixture.h"

#include "base/clock.h"
#include "base/file.h"
#include "lab/explanation.h"
#include "lab/npy.h"
#include "lab/pack.h"
#include "lab/recording.h"
#include "pipeline/evidence_pack.h"
#include "pipeline/track.h"
#include "tiny_model.h"

#include <errno.h>
#include <math.h>
#include <sys/stat.h>

#define CHANNELS 3
#define ROWS 60
#define AT 40
#define ID "0123456789abcdef0123456789abcdef"
#define START_NS INT64_C(1767225600000000000)

static const char alert_text[] = "{\"id\":\"" ID "/1\",\"data\":{\"alert_id\":\"" ID
                                 "\",\"kind\":\"anomaly\",\"detectors\":[]}}";

/* What a robot sends: rows, scored as the daemon scores them. */
struct robot {
    struct model *model;
    struct track track;
    struct evidence_ring *ring;
    double thresholds[MODEL_DETECTORS_MAX];
    struct evidence_moment raised;
};

static void value_at(unsigned n, float ret_values[CHANNELS])
{
    for (unsigned c = 0; c < CHANNELS; c++)
        ret_values[c] = sinf((float)(n * (c + 1)) / 7) + (n >= AT && n < AT + 4 ? 2 : 0);
}

static void send_row(struct robot *robot, unsigned n)
{
    const struct sample sample = {.has_time = true, .time_ns = START_NS + n * 100000000LL};
    struct score score = {.time_ns = sample.time_ns, .seq = n};
    float *next = track_next_row(&robot->track);
    uint64_t row;
    value_at(n, next);
    evidence_ring_take(robot->ring, next);
    track_push(&robot->track, &sample);
    size_t rows = history_valid_rows(&robot->track.history);
    const struct evidence_row entry = {
        .time_ns = sample.time_ns, .seq = n, .window = (int32_t)rows};
    evidence_ring_push(robot->ring, &entry, history_row(&robot->track.history, 0));
    const struct score_request request = {.window = history_window(&robot->track.history, rows),
                                          .rows = rows,
                                          .thresholds = robot->thresholds};
    score_windows(robot->model, &request, 1, &score);
    assert_true(evidence_ring_score(robot->ring, &score, &row));
    if (n == AT && score.attributed)
        robot->raised = (struct evidence_moment){
            .known = true, .row = row, .ratio = 2, .attribution = score.attribution};
}

static void robot_init(struct robot *robot)
{
    *robot = (struct robot){.model = tiny_model_new(&(struct tiny_model){
                                .detectors = 2, .limit = 0.2, .random = true})};
    assert_int_equal(track_init(&robot->track, robot->model, 0), 0);
    robot->ring = evidence_ring_new(robot->model, 2, 1);
    for (size_t d = 0; d < robot->model->detectors; d++)
        robot->thresholds[d] = model_threshold(robot->model, d, 0);
    for (unsigned n = 0; n < ROWS; n++)
        send_row(robot, n);
}

static void robot_deinit(struct robot *robot)
{
    track_deinit(&robot->track);
    evidence_ring_free(robot->ring);
    model_unref(robot->model);
}

static void cut(struct robot *robot, uint64_t number, struct evidence_pack *ret_pack)
{
    *ret_pack = (struct evidence_pack){.alert_id = ID,
                                       .robot = "kuka1",
                                       .instance = "cell7",
                                       .config_sha256 = "abc",
                                       .kind = ALERT_ANOMALY,
                                       .model = robot->model,
                                       .alert = alert_text,
                                       .raised = robot->raised,
                                       .written_ns = START_NS};
    memcpy(ret_pack->thresholds, robot->thresholds, sizeof robot->thresholds);
    assert_int_equal(evidence_pack_cut(ret_pack, robot->ring, number), 0);
}

static void write_pack(struct robot *robot)
{
    struct evidence_pack pack;
    struct diag diag = DIAG_INIT;
    uint64_t bytes = 0;
    cut(robot, AT, &pack);
    if (evidence_pack_write(&pack, fixture_directory, &bytes, &diag) < 0)
        fail_msg("%s", diag.text);
    assert_in_range(bytes, 8 * 4096, 16 * 4096);
    evidence_pack_release(&pack);
}

static struct pack *load(void)
{
    struct pack *pack = NULL;
    struct diag diag = DIAG_INIT;
    if (pack_load(fixture_path(ID), &pack, &diag) < 0)
        fail_msg("%s", diag.text);
    return pack;
}

/* ---- there and back */

static void test_what_was_written_is_read(void **state)
{
    struct robot robot;
    robot_init(&robot);
    write_pack(&robot);
    struct pack *pack = load();
    assert_int_equal(pack->rows, 20 + 3 + 1 + 10);
    assert_int_equal(pack->at, 23);
    assert_string_equal(pack->robot, "kuka1");
    assert_string_equal(pack->sha256, robot.model->sha256);
    assert_string_equal(pack->columns[2], "c");
    for (size_t i = 0; i < pack->rows; i++) {
        unsigned n = (unsigned)(AT - pack->at + i);
        float values[CHANNELS];
        value_at(n, values);
        assert_memory_equal(pack->samples + i * CHANNELS, values, sizeof values);
        assert_true(fabs(pack->time_s[i] - (double)START_NS / 1e9 - n * 0.1) < 1e-6);
        assert_int_equal(pack->window[i], 4);
        /* the first detector has four rows: the first three windows begin before the pack */
        assert_int_equal(isnan(pack->scores[2 * i]), i < 3);
        assert_false(isnan(pack->scores[2 * i + 1]));
    }
    const cJSON *moments = cJSON_GetObjectItem(pack->about, "explained");
    assert_int_equal(cJSON_GetArraySize(moments), robot.raised.known);
    pack_free(pack);
    robot_deinit(&robot);
}

static void test_samples_are_a_recording(void **state)
{
    struct robot robot;
    struct recording *recording = NULL;
    struct diag diag = DIAG_INIT;
    char columns[256];
    robot_init(&robot);
    write_pack(&robot);
    snprintf(columns, sizeof columns, "%s", fixture_path(ID "/" EVIDENCE_COLUMNS_FILE));
    const struct recording_options options = {.columns_path = columns, .strict = true};
    if (recording_load(fixture_path(ID "/" EVIDENCE_SAMPLES_FILE), &options, &recording, &diag) < 0)
        fail_msg("%s", diag.text);
    assert_int_equal(recording->rows, 34);
    assert_int_equal(recording->channels, CHANNELS);
    assert_string_equal(recording->names[0], "a");
    assert_non_null(recording->time_ns);
    assert_int_equal(recording->time_ns[23], START_NS + AT * 100000000LL);
    recording_free(recording);
    robot_deinit(&robot);
}

static void test_scored_again(void **state)
{
    struct robot robot;
    struct explanation *explanation = NULL;
    robot_init(&robot);
    write_pack(&robot);
    struct pack *pack = load();
    assert_int_equal(explanation_make(pack, robot.model, &explanation, NULL), 0);
    assert_true(explanation->same);
    assert_int_equal(explanation->scores, 34 * 2 - 3);
    assert_int_equal(explanation->unchecked, 0);
    assert_int_equal(explanation->equal, explanation->scores);
    assert_true(explanation->largest_difference <= EXPLANATION_TOLERANCE);
    assert_true(explanation->channels > 0);
    explanation_free(explanation);

    pack->scores[2 * 10] *= 1.001; /* somebody has changed it */
    pack->scores[2 * 12] = 1e30;
    assert_int_equal(explanation_make(pack, robot.model, &explanation, NULL), 0);
    assert_int_equal(explanation->equal, explanation->scores - 2);
    explanation_free(explanation);
    pack_free(pack);
    robot_deinit(&robot);
}

static void test_by_another_model(void **state)
{
    struct robot robot;
    struct explanation *explanation = NULL;
    struct diag diag = DIAG_INIT;
    robot_init(&robot);
    write_pack(&robot);
    struct pack *pack = load();
    struct model *other = tiny_model_new(&(struct tiny_model){.version = 2, .limit = 0.2});
    struct model *wider = tiny_model_new(&(struct tiny_model){.channels = 4});
    assert_int_equal(explanation_make(pack, other, &explanation, &diag), 0);
    assert_false(explanation->same);
    assert_int_equal(explanation->scores, 0);
    assert_int_equal(explanation->detectors, 1);
    assert_true(isnan(explanation->score[2])); /* no window is complete yet */
    assert_false(isnan(explanation->score[3]));
    explanation_free(explanation);
    assert_int_equal(explanation_make(pack, wider, &explanation, &diag), -EINVAL);
    fixture_expect_text(diag.text, "4 channels, the pack has 3");
    model_unref(other);
    model_unref(wider);
    pack_free(pack);
    robot_deinit(&robot);
}

/* At the ends of the ring there are fewer rows; what is gone is gone. */
static void test_cut_at_the_ends(void **state)
{
    struct robot robot;
    struct evidence_pack pack;
    robot_init(&robot);
    uint64_t oldest = evidence_ring_oldest(robot.ring);
    cut(&robot, ROWS - 1, &pack);
    assert_int_equal(pack.rows, 24);
    assert_int_equal(pack.at, 23);
    evidence_pack_release(&pack);
    cut(&robot, oldest, &pack);
    assert_int_equal(pack.rows, 11);
    assert_int_equal(pack.at, 0);
    evidence_pack_release(&pack);
    cut(&robot, oldest - 1, &pack);
    assert_int_equal(pack.rows, 10);
    assert_int_equal(pack.at, pack.rows); /* it is not there any more */
    assert_false(pack.raised.known && pack.raised.row >= pack.rows);
    evidence_pack_release(&pack);
    assert_true(oldest <= AT - 23); /* else the others prove nothing */
    for (unsigned n = ROWS; n < 2 * ROWS; n++)
        send_row(&robot, n);
    evidence_pack_release(&pack);
    cut(&robot, AT, &pack);
    assert_int_equal(pack.rows, 0);
    evidence_pack_release(&pack);
    robot_deinit(&robot);
}

static void test_without_samples(void **state)
{
    struct robot robot;
    struct evidence_pack pack = {
        .alert_id = ID, .robot = "kuka1", .kind = ALERT_SILENT, .alert = alert_text};
    struct pack *read = NULL;
    uint64_t bytes;
    robot_init(&robot);
    pack.model = robot.model;
    assert_int_equal(evidence_pack_write(&pack, fixture_directory, &bytes, NULL), 0);
    assert_int_not_equal(access(fixture_path(ID "/" EVIDENCE_SAMPLES_FILE), F_OK), 0);
    read = load();
    assert_int_equal(read->rows, 0);
    assert_int_equal(read->at, read->rows);
    pack_free(read);
    robot_deinit(&robot);
}

/* ---- whole or not at all */

static void test_replaces_one_that_is_there(void **state)
{
    struct robot robot;
    robot_init(&robot);
    write_pack(&robot);
    fixture_write(ID "/" EVIDENCE_VERDICT_FILE, "{}");
    write_pack(&robot);
    pack_free(load());
    assert_int_not_equal(access(fixture_path(ID "/" EVIDENCE_VERDICT_FILE), F_OK), 0);
    assert_int_not_equal(access(fixture_path(EVIDENCE_NEW ID), F_OK), 0);
    robot_deinit(&robot);
}

static void test_leftovers_of_a_kill(void **state)
{
    struct robot robot;
    int64_t time_ns;
    robot_init(&robot);
    assert_int_equal(mkdir(fixture_path(EVIDENCE_NEW ID), 0750), 0);
    fixture_write(EVIDENCE_NEW ID "/" EVIDENCE_SAMPLES_FILE, "half of it");
    assert_int_equal(evidence_measure(fixture_directory, ID, &time_ns),
                     0); /* no half pack is seen */
    write_pack(&robot);
    assert_int_equal(mkdir(fixture_path(EVIDENCE_NEW ID), 0750), 0);
    assert_int_equal(mkdir(fixture_path(EVIDENCE_OLD ID), 0750), 0);
    fixture_write(EVIDENCE_OLD ID "/" EVIDENCE_PACK_FILE, "{}");
    fixture_write(ID "/" EVIDENCE_CLEARED_FILE ".Ab3dEf", "half of it");
    fixture_write(ID "/notes.txt", "somebody's own");
    evidence_remove_leftovers(fixture_directory);
    assert_int_not_equal(access(fixture_path(EVIDENCE_NEW ID), F_OK), 0);
    assert_int_not_equal(access(fixture_path(EVIDENCE_OLD ID), F_OK), 0);
    assert_int_not_equal(access(fixture_path(ID "/" EVIDENCE_CLEARED_FILE ".Ab3dEf"), F_OK), 0);
    assert_int_equal(access(fixture_path(ID "/notes.txt"), F_OK), 0);
    pack_free(load());
    robot_deinit(&robot);
}

static void test_notes_and_removal(void **state)
{
    struct robot robot;
    struct diag diag = DIAG_INIT;
    robot_init(&robot);
    assert_int_equal(evidence_pack_note(fixture_directory, ID, EVIDENCE_VERDICT_FILE, "{}", &diag),
                     -ENOENT);
    write_pack(&robot);
    assert_int_equal(evidence_pack_note(fixture_directory, ID, EVIDENCE_VERDICT_FILE,
                                        "{\"verdict\":\"true\"}", &diag),
                     0);
    struct pack *pack = load();
    assert_non_null(pack->verdict);
    pack_free(pack);
    assert_int_equal(evidence_remove(fixture_directory, ID, &diag), 0);
    assert_int_not_equal(access(fixture_path(ID), F_OK), 0);
    assert_int_equal(evidence_remove(fixture_directory, ID, &diag), -ENOENT);
    robot_deinit(&robot);
}

static void test_ids(void **state)
{
    assert_true(evidence_id_valid(ID));
    assert_true(evidence_id_valid("0123456789abcdef"));
    static const char *const wrong[] = {
        "",
        ".",
        "..",
        "../../etc/passwd",
        "0123456789abcde",
        "0123456789ABCDEF",
        "0123456789abcdef/..",
        ".new-0123456789abcdef",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(evidence_id_valid(wrong[i]));
}

/* ---- packs from elsewhere */

static void refused(const char *part)
{
    struct pack *pack = NULL;
    struct diag diag = DIAG_INIT;
    int r = pack_load(fixture_path(ID), &pack, &diag);
    if (r != -EINVAL && r != -ELOOP)
        fail_msg("%d: %s", r, diag.text);
    fixture_expect_text(diag.text, part);
}

/* pack.json with one text in the place of another. */
static void edit(const char *from, const char *to)
{
    void *data;
    size_t size;
    char *text = calloc(1, 65536);
    assert_int_equal(file_read(fixture_path(ID "/" EVIDENCE_PACK_FILE), 32768, &data, &size, NULL),
                     0);
    char *at = strstr(data, from);
    assert_non_null(at);
    sprintf(text, "%.*s%s%s", (int)(at - (char *)data), (char *)data, to, at + strlen(from));
    fixture_write(ID "/" EVIDENCE_PACK_FILE, text);
    free(data);
    free(text);
}

static void test_hostile_descriptions(void **state)
{
    static const struct {
        const char *from, *to, *says;
    } cases[] = {
        {"\"rows\":\t34", "\"rows\":\t1e15", "rows"},
        {"\"rows\":\t34", "\"rows\":\t35", "34 x 3, must be 35 x 3"},
        {"\"rows\":\t34", "\"rows\":\t-1", "rows"},
        {"\"raised_row\":\t23", "\"raised_row\":\t34", "raised_row"},
        {"\"channels\":\t3", "\"channels\":\t0", "channels"},
        {"\"channels\":\t3", "\"channels\":\t4096", "must be 34 x 4096"},
        {"\"derived\":\t[]", "\"derived\":\t[1,2,3,4,5,6,7,8,9]", "derived: over 8"},
        {"\"alert_id\":\t\"" ID, "\"alert_id\":\t\"../../etc", "alert_id"},
        {"\"name\":\t\"tiny\"", "\"name\":\t\"../../tiny\"", "must be"},
        {"armwatch-evidence", "armwatch-model", "format"},
        {"\"format_version\":\t1", "\"format_version\":\t2", "format_version"},
        {"\"threshold\":\t", "\"threshold\":\t-", "threshold"},
        {"{", "[", ""},
    };
    struct robot robot;
    robot_init(&robot);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_pack(&robot);
        edit(cases[i].from, cases[i].to);
        refused(cases[i].says);
    }
    robot_deinit(&robot);
}

static void test_hostile_tables(void **state)
{
    struct robot robot;
    robot_init(&robot);
    write_pack(&robot);
    assert_int_equal(truncate(fixture_path(ID "/" EVIDENCE_SAMPLES_FILE), 200), 0);
    refused("cut short");
    write_pack(&robot);
    const int32_t windows[34] = {[7] = 100000};
    FILE *stream = fopen(fixture_path(ID "/" EVIDENCE_WINDOWS_FILE), "r+b");
    fseek(stream, -(long)sizeof windows, SEEK_END);
    fwrite(windows, sizeof windows, 1, stream);
    fclose(stream);
    refused("row 7 is 100000");
    write_pack(&robot);
    const float wrong = NAN;
    stream = fopen(fixture_path(ID "/" EVIDENCE_SAMPLES_FILE), "r+b");
    fseek(stream, -(long)sizeof wrong, SEEK_END);
    fwrite(&wrong, sizeof wrong, 1, stream);
    fclose(stream);
    refused("row 33 is not finite");
    write_pack(&robot);
    fixture_write(ID "/" EVIDENCE_ALERT_FILE, "");
    refused(EVIDENCE_ALERT_FILE);
    robot_deinit(&robot);
}

static void test_links_are_not_followed(void **state)
{
    struct robot robot;
    robot_init(&robot);
    write_pack(&robot);
    unlink(fixture_path(ID "/" EVIDENCE_VERDICT_FILE));
    assert_int_equal(symlink("/etc/passwd", fixture_path(ID "/" EVIDENCE_VERDICT_FILE)), 0);
    refused("a symbolic link");
    robot_deinit(&robot);
}

int main(void)
{
#define PACK_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        PACK_TEST(test_what_was_written_is_read),
        PACK_TEST(test_samples_are_a_recording),
        PACK_TEST(test_scored_again),
        PACK_TEST(test_by_another_model),
        PACK_TEST(test_cut_at_the_ends),
        PACK_TEST(test_without_samples),
        PACK_TEST(test_replaces_one_that_is_there),
        PACK_TEST(test_leftovers_of_a_kill),
        PACK_TEST(test_notes_and_removal),
        PACK_TEST(test_ids),
        PACK_TEST(test_hostile_descriptions),
        PACK_TEST(test_hostile_tables),
        PACK_TEST(test_links_are_not_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
