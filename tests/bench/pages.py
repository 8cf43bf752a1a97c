#!/usr/bin/env python3
"""What open pages cost the daemon, and whether they delay an alert.

Usage: pages.py ARMWATCHD ARMWATCH FLOOD KUKA_MODEL [--robots N] [--rate HZ] [--pages N] [--seconds S] [--rounds N]

Robots send HZ samples a second together. Rounds without and with open pages are interleaved; a page asks for the overview and
for one robot each second, over one connection. Meanwhile one more robot has faults, and it is measured how long it takes from the sample that
raises an alert to the alert at a client of the broker. Movement is simulated. Absolute figures depend on the machine and on
what else it does.
"""
import argparse, json, os, re, shutil, socket, statistics, subprocess, sys, tempfile, threading, time, urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from footprint import free_port  # noqa: E402
from detectors import simulate, start  # noqa: E402

PYTHON = "/usr/bin/python3"  # Debian's, which has its paho and numpy
HERE = os.path.dirname(os.path.abspath(__file__))
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}


# ---- a page: a child process of its own for all of them

def ask(connection, port, path):
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode())
    data = b""
    while b"\r\n\r\n" not in data:
        data += receive(connection)
    head, body = data.split(b"\r\n\r\n", 1)
    assert b" 200 " in head.split(b"\r\n", 1)[0], head
    length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
    while len(body) < length:
        body += receive(connection)
    return length


def receive(connection):
    data = connection.recv(1 << 18)
    if not data:
        raise ConnectionError("closed")
    return data


def open_page(port, number, robots, until, figures):
    time.sleep(number / 50 % 1)
    connection = None
    while time.monotonic() < until:
        began = time.monotonic()
        try:
            connection = connection or socket.create_connection(("127.0.0.1", port), timeout=10)
            size = ask(connection, port, "/api/overview") + ask(connection, port, f"/api/robot?name=r{number % robots}")
            figures.append((time.monotonic() - began, size))
        except ConnectionError:
            connection = None
        time.sleep(max(0, began + 1 - time.monotonic()))


