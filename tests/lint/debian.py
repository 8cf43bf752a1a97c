#!/usr/bin/env python3
"""The packaging names what the rest names: build dependencies as in src/run/common.sh, the version of meson.build, the
licence's text, every manual page. Usage: debian.py TOP"""
import pathlib
import re
import sys


def words(text, name):
    return set(re.search(rf"^{name}=\((.*?)\)", text, re.M | re.S)[1].split())


def find(top):
    def read(name):
        return (top / name).read_text(encoding="utf-8")

    build = re.search(r"^Build-Depends:\n((?: .*\n)+)", read("debian/control"), re.M)[1]
    declared = {re.match(r" ([a-z0-9.+-]+)", line)[1] for line in build.splitlines()}
    needed = {name for name in words(read("src/run/common.sh"), "needed_packages")
              if name.endswith("-dev") or name in ("meson", "pkg-config", "protobuf-c-compiler")}
    for name in sorted(needed - declared):
        yield f"debian/control: {name} is no build dependency, but ./run build needs it"
    for name in sorted(name for name in declared - needed if name.endswith("-dev")):
        yield f"debian/control: {name} is a build dependency, but ./run build does not need it"
    version = re.search(r"version: '([^']+)'", read("meson.build"))[1]
    latest = re.match(r"armwatch \(([^)]+)\)", read("debian/changelog"))[1]
    if not latest.startswith(version):
        yield f"debian/changelog: {latest}, meson.build says {version}"
    licence = " ".join(read("LICENSE").split("\n\n", 2)[2].split())
    quoted = " ".join(re.sub(r"^ \.?", "", read("debian/copyright").rsplit("License: Expat\n", 1)[1], flags=re.M).split())
    if licence != quoted:
        yield "debian/copyright: another text than LICENSE"
    packaged = "".join(path.read_text(encoding="utf-8") for path in (top / "debian").glob("*.manpages"))
    for page in sorted((top / "docs/man").iterdir()):
        if packaged.count(f"/{page.name}\n") != 1:
            yield f"{page.name} is in {packaged.count(page.name)} packages"


if __name__ == "__main__":
    found = list(find(pathlib.Path(sys.argv[1])))
    print("\n".join(found) if found else "the packaging says what the rest says")
    sys.exit(1 if found else 0)
