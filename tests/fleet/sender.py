#!/usr/bin/python3
"""Sends the samples of many simulated robots to a cell's broker.

sender.py HOST PORT ROBOTS HZ, and lines on stdin: "wrong ROBOT..." and "well ROBOT..." change how robots move;
each is answered by a line "TIME ROBOT SEQ" on stdout: from which sample on.
"""
import datetime
import math
import random
import sys
import threading
import time

import paho.mqtt.client as mqtt

CHANNELS, ROWS_PER_TURN, NOISE, GROSS = 4, 50, 0.05, 4.0


def row(number, rng, wrong=False):
    """A movement that repeats; one that is wrong is off on the first axis."""
    phase = 2 * math.pi * (number % ROWS_PER_TURN) / ROWS_PER_TURN
    values = [math.sin(phase + c) + 0.5 * math.sin(2 * phase + 2 * c) + rng.gauss(0, NOISE) for c in range(CHANNELS)]
    values[0] += GROSS if wrong else 0
    return values


def main():
    host, port, robots, rate = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    client = mqtt.Client(client_id="sender", protocol=mqtt.MQTTv311)
    client.connect(host, port)
    client.loop_start()
    rng = random.Random(9)
    wrong, seq, pending = set(), [0] * robots, []
    names = [f"r{i}" for i in range(robots)]

    def commands():
        for line in sys.stdin:
            pending.append(line.split())

    threading.Thread(target=commands, daemon=True).start()
    began, turn = time.monotonic(), 0
    while True:
        for i, name in enumerate(names):
            while pending:
                words = pending.pop(0)
                for word in words[1:]:
                    (wrong.add if words[0] == "wrong" else wrong.discard)(word)
                    print(f"{time.monotonic():.4f} {word} {seq[int(word[1:])]}", flush=True)
            due = began + (turn + i / robots) / rate
            if (rest := due - time.monotonic()) > 0.002:
                time.sleep(rest)
            now = datetime.datetime.utcnow().isoformat(timespec="milliseconds") + "Z"
            values = ",".join(f"{v:.5g}" for v in row(seq[i] + 7 * i, rng, name in wrong))
            client.publish(f"armwatch/robot/{name}/sample", f'{{"seq":{seq[i]},"time":"{now}","values":[{values}]}}')
            seq[i] += 1
        turn += 1


if __name__ == "__main__":
    main()
