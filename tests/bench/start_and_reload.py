#!/usr/bin/env python3
"""Start of armwatchd until READY beside a program that only links the same libraries, idle CPU, and what a reload of the model delays.

Usage: start_and_reload.py ARMWATCHD ARMWATCH LINKS_ONLY RELOAD_PAUSE BENCH_STAGES MODELS KUKA_MODEL [--rounds N] [--json]
"""
import argparse, json, os, statistics, subprocess, sys, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cell import INSTANCE, Cell, cpu_s, end, train_autoencoder  # noqa: E402
from rows import Output  # noqa: E402

RELOADS = 25
IDLE_S = 2
BATCH = 64  # DETECTOR_BATCH_MAX


def measure_start(cell, start, idle_s):
    process, seconds = start()
    try:
        if not idle_s:
            return {"start_ms": seconds * 1e3}
        time.sleep(1)
        before = cpu_s(process.pid)
        time.sleep(idle_s)
        return {"start_ms": seconds * 1e3, "idle_percent": (cpu_s(process.pid) - before) / idle_s * 100}
    finally:
        end(process)


def measure_reload(options, cell, model):
    process, _ = cell.start_daemon(model, answers_hz=-1)
    try:
        time.sleep(0.5)
        output = subprocess.run([options.reload_pause, str(cell.port), INSTANCE, str(RELOADS)], check=True, stdout=subprocess.PIPE, text=True).stdout
        return json.loads(output)
    finally:
        end(process)


def report_start(output, rounds):
    def median(side, key):
        return statistics.median(entry[key] for entry in rounds[side] if key in entry)

    goal = {"goal": 11, "limit": 3}  # its model is the autoencoder
    for side, text, wanted in (("autoencoder", "start to READY", goal), ("first", "the first start, which makes the journal", goal),
                               ("kuka-sim", "start to READY, four detectors", {})):
        output.row(text, median(side, "start_ms"), "ms", "libraries alone", median("libraries", "start_ms"), **wanted)
    output.row("idle", median("autoencoder", "idle_percent"), "% CPU", "libraries alone", median("libraries", "idle_percent"))


def stages_us(options, model):
    """A full batch, which is what a reload may make scoring wait for, and the self-test of a model, which is what it does."""
    output = subprocess.run([options.bench_stages, "--json", "--rounds", "11", model], check=True, stdout=subprocess.PIPE, text=True).stdout
    us = {row["what"]: row["ours"] for row in json.loads(output)["rows"]}
    return us["score in a batch of 64"] * BATCH, us["self-test of a model"]


def report_reload(output, name, rounds, batch, test):
    goal = {"goal": 11, "limit": 1} if name == "autoencoder" else {}

    def median(side, key):
        return statistics.median(entry[side][key] for entry in rounds)

    failed, unanswered = (sum(entry[key] for entry in rounds) for key in ("failed", "unanswered"))
    output.note(f"{name}: {sum(entry['reloads'] for entry in rounds)} reloads at 1000 samples/s, {failed} failed; {unanswered} samples without a score; "
                f"a reload takes {statistics.median(entry['reload_us'] for entry in rounds) / 1e3:.1f} ms")
    output.row(f"scoring waits in a reload, {name}", test, "us", "scoring a batch of 64", batch, **goal)
    output.row(f"sample to score in a reload, {name}, p50", median("during", "p50_us"), "us", "right before", median("before", "p50_us"))
    longest = median("during", "longest_us"), median("before", "longest_us")
    output.row(f"longest in a reload, {name}", longest[0], "us", "right before", longest[1])
    output.row(f"  longer by, {name}", max(0, longest[0] - longest[1]), "us", "scoring a batch of 64", batch)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in "armwatchd", "armwatch", "links_only", "reload_pause", "bench_stages", "models", "kuka_model":
        parser.add_argument(name)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    output = Output("start and reload")
    models = {"autoencoder": train_autoencoder(options.armwatch, options.models), "kuka-sim": options.kuka_model}
    starts, reloads = {"libraries": [], "autoencoder": [], "kuka-sim": [], "first": []}, {name: [] for name in models}
    with Cell(options.armwatchd) as cell:
        for n in range(options.rounds):
            idle_s = IDLE_S if n < 3 else 0
            starts["libraries"].append(
                measure_start(cell, lambda: cell.start([options.links_only], {"ARMWATCH_BENCH_PORT": str(cell.port)}), idle_s))
            for name, model in models.items():
                state = f"{cell.work}/state-{name}"
                if not os.path.exists(state):
                    os.mkdir(state)
                    measure_start(cell, lambda: cell.start_daemon(model, state=state), 0)
                starts[name].append(measure_start(cell, lambda: cell.start_daemon(model, state=state), idle_s))
            starts["first"].append(measure_start(cell, lambda: cell.start_daemon(models["autoencoder"]), 0))
        for _ in range(min(3, options.rounds)):
            for name, model in models.items():
                reloads[name].append(measure_reload(options, cell, model))
    report_start(output, starts)
    for name in models:
        report_reload(output, name, reloads[name], *stages_us(options, models[name]))
    output.print(options.json)


main()
