/*
 * The asynchronous connect takes no CONNECT properties. The blocking one stores them in the handle
 * before it does anything else, so it is called once with an address that it refuses without
 * touching the network (the empty path of a UNIX socket).
 */
#include "mqtt/properties.h"
#include "mqtt/session.h"

#include <errno.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

/* Never ask at the terminal for the key's password. */
static int on_key_password(char *buffer, int size, int writing, void *user)
{
    return 0;
}

static int session_check_file(const char *what, const char *path, struct diag *diag)
{
    FILE *file = path ? fopen(path, "re") : NULL;
    if (path && !file)
        return diag_set(diag, "%s %s: %s", what, path, strerror(errno));
    if (file)
        fclose(file);
    return 0;
}

static int session_set_tls(struct mqtt_session *session, const struct mqtt_options *options,
                           struct diag *diag)
{
    if (!options->url.tls) {
        if (options->ca_file || options->cert_file || options->key_file || options->tls_insecure)
            return diag_set(diag, "TLS files are given but the broker's URL is not mqtts://");
        return 0;
    }
    if (!options->cert_file != !options->key_file)
        return diag_set(diag, "a client certificate needs both its file and its key's file");
    int r = session_check_file("CA file", options->ca_file, diag);
    if (r == 0)
        r = session_check_file("certificate file", options->cert_file, diag);
    if (r == 0)
        r = session_check_file("key file", options->key_file, diag);
    if (r < 0)
        return r;
    /* The library takes no client certificate without a CA, so the system's store is named. */
    const char *directory = options->ca_file ? NULL : X509_get_default_cert_dir();
    int rc = mosquitto_tls_set(session->mosq, options->ca_file, directory, options->cert_file,
                               options->key_file, on_key_password);
    if (!rc && !options->ca_file)
        rc = mosquitto_int_option(session->mosq, MOSQ_OPT_TLS_USE_OS_CERTS, 1);
    if (!rc)
        rc = mosquitto_tls_opts_set(session->mosq, options->tls_insecure ? 0 : 1, NULL, NULL);
    if (!rc)
        rc = mosquitto_tls_insecure_set(session->mosq, options->tls_insecure);
    return rc ? diag_set(diag, "TLS: %s", mosquitto_strerror(rc)) : 0;
}

static int session_set_will(struct mqtt_session *session, const struct mqtt_message *will,
                            struct diag *diag)
{
    if (!will->topic)
        return 0;
    if (will->qos < 0 || will->qos > 1 || will->size > UINT16_MAX)
        return diag_set(diag, "last will: QoS 0 or 1 and at most 65535 bytes are allowed");
    mosquitto_property *properties = NULL;
    if (session->v5) {
        int r = mqtt_properties_publish(will, &properties);
        if (r < 0)
            return r == -ENOMEM ? r : diag_set(diag, "last will: a property is not valid");
    }
    int rc = mosquitto_will_set_v5(session->mosq, will->topic, (int)will->size, will->payload,
                                   will->qos, will->retained, properties);
    if (rc) { /* on success the library keeps the list */
        mosquitto_property_free_all(&properties);
        return diag_set(diag, "last will: %s", mosquitto_strerror(rc));
    }
    return 0;
}

static int session_set_connect_properties(struct mqtt_session *session, struct diag *diag)
{
    if (!session->v5)
        return 0;
    mosquitto_property *properties = NULL;
    int r = mqtt_properties_connect(&properties);
    if (r < 0)
        return r;
    int rc = mosquitto_connect_bind_v5(session->mosq, "", 0, MQTT_KEEPALIVE_S, NULL, properties);
    mosquitto_property_free_all(&properties);
    if (rc == MOSQ_ERR_NOMEM)
        return -ENOMEM;
    /* Refused is what was wanted: "" is no path, or the library knows no UNIX sockets at all. */
    if (rc == MOSQ_ERR_INVAL || rc == MOSQ_ERR_NOT_SUPPORTED)
        return 0;
    return diag_set(diag, "MQTT 5 connect properties: %s", mosquitto_strerror(rc));
}

int mqtt_session_set_options(struct mqtt_session *session, const struct mqtt_options *options,
                             struct diag *diag)
{
    int rc = mosquitto_int_option(session->mosq, MOSQ_OPT_PROTOCOL_VERSION, options->protocol);
    if (!rc && !options->url.is_unix)
        rc = mosquitto_int_option(session->mosq, MOSQ_OPT_TCP_NODELAY, 1);
    if (rc)
        return diag_set(diag, "MQTT: %s", mosquitto_strerror(rc));
    rc = mosquitto_username_pw_set(session->mosq, options->username, options->password);
    if (rc)
        return diag_set(diag, "user name and password: %s", mosquitto_strerror(rc));
    int r = session_set_tls(session, options, diag);
    if (r == 0)
        r = session_set_will(session, &options->will, diag);
    if (r == 0)
        r = session_set_connect_properties(session, diag);
    return r;
}
