/* A model's configuration as a tree, and its tensors one by one; the hash is made anew. */
#include "base/hash.h"
#include "base/json.h"
#include "model/model_file.h"
#include "mutate.h"

#include <stdlib.h>
#include <string.h>

#define SPARE 256 /* bytes by which a text may grow */

static unsigned draw(unsigned *seed, unsigned below)
{
    *seed = *seed * 1664525U + 1013904223U;
    return (*seed >> 8) % below;
}

/* ---- the configuration ---- */

static size_t count_nodes(const cJSON *item)
{
    size_t count = 1;
    const cJSON *child;
    cJSON_ArrayForEach(child, item) count += count_nodes(child);
    return count;
}

/* The node of that number in reading order, and its parent. */
static cJSON *find_node(cJSON *item, size_t *number, cJSON **parent)
{
    if ((*number)-- == 0)
        return item;
    cJSON *child;
    cJSON_ArrayForEach(child, item)
    {
        cJSON *owner = item, *found = find_node(child, number, &owner);
        if (found) {
            *parent = owner;
            return found;
        }
    }
    return NULL;
}

static cJSON *new_number(const cJSON *old, unsigned *seed)
{
    static const double numbers[] = {0,  1,   -1,    2,     3,    5,     64,  512,
                                     33, 0.5, 1e-9,  1e300, -1e9, 4096,  1e9, 9007199254740993.0,
                                     7,  1e5, -1e-3, 16,    255,  32768, 0.1, 1e-320};
    double value = old->valuedouble;
    unsigned way = draw(seed, 40);
    return cJSON_CreateNumber(way < 24   ? numbers[way]
                              : way < 28 ? value + 1
                              : way < 32 ? value - 1
                              : way < 36 ? value * 2
                                         : value / 2);
}

static cJSON *new_text(const cJSON *old, unsigned *seed)
{
    size_t length = strlen(old->valuestring);
    uint8_t *text = malloc(length + SPARE + 1);
    if (!text)
        return NULL;
    memcpy(text, old->valuestring, length);
    length = LLVMFuzzerMutate(text, length, length + SPARE);
    text[length] = '\0';
    cJSON *item = cJSON_CreateString((char *)text);
    free(text);
    return item;
}

static cJSON *new_node(const cJSON *old, unsigned *seed)
{
    unsigned way = draw(seed, 8);
    if (way < 6 && cJSON_IsNumber(old))
        return new_number(old, seed);
    if (way < 6 && cJSON_IsString(old))
        return new_text(old, seed);
    if (way < 6 && cJSON_IsBool(old))
        return cJSON_CreateBool(!cJSON_IsTrue(old));
    switch (draw(seed, 6)) {
    case 0:
        return cJSON_CreateNull();
    case 1:
        return cJSON_CreateArray();
    case 2:
        return cJSON_CreateObject();
    case 3:
        return cJSON_CreateString("");
    case 4:
        return cJSON_CreateNumber(draw(seed, 10));
    default:
        return cJSON_CreateTrue();
    }
}

static void change_node(cJSON *tree, unsigned *seed)
{
    size_t number = draw(seed, (unsigned)count_nodes(tree));
    cJSON *parent = NULL, *node = find_node(tree, &number, &parent);
    if (!node || !parent)
        return;
    unsigned way = draw(seed, 10);
    if (way == 0) {
        cJSON_Delete(cJSON_DetachItemViaPointer(parent, node));
    } else if (way == 1 && cJSON_IsArray(parent)) {
        cJSON_AddItemToArray(parent, cJSON_Duplicate(node, true));
    } else {
        cJSON *replacement = new_node(node, seed);
        if (!replacement)
            return;
        if (node->string) { /* cJSON takes the key along only by name */
            char *key = strdup(node->string);
            cJSON_ReplaceItemInObjectCaseSensitive(parent, key, replacement);
            free(key);
        } else {
            cJSON_ReplaceItemViaPointer(parent, node, replacement);
        }
    }
}

/* Memory: the caller frees; NULL when there is nothing to change. */
static char *change_config(const char *config, unsigned *seed)
{
    cJSON *tree = json_parse(config, strlen(config), NULL);
    if (!tree)
        return strdup(config);
    for (unsigned changes = 1 + draw(seed, 2); changes > 0; changes--)
        change_node(tree, seed);
    char *text = cJSON_PrintUnformatted(tree);
    cJSON_Delete(tree);
    return text;
}

