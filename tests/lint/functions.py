#!/usr/bin/env python3
"""No function of more than 80 lines, and no note to oneself that was left behind."""
import re
import sources

LONGEST = 80
NOTES = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" * 3]) + r")\b")


def function_lengths(lines):
    """(first line, lines) of every function: its braces stand alone in the first column."""
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start:
            yield start, number - start + 1
            start = None


def find(top):
    findings = []
    code = sources.files(top, ["src", "include", "tests"], [".c", ".h"])
    other = sources.files(top, ["src", "tests", "scripts"], [".py", ".sh", "meson.build"])
    for path in code + other:
        name = path.relative_to(top)
        lines = path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines, 1):
            if NOTES.search(line):
                findings.append(f"{name}:{number}: {line.strip()}")
        if path in code:
            for number, length in function_lengths(lines):
                if length > LONGEST:
                    findings.append(f"{name}:{number}: a function of {length} lines")
    return findings, len(code) + len(other)


if __name__ == "__main__":
    sources.report(*find(sources.root()))
