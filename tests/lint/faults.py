#!/usr/bin/env python3
"""The page on faults against the suite: the same rows, and every test that is named exists.

faults.py PROGRAM TOP [--write RESULT]: PROGRAM is the suite's; --write makes the page anew, with the figures
that `./run faults` has left in RESULT and, for rows that are not in it, those that the page has already.
"""
import pathlib
import re
import subprocess
import sys

PAGE = pathlib.Path("docs/faults.md")
COLUMNS = ("number", "fault", "expected", "injection", "here", "elsewhere", "exception")
HEAD = "| | fault | expected | how it is injected | checked by | measured |\n|---|---|---|---|---|---|\n"
RESULT = re.compile(r"^\s*(\d+)  (PASS|FAIL) +[^:]*?: (.*)$")


def rows(program):
    out = subprocess.run([program, "--list"], check=True, capture_output=True, text=True).stdout
    return [dict(zip(COLUMNS, line.split("\t"))) for line in out.splitlines()]


def checked_by(row):
    names = ["`./run faults`"] if row["here"] else []
    names += [f"`{part.strip()}`" for part in row["elsewhere"].split(";") if part]
    return "; ".join(names)


def line(row, figure):
    cells = [row["number"], row["fault"], row["expected"], row["injection"], checked_by(row), row["exception"] or figure]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def page_figures(text):
    figures = {}
    for found in text.splitlines():
        cells = found.strip().strip("|").split(" | ")
        if len(cells) == 6 and cells[0].strip().isdigit():
            figures[cells[0].strip()] = cells[5].strip()
    return figures


def missing_tests(row, top):
    for part in filter(None, (part.strip() for part in row["elsewhere"].split(";"))):
        name, tests = part.split(": ")
        source = (top / name).read_text(encoding="utf-8") if (top / name).is_file() else ""
        for test in tests.split(", "):
            if not re.search(rf"\b{test}\b", source):
                yield f"row {row['number']}: {name} has no {test}"


def findings(table, top, text):
    figures = page_figures(text)
    lines = set(text.splitlines())
    for row in table:
        yield from missing_tests(row, top)
        figure = figures.get(row["number"], "")
        if row["here"] and not figure:
            yield f"row {row['number']}: no figure in {PAGE}"
        if not row["here"] and not row["elsewhere"] and not row["exception"]:
            yield f"row {row['number']}: neither a check nor a reason"
        if line(row, figure) not in lines:
            yield f"row {row['number']}: {PAGE} says something else than the suite"
    for number in figures.keys() - {row["number"] for row in table}:
        yield f"row {number}: in {PAGE} only"


def write(table, top, text, result):
    figures = page_figures(text)
    for found in pathlib.Path(result).read_text(encoding="utf-8").splitlines():
        match = RESULT.match(found)
        if match and match[2] == "PASS":
            figures[match[1]] = re.sub(r" \[second try.*\]$", "", match[3])
    before = text[: text.index(HEAD)]
    body = "\n".join(line(row, figures.get(row["number"], "") if row["here"] else "") for row in table)
    (top / PAGE).write_text(before + HEAD + body + "\n", encoding="utf-8")


def main():
    program, top = sys.argv[1], pathlib.Path(sys.argv[2])
    table, text = rows(program), (top / PAGE).read_text(encoding="utf-8")
    if sys.argv[3:4] == ["--write"]:
        write(table, top, text, sys.argv[4])
        return 0
    found = list(findings(table, top, text))
    print("\n".join(found + [f"{len(table)} rows, {len(found)} findings"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
