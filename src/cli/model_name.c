#include "cli/model_name.h"

#include <errno.h>
#include <string.h>

static int name_from_path(const char *path, char ret_name[NAME_MAX_LENGTH + 1])
{
    static const char ending[] = ".safetensors";
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    size_t length = strlen(base), tail = strlen(ending);
    if (length <= tail || strcmp(base + length - tail, ending) != 0 ||
        length - tail > NAME_MAX_LENGTH)
        return -EINVAL;
    memcpy(ret_name, base, length - tail);
    ret_name[length - tail] = '\0';
    return name_valid(ret_name) ? 0 : -EINVAL;
}

int model_name_choose(const struct cli *cli, char ret_name[NAME_MAX_LENGTH + 1])
{
    const char *given = cli_text(cli, "name"), *out = cli_text(cli, "out");
    if (given)
        strcpy(ret_name, given);
    else if (name_from_path(out, ret_name) < 0)
        return cli_usage(cli,
                         "--out %s: must end in NAME.safetensors, where NAME is %s; or give --name",
                         out, NAME_RULE);
    return CLI_DONE;
}
