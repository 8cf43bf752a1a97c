#include "cli/board.h"

#include "cli/fields.h"
#include "cli/terminal.h"

#include <errno.h>
#include <langinfo.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NAME_COLUMNS 16
#define FIXED_COLUMNS 42 /* of a robot's line, before its history */
#define CRITICAL_SCORE 3
#define LEVELS 8

void board_init(struct board *board, FILE *out)
{
    *board = (struct board){.out = out, .unicode = !strcmp(nl_langinfo(CODESET), "UTF-8")};
    fputs("\033[?25l", out); /* the cursor would only jump about */
}

void board_deinit(struct board *board)
{
    board_draw(board);
    fputs("\033[?25h", board->out);
    fflush(board->out);
    free(board->robot);
    free(board->service);
    free(board->events);
    *board = (struct board){0};
}

/* ---- what came */

/* The place of a name among sorted items that begin with their name; *ret_found: it is there. */
static size_t find_place(const void *items, size_t count, size_t size, const char *name,
                         bool *ret_found)
{
    const char *base = items;
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strverscmp(base + middle * size, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_found = low < count && !strcmp(base + low * size, name);
    return low;
}

/* NULL when memory is out. */
static struct board_robot *get_robot(struct board *board, const char *name)
{
    bool found;
    size_t at = find_place(board->robot, board->robots, sizeof *board->robot, name, &found);
    if (found)
        return &board->robot[at];
    struct board_robot *robots =
        reallocarray(board->robot, board->robots + 1, sizeof *board->robot);
    if (!robots)
        return NULL;
    board->robot = robots;
    memmove(&robots[at + 1], &robots[at], (board->robots - at) * sizeof *robots);
    board->robots++;
    robots[at] = (struct board_robot){.state = "-", .score = (double)NAN};
    snprintf(robots[at].name, sizeof robots[at].name, "%s", name);
    for (size_t i = 0; i < BOARD_HISTORY; i++)
        robots[at].history[i] = NAN;
    return &robots[at];
}

static struct board_service *get_service(struct board *board, const char *name)
{
    bool found;
    size_t at = find_place(board->service, board->services, sizeof *board->service, name, &found);
    if (found)
        return &board->service[at];
    struct board_service *services =
        reallocarray(board->service, board->services + 1, sizeof *board->service);
    if (!services)
        return NULL;
    board->service = services;
    memmove(&services[at + 1], &services[at], (board->services - at) * sizeof *services);
    board->services++;
    services[at] = (struct board_service){0};
    snprintf(services[at].name, sizeof services[at].name, "%s", name);
    return &services[at];
}

int board_score(struct board *board, const char *name, const cJSON *message)
{
    struct board_robot *robot = get_robot(board, name);
    if (!robot)
        return -ENOMEM;
    float *present = &robot->history[board->second % BOARD_HISTORY];
    robot->score = fields_number(message, "score", (double)NAN);
    *present = fmaxf(*present, (float)robot->score); /* a NAN gives way */
    board->dirty = true;
    return 0;
}

int board_state(struct board *board, const char *name, const cJSON *message)
{
    struct board_robot *robot = get_robot(board, name);
    if (!robot)
        return -ENOMEM;
    snprintf(robot->state, sizeof robot->state, "%s", fields_text(message, "state", "-"));
    fields_suspension(message, robot->note);
    if (!strcmp(robot->state, "not_evaluated"))
        fields_join(message, "reasons", robot->note, sizeof robot->note);
    board->dirty = true;
    return 0;
}

int board_status(struct board *board, const char *instance, const cJSON *message)
{
    struct board_service *service = get_service(board, instance);
    if (!service)
        return -ENOMEM;
    char up[FIELDS_SPAN_MAX], reasons[64];
    const char *state = fields_text(message, "state", "-");
    bool offline = !strcmp(state, "offline");
    fields_span(fields_number(message, "uptime", 0), up);
    fields_join(message, "reasons", reasons, sizeof reasons);
    service->good = !strcmp(state, "online");
    snprintf(service->text, sizeof service->text, offline ? "%s" : "%s%s%s, model %s v%.0f, up %s",
             state, *reasons ? ": " : "", reasons, fields_text(message, "model", "-"),
             fields_number(message, "model_version", 0), up);
    board->dirty = true;
    return 0;
}

static void put_alert(FILE *out, const char *robot, const cJSON *message)
{
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(message, "data");
    const char *severity = fields_text(data, "severity", "-"),
               *state = fields_text(data, "state", "-");
    bool cleared = !strcmp(state, "cleared");
    enum terminal_style style = cleared                         ? TERMINAL_GOOD
                                : !strcmp(severity, "critical") ? TERMINAL_CRITICAL
                                : !strcmp(severity, "warning")  ? TERMINAL_WARNING
                                                                : TERMINAL_BOLD;
    char time[FIELDS_TIME_MAX], score[FIELDS_SCORE_MAX];
    int columns, lines;
    terminal_size(stdout, &columns, &lines);
    fields_local_time(fields_text(message, "time", ""), time);
    fields_score(fields_number(data, "score", (double)NAN), score);
    int column = fprintf(out, "%s  %s ", time, robot);
    fputs(terminal_style(stdout, style), out);
    column += fprintf(out, "%s %s", severity, state);
    fputs(terminal_style(stdout, TERMINAL_PLAIN), out);
    bool scored = !cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(data, "score"));
    column += fprintf(
        out, scored ? " (score %s):" : " (%s):", scored ? score : fields_text(data, "kind", "-"));
    terminal_put_wrapped(out, fields_text(data, "text", ""), column, (int)strlen(time) + 2,
                         columns - 1);
}

