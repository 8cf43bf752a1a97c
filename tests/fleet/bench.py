#!/usr/bin/python3
"""./run fleet bench: an instance beside a bare subscriber on the same cluster, and what a message costs it.

bench.py DIRECTORY ARMWATCH ARMWATCHD [--rounds N] [--seconds N] [--robots N,N,...] [--apart] [--json FILE]

Sender at n1, consumer at n2, both over TLS, QoS 0; everything shares this machine's processors. Samples flow
all the time, at most WINDOW of which have no score yet; the bare subscriber answers each with as many bytes as the newest score had.
The start of a consumer is one thing: models, windows that fill, and the state of each robot, which the cluster
keeps on three disks. Its steady work is another: it is measured once no state has been told for QUIET_S.
Rounds of the two take turns; medians are told.

Where everything shares all processors, what a score costs is missing to the cluster. With --apart the consumer
has a processor of its own, as on a host of its own, and the cluster and the sender have the rest.
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
WINDOW, BURST, WARM = 400, 25, 10  # samples under way, at a time, and of each robot before answers are waited for
QUIET_S, START_S = 2, 60  # without a state; for a start at most


def cpu_s(pid):
    tasks = f"/proc/{pid}/task"
    return sum(int(plants.read(f"{tasks}/{task}/schedstat").split()[0]) for task in os.listdir(tasks)) / 1e9


def pin(pid, processors):
    for task in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(task), processors)


def length(number):
    out = bytearray()
    while True:
        number, digit = divmod(number, 128)
        out.append(digit | (128 if number else 0))
        if not number:
            return bytes(out)


def text(value):
    return len(value).to_bytes(2, "big") + value


def connect(plant, user, client_id):
    """A connection of MQTT that nothing but this file's own bytes go through."""
    password = plants.read(plant.path("secrets", user + ".password")).strip()
    context = ssl.create_default_context(cafile=plant.path("secrets", "ca.crt"))
    plain = socket.create_connection((plant.address("n1"), plants.PORTS["mqtt"]))
    made = context.wrap_socket(plain, server_hostname=plant.address("n1"))
    body = text(b"MQTT") + b"\x04\xc2\x00\x00" + text(client_id)
    body += text(user.encode()) + text(password.encode())
    made.sendall(b"\x10" + length(len(body)) + body)
    assert made.recv(4) == b"\x20\x02\x00\x00"
    return made


class Ear:
    """Counts the messages of a kind that come."""

    def __init__(self, plant, kind):
        self.count, self.last, self.more = 0, 0, threading.Condition()
        self.payload = 0  # bytes of the newest
        self.socket = connect(plant, "operator", b"bench-" + kind)
        body = b"\x00\x01" + text(b"armwatch/robot/+/" + kind) + b"\x00"
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
                size |= rest[head] << shift
                if rest[at] >> 4 == 3:  # its topic is before it
                    came, self.payload = came + 1, size - 2 - int.from_bytes(rest[head + 1:head + 3], "big")
                at = head + 1 + size
            rest = rest[at:]
            with self.more:
                self.count, self.last = self.count + came, time.monotonic()
                self.more.notify_all()

    def wait(self, count, limit_s):
        with self.more:
            return self.more.wait_for(lambda: self.count >= count, limit_s)


class Flow:
    """The samples, robot after robot; numbers go on from round to round."""

    def __init__(self, plant, rows, scores):
        self.socket, self.rows, self.scores = connect(plant, "cell7", b"bench-sender"), rows, scores
        self.number = {}  # of robots: samples that were made
        self.sent = self.lost = self.base = 0  # of one consumer

    def send(self, robots, count):
        out, number = [], self.number.get(robots, 0)
        for i in range(number, number + count):
            # So that no robot has a number twice, whatever the number of robots was before.
            seq = 1000000 * ROBOTS.index(robots) + i // robots
            body = self.topics[i % robots] + b'{"seq":%d,"values":[%b]}' % (seq, self.rows[seq % len(self.rows)])
            out.append(b"\x30" + length(len(body)) + body)
        self.number[robots] = number + count
        self.socket.sendall(b"".join(out))

    topics = [text(f"armwatch/robot/r{i}/sample".encode()) for i in range(max(ROBOTS))]

    def warm(self, robots):
        for _ in range(0, WARM * robots, 50):
            self.send(robots, 50)
            time.sleep(0.02)
        time.sleep(0.2)
        self.sent, self.lost, self.base = 0, 0, self.scores.count

    def flow(self, robots, until):
        """Returns how many were sent and how many answered; those whose answer takes a second are lost."""
        sent, count = self.sent, self.scores.count
        while not until():
            if not self.scores.wait(self.base + self.sent - self.lost - WINDOW + BURST, 1):
                self.lost = self.sent - (self.scores.count - self.base)
            self.send(robots, BURST)
            self.sent += BURST
        return self.sent - sent, self.scores.count - count


class Bare:
    def __init__(self, plant, bare, answer):
        argv = [bare, plant.address("n2"), str(plants.PORTS["mqtt"]), "armwatch",
                plant.path("secrets", "armwatch.password"), plant.path("secrets", "ca.crt"), str(answer)]
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


