/*
 * config: the daemon's configuration file, read, checked and with every default in place.
 *
 * One table in config.c says every key, its type, range, default and meaning; the reference page is
 * printed from it. Memory: config_load makes a config of its own that config_free releases;
 * everything in it is borrowed from it.
 */
#ifndef ARMWATCH_CONFIG_CONFIG_H
#define ARMWATCH_CONFIG_CONFIG_H

#include "base/condition.h"
#include "base/diag.h"
#include "base/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CONFIG_PREFIX_MAX 256 /* bytes of homeassistant.prefix */

struct config_list {
    size_t count;
    char **item;
};

struct config_map {
    size_t count;
    struct config_entry {
        char *key, *value;
    } * entry;
};

struct config {
    char *path;                 /* of the file */
    char sha256[HASH_HEX_SIZE]; /* of its text */
    char *instance;
    struct {
        struct config_list url; /* one at least, MQTT_URLS_MAX at most */
        char *protocol, *client_id, *username, *password_file;
        char *ca_file, *cert_file, *key_file;
        bool tls_insecure;
    } mqtt;
    struct {
        char *root;
        struct config_list samples;
    } topics;
    struct {
        int64_t max;
    } robots;
    struct {
        int64_t count; /* 0: the robots are not parted */
        char *own;     /* NULL: by leases */
        char *hash;    /* of a robot's name, modulo count: its partition; "none": not known */
        double stale_s;
        struct {
            struct config_list url; /* empty: none */
            char *bucket, *storage;
            int64_t replicas, most; /* most 0: as many as are fair */
            double ttl_s;
            char *username, *password_file, *ca_file, *cert_file, *key_file;
        } lease;
    } partitions;
    struct {
        char *directory, *default_name, *signature, *public_key_file;
        bool watch;
        double probation_s, rollback_alerts;
        struct config_map robots;
    } models;
    struct {
        double false_alarms_per_day;
        double reassert_s;
        double max_age_h;
    } alerts;
    struct {
        double max_gap_s, stale_periods, silent_s;
        double settle_s;
        char *time_unit, *assembler_file;
        struct conditions gate;
    } input;
    struct {
        double rate_hz;
    } scores;
    struct {
        bool enabled;
        double before_s, after_s, memory_mib;
        double max_mib, max_age_days, keep_free_mib;
        int64_t max_per_day;
    } evidence;
    struct {
        char *listen;
        struct config_list hosts;
        int64_t connections;
    } http;
    struct {
        bool discovery;
        char *prefix;
    } homeassistant;
    char *state_directory;
    struct {
        char *level;
    } log;
};

/* Errors: -ENOENT and other errnos of reading; -EINVAL with file, key, what was found and what is
 * allowed. */
int config_load(const char *path, struct config **ret_config, struct diag *diag);
/* The same from a file's text; the path is what its relative paths start from, and nothing is read
 * there. */
int config_parse(const char *path, const char *text, size_t size, struct config **ret_config,
                 struct diag *diag);
void config_free(struct config *config);

/* Where a secret file is: absolute as it is; else $CREDENTIALS_DIRECTORY/NAME,
 * $CREDENTIALS_DIRECTORY/armwatch.NAME, then beside the configuration. Memory: the caller frees
 * *ret_path. Errors: -ENOENT with the places looked at. */
int config_find_secret(const struct config *config, const char *name, char **ret_path,
                       struct diag *diag);

/* Reads a one-line secret (mode must not let others read it). Memory: the caller frees *ret_text.
 */
int config_read_secret(const struct config *config, const char *name, char **ret_text,
                       struct diag *diag);

/* For a configuration that was read again: keys that only a start can change get the values of the
 * running one (and the other way round, so that freeing `running` frees what was new). ret_changed:
 * the names of those that differed. */
void config_keep_fixed(struct config *config, struct config *running, char *ret_changed,
                       size_t size);

/* Whether partitions are owned by leases. */
bool config_leases(const struct config *config);

/* The model that a robot is configured to have; NULL if there is none. */
const char *config_model_of(const struct config *config, const char *robot);

/* Every key as a Markdown table. */
void config_print_reference(FILE *out);

#endif
