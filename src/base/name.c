#include "base/name.h"

#include <string.h>

bool name_valid(const char *name)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    size_t length = strspn(name, allowed);
    return length >= 1 && length <= NAME_MAX_LENGTH && name[length] == '\0';
}
