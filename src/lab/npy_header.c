#include "lab/npy_header.h"

#include <string.h>

/* The literal of the header, read from left to right. */
struct cursor {
    const char *at;
    const char *end;
};

static void skip_blanks(struct cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\n'))
        c->at++;
}

static bool take(struct cursor *c, char wanted)
{
    skip_blanks(c);
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

static bool take_string(struct cursor *c, size_t size, char *ret_text)
{
    skip_blanks(c);
    if (c->at == c->end || (*c->at != '\'' && *c->at != '"'))
        return false;
    char quote = *c->at++;
    size_t used = 0;
    while (c->at < c->end && *c->at != quote) {
        if (*c->at == '\\' || used + 1 >= size)
            return false;
        ret_text[used++] = *c->at++;
    }
    ret_text[used] = '\0';
    return take(c, quote);
}

static bool take_word(struct cursor *c, const char *word)
{
    skip_blanks(c);
    size_t length = strlen(word);
    if ((size_t)(c->end - c->at) < length || memcmp(c->at, word, length) != 0)
        return false;
    c->at += length;
    return true;
}

static bool take_size(struct cursor *c, size_t *ret_value)
{
    skip_blanks(c);
    const char *start = c->at;
    size_t value = 0;
    while (c->at < c->end && *c->at >= '0' && *c->at <= '9') {
        if (__builtin_mul_overflow(value, (size_t)10, &value) ||
            __builtin_add_overflow(value, (size_t)(*c->at - '0'), &value))
            return false;
        c->at++;
    }
    bool found = c->at > start;
    if (c->at < c->end && *c->at == 'L') /* Python 2 wrote its long integers so */
        c->at++;
    *ret_value = value;
    return found;
}

/* "(3, 4)", "(3,)" or "()"; more than two dimensions are counted and not kept. */
static bool take_shape(struct cursor *c, struct npy_header *ret_header)
{
    ret_header->dimensions = 0;
    if (!take(c, '('))
        return false;
    while (!take(c, ')')) {
        size_t extent;
        if (!take_size(c, &extent))
            return false;
        if (ret_header->dimensions < 2)
            ret_header->shape[ret_header->dimensions] = extent;
        ret_header->dimensions++;
        if (!take(c, ',')) {
            /* A single extent without its comma is a number in Python, not a shape. */
            return ret_header->dimensions > 1 && take(c, ')');
        }
    }
    return true;
}

bool npy_header_parse(const char *text, size_t length, struct npy_header *ret_header)
{
    struct cursor c = {text, text + length};
    enum { DESCR = 1, ORDER = 2, SHAPE = 4, ALL = 7 };
    unsigned seen = 0;
    *ret_header = (struct npy_header){.fortran = false};
    if (!take(&c, '{'))
        return false;
    while (!take(&c, '}')) {
        char key[16];
        unsigned bit = 0;
        bool ok = take_string(&c, sizeof key, key) && take(&c, ':');
        if (ok && !strcmp(key, "descr")) {
            bit = DESCR;
            if (take(&c, '[')) {
                strcpy(ret_header->descr, "[");
                return true;
            }
            ok = take_string(&c, sizeof ret_header->descr, ret_header->descr);
        } else if (ok && !strcmp(key, "fortran_order")) {
            bit = ORDER;
            ret_header->fortran = take_word(&c, "True");
            ok = ret_header->fortran || take_word(&c, "False");
        } else if (ok && !strcmp(key, "shape")) {
            bit = SHAPE;
            ok = take_shape(&c, ret_header);
        }
        if (!ok || bit == 0 || (seen & bit))
            return false;
        seen |= bit;
        if (!take(&c, ',')) {
            if (!take(&c, '}'))
                return false;
            break;
        }
    }
    skip_blanks(&c);
    return c.at == c.end && seen == ALL;
}
