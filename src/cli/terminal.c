#include "cli/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool terminal_is(FILE *stream)
{
    const char *term = getenv("TERM");
    return isatty(fileno(stream)) && !(term && !strcmp(term, "dumb"));
}

const char *terminal_style(FILE *stream, enum terminal_style style)
{
    static const char *const escapes[TERMINAL_STYLES] = {
        [TERMINAL_PLAIN] = "\033[0m",      [TERMINAL_BOLD] = "\033[1m",
        [TERMINAL_DIM] = "\033[2m",        [TERMINAL_GOOD] = "\033[32m",
        [TERMINAL_WARNING] = "\033[1;33m", [TERMINAL_CRITICAL] = "\033[1;31m",
    };
    const char *no_color = getenv("NO_COLOR");
    return (no_color && *no_color) || !terminal_is(stream) ? "" : escapes[style];
}

void terminal_size(FILE *stream, int *ret_columns, int *ret_lines)
{
    struct winsize size;
    bool known = ioctl(fileno(stream), TIOCGWINSZ, &size) == 0;
    *ret_columns = known && size.ws_col > 0 ? size.ws_col : TERMINAL_COLUMNS;
    *ret_lines = known && size.ws_row > 0 ? size.ws_row : 24;
}

void terminal_put_wrapped(FILE *out, const char *text, int column, int indent, int columns)
{
    while (*text) {
        size_t length =
            column == 0 && indent == 0 && *text == ' ' ? strcspn(text, "\n") : strcspn(text, " \n");
        if (column > indent && column + 1 + (int)length > columns) {
            fputc('\n', out);
            column = 0;
        }
        int blanks = column < indent ? indent - column : column > indent;
        fprintf(out, "%*s%.*s", blanks, "", (int)length, text);
        column += blanks + (int)length;
        for (text += length; *text == ' ' && column > 0; text++)
            ;
        for (; *text == '\n'; text++) {
            fputc('\n', out);
            column = 0;
        }
    }
    fputc('\n', out);
}

void terminal_clean(char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool c1 = c == 0xc2 && (unsigned char)text[1] >= 0x80 && (unsigned char)text[1] < 0xa0;
        if (c1)
            *text++ = '?';
        if (c1 || c < ' ' || c == 0x7f)
            *text = '?';
    }
}