struct event {
    char *text;
    size_t size;
    FILE *stream; /* behind the events that wait already */
};

static int begin_event(struct event *event, const struct board *board)
{
    *event = (struct event){0};
    event->stream = open_memstream(&event->text, &event->size);
    if (event->stream && board->events)
        fwrite(board->events, 1, board->events_size, event->stream);
    return event->stream ? 0 : -ENOMEM;
}

static int end_event(struct event *event, struct board *board)
{
    if (fclose(event->stream) != 0) {
        free(event->text);
        return -ENOMEM;
    }
    free(board->events);
    board->events = event->text;
    board->events_size = event->size;
    board->dirty = true;
    return 0;
}

int board_alert(struct board *board, const char *robot, const cJSON *message)
{
    struct event event;
    int r = begin_event(&event, board);
    if (r < 0)
        return r;
    put_alert(event.stream, robot, message);
    return end_event(&event, board);
}

int board_note(struct board *board, const char *text)
{
    struct event event;
    int r = begin_event(&event, board);
    if (r < 0)
        return r;
    fprintf(event.stream, "%s%s%s\n", terminal_style(stdout, TERMINAL_BOLD), text,
            terminal_style(stdout, TERMINAL_PLAIN));
    return end_event(&event, board);
}

void board_tick(struct board *board)
{
    board->second++;
    for (size_t i = 0; i < board->robots; i++)
        board->robot[i].history[board->second % BOARD_HISTORY] = NAN;
    board->dirty = board->dirty || board->robots > 0;
}

/* ---- drawing */

static enum terminal_style score_style(double score)
{
    return score >= CRITICAL_SCORE ? TERMINAL_CRITICAL
           : score >= 1            ? TERMINAL_WARNING
                                   : TERMINAL_PLAIN;
}

/* 0 where there is no score; below the limit 1 to 6, above it 7, critical 8. */
static int score_level(double score)
{
    if (isnan(score))
        return 0;
    if (score >= 1)
        return score >= CRITICAL_SCORE ? LEVELS : LEVELS - 1;
    return 1 + (int)(fmax(score, 0) * (LEVELS - 2));
}

static void put_history(FILE *out, const struct board *board, const struct board_robot *robot,
                        int columns)
{
    static const char *const blocks[LEVELS + 1] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const ascii[LEVELS + 1] = {" ", ".", ".", "-", "-", "=", "=", "#", "@"};
    const char *const *marks = board->unicode ? blocks : ascii;
    enum terminal_style now = TERMINAL_PLAIN;
    int count = columns < BOARD_HISTORY ? columns : BOARD_HISTORY;
    for (int age = count - 1; age >= 0; age--) {
        double score =
            (double)robot
                ->history[(board->second + BOARD_HISTORY - (unsigned long)age) % BOARD_HISTORY];
        enum terminal_style style = score_style(score);
        if (style != now)
            fprintf(out, "%s%s", terminal_style(stdout, TERMINAL_PLAIN),
                    style == TERMINAL_PLAIN ? "" : terminal_style(stdout, style));
        now = style;
        fputs(marks[score_level(score)], out);
    }
    if (now != TERMINAL_PLAIN)
        fputs(terminal_style(stdout, TERMINAL_PLAIN), out);
}

