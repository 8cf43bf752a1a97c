#include "base/log_repeat.h"

#include <string.h>

/* FNV-1a */
static uint64_t hash_of(const char *text, int level)
{
    uint64_t hash = UINT64_C(14695981039346656037) ^ (uint64_t)level;
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return hash;
}

static bool is_over(const struct log_repeat *line, int64_t now_ns)
{
    return now_ns - line->since_ns >= LOG_REPEAT_NS;
}

/* NULL: all are taken, by lines whose count is still to be told. */
static struct log_repeat *find_place(struct log_repeats *repeats, uint64_t hash, int64_t now_ns)
{
    struct log_repeat *place = NULL;
    for (size_t i = 0; i < LOG_REPEAT_LINES; i++) {
        struct log_repeat *line = &repeats->line[i];
        if (line->since_ns && line->hash == hash)
            return line;
        if (line->suppressed == 0 && (!place || line->since_ns < place->since_ns))
            place = line;
    }
    return place;
}

bool log_repeat_pass(struct log_repeats *repeats, int level, const char *text, int64_t now_ns)
{
    uint64_t hash = hash_of(text, level);
    struct log_repeat *line = find_place(repeats, hash, now_ns);
    if (!line)
        return true;
    bool same = line->since_ns && line->hash == hash && !is_over(line, now_ns);
    if (!same) {
        *line = (struct log_repeat){.hash = hash, .since_ns = now_ns ? now_ns : 1, .level = level};
        strncpy(line->text, text, sizeof line->text - 1);
    }
    if (line->written < LOG_REPEAT_BURST) {
        line->written++;
        return true;
    }
    line->suppressed++;
    return false;
}

bool log_repeat_take(struct log_repeats *repeats, int64_t now_ns, struct log_repeat *ret_line)
{
    for (size_t i = 0; i < LOG_REPEAT_LINES; i++) {
        struct log_repeat *line = &repeats->line[i];
        if (line->suppressed == 0 || !is_over(line, now_ns))
            continue;
        *ret_line = *line;
        *line = (struct log_repeat){0};
        return true;
    }
    return false;
}
