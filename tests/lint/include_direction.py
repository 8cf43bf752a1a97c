#!/usr/bin/env python3
"""Includes point down the layers, and every foreign header has one home.

    base <- nn <- model <- pipeline <- {daemon, lab <- cli}
    model <- onnx <- cli
    base <- mqtt <- {config, daemon, cli},  config <- {daemon, cli},  base <- report <- cli
    {pipeline, mqtt, sparkplug} <- source <- {daemon, cli},  base <- sparkplug,  base <- nats <- daemon
"""
import re
import sources

LAYERS = {
    "base": [],
    "nn": ["base"],
    "model": ["nn"],
    "pipeline": ["model"],
    "lab": ["pipeline"],
    "mqtt": ["base"],
    "report": ["base"],
    "onnx": ["model"],
    "sparkplug": ["base"],
    "nats": ["base"],
    "source": ["pipeline", "mqtt", "sparkplug"],
    "config": ["mqtt"],
    "daemon": ["pipeline", "source", "config", "mqtt", "nats"],
    "cli": ["lab", "onnx", "source", "report", "config", "mqtt"],
}

# A header of a library: the files or layers that may include it. The others go through these.
HOMES = {
    "cjson/cJSON.h": ["base/json.h"],
    "sqlite3.h": ["daemon/journal_file.c"],
    "microhttpd.h": ["daemon/http_internal.h", "daemon/http_cache.c"],
    "openssl/evp.h": ["base/hash.c", "model/signature.c", "model/signature_key.c"],
    "openssl/err.h": ["model/signature.c", "model/signature_key.c"],
    "openssl/pem.h": ["model/signature_key.c"],
    "cblas.h": ["nn/blas.c"],
    "immintrin.h": ["pipeline/sample_number.c"],  # the compiler's, for x86
    "mosquitto.h": ["mqtt/"],
    "mqtt_protocol.h": ["mqtt/"],
    "openssl/ssl.h": ["mqtt/"],
    "openssl/x509.h": ["mqtt/"],
    "sparkplug_b.pb-c.h": ["sparkplug/payload.c"],  # generated, and includes protobuf-c.h
    "onnx.pb-c.h": ["onnx/onnx_read.c", "onnx/onnx_write.c"],  # so is this one
    "nats/nats.h": ["nats/"],
    "uv.h": ["mqtt/", "daemon/", "cli/"],
    "armwatch/armwatch.h": ["pipeline/armwatch.c"],
}

SYSTEM = re.compile(
    r"(assert|ctype|errno|float|inttypes|limits|locale|math|setjmp|signal|stdarg|stdatomic|stdbool"
    r"|stddef|stdint|stdio|stdlib|string|time"  # C
    r"|dirent|fcntl|ftw|getopt|langinfo|libgen|netdb|poll|pthread|sched|spawn|strings|termios|unistd"
    r"|(sys|net|netinet|arpa)/\w+)\.h"  # POSIX
)
INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')


def below(layer):
    """The layer and everything under it."""
    found = {layer}
    for lower in LAYERS[layer]:
        found |= below(lower)
    return found


def check_own(top, layer, header):
    target = header.split("/")[0] if "/" in header else ""
    if target not in LAYERS:
        return f'"{header}" has no layer: includes are "layer/file.h"'
    if not (top / "src" / header).is_file():
        return f'"{header}" does not exist'
    if target not in below(layer):
        return f'"{header}": {layer} is not above {target}'
    return None


def check_foreign(name, header):
    homes = HOMES.get(header)
    if homes is None:
        known = SYSTEM.fullmatch(header)
        return None if known else f"<{header}> has no home: give it one in include_direction.py"
    if not any(name == home or (home.endswith("/") and name.startswith(home)) for home in homes):
        return f"<{header}> belongs in {', '.join(homes)}"
    return None


def check_file(top, path):
    name = path.relative_to(top / "src").as_posix()
    layer = name.split("/")[0]
    if layer not in LAYERS:
        yield f"src/{name}: {layer} is no layer"
        return
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        own, header = match[1] == '"', match[2]
        wrong = check_own(top, layer, header) if own else check_foreign(name, header)
        if wrong:
            yield f"src/{name}:{number}: {wrong}"


def find(top):
    paths = sources.files(top, ["src"], [".c", ".h"])
    return [finding for path in paths for finding in check_file(top, path)], len(paths)


if __name__ == "__main__":
    sources.report(*find(sources.root()))
