#!/usr/bin/env python3
"""Every C file is as clang-format would leave it."""
import shutil
import subprocess
import sys
import sources

SKIPPED = 77


def main():
    tool = shutil.which("clang-format")
    if not tool:
        print("clang-format is not installed")
        sys.exit(SKIPPED)
    top = sources.root()
    looked_at = sources.files(top, ["src", "include", "tests"], [".c", ".h"])
    done = subprocess.run([tool, "--dry-run", *looked_at], text=True, capture_output=True, cwd=top,
                          check=True)
    findings = sorted({line.split(": warning:")[0] for line in done.stderr.splitlines()
                       if ": warning:" in line})
    sources.report(findings, len(looked_at))


if __name__ == "__main__":
    main()
