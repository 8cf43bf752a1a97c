#!/usr/bin/python3
"""A cell behind a NATS node that is cut off: it goes on sending samples of robots that others send of, too.

behind.py HOST PORT USER PASSWORD_FILE CA_FILE FIRST_SEQ HZ ROBOT...

Connects and says "ready": where the cluster has no majority nobody gets in any more. Then, on "go" from stdin,
samples until "stop"; then it says how many each robot was sent of, and ends.
"""
import datetime
import random
import sys
import threading
import time

import paho.mqtt.client as mqtt

import sender


def main():
    host, port, user, password_file, ca_file, first, rate, *robots = sys.argv[1:]
    client, ready, stop = mqtt.Client(client_id="behind-" + first, protocol=mqtt.MQTTv311), threading.Event(), threading.Event()
    with open(password_file, encoding="ascii") as file:
        client.username_pw_set(user, file.readline().strip())
    client.tls_set(ca_file)
    client.on_connect = lambda *_: ready.set()
    client.connect(host, int(port), keepalive=60)
    client.loop_start()
    ready.wait()
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
    print(turn, flush=True)


if __name__ == "__main__":
    main()
