#include "base/json_pointer.h"

#include <stdlib.h>
#include <string.h>

int json_pointer_check(const char *pointer, struct diag *diag)
{
    if (*pointer && *pointer != '/')
        return diag_set(diag, "\"%.100s\": a JSON pointer begins with /", pointer);
    if (strlen(pointer) > JSON_POINTER_MAX)
        return diag_set(diag, "a JSON pointer of %zu bytes, at most %d are allowed",
                        strlen(pointer), JSON_POINTER_MAX);
    for (const char *tilde = strchr(pointer, '~'); tilde; tilde = strchr(tilde + 1, '~')) {
        if (tilde[1] != '0' && tilde[1] != '1')
            return diag_set(
                diag, "\"%.100s\": in a JSON pointer ~ is written ~0, and / in a name ~1", pointer);
    }
    return 0;
}

/* One name of a pointer without its escapes; returns where the next one begins. */
static const char *read_name(const char *at, char ret_name[JSON_POINTER_MAX + 1])
{
    size_t used = 0;
    for (; *at && *at != '/'; at++) {
        bool escape = *at == '~';
        at += escape;
        ret_name[used++] = escape ? (*at == '1' ? '/' : '~') : *at;
    }
    ret_name[used] = '\0';
    return at;
}

/* "0", "17": no sign, no leading zero. */
static const cJSON *find_element(const cJSON *array, const char *name)
{
    size_t digits = strspn(name, "0123456789");
    if (digits == 0 || digits > 9 || name[digits] || (name[0] == '0' && digits > 1))
        return NULL;
    return cJSON_GetArrayItem(array, (int)strtol(name, NULL, 10));
}

const cJSON *json_pointer_get(const cJSON *tree, const char *pointer)
{
    char name[JSON_POINTER_MAX + 1];
    const char *at = pointer;
    while (tree && *at == '/') {
        at = read_name(at + 1, name);
        tree = cJSON_IsArray(tree) ? find_element(tree, name)
                                   : cJSON_GetObjectItemCaseSensitive(tree, name);
    }
    return tree;
}
