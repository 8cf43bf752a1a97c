#include "daemon/lease_thread.h"

#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#if ARMWATCH_NATS

#include "nats/kv.h"

#define TIMEOUT_MIN_MS 200
#define TIMEOUT_MAX_MS 1000

struct lease_thread {
    /* the loop's */
    uv_async_t async;
    struct lease_thread_handlers handlers;
    void (*on_stopped)(void *user);
    void *stopped_user;
    pthread_t thread;
    /* shared, under the mutex */
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool poked, stop, ended;
    char error[256];
    /* the thread's */
    struct lease_keeper keeper;
    struct nats_kv *kv;
    char *password, *ca_file, *cert_file, *key_file; /* secrets, for the time of its life */
    char *bucket, *username, **urls, name[NAME_MAX_LENGTH + 16];
    size_t url_count;
};

/* ---- the store */

static int store_create(void *user, const char *key, const char *value, uint64_t *ret_revision)
{
    return nats_kv_create(user, key, value, ret_revision);
}

static int store_update(void *user, const char *key, const char *value, uint64_t revision,
                        uint64_t *ret_revision)
{
    return nats_kv_update(user, key, value, revision, ret_revision);
}

static int store_remove(void *user, const char *key, uint64_t revision)
{
    return nats_kv_remove(user, key, revision);
}

_Static_assert(LEASE_VALUE_MAX == NATS_KV_VALUE_MAX, "one size of values");

static int store_get(void *user, const char *key, char ret_value[LEASE_VALUE_MAX],
                     uint64_t *ret_revision)
{
    return nats_kv_get(user, key, ret_value, ret_revision);
}

static int store_list(void *user, void (*on_key)(void *arg, const char *key), void *arg,
                      int64_t *ret_created_ns)
{
    return nats_kv_list(user, on_key, arg, ret_created_ns);
}

static int64_t store_boottime_ns(void *user)
{
    return clock_boottime_ns();
}

static int64_t store_realtime_ns(void *user)
{
    return clock_realtime_ns();
}

/* ---- the thread */

/* Returns false when it is to end. */
static bool wait_for_next(struct lease_thread *thread, int64_t poll_ns)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + poll_ns;
    until.tv_sec += ns / CLOCK_NS_PER_S;
    until.tv_nsec = ns % CLOCK_NS_PER_S;
    pthread_mutex_lock(&thread->mutex);
    int r = 0;
    while (!thread->poked && !thread->stop && r == 0)
        r = pthread_cond_timedwait(&thread->wake, &thread->mutex, &until);
    thread->poked = false;
    bool on = !thread->stop;
    pthread_mutex_unlock(&thread->mutex);
    return on;
}

static void tell(struct lease_thread *thread, const char *error, bool ended)
{
    pthread_mutex_lock(&thread->mutex);
    strncpy(thread->error, error, sizeof thread->error - 1);
    thread->ended = ended;
    pthread_mutex_unlock(&thread->mutex);
    uv_async_send(&thread->async);
}

/* Signals are the loop's; the library's threads inherit it. */
static void *run(void *arg)
{
    struct lease_thread *thread = arg;
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    do {
        int r = lease_keeper_step(&thread->keeper);
        tell(thread, r < 0 ? nats_kv_error(thread->kv) : "", false);
    } while (wait_for_next(thread, lease_keeper_poll_ns(&thread->keeper)));
    lease_keeper_stop(&thread->keeper);
    nats_kv_free(thread->kv);
    thread->kv = NULL;
    tell(thread, "", true);
    return NULL;
}

/* ---- the loop */

static void free_thread(struct lease_thread *thread)
{
    nats_kv_free(thread->kv);
    if (thread->password)
        explicit_bzero(thread->password, strlen(thread->password));
    free(thread->password);
    free(thread->ca_file);
    free(thread->cert_file);
    free(thread->key_file);
    free(thread->bucket);
    free(thread->username);
    for (size_t i = 0; thread->urls && i < thread->url_count; i++)
        free(thread->urls[i]);
    free(thread->urls);
    pthread_mutex_destroy(&thread->mutex);
    pthread_cond_destroy(&thread->wake);
    free(thread);
}

static void on_closed(uv_handle_t *handle)
{
    struct lease_thread *thread = handle->data;
    void (*on_stopped)(void *user) = thread->on_stopped;
    void *user = thread->stopped_user;
    free_thread(thread);
    if (on_stopped)
        on_stopped(user);
}

static void on_async(uv_async_t *async)
{
    struct lease_thread *thread = async->data;
    char error[sizeof thread->error];
    pthread_mutex_lock(&thread->mutex);
    memcpy(error, thread->error, sizeof error);
    bool ended = thread->ended, stopping = thread->stop;
    pthread_mutex_unlock(&thread->mutex);
    if (!stopping && thread->handlers.on_turn)
        thread->handlers.on_turn(thread->handlers.user, error);
    if (!ended || uv_is_closing((uv_handle_t *)async))
        return;
    pthread_join(thread->thread, NULL);
    uv_close((uv_handle_t *)async, on_closed);
}

