#!/usr/bin/env python3
"""All benchmarks in one go: a table with both sides of every comparison, which goals are met, and on what machine.

Usage: suite.py BUILD [--quick] [--only PART,...] [--json FILE [--merge]]

BUILD: the build directory, in which everything is built; npm's peers in BUILD/peers. A part is one benchmark; each measures its peers in
its own run, in turn. What is not there is skipped, with the reason. --merge: parts that are not measured now stay in FILE as they are.
Absolute figures depend on the machine and on what else it does: the ratios are the result.
"""
import argparse, datetime, glob, json, os, platform, shutil, subprocess, sys, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cell import PYTHON, train_autoencoder  # noqa: E402
from rows import Output, met, print_notes_and_rows  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
PACKAGES = ("libopenblas0-serial", "libmosquitto1", "mosquitto", "libcjson1", "libuv1", "libsqlite3-0", "libsimdjson-dev", "python3-numpy",
            "python3-paho-mqtt", "python3-torch", "python3-sklearn")
TIMEOUT_S = 900  # of a part


# ---- the machine

def read(path, otherwise="?"):
    try:
        with open(path) as file:
            return file.read().strip()
    except OSError:
        return otherwise


def caches():
    found = []
    for index in sorted(glob.glob("/sys/devices/system/cpu/cpu0/cache/index*")):
        if read(f"{index}/type") != "Instruction":
            found.append(f"L{read(f'{index}/level')} {read(f'{index}/size')}")
    return ", ".join(found) or "?"


def output_of(*argv):
    try:
        return subprocess.run(argv, capture_output=True, text=True, timeout=20).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def versions(build):
    found = {}
    for line in output_of("dpkg-query", "-W", "-f", "${Package} ${Version}\n", *PACKAGES).splitlines():
        name, _, version = line.partition(" ")
        if version:
            found[name] = version
    for name in "onnxruntime-node", "mqtt":
        text = read(f"{build}/peers/node_modules/{name}/package.json", "")
        if text:
            found[f"npm {name}"] = json.loads(text)["version"]
    found["compiler"] = (output_of("cc", "--version").splitlines() or ["?"])[0]
    found["node"] = output_of("node", "--version") or "-"
    return found


def machine(build):
    model = next((line.split(":", 1)[1].strip() for line in read("/proc/cpuinfo", "").splitlines() if line.startswith("model name")), "?")
    flags = next((line for line in read("/proc/cpuinfo", "").splitlines() if line.startswith("flags")), "")
    vectors = "AVX-512" if " avx512f" in flags else "AVX2" if " avx2" in flags else "SSE"
    return {"processor": model, "cores": os.cpu_count(), "vectors": vectors, "caches": caches(), "kernel": platform.release(),
            "virtual": " hypervisor" in flags, "governor": read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "not told"),
            "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20, "versions": versions(build)}


def load():
    return " ".join(read("/proc/loadavg").split()[:3])


# ---- parts: each returns (arguments, interpreter or None)

