#!/usr/bin/env python3
"""How the cost of a message and the memory of a robot grow with the window, the channels and the network.

Usage: growth.py ARMWATCHD ARMWATCH BENCH_STAGES [--rounds N] [--messages N] [--json]     (Debian: python3-numpy, python3-paho-mqtt)

One model for each point, trained for an epoch on synthetic signals (sums of sines with noise). The processor time of a message is the
daemon's, all threads, for bursts of 20 messages, 1000 a second, through a real broker; the stages are bench_stages', without any of
that. The memory of a robot is what 40 robots need more than 1, each with as many samples as its history has rows.
"""
import argparse, json, os, statistics, subprocess, sys, time

import numpy as np
import paho.mqtt.client as mqtt

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cell import Cell, cpu_s, end, quietly, status_kib  # noqa: E402
from rows import Output  # noqa: E402

ROWS, SESSIONS = 1500, 3
BURST, RATE_HZ = 20, 1000
ROBOTS = 40
HISTORY_LEAST = 32  # rows, and at least four windows
BASE = (5, 86, "deep")
POINTS = [BASE, (10, 86, "deep"), (20, 86, "deep"), (50, 86, "deep"), (5, 8, "deep"), (5, 32, "deep"), (5, 256, "deep"), (5, 1024, "deep"),
          (5, 1024, "basic")]
QUICK = [BASE, (50, 86, "deep"), (5, 1024, "deep")]


def signals(channels, seed):
    """Sums of sines that the channels share, and noise."""
    fixed, random = np.random.default_rng(1), np.random.default_rng(seed)
    shared = min(12, channels)
    waves = np.sin(np.arange(ROWS)[:, None] * fixed.uniform(0.02, 0.6, shared) + random.uniform(0, 6, shared))
    return (waves @ fixed.normal(size=(shared, channels)) + 0.1 * random.normal(size=(ROWS, channels))).round(4)


def train(options, work, point):
    window, channels, architecture = point
    name = f"w{window}-c{channels}-{architecture}"
    np.save(f"{work}/names.npy", np.array([f"signal_{c}" for c in range(channels)]))
    normal = []
    for seed in range(SESSIONS):
        np.save(f"{work}/{seed}.npy", signals(channels, seed))
        normal += ["--normal", f"{work}/{seed}.npy"]
    os.makedirs(f"{work}/models", exist_ok=True)
    path = f"{work}/models/{name}.safetensors"
    quietly(options.armwatch, "train", *normal, "--columns", f"{work}/names.npy", "--rate-hz", "10", "--detectors", "autoencoder", "--keep-drift", "--adversary", "none",
            "--window", str(window), "--arch", architecture, "--epochs", "1", "--simulated", "--out", path)
    return path


class Sender:
    def __init__(self, port):
        self.client = mqtt.Client("bench-growth")
        self.client.connect("127.0.0.1", port)
        self.client.loop(0.5)
        self.robots = 0

    def close(self):
        self.client.disconnect()

    def payloads(self, values, first, count):
        start = int(time.time()) - 60 - (first + count) // 10
        return [b'{"seq":%d,"time":%d.%d,"values":%s}' % (n, start + n // 10, n % 10, json.dumps(values[n % len(values)].tolist()).encode())
                for n in range(first, first + count)]

    def send(self, topics, payloads):
        """Each payload to each topic, in bursts of BURST messages."""
        due, sent = time.monotonic(), 0
        for payload in payloads:
            for topic in topics:
                self.client.publish(topic, payload)  # written at once: there is no thread
                sent += 1
                if sent % BURST == 0:
                    self.client.loop(0)
                    due += BURST / RATE_HZ
                    time.sleep(max(0, due - time.monotonic()))

    def fresh(self, count):
        """Topics of robots that were not heard before."""
        self.robots += count
        return [f"armwatch/robot/r{n}/sample" for n in range(self.robots - count, self.robots)]


def measure(options, cell, sender, path, point):
    window, channels, _ = point
    rows, values = max(4 * window, HISTORY_LEAST), signals(channels, 99)
    process, _ = cell.start_daemon(path)
    try:
        time.sleep(0.3)
        topic = sender.fresh(1)
        sender.send(topic, sender.payloads(values, 0, rows + 100))
        payloads = sender.payloads(values, rows + 100, options.messages)
        time.sleep(0.2)
        before = cpu_s(process.pid)
        sender.send(topic, payloads)
        time.sleep(0.2)
        cpu_us = (cpu_s(process.pid) - before) / len(payloads) * 1e6
        anonymous = status_kib(process.pid, "RssAnon")
        sender.send(sender.fresh(ROBOTS), sender.payloads(values, 0, rows))
        time.sleep(0.3)
        return {"cpu_us": cpu_us, "kib": (status_kib(process.pid, "RssAnon") - anonymous) / ROBOTS}
    finally:
        end(process)


def stages(options, path):
    output = subprocess.run([options.bench_stages, "--json", "--rounds", "11", path], check=True, stdout=subprocess.PIPE, text=True).stdout
    return {row["what"]: row["ours"] for row in json.loads(output)["rows"]}


def report(output, points, measured, alone):
    def median(point, key):
        return statistics.median(entry[key] for entry in measured[point])

    def inside(point):
        return sum(alone[point][key] for key in ("reading", "row", "score"))

    base = "5 rows x 86 channels"
    for point in points:
        window, channels, architecture = point
        what = f"{window} rows x {channels} channels" + (", basic" if architecture == "basic" else "")
        largest = max(("reading", "row", "score"), key=alone[point].get)
        share = alone[point][largest] / inside(point) * 100
        output.row(f"{what}: CPU of a message", median(point, "cpu_us"), "us", base, median(BASE, "cpu_us"))
        output.row(f"  without MQTT ({share:.0f} % {largest})", inside(point), "us", base, inside(BASE))
        output.row("  memory of a robot", median(point, "kib"), "KiB", "its history", max(4 * window, HISTORY_LEAST) * channels * 4 / 1024)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in "armwatchd", "armwatch", "bench_stages":
        parser.add_argument(name)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--quick", action="store_true", help="three points only")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    points = QUICK if options.quick else POINTS
    output = Output("growth")
    measured, alone = {point: [] for point in points}, {}
    with Cell(options.armwatchd) as cell:
        paths = {point: train(options, cell.work, point) for point in points}
        sender = Sender(cell.port)
        for _ in range(options.rounds):
            for point in points:
                measured[point].append(measure(options, cell, sender, paths[point], point))
        sender.close()
        for point in points:
            alone[point] = stages(options, paths[point])
    output.note(f"synthetic signals as JSON, autoencoders window x channels - 64 - 32 - 64 - window x channels (deep) or one narrow layer (basic); "
                f"median of {options.rounds}")
    report(output, points, measured, alone)
    output.print(options.json)


main()
