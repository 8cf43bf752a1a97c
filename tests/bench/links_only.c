/*
 * links_only: what the libraries alone cost: links what the daemon links, initialises it, says
 * READY, and waits.
 *
 * The other side of the footprint benchmark.
 */
#include "base/json.h"
#include "daemon/notify.h"
#include "mqtt/client.h"
#include "nn/blas.h"

#include <openssl/evp.h>
#include <sqlite3.h>
#include <stdlib.h>

static void on_signal(uv_signal_t *handle, int signum)
{
    uv_stop(handle->loop);
}

/* A digest makes libcrypto fetch its algorithms; a database makes SQLite allocate what it keeps. */
static bool use_libraries(void)
{
    static sqlite3 *db;
    unsigned char digest[EVP_MAX_MD_SIZE];
    blas_init();
    cJSON_Delete(cJSON_CreateObject());
    return EVP_Digest("", 0, digest, NULL, EVP_sha256(), NULL) == 1 &&
           sqlite3_open(":memory:", &db) == SQLITE_OK &&
           sqlite3_exec(db, "CREATE TABLE t(n INTEGER)", NULL, NULL, NULL) == SQLITE_OK;
}

int main(void)
{
    uv_loop_t loop;
    uv_signal_t signal;
    struct mqtt_client *client;
    const char *port = getenv("ARMWATCH_BENCH_PORT");
    struct mqtt_options options = {.url = {.host = "127.0.0.1", .port = port ? atoi(port) : 1883},
                                   .protocol = 5,
                                   .client_id = "links-only"};
    static const struct mqtt_handlers handlers;
    uv_loop_init(&loop);
    uv_signal_init(&loop, &signal);
    uv_signal_start(&signal, on_signal, SIGTERM);
    if (!use_libraries() || mqtt_client_start(&loop, &options, &handlers, NULL, &client, NULL) < 0)
        return EXIT_FAILURE;
    notify_ready("links only");
    uv_run(&loop, UV_RUN_DEFAULT);
    return EXIT_SUCCESS; /* the process ends: nothing is worth freeing */
}
