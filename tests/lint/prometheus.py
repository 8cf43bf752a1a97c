#!/usr/bin/env python3
"""Has promtool check the alert rules, and run their tests: prometheus.py CONFIG_DIRECTORY

A rule that is broken on purpose must fail them.
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77
RULES, TESTS = "armwatch.rules.yml", "armwatch.test.yml"


def run(tool, directory, *arguments):
    done = subprocess.run([tool, *arguments], cwd=directory, capture_output=True, text=True)
    return done.returncode == 0, done.stdout + done.stderr


def broken(directory, other):
    """A copy in which an alert looks at the opposite."""
    shutil.copy(directory / TESTS, other)
    text = (directory / RULES).read_text(encoding="utf-8")
    (pathlib.Path(other) / RULES).write_text(text.replace("armwatch_mqtt_connected == 0", "armwatch_mqtt_connected == 1"), encoding="utf-8")


def main():
    directory = pathlib.Path(sys.argv[1])
    tool = shutil.which("promtool")
    if not tool:
        print("promtool is not installed (Debian: prometheus)")
        sys.exit(SKIPPED)
    wrong = 0
    for arguments in (("check", "rules", RULES), ("test", "rules", TESTS)):
        good, text = run(tool, directory, *arguments)
        wrong += not good
        print(text)
    with tempfile.TemporaryDirectory() as other:
        broken(directory, other)
        good, _ = run(tool, other, "test", "rules", TESTS)
        if good:
            print("a broken rule passes its tests")
            wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
