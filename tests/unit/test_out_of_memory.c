/* Every parser with every single allocation failing in turn, and with all from that one on: it
 * refuses, says why, and keeps nothing (the sanitizers see a leak). Linked with --wrap for what
 * allocates; cJSON, a shared library, has hooks. */
#include "base/json.h"
#include "config/config.h"
#include "config/topic_template.h"
#include "fixture.h"
#include "lab/csv.h"
#include "lab/npy.h"
#include "lab/recording.h"
#include "model/model.h"
#include "model/safetensors.h"
#include "pipeline/sample.h"
#if ARMWATCH_SPARKPLUG
#include "sparkplug/sparkplug.h"
#endif
#include "tiny_model.h"

#include <errno.h>

/* ---- the allocators ---- */

static struct {
    long left; /* allocations before one fails; negative: none does */
    bool rest; /* all behind it fail too */
    bool failed;
    int done_without; /* attempts that came to a good end all the same */
} memory = {.left = -1};

static bool is_denied(void)
{
    if (memory.left < 0)
        return memory.failed && memory.rest;
    if (memory.left-- > 0)
        return false;
    memory.failed = true;
    return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);
int __wrap_asprintf(char **ret_text, const char *format, ...) __attribute__((format(printf, 2, 3)));
int __wrap___asprintf_chk(char **ret_text, int flag, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void *__wrap_malloc(size_t size)
{
    return is_denied() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return is_denied() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return is_denied() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
    return is_denied() ? NULL : __real_strdup(text);
}

int __wrap_asprintf(char **ret_text, const char *format, ...)
{
    if (is_denied())
        return -1;
    va_list args;
    va_start(args, format);
    int r = vasprintf(ret_text, format, args);
    va_end(args);
    return r;
}

/* What _FORTIFY_SOURCE makes of it, as distributions build. */
int __wrap___asprintf_chk(char **ret_text, int flag, const char *format, ...)
{
    if (is_denied())
        return -1;
    va_list args;
    va_start(args, format);
    int r = vasprintf(ret_text, format, args);
    va_end(args);
    return r;
}

static void free_through(void *data)
{
    free(data);
}

/* ---- what is tried ---- */

/* The bytes that are read, of the attempt under way. */
static const char *input;
static size_t input_size;

static int try_json(struct diag *diag)
{
    cJSON *tree = json_parse(input, input_size, diag);
    cJSON_Delete(tree);
    return tree ? 0 : -ENOMEM;
}

static int try_config(struct diag *diag)
{
    struct config *config;
    int r = config_parse("/etc/armwatchd.json", input, input_size, &config, diag);
    if (r == 0)
        config_free(config);
    return r;
}

static int try_filter(struct diag *diag)
{
    char *filter = topic_template_filter(input);
    free(filter);
    return filter ? 0 : diag_errno(diag, ENOMEM, "filter");
}

static int try_sample(struct diag *diag)
{
    static const char *const names[] = {"a", "b", "c"};
    struct sample_decoder *decoder = sample_decoder_new(names, 3, SAMPLE_TIME_S);
    if (!decoder)
        return diag_errno(diag, ENOMEM, "decoder");
    struct sample sample;
    float values[3];
    enum sample_refusal refusal = sample_decode(decoder, input, input_size, &sample, values, diag);
    sample_decoder_free(decoder);
    return -(int)refusal;
}

static int try_safetensors(struct diag *diag)
{
    struct safetensors *file;
    int r = safetensors_parse(input, input_size, &file, diag);
    if (r == 0)
        safetensors_free(file);
    return r;
}

static int try_model(struct diag *diag)
{
    struct model *model;
    int r = model_parse(input, input_size, &model, diag);
    if (r == 0)
        model_unref(model);
    return r;
}

static int try_npy_names(struct diag *diag)
{
    struct npy *npy;
    char **names;
    size_t count;
    int r = npy_open(input, &npy, diag);
    if (r < 0)
        return r;
    r = npy_read_strings(npy, &names, &count, diag);
    npy_close(npy);
    for (size_t i = 0; r == 0 && i < count; i++)
        free(names[i]);
    if (r == 0)
        free(names);
    return r;
}

static int try_csv(struct diag *diag)
{
    struct csv *csv;
    struct csv_row row;
    int r = csv_open(input, &csv, diag);
    if (r < 0)
        return r;
    while ((r = csv_next(csv, &row, diag)) > 0)
        ;
    csv_close(csv);
    return r;
}

static int try_recording(struct diag *diag)
{
    struct recording *recording;
    int r = recording_load(input, NULL, &recording, diag);
    if (r == 0)
        recording_free(recording);
    return r;
}

#if ARMWATCH_SPARKPLUG
static int take(struct sparkplug *sparkplug, const char *topic, struct diag *diag)
{
    struct sparkplug_message message;
    const struct sparkplug_input message_in = {
        .topic = topic, .payload = input, .size = input_size};
    enum sparkplug_refusal refusal = sparkplug_take(sparkplug, &message_in, &message, diag);
    return refusal == SPARKPLUG_NO_MEMORY ? -ENOMEM : -(int)refusal;
}

static int try_sparkplug(struct diag *diag)
{
    struct sparkplug_command command;
    struct sparkplug_topic topic;
    struct sparkplug *sparkplug = sparkplug_new(&SPARKPLUG_LIMITS_DEFAULT);
    if (!sparkplug)
        return diag_errno(diag, ENOMEM, "sparkplug");
    int r = take(sparkplug, "spBv1.0/g/NBIRTH/n", diag);
    if (r == 0)
        r = take(sparkplug, "spBv1.0/g/DBIRTH/n/d", diag);
    if (r == 0)
        r = take(sparkplug, "spBv1.0/g/DDATA/n/d", diag);
    sparkplug_free(sparkplug);
    if (r == 0)
        r = sparkplug_topic_parse("spBv1.0/g/NDATA/n", &topic, diag);
    if (r == 0 && (r = sparkplug_format_rebirth(&topic, 0, &command)) < 0)
        diag_errno(diag, r, "rebirth");
    return r;
}
#endif

/* ---- how ---- */

static long try_denied(int (*run)(struct diag *diag), long first, bool rest)
{
    struct diag diag = DIAG_INIT;
    memory.left = first;
    memory.rest = rest;
    memory.failed = false;
    int r = run(&diag);
    bool failed = memory.failed;
    memory.left = -1;
    memory.failed = false;
    if (!failed && r < 0)
        fail_msg("refused with all the memory it asks for: %s", diag.text);
    if (failed && r < 0 && !*diag.text)
        fail_msg("allocation %ld fails: %d without a reason", first, r);
    memory.done_without += failed && r == 0;
    return failed;
}

/* Returns how many allocations there are. */
static long deny_some(int (*run)(struct diag *diag), const char *bytes, size_t size)
{
    long first = 0;
    input = bytes;
    input_size = size;
    memory.done_without = 0;
    for (bool rest = true; try_denied(run, first, rest) || rest; rest = !rest)
        first += !rest;
    return first;
}

static long deny_each(int (*run)(struct diag *diag), const char *bytes, size_t size)
{
    long count = deny_some(run, bytes, size);
    assert_int_equal(memory.done_without, 0);
    return count;
}

static void test_json(void **state)
{
    static const char text[] = "{\"a\":[1,\"x\"],\"b\":{\"c\":null}}";
    assert_true(deny_each(try_json, text, strlen(text)) > 5);
}

static void test_config(void **state)
{
    static const char text[] =
        "{\"mqtt\":{\"url\":\"mqtt://h\"},\"state_directory\":\"state\","
        "\"topics\":{\"samples\":[\"a/{robot}\",\"b/{robot}\"]},"
        "\"models\":{\"directory\":\"m\",\"robots\":{\"a\":\"x\",\"b\":\"y\"}}}";
    assert_true(deny_each(try_config, text, strlen(text)) > 50);
    static const char least[] = "{\"mqtt\":{\"url\":\"mqtt://h\"},\"models\":{\"default\":\"m\"}}";
    assert_true(deny_each(try_config, least, strlen(least)) > 50);
}

static void test_topic_template(void **state)
{
    assert_int_equal(deny_each(try_filter, "a/{robot}", 9), 1);
}

static void test_sample(void **state)
{
    static const char text[] =
        "{\"time\":1763917200.5,\"seq\":1,\"channels\":{\"a\":1,\"b\":2,\"c\":3}}";
    static const char escaped[] = "{\"seq\":1,\"channels\":{\"a\":1,\"b\":2,\"\\u0063\":3}}";
    long plain = deny_each(try_sample, text, strlen(text)); /* the decoder's own */
    assert_true(deny_each(try_sample, escaped, strlen(escaped)) > plain + 10);
}

static void test_model(void **state)
{
    void *data;
    size_t size;
    tiny_model_format(&(struct tiny_model){.detectors = 2}, &data, &size);
    assert_true(deny_each(try_safetensors, data, size) > 20);
    assert_true(deny_each(try_model, data, size) > 100);
    free(data);
}

static void test_npy(void **state)
{
    static const char *const names[] = {"a", "b"};
    static const double values[] = {1, 2, 3, 4};
    struct npy_writer *writer;
    char *path = strdup(fixture_path("names.npy"));
    assert_int_equal(npy_write_strings(path, names, 2, NULL), 0);
    assert_true(deny_each(try_npy_names, path, 0) >= 6);
    assert_int_equal(npy_create(path, NPY_FLOAT64, 2, 2, &writer, NULL), 0);
    npy_put(writer, values, 4);
    assert_int_equal(npy_commit(writer, NULL), 0);
    assert_true(deny_each(try_recording, path, 0) > 10);
    free(path);
}

static void test_csv(void **state)
{
    char *path = strdup(fixture_write("x.csv", "time,a,b,anomaly\n1,2,3,0\n2,3,4,1\n"));
    assert_true(deny_each(try_csv, path, 0) >= 4);
    assert_true(deny_some(try_recording, path, 0) > 15);
    assert_int_equal(memory.done_without, 1); /* what is only to become smaller may stay */
    free(path);
}

#if ARMWATCH_SPARKPLUG
static void test_sparkplug(void **state)
{
    static const char payload[] = "\x12\x07\x0a\x01x\x20\x03\x50\x01\x18"; /* x, Int32, 1; seq 0 */
    assert_true(deny_each(try_sparkplug, payload, sizeof payload) > 8);
}

/* The way of every sample asks for no memory at all. */
static void test_sparkplug_data(void **state)
{
    static const char payload[] = "\x12\x07\x0a\x01x\x20\x03\x50\x01\x18";
    struct sparkplug *sparkplug = sparkplug_new(&SPARKPLUG_LIMITS_DEFAULT);
    input = payload;
    input_size = sizeof payload;
    assert_int_equal(take(sparkplug, "spBv1.0/g/NBIRTH/n", NULL), 0);
    assert_int_equal(take(sparkplug, "spBv1.0/g/DBIRTH/n/d", NULL), 0);
    memory.left = 0;
    memory.rest = true;
    int r = take(sparkplug, "spBv1.0/g/DDATA/n/d", NULL);
    bool failed = memory.failed;
    memory.left = -1;
    memory.failed = false;
    assert_true(r == 0 && !failed);
    sparkplug_free(sparkplug);
}
#endif

int main(void)
{
    cJSON_InitHooks(&(cJSON_Hooks){.malloc_fn = __wrap_malloc, .free_fn = free_through});
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_config),
        cmocka_unit_test(test_topic_template),
        cmocka_unit_test(test_sample),
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_npy),
        cmocka_unit_test(test_csv),
#if ARMWATCH_SPARKPLUG
        cmocka_unit_test(test_sparkplug),
        cmocka_unit_test(test_sparkplug_data),
#endif
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
