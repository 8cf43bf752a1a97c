#!/usr/bin/python3
"""./run fleet bench: an instance beside a bare subscriber on the same cluster, and what a message costs it.

bench.py DIRECTORY ARMWATCH ARMWATCHD [--rounds N] [--messages N] [--json FILE] [--loopback]

Sender at n1, consumer at n2, both over TLS, QoS 0; everything shares this machine's processors. A round
sends so many samples, at most WINDOW of which have no score yet; the bare subscriber answers each with as
many bytes. Rounds of the two take turns; medians are told.
"""
import argparse
import json
import os
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import threading
import time

import numpy

import plant as plants

ROBOTS = (10, 100, 1000)
WINDOW, BURST, WARM = 200, 25, 10  # samples under way, at a time, and of each robot before it counts


def cpu_s(pid):
    tasks = f"/proc/{pid}/task"
    return sum(int(plants.read(f"{tasks}/{task}/schedstat").split()[0]) for task in os.listdir(tasks)) / 1e9


def length(number):
    out = bytearray()
    while True:
        number, digit = divmod(number, 128)
        out.append(digit | (128 if number else 0))
        if not number:
            return bytes(out)


def text(value):
    return len(value).to_bytes(2, "big") + value


def connect(plant, user):
    """A connection of MQTT that nothing but this file's own bytes go through."""
    password = plants.read(plant.path("secrets", user + ".password")).strip()
    context = ssl.create_default_context(cafile=plant.path("secrets", "ca.crt"))
    plain = socket.create_connection((plant.address("n1"), plants.PORTS["mqtt"]))
    made = context.wrap_socket(plain, server_hostname=plant.address("n1"))
    body = text(b"MQTT") + b"\x04\xc2\x00\x00" + text(b"bench-" + user.encode())
    body += text(user.encode()) + text(password.encode())
    made.sendall(b"\x10" + length(len(body)) + body)
    assert made.recv(4) == b"\x20\x02\x00\x00"
    return made


class Ear:
    """Counts the scores that come."""

    def __init__(self, plant):
        self.count, self.last, self.more = 0, 0, threading.Condition()
        self.socket = connect(plant, "operator")
        body = b"\x00\x01" + text(b"armwatch/robot/+/score") + b"\x00"
        self.socket.sendall(b"\x82" + length(len(body)) + body)
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        rest = b""
        while data := self.socket.recv(1 << 16):
            rest, came, at = rest + data, 0, 0
            while at + 2 <= len(rest):
                size, shift, head = 0, 0, at + 1
                while head < len(rest) and rest[head] & 128:
                    size, shift, head = size | (rest[head] & 127) << shift, shift + 7, head + 1
                if head >= len(rest) or head + 1 + (size | rest[head] << shift) > len(rest):
                    break
                came += rest[at] >> 4 == 3
                at = head + 1 + (size | rest[head] << shift)
            rest = rest[at:]
            with self.more:
                self.count, self.last = self.count + came, time.monotonic()
                self.more.notify_all()

    def wait(self, count, limit_s):
        with self.more:
            return self.more.wait_for(lambda: self.count >= count, limit_s)


def packets_of(robots, messages, rows, first):
    """Numbers go on from round to round: the sample `first` of each robot comes first."""
    out = []
    for i in range(messages):
        robot, seq = i % robots, first + i // robots
        topic = text(f"armwatch/robot/r{robot}/sample".encode())
        body = topic + f'{{"seq":{seq},"values":[{rows[seq % len(rows)]}]}}'.encode()
        out.append(b"\x30" + length(len(body)) + body)
    return out


class Bare:
    def __init__(self, plant, bare):
        argv = [bare, plant.address("n2"), str(plants.PORTS["mqtt"]), "armwatch",
                plant.path("secrets", "armwatch.password"), plant.path("secrets", "ca.crt")]
        self.process = plants.Process(plant.hosts["n2"], argv, plant.path("bare.log"), stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE)
        assert self.process.popen.stdout.readline() == "ready\n"
        time.sleep(1)


class Instance:
    def __init__(self, plant):
        plant.start_daemon("a", "n2", models={"directory": plant.path("models"), "default": "kuka-sim"},
                           partitions={"count": plants.PARTITIONS, "own": "0-23"},
                           input={"max_gap_s": 3600})
        self.process = plant.daemons["a"]
        time.sleep(5)


