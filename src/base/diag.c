#include "base/diag.h"

#include "base/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Quoted input may hold anything, and may have been cut within a character. */
static void clean(char *text)
{
    size_t left = strlen(text);
    for (size_t step; left > 0; text += step, left -= step) {
        step = utf8_sequence(text, left);
        if (step == 0)
            *text = '?';
        else if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = ' ';
        step = step ? step : 1;
    }
}

int diag_set(struct diag *diag, const char *format, ...)
{
    if (diag) {
        va_list args;
        va_start(args, format);
        vsnprintf(diag->text, sizeof diag->text, format, args);
        va_end(args);
        clean(diag->text);
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
        clean(diag->text);
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
    clean(diag->text);
}
