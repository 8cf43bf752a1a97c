/* Strict JSON. What was accepted is printed, and read again as the same tree. */
#include "base/json.h"
#include "fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct diag diag = DIAG_INIT;
    cJSON *tree = json_parse((const char *)data, size, &diag);
    if (!tree) {
        fuzz_check_refusal(-1, &diag);
        return 0;
    }
    char *text = cJSON_PrintUnformatted(tree);
    FUZZ_CHECK(text && json_is_utf8(text));
    cJSON *again = json_parse(text, strlen(text), NULL);
    FUZZ_CHECK(again && cJSON_Compare(tree, again, true));
    FUZZ_CHECK(*json_type_name(tree));
    cJSON_free(text);
    cJSON_Delete(again);
    cJSON_Delete(tree);
    return 0;
}