class Suite:
    def __init__(self, options):
        self.build, self.quick = os.path.abspath(options.build), options.quick
        self.armwatchd, self.armwatch = f"{self.build}/src/daemon/armwatchd", f"{self.build}/src/cli/armwatch"
        self.models = f"{self.build}/bench-models"
        self.kuka = f"{SOURCE}/models/kuka-sim.safetensors"

    def tool(self, name):
        return f"{self.build}/tests/bench/{name}"

    def rounds(self, usual, quick):
        return ["--rounds", str(quick if self.quick else usual)]

    def forward(self):
        libraries = glob.glob(f"{self.build}/peers/node_modules/onnxruntime-node/bin/*/linux/{'arm64' if platform.machine() == 'aarch64' else 'x64'}/"
                              "libonnxruntime.so*")
        return [self.tool("bench_forward"), "--json", *self.rounds(31, 11), *libraries[:1]]

    def widths(self):
        return [self.tool("bench_widths"), "--json", *self.rounds(21, 7)]

    def parse(self):
        return [self.tool("bench_parse"), "--json", *self.rounds(21, 7)]

    def handoff(self):
        return [self.tool("bench_handoff"), "--json", *self.rounds(11, 5), f"{self.models}/autoencoder.safetensors"]

    def memory(self):
        peers = [] if self.quick else [("Python, torch", f"{PYTHON} {HERE}/python_peer.py --engine torch"),
                                       ("Python, scikit-learn", f"{PYTHON} {HERE}/python_peer.py --engine sklearn"),
                                       ("Node.js, onnxruntime", f"node {HERE}/node_peer.js")]
        peers = [("Python, numpy", f"{PYTHON} {HERE}/python_peer.py"), *peers]
        more = [argument for name, command in peers for argument in ("--peer", f"{name}={command}")]
        return [sys.executable, f"{HERE}/memory.py", self.armwatchd, self.armwatch, self.tool("flood"), self.tool("links_only"), self.models, *more,
                "--json"]

    def start(self):
        return [sys.executable, f"{HERE}/start_and_reload.py", self.armwatchd, self.armwatch, self.tool("links_only"), self.tool("reload_pause"),
                self.tool("bench_stages"), self.models, self.kuka, "--json", *self.rounds(7, 3)]

    def alert(self):
        return [sys.executable, f"{HERE}/alert.py", self.armwatchd, self.armwatch, self.kuka, "--json", "--seconds", "10" if self.quick else "30"]

    def training(self):
        return [sys.executable, f"{HERE}/training.py", self.armwatch, "--json", *self.rounds(3, 1)] + (["--rows", "15000"] if self.quick else [])

    def growth(self):
        return [PYTHON, f"{HERE}/growth.py", self.armwatchd, self.armwatch, self.tool("bench_stages"), "--json", *self.rounds(3, 1)] + \
            (["--quick"] if self.quick else [])

    def end_to_end(self):
        return [sys.executable, f"{HERE}/end_to_end.py", self.armwatchd, self.armwatch, self.tool("flood"), self.tool("echo"), self.kuka, "--json",
                *self.rounds(3, 1), "--scale", "0.25" if self.quick else "0.5", *self.further_consumers()]

    def further_consumers(self):
        """That can be had here; none with --quick."""
        found = [] if self.quick else ["python, paho alone"]
        for name, module in (("python, torch", "torch"), ("python, scikit-learn", "sklearn")):
            if not self.quick and subprocess.run([PYTHON, "-c", f"import {module}"], capture_output=True).returncode == 0:
                found.append(name)
        if not self.quick and shutil.which("node") and os.path.isdir(f"{self.build}/peers/node_modules/mqtt"):
            found.append("node")
        return ["--peers", ";".join(found)]


PARTS = {"forward": "One window in the network 430-64-32-64-430", "widths": "Width of a network", "parse": "Reading a sample", "handoff": "The scorer's thread",
         "memory": "Memory", "start": "Start, and reload", "alert": "From a sample to its alert", "training": "Training",
         "growth": "Growth with window and channels", "end_to_end": "End to end"}


E2E_GOALS = {("cpu", "echo"): (4, 1.5, True), ("cpu", "python"): (4, 1 / 4, True), ("cpu", "python, torch"): (4, 1 / 6, True),
             ("throughput per_s", "echo"): (5, 0.95, False), ("latency p50", "echo"): (6, 1.15, True), ("latency p99", "echo"): (6, 2, True)}
E2E_TITLES = {"cpu json": "CPU of a message, JSON", "cpu binary": "CPU of a message, binary", "throughput per_s": "closed loop, messages",
              "throughput cpu_us": "  CPU of a message meanwhile", "latency p50": "sample to score, p50", "latency p99": "sample to score, p99"}


def end_to_end_rows(document):
    """What end_to_end.py prints, as rows: armwatchd with the autoencoder beside each other consumer, with four detectors beside echo."""
    ours, ours_with_four = "armwatchd, autoencoder", "armwatchd, kuka-sim"
    output = Output("end_to_end")
    figures = {tuple(key.split(" / ")): value["median"] for key, value in document["figures"].items()}
    measured = dict.fromkeys((kind, what) for kind, what, _ in figures if kind != "growth")
    sides = dict.fromkeys(side for _, _, side in figures if not side.startswith("armwatchd"))
    for kind, what in measured:
        key, unit = f"{kind} {what}", "1/s" if what == "per_s" else "us"
        title = E2E_TITLES.get(key, key)
        for side in sides:
            if (kind, what, side) in figures:
                number, limit, upper = E2E_GOALS.get((kind, side)) or E2E_GOALS.get((key, side)) or (None, None, True)
                output.row(title, figures[kind, what, ours], unit, side, figures[kind, what, side], goal=number, limit=limit, upper=upper)
        if (kind, what, ours_with_four) in figures and (kind, what, "echo") in figures:
            output.row(f"{title}, four detectors", figures[kind, what, ours_with_four], unit, "echo", figures[kind, what, "echo"])
    for (kind, robots, _), value in figures.items():
        if kind == "growth" and robots != "1":
            output.row(f"CPU of a message, {robots} robots", value, "us", "1 robot", figures["growth", "1", ours], goal=10, limit=1.3)
    output.note(f"{document['rounds']} interleaved rounds, simulated movement, 86 values")
    lost = ", ".join(f"{what} {count}" for what, count in document["lost"].items())
    output.note("lost: " + (lost or "nothing"))
    return output.as_object()


