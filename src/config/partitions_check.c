#include "config/partitions_check.h"

#include "config/partition_set.h"
#include "config/topic_template.h"

#include <string.h>

bool config_leases(const struct config *config)
{
    return config->partitions.lease.url.count > 0;
}

static int check_topics(const struct config *config, struct diag *diag)
{
    bool parted = config->partitions.count > 0;
    for (size_t i = 0; i < config->topics.samples.count; i++) {
        const char *template = config->topics.samples.item[i];
        bool has = topic_template_has_partition(template);
        if (has && !parted)
            return diag_set(diag, "topics.samples: \"%.100s\": {partition} needs partitions.count",
                            template);
        if (!has && parted)
            return diag_set(diag,
                            "topics.samples: \"%.100s\": with partitions.count every one needs a "
                            "level {partition}",
                            template);
    }
    if (parted && config->input.assembler_file)
        return diag_set(diag, "input.assembler_file: its topics have no partitions, so it does not "
                              "go with partitions.count");
    return 0;
}

static int check_lease(const struct config *config, struct diag *diag)
{
    const struct config_list *urls = &config->partitions.lease.url;
    bool tls = false;
    for (size_t i = 0; i < urls->count; i++) {
        bool secure = !strncmp(urls->item[i], "tls://", 6);
        tls |= secure;
        if (!secure && strncmp(urls->item[i], "nats://", 7) != 0)
            return diag_set(diag,
                            "partitions.lease.url: \"%.100s\": must begin with nats:// or tls://",
                            urls->item[i]);
    }
    if (!config->partitions.lease.cert_file != !config->partitions.lease.key_file)
        return diag_set(diag,
                        "partitions.lease.cert_file and partitions.lease.key_file go together");
    if (!tls && (config->partitions.lease.ca_file || config->partitions.lease.cert_file))
        return diag_set(diag, "partitions.lease.ca_file and partitions.lease.cert_file need a "
                              "tls:// url");
    if (config->partitions.lease.password_file && !config->partitions.lease.username)
        return diag_set(diag, "partitions.lease.password_file needs partitions.lease.username");
#if !ARMWATCH_NATS
    return diag_set(diag, "partitions.lease: this armwatch was built without NATS (-Dnats=enabled "
                          "builds it in); partitions.own needs none");
#else
    return 0;
#endif
}

int config_check_partitions(const struct config *config, struct diag *diag)
{
    int r = check_topics(config, diag);
    bool leases = config_leases(config);
    size_t count = (size_t)config->partitions.count;
    if (r < 0)
        return r;
    if (count == 0 && (leases || config->partitions.own))
        return diag_set(diag, "partitions.%s needs partitions.count", leases ? "lease" : "own");
    if (count > 0 && leases == !!config->partitions.own)
        return diag_set(diag, "partitions: one of own and lease.url must say which are ours");
    if (config->partitions.own) {
        struct partition_set own;
        r = partition_set_parse(config->partitions.own, count, &own, diag);
        if (r < 0)
            diag_prefix(diag, "partitions.own");
    }
    return r < 0 || !leases ? r : check_lease(config, diag);
}
