#include "mqtt/reason.h"

#include <errno.h>
#include <mqtt_protocol.h>
#include <netdb.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

static const struct {
    int rc;
    const char *text;
} reason_texts[] = {
    {MOSQ_ERR_PROTOCOL, "what answers there does not speak MQTT"},
    {MOSQ_ERR_MALFORMED_PACKET, "what answers there does not speak MQTT"},
    {MOSQ_ERR_NO_CONN, "the connection was closed"},
    {MOSQ_ERR_CONN_LOST, "the broker closed the connection"},
    {MOSQ_ERR_KEEPALIVE, "the broker does not answer (keepalive)"},
};

/* The library logs "OpenSSL Error[0]: error:0A000086:SSL routines::certificate verify failed". */
static const char *reason_tls_detail(const struct mqtt_session *session)
{
    SSL *ssl = mosquitto_ssl_get(session->mosq);
    long verified = ssl ? SSL_get_verify_result(ssl) : X509_V_OK;
    /* "Unspecified" is the library's check of the host name, which it logs. */
    if (verified != X509_V_OK && verified != X509_V_ERR_UNSPECIFIED)
        return X509_verify_cert_error_string(verified);
    if (strncmp(session->detail, "OpenSSL Error", strlen("OpenSSL Error")))
        return session->detail;
    const char *last = strrchr(session->detail, ':');
    return last[1] ? last + 1 : session->detail;
}

/* Up to the CONNACK a TLS peer can turn us down in many ways, and only some of them raise a TLS
 * error: with TLS 1.3 a missing client certificate is refused after we have finished the handshake.
 */
static bool reason_is_tls(const struct mqtt_session *session, int rc, int error)
{
    if (rc == MOSQ_ERR_TLS)
        return true;
    if (!session->url.tls || session->answered)
        return false;
    return session->detail[0] || rc == MOSQ_ERR_CONN_LOST ||
           (rc == MOSQ_ERR_ERRNO && error != ECONNREFUSED && error != ENETUNREACH &&
            error != EHOSTUNREACH && error != ETIMEDOUT);
}

void mqtt_reason_library(const struct mqtt_session *session, int rc, int error,
                         char ret_text[MQTT_REASON_MAX])
{
    if (rc == MOSQ_ERR_EAI) {
        snprintf(ret_text, MQTT_REASON_MAX, "look-up of %.128s: %s", session->url.host,
                 gai_strerror(error));
        return;
    }
    if (reason_is_tls(session, rc, error)) {
        const char *detail = reason_tls_detail(session);
        snprintf(ret_text, MQTT_REASON_MAX, "TLS: %.200s",
                 detail[0] ? detail
                           : "the broker closed the connection; does it speak TLS on this port, "
                             "does it want a client certificate?");
        return;
    }
    const char *text = rc == MOSQ_ERR_ERRNO ? strerror(error) : mosquitto_strerror(rc);
    for (size_t i = 0; i < sizeof reason_texts / sizeof reason_texts[0]; i++) {
        if (reason_texts[i].rc == rc)
            text = reason_texts[i].text;
    }
    snprintf(ret_text, MQTT_REASON_MAX, "%s", text);
}

bool mqtt_reason_is_takeover(const struct mqtt_session *session)
{
    return session->disconnect == MQTT_RC_SESSION_TAKEN_OVER;
}

bool mqtt_reason_broker(const struct mqtt_session *session, char ret_text[MQTT_REASON_MAX])
{
    if (mqtt_reason_is_takeover(session)) {
        snprintf(ret_text, MQTT_REASON_MAX,
                 "session taken over: another client uses the client id \"%.128s\"",
                 session->client_id);
        return true;
    }
    if (session->answered && session->connack) {
        const char *text = session->connack == MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION
                               ? "it does not speak this version of MQTT"
                           : session->v5 ? mosquitto_reason_string(session->connack)
                                         : mosquitto_connack_string(session->connack);
        snprintf(ret_text, MQTT_REASON_MAX, "the broker refused: %s%s%.160s", text,
                 session->detail[0] ? ": " : "", session->detail);
        return true;
    }
    if (session->disconnect >= 0x80) {
        snprintf(ret_text, MQTT_REASON_MAX, "the broker disconnected: %s",
                 mosquitto_reason_string(session->disconnect));
        return true;
    }
    return false;
}
