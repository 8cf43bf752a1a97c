/*
 * control_internal: what the commands of control.c's table are made of. control_answer.c gives
 * answers, each once; control_status.c and control_models.c run commands; one that belongs to
 * another module is passed on to it by control.c.
 *
 * A command either answers, or refuses, or keeps a copy of its request as control->running and
 * answers later. Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_CONTROL_INTERNAL_H
#define ARMWATCH_DAEMON_CONTROL_INTERNAL_H

#include "base/diag.h"
#include "base/json.h"
#include "daemon/control.h"
#include "daemon/swap.h"

#include <stdbool.h>
#include <stdint.h>

/* ---- requests: control.c ---- */

/* With arguments of its own. NULL: memory is out. */
struct control_request *control_request_copy(const struct control_request *request);
void control_request_free(struct control_request *request); /* a copy, or NULL */

/* An optional name among the arguments, "" where it is absent. False if it is there and is none:
 * then it was refused. */
bool control_get_name(struct control *control, const struct control_request *request,
                      const cJSON *arguments, const char *key, const char **ret_name);

/* ---- answers: control_answer.c ---- */

/* True if the id was answered, which is sent again, or is being worked on: there is nothing to run.
 */
bool control_is_repeated(struct control *control, const struct control_request *request);

/* Completes the answer with id and command, writes it into the audit where the command changes
 * something, sends it, and remembers it: the first one of an id. The tree is taken. */
void control_answer(struct control *control, const struct control_request *request, bool ok,
                    cJSON *tree);
/* Answers with an error that was logged. Returns how often there was this code. */
uint64_t control_answer_error(struct control *control, const struct control_request *request,
                              const char *code, const char *message);
/* Answers with an error, before anything was done, and logs it. */
void control_refuse(struct control *control, const struct control_request *request,
                    const char *code, const char *message);
/* code NULL: answers with the tree; else refuses with it and the text of diag. The tree is taken.
 */
void control_finish(struct control *control, const struct control_request *request, cJSON *tree,
                    const char *code, const struct diag *diag);

/* Who sent a command, as far as can be known: its id, in one line. */
void control_name_sender(const struct control_request *request, char ret_who[SWAP_WHO_MAX]);

/* ---- commands ---- */

/* control_status.c: the service, its models, and its robots or one of them. */
void control_run_status(struct control *control, struct control_request *request,
                        const cJSON *arguments);

/* control_models.c: `reload`, `rollback`, `shadow`, `promote`, */
void control_run_load(struct control *control, struct control_request *request,
                      const cJSON *arguments);
/* `commission`, which may load a model before it begins, */
void control_run_commission(struct control *control, struct control_request *request,
                            const cJSON *arguments);
/* `arm` and `disarm`. */
void control_run_commissioning(struct control *control, struct control_request *request,
                               const cJSON *arguments);

#endif