/* ---- the tensors ---- */

static void change_tensor(struct safetensors_tensor *tensor, unsigned *seed)
{
    static unsigned char spare[1 << 20]; /* for a tensor that grew */
    size_t *dims = tensor->shape.dims;
    unsigned way = draw(seed, 8);
    if (way < 5 && tensor->size > 0) {
        LLVMFuzzerMutate((void *)tensor->data, tensor->size, tensor->size);
        return;
    }
    if (way == 5 && tensor->shape.rank > 0)
        dims[draw(seed, (unsigned)tensor->shape.rank)] += draw(seed, 2) ? 1 : SIZE_MAX;
    else if (way == 6)
        tensor->dtype = (enum safetensors_dtype)draw(seed, 3);
    else
        tensor->shape = SAFETENSORS_SHAPE(draw(seed, 9), 1 + draw(seed, 5));
    size_t size = safetensors_dtype_size(tensor->dtype);
    for (size_t i = 0; i < tensor->shape.rank; i++)
        size = dims[i] < 65536 ? size * dims[i] : SIZE_MAX / 65536;
    if (size > tensor->size)
        tensor->data = spare;
    if (size > sizeof spare)
        tensor->shape.rank = 0;
}

static int write_tensors(const struct safetensors *file, struct safetensors_writer *writer,
                         unsigned *seed, bool change)
{
    unsigned count = (unsigned)safetensors_count(file);
    unsigned chosen = change && count > 0 ? draw(seed, count) : count;
    bool dropped = draw(seed, 10) == 0;
    int r = 0;
    for (unsigned i = 0; r == 0 && i < count; i++) {
        struct safetensors_tensor tensor = *safetensors_at(file, i);
        if (i == chosen && dropped)
            continue;
        void *copy = malloc(tensor.size ? tensor.size : 1);
        if (!copy)
            return -1;
        memcpy(copy, tensor.data, tensor.size);
        tensor.data = copy;
        if (i == chosen)
            change_tensor(&tensor, seed);
        r = safetensors_writer_add(writer, tensor.name, tensor.dtype, tensor.shape, tensor.data);
        free(copy);
    }
    return r;
}

/* ---- both together ---- */

static int finish(struct safetensors_writer *writer, const char *config, void **ret_bytes,
                  size_t *ret_size)
{
    void *data;
    size_t size;
    char sha256[HASH_HEX_SIZE];
    if (safetensors_writer_data(writer, &data, &size) < 0)
        return -1;
    const struct hash_part parts[] = {{config, strlen(config)}, {data, size}};
    int r = hash_sha256(parts, 2, sha256);
    free(data);
    const char *const metadata[][2] = {{"format", MODEL_FILE_FORMAT},
                                       {"format_version", MODEL_FILE_VERSION},
                                       {"sha256", sha256},
                                       {"config", config}};
    for (size_t i = 0; r == 0 && i < sizeof metadata / sizeof metadata[0]; i++)
        r = safetensors_writer_add_metadata(writer, metadata[i][0], metadata[i][1]);
    return r < 0 ? r : safetensors_writer_finish(writer, ret_bytes, ret_size, NULL);
}

static size_t mutate_model(const struct safetensors *file, uint8_t *ret_data, size_t max_size,
                           unsigned seed)
{
    const char *config = safetensors_metadata(file, "config");
    unsigned way = draw(&seed, 8);
    char *changed = way < 6 ? change_config(config, &seed) : strdup(config);
    struct safetensors_writer *writer = safetensors_writer_new();
    void *bytes = NULL;
    size_t size = 0, used = 0;
    if (changed && writer && write_tensors(file, writer, &seed, way >= 5) == 0 &&
        finish(writer, changed, &bytes, &size) == 0 && size <= max_size) {
        memcpy(ret_data, bytes, size);
        used = size;
    }
    safetensors_writer_free(writer);
    free(changed);
    free(bytes);
    return used;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    struct safetensors *file;
    size_t mutated = 0;
    if (seed % 16 != 0 && safetensors_parse(data, size, &file, NULL) == 0) {
        if (safetensors_metadata(file, "config"))
            mutated = mutate_model(file, data, max_size, seed);
        safetensors_free(file);
    }
    return mutated ? mutated : mutate_safetensors(data, size, max_size, seed);
}
