/*
 * The files of config/sources, each with a document as its sender makes it: captured from the
 * sender, or quoted from its documentation. docs/sources.md names the pages.
 */
#include "base/clock.h"
#include "fixture.h"
#include "lab/simulator.h"
#include "node_red_bytes.h"
#include "pipeline/assembler.h"
#include "source/source_map.h"
#include "source/source_read.h"

#include <dirent.h>
#include <math.h>

/* ---- one document through a file, as the daemon does it: every source that its topic fits */

static char heard[8000];
static enum source_refusal refused; /* the last one; SOURCE_READ: none */
static struct assembler *assembler; /* takes the tags as well, if there is one */

/* As short as it can be read again. */
static void print_number(char text[64], double number)
{
    snprintf(text, 64, "%.15g", number);
    if (strtod(text, NULL) != number)
        snprintf(text, 64, "%.17g", number);
}

static void note(void *user, const struct source_tag *tag)
{
    size_t used = strlen(heard);
    char value[64] = "null";
    if (tag->tag.type == TAG_TEXT)
        snprintf(value, sizeof value, "'%s'", tag->tag.text);
    else if (tag->tag.type == TAG_BOOL)
        snprintf(value, sizeof value, "bool %g", tag->tag.number);
    else if (tag->tag.type == TAG_NUMBER)
        print_number(value, tag->tag.number);
    used += (size_t)snprintf(heard + used, sizeof heard - used, "%s%s.%s=%s", used ? " " : "",
                             tag->robot, tag->name, value);
    if (tag->has_time)
        used += (size_t)snprintf(heard + used, sizeof heard - used, "@%lld",
                                 (long long)(tag->time_ns / CLOCK_NS_PER_MS));
    assert_true(used < sizeof heard);
    if (assembler) {
        struct diag diag = DIAG_INIT;
        const struct assembler_input input = {
            .name = tag->name, .tag = tag->tag, .time_ns = tag->time_ns};
        assembler_due(assembler, input.time_ns);
        assembler_put(assembler, &input, &diag);
    }
}

static struct source_map *load(const char *file)
{
    char path[512];
    struct source_map *map;
    struct diag diag = DIAG_INIT;
    snprintf(path, sizeof path, "%s/%s", SOURCES_DIR, file);
    if (source_map_load(path, &map, &diag) < 0)
        fail_msg("%s", diag.text);
    return map;
}

static void feed(const struct source_map *map, const char *topic, const char *payload)
{
    size_t fits = 0;
    refused = SOURCE_READ;
    for (size_t s = 0; s < map->count; s++) {
        struct source_match match;
        struct diag diag = DIAG_INIT;
        const struct source_message message = {topic, payload, strlen(payload)};
        if (!source_topic_match(map->sources[s].topic, topic, &match))
            continue;
        fits++;
        enum source_refusal refusal =
            source_read(&map->sources[s], &match, &message, note, NULL, &diag);
        refused = refusal ? refusal : refused;
    }
    if (fits == 0)
        fail_msg("no source is of %s", topic);
}

/* ---- every file */

#define TELEGRAF_OPCUA(quality)                                                                    \
    "{\"fields\":{\"Quality\":\"" quality "\",\"temp\":79},\"name\":\"opcua\",\"tags\":{\"host\":" \
    "\"edge1\",\"id\":\"ns=3;s=Temperature\",\"robot\":\"kuka1\"},\"timestamp\":1597820490000}"

#define TELEGRAF_METRIC(time)                                                                      \
    "{\"fields\":{\"field_1\":30,\"field_2\":4,\"field_N\":59,\"n_images\":660},\"name\":"         \
    "\"docker\",\"tags\":{\"host\":\"raynor\",\"robot\":\"kuka1\"},\"timestamp\":" time "}"

#define TELEGRAF_TAGS(time)                                                                        \
    "kuka1.field_1=30@" time " kuka1.field_2=4@" time " kuka1.field_N=59@" time                    \
    " kuka1.n_images=660@" time

/* OPC 10000-14, A.3.4.5, its first and second DataSet. */
#define PUBSUB                                                                                     \
    "{\"MessageId\":\"9279c0b3-da88-45a4-af74-451cebf82db0\",\"MessageType\":\"ua-data\","         \
    "\"PublisherId\":\"MyPublisher\",\"Messages\":[{\"DataSetWriterId\":101,\"SequenceNumber\":"   \
    "68468,\"MinorVersion\":672341762,\"Timestamp\":\"2021-09-27T18:45:19.555Z\",\"Payload\":{"    \
    "\"Active\":true,\"Temperature\":25.5,\"Counter\":0,\"AdditionalInfo\":\"The system is "       \
    "running normally (1)\"}},{\"DataSetWriterId\":102,\"SequenceNumber\":25460,"                  \
    "\"MinorVersion\":672341762,\"Timestamp\":\"2021-09-27T18:45:19.555Z\",\"Status\":{\"Code\":"  \
    "1073741824},\"Payload\":{\"LocationName\":\"Building A\",\"Coordinate\":{\"X\":0,\"Y\":0.2}," \
    "\"Measurements\":[20030,20020,20010]}}]}"

