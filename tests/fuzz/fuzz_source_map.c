/* A file of sources is refused with its name and a reason, or can be used. */
#include "fuzz.h"
#include "source/source_map.h"
#include "source/source_topic.h"

#include <stdlib.h>
#include <string.h>

static void check_source(const struct source *source)
{
    bool robot, channel;
    struct source_match match;
    FUZZ_CHECK(source_topic_check(source->topic, &robot, &channel, NULL) == 0);
    FUZZ_CHECK(robot != (source->robot != NULL) && channel == source->topic_tag);
    char *filter = source_topic_filter(source->topic);
    FUZZ_CHECK(filter && *filter && !strchr(filter, '{'));
    source_topic_match(source->topic, "a/b/c", &match);
    free(filter);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct source_map *map;
    struct diag diag = DIAG_INIT;
    int r = source_map_parse("FILE", (const char *)data, size, &map, &diag);
    if (r < 0) {
        fuzz_check_refusal(r, &diag);
        FUZZ_CHECK(!strncmp(diag.text, "FILE: ", 6));
        return 0;
    }
    FUZZ_CHECK(map->count >= 1 && map->count <= SOURCES_MAX);
    for (size_t s = 0; s < map->count; s++)
        check_source(&map->sources[s]);
    for (size_t i = 0; i < map->rules.count; i++)
        FUZZ_CHECK(map->rules.rules[i].tag && map->rules.rules[i].scale != 0);
    source_map_free(map);
    return 0;
}
