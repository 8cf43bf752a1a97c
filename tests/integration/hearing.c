#include "hearing.h"

#include "base/json.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static FILE *open_record(void)
{
    static FILE *record;
    static bool tried;
    const char *path = getenv("ARMWATCH_HEARING");
    if (!tried && path) {
        record = fopen(path, "ae");
        assert(record);
        setvbuf(record, NULL, _IOLBF, 0); /* a test that dies has said all that came before */
    }
    tried = true;
    return record;
}

static cJSON *new_line(const void *payload, size_t size)
{
    char *text = calloc(1, size + 1);
    assert(text);
    memcpy(text, payload, size);
    cJSON *line = NULL;
    if (size > 0 && !memchr(text, '\0', size) && json_is_utf8(text)) {
        line = cJSON_CreateObject();
        cJSON_AddStringToObject(line, "payload", text);
    }
    free(text);
    return line;
}

static void write_line(FILE *record, cJSON *line)
{
    char *text = cJSON_PrintUnformatted(line);
    fprintf(record, "%s\n", text);
    cJSON_free(text);
    cJSON_Delete(line);
}

void hearing_heard(const char *topic, const void *payload, size_t size)
{
    FILE *record = open_record();
    cJSON *line = record && size ? new_line(payload, size) : NULL;
    if (!line)
        return;
    cJSON_AddStringToObject(line, "topic", topic);
    write_line(record, line);
}

void hearing_judged(const char *kind, const void *payload, size_t size, bool good)
{
    FILE *record = open_record();
    cJSON *line = record && size ? new_line(payload, size) : NULL;
    if (!line)
        return;
    cJSON_AddStringToObject(line, "kind", kind);
    cJSON_AddBoolToObject(line, "good", good);
    write_line(record, line);
}
