/*
 * The library's own functions for buckets do not say why a write was refused, nor remove a key only
 * if it is still ours. So keys are written as what they are, messages on $KV.BUCKET.KEY in the
 * stream KV_BUCKET, with the last sequence number that is expected there. The library's reconnect
 * is off: it would send what has waited in its buffer, long after the caller has given it up. Each
 * server is tried by itself, because the library looks at the name in a certificate only where it
 * is told which one to expect.
 */
#include "nats/kv.h"

#include <errno.h>
#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPERATION "KV-Operation"

struct nats_kv {
    struct nats_kv_options options;
    natsConnection *connection;
    jsCtx *js;
    size_t next;                   /* of the servers */
    char stream[160], prefix[160]; /* KV_BUCKET, $KV.BUCKET. */
    char error[256];
};

/* ---- errors */

static int fail(struct nats_kv *kv, natsStatus status, jsErrCode code, const char *what)
{
    const char *last = nats_GetLastError(NULL);
    snprintf(kv->error, sizeof kv->error, "%s: %s", what,
             last && *last ? last : natsStatus_GetText(status));
    if (code == JSStreamWrongLastSequenceErr)
        return -ESTALE;
    if (status == NATS_NOT_FOUND)
        return -ENOENT;
    if (status == NATS_CONNECTION_AUTH_FAILED || status == NATS_NOT_PERMITTED)
        return -EACCES;
    return status == NATS_TIMEOUT ? -ETIMEDOUT : -EIO;
}

/* ---- the connection */

static void disconnect(struct nats_kv *kv)
{
    jsCtx_Destroy(kv->js);
    natsConnection_Destroy(kv->connection);
    kv->js = NULL;
    kv->connection = NULL;
}

/* SCHEME://[USER@]HOST[:PORT], HOST perhaps in brackets. */
static void read_host(const char *url, char ret_host[256])
{
    const char *host = strstr(url, "://");
    host = host ? host + 3 : url;
    const char *user = strchr(host, '@');
    host = user ? user + 1 : host;
    bool bracket = *host == '[';
    host += bracket;
    snprintf(ret_host, 256, "%.*s", (int)strcspn(host, bracket ? "]" : ":/"), host);
}

static natsStatus set_tls(const struct nats_kv_options *from, const char *url, natsOptions *to)
{
    char host[256];
    if (strncmp(url, "tls://", 6) != 0)
        return NATS_OK;
    read_host(url, host);
    natsStatus s = natsOptions_SetSecure(to, true);
    if (s == NATS_OK)
        s = natsOptions_SetExpectedHostname(to, host);
    if (s == NATS_OK && from->ca_file) /* else the system's */
        s = natsOptions_LoadCATrustedCertificates(to, from->ca_file);
    if (s == NATS_OK && from->cert_file)
        s = natsOptions_LoadCertificatesChain(to, from->cert_file, from->key_file);
    return s;
}

static natsStatus set_options(const struct nats_kv_options *from, const char *url, natsOptions *to)
{
    natsStatus s = natsOptions_SetURL(to, url);
    if (s == NATS_OK)
        s = natsOptions_SetTimeout(to, from->timeout_ms);
    if (s == NATS_OK)
        s = natsOptions_SetName(to, from->name);
    if (s == NATS_OK)
        s = natsOptions_SetAllowReconnect(to, false);
    if (s == NATS_OK)
        s = natsOptions_SetPingInterval(to, 2 * from->timeout_ms);
    if (s == NATS_OK && from->username)
        s = natsOptions_SetUserInfo(to, from->username, from->password ? from->password : "");
    return s == NATS_OK ? set_tls(from, url, to) : s;
}

static natsStatus connect_to(struct nats_kv *kv, const char *url)
{
    natsOptions *options = NULL;
    natsStatus s = natsOptions_Create(&options);
    if (s == NATS_OK)
        s = set_options(&kv->options, url, options);
    if (s == NATS_OK)
        s = natsConnection_Connect(&kv->connection, options);
    natsOptions_Destroy(options);
    return s;
}