static const struct example {
    const char *file, *topic, *payload, *expected;
    enum source_refusal refusal;
} examples[] = {
    {"node-red-object.json", "line5/kuka2/axes", NODE_RED_ROW,
     "kuka2.axis1=0.24888081689112312@1767225600100 kuka2.axis2=1.2471853862848095@1767225600100 "
     "kuka2.axis3=0.39254511074739357@1767225600100 kuka2.axis4=0.035432151996724892@1767225600100 "
     "kuka2.mode='AUT'@1767225600100",
     SOURCE_READ},
    {"node-red-tags.json", "line4/kuka1/axis1", "-0.052265642666600144",
     "kuka1.axis1=-0.052265642666600144", SOURCE_READ},
    {"telegraf.json", "telegraf/raynor/robot", TELEGRAF_METRIC("1458229140123"),
     TELEGRAF_TAGS("1458229140123"), SOURCE_READ},
    /* Telegraf's default resolution; the file wants json_timestamp_units = "1ms". */
    {"telegraf.json", "telegraf/raynor/robot", TELEGRAF_METRIC("1458229140"), "", SOURCE_BAD_TIME},
    {"telegraf-batch.json", "telegraf/raynor/robot",
     "{\"metrics\":[" TELEGRAF_METRIC("1458229140100") "," TELEGRAF_METRIC("1458229140200") "]}",
     TELEGRAF_TAGS("1458229140100") " " TELEGRAF_TAGS("1458229140200"), SOURCE_READ},
    {"telegraf-opcua.json", "telegraf/edge1/opcua", TELEGRAF_OPCUA("OK (0x0)"),
     "kuka1.Quality='OK (0x0)'@1597820490000 kuka1.temp=79@1597820490000", SOURCE_READ},
    {"telegraf-opcua.json", "telegraf/edge1/opcua",
     TELEGRAF_OPCUA("The operation succeeded. StatusGood (0x0)"),
     "kuka1.Quality='The operation succeeded. StatusGood (0x0)'@1597820490000 "
     "kuka1.temp=79@1597820490000",
     SOURCE_READ},
    {"telegraf-opcua.json", "telegraf/edge1/opcua",
     TELEGRAF_OPCUA("User does not have permission to perform the requested operation. "
                    "StatusBadUserAccessDenied (0x801F0000)"),
     "kuka1.Quality=null@1597820490000 kuka1.temp=null@1597820490000", SOURCE_READ},
    {"telegraf-field.json", "telegraf/opcua/kuka1/temperature", "21.4", "kuka1.temperature=21.4",
     SOURCE_READ},
    {"telegraf-field.json", "telegraf/opcua/kuka1/supplied", "true", "kuka1.supplied=bool 1",
     SOURCE_READ},
    /* The structure and the array are no values, and are counted; the rest is taken. */
    {"opcua-pubsub.json", "opcua/json/data/line4/robots", PUBSUB,
     "MyPublisher.Active=bool 1@1632768319555 MyPublisher.Temperature=25.5@1632768319555 "
     "MyPublisher.Counter=0@1632768319555 MyPublisher.AdditionalInfo='The system is running "
     "normally (1)'@1632768319555 MyPublisher.LocationName='Building A'@1632768319555",
     SOURCE_NO_VALUE},
    {"opcua-1.04.json", "opcua/kuka1",
     "{\"MessageId\":\"{0CF7F27A-56FF-1F85-CFC2-12C886365C1D}\",\"MessageType\":\"ua-data\","
     "\"Messages\":[{\"DataSetWriterId\":1,\"Payload\":{\"nCounter\":{\"Type\":4,\"Body\":18},"
     "\"bToogle\":{\"Type\":1,\"Body\":false}}},{\"DataSetWriterId\":2,\"Payload\":{"
     "\"myNewVariable\":{\"Type\":4,\"Body\":42}}}]}",
     "kuka1.nCounter=18 kuka1.bToogle=bool 0 kuka1.myNewVariable=42", SOURCE_READ},
    {"opcua-datavalue.json", "azure-iot-operations/data/thermostat",
     "{\"temperature\":{\"SourceTimestamp\":\"2024-07-29T15:02:17.1858435Z\",\"Value\":4558},"
     "\"Tag 10\":{\"SourceTimestamp\":\"2024-07-29T15:02:17.1858869Z\",\"Value\":4558}}",
     "thermostat.temperature=4558@1722265337185 thermostat.Tag 10=4558@1722265337185", SOURCE_READ},
    {"opcua-datavalue.json", "azure-iot-operations/data/thermostat",
     "{\"a\":{\"Value\":1,\"Status\":2147483648},\"b\":{\"Value\":2,\"Status\":{\"Code\":0}}}",
     "thermostat.a=null thermostat.b=2", SOURCE_READ},
    {"opcua-bridge.json", "opcua/kuka1/axis1/torque",
     "{\"value\":62.4,\"timestamp\":\"2026-11-23T17:00:00.5Z\",\"quality\":\"good\"}",
     "kuka1.axis1/torque=62.4@1795453200500", SOURCE_READ},
    {"opcua-bridge.json", "opcua/kuka1/axis1/torque", "{\"value\":62.4,\"quality\":\"bad\"}",
     "kuka1.axis1/torque=null", SOURCE_READ},
    {"kepware.json", "iotgateway",
     "{\"timestamp\":1593698672213,\"values\":[{\"id\":\"Channel1.Device1.Tag1\",\"v\":1121,"
     "\"q\":true,\"t\":1593698671342},{\"id\":\"Channel1.Device1.Tag2\",\"v\":0,\"q\":true,\"t\":"
     "1593698671342}]}",
     "kuka1.Channel1.Device1.Tag1=1121@1593698671342 kuka1.Channel1.Device1.Tag2=0@1593698671342",
     SOURCE_READ},
    {"kepware.json", "iotgateway",
     "{\"timestamp\":1593698672213,\"values\":[{\"id\":\"Channel1.Device1.Tag1\",\"v\":1121,"
     "\"q\":false,\"t\":1593698671342}]}",
     "kuka1.Channel1.Device1.Tag1=null@1593698671342", SOURCE_READ},
    {"neuron.json", "/neuron/mqtt",
     "{\"timestamp\":1650006388943,\"node\":\"modbus\",\"group\":\"grp\",\"values\":{\"tag0\":123},"
     "\"errors\":{\"tag1\":2014},\"metas\":{}}",
     "modbus.tag0=123@1650006388943", SOURCE_READ},
    /* From kuka-rsi-flow.json, run with 4 ms frames. */
    {"kuka-rsi.json", "rsi/kuka1", NODE_RED_RSI,
     "kuka1.time=1795669560400@1795669560400 kuka1.cycles=21@1795669560400 "
     "kuka1.AIPos_A1=1.5@1795669560400 kuka1.AIPos_A2=-90@1795669560400 "
     "kuka1.AIPos_A3=90.25@1795669560400 kuka1.AIPos_A4=0@1795669560400 "
     "kuka1.AIPos_A5=45.5@1795669560400 kuka1.AIPos_A6=-7.125@1795669560400 "
     "kuka1.MACur_A1=0.5@1795669560400 kuka1.MACur_A2=-1.25@1795669560400 "
     "kuka1.MACur_A3=2@1795669560400 kuka1.MACur_A4=0@1795669560400 "
     "kuka1.MACur_A5=0.125@1795669560400 kuka1.MACur_A6=-0.25@1795669560400",
     SOURCE_READ},
};

