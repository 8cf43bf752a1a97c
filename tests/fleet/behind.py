#!/usr/bin/python3
"""A cell behind a NATS node that is cut off: it goes on sending samples of robots that others send of, too.

behind.py HOST PORT SECRETS FIRST_SEQ HZ ROBOT...

Connects and says "ready": where the cluster has no majority nobody gets in any more. Then, on "go" from stdin,
samples until "stop"; then it says how many it has sent, and how many of them somebody has heard who, like the
observer, is at the same node and hears everything; and ends.
"""
import datetime
import os
import random
import re
import sys
import threading
import time

import paho.mqtt.client as mqtt

import sender


def connect(host, port, secrets, user, client_id, on_connect, on_message=None, on_subscribe=None):
    client = mqtt.Client(client_id=client_id, protocol=mqtt.MQTTv311)
    with open(os.path.join(secrets, user + ".password"), encoding="ascii") as file:
        client.username_pw_set(user, file.readline().strip())
    client.tls_set(os.path.join(secrets, "ca.crt"))
    client.on_connect, client.on_message, client.on_subscribe = on_connect, on_message, on_subscribe
    client.connect(host, int(port), keepalive=60)
    client.loop_start()
    return client


def main():
    host, port, secrets, first, rate, *robots = sys.argv[1:]
    ready, listening, stop = threading.Event(), threading.Event(), threading.Event()
    heard, numbers = set(), re.compile(rb'"seq":(\d+)')

    def on_message(client, user_data, message):
        if int(numbers.search(message.payload)[1]) >= int(first):
            heard.add((message.topic, message.payload))

    client = connect(host, port, secrets, "cell7", "behind-" + first, lambda *_: ready.set())
    connect(host, port, secrets, "operator", "beside-" + first,
                  lambda ear, *_: ear.subscribe("part/+/armwatch/robot/+/sample"), on_message, lambda *_: listening.set())
    ready.wait()
    listening.wait()
    print("ready", flush=True)
    sys.stdin.readline()
    threading.Thread(target=lambda: (sys.stdin.readline(), stop.set()), daemon=True).start()
    rng, turn, began = random.Random(int(first)), 0, time.monotonic()
    while not stop.wait(max(began + turn / float(rate) - time.monotonic(), 0)):
        for robot in robots:
            now = datetime.datetime.utcnow().isoformat(timespec="milliseconds") + "Z"
            values = ",".join(f"{v:.5g}" for v in sender.row(turn, rng))
            client.publish(f"armwatch/robot/{robot}/sample", f'{{"seq":{int(first) + turn},"time":"{now}","values":[{values}]}}')
        turn += 1
    time.sleep(0.5)
    print(turn * len(robots), len(heard), flush=True)


if __name__ == "__main__":
    main()
