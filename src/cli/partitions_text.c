#include "cli/partitions_text.h"

#include "cli/fields.h"

void partitions_text(const cJSON *reply, FILE *out)
{
    const cJSON *partitions = cJSON_GetObjectItemCaseSensitive(reply, "partitions");
    const cJSON *lease = cJSON_GetObjectItemCaseSensitive(partitions, "lease");
    if (!cJSON_IsObject(partitions))
        return;
    const char *owned = fields_text(partitions, "owned", "");
    fprintf(out, "partitions %s of %.0f; %.0f taken, %.0f given to others, %.0f lost",
            *owned ? owned : "none", fields_number(partitions, "count", 0),
            fields_number(partitions, "obtained", 0), fields_number(partitions, "given", 0),
            fields_number(partitions, "lost", 0));
    fprintf(out, "; samples %.3f s old\n", fields_number(partitions, "lag_s", 0));
    if (!cJSON_IsObject(lease))
        return;
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(lease, "reachable")))
        fprintf(out, "leases: %.0f instances share them\n", fields_number(lease, "instances", 0));
    else
        fprintf(out, "leases: no answer: %s\n", fields_text(lease, "error", "not asked yet"));
}
