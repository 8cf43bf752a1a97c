#!/usr/bin/python3
"""A simulated robot with faults: how long from the sample that raises an alert to the alert at a client of the broker.

Usage: alert_probe.py PORT RECORDING SECONDS [--commits DIRECTORY]

The daemon's robot is "probe". Every 60 samples it has faults until the alert has come. A line of JSON: alerts, and the latencies in ms. --commits: after
each alert its message is committed to a database in DIRECTORY, of the same kind as the daemon's journal, and that is timed, too; the sample's score
is then waited for as well, and timed (scores.rate_hz -1). Needs Debian's numpy and paho.
"""
import json, os, socket, sqlite3, sys, threading, time

import numpy as np
import paho.mqtt.client as mqtt

SAMPLES = 60        # healthy, and then at most as many with a fault
PERIOD_S = 0.004
JOURNAL = ("PRAGMA locking_mode=EXCLUSIVE", "PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL",  # as src/daemon/journal_file.c
           "CREATE TABLE message(number INTEGER PRIMARY KEY, created_ns INTEGER NOT NULL, topic TEXT NOT NULL, "
           "content_type TEXT NOT NULL, payload BLOB NOT NULL)")


class Commits:
    def __init__(self, directory):
        self.database = sqlite3.connect(os.path.join(directory, "commits.db"), isolation_level=None)
        for statement in JOURNAL:
            self.database.execute(statement)
        self.seconds = []

    def add(self, topic, payload):
        began = time.monotonic()
        self.database.execute("BEGIN")
        self.database.execute("INSERT INTO message(created_ns, topic, content_type, payload) VALUES(?, ?, ?, ?)",
                              (time.time_ns(), topic, "application/cloudevents+json", payload))
        self.database.execute("COMMIT")
        self.seconds.append(time.monotonic() - began)


class Probe:
    def __init__(self, port, recording, commits):
        self.rows, self.commits = np.load(recording), commits
        self.spread, self.random = self.rows.std(axis=0), np.random.default_rng(1)
        self.sent, self.scored, self.alerts = {}, {}, []  # by seq; alerts: (seq, seconds)
        self.seq, self.origin, self.raised = 0, time.time() - 3600, threading.Event()
        self.message = None
        self.client = mqtt.Client()
        self.client.on_message = self.on_message
        self.client.connect("127.0.0.1", port)
        self.client.socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.client.subscribe("armwatch/robot/probe/alert", 1)
        if commits:
            self.client.subscribe("armwatch/robot/probe/score", 0)
        self.client.loop_start()

    def on_message(self, client, user, message):
        now, data = time.monotonic(), json.loads(message.payload)
        if message.topic.endswith("score"):
            self.scored.setdefault(data["seq"], now)
            return
        data = data["data"]
        if data["state"] == "raised" and data["kind"] == "anomaly" and data["last_seq"] in self.sent:
            self.alerts.append((data["last_seq"], now - self.sent[data["last_seq"]]))
            self.message = message
            self.raised.set()

    def send(self, off):
        seq = self.seq
        row = self.rows[seq % len(self.rows)] + off * self.spread * self.random.standard_normal(self.rows.shape[1]) * (self.spread > 0)
        row[0] = self.rows[seq % len(self.rows)][0]  # the program step
        text = json.dumps({"time": self.origin + seq / 10, "seq": seq, "values": [float(f"{v:.6g}") for v in row]})
        self.sent[seq] = time.monotonic()
        self.client.publish("armwatch/robot/probe/sample", text)
        self.seq += 1
        time.sleep(PERIOD_S)

    def run(self, seconds):
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            for _ in range(SAMPLES):
                self.send(0)
            self.raised.clear()
            for _ in range(SAMPLES):
                if not self.raised.is_set():
                    self.send(3)
            if self.commits and self.raised.is_set():
                self.commits.add(self.message.topic, self.message.payload)
        self.client.loop_stop()


def milliseconds(seconds):
    return sorted(1e3 * s for s in seconds)


def main():
    port, recording, seconds = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    commits = Commits(sys.argv[5]) if len(sys.argv) > 5 and sys.argv[4] == "--commits" else None
    probe = Probe(port, recording, commits)
    probe.run(seconds)
    took = milliseconds(s for _, s in probe.alerts)
    figures = {"alerts": len(took), "ms": took, "p50_ms": took[len(took) // 2] if took else None, "max_ms": took[-1] if took else None}
    if commits:
        figures["commit_ms"] = milliseconds(commits.seconds)
        figures["score_ms"] = milliseconds(probe.scored[seq] - probe.sent[seq] for seq, _ in probe.alerts if seq in probe.scored)
    print(json.dumps(figures))


main()