def poll(port, pages, robots, seconds):
    figures, until = [], time.monotonic() + seconds
    threads = [threading.Thread(target=open_page, args=(port, n, robots, until, figures)) for n in range(pages)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = sorted(t for t, _ in figures)
    print(json.dumps({"answers": len(took), "p50_ms": took[len(took) // 2] * 1e3, "p99_ms": took[len(took) * 99 // 100] * 1e3,
                      "kib": statistics.mean(s for _, s in figures) / 1024}))


# ---- the measurement

class Bench:
    def __init__(self, options, work):
        self.options, self.work, self.port = options, work, free_port()

    def start(self):
        path = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin")
        with open(f"{self.work}/mosquitto.conf", "w") as out:
            out.write(f"listener {self.port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n")
        self.broker = subprocess.Popen([path, "-c", f"{self.work}/mosquitto.conf"], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        time.sleep(0.5)
        os.mkdir(f"{self.work}/models")
        shutil.copy(self.options.kuka_model, f"{self.work}/models/kuka-sim.safetensors")
        self.recording = simulate(self.options.armwatch, f"{self.work}/probe.npy", 901, 10)[0]
        self.http = free_port()
        config = {"instance": "bench", "mqtt": {"url": f"mqtt://127.0.0.1:{self.port}"}, "models": {"directory": f"{self.work}/models", "default": "kuka-sim"},
                  "scores": {"rate_hz": 0}, "state_directory": f"{self.work}/state", "http": {"listen": f"127.0.0.1:{self.http}"},
                  "log": {"level": "error"}}
        os.mkdir(f"{self.work}/state")
        with open(f"{self.work}/config.json", "w") as out:
            json.dump(config, out)
        self.daemon = start([self.options.armwatchd, "--config", f"{self.work}/config.json"], self.work)
        time.sleep(1)

    def metrics(self):
        text = urllib.request.urlopen(f"http://127.0.0.1:{self.http}/metrics").read().decode()
        value = lambda name: float(re.search(rf"^{name} (\S+)$", text, re.M)[1])  # noqa: E731
        return {"cpu": value("process_cpu_seconds_total"), "http": value("armwatch_http_cpu_seconds_total"),
                "samples": sum(float(v) for v in re.findall(r"^armwatch_samples_received_total\{.*\} (\S+)$", text, re.M)),
                "rss": value("process_resident_memory_bytes")}

    def child(self, *command):
        return subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, text=True)

    def round(self, pages):
        o = self.options
        children = {"flood": subprocess.Popen([o.flood, "--port", str(self.port), "--pid", str(self.daemon.pid), "--robots", str(o.robots),
                                               "--rate", str(o.rate), "--samples", str(int(o.rate * (o.seconds + 2))), "--format", "binary"],
                                              stdout=subprocess.PIPE, text=True),
                    "probe": self.child(PYTHON, f"{HERE}/alert_probe.py", self.port, self.recording, o.seconds + 1)}
        time.sleep(1.5)
        before, began = self.metrics(), time.monotonic()
        if pages:
            children["poll"] = self.child(sys.executable, os.path.abspath(__file__), "--poll", self.http, pages, o.robots, o.seconds - 1)
        time.sleep(o.seconds)
        after, passed = self.metrics(), time.monotonic() - began
        out = {name: child.communicate(timeout=60)[0] for name, child in children.items()}
        figures = {name: json.loads(text) for name, text in out.items() if name != "flood"}
        return {"cpu": (after["cpu"] - before["cpu"]) / passed, "http": (after["http"] - before["http"]) / passed,
                "rate": (after["samples"] - before["samples"]) / passed, "rss": after["rss"], **figures}

    def stop(self):
        for process in (self.daemon, self.broker):
            process.terminate()
            process.wait(timeout=20)


def report(options, rounds):
    median = lambda pages, get: statistics.median(get(r) for r in rounds[pages])  # noqa: E731
    print(f"simulated: {options.robots} robots, {options.rate} samples a second asked for, {options.pages} pages, {options.rounds} interleaved rounds of "
          f"{options.seconds} s, medians")
    print(f"{'':>24} {'no page':>10} {options.pages:>7} pages")
    rows = [("samples a second", lambda r: r["rate"], ".0f"), ("processor, all, %", lambda r: 100 * r["cpu"], ".1f"),
            ("processor, HTTP, %", lambda r: 100 * r["http"], ".2f"), ("HTTP's share of it, %", lambda r: 100 * r["http"] / r["cpu"], ".2f"),
            ("resident, MiB", lambda r: r["rss"] / 2**20, ".1f"), ("sample to alert, p50 ms", lambda r: r["probe"]["p50_ms"] or 0, ".1f"),
            ("sample to alert, max ms", lambda r: r["probe"]["max_ms"] or 0, ".1f"), ("alerts measured", lambda r: r["probe"]["alerts"], ".0f")]
    for title, get, form in rows:
        print(f"{title:>24} {median(0, get):>10{form}} {median(options.pages, get):>13{form}}")
    for title, key in (("a page's two answers, p50 ms", "p50_ms"), ("p99 ms", "p99_ms"), ("KiB", "kib"), ("answers", "answers")):
        print(f"{title:>29}: {median(options.pages, lambda r: r['poll'][key]):.1f}")


def main():
    if sys.argv[1] == "--poll":
        return poll(*map(int, sys.argv[2:6]))
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name in ("armwatchd", "armwatch", "flood", "kuka_model"):
        parser.add_argument(name)
    for name, value in (("robots", 200), ("rate", 20000), ("pages", 50), ("seconds", 15), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    work = tempfile.mkdtemp(prefix="armwatch-pages-")
    os.environ.update(ENVIRONMENT)
    bench = Bench(options, work)
    rounds = {0: [], options.pages: []}
    try:
        bench.start()
        try:
            for _ in range(options.rounds):
                for pages in rounds:
                    rounds[pages].append(bench.round(pages))
        finally:
            bench.stop()
        report(options, rounds)
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
