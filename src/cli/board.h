/*
 * board: the live view of `armwatch watch` on a terminal: alerts scroll by, and under them stands a
 * table of the instances and robots that is drawn again in its place.
 *
 * Everything new is written in one piece, over the old text instead of after wiping it, so nothing
 * flickers. Thread: one. Memory: board_deinit.
 */
#ifndef ARMWATCH_CLI_BOARD_H
#define ARMWATCH_CLI_BOARD_H

#include "base/json.h"
#include "base/name.h"
#include "cli/fields.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define BOARD_HISTORY 256 /* seconds of scores */

struct board_robot {
    char name[NAME_MAX_LENGTH + 1];
    char state[24];
    char note[FIELDS_SUSPENSION_MAX]; /* in the place of scores: why nobody asks for them; or "" */
    double score;                     /* the last, NAN: none yet */
    float history[BOARD_HISTORY];     /* largest score of each second, NAN: none; ring */
};

struct board_service {
    char name[NAME_MAX_LENGTH + 1];
    char text[160];
    bool good;
};

struct board {
    FILE *out;
    struct board_robot *robot; /* sorted by name, numbers in it by size */
    size_t robots;
    struct board_service *service; /* sorted by name, numbers in it by size */
    size_t services;
    unsigned long second; /* of the history */
    char *events;         /* alerts that wait to be drawn, or NULL */
    size_t events_size;
    int drawn_lines; /* of the table, above the cursor */
    bool dirty, unicode;
};

void board_init(struct board *board, FILE *out);
void board_deinit(struct board *board);

/* What came; the messages are clean for a terminal. Errors: -ENOMEM. */
int board_score(struct board *board, const char *robot, const cJSON *message);
int board_state(struct board *board, const char *robot, const cJSON *message);
int board_alert(struct board *board, const char *robot, const cJSON *message);
int board_status(struct board *board, const char *instance, const cJSON *message);
/* A line of the user's own, among the alerts. */
int board_note(struct board *board, const char *text);

/* Another second of the history begins. */
void board_tick(struct board *board);

/* Draws if anything is new. */
void board_draw(struct board *board);
/* Wipes the table, so that a line can be printed. */
void board_clear(struct board *board);

#endif
