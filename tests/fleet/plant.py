"""A plant on one machine: hosts, a NATS cluster, armwatch instances and a cell's broker, by config/fleet.

Hosts are network namespaces on a bridge where that is permitted (the caller is in a namespace of its own
then), else addresses of the loopback interface. Only processes that were started here are ended, by their pid.
"""
import ctypes
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import sender

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
CONFIG = os.path.join(ROOT, "config", "fleet")
NATS_SERVER = next((p for p in ("/usr/sbin/nats-server", "/usr/bin/nats-server") if os.access(p, os.X_OK)), None)
NODES = ("n1", "n2", "n3")
PORTS = {"nats": 4222, "mqtt": 8883, "route": 6222, "http": 8222, "cell": 1883}
PARTITIONS = 24


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def write(path, text):
    with open(path, "w", encoding="utf-8", opener=lambda p, f: os.open(p, f, 0o600)) as file:
        file.write(text)


def partition_of(robot, count=PARTITIONS):
    """As nats-server does: FNV-1a of the name, modulo."""
    value = 2166136261
    for byte in robot.encode():
        value = (value ^ byte) * 16777619 & 0xFFFFFFFF
    return value % count


def parse_set(text):
    numbers = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        numbers.update(range(int(first), int(last or first) + 1))
    return numbers


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Process:
    """A program on a host; its output goes to a log."""

    def __init__(self, host, argv, log, **kinds):
        self.log = open(log, "a", encoding="utf-8")
        kinds = {"stdout": self.log, "stderr": self.log, "stdin": subprocess.DEVNULL, **kinds}
        self.popen = subprocess.Popen(host.command(argv), preexec_fn=die_with_parent, text=True, **kinds)

    def send(self, number):
        self.popen.send_signal(number)

    def end(self, number=signal.SIGTERM, limit=20):
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGCONT)
            self.popen.send_signal(number)
        try:
            self.popen.wait(limit)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
        return self.popen.returncode

    def alive(self):
        return self.popen.poll() is None


class Host:
    def __init__(self, name, address, namespace):
        self.name, self.address, self.holder = name, address, None
        if not namespace:
            return
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"], preexec_fn=die_with_parent)
        self.link = "v" + name
        for _ in range(100):  # unshare has not happened yet
            if os.readlink(f"/proc/{self.holder.pid}/ns/net") != os.readlink("/proc/self/ns/net"):
                break
            time.sleep(0.02)
        ip("link", "add", self.link, "type", "veth", "peer", "name", "eth0", "netns", str(self.holder.pid))
        ip("link", "set", self.link, "master", "br0", "up")
        for words in (["addr", "add", address + "/24", "dev", "eth0"], ["link", "set", "eth0", "up"],
                      ["link", "set", "lo", "up"]):
            subprocess.run(self.command(["ip", *words]), check=True)

    def command(self, argv):
        return ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net", "--", *argv] if self.holder else argv

    def cut(self, away):
        ip("link", "set", self.link, "down" if away else "up")


def ip(*words):
    subprocess.run(["ip", *words], check=True)


