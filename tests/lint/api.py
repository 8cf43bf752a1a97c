#!/usr/bin/env python3
"""The public header, the library's version script, its exported symbols and Debian's symbols file name the same
functions. Usage: api.py TOP LIBRARY"""
import pathlib
import re
import shutil
import subprocess
import sys


def main():
    top, library = pathlib.Path(sys.argv[1]), sys.argv[2]
    header = (top / "include/armwatch/armwatch.h").read_text(encoding="utf-8")
    declared = set(re.findall(r"^\S.*?\b(armwatch_\w+)\(", re.sub(r"/\*.*?\*/", "", header, flags=re.S), re.M))
    lists = {"src/pipeline/armwatch.map":
             set(re.findall(r"^ +(armwatch_\w+);$", (top / "src/pipeline/armwatch.map").read_text(encoding="utf-8"), re.M)),
             "debian/libarmwatch0.symbols":
             set(re.findall(r"^ (armwatch_\w+)@ARMWATCH_0 ",
                            (top / "debian/libarmwatch0.symbols").read_text(encoding="utf-8"), re.M))}
    if shutil.which("nm"):
        done = subprocess.run(["nm", "-D", "--defined-only", library], check=True, capture_output=True, text=True)
        exported = {line.split()[-1].split("@")[0] for line in done.stdout.splitlines() if " A " not in line}
        lists["the library"] = exported
    wrong = [f"{where}: {', '.join(sorted(declared ^ names))} differ from the header" for where, names in lists.items()
             if declared != names]
    print("\n".join(wrong) if wrong else f"{len(declared)} functions")
    return 1 if wrong or len(declared) < 10 else 0


if __name__ == "__main__":
    sys.exit(main())
