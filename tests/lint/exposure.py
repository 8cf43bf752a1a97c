#!/usr/bin/env python3
"""Holds the units' exposure, as systemd-analyze security counts it, to what is promised.

exposure.py UNIT_DIRECTORY DROP_IN

The plain unit and the template: at most 1.1; with the example drop-in, which names the addresses
that the daemon may speak with: at most 1.0. A unit without a part of its sandbox must be refused.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77
WEAKER = "[Service]\nProtectSystem=no\n"
# What is analysed, the unit file, its drop-in and the limit in tenths.
CASES = [
    ("armwatchd.service", "armwatchd.service", "", 11),
    ("armwatchd@cell.service", "armwatchd@.service", "", 11),
    ("armwatchd.service", "armwatchd.service", "site", 10),
    ("armwatchd@cell.service", "armwatchd@.service", "site", 10),
]


def analyse(tool, directory, case, drop_in):
    """Exposure in tenths of the unit with the drop-in, and whether the tool holds it to the limit."""
    unit, file, _, limit = case
    with tempfile.TemporaryDirectory() as root:
        units = pathlib.Path(root, "etc/systemd/system")
        (units / f"{file}.d").mkdir(parents=True)
        shutil.copy(directory / file, units)
        (units / f"{file}.d" / "drop-in.conf").write_text(drop_in, encoding="utf-8")
        done = subprocess.run([tool, "security", f"--root={root}", "--offline=true", "--no-pager",
                               f"--threshold={limit}", unit], capture_output=True, text=True)
    found = re.search(r"exposure level for \S+: (\d+)\.(\d)", done.stdout)
    if not found:
        sys.exit(f"{unit}: {done.stderr}{done.stdout}")
    return int(found[1]) * 10 + int(found[2]), done.returncode == 0


def main():
    directory, site = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    tool = shutil.which("systemd-analyze")
    if not tool:
        print("systemd-analyze is not installed")
        sys.exit(SKIPPED)
    wrong = 0
    for case in CASES:
        drop_in = site.read_text(encoding="utf-8") if case[2] else ""
        tenths, held = analyse(tool, directory, case, drop_in)
        wrong += not held
        print(f"{case[0]}{' with ' + site.name if case[2] else ''}: {tenths / 10}, "
              f"at most {case[3] / 10}{'' if held else ': TOO MUCH'}")
    tenths, held = analyse(tool, directory, CASES[0], WEAKER)
    if held:
        print(f"a unit that may write everywhere passes with {tenths / 10}")
    return 1 if wrong or held else 0


if __name__ == "__main__":
    sys.exit(main())