static void put_robot(FILE *out, const struct board *board, const struct board_robot *robot,
                      int columns)
{
    char score[FIELDS_SCORE_MAX];
    const char *state = robot->state;
    enum terminal_style style = !strcmp(state, "ok")      ? TERMINAL_GOOD
                                : !strcmp(state, "alert") ? TERMINAL_CRITICAL
                                : !strcmp(state, "stale") ? TERMINAL_DIM
                                                          : TERMINAL_WARNING;
    fields_score(robot->score, score);
    fprintf(out, "%-*.*s %s%-14.14s%s %s%7s%s  ", NAME_COLUMNS, NAME_COLUMNS, robot->name,
            terminal_style(stdout, style), state, terminal_style(stdout, TERMINAL_PLAIN),
            terminal_style(stdout, score_style(robot->score)), score,
            terminal_style(stdout, TERMINAL_PLAIN));
    int room = columns - FIXED_COLUMNS;
    if (*robot->note && room > 0)
        fprintf(out, "%.*s", json_utf8_head(robot->note, (size_t)room), robot->note);
    else
        put_history(out, board, robot, room);
    fputs("\033[K\n", out);
}

static void put_services(FILE *out, const struct board *board, int columns)
{
    for (size_t i = 0; i < board->services; i++) {
        const struct board_service *service = &board->service[i];
        fprintf(out, "%s%-*.*s%s %s%.*s%s\033[K\n", terminal_style(stdout, TERMINAL_BOLD),
                NAME_COLUMNS, NAME_COLUMNS, service->name, terminal_style(stdout, TERMINAL_PLAIN),
                terminal_style(stdout, service->good ? TERMINAL_GOOD : TERMINAL_WARNING),
                columns - NAME_COLUMNS - 2, service->text, terminal_style(stdout, TERMINAL_PLAIN));
    }
}

static bool is_quiet(const struct board_robot *robot)
{
    return !strcmp(robot->state, "ok") && !(robot->score >= 1);
}

/* The robots that there is room for, those first that are not quiet; each part sorted by name. */
static int put_robots(FILE *out, const struct board *board, int columns, int room)
{
    int lines = 0;
    bool all = board->robots <= (size_t)room;
    size_t left = board->robots;
    for (int quiet = 0; quiet < (all ? 1 : 2); quiet++) {
        for (size_t i = 0; i < board->robots && (all || lines < room - 1); i++) {
            if (!all && is_quiet(&board->robot[i]) != quiet)
                continue;
            put_robot(out, board, &board->robot[i], columns);
            lines++;
            left--;
        }
    }
    if (left > 0) {
        fprintf(out, "... and %zu more\033[K\n", left);
        lines++;
    }
    return lines;
}

static int put_table(FILE *out, const struct board *board)
{
    int columns, lines;
    terminal_size(stdout, &columns, &lines);
    put_services(out, board, columns);
    int used = (int)board->services;
    if (board->robots == 0) {
        fputs("no robot has been heard of yet\033[K\n", out);
        return used + 1;
    }
    int seconds = columns - FIXED_COLUMNS;
    fprintf(out, "%s%-*s %-14s %7s  ", terminal_style(stdout, TERMINAL_DIM), NAME_COLUMNS, "ROBOT",
            "STATE", "SCORE");
    if (seconds >= 16)
        fprintf(out, "LAST %d SECONDS", seconds < BOARD_HISTORY ? seconds : BOARD_HISTORY);
    fprintf(out, "%s\033[K\n", terminal_style(stdout, TERMINAL_PLAIN));
    used++;
    int room = lines - used - 2;
    return used + put_robots(out, board, columns, room < 3 ? 3 : room);
}

static void put_up(FILE *out, int lines)
{
    if (lines > 0)
        fprintf(out, "\033[%dA", lines);
    fputc('\r', out);
}

void board_draw(struct board *board)
{
    if (!board->dirty)
        return;
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (!stream)
        return; /* perhaps the next time */
    put_up(stream, board->drawn_lines);
    if (board->events) {
        fputs("\033[J", stream); /* its lines are longer or shorter than what they replace */
        fwrite(board->events, 1, board->events_size, stream);
    }
    int lines = put_table(stream, board);
    fputs("\033[J", stream);
    if (fclose(stream) == 0) {
        fwrite(text, 1, size, board->out);
        fflush(board->out);
        free(board->events);
        board->events = NULL;
        board->drawn_lines = lines;
        board->dirty = false;
    }
    free(text);
}

void board_clear(struct board *board)
{
    put_up(board->out, board->drawn_lines);
    fputs("\033[J", board->out);
    fflush(board->out);
    board->drawn_lines = 0;
    board->dirty = true;
}
