#!/usr/bin/env python3
"""Every header compiles alone, and the public one as C99 and as C++ too, with what pedantic compilers warn of.

headers_alone.py TOP COMPILER [FLAG ...]
"""
import shutil
import subprocess
import sys
import sources

FLAGS = ["-fsyntax-only", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror"]


def compile_alone(command, header, language):
    """Twice, so that a missing guard is found as well. Returns what the compiler says, or None."""
    text = f'#include "{header}"\n' * 2
    done = subprocess.run(command + FLAGS + ["-x", language, "-"], input=text, text=True,
                          capture_output=True, check=False)
    return done.stderr.strip() if done.returncode else None


def find(top, compiler):
    findings, looked_at = [], 0
    command = compiler + ["-std=gnu17", "-D_GNU_SOURCE", f"-I{top / 'src'}", f"-I{top / 'include'}"]
    for folder in ["src", "include"]:
        for path in sources.files(top, [folder], [".h"]):
            looked_at += 1
            said = compile_alone(command, path.relative_to(top / folder).as_posix(), "c")
            if said:
                findings.append(f"{path.relative_to(top)}: {said}")
    if (top / "include").is_dir():
        said = compile_alone(compiler + ["-std=c99", "-pedantic-errors", f"-I{top / 'include'}"], "armwatch/armwatch.h", "c")
        if said:
            findings.append(f"armwatch.h as C99: {said}")
    cxx = shutil.which("g++") or shutil.which("clang++")
    if cxx and (top / "include").is_dir():
        said = compile_alone([cxx, "-std=c++11", "-pedantic-errors", f"-I{top / 'include'}"], "armwatch/armwatch.h", "c++")
        if said:
            findings.append(f"armwatch.h in C++: {said}")
    return findings, looked_at


if __name__ == "__main__":
    sources.report(*find(sources.root(), sys.argv[2:] or ["cc"]))