static void test_each_document(void **state)
{
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        const struct example *example = &examples[i];
        struct source_map *map = load(example->file);
        *heard = '\0';
        feed(map, example->topic, example->payload);
        if (refused != example->refusal || strcmp(heard, example->expected) != 0)
            fail_msg("%s, %s: %s, and heard\n%s\ninstead of\n%s", example->file, example->topic,
                     source_refusal_name(refused), heard, example->expected);
        source_map_free(map);
    }
}

/* What Node-RED makes of each type, as single tags. */
static void test_types_of_node_red(void **state)
{
    static const struct {
        const char *type, *expected;
        enum source_refusal refusal;
    } expected[] = {
        {"number", "kuka1.x=12.5", SOURCE_READ},
        {"whole", "kuka1.x=3", SOURCE_READ},
        {"small", "kuka1.x=1e-07", SOURCE_READ},
        {"large", "kuka1.x=1e+21", SOURCE_READ},
        {"nan", "kuka1.x='NaN'", SOURCE_READ},
        {"infinite", "kuka1.x='Infinity'", SOURCE_READ},
        {"true", "kuka1.x=bool 1", SOURCE_READ},
        {"false", "kuka1.x=bool 0", SOURCE_READ},
        {"word", "kuka1.x='AUT'", SOURCE_READ},
        {"text", "kuka1.x='12,5'", SOURCE_READ},
        {"nothing", "kuka1.x=null", SOURCE_READ},
        {"object", "", SOURCE_NO_VALUE},
        {"array", "", SOURCE_NO_VALUE},
        {"date", "kuka1.x='2026-01-01T00:00:00.123Z'", SOURCE_READ},
        {"buffer", "kuka1.x=12.5", SOURCE_READ},
    };
    struct source_map *map = load("node-red-tags.json");
    size_t count = sizeof expected / sizeof expected[0];
    assert_int_equal(count, sizeof node_red_bytes / sizeof node_red_bytes[0]);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(expected[i].type, node_red_bytes[i].type);
        *heard = '\0';
        feed(map, "line4/kuka1/x", node_red_bytes[i].bytes);
        assert_string_equal(heard, expected[i].expected);
        assert_int_equal(refused, expected[i].refusal);
    }
    source_map_free(map);
}

