#include "cli/explain_packs.h"

#include "cli/explain_json.h"
#include "cli/fields.h"
#include "pipeline/evidence_pack.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENDING ".safetensors"
#define DIGITS_LEAST 4

static bool is_pack(const char *path)
{
    char *file;
    if (asprintf(&file, "%s/" EVIDENCE_PACK_FILE, path) < 0)
        return false;
    bool found = access(file, F_OK) == 0;
    free(file);
    return found;
}

/* Counts the packs whose id begins so; ret_id: the last of them. */
static size_t match_ids(const char *directory, const char *digits, char ret_id[HASH_HEX_SIZE])
{
    DIR *stream = opendir(directory);
    const struct dirent *entry;
    size_t count = 0;
    while (stream && (entry = readdir(stream))) {
        if (!evidence_id_valid(entry->d_name) ||
            strncmp(entry->d_name, digits, strlen(digits)) != 0)
            continue;
        memcpy(ret_id, entry->d_name, strlen(entry->d_name) + 1);
        count++;
    }
    if (stream)
        closedir(stream);
    return count;
}

static bool is_hexadecimal(const char *name)
{
    return strspn(name, "0123456789abcdef") == strlen(name) && strlen(name) < HASH_HEX_SIZE;
}

int explain_packs_find(const char *name, const char *state_directory, char **ret_path,
                       struct diag *diag)
{
    char id[HASH_HEX_SIZE] = "", *directory;
    if (is_pack(name))
        return (*ret_path = strdup(name)) ? 0 : diag_errno(diag, ENOMEM, "%s", name);
    if (!is_hexadecimal(name) || strlen(name) < DIGITS_LEAST) {
        diag_set(diag,
                 "%s: neither a pack (a directory with a " EVIDENCE_PACK_FILE
                 ") nor the id of an alert",
                 name);
        return -ENOENT;
    }
    if (asprintf(&directory, "%s/evidence", state_directory) < 0)
        return diag_errno(diag, ENOMEM, "%s", name);
    size_t count = match_ids(directory, name, id);
    int r = 0;
    if (count == 1 && asprintf(ret_path, "%s/%s", directory, id) < 0)
        r = diag_errno(diag, ENOMEM, "%s", name);
    else if (count > 1)
        r = diag_set(diag, "%s: the ids of %zu alerts begin so", name, count);
    else if (count == 0)
        r = diag_errno(diag, ENOENT, "no evidence of alert %s in %s", name, directory);
    free(directory);
    return r;
}

/* ---- the list ---- */

static int newer(const void *a, const void *b)
{
    const cJSON *const *first = a, *const *second = b;
    return strcmp(fields_text(*second, "started", ""), fields_text(*first, "started", ""));
}

/* A cJSON list has no order of its own to be sorted by. */
static int sort_list(cJSON *list)
{
    size_t count = (size_t)cJSON_GetArraySize(list), i = 0;
    cJSON **items = malloc((count + 1) * sizeof *items);
    if (!items)
        return -ENOMEM;
    while (list->child)
        items[i++] = cJSON_DetachItemViaPointer(list, list->child);
    qsort(items, count, sizeof *items, newer);
    for (i = 0; i < count; i++)
        cJSON_AddItemToArray(list, items[i]);
    free(items);
    return 0;
}

static void list_pack(cJSON *list, const char *directory, const char *id, size_t *unreadable)
{
    char *path;
    struct pack *pack = NULL;
    if (asprintf(&path, "%s/%s", directory, id) < 0)
        return;
    if (pack_load_head(path, &pack, NULL) == 0)
        json_append(list, explain_json_entry(pack));
    else
        ++*unreadable;
    pack_free(pack);
    free(path);
}

int explain_packs_list(const char *state_directory, cJSON **ret_list, size_t *ret_unreadable,
                       struct diag *diag)
{
    char *directory;
    if (asprintf(&directory, "%s/evidence", state_directory) < 0)
        return diag_errno(diag, ENOMEM, "%s", state_directory);
    DIR *stream = opendir(directory);
    if (!stream) {
        int r = diag_errno(diag, errno, "%s", directory);
        free(directory);
        return r;
    }
    cJSON *list = cJSON_CreateArray();
    const struct dirent *entry;
    *ret_unreadable = 0;
    while (list && (entry = readdir(stream))) {
        if (evidence_id_valid(entry->d_name))
            list_pack(list, directory, entry->d_name, ret_unreadable);
    }
    closedir(stream);
    free(directory);
    if (!list || sort_list(list) < 0) {
        cJSON_Delete(list);
        return diag_errno(diag, ENOMEM, "%s", state_directory);
    }
    *ret_list = list;
    return 0;
}

/* ---- models ---- */

struct search {
    const struct pack *pack;
    const char *directory;
    struct model *found;
    char other[192]; /* "version 2 (0123456789ab) in FILE" of the same name */
};

/* One that cannot be read is not the one: its content has another digest. */
static void look_at(struct search *search, const char *file)
{
    struct model *model = NULL;
    char *path;
    if (asprintf(&path, "%s/%s", search->directory, file) < 0)
        return;
    if (model_load(path, &model, NULL) == 0) {
        if (!strcmp(model->sha256, search->pack->sha256)) {
            search->found = model_ref(model);
        } else if (!strcmp(model->name, search->pack->model)) {
            snprintf(search->other, sizeof search->other, "version %lld (%.12s) is in %.100s",
                     (long long)model->version, model->sha256, file);
        }
        model_unref(model);
    }
    free(path);
}

static bool is_model(const char *file)
{
    size_t length = strlen(file), ending = strlen(ENDING);
    return length > ending && !strcmp(file + length - ending, ENDING);
}

int explain_packs_model(const struct pack *pack, const char *directory, struct model **ret_model,
                        struct diag *diag)
{
    struct search search = {.pack = pack, .directory = directory};
    DIR *stream = opendir(directory);
    const struct dirent *entry;
    char first[NAME_MAX_LENGTH + sizeof ENDING];
    *ret_model = NULL;
    if (!stream)
        return diag_errno(diag, errno, "%s", directory);
    snprintf(first, sizeof first, "%s" ENDING, pack->model);
    look_at(&search, first);
    while (!search.found && (entry = readdir(stream))) {
        if (is_model(entry->d_name) && strcmp(entry->d_name, first) != 0)
            look_at(&search, entry->d_name);
    }
    closedir(stream);
    *ret_model = search.found;
    if (!search.found)
        diag_set(diag, "model %s version %lld (%.12s), which raised this alert, is not in %s%s%s",
                 pack->model, (long long)pack->model_version, pack->sha256, directory,
                 *search.other ? "; " : "", search.other);
    return 0;
}
