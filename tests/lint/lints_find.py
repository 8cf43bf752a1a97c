#!/usr/bin/env python3
"""The lint tests find what is wrong on purpose in wrong/, and nothing else there.

lints_find.py COMPILER [FLAG ...]
"""
import pathlib
import sys
import functions
import headers_alone
import include_direction

WRONG = pathlib.Path(__file__).resolve().parent / "wrong"


def expect(name, findings, parts):
    if len(findings) != len(parts) or any(part not in text for part, text in zip(parts, findings)):
        print(f"{name} found {findings}, expected {parts}")
        sys.exit(1)


def main():
    expect("include_direction", include_direction.find(WRONG)[0], [
        "wrong.c:1: \"daemon/wrong.h\": base is not above daemon",
        "wrong.c:2: \"missing.h\" has no layer",
        "wrong.c:4: <cblas.h> belongs in nn/blas.c",
        "wrong.c:6: <unheard_of.h> has no home",
    ])
    expect("functions", functions.find(WRONG)[0], ["wrong.c:8:"])
    expect("headers_alone", headers_alone.find(WRONG, sys.argv[1:])[0],
           ["base/wrong.h: ", "daemon/wrong.h: "])
    lines = ["int f(void)", "{"] + ["    g();"] * functions.LONGEST + ["}"]
    lengths = [length for _, length in functions.function_lengths(lines)]
    expect("function_lengths", [str(length) for length in lengths], [str(functions.LONGEST + 2)])


if __name__ == "__main__":
    main()
