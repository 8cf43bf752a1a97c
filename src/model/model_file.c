#include "model/model_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int check_format(const struct safetensors *tensors, struct diag *diag)
{
    const char *format = safetensors_metadata(tensors, "format");
    const char *version = safetensors_metadata(tensors, "format_version");
    if (!format || strcmp(format, MODEL_FILE_FORMAT) != 0)
        return diag_set(diag, "not an armwatch model: format is \"%.40s\", must be \"%s\"",
                        format ? format : "(missing)", MODEL_FILE_FORMAT);
    if (!version || strcmp(version, MODEL_FILE_VERSION) != 0)
        return diag_set(diag, "format_version is \"%.20s\", this program reads \"%s\"",
                        version ? version : "(missing)", MODEL_FILE_VERSION);
    if (!safetensors_metadata(tensors, "config") || !safetensors_metadata(tensors, "sha256"))
        return diag_set(diag, "the metadata lacks \"config\" or \"sha256\"");
    return 0;
}

static int hash_content(const char *config, const void *data, size_t size,
                        char ret_hex[HASH_HEX_SIZE], struct diag *diag)
{
    const struct hash_part parts[] = {{config, strlen(config)}, {data, size}};
    int r = hash_sha256(parts, 2, ret_hex);
    return r < 0 ? diag_errno(diag, r, "SHA-256") : 0;
}

static int read_content(struct model_file *file, struct diag *diag)
{
    int r = check_format(file->tensors, diag);
    if (r < 0)
        return r;
    const char *config = safetensors_metadata(file->tensors, "config");
    const char *sha256 = safetensors_metadata(file->tensors, "sha256");
    size_t size;
    const void *data = safetensors_data(file->tensors, &size);
    r = hash_content(config, data, size, file->sha256, diag);
    if (r < 0)
        return r;
    if (strcmp(sha256, file->sha256) != 0)
        return diag_set(diag,
                        "corrupt: its content has the SHA-256 %.16s..., the file says %.16s...",
                        file->sha256, sha256);
    file->config = json_parse(config, strlen(config), diag);
    if (!file->config) {
        diag_prefix(diag, "config");
        return -EINVAL;
    }
    return 0;
}

int model_file_parse(const void *data, size_t size, struct model_file *ret_file, struct diag *diag)
{
    *ret_file = (struct model_file){0};
    int r = safetensors_parse(data, size, &ret_file->tensors, diag);
    if (r == 0)
        r = read_content(ret_file, diag);
    if (r < 0)
        model_file_deinit(ret_file);
    return r;
}

void model_file_deinit(struct model_file *file)
{
    cJSON_Delete(file->config);
    safetensors_free(file->tensors);
    *file = (struct model_file){0};
}

int model_file_format(const cJSON *config, struct safetensors_writer *writer, void **ret_data,
                      size_t *ret_size, struct diag *diag)
{
    char *text = cJSON_PrintUnformatted(config);
    void *data = NULL;
    size_t size;
    char sha256[HASH_HEX_SIZE];
    int r = text ? safetensors_writer_data(writer, &data, &size) : -ENOMEM;
    if (r == 0)
        r = hash_content(text, data, size, sha256, diag);
    const char *const metadata[][2] = {{"format", MODEL_FILE_FORMAT},
                                       {"format_version", MODEL_FILE_VERSION},
                                       {"sha256", sha256},
                                       {"config", text}};
    for (size_t i = 0; r == 0 && i < sizeof metadata / sizeof metadata[0]; i++)
        r = safetensors_writer_add_metadata(writer, metadata[i][0], metadata[i][1]);
    if (r == -ENOMEM)
        diag_errno(diag, r, "model file");
    if (r == 0)
        r = safetensors_writer_finish(writer, ret_data, ret_size, diag);
    cJSON_free(text);
    free(data);
    return r;
}
