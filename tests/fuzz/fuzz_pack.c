/* The description of an evidence pack: what is accepted keeps to its bounds, and means the same
 * when it is printed and read again. There are no tables beside it: a pack with rows is refused for
 * that. */
#include "fuzz.h"

#include "base/file.h"
#include "base/name.h"
#include "lab/pack.h"
#include "pipeline/evidence_pack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[64];

static void remove_all(void)
{
    char path[128];
    static const char *const files[] = {EVIDENCE_PACK_FILE, EVIDENCE_ALERT_FILE};
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", directory, files[i]);
        unlink(path);
    }
    rmdir(directory);
}

static void put(const char *name, const void *data, size_t size)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *stream = fopen(path, "wb");
    FUZZ_CHECK(stream && fwrite(data, 1, size, stream) == size && fclose(stream) == 0);
}

static void make_directory(void)
{
    static const char alert[] = "{\"data\":{\"kind\":\"anomaly\"}}";
    snprintf(directory, sizeof directory, "/tmp/armwatch-fuzz-XXXXXX");
    FUZZ_CHECK(mkdtemp(directory));
    atexit(remove_all);
    put(EVIDENCE_ALERT_FILE, alert, strlen(alert));
}

static void check_accepted(const struct pack *pack)
{
    FUZZ_CHECK(evidence_id_valid(pack->alert_id) && name_valid(pack->model));
    FUZZ_CHECK(pack->rows <= PACK_ROWS_MAX && pack->at <= pack->rows);
    FUZZ_CHECK(pack->channels >= 1 && pack->channels <= MODEL_CHANNELS_MAX);
    FUZZ_CHECK(pack->derived <= DERIVED_MAX);
    FUZZ_CHECK(pack->detectors >= 1 && pack->detectors <= MODEL_DETECTORS_MAX);
    FUZZ_CHECK(pack->period_s > 0);
    for (size_t d = 0; d < pack->detectors; d++)
        FUZZ_CHECK(pack->detector[d].name && pack->detector[d].threshold >= 0);
}

static void check_again(const struct pack *pack)
{
    struct pack *again = NULL;
    char *text = cJSON_PrintUnformatted(pack->about);
    FUZZ_CHECK(text);
    put(EVIDENCE_PACK_FILE, text, strlen(text));
    FUZZ_CHECK(pack_load_head(directory, &again, NULL) == 0);
    FUZZ_CHECK(again->detectors == pack->detectors && again->channels == pack->channels);
    FUZZ_CHECK(!strcmp(again->sha256, pack->sha256));
    pack_free(again);
    cJSON_free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct diag diag = DIAG_INIT;
    struct pack *pack = NULL;
    if (!*directory)
        make_directory();
    put(EVIDENCE_PACK_FILE, data, size);
    int r = pack_load_head(directory, &pack, &diag);
    if (r < 0) {
        fuzz_check_refusal(r, &diag);
        return 0;
    }
    check_accepted(pack);
    struct pack *whole = NULL;
    r = pack_load(directory, &whole, &diag);
    if (r < 0)
        fuzz_check_refusal(r, &diag);
    else
        FUZZ_CHECK(whole->rows == 0);
    pack_free(whole);
    check_again(pack);
    pack_free(pack);
    return 0;
}