/* Makes the bucket where there is none. */
static int open_bucket(struct nats_kv *kv)
{
    kvStore *store = NULL;
    natsStatus s = js_KeyValue(&store, kv->js, kv->options.bucket);
    if (s == NATS_NOT_FOUND) {
        kvConfig config;
        kvConfig_Init(&config);
        config.Bucket = kv->options.bucket;
        config.Description = "who owns which partition of robots (armwatch)";
        config.MaxValueSize = NATS_KV_VALUE_MAX;
        config.History = 1;
        config.TTL = kv->options.ttl_ns;
        config.StorageType = kv->options.in_memory ? js_MemoryStorage : js_FileStorage;
        config.Replicas = kv->options.replicas;
        s = js_CreateKeyValue(&store, kv->js, &config);
    }
    kvStore_Destroy(store);
    return s == NATS_OK ? 0 : fail(kv, s, 0, "bucket");
}

static int check_bucket(struct nats_kv *kv)
{
    jsStreamInfo *info = NULL;
    jsErrCode code = 0;
    natsStatus s = js_GetStreamInfo(&info, kv->js, kv->stream, NULL, &code);
    if (s != NATS_OK)
        return fail(kv, s, code, "bucket");
    int64_t ttl_ns = info->Config->MaxAge;
    jsStreamInfo_Destroy(info);
    if (ttl_ns == kv->options.ttl_ns)
        return 0;
    snprintf(kv->error, sizeof kv->error,
             "bucket %.64s keeps keys for %g s, and partitions.lease.ttl_s is %g: they must be the "
             "same",
             kv->options.bucket, (double)ttl_ns / 1e9, (double)kv->options.ttl_ns / 1e9);
    return -EINVAL;
}

static int ensure_connection(struct nats_kv *kv)
{
    if (kv->connection && !natsConnection_IsClosed(kv->connection))
        return 0;
    disconnect(kv);
    natsStatus s = NATS_NO_SERVER;
    for (size_t i = 0; i < kv->options.url_count && s != NATS_OK; i++)
        s = connect_to(kv, kv->options.urls[kv->next++ % kv->options.url_count]);
    jsOptions js;
    jsOptions_Init(&js);
    js.Wait = kv->options.timeout_ms;
    if (s == NATS_OK)
        s = natsConnection_JetStream(&kv->js, kv->connection, &js);
    int r = s == NATS_OK ? open_bucket(kv) : fail(kv, s, 0, "connecting");
    if (r == 0)
        r = check_bucket(kv);
    if (r < 0)
        disconnect(kv);
    return r;
}

struct nats_kv *nats_kv_new(const struct nats_kv_options *options)
{
    struct nats_kv *kv = calloc(1, sizeof *kv);
    if (!kv)
        return NULL;
    kv->options = *options;
    snprintf(kv->stream, sizeof kv->stream, "KV_%.128s", options->bucket);
    snprintf(kv->prefix, sizeof kv->prefix, "$KV.%.128s.", options->bucket);
    return kv;
}

void nats_kv_free(struct nats_kv *kv)
{
    if (!kv)
        return;
    disconnect(kv);
    free(kv);
}

const char *nats_kv_error(const struct nats_kv *kv)
{
    return kv->error;
}

/* ---- keys */

static void subject(const struct nats_kv *kv, const char *key, char ret_subject[256])
{
    snprintf(ret_subject, 256, "%s%.90s", kv->prefix, key);
}

/* revision 0: the key must not be there. */
static int put(struct nats_kv *kv, natsMsg *message, uint64_t revision, uint64_t *ret_revision)
{
    jsPubOptions options;
    jsPubAck *ack = NULL;
    jsErrCode code = 0;
    jsPubOptions_Init(&options);
    options.MaxWait = kv->options.timeout_ms;
    options.ExpectLastSubjectSeq = revision;
    options.ExpectNoMessage = revision == 0;
    natsStatus s = js_PublishMsg(&ack, kv->js, message, &options, &code);
    if (s == NATS_OK && ret_revision)
        *ret_revision = ack->Sequence;
    jsPubAck_Destroy(ack);
    return s == NATS_OK ? 0 : fail(kv, s, code, natsMsg_GetSubject(message));
}

static int put_text(struct nats_kv *kv, const char *key, const char *value, uint64_t revision,
                    uint64_t *ret_revision)
{
    char topic[256];
    natsMsg *message = NULL;
    int r = ensure_connection(kv);
    if (r < 0)
        return r;
    subject(kv, key, topic);
    natsStatus s = natsMsg_Create(&message, topic, NULL, value, (int)strlen(value));
    r = s == NATS_OK ? put(kv, message, revision, ret_revision) : fail(kv, s, 0, "message");
    natsMsg_Destroy(message);
    return r;
}