def one_round(plant, consumer, flow, states, robots, seconds, own):
    """The start, and then steady work for some seconds."""
    if own:
        pin(consumer.process.popen.pid, own)
    began, first = time.monotonic(), states.count
    flow.warm(robots)
    flow.flow(robots, lambda: time.monotonic() > min(max(states.last, began) + QUIET_S, began + START_S))
    result = {"start_s": time.monotonic() - began - QUIET_S, "start_states": states.count - first}
    nodes = [process.popen.pid for process in plant.nodes.values()]
    pid, first = consumer.process.popen.pid, states.count
    cpu, cluster, began = cpu_s(pid), sum(map(cpu_s, nodes)), time.monotonic()
    sent, came = flow.flow(robots, lambda: time.monotonic() > began + seconds)
    result["rate"] = came / (time.monotonic() - began)
    result["cpu_us"] = (cpu_s(pid) - cpu) / max(came, 1) * 1e6
    result["cluster_us"] = (sum(map(cpu_s, nodes)) - cluster) / max(came, 1) * 1e6
    result["states"], result["came"] = states.count - first, came / sent
    return result


def measure(plant, bare_path, flow, states, args, robots):
    """Medians of the rounds of each of the two, and the ratio of each pair of rounds."""
    rounds = {"bare": [], "armwatchd": []}
    for kind in ("armwatchd", "bare") * args.rounds:
        consumer = Bare(plant, bare_path, flow.scores.payload) if kind == "bare" else Instance(plant)
        rounds[kind].append(one_round(plant, consumer, flow, states, robots, args.seconds, args.own))
        consumer.process.end()
        time.sleep(1)
    told = {kind: {key: statistics.median(r[key] for r in made) for key in made[0]} for kind, made in rounds.items()}
    ratios = sorted(d["rate"] / b["rate"] for b, d in zip(rounds["bare"], rounds["armwatchd"]))
    bare, daemon = told["bare"], told["armwatchd"]
    print(f"{robots:>6}{bare['rate']:>9.0f}/s{daemon['rate']:>9.0f}/s{statistics.median(ratios):>7.2f} "
          f"({ratios[0]:.2f}-{ratios[-1]:.2f}){bare['cpu_us']:>8.1f} us{daemon['cpu_us']:>8.1f} us"
          f"{bare['cluster_us']:>9.1f} us{daemon['cluster_us']:>8.1f} us{daemon['start_s']:>8.1f} s"
          f"{daemon['start_states']:>8.0f}{daemon['states']:>8.0f}{min(bare['came'], daemon['came']):>8.1%}", flush=True)
    return {"robots": robots, "ratio": statistics.median(ratios), "ratios": ratios, **told}


def main():
    parser = argparse.ArgumentParser()
    for name in ("directory", "armwatch", "armwatchd"):
        parser.add_argument(name)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--robots", default=",".join(map(str, ROBOTS)))
    parser.add_argument("--bare", help="the bare subscriber; default: that of the same build")
    parser.add_argument("--apart", action="store_true", help="the consumer has a processor of its own")
    parser.add_argument("--json")
    args = parser.parse_args()
    processors = sorted(os.sched_getaffinity(0))
    args.own = set(processors[-1:]) if args.apart and len(processors) > 1 else None
    if args.own:
        os.sched_setaffinity(0, processors[:-1])  # ours, and what is started from now on
    plant = plants.Plant(args.directory, max(ROBOTS), 3, args.armwatch, args.armwatchd, False)
    bare_path = args.bare or os.path.join(os.path.dirname(args.armwatchd), "..", "..", "tests", "fleet", "bare")
    out = []
    try:
        os.makedirs(plant.path("models"))
        shutil.copy(os.path.join(plants.ROOT, "models", "kuka-sim.safetensors"), plant.path("models"))
        subprocess.run([args.armwatch, "simulate", "--out", plant.path("rows.npy"), "--columns-out", plant.path("names.npy"),
                        "--minutes", "2"], check=True, stdout=subprocess.DEVNULL)
        rows = [",".join(f"{v:.6g}" for v in row).encode() for row in numpy.load(plant.path("rows.npy"))]
        for node in plants.NODES:
            plant.start_node(node)
        time.sleep(8)
        flow, states = Flow(plant, rows, Ear(plant, b"score")), Ear(plant, b"state")
        print("the consumer has a processor of its own" if args.own else "all share the processors", end="; ")
        print(f"{args.rounds} rounds of {args.seconds:g} s of each, {len(rows[0]) + 24} bytes a sample (simulated)\n")
        print(f"{'':>6}{'bare':>11}{'armwatchd':>11}{'ratio':>7}{'CPU of a message: bare':>34}{'daemon':>8}{'cluster':>9}"
              f"{'':>12}{'start':>8}{'states':>10}{'later':>8}{'came':>8}")
        for robots in map(int, args.robots.split(",")):
            out.append(measure(plant, bare_path, flow, states, args, robots))
        flat = max(r["armwatchd"]["cpu_us"] for r in out) / min(r["armwatchd"]["cpu_us"] for r in out)
        worst = min(r["ratio"] for r in out)
        print(f"\nof a bare subscriber's throughput {worst:.2f} at least (goal 0.8); dearest message / cheapest {flat:.2f}")
        if args.json:
            plants.write(args.json, json.dumps(out, indent=1) + "\n")
    finally:
        plant.stop()
    return worst < 0.8


if __name__ == "__main__":
    sys.exit(main())
