#include "cli/stream.h"

#include "base/clock.h"
#include "cli/cli_mqtt.h"
#include "cli/progress.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ACK_EVERY 64    /* messages */
#define UNACKED_MAX 4   /* of these at a time */
#define TURN_MAX 256    /* messages before the socket is looked at again */
#define RETRY_MS 2      /* after the client had no room */
#define VALUE_TEXT 48   /* bytes of a value in JSON, at most, without its name */
#define HEADER_TEXT 160 /* bytes around the values */

enum format { FORMAT_JSON, FORMAT_CHANNELS, FORMAT_BINARY };

const struct cli_option stream_options[] = {
    {.help = "Samples"},
    {"robot", "NAME", "the robot's name: {robot} in the topic", .type = CLI_NAME},
    {"topic", "TEMPLATE", "where to send to", CLI_MQTT_SAMPLE_TOPIC},
    {"format", "json|channels|binary", "JSON values in order, JSON values by name, or binary",
     "json", CLI_CHOICE},
    {0}};

struct stream {
    const struct stream_source *source;
    struct cli_mqtt mqtt;
    uv_timer_t timer, linger;
    char topic[CLI_MQTT_TOPIC_MAX];
    enum format format;
    char *payload;
    size_t payload_size; /* allocated */
    char **quoted;       /* [channels] names as JSON strings with ":", for FORMAT_CHANNELS */
    struct stream_row row;
    bool has_row, started;
    int64_t start_ns;
    uint64_t sent;
    unsigned unacked;
    struct progress progress;
};

/* ---- payloads */

/* With as many digits as the time has. */
static void format_time(int64_t time_ns, char ret_text[CLOCK_RFC3339_MAX + 8])
{
    clock_format_rfc3339(time_ns, ret_text);
    unsigned rest = (unsigned)(((time_ns % CLOCK_NS_PER_MS) + CLOCK_NS_PER_MS) % CLOCK_NS_PER_MS);
    char *z = strrchr(ret_text, 'Z');
    if (rest % 1000 != 0)
        snprintf(z, 8, "%06uZ", rest);
    else if (rest != 0)
        snprintf(z, 8, "%03uZ", rest / 1000);
}

static size_t format_json(const struct stream *stream, const struct stream_row *row, char *text)
{
    char time[CLOCK_RFC3339_MAX + 8];
    format_time(row->sample.time_ns, time);
    bool named = stream->format == FORMAT_CHANNELS;
    char *at = text;
    at += sprintf(at, "{\"time\":\"%s\",\"seq\":%" PRIu64 ",\"%s", time, row->sample.seq,
                  named ? "channels\":{" : "values\":[");
    for (size_t i = 0; i < stream->source->channels; i++)
        at += sprintf(at, "%s%s%.9g", i > 0 ? "," : "", named ? stream->quoted[i] : "",
                      (double)row->values[i]);
    at += sprintf(at, named ? "}}" : "]}");
    return (size_t)(at - text);
}

static size_t format_payload(struct stream *stream, const struct stream_row *row)
{
    if (stream->format == FORMAT_BINARY)
        return sample_format_binary(&row->sample, row->values, stream->source->channels,
                                    (unsigned char *)stream->payload);
    return format_json(stream, row, stream->payload);
}

static int quote_names(struct stream *stream, size_t *ret_size)
{
    const struct stream_source *source = stream->source;
    stream->quoted = calloc(source->channels, sizeof *stream->quoted);
    for (size_t i = 0; stream->quoted && i < source->channels; i++) {
        cJSON *name = cJSON_CreateString(source->names[i]);
        char *text = cJSON_PrintUnformatted(name);
        cJSON_Delete(name);
        bool ok = text && asprintf(&stream->quoted[i], "%s:", text) >= 0;
        cJSON_free(text);
        if (!ok) {
            stream->quoted[i] = NULL;
            return -ENOMEM;
        }
        *ret_size += strlen(stream->quoted[i]);
    }
    return stream->quoted ? 0 : -ENOMEM;
}

static int allocate(struct stream *stream)
{
    size_t size = HEADER_TEXT + stream->source->channels * VALUE_TEXT;
    int r = stream->format == FORMAT_CHANNELS ? quote_names(stream, &size) : 0;
    stream->payload = r == 0 ? malloc(size) : NULL;
    return stream->payload ? 0 : -ENOMEM;
}

static void release(struct stream *stream)
{
    for (size_t i = 0; stream->quoted && i < stream->source->channels; i++)
        free(stream->quoted[i]);
    free(stream->quoted);
    free(stream->payload);
}

/* ---- sending */

static int64_t elapsed_ns(const struct stream *stream)
{
    return clock_monotonic_ns() - stream->start_ns;
}

static bool all_sent(const struct stream *stream)
{
    return stream->source->rows > 0 && stream->sent == stream->source->rows;
}

/* Errors: as mqtt_client_publish. */
static int send_row(struct stream *stream)
{
    const struct stream_source *source = stream->source;
    bool marked = (stream->sent + 1) % ACK_EVERY == 0 || stream->sent + 1 == source->rows;
    if (marked && stream->unacked >= UNACKED_MAX)
        return -EAGAIN;
    const struct mqtt_message message = {.topic = stream->topic,
                                         .payload = stream->payload,
                                         .size = format_payload(stream, &stream->row),
                                         .qos = marked};
    int r = mqtt_client_publish(stream->mqtt.client, &message, NULL);
    if (r < 0)
        return r;
    if (source->on_sent)
        source->on_sent(source->user, &stream->row);
    stream->unacked += marked;
    stream->sent++;
    stream->has_row = false;
    return 0;
}

static void on_timer(uv_timer_t *timer);