static int copy_config(struct lease_thread *thread, const struct config *config, struct diag *diag)
{
    const struct config_list *urls = &config->partitions.lease.url;
    const struct {
        const char *name;
        char **path;
    } files[] = {{config->partitions.lease.ca_file, &thread->ca_file},
                 {config->partitions.lease.cert_file, &thread->cert_file},
                 {config->partitions.lease.key_file, &thread->key_file}};
    int r = 0;
    for (size_t i = 0; r == 0 && i < sizeof files / sizeof files[0]; i++) {
        if (files[i].name)
            r = config_find_secret(config, files[i].name, files[i].path, diag);
    }
    if (r == 0 && config->partitions.lease.password_file)
        r = config_read_secret(config, config->partitions.lease.password_file, &thread->password,
                               diag);
    if (r < 0)
        return r;
    thread->bucket = strdup(config->partitions.lease.bucket);
    if (config->partitions.lease.username)
        thread->username = strdup(config->partitions.lease.username);
    thread->urls = calloc(urls->count, sizeof *thread->urls);
    bool good =
        thread->bucket && thread->urls && !config->partitions.lease.username == !thread->username;
    for (size_t i = 0; good && i < urls->count; i++) {
        thread->urls[i] = strdup(urls->item[i]);
        good = thread->urls[i] != NULL;
        thread->url_count++;
    }
    snprintf(thread->name, sizeof thread->name, "armwatch-%s", config->instance);
    return good ? 0 : diag_errno(diag, ENOMEM, "leases");
}

static int make_store(struct lease_thread *thread, const struct config *config, struct diag *diag)
{
    int r = copy_config(thread, config, diag);
    if (r < 0)
        return r;
    int64_t ttl_ns = (int64_t)(config->partitions.lease.ttl_s * (double)CLOCK_NS_PER_S);
    int64_t timeout_ms = ttl_ns / CLOCK_NS_PER_MS / 5;
    const struct nats_kv_options options = {
        .urls = (const char *const *)thread->urls,
        .url_count = thread->url_count,
        .name = thread->name,
        .username = thread->username,
        .password = thread->password,
        .ca_file = thread->ca_file,
        .cert_file = thread->cert_file,
        .key_file = thread->key_file,
        .bucket = thread->bucket,
        .ttl_ns = ttl_ns,
        .replicas = (int)config->partitions.lease.replicas,
        .in_memory = !strcmp(config->partitions.lease.storage, "memory"),
        .timeout_ms = timeout_ms < TIMEOUT_MIN_MS   ? TIMEOUT_MIN_MS
                      : timeout_ms > TIMEOUT_MAX_MS ? TIMEOUT_MAX_MS
                                                    : timeout_ms,
    };
    thread->kv = nats_kv_new(&options);
    return thread->kv ? 0 : diag_errno(diag, ENOMEM, "leases");
}

static void make_keeper(struct lease_thread *thread, const struct config *config,
                        struct lease_board *board)
{
    const struct lease_store store = {.create = store_create,
                                      .update = store_update,
                                      .remove = store_remove,
                                      .get = store_get,
                                      .list = store_list,
                                      .boottime_ns = store_boottime_ns,
                                      .realtime_ns = store_realtime_ns,
                                      .user = thread->kv};
    struct lease_options options = {
        .partitions = (size_t)config->partitions.count,
        .most = (size_t)config->partitions.lease.most,
        .ttl_ns = (int64_t)(config->partitions.lease.ttl_s * (double)CLOCK_NS_PER_S)};
    strcpy(options.instance, config->instance);
    if (getrandom(&options.nonce, sizeof options.nonce, 0) != sizeof options.nonce)
        options.nonce = (uint64_t)clock_realtime_ns();
    lease_keeper_init(&thread->keeper, &options, &store, board);
}

static void make_locks(struct lease_thread *thread)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&thread->mutex, NULL);
    pthread_cond_init(&thread->wake, &attributes);
    pthread_condattr_destroy(&attributes);
}

static void on_failed(uv_handle_t *handle)
{
    free_thread(handle->data);
}

int lease_thread_start(uv_loop_t *loop, const struct config *config, struct lease_board *board,
                       const struct lease_thread_handlers *handlers,
                       struct lease_thread **ret_thread, struct diag *diag)
{
    struct lease_thread *thread = calloc(1, sizeof *thread);
    if (!thread)
        return diag_errno(diag, ENOMEM, "leases");
    make_locks(thread);
    thread->handlers = *handlers;
    int r = make_store(thread, config, diag);
    if (r < 0) {
        free_thread(thread);
        return r;
    }
    make_keeper(thread, config, board);
    r = uv_async_init(loop, &thread->async, on_async);
    if (r < 0) {
        free_thread(thread);
        return diag_errno(diag, -r, "leases");
    }
    thread->async.data = thread;
    r = -pthread_create(&thread->thread, NULL, run, thread);
    if (r < 0) {
        uv_close((uv_handle_t *)&thread->async, on_failed);
        return diag_errno(diag, -r, "leases");
    }
    *ret_thread = thread;
    return 0;
}

void lease_thread_poke(struct lease_thread *thread)
{
    pthread_mutex_lock(&thread->mutex);
    thread->poked = true;
    pthread_cond_signal(&thread->wake);
    pthread_mutex_unlock(&thread->mutex);
}

void lease_thread_stop(struct lease_thread *thread, void (*on_stopped)(void *user), void *user)
{
    thread->on_stopped = on_stopped;
    thread->stopped_user = user;
    pthread_mutex_lock(&thread->mutex);
    thread->stop = true;
    pthread_cond_signal(&thread->wake);
    pthread_mutex_unlock(&thread->mutex);
}

#else

int lease_thread_start(uv_loop_t *loop, const struct config *config, struct lease_board *board,
                       const struct lease_thread_handlers *handlers,
                       struct lease_thread **ret_thread, struct diag *diag)
{
    diag_set(diag, "partitions.lease: this armwatch was built without NATS");
    return -ENOTSUP;
}

void lease_thread_poke(struct lease_thread *thread)
{
}

void lease_thread_stop(struct lease_thread *thread, void (*on_stopped)(void *user), void *user)
{
    on_stopped(user);
}

#endif
