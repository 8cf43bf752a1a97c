/*
 * A row of the table is all there is to a key: adding one is adding a member to struct config and a
 * row here. Lists and the map of robots are the only types that are not a single value.
 */
#include "config/keys.h"

#include "config/config.h"

#define AT(member) offsetof(struct config, member)

const struct config_key config_keys[] = {
    {"instance", CONFIG_NAME, AT(instance), "\"armwatch\"", 0, 0, NULL,
     "name of this daemon in its topics and alerts", false},
    {"mqtt.url", CONFIG_ONE_OR_LIST, AT(mqtt.url), NULL, 0, 0, NULL,
     "broker: `mqtt://host[:1883]`, `mqtts://host[:8883]` or `unix:///path`; or up to 8 nodes of a "
     "cluster of one scheme, which are tried in turn when a connection is lost",
     false},
    {"mqtt.protocol", CONFIG_CHOICE, AT(mqtt.protocol), "\"5\"", 0, 0, "5|3.1.1", "version of MQTT",
     false},
    {"mqtt.client_id", CONFIG_TEXT, AT(mqtt.client_id), "null", 0, 0, NULL,
     "client identifier; must be unique at the broker; default `armwatch-INSTANCE`", false},
    {"mqtt.username", CONFIG_TEXT, AT(mqtt.username), "null", 0, 0, NULL, "user name", false},
    {"mqtt.password_file", CONFIG_TEXT, AT(mqtt.password_file), "null", 0, 0, NULL,
     "secret file with the password in its first line", false},
    {"mqtt.ca_file", CONFIG_TEXT, AT(mqtt.ca_file), "null", 0, 0, NULL,
     "secret file: certificate authority of the broker (PEM); default: the system's", false},
    {"mqtt.cert_file", CONFIG_TEXT, AT(mqtt.cert_file), "null", 0, 0, NULL,
     "secret file: our certificate (PEM), with `mqtt.key_file`", false},
    {"mqtt.key_file", CONFIG_TEXT, AT(mqtt.key_file), "null", 0, 0, NULL,
     "secret file: our private key (PEM)", false},
    {"mqtt.tls_insecure", CONFIG_BOOL, AT(mqtt.tls_insecure), "false", 0, 0, NULL,
     "for tests only: do not verify the broker's certificate", false},
    {"topics.root", CONFIG_TEXT, AT(topics.root), "\"armwatch\"", 0, 0, NULL,
     "first levels of every topic that is published", false},
    {"topics.samples", CONFIG_LIST, AT(topics.samples), "[]", 0, 0, NULL,
     "topics of samples; `{robot}` is one level and names the robot, `{partition}` one with the "
     "number of its partition; default `ROOT/robot/{robot}/sample`",
     false},
    {"robots.max", CONFIG_INTEGER, AT(robots.max), "1000", 1, 1000, NULL,
     "robots at most; samples of further ones are refused and counted", false},
    {"partitions.count", CONFIG_INTEGER, AT(partitions.count), "0", 0, 256, NULL,
     "partitions that the robots of a fleet are parted into; 0: none; with them every topic "
     "of `topics.samples` has a level `{partition}`",
     false},
    {"partitions.own", CONFIG_TEXT, AT(partitions.own), "null", 0, 0, NULL,
     "those of this instance where there are no leases, as in `0-7,12`", false},
    {"partitions.hash", CONFIG_CHOICE, AT(partitions.hash), "\"none\"", 0, 0, "none|fnv1a",
     "how the broker gets a robot's partition from its name; samples in another one are refused "
     "and "
     "counted; `fnv1a` is `partition(COUNT,1)` of NATS; `none`: whatever the topic says",
     false},
    {"partitions.stale_s", CONFIG_NUMBER, AT(partitions.stale_s), "5", 0.1, 3600, NULL,
     "when a partition is taken over, samples that are older by their time are dropped and counted",
     true},
    {"partitions.lease.url", CONFIG_ONE_OR_LIST, AT(partitions.lease.url), "[]", 0, 0, NULL,
     "NATS servers with JetStream, `nats://host[:4222]` or `tls://host[:4222]`: partitions are "
     "owned by leases there",
     false},
    {"partitions.lease.bucket", CONFIG_NAME, AT(partitions.lease.bucket), "\"armwatch_partitions\"",
     0, 0, NULL, "key-value bucket of the leases; made if it is not there", false},
    {"partitions.lease.ttl_s", CONFIG_NUMBER, AT(partitions.lease.ttl_s), "4", 1, 300, NULL,
     "a lease that is not renewed for so long is free; must be the bucket's", false},
    {"partitions.lease.most", CONFIG_INTEGER, AT(partitions.lease.most), "0", 0, 256, NULL,
     "partitions that this instance holds at most; 0: as many as are fair", false},
    {"partitions.lease.replicas", CONFIG_INTEGER, AT(partitions.lease.replicas), "1", 1, 5, NULL,
     "servers that keep the bucket, where it has to be made: 3 in a cluster", false},
    {"partitions.lease.storage", CONFIG_CHOICE, AT(partitions.lease.storage), "\"file\"", 0, 0,
     "file|memory", "where they keep it", false},
    {"partitions.lease.username", CONFIG_TEXT, AT(partitions.lease.username), "null", 0, 0, NULL,
     "user name", false},
    {"partitions.lease.password_file", CONFIG_TEXT, AT(partitions.lease.password_file), "null", 0,
     0, NULL, "secret file with the password in its first line", false},
    {"partitions.lease.ca_file", CONFIG_TEXT, AT(partitions.lease.ca_file), "null", 0, 0, NULL,
     "secret file: certificate authority of the servers (PEM); default: the system's", false},
    {"partitions.lease.cert_file", CONFIG_TEXT, AT(partitions.lease.cert_file), "null", 0, 0, NULL,
     "secret file: our certificate (PEM), with `partitions.lease.key_file`", false},
    {"partitions.lease.key_file", CONFIG_TEXT, AT(partitions.lease.key_file), "null", 0, 0, NULL,
     "secret file: our private key (PEM)", false},
    {"models.directory", CONFIG_TEXT, AT(models.directory), "\"/var/lib/armwatch/models\"", 0, 0,
     NULL, "where `NAME.safetensors` are; relative to the configuration's directory", false},
    {"models.default", CONFIG_NAME, AT(models.default_name), "null", 0, 0, NULL,
     "model of every robot that `models.robots` does not name", true},
    {"models.robots", CONFIG_NAMES, AT(models.robots), "{}", 0, 0, NULL, "robot: model", true},
    {"models.signature", CONFIG_CHOICE, AT(models.signature), "\"warn\"", 0, 0, "off|warn|require",
     "a model without a valid signature: not looked for, used with a warning, or refused; nothing "
     "is checked without `models.public_key_file`, and `require` needs it",
     true},
    {"models.public_key_file", CONFIG_TEXT, AT(models.public_key_file), "null", 0, 0, NULL,
     "secret file: public key (Ed25519, PEM) of who signs the models", true},
    {"models.watch", CONFIG_BOOL, AT(models.watch), "false", 0, 0, NULL,
     "reload a model in use when its file, or its signature, is replaced", false},
    {"models.probation_s", CONFIG_NUMBER, AT(models.probation_s), "600", 0, 86400, NULL,
     "a model that was loaded is rolled back by itself if it fails within so many judged seconds "
     "of "
     "each of its robots; 0: never",
     true},
    {"models.rollback_alerts", CONFIG_NUMBER, AT(models.rollback_alerts), "2", 0, 1000, NULL,
     "it fails by more alerts than so many times its own promise explain; 0: by scores that are "
     "not "
     "finite alone",
     true},
    {"alerts.false_alarms_per_day", CONFIG_NUMBER, AT(alerts.false_alarms_per_day), "0", 0, 10000,
     NULL, "budget of each robot, from which its thresholds follow; 0: what its model was made for",
     true},
    {"alerts.reassert_s", CONFIG_NUMBER, AT(alerts.reassert_s), "60", 1, 86400, NULL,
     "an open alert is published again this often", true},
    {"alerts.max_age_h", CONFIG_NUMBER, AT(alerts.max_age_h), "24", 0.01, 8760, NULL,
     "an alert message that could not be delivered for so long is given up and counted", true},
    {"input.max_gap_s", CONFIG_NUMBER, AT(input.max_gap_s), "0", 0, 3600, NULL,
     "a longer step between samples starts the history anew; 0: three sample periods of the model",
     false},
    {"input.stale_periods", CONFIG_NUMBER, AT(input.stale_periods), "10", 2, 100000, NULL,
     "state `stale` after so many sample periods without a sample, at least one second", true},
    {"input.silent_s", CONFIG_NUMBER, AT(input.silent_s), "30", 1, 86400, NULL,
     "alert `silent` after so long without a sample, counted only while the broker connection "
     "stands",
     true},
    {"input.time_unit", CONFIG_CHOICE, AT(input.time_unit), "\"s\"", 0, 0, "s|ms|us|ns",
     "unit of numeric times in samples", false},
    {"input.assembler_file", CONFIG_TEXT, AT(input.assembler_file), "null", 0, 0, NULL,
     "file that says how tags of single messages become samples, beside `topics.samples`; relative "
     "to the configuration's directory",
     false},
    {"input.gate", CONFIG_GATE, AT(input.gate), "{\"mode\":[\"auto\"]}", 0, 0, NULL,
     "when a robot is judged: signal: allowed values, or `{\"min\": x, \"max\": y}`; see [the "
     "gate](#the-gate)",
     true},
    {"input.settle_s", CONFIG_NUMBER, AT(input.settle_s), "0", 0, 3600, NULL,
     "for so long after its gate has opened, by sample time, a robot is not judged", true},
    {"scores.rate_hz", CONFIG_NUMBER, AT(scores.rate_hz), "2", -1, 1000, NULL,
     "score messages a second and robot at most; 0: none; -1: every window", true},
    {"evidence.enabled", CONFIG_BOOL, AT(evidence.enabled), "true", 0, 0, NULL,
     "keep what each alert rests on, its samples and scores, in `evidence/` of `state_directory`; "
     "see [evidence.md](evidence.md)",
     false},
    {"evidence.before_s", CONFIG_NUMBER, AT(evidence.before_s), "10", 1, 600, NULL,
     "samples from so long before an alert", false},
    {"evidence.after_s", CONFIG_NUMBER, AT(evidence.after_s), "5", 0, 600, NULL,
     "to so long after it", false},
    {"evidence.memory_mib", CONFIG_NUMBER, AT(evidence.memory_mib), "64", 1, 65536, NULL,
     "memory for the newest samples of all robots, and for packs that wait for the disk", false},
    {"evidence.max_mib", CONFIG_NUMBER, AT(evidence.max_mib), "256", 1, 1048576, NULL,
     "packs on the disk take so much at most; the oldest go first", true},
    {"evidence.max_age_days", CONFIG_NUMBER, AT(evidence.max_age_days), "90", 0.001, 36500, NULL,
     "older packs go", true},
    {"evidence.max_per_day", CONFIG_INTEGER, AT(evidence.max_per_day), "50", 1, 100000, NULL,
     "packs of one robot in 24 hours; of further alerts none is kept", true},
    {"evidence.keep_free_mib", CONFIG_NUMBER, AT(evidence.keep_free_mib), "64", 0, 1048576, NULL,
     "of the free space on that disk packs leave so much: older ones go, or none is written", true},
    {"http.listen", CONFIG_TEXT, AT(http.listen), "\"127.0.0.1:9464\"", 0, 0, NULL,
     "where metrics and the page are served: `127.0.0.1:PORT`, `[::1]:PORT`, another address of "
     "this "
     "host, or `off`; port 0: a free one",
     false},
    {"http.hosts", CONFIG_LIST, AT(http.hosts), "[]", 0, 0, NULL,
     "names under which browsers may ask for it, beside `localhost` and the address itself; needed "
     "behind a proxy that passes the name on",
     false},
    {"http.connections", CONFIG_INTEGER, AT(http.connections), "128", 4, 512, NULL,
     "connections at once; more wait", false},
    {"homeassistant.discovery", CONFIG_BOOL, AT(homeassistant.discovery), "false", 0, 0, NULL,
     "tell Home Assistant of each robot by MQTT discovery; see [home-assistant.md]"
     "(home-assistant.md)",
     true},
    {"homeassistant.prefix", CONFIG_TEXT, AT(homeassistant.prefix), "\"homeassistant\"", 0, 0, NULL,
     "first levels of the topics that it listens to for that", true},
    {"state_directory", CONFIG_TEXT, AT(state_directory), "\"/var/lib/armwatch\"", 0, 0, NULL,
     "what must survive a restart; relative to the configuration's directory", false},
    {"log.level", CONFIG_CHOICE, AT(log.level), "\"info\"", 0, 0, "error|warning|info|debug",
     "least severe lines that are logged", true},
};

_Static_assert(sizeof config_keys / sizeof config_keys[0] <= CONFIG_KEYS_MAX, "too many keys");
const size_t config_key_count = sizeof config_keys / sizeof config_keys[0];

void config_print_reference(FILE *out)
{
    static const char *const type_names[] = {"string",  "name",    "choice", "number",
                                             "integer", "boolean", "list",   "string or list",
                                             "object",  "object"};
    fprintf(
        out,
        "| key | type | allowed | default | at SIGHUP | meaning |\n|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        char allowed[64] = "";
        if (key->type == CONFIG_NUMBER || key->type == CONFIG_INTEGER)
            snprintf(allowed, sizeof allowed, "%g to %g", key->min, key->max);
        fprintf(out, "| `%s` | %s | ", key->path, type_names[key->type]);
        for (const char *c = key->allowed ? key->allowed : allowed; *c; c++)
            fputs(*c == '|' ? ", " : (char[]){*c, '\0'}, out);
        fprintf(out, " | %s%s%s | %s | %s |\n", key->standard ? "`" : "",
                key->standard ? key->standard : "required", key->standard ? "`" : "",
                key->live ? "yes" : "restart", key->meaning);
    }
}
