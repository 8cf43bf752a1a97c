#!/usr/bin/env python3
"""Counts test cases in meson's testlog.json (one test program a line).

A cmocka program counts by its cases, any other program as one case. A program that died or ran out
of time is a failure more, whatever its cases said. The last line is "N passed, N failed", with
", N skipped" where there were any. Exits with 1 if anything failed or nothing ran.
"""
import json
import re
import sys

CASE = re.compile(r"^\[\s*(RUN|OK|FAILED|SKIPPED)\s*\] (\S+)$")
GOOD = ("OK", "EXPECTEDFAIL")


class Count:
    def __init__(self):
        self.passed = self.failed = 0
        self.skipped = []  # (name, reason)
        self.trouble = []  # names


def count_cases(program, output, count):
    """Returns how many cases a cmocka program reported, and how many of them failed."""
    seen, failed, running, said = 0, 0, None, []
    for line in output.splitlines():
        match = CASE.match(line.strip())
        if not match:
            said.append(line.strip())
            continue
        verdict, case = match.groups()
        if verdict == "RUN":
            running, said = case, []
            continue
        if case != running:
            continue  # the list of failures at the end
        seen, running = seen + 1, None
        if verdict == "OK":
            count.passed += 1
        elif verdict == "SKIPPED":
            count.skipped.append((f"{program}: {case}", reason_of(said)))
        else:
            failed += 1
            count.failed += 1
            count.trouble.append(f"{program}: {case}")
    return seen, failed


def reason_of(lines):
    lines = [line for line in lines if line]
    return lines[-1] if lines else "no reason given"


def count_program(test, count):
    program, result = test["name"].split(" / ")[-1], test["result"]
    output = (test.get("stdout") or "") + "\n" + (test.get("stderr") or "")
    if result == "SKIP":
        count.skipped.append((program, reason_of(output.splitlines())))
        return
    expected_failure = result == "EXPECTEDFAIL"
    seen, failed = (0, 0) if expected_failure else count_cases(program, output, count)
    if result in GOOD:
        count.passed += seen == 0
    elif failed == 0:
        count.failed += 1
        count.trouble.append(f"{program}: {result.lower()}, exit code {test.get('returncode')}")


def main():
    count = Count()
    try:
        with open(sys.argv[1], encoding="utf-8") as file:
            for line in file:
                count_program(json.loads(line), count)
    except FileNotFoundError:
        count.trouble.append("no test was run")
        count.failed = 1
    for name, reason in count.skipped:
        print(f"skipped  {name}: {reason}")
    for name in count.trouble:
        print(f"failed   {name}")
    skipped = f", {len(count.skipped)} skipped" if count.skipped else ""
    print(f"{count.passed} passed, {count.failed} failed{skipped}")
    return 1 if count.failed or count.passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
