#!/usr/bin/env python3
"""check_ledger.py finds each kind of disagreement, and none where there is none."""

import json
import os
import subprocess
import sys
import tempfile

CHECKER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "check_ledger.py")


def message(alert, n, state, robot="a", first=100, last=120):
    return {
        "id": f"{alert}/{n}",
        "data": {
            "alert_id": alert, "robot": robot, "kind": "anomaly", "state": state, "first_seq": first, "last_seq": last,
        },
    }  # fmt: skip


GOOD_ROWS = ["a,98,300,1", "b,500,510,0"]
GOOD = [message("x", 1, "raised"), message("x", 1, "raised"), message("x", 2, "cleared", last=310)]

CASES = [
    ("as it should be", GOOD_ROWS, GOOD, 0, ""),
    ("not owed, not told", GOOD_ROWS, GOOD, 0, "owed 1"),
    ("owed, not told", ["a,98,300,1", "b,500,510,1"], GOOD, 1, "missing 1"),
    ("told of another robot", ["b,98,300,1"], GOOD, 1, "wrong 1"),
    ("told before it began", ["a,101,300,1"], GOOD, 1, "wrong 1"),
    ("told long after it ended", ["a,10,83,0"], GOOD, 1, "wrong 1"),
    ("the tail of a window", ["a,10,84,0"], GOOD, 0, "wrong 0"),
    ("raised twice", GOOD_ROWS, GOOD + [message("x", 3, "raised")], 1, "raised 2 times"),
    ("cleared twice", GOOD_ROWS, GOOD + [message("x", 3, "cleared")], 1, "cleared 2 times"),
    ("one id, two contents", GOOD_ROWS, GOOD + [message("x", 2, "updated", last=310)], 1, "two contents"),
    ("another beginning", GOOD_ROWS, GOOD + [message("x", 3, "updated", first=99)], 1, "beginning"),
    ("nothing was heard", GOOD_ROWS, [], 1, "alerts 0"),
    ("nothing was injected", [], [], 1, "injected 0"),
]


def main():
    failed = 0
    with tempfile.TemporaryDirectory() as directory:
        rows, alerts = os.path.join(directory, "i.csv"), os.path.join(directory, "a.jsonl")
        for name, injected, messages, code, text in CASES:
            with open(rows, "w") as file:
                file.write("\n".join(["robot,first_seq,last_seq,owed"] + injected) + "\n")
            with open(alerts, "w") as file:
                file.writelines(json.dumps(m) + "\n" for m in messages)
            run = subprocess.run([sys.executable, "-B", CHECKER, rows, alerts], capture_output=True, text=True)
            good = run.returncode == code and text in run.stdout
            failed += not good
            print(f"{'ok' if good else 'FAILED'}: {name}")
            if not good:
                print(run.returncode, run.stdout, run.stderr)
    return 1 if failed else 0


sys.exit(main())
