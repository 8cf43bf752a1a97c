#include "cli/survey_words.h"

#include "base/name.h"

#include <ctype.h>
#include <string.h>

void survey_word_fold(const char *name, char *ret_folded, size_t size)
{
    size_t used = 0;
    for (; *name && used + 1 < size; name++) {
        unsigned char c = (unsigned char)*name;
        if (c >= 0x80 || isalnum(c))
            ret_folded[used++] = (char)tolower(c);
    }
    ret_folded[used] = '\0';
}

/* Lists end with NULL. */
static bool is_one_of(const char *text, const char *const *list)
{
    for (; *list; list++) {
        if (!strcmp(text, *list))
            return true;
    }
    return false;
}

static bool has_one_of(const char *text, const char *const *list)
{
    for (; *list; list++) {
        if (strstr(text, *list))
            return true;
    }
    return false;
}

static bool matches(const char *key, const char *const *whole, const char *const *parts)
{
    char folded[64];
    if (!key)
        return false;
    survey_word_fold(key, folded, sizeof folded);
    return is_one_of(folded, whole) || has_one_of(folded, parts);
}

bool survey_word_is_time(const char *key)
{
    static const char *const whole[] = {"t", "ts", "at", "when", "utc", NULL};
    static const char *const parts[] = {"time", "stamp", "date", NULL};
    return matches(key, whole, parts);
}

bool survey_word_is_quality(const char *key)
{
    static const char *const whole[] = {"q", "good", "status", "statuscode", NULL};
    static const char *const parts[] = {"quality", NULL};
    return matches(key, whole, parts);
}

bool survey_word_is_order(const char *key)
{
    static const char *const whole[] = {"n", "id", "nr", "no", NULL};
    static const char *const parts[] = {"seq", "counter", "version", "messageid", NULL};
    return matches(key, whole, parts);
}

bool survey_word_is_value(const char *key)
{
    static const char *const whole[] = {"v", "val", "value", "reading", "datavalue", NULL};
    static const char *const none[] = {NULL};
    return matches(key, whole, none);
}

bool survey_word_is_name(const char *key)
{
    static const char *const whole[] = {"n",           "id",     "name",    "tag",
                                        "tagname",     "key",    "signal",  "metric",
                                        "displayname", "nodeid", "channel", NULL};
    static const char *const none[] = {NULL};
    return matches(key, whole, none);
}

bool survey_word_is_robot(const char *key)
{
    static const char *const whole[] = {"arm", "asset", NULL};
    static const char *const parts[] = {"robot", "device", "machine", "publisher", NULL};
    return matches(key, whole, parts);
}

bool survey_word_is_mode(const char *name)
{
    static const char *const whole[] = {NULL};
    static const char *const parts[] = {"mode", NULL};
    return matches(name, whole, parts);
}

int survey_word_machine(const char *level, const char *before)
{
    static const char *const parts[] = {"robot", "kuka", "fanuc", "abb",  "yaskawa",
                                        "panda", "ur3",  "ur5",   "ur10", NULL};
    static const char *const kinds[] = {"robot",   "robots",  "arm",      "arms", "device",
                                        "devices", "machine", "machines", NULL};
    static const char *const no_machines[] = {"axis", "joint", "sensor", "link", "temp", NULL};
    static const char *const none[] = {NULL};
    if (!name_valid(level) || matches(level, none, no_machines))
        return 0;
    if (before && matches(before, kinds, none))
        return 4;
    if (matches(level, kinds, none))
        return 0;
    return 2 * matches(level, none, parts) + (strpbrk(level, "0123456789") != NULL);
}

static const char *const automatic[] = {"aut", "auto", "automatic", "ext", "external", NULL};
static const char *const modes[] = {"t1", "t2", "man", "manual", "teach", "hand", "jog", NULL};

bool survey_word_names_mode(const char *word)
{
    return matches(word, automatic, (const char *const[]){NULL}) ||
           matches(word, modes, (const char *const[]){NULL});
}

bool survey_word_mode(const char *word, char *ret_mode, size_t size)
{
    if (matches(word, automatic, (const char *const[]){NULL}))
        word = "auto";
    if (!*word || strlen(word) >= size)
        return false;
    for (; *word; word++)
        *ret_mode++ = (char)tolower((unsigned char)*word);
    *ret_mode = '\0';
    return true;
}