static void wake_after(struct stream *stream, int64_t wait_ns)
{
    uint64_t wait_ms =
        wait_ns > 0 ? (uint64_t)(wait_ns + CLOCK_NS_PER_MS - 1) / CLOCK_NS_PER_MS : 0;
    uv_timer_start(&stream->timer, on_timer, wait_ms, 0);
}

/* Waits for the room, the connection or the acknowledgement that was missing, or ends. */
static void wait_or_fail(struct stream *stream, int error)
{
    if (error == -EAGAIN)
        wake_after(stream, RETRY_MS * CLOCK_NS_PER_MS);
    else if (error == -EMSGSIZE)
        cli_mqtt_stop(&stream->mqtt,
                      cli_error(stream->mqtt.cli, CLI_FAILED,
                                "a sample of %zu channels is larger than the broker or MQTT allow; "
                                "--format binary is the smallest",
                                stream->source->channels));
    else if (error != -ENOTCONN && error != -EIO) /* on_online goes on after these */
        cli_mqtt_stop(&stream->mqtt, cli_fail(stream->mqtt.cli, -abs(error), NULL));
}

/* Sends what is due. */
static void on_timer(uv_timer_t *timer)
{
    struct stream *stream = timer->data;
    const struct stream_source *source = stream->source;
    for (int turn = 0; turn < TURN_MAX && !all_sent(stream); turn++) {
        if (!stream->has_row)
            source->next(source->user, &stream->row);
        stream->has_row = true;
        int64_t wait_ns = source->unpaced ? 0 : stream->row.due_ns - elapsed_ns(stream);
        if (wait_ns > 0) {
            wake_after(stream, wait_ns);
            break;
        }
        int r = send_row(stream);
        if (r < 0) {
            wait_or_fail(stream, r);
            break;
        }
        if (turn == TURN_MAX - 1)
            wake_after(stream, 0);
    }
    if (source->rows > 0 && source->what)
        progress_update(&stream->progress, (double)stream->sent / (double)source->rows);
}

static void on_online(void *user)
{
    struct stream *stream = user;
    if (!stream->started)
        stream->start_ns = clock_monotonic_ns();
    stream->started = true;
    wake_after(stream, 0);
}

static void on_lingered(uv_timer_t *timer)
{
    struct stream *stream = timer->data;
    cli_mqtt_stop(&stream->mqtt, CLI_DONE);
}

static void on_message(void *user, const struct mqtt_message *message)
{
    struct stream *stream = user;
    if (stream->source->on_message)
        stream->source->on_message(stream->source->user, message);
}

static void on_ack(void *user, uint64_t token, int reason)
{
    struct stream *stream = user;
    stream->unacked--;
    if (reason != 0)
        cli_mqtt_stop(&stream->mqtt, cli_error(stream->mqtt.cli, CLI_FAILED,
                                               "the broker refused a sample on %s (reason %d)",
                                               stream->topic, reason));
    else if (all_sent(stream) && stream->unacked == 0)
        uv_timer_start(&stream->linger, on_lingered,
                       (uint64_t)(stream->source->linger_ns / CLOCK_NS_PER_MS), 0);
}

static void before_note(void *user)
{
    struct stream *stream = user;
    progress_clear(&stream->progress);
}

static void on_interrupt(void *user)
{
    struct stream *stream = user;
    progress_end(&stream->progress);
    if (stream->source->rows == 0)
        cli_mqtt_stop(&stream->mqtt, CLI_DONE);
    else
        cli_mqtt_stop(&stream->mqtt,
                      cli_error(stream->mqtt.cli, CLI_FAILED,
                                "interrupted after %" PRIu64 " of %" PRIu64 " samples",
                                stream->sent, stream->source->rows));
}

static int run(struct stream *stream, const struct cli *cli)
{
    static const struct cli_mqtt_handlers handlers = {.on_online = on_online,
                                                      .on_message = on_message,
                                                      .on_ack = on_ack,
                                                      .before_note = before_note,
                                                      .on_interrupt = on_interrupt};
    int code = cli_mqtt_start(&stream->mqtt, cli, &handlers, stream);
    if (code != CLI_DONE)
        return code;
    uv_timer_init(&stream->mqtt.loop, &stream->timer);
    uv_timer_init(&stream->mqtt.loop, &stream->linger);
    stream->timer.data = stream->linger.data = stream;
    if (stream->source->listen)
        cli_mqtt_subscribe(&stream->mqtt, stream->source->listen, 1);
    progress_begin(&stream->progress, stream->source->what);
    code = cli_mqtt_run(&stream->mqtt);
    progress_end(&stream->progress);
    if (code == CLI_DONE && stream->mqtt.losses > 0)
        code =
            cli_error(cli, CLI_FAILED,
                      "the connection was lost %u times; samples that were under way are missing",
                      stream->mqtt.losses);
    return code;
}

int stream_run(const struct cli *cli, const struct stream_source *source, uint64_t *ret_sent)
{
    struct stream stream = {.source = source, .format = (enum format)cli_choice(cli, "format")};
    const char *template = cli_text(cli, "topic"), *robot = cli_text(cli, "robot");
    *ret_sent = 0;
    if (strstr(template, "{robot}") && !robot)
        return cli_usage(cli, "--robot NAME is needed: the topic is \"%s\"", template);
    if (!cli_mqtt_fill_topic(template, robot, stream.topic) || strpbrk(stream.topic, "+#"))
        return cli_usage(cli, "--topic \"%s\" is no topic to publish on", template);
    int r = allocate(&stream);
    int code = r < 0 ? cli_fail(cli, r, NULL) : run(&stream, cli);
    release(&stream);
    *ret_sent = stream.sent;
    return code;
}