/* removed: it is there to say that the key is not. */
static int get(struct nats_kv *kv, const char *key, natsMsg **ret_message, bool *ret_removed)
{
    char topic[256];
    const char *operation = NULL;
    jsErrCode code = 0;
    int r = ensure_connection(kv);
    if (r < 0)
        return r;
    subject(kv, key, topic);
    natsStatus s = js_GetLastMsg(ret_message, kv->js, kv->stream, topic, NULL, &code);
    if (s != NATS_OK)
        return fail(kv, s, code, key);
    *ret_removed = natsMsgHeader_Get(*ret_message, OPERATION, &operation) == NATS_OK;
    return 0;
}

int nats_kv_create(struct nats_kv *kv, const char *key, const char *value, uint64_t *ret_revision)
{
    natsMsg *last = NULL;
    bool removed = false;
    int r = put_text(kv, key, value, 0, ret_revision);
    if (r != -ESTALE)
        return r;
    r = get(kv, key, &last, &removed);
    if (r == 0)
        r = removed ? put_text(kv, key, value, natsMsg_GetSequence(last), ret_revision) : -EEXIST;
    natsMsg_Destroy(last);
    return r == -ENOENT || r == -ESTALE ? -EEXIST : r; /* it is changing: not now */
}

int nats_kv_update(struct nats_kv *kv, const char *key, const char *value, uint64_t revision,
                   uint64_t *ret_revision)
{
    return put_text(kv, key, value, revision, ret_revision);
}

int nats_kv_remove(struct nats_kv *kv, const char *key, uint64_t revision)
{
    char topic[256];
    natsMsg *message = NULL;
    int r = ensure_connection(kv);
    if (r < 0)
        return r;
    subject(kv, key, topic);
    natsStatus s = natsMsg_Create(&message, topic, NULL, NULL, 0);
    if (s == NATS_OK)
        s = natsMsgHeader_Set(message, OPERATION, "DEL");
    r = s == NATS_OK ? put(kv, message, revision, NULL) : fail(kv, s, 0, "message");
    natsMsg_Destroy(message);
    return r;
}

int nats_kv_get(struct nats_kv *kv, const char *key, char ret_value[NATS_KV_VALUE_MAX],
                uint64_t *ret_revision)
{
    natsMsg *message = NULL;
    bool removed = false;
    int r = get(kv, key, &message, &removed);
    if (r == 0 && removed)
        r = -ENOENT;
    if (r == 0) {
        snprintf(ret_value, NATS_KV_VALUE_MAX, "%.*s", natsMsg_GetDataLength(message),
                 natsMsg_GetData(message));
        *ret_revision = natsMsg_GetSequence(message);
    }
    natsMsg_Destroy(message);
    return r;
}

int nats_kv_list(struct nats_kv *kv, void (*on_key)(void *user, const char *key), void *user,
                 int64_t *ret_created_ns)
{
    jsOptions options;
    jsStreamInfo *info = NULL;
    jsErrCode code = 0;
    char all[256];
    int r = ensure_connection(kv);
    if (r < 0)
        return r;
    subject(kv, ">", all);
    jsOptions_Init(&options);
    options.Wait = kv->options.timeout_ms;
    options.Stream.Info.SubjectsFilter = all;
    natsStatus s = js_GetStreamInfo(&info, kv->js, kv->stream, &options, &code);
    if (s == NATS_NOT_FOUND)
        disconnect(kv); /* somebody has removed the bucket: the next call makes it */
    if (s != NATS_OK)
        return s == NATS_NOT_FOUND ? -EIO : fail(kv, s, code, "bucket");
    size_t prefix = strlen(kv->prefix);
    const jsStreamStateSubjects *keys = info->State.Subjects;
    for (int i = 0; keys && i < keys->Count; i++) {
        if (!strncmp(keys->List[i].Subject, kv->prefix, prefix))
            on_key(user, keys->List[i].Subject + prefix);
    }
    *ret_created_ns = info->Created;
    jsStreamInfo_Destroy(info);
    return 0;
}
