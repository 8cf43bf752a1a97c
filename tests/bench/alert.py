#!/usr/bin/env python3
"""From the sample that raises an alert to the alert, beside one commit of a journal like the daemon's, on the same disk, by turns.

Usage: alert.py ARMWATCHD ARMWATCH KUKA_MODEL [--seconds S] [--json]

An alert is written to the journal before it is published, so a commit is the least that it takes longer than a score does. Movement is simulated.
"""
import argparse, json, os, statistics, subprocess, sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cell import PYTHON, Cell, end  # noqa: E402
from detectors import simulate  # noqa: E402
from rows import Output  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))


def measure(options):
    with Cell(options.armwatchd) as cell:
        recording = simulate(options.armwatch, f"{cell.work}/probe.npy", 901, 10)[0]
        process, _ = cell.start_daemon(options.kuka_model, answers_hz=-1)
        try:
            return json.loads(subprocess.run([PYTHON, f"{HERE}/alert_probe.py", str(cell.port), recording, str(options.seconds), "--commits", cell.work],
                                             check=True, stdout=subprocess.PIPE, text=True).stdout)
        finally:
            end(process)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in "armwatchd", "armwatch", "kuka_model":
        parser.add_argument(name)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = measure(options)
    alert, commit, score = (figures[key] for key in ("ms", "commit_ms", "score_ms"))
    output = Output("alert")
    output.note(f"{len(alert)} alerts of one robot (simulated), four detectors, a sample every 4 ms")
    median, late = statistics.median, lambda values: values[len(values) * 9 // 10]
    output.row("sample to alert, p50", median(alert), "ms", "one commit", median(commit))
    output.row("sample to alert, p90", late(alert), "ms", "one commit", late(commit))
    output.row("  longer than to the same sample's score", median(alert) - median(score), "ms", "one commit", median(commit))
    output.print(options.json)


main()