def one_round(consumer, sender, ear, packets, warm):
    """WINDOW samples are under way at most. Returns seconds, processor seconds, and how many scores came."""
    for i in range(0, warm, 50):
        sender.sendall(b"".join(packets[i:min(i + 50, warm)]))
        time.sleep(0.02)
    time.sleep(2)
    packets, base = packets[warm:], ear.count
    cpu, began = cpu_s(consumer.process.popen.pid), time.monotonic()
    for i in range(0, len(packets), BURST):
        if not ear.wait(base + i - WINDOW, 5):
            break
        sender.sendall(b"".join(packets[i:i + BURST]))
    ear.wait(base + len(packets), 3)
    return ear.last - began, cpu_s(consumer.process.popen.pid) - cpu, ear.count - base


def main():
    parser = argparse.ArgumentParser()
    for name in ("directory", "armwatch", "armwatchd"):
        parser.add_argument(name)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=10000)
    parser.add_argument("--json")
    parser.add_argument("--loopback", action="store_true", help="no namespaces; they are not used here anyway")
    args = parser.parse_args()
    plant = plants.Plant(args.directory, max(ROBOTS), 3, args.armwatch, args.armwatchd, False)
    bare_path = os.path.join(os.path.dirname(args.armwatchd), "..", "..", "tests", "fleet", "bare")
    out = []
    try:
        os.makedirs(plant.path("models"))
        shutil.copy(os.path.join(plants.ROOT, "models", "kuka-sim.safetensors"), plant.path("models"))
        subprocess.run([args.armwatch, "simulate", "--out", plant.path("rows.npy"), "--columns-out", plant.path("names.npy"),
                        "--minutes", "2"], check=True, stdout=subprocess.DEVNULL)
        rows = [",".join(f"{v:.6g}" for v in row) for row in numpy.load(plant.path("rows.npy"))]
        for node in plants.NODES:
            plant.start_node(node)
        time.sleep(8)
        sender, ear, first = connect(plant, "cell7"), Ear(plant), 0
        print(f"{args.messages} samples a round, {len(rows[0]) + 24} bytes each (simulated), {args.rounds} rounds of each\n")
        print(f"{'robots':>6}{'bare':>12}{'armwatchd':>12}{'ratio':>8}{'bare, CPU':>14}{'armwatchd, CPU':>18}{'came':>18}")
        for robots in ROBOTS:
            rates, costs, came = {"bare": [], "armwatchd": []}, {"bare": [], "armwatchd": []}, {"bare": 0, "armwatchd": 0}
            for kind in ("bare", "armwatchd") * args.rounds:
                packets = packets_of(robots, args.messages + WARM * robots, rows, first)
                first += args.messages // robots + WARM
                consumer = Bare(plant, bare_path) if kind == "bare" else Instance(plant)
                seconds, cpu, count = one_round(consumer, sender, ear, packets, WARM * robots)
                consumer.process.end()
                rates[kind].append(count / seconds)
                costs[kind].append(cpu / max(count, 1) * 1e6)
                came[kind] += count
            rate = {k: statistics.median(v) for k, v in rates.items()}
            cost = {k: statistics.median(v) for k, v in costs.items()}
            ratio = rate["armwatchd"] / rate["bare"]
            share = min(came.values()) / (args.messages * args.rounds)
            out.append({"robots": robots, "rate": rate, "cpu_us": cost, "ratio": ratio, "came": share})
            print(f"{robots:>6}{rate['bare']:>10.0f}/s{rate['armwatchd']:>10.0f}/s{ratio:>8.2f}{cost['bare']:>11.1f} us"
                  f"{cost['armwatchd']:>15.1f} us{share:>17.1%}", flush=True)
        flat = max(r["cpu_us"]["armwatchd"] for r in out) / min(r["cpu_us"]["armwatchd"] for r in out)
        worst = min(r["ratio"] for r in out)
        print(f"\nof a bare subscriber's throughput {worst:.2f} at least (goal 0.8); dearest message / cheapest {flat:.2f}")
        if args.json:
            plants.write(args.json, json.dumps(out, indent=1) + "\n")
    finally:
        plant.stop()
    return worst < 0.8


if __name__ == "__main__":
    sys.exit(main())
