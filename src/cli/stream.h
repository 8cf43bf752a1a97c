/*
 * stream: plays samples to a broker as a robot would: at their time, one message each.
 *
 * Rows are due at absolute times, so that delays do not add up; late ones follow at once. Every
 * 64th message and the last are sent with QoS 1: their acknowledgements bound what is under way,
 * and the last one says that the broker has everything. While the connection is lost the stream
 * waits; QoS 0 messages that were under way are then missing, and the command says so and fails.
 * Beside that it can listen to one topic, and wait a while after the last sample for what comes.
 */
#ifndef ARMWATCH_CLI_STREAM_H
#define ARMWATCH_CLI_STREAM_H

#include "cli/cli.h"
#include "mqtt/client.h"
#include "pipeline/sample.h"

/* --robot, --topic, --format */
extern const struct cli_option stream_options[];

struct stream_row {
    struct sample sample;
    int64_t due_ns;      /* after the start of the stream */
    const float *values; /* until the next call */
};

struct stream_source {
    size_t channels;
    const char *const *names;
    void (*next)(void *user, struct stream_row *ret_row);      /* the next row to send */
    void (*on_sent)(void *user, const struct stream_row *row); /* or NULL */
    void *user;
    const char *what;   /* for the progress bar; NULL: none */
    uint64_t rows;      /* to send; 0: for ever, and an interrupt is the regular end */
    bool unpaced;       /* due_ns does not count: as fast as the broker takes it */
    const char *listen; /* topic to subscribe to at QoS 1, or NULL */
    void (*on_message)(void *user, const struct mqtt_message *message); /* what came on it */
    int64_t linger_ns;                                                  /* after the last sample */
};

/* Sends all of it. Returns an exit code. ret_sent: rows sent. */
int stream_run(const struct cli *cli, const struct stream_source *source, uint64_t *ret_sent);

#endif
