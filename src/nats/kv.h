/*
 * kv: a key-value bucket in NATS JetStream, as far as leases need it: whoever creates a key has it,
 * only the newest revision can be replaced or removed, and what is not written again expires.
 *
 * Every call may block for as long as options say, once more while it connects. A connection that
 * is lost is made anew by the next call, so that nothing waits in a buffer to be sent later.
 * Thread: one at a time; the library has threads of its own beside it.
 */
#ifndef ARMWATCH_NATS_KV_H
#define ARMWATCH_NATS_KV_H

#include "base/diag.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NATS_KV_VALUE_MAX 512 /* bytes */

/* Everything is borrowed for as long as the bucket is in use. */
struct nats_kv_options {
    const char *const *urls; /* [url_count] nats:// or tls:// */
    size_t url_count;
    const char *name;     /* of this client, for the server's list */
    const char *username; /* or NULL */
    const char *password; /* or NULL */
    const char *ca_file;  /* these three: or NULL; tls:// only */
    const char *cert_file;
    const char *key_file;
    const char *bucket;
    int64_t ttl_ns; /* of every key; a bucket that is there must have the same */
    int replicas;   /* these two only where the bucket has to be made */
    bool in_memory;
    int64_t timeout_ms; /* of a request, and of connecting to a server */
};

struct nats_kv;

/* Connects at the first use. NULL when memory is out. */
struct nats_kv *nats_kv_new(const struct nats_kv_options *options);
void nats_kv_free(struct nats_kv *kv); /* NULL is allowed */

/* All of them: 0; -EEXIST the key is there; -ESTALE it has another revision, or is not there any
 * more; -ENOENT it is not there; -EINVAL the bucket is not what the options say; anything else: not
 * known, for want of an answer. The text of the newest failure is nats_kv_error. */
int nats_kv_create(struct nats_kv *kv, const char *key, const char *value, uint64_t *ret_revision);
int nats_kv_update(struct nats_kv *kv, const char *key, const char *value, uint64_t revision,
                   uint64_t *ret_revision);
int nats_kv_remove(struct nats_kv *kv, const char *key, uint64_t revision);
int nats_kv_get(struct nats_kv *kv, const char *key, char ret_value[NATS_KV_VALUE_MAX],
                uint64_t *ret_revision);
/* Tells every key, those that were removed and have not expired included. ret_created_ns: when the
 * bucket was made, by the server's wall clock. */
int nats_kv_list(struct nats_kv *kv, void (*on_key)(void *user, const char *key), void *user,
                 int64_t *ret_created_ns);

const char *nats_kv_error(const struct nats_kv *kv);

#endif