def measure(suite, name):
    argv = getattr(suite, name)()
    began = time.monotonic()
    try:
        result = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=TIMEOUT_S)
        document = json.loads(result.stdout) if result.returncode == 0 else None
        reason = (result.stderr.strip().splitlines() or [f"it ended with {result.returncode}"])[-1]
    except (OSError, subprocess.TimeoutExpired, json.JSONDecodeError) as error:
        document, reason = None, str(error)
    if document is None:
        part = {"part": name, "notes": [f"FAILED: {reason}"], "rows": [], "failed": True}
    else:
        part = end_to_end_rows(document) if name == "end_to_end" else document
    return {**part, "part": name, "title": PARTS[name], "seconds": round(time.monotonic() - began, 1)}


# ---- what came of it

def print_machine(document):
    about = document["machine"]
    print(f"{about['processor']}, {about['cores']} cores{' (virtual)' if about['virtual'] else ''}, {about['vectors']}, {about['caches']}; "
          f"Linux {about['kernel']}, governor {about['governor']}")
    print(f"load before {document['load_before']}, after {document['load_after']}; {', '.join(f'{k} {v}' for k, v in about['versions'].items())}")
    print("Ours, the other side, and ours over theirs. Movement is simulated. Absolute figures are this machine's now; ratios are the result.")


def print_goals(parts):
    goals = [(row["goal"], met(row)) for part in parts for row in part["rows"] if met(row) is not None]
    print(f"\n{sum(ok for _, ok in goals)} of {len(goals)} comparisons with a goal are met", end="")
    missed = sorted({number for number, ok in goals if not ok})
    print(f"; not met, in part at least: goals {', '.join(map(str, missed))}" if missed else "")


def print_part(part):
    print(f"\n{part['title']}  ({part['seconds']} s)")
    print_notes_and_rows(part)
    sys.stdout.flush()


def read_options():
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and samples: two minutes or three")
    parser.add_argument("--only", metavar="PART,...", default=",".join(PARTS), help=f"of {', '.join(PARTS)}")
    parser.add_argument("--json", metavar="FILE", help="everything as JSON, for tests/bench/draw.py too")
    parser.add_argument("--merge", action="store_true", help="FILE keeps the parts that are not measured now")
    options = parser.parse_args()
    options.only = options.only.split(",")
    for name in options.only:
        if name not in PARTS:
            parser.error(f"no part \"{name}\": {', '.join(PARTS)}")
    return options


def write(path, document, kept):
    """After every part: what was measured is not lost by what comes behind it."""
    names = {part["part"] for part in document["parts"]}
    parts = [part for part in kept if part["part"] not in names] + document["parts"]
    with open(path, "w") as out:
        json.dump({**document, "parts": sorted(parts, key=lambda part: list(PARTS).index(part["part"]))}, out, indent=1)


def main():
    options = read_options()
    suite = Suite(options)
    train_autoencoder(suite.armwatch, suite.models)
    document = {"measured": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"), "quick": options.quick,
                "machine": machine(suite.build), "load_before": load(), "parts": []}
    kept = json.loads(read(options.json, "{}") or "{}").get("parts", []) if options.json and options.merge else []
    for name in options.only:
        part = measure(suite, name)
        part["load"] = load()
        document["parts"].append(part)
        document["load_after"] = part["load"]
        print_part(part)
        if options.json:
            write(options.json, document, kept)
    print_goals(document["parts"])
    print_machine(document)
    return 1 if any(part.get("failed") for part in document["parts"]) else 0


if __name__ == "__main__":
    sys.exit(main())
