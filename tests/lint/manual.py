#!/usr/bin/env python3
"""Holds the manual pages against the programs: each option and each configuration key has its entry,
and there is no entry for anything else. Usage: manual.py ARMWATCH ARMWATCHD MAN_DIRECTORY"""
import pathlib
import re
import subprocess
import sys

OPTION_HELP = re.compile(r"^  --([a-z0-9-]+)", re.MULTILINE)
OPTION_PAGE = re.compile(r"^\.It Fl \\-([a-z0-9-]+)", re.MULTILINE)
ALWAYS = {"help", "version"}


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def compare(what, program, page):
    for name in sorted(program - page):
        yield f"{what}: {name} is not in the manual"
    for name in sorted(page - program):
        yield f"{what}: {name} is in the manual only"


def sections(text):
    """Text of each .Ss, by its name."""
    parts = re.split(r"^\.S[sh] (.*)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2]))


def check_armwatch(armwatch, page):
    listed = re.search(r"^Commands:\n(.*?)\n\n", run(armwatch, "--help"), re.MULTILINE | re.DOTALL)
    commands = set(re.findall(r"^  ([a-z][a-z-]*(?: [a-z-]+)?)(?:  |$)", listed[1], re.MULTILINE))
    parts = sections(page)
    described = set(re.findall(r"^\.Ss ([a-z].*)$", page, re.MULTILINE))
    yield from compare("armwatch", commands, described)
    for command in sorted(commands & described):
        text = parts[command]
        for shared in re.findall(r"^\.Sx (\S+)", text, re.MULTILINE):
            text += parts[shared]
        program = set(OPTION_HELP.findall(run(armwatch, *command.split(), "--help"))) - ALWAYS
        yield from compare(f"armwatch {command}", program, set(OPTION_PAGE.findall(text)))


def check_armwatchd(armwatchd, page):
    program = set(OPTION_HELP.findall(run(armwatchd, "--help")))
    yield from compare("armwatchd", program, set(OPTION_PAGE.findall(page)))


def check_configuration(armwatch, page):
    reference = run(armwatch, "check-config", "--reference")
    program = set(re.findall(r"^\| `([^`]+)` \|", reference, re.MULTILINE))
    described = set(re.findall(r"^\.It Ic (\S+)", page, re.MULTILINE))
    yield from compare("armwatchd.json", program, described)


def main():
    armwatch, armwatchd, directory = sys.argv[1:]
    pages = {name: (pathlib.Path(directory) / name).read_text(encoding="utf-8")
             for name in ("armwatch.1", "armwatchd.8", "armwatchd.json.5")}
    found = [*check_armwatch(armwatch, pages["armwatch.1"]),
             *check_armwatchd(armwatchd, pages["armwatchd.8"]),
             *check_configuration(armwatch, pages["armwatchd.json.5"])]
    print("\n".join(found) if found else "the manual says what the programs say")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
