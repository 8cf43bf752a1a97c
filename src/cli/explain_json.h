/*
 * explain_json: what is known of an alert, from its pack and from scoring it again, as one object:
 * what `explain --json` prints, and what its text and its page are made of.
 */
#ifndef ARMWATCH_CLI_EXPLAIN_JSON_H
#define ARMWATCH_CLI_EXPLAIN_JSON_H

#include "base/json.h"
#include "lab/explanation.h"
#include "lab/pack.h"

struct explain_input {
    const char *path; /* of the pack */
    const struct pack *pack;
    const struct model *model;             /* NULL: the pack was not scored again */
    const struct explanation *explanation; /* NULL likewise */
    const char *why;                       /* not; "" */
};

/* NULL when memory is out. */
cJSON *explain_json(const struct explain_input *input);
/* One entry of the list of packs. */
cJSON *explain_json_entry(const struct pack *pack);

#endif
