#!/usr/bin/python3
"""Hears what a fleet says at one NATS node, and prints a line for each message: its kind, then what counts.

observer.py HOST PORT USER PASSWORD_FILE CA_FILE ID
"""
import re
import sys
import time

import paho.mqtt.client as mqtt

SEQ, OWNER = re.compile(rb'"seq":(\d+)'), re.compile(rb'"instance":"([^"]*)","epoch":(\d+)')
KINDS = ("score", "alert", "state", "status")


def main():
    host, port, user, password_file, ca_file, client_id = sys.argv[1:]
    client = mqtt.Client(client_id=client_id, clean_session=False, protocol=mqtt.MQTTv311)
    with open(password_file, encoding="ascii") as file:
        client.username_pw_set(user, file.readline().strip())
    client.tls_set(ca_file)
    client.reconnect_delay_set(1, 2)

    def on_connect(client, *_):
        client.subscribe([("armwatch/robot/+/score", 0), ("armwatch/robot/+/alert", 1),
                          ("armwatch/robot/+/state", 1), ("armwatch/service/+/status", 1)])
        print("online", flush=True)

    def on_message(client, user_data, message):
        now = time.monotonic()
        _, _, name, kind = message.topic.split("/")
        if kind == "score":
            owner = OWNER.search(message.payload)
            print(f"score {now:.4f} {name} {SEQ.search(message.payload)[1].decode()} {owner[1].decode()} "
                  f"{owner[2].decode()}", flush=True)
        elif kind in KINDS:
            print(f"{kind} {now:.4f} {name} {message.payload.decode()}", flush=True)

    client.on_connect = on_connect
    client.on_message = on_message
    while True:
        try:
            client.connect(host, int(port), keepalive=5)
            break
        except OSError:
            time.sleep(0.5)
    client.loop_forever(retry_first_connection=True)


if __name__ == "__main__":
    main()
