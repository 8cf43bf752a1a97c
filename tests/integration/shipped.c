#include "shipped.h"

#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

char *shipped_read(const char *name)
{
    char path[512];
    void *text;
    size_t size;
    snprintf(path, sizeof path, "%s/%s", MOSQUITTO_DIR, name);
    if (file_read(path, 1 << 16, &text, &size, NULL) < 0)
        fail_msg("%s is not there", path);
    return text;
}

char *shipped_replace(char *text, const char *from, const char *to)
{
    char *result = NULL;
    size_t size;
    FILE *out = open_memstream(&result, &size);
    assert_non_null(out);
    const char *rest = text, *at = strstr(text, from);
    if (!at)
        fail_msg("\"%s\" is not in the shipped file", from);
    for (; at; rest = at + strlen(from), at = strstr(rest, from))
        fprintf(out, "%.*s%s", (int)(at - rest), rest, to);
    fputs(rest, out);
    fclose(out);
    free(text);
    return result;
}
