/*
 * service: what the daemon says about itself: the retained status and its last will.
 *
 * Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_SERVICE_H
#define ARMWATCH_DAEMON_SERVICE_H

#include "base/json.h"
#include "daemon/assembly.h"
#include "daemon/control.h"
#include "daemon/evidence.h"
#include "daemon/fleet.h"
#include "daemon/intake.h"
#include "daemon/latency.h"
#include "daemon/partitions.h"
#include "daemon/publisher.h"
#include "daemon/saved_state.h"
#include "daemon/silence.h"

#include <stdbool.h>
#include <stdint.h>

/* Why the service is degraded. */
enum service_trouble {
    SERVICE_SCORER,  /* the scorer makes no progress */
    SERVICE_OUTBOX,  /* messages found no room */
    SERVICE_REFUSED, /* the broker refused a publish: permissions */
    SERVICE_ROBOTS,  /* robots beyond robots.max, or without a model */
    SERVICE_MODEL,   /* a saved model could not be used at the start; see fleet_model_in_doubt */
    SERVICE_STATE,   /* the state could not be saved */
    SERVICE_JOURNAL, /* alerts are sent, but cannot be kept on the disk */
    SERVICE_SILENT,  /* more than half of the robots fell silent together */
    SERVICE_SUBSCRIPTION, /* the broker refused one: permissions */
    SERVICE_NO_SAMPLES,   /* none has come since the start, though they could be heard */
    SERVICE_CLIENT_ID,    /* another client uses the same id at the broker */
    SERVICE_HTTP,         /* metrics and page cannot be served: it is tried again */
    SERVICE_EVIDENCE,     /* what alerts rest on cannot be kept, or not of all */
    SERVICE_ROLLBACK,     /* a model was rolled back by itself, and nobody has chosen since */
    SERVICE_LEASES,       /* their store does not answer, or another instance has our name */
    SERVICE_TROUBLES
};

const char *service_trouble_name(enum service_trouble trouble);

struct http;

struct service {
    const struct config *config; /* borrowed, like the rest */
    struct fleet *fleet;
    struct intake *intake;
    const struct assembly *assembly;
    struct publisher *publisher;
    const struct partitions *partitions; /* NULL: the robots are not parted */
    const struct control *control;
    const struct saved_state *saved;
    const struct silence *silence;
    const struct evidence *evidence;
    const struct http *http; /* NULL: off */
    struct latency latency;  /* of all robots: from a sample's arrival to its score */
    uint64_t connects;       /* that the broker was reached */
    int64_t since_ns;        /* wall clock of the present state */
    int64_t began_ns;        /* wall clock of the start */
    int64_t started_ns;      /* monotonic */
    unsigned troubles;       /* bits that stay until somebody clears them: MODEL, SUBSCRIPTION */
    unsigned published;      /* troubles in the status that was published last */
    bool any_published;
    uint64_t partitions_published; /* partitions_changes */
    int64_t last_publish_ns;
    uint64_t takeovers; /* of the client's session, as of the last time that it came online */
    bool no_samples;    /* it was said in the log */
    /* at the last publication */
    uint64_t takeovers_seen, unknown_seen, refused_seen, dropped_seen, evidence_seen;
    int64_t trouble_until_ns; /* counters grew: shown for a minute */
    unsigned recent;
    char line[512]; /* the service manager has been told */
};

/* What is wrong at present, as bits. now_ns: monotonic. */
unsigned service_troubles(struct service *service, int64_t now_ns);

/* The status as a tree; `offline` for the last will and the stop. */
cJSON *service_status(struct service *service, bool offline);

/* Publishes the status if it has changed, every 30 s, or always. now_ns: monotonic. */
void service_publish(struct service *service, bool always, int64_t now_ns);

#endif
