#!/usr/bin/env python3
"""mandoc and man have no warning about any manual page, and every page is installed. Usage: man_pages.py TOP"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

SKIPPED = 77


def said(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False,
                          env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "80"})
    return done.stderr.splitlines() if command[0] == "man" else (done.stdout + done.stderr).splitlines()


def warnings(pages):
    for page in pages:
        if shutil.which("mandoc"):
            yield from said("mandoc", "-T", "lint", "-W", "warning", str(page))
        if shutil.which("man"):
            yield from said("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", str(page))


def main():
    top = pathlib.Path(sys.argv[1])
    pages = sorted((top / "docs/man").iterdir())
    installed = set(re.findall(r"'man/([^']+)'", (top / "docs/meson.build").read_text(encoding="utf-8")))
    if not pages or {page.name for page in pages} != installed:
        sys.exit(f"docs/meson.build installs {sorted(installed)}, there are {[page.name for page in pages]}")
    if not shutil.which("mandoc"):
        print("skipped: mandoc is not installed")
        return SKIPPED
    found = list(warnings(pages))
    print("\n".join(found) if found else f"{len(pages)} pages")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
