#!/usr/bin/env python3
"""Fails when an include points against the direction of the layers, or when a library's header is
included outside of its home. Usage: include_direction.py SOURCE_DIRECTORY"""
import pathlib
import re
import sys

# What a layer may include besides itself.
LAYERS = {
    "base": set(),
    "nn": {"base"},
    "model": {"base", "nn"},
    "pipeline": {"base", "nn", "model"},
    "mqtt": {"base"},
    "config": {"base", "mqtt"},
    "lab": {"base", "nn", "model", "pipeline"},
    "daemon": {"base", "nn", "model", "pipeline", "mqtt", "config"},
    "cli": {"base", "nn", "model", "pipeline", "mqtt", "config", "lab"},
}
HOMES = {
    "cjson/": ["base/json.h"],
    "cblas.h": ["nn/blas.c"],
    "mosquitto.h": ["mqtt/"],
    "openssl/": ["base/hash.c", "mqtt/"],
    "uv.h": ["mqtt/", "daemon/", "cli/"],
}
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')


def problems(path, name):
    layer = name.split("/")[0]
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        quote, target = match.groups()
        if quote == '"':
            other = target.split("/")[0]
            if other not in LAYERS[layer] | {layer} or "/" not in target:
                yield f"src/{name}:{number}: {layer} must not include {target}"
            continue
        for header, homes in HOMES.items():
            at_home = any(name.startswith(home) for home in homes)
            if target.startswith(header) and not at_home:
                yield f"src/{name}:{number}: {target} belongs to {', '.join(homes)}"


def main():
    src = pathlib.Path(sys.argv[1]) / "src"
    files = sorted(path for path in src.rglob("*.[ch]"))
    found = [p for path in files for p in problems(path, path.relative_to(src).as_posix())]
    print("\n".join(found) if found else f"{len(files)} files, every include in its direction")
    return 1 if found or not files else 0


if __name__ == "__main__":
    sys.exit(main())