/* A file that nobody tests is no tested example. */
static void test_no_file_is_forgotten(void **state)
{
    static const char *const others[] = {"kuka-opcua.json", "road.json", /* below */
                                         "sparkplug.json"}; /* in test_daemon_assembler.c */
    size_t files = 0;
    DIR *directory = opendir(SOURCES_DIR);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory));) {
        bool known = *entry->d_name == '.' || !strcmp(entry->d_name, "kuka-rsi-flow.json");
        for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++)
            known |= !strcmp(entry->d_name, examples[i].file);
        for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
            known |= !strcmp(entry->d_name, others[i]);
        if (!known)
            fail_msg("%s has no document here", entry->d_name);
        files++;
    }
    closedir(directory);
    assert_true(files > 10);
}

/* ---- as far as a sample */

static const struct conditions no_gate;

static void begin_assembler(const struct source_map *map, const char *const *names, size_t channels)
{
    struct assembler_layout *layout =
        assembler_layout_new(&map->rules, &no_gate, names, channels, 0.1);
    assert_non_null(layout);
    assembler = assembler_new(layout);
    assert_non_null(assembler);
    assembler_layout_unref(layout);
}

static void end_assembler(void)
{
    assembler_free(assembler);
    assembler = NULL;
}

#define ARRAY(a) "{\"Value\":[" a "1," a "2," a "3," a "4," a "5," a "6,0,0,0,0,0,0]}"
#define KUKA_FRAME(time, payload)                                                                  \
    "{\"MessageId\":\"1\",\"MessageType\":\"ua-data\",\"PublisherId\":\"krc\",\"Messages\":[{"     \
    "\"DataSetWriterId\":1,\"Timestamp\":\"" time "\",\"Payload\":{" payload "}}]}"

/* Part 14's encoding of what KUKA's server has: axes as values, the rest as arrays; a key frame,
 * and a delta frame. */
