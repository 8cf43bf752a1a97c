#include "base/diag.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int diag_set(struct diag *diag, const char *format, ...)
{
    if (diag) {
        va_list args;
        va_start(args, format);
        vsnprintf(diag->text, sizeof diag->text, format, args);
        va_end(args);
    }
    return -EINVAL;
}

int diag_errno(struct diag *diag, int error, const char *format, ...)
{
    error = abs(error);
    if (diag) {
        va_list args;
        va_start(args, format);
        vsnprintf(diag->text, sizeof diag->text, format, args);
        va_end(args);
        size_t used = strlen(diag->text);
        snprintf(diag->text + used, sizeof diag->text - used, ": %s", strerror(error));
    }
    return -error;
}

void diag_prefix(struct diag *diag, const char *format, ...)
{
    if (!diag)
        return;
    char rest[DIAG_TEXT_MAX];
    memcpy(rest, diag->text, sizeof rest);
    va_list args;
    va_start(args, format);
    vsnprintf(diag->text, sizeof diag->text, format, args);
    va_end(args);
    size_t used = strlen(diag->text);
    snprintf(diag->text + used, sizeof diag->text - used, ": %s", rest);
}
