#include "daemon/model_watch.h"

#include "base/log.h"

#include <string.h>

#define MODEL_SUFFIX ".safetensors"

static bool take_off(char *text, const char *suffix)
{
    size_t length = strlen(text), end = strlen(suffix);
    if (length < end || strcmp(text + length - end, suffix) != 0)
        return false;
    text[length - end] = '\0';
    return true;
}

/* The model that a file of the directory belongs to; false if it is none's. */
static bool model_of_file(const char *file, char ret_name[NAME_MAX_LENGTH + 1])
{
    char text[NAME_MAX_LENGTH + sizeof MODEL_SUFFIX + sizeof SIGNATURE_SUFFIX];
    if (strlen(file) >= sizeof text)
        return false;
    strcpy(text, file);
    take_off(text, SIGNATURE_SUFFIX);
    if (!take_off(text, MODEL_SUFFIX) || !name_valid(text))
        return false;
    strcpy(ret_name, text);
    return true;
}

static void on_quiet(uv_timer_t *timer)
{
    struct model_watch *watch = timer->data;
    fleet_reread_touched(watch->fleet, "directory watch");
}

static void on_event(uv_fs_event_t *event, const char *file, int events, int status)
{
    struct model_watch *watch = event->data;
    char name[NAME_MAX_LENGTH + 1];
    if (status < 0)
        log_warning("the model directory is no longer watched: %s", uv_strerror(status));
    else if (!file ? fleet_touch(watch->fleet, NULL)
                   : model_of_file(file, name) && fleet_touch(watch->fleet, name))
        uv_timer_start(&watch->quiet, on_quiet, MODEL_WATCH_QUIET_MS, 0);
}

int model_watch_start(struct model_watch *watch, struct fleet *fleet, struct diag *diag)
{
    const char *directory = fleet->assignments.directory;
    *watch = (struct model_watch){.fleet = fleet, .open = true};
    uv_fs_event_init(fleet->loop, &watch->event);
    uv_timer_init(fleet->loop, &watch->quiet);
    watch->event.data = watch->quiet.data = watch;
    int r = uv_fs_event_start(&watch->event, on_event, directory, 0);
    if (r == 0)
        return 0;
    model_watch_stop(watch);
    return diag_errno(diag, r, "%s", directory);
}

void model_watch_stop(struct model_watch *watch)
{
    if (!watch->open)
        return;
    watch->open = false;
    uv_close((uv_handle_t *)&watch->event, NULL);
    uv_close((uv_handle_t *)&watch->quiet, NULL);
}