static void test_kuka_opc_ua(void **state)
{
    static const char key_frame[] = KUKA_FRAME(
        "2026-11-23T17:00:00.04Z", "\"$AXIS_ACT.A1\":{\"Value\":11},\"$AXIS_ACT.A2\":{"
                                   "\"Value\":12},\"$AXIS_ACT.A3\":{"
                                   "\"Value\":13},\"$AXIS_ACT.A4\":{\"Value\":14},\"$AXIS_"
                                   "ACT.A5\":{\"Value\":15},"
                                   "\"$AXIS_ACT.A6\":{\"Value\":16},\"$VEL_AXIS_ACT[]"
                                   "\":" ARRAY("2") ",\"$TORQUE_AXIS_ACT[]\":" ARRAY(
                                       "3") ",\"$CURR_ACT[]\":" ARRAY("4") ",\"$OV_PRO\":{"
                                                                           "\"Value\":75},"
                                                                           "\"$MODE_OP\":{"
                                                                           "\"Value\":\"#"
                                                                           "AUT\"},\"$PRO_"
                                                                           "STATE1\":{"
                                                                           "\"Value\":\"#P_"
                                                                           "ACTIVE\"}");
    static const char delta_frame[] =
        KUKA_FRAME("2026-11-23T17:00:00.14Z", "\"$AXIS_ACT.A2\":{\"Value\":12.5},"
                                              "\"$MODE_OP\":{\"Value\":\"#T1\"}");
    static const char *const parts[] = {"position", "velocity", "torque", "current"};
    char texts[24][40];
    const char *names[26] = {[24] = "override", [25] = "program"};
    for (size_t c = 0; c < 24; c++) {
        snprintf(texts[c], sizeof texts[c], "axis%zu_%s", c % 6 + 1, parts[c / 6]);
        names[c] = texts[c];
    }
    struct source_map *map = load("kuka-opcua.json");
    struct sample sample;
    struct diag diag = DIAG_INIT;
    float values[26];
    begin_assembler(map, names, 26);
    feed(map, "kuka/kuka1", key_frame);
    assert_int_equal(refused, SOURCE_READ);
    assert_true(assembler_due(assembler, INT64_C(1795453200140) * CLOCK_NS_PER_MS));
    if (assembler_sample(assembler, &no_gate, &sample, values, &diag))
        fail_msg("%s", diag.text);
    assert_string_equal(sample.mode, "auto");
    for (size_t c = 0; c < 24; c++)
        assert_int_equal((int)values[c], 10 * (c / 6 + 1) + c % 6 + 1);
    assert_float_equal(values[24], 75, 1e-6);
    assert_float_equal(values[25], 2, 1e-6);
    feed(map, "kuka/kuka1", delta_frame);
    assert_true(assembler_due(assembler, INT64_C(1795453200240) * CLOCK_NS_PER_MS));
    if (assembler_sample(assembler, &no_gate, &sample, values, &diag))
        fail_msg("%s", diag.text);
    assert_string_equal(sample.mode, "t1");
    assert_float_equal(values[1], 12.5, 1e-6);
    assert_float_equal(values[0], 11, 1e-6);
    end_assembler();
    source_map_free(map);
}

static void feed_road(const struct source_map *map, const char *time, double at)
{
    static const char *const imu[] = {"AccX", "AccY", "AccZ", "GyroX", "GyroY", "GyroZ",
                                      "q1",   "q2",   "q3",   "q4",    "temp"};
    static const char *const meter[] = {"apparent_power", "current", "frequency",
                                        "phase_angle",    "power",   "power_factor",
                                        "reactive_power", "voltage"};
    char topic[40], text[600];
    for (int device = 0; device < 9; device++) {
        const char *const *keys = device < 7 ? imu : meter;
        size_t count = device < 7 ? 11 : device == 7 ? 8 : 0;
        int used = snprintf(text, sizeof text, "{\"time\":\"%s\"", time);
        for (size_t k = 0; k < count; k++)
            used += snprintf(text + used, sizeof text - (size_t)used, ",\"%s\":%g", keys[k],
                             at + device + 0.01 * (double)k);
        snprintf(text + used, sizeof text - (size_t)used, device < 8 ? "}" : ",\"action\":3}");
        if (device < 7)
            snprintf(topic, sizeof topic, "road/kuka1/sensor_id%d", device + 1);
        else
            snprintf(topic, sizeof topic, device == 7 ? "road/kuka1/meter" : "road/kuka1/program");
        feed(map, topic, text);
        assert_int_equal(refused, SOURCE_READ);
    }
}

/* Nine devices, and every channel of the model is there, each from its own. */
static void test_channels_of_road(void **state)
{
    struct source_map *map = load("road.json");
    struct sample sample;
    struct diag diag = DIAG_INIT;
    float values[SIMULATOR_CHANNELS];
    const char *first;
    begin_assembler(map, simulator_names(), SIMULATOR_CHANNELS);
    feed_road(map, "2026-11-23T17:00:00.5Z", 100);
    if (assembler_absent(assembler, &first) != 0)
        fail_msg("nothing brings %s", first);
    assert_true(assembler_due(assembler, INT64_C(1795453200600) * CLOCK_NS_PER_MS));
    if (assembler_sample(assembler, &no_gate, &sample, values, &diag))
        fail_msg("%s", diag.text);
    assert_int_equal(sample.time_ns, INT64_C(1795453200500) * CLOCK_NS_PER_MS);
    assert_float_equal(values[0], 3, 1e-6);
    for (size_t c = 1; c < SIMULATOR_CHANNELS; c++) {
        double device = c < 9 ? 7 : (double)((c - 9) / 11);
        size_t key = c < 9 ? c - 1 : (c - 9) % 11;
        assert_true(fabs((double)values[c] - (100 + device + 0.01 * (double)key)) < 1e-4);
    }
    end_assembler();
    source_map_free(map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_document),        cmocka_unit_test(test_types_of_node_red),
        cmocka_unit_test(test_no_file_is_forgotten), cmocka_unit_test(test_kuka_opc_ua),
        cmocka_unit_test(test_channels_of_road),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
