/*
 * Messages of sources, "TOPIC<tab>PAYLOAD" a line: each tag that is read has a name and a robot,
 * and each sample that is assembled of them is whole and finite.
 */
#include "base/json.h"
#include "base/name.h"
#include "fuzz.h"
#include "pipeline/assembler.h"
#include "source/source_read.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CHANNELS 3
#define SAMPLES_MAX 1000 /* of one message: the time between two is bounded */

static const char text[] =
    "{\"sources\":[{\"topic\":\"t/{robot}/{channel}\"},"
    "{\"topic\":\"v/{robot}/{channel}/#\",\"value\":\"/v\",\"time\":\"/t\",\"time_unit\":\"ms\","
    "\"quality\":\"/q\",\"good\":[true,0,null]},"
    "{\"topic\":\"e\",\"robot\":\"/r\",\"each\":\"/m\",\"name\":\"/n\",\"value\":\"/"
    "v\",\"time\":\"/t\"},"
    "{\"topic\":\"o/{robot}\",\"values\":\"\",\"time\":\"/t\"},"
    "{\"topic\":\"p\",\"robot\":\"k\",\"tags\":{\"a\":\"/a/0\",\"b\":\"/b~1\"}}],"
    "\"channels\":{\"a\":{\"scale\":3,\"max_age_s\":\"hold\"},\"b\":{\"missing\":0,\"table\":{"
    "\"x\":1}},"
    "\"mode\":{\"missing\":0}}}";

static struct {
    struct source_map *map;
    struct assembler *assembler;
    struct conditions gate;
} fuzz;

static void set_up(void)
{
    static const char gate[] = "{\"mode\":[\"auto\"],\"s\":[\"on\",1]}";
    static const char *const names[CHANNELS] = {"a", "b", "c"};
    cJSON *tree = json_parse(gate, strlen(gate), NULL);
    FUZZ_CHECK(source_map_parse("map", text, strlen(text), &fuzz.map, NULL) == 0);
    FUZZ_CHECK(conditions_parse(tree, &fuzz.gate, NULL) == 0);
    cJSON_Delete(tree);
    struct assembler_layout *layout =
        assembler_layout_new(&fuzz.map->rules, &fuzz.gate, names, CHANNELS, 0.1);
    FUZZ_CHECK(layout && (fuzz.assembler = assembler_new(layout)));
    assembler_layout_unref(layout);
}

static void check_sample(void)
{
    struct sample sample;
    float values[CHANNELS];
    struct diag diag = DIAG_INIT;
    enum sample_refusal refusal =
        assembler_sample(fuzz.assembler, &fuzz.gate, &sample, values, &diag);
    FUZZ_CHECK(sample.has_time);
    FUZZ_CHECK((refusal != SAMPLE_ACCEPTED) == (*diag.text != 0));
    FUZZ_CHECK(refusal == SAMPLE_ACCEPTED || refusal == SAMPLE_MISSING_CHANNEL ||
               refusal == SAMPLE_STALE_CHANNEL);
    for (size_t c = 0; refusal == SAMPLE_ACCEPTED && c < CHANNELS; c++)
        FUZZ_CHECK(isfinite(values[c]));
}

static void on_tag(void *user, const struct source_tag *tag)
{
    struct diag diag = DIAG_INIT;
    FUZZ_CHECK(name_valid(tag->robot) && *tag->name);
    FUZZ_CHECK(tag->tag.type != TAG_TEXT || json_is_utf8(tag->tag.text));
    const struct assembler_input input = {.name = tag->name,
                                          .tag = tag->tag,
                                          .time_ns = tag->has_time ? tag->time_ns : 1000000000,
                                          .old = *tag->robot == 'o'};
    size_t samples = 0;
    while (assembler_due(fuzz.assembler, input.time_ns)) {
        check_sample();
        FUZZ_CHECK(++samples < SAMPLES_MAX);
    }
    enum assembler_refusal refusal = assembler_put(fuzz.assembler, &input, &diag);
    FUZZ_CHECK(*assembler_refusal_name(refusal));
    FUZZ_CHECK((refusal != ASSEMBLER_TAKEN) == (*diag.text != 0));
}

static void read_line(const char *topic, const char *payload)
{
    for (size_t s = 0; s < fuzz.map->count; s++) {
        struct source_match match;
        struct diag diag = DIAG_INIT;
        const struct source_message message = {topic, payload, strlen(payload)};
        if (!source_topic_match(fuzz.map->sources[s].topic, topic, &match))
            continue;
        enum source_refusal refusal =
            source_read(&fuzz.map->sources[s], &match, &message, on_tag, NULL, &diag);
        FUZZ_CHECK(*source_refusal_name(refusal));
        FUZZ_CHECK((refusal != SOURCE_READ) == (*diag.text != 0));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    set_up();
    char *lines = fuzz_text(data, size), *rest = lines;
    for (char *line; (line = strsep(&rest, "\n"));) {
        char *tab = strchr(line, '\t');
        if (!tab)
            continue;
        *tab = '\0';
        read_line(line, tab + 1);
    }
    free(lines);
    assembler_free(fuzz.assembler);
    source_map_free(fuzz.map);
    conditions_clear(&fuzz.gate);
    return 0;
}
