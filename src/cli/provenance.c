#include "cli/provenance.h"

#include "base/file.h"
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

const char *provenance_file(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static int hash_file(const char *path, char ret_hex[HASH_HEX_SIZE])
{
    void *data;
    size_t size;
    int r = file_read(path, SIZE_MAX / 2, &data, &size, NULL);
    if (r < 0)
        return r;
    const struct hash_part part = {data, size};
    r = hash_sha256(&part, 1, ret_hex);
    free(data);
    return r;
}

cJSON *provenance_recordings(const struct cli *cli, const struct sessions *sessions)
{
    cJSON *list = cJSON_CreateArray();
    const char *const *paths = cli_list(cli, "normal");
    for (size_t i = 0; i < sessions->count; i++) {
        char hex[HASH_HEX_SIZE];
        cJSON *entry = cJSON_CreateObject();
        cJSON_AddStringToObject(entry, "file", provenance_file(paths[i]));
        cJSON_AddNumberToObject(entry, "rows", (double)sessions->item[i]->rows);
        cJSON_AddNumberToObject(entry, "holes", (double)sessions->item[i]->holes);
        if (hash_file(paths[i], hex) == 0)
            cJSON_AddStringToObject(entry, "sha256", hex);
        cJSON_AddItemToArray(list, entry);
    }
    return list;
}

cJSON *provenance_options(const struct cli *cli, const char *const *names)
{
    cJSON *object = cJSON_CreateObject();
    static const char *const ranges[] = {"rows", "from", "to"};
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        if (cli_given(cli, ranges[i]))
            cJSON_AddStringToObject(object, ranges[i], cli_text(cli, ranges[i]));
    }
    for (; *names; names++) {
        const char *const *values = cli_list(cli, *names);
        cJSON *list = *values ? cJSON_AddArrayToObject(object, *names) : NULL;
        for (; *values; values++)
            cJSON_AddItemToArray(list, cJSON_CreateString(*values));
    }
    return object;
}