class Plant:
    def __init__(self, directory, robots, ttl_s, armwatch, armwatchd, namespaces):
        self.directory, self.robots, self.ttl_s = directory, robots, ttl_s
        self.armwatch, self.armwatchd, self.namespaces = armwatch, armwatchd, namespaces
        shutil.rmtree(directory, ignore_errors=True)
        os.makedirs(directory, mode=0o700)
        if namespaces:
            ip("link", "set", "lo", "up")
            ip("link", "add", "br0", "type", "bridge")
            ip("link", "set", "br0", "up")
            ip("addr", "add", "10.77.0.254/24", "dev", "br0")
            net = "10.77.0."
        else:
            net = free_network()
        self.hosts = {name: Host(name, net + str(i + 1), namespaces) for i, name in enumerate((*NODES, "cell"))}
        self.nodes, self.daemons, self.homes = {}, {}, {}
        self.mosquitto = None
        self.make_secrets()
        self.make_nodes()
        self.make_cell()

    def path(self, *parts):
        return os.path.join(self.directory, *parts)

    def address(self, host):
        return self.hosts[host].address

    def make_secrets(self):
        names = ",".join(f"IP:{self.address(n)},DNS:{self.address(n)}" for n in NODES)
        subprocess.run(["bash", os.path.join(CONFIG, "make-certificates.sh"), self.path("secrets")], check=True,
                       stdout=subprocess.DEVNULL, env={**os.environ, "TRIAL_ADDRESSES": names})

    def make_nodes(self):
        robots = ", ".join(f'"part.*.armwatch.robot.r{i}.sample"' for i in range(self.robots))
        for node in NODES:
            home = self.path(node)
            shutil.copytree(self.path("secrets", node), os.path.join(home, "certificates"))
            shutil.copy(self.path("secrets", "passwords.conf"), home)
            for name in ("common.conf", "accounts.conf", node + ".conf"):
                text = read(os.path.join(CONFIG, "nats", name))
                text = text.replace("/etc/nats/", home + "/").replace("/var/lib/nats", home)
                text = text.replace("0.0.0.0", self.address(node)).replace("127.0.0.1", self.address(node))
                for other in NODES:
                    text = text.replace(f"nats://{other}:", f"nats://{self.address(other)}:")
                text = re.sub(r'"part\.\*\.armwatch\.robot\.kuka1\.sample", .*kuka2\.sample"', robots, text)
                write(os.path.join(home, name), text)

    def start_node(self, node):
        home = self.path(node)
        self.nodes[node] = Process(self.hosts[node], [NATS_SERVER, "-c", f"{home}/{node}.conf"], f"{home}/log")

    def make_cell(self):
        text = read(os.path.join(CONFIG, "mosquitto", "cell7.conf"))
        text = text.replace("listener 1883 127.0.0.1", f"listener 1883 {self.address('cell')}")
        text = text.replace("/etc/mosquitto/certs/ca.crt", self.path("secrets", "ca.crt"))
        text = text.replace("change-me", read(self.path("secrets", "cell7.password")).strip())
        for node in NODES:
            text = text.replace(f"{node}:8883", f"{self.address(node)}:8883")
        write(self.path("cell.conf"), text + ("user root\n" if os.geteuid() == 0 else ""))

    def start_cell(self):
        self.mosquitto = Process(self.hosts["cell"], ["/usr/sbin/mosquitto", "-c", self.path("cell.conf")],
                                 self.path("cell.log"))

    def start_cell_behind(self, node, first_seq, hz, robots):
        """A cell that has that node alone; it is connected when this returns."""
        argv = [sys.executable, os.path.join(HERE, "behind.py"), self.address(node), "8883",
                self.path("secrets"), str(first_seq), str(hz), *robots]
        process = Process(self.hosts[node], argv, self.path("behind.log"), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return process if process.popen.stdout.readline() == "ready\n" else None

    def train(self):
        """A model of the robots that sender.py moves, with windows of one row: a sample is a score."""
        os.makedirs(self.path("models"))
        rng = random.Random(1)
        with open(self.path("normal.csv"), "w", encoding="ascii") as file:
            file.write("time," + ",".join(f"axis{c + 1}" for c in range(sender.CHANNELS)) + "\n")
            for i in range(4000):
                values = ",".join(f"{v:.6g}" for v in sender.row(i, rng))
                file.write(f"{1767225600 + i * 0.5},{values}\n")
        with open(self.path("train.log"), "w", encoding="utf-8") as log:
            subprocess.run([self.armwatch, "train", "--normal", self.path("normal.csv"), "--out",
                            self.path("models", "toy.safetensors"), "--window", "1", "--filter", "2/3", "--adversary",
                            "none", "--detectors", "autoencoder", "--epochs", "6", "--simulated", "--keep-drift"],
                           check=True, stdout=log, stderr=log)

    def start_daemon(self, name, host, **changes):
        home = self.path("daemon-" + name)
        if not os.path.isdir(home):
            os.makedirs(home)
            password = read(self.path("secrets", "armwatch.password"))
            for file in ("mqtt-password", "nats-password"):
                write(os.path.join(home, file), password)
            shutil.copy(self.path("secrets", "ca.crt"), home)
        config = json.loads(read(os.path.join(CONFIG, "plant-a.json")))
        config["instance"] = name
        at = NODES.index(host)
        config["mqtt"]["url"] = [f"mqtts://{self.address(n)}:8883" for n in NODES[at:] + NODES[:at]]
        config["partitions"]["lease"].update(url=[f"tls://{self.address(n)}:4222" for n in NODES], ttl_s=self.ttl_s)
        config["models"] = {"directory": self.path("models"), "default": "toy"}
        config["alerts"] = {"reassert_s": 3600, "false_alarms_per_day": 0.01}
        config["scores"] = {"rate_hz": -1}
        config["http"] = {"listen": "off"}
        config["evidence"] = {"enabled": False}
        config["state_directory"] = "state"
        config.update(changes)
        write(os.path.join(home, "armwatchd.json"), json.dumps(config, indent=1))
        self.homes[name] = host
        self.daemons[name] = Process(self.hosts[host], [self.armwatchd, "--config", f"{home}/armwatchd.json"],
                                     f"{home}/log")

    def fleet(self, *options, node="n2"):
        """armwatch fleet as an operator: its exit code and what it says."""
        argv = [self.armwatch, "fleet", "--broker", f"mqtts://{self.address(node)}:8883", "--protocol", "3.1.1",
                "--username", "operator", "--password-file", self.path("secrets", "operator.password"), "--ca-file",
                self.path("secrets", "ca.crt"), "--wait", "1s", *options]
        result = subprocess.run(self.hosts[node].command(argv), capture_output=True, text=True, check=False)
        return result.returncode, result.stdout + result.stderr

    def stop(self):
        for process in [*self.daemons.values(), self.mosquitto, *self.nodes.values()]:
            if process:
                process.end(signal.SIGKILL)
        for host in self.hosts.values():
            if host.holder:
                host.holder.kill()


def free_network():
    """Addresses of the loopback interface on which our ports are free."""
    rng = random.Random()
    for _ in range(50):
        net = f"127.{rng.randrange(2, 250)}.{rng.randrange(250)}."
        try:
            for last in range(1, 5):
                for port in PORTS.values():
                    with socket.socket() as probe:
                        probe.bind((net + str(last), port))
            return net
        except OSError:
            continue
    sys.exit("fleet: no free addresses on the loopback interface")


class Ears:
    """One observer at each node; what they hear, with the monotonic time at which they did."""

    def __init__(self, plant):
        self.lock = threading.Lock()
        self.scores = {node: [] for node in NODES}  # (time, robot, seq, instance, epoch)
        self.alerts = {}  # event id: (time, robot, data, source)
        self.status = {}  # instance: the newest
        self.states = {}  # robot: the newest
        self.statuses = []  # (time, instance, owned or None)
        self.online = set()
        self.processes = []
        for node in NODES:
            argv = [sys.executable, os.path.join(HERE, "observer.py"), plant.address(node), "8883", "operator",
                    plant.path("secrets", "operator.password"), plant.path("secrets", "ca.crt"), "observer-" + node]
            process = Process(plant.hosts[node], argv, plant.path(f"observer-{node}.log"), stdout=subprocess.PIPE)
            self.processes.append(process)
            threading.Thread(target=self.read, args=(node, process), daemon=True).start()

    def read(self, node, process):
        for line in process.popen.stdout:
            kind, _, rest = line.rstrip().partition(" ")
            with self.lock:
                if kind == "online":
                    self.online.add(node)
                    continue
                at, name, body = rest.split(" ", 2)
                if kind == "score":
                    seq, instance, epoch = body.split()
                    self.scores[node].append((float(at), name, int(seq), instance, int(epoch)))
                    continue
                self.take(kind, float(at), name, json.loads(body) if body else None)

    def take(self, kind, at, name, message):
        if not message:
            return
        if kind == "alert":
            self.alerts.setdefault(message["id"], (at, name, message["data"], message["source"]))
        elif kind == "state":
            self.states[name] = message
        else:
            self.status[name] = message
            owned = parse_set(message.get("partitions", {}).get("owned", ""))
            self.statuses.append((at, name, set() if message["state"] == "offline" else owned))

    def owners(self):
        with self.lock:
            return {name: parse_set(s.get("partitions", {}).get("owned", "")) for name, s in self.status.items()
                    if s["state"] != "offline"}

    def arrivals(self, since, without=()):
        """Robot: times at which its scores were heard, by whoever heard them first."""
        first = {}
        with self.lock:
            for node in NODES:
                if node not in without:
                    for at, robot, seq, _, _ in self.scores[node]:
                        if at >= since and at < first.get((robot, seq), 1e18):
                            first[robot, seq] = at
        times = {}
        for (robot, _), at in first.items():
            times.setdefault(robot, []).append(at)
        return {robot: sorted(t) for robot, t in times.items()}

    def stop(self):
        for process in self.processes:
            process.end(signal.SIGKILL)
