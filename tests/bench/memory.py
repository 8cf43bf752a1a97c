#!/usr/bin/env python3
"""Memory of armwatchd with one model and 1, 100 and 1000 robots, beside the libraries alone and beside other consumers.

Usage: memory.py ARMWATCHD ARMWATCH FLOOD LINKS_ONLY MODELS [--peer NAME=COMMAND] [--json]

MODELS is a directory for the autoencoder of the goals; it is trained there if it is not there yet. A peer's command gets MODEL and PORT
behind it, as python_peer.py takes them. Evidence is off, but in one row: its memory has a bound of its own. Every robot has sent as many samples as its history has rows, so that all of it was touched.
"""
import argparse, json, os, shlex, statistics, struct, subprocess, sys, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cell import Cell, end, status_kib, train_autoencoder  # noqa: E402
from rows import Output  # noqa: E402

ROBOTS = (1, 100, 1000)
RATE_HZ = 4000
ROUNDS = 3
ANONYMOUS_MIB, RESIDENT_MIB, ROBOT_BYTES = 6, 20, 8192  # allowed; the bytes beside the history


def history(model):
    """Rows and values of a row."""
    with open(model, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    config = json.loads(header["__metadata__"]["config"])
    span = max((detector["window"] - 1) * detector.get("spacing", 1) + 1 for detector in config["detectors"])
    return max(4 * span, 32), len(config["channels"]) + len(config.get("derived", []))


def flood(options, cell, robots, rows):
    subprocess.run([options.flood, "--port", str(cell.port), "--robots", str(robots), "--samples", str(robots * rows), "--rate", str(RATE_HZ)],
                   check=True, stdout=subprocess.DEVNULL)
    time.sleep(0.3)


def memory(pid):
    return {"anonymous": status_kib(pid, "RssAnon"), "resident": status_kib(pid, "VmRSS")}


def measure_daemon(options, cell, model, robots, rows, evidence=False):
    process, _ = cell.start_daemon(model, evidence={"enabled": evidence})
    try:
        time.sleep(0.3)
        flood(options, cell, robots, rows)
        return memory(process.pid)
    finally:
        end(process)


def measure_libraries(options, cell):
    process, _ = cell.start([options.links_only], {"ARMWATCH_BENCH_PORT": str(cell.port)})
    try:
        time.sleep(0.5)
        return memory(process.pid)
    finally:
        end(process)


def measure_peer(options, cell, model, command, rows):
    process = cell.start_peer(shlex.split(command) + [model, str(cell.port)])
    if process is None:
        return None
    try:
        flood(options, cell, 1, rows)
        return memory(process.pid)
    finally:
        end(process)


def median(rounds, key):
    return statistics.median(entry[key] for entry in rounds)


def report(output, daemon, libraries, peers, shape):
    rows, width = shape
    for robots in ROBOTS:
        name = f"{robots} robot{'s' if robots > 1 else ''}"
        anonymous, resident = (median(daemon[robots], key) / 1024 for key in ("anonymous", "resident"))
        if robots == 1000:
            output.row(f"anonymous memory, {name}", anonymous, "MiB")
            output.row(f"resident memory, {name}", resident, "MiB")
            continue
        goal = {"goal": 8, "limit": 1} if robots == 100 else {}
        output.row(f"anonymous memory, {name}", anonymous, "MiB", "allowed" if goal else "libraries alone",
                   ANONYMOUS_MIB if goal else median(libraries, "anonymous") / 1024, **goal)
        output.row(f"resident memory, {name}", resident, "MiB", "allowed" if goal else "libraries alone",
                   RESIDENT_MIB if goal else median(libraries, "resident") / 1024, **goal)
    each = (median(daemon[1000], "anonymous") - median(daemon[100], "anonymous")) * 1024 / 900
    output.row("memory of a robot more", each, "B", f"allowed: {rows} x {width} x 4 B + 8 KB", rows * width * 4 + ROBOT_BYTES, goal=8, limit=1)
    for name, figures in peers.items():
        output.row("resident memory, 1 robot", median(daemon[1], "resident") / 1024, "MiB", name, median(figures, "resident") / 1024)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in "armwatchd", "armwatch", "flood", "links_only", "models":
        parser.add_argument(name)
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    output = Output("memory")
    model = train_autoencoder(options.armwatch, options.models)
    shape = history(model)
    daemon, libraries, evidence, peers = {robots: [] for robots in ROBOTS}, [], [], {}
    with Cell(options.armwatchd) as cell:
        for _ in range(ROUNDS):
            libraries.append(measure_libraries(options, cell))
            for robots in ROBOTS:
                daemon[robots].append(measure_daemon(options, cell, model, robots, shape[0]))
            evidence.append(measure_daemon(options, cell, model, 100, shape[0], evidence=True))
        for name, command in (peer.split("=", 1) for peer in options.peer):
            figures = measure_peer(options, cell, model, command, shape[0])
            if figures is None:
                output.note(f"{name}: skipped, it did not start")
            else:
                peers[name] = [figures]
    output.note(f"one model, 430-64-32-64-430; simulated samples, {shape[0]} of each robot; median of {ROUNDS} (peers: one)")
    report(output, daemon, libraries, peers, shape)
    output.row("anonymous memory, 100 robots, with evidence", median(evidence, "anonymous") / 1024, "MiB", "without", median(daemon[100], "anonymous") / 1024)
    output.print(options.json)


main()
