/*
 * bare: the least that can do an instance's errands: libmosquitto alone, over TLS, nothing parsed.
 *
 *   bare HOST PORT USER PASSWORD_FILE CA_FILE BYTES
 *
 * Subscribes to the samples of all partitions and answers each with a message of that many bytes,
 * as long as a score. Says "ready" once it is subscribed; ends when stdin does.
 */
#include <mosquitto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX 65536

static int answer_bytes;

static void on_message(struct mosquitto *mosq, void *user, const struct mosquitto_message *message)
{
    static const char answer[ANSWER_MAX];
    char topic[128];
    const char *root = strstr(message->topic, "armwatch/");
    const char *end = root ? strstr(root, "/sample") : NULL;
    if (!end)
        return;
    snprintf(topic, sizeof topic, "%.*s/score", (int)(end - root), root);
    mosquitto_publish(mosq, NULL, topic, answer_bytes, answer, 0, false);
}

static void on_subscribe(struct mosquitto *mosq, void *user, int id, int count, const int *granted)
{
    puts(count == 1 && *granted < 2 ? "ready" : "refused");
    fflush(stdout);
}

static void on_connect(struct mosquitto *mosq, void *user, int code)
{
    if (code == 0)
        mosquitto_subscribe(mosq, NULL, "part/+/armwatch/robot/+/sample", 0);
}

int main(int argc, char **argv)
{
    char password[128] = "";
    FILE *file = argc == 7 ? fopen(argv[4], "re") : NULL;
    if (!file || !fgets(password, sizeof password, file))
        return 2;
    fclose(file);
    answer_bytes = atoi(argv[6]);
    if (answer_bytes < 0 || answer_bytes > ANSWER_MAX)
        return 2;
    password[strcspn(password, "\n")] = '\0';
    mosquitto_lib_init();
    struct mosquitto *mosq = mosquitto_new("bare", true, NULL);
    mosquitto_connect_callback_set(mosq, on_connect);
    mosquitto_subscribe_callback_set(mosq, on_subscribe);
    mosquitto_message_callback_set(mosq, on_message);
    if (mosquitto_username_pw_set(mosq, argv[3], password) ||
        mosquitto_tls_set(mosq, argv[5], NULL, NULL, NULL, NULL) ||
        mosquitto_connect(mosq, argv[1], atoi(argv[2]), 30) || mosquitto_loop_start(mosq))
        return 1;
    while (getchar() != EOF)
        ;
    mosquitto_disconnect(mosq);
    mosquitto_loop_stop(mosq, false);
    mosquitto_destroy(mosq);
    return 0;
}
