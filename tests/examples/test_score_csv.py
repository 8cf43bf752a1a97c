#!/usr/bin/env python3
"""The example program of the library gives the scores that `armwatch score` gives, and finds the slow arm.

Usage: test_score_csv.py ARMWATCH SCORE_CSV MODEL
"""
import csv
import pathlib
import subprocess
import sys
import tempfile

ROWS = 600


def run(*command, code=0):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != code:
        sys.exit(f"{' '.join(command)}: exit code {done.returncode}: {done.stderr}")
    return done.stdout


def examples_scores(text):
    """Score by row as text ("" where none), lines of alerts."""
    scores, alerts = {}, []
    for line in text.splitlines():
        row, _, rest = line.partition(" ")
        if rest.startswith(("ALERT", "cleared")):
            alerts.append(line)
        else:
            first = rest.split()[0] if rest.split() else "-"
            scores[int(row)] = "" if first in ("-", "refused") else first
    return scores, alerts


def main():
    armwatch, score_csv, model = sys.argv[1:]
    with tempfile.TemporaryDirectory() as directory:
        work = pathlib.Path(directory)
        run(armwatch, "simulate", "--rows", str(ROWS), "--session-seed", "77", "--anomaly", "slow:0.5",
            "--out", str(work / "slow.csv"))
        run(armwatch, "score", "--model", model, "--out", str(work / "scores.csv"), str(work / "slow.csv"))
        scores, alerts = examples_scores(run(score_csv, model, str(work / "slow.csv")))
        with open(work / "scores.csv", encoding="utf-8", newline="") as file:
            expected = {int(row["row"]): row["score"] for row in csv.DictReader(file)}
        run(score_csv, str(work / "slow.csv"), str(work / "slow.csv"), code=1)
        run(score_csv, model, str(work / "scores.csv"), code=1)
    if sorted(scores) != sorted(expected) or len(scores) != ROWS:
        sys.exit(f"rows: {len(scores)}, by armwatch score {len(expected)}, should be {ROWS}")
    compared = 0
    for row, text in expected.items():
        if bool(text) != bool(scores[row]):
            sys.exit(f"row {row}: {scores[row]!r}, by armwatch score {text!r}")
        if text:
            compared += 1
            if abs(float(text) - float(scores[row])) > 1e-4 * max(1, float(text)):
                sys.exit(f"row {row}: {scores[row]}, by armwatch score {text}")
    if compared < ROWS / 2:
        sys.exit(f"only {compared} rows were scored")
    if not any("slower than expected" in alert for alert in alerts):
        sys.exit(f"no alert of a slow arm: {alerts}")
    print(f"{compared} scores agree; {alerts[0]}")


if __name__ == "__main__":
    main()
