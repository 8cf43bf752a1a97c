#!/usr/bin/env python3
"""Sums up gcovr's JSON summary: the parsers one by one, then everything. Exits with 1 under a limit.

A parser reads what others send or write; everything is every file under src.
"""
import json
import sys

LEAST_WHOLE = 85.0  # percent of the lines
LEAST_PARSER = 95.0

PARSERS = {
    "configuration": [f"src/config/{name}.c" for name in ("config", "partition_set", "secret", "value")],
    "control": [f"src/daemon/{name}.c" for name in ("control", "control_answer", "control_models", "control_status")],
    "csv": ["src/lab/csv.c"],
    "episode": ["src/daemon/episode_text.c"],
    "host": ["src/config/listen.c", "src/daemon/http_host.c"],
    "json": ["src/base/json.c", "src/base/json_pointer.c", "src/base/utf8.c"],
    "lease": ["src/daemon/lease_value.c"],
    "npy": ["src/lab/npy.c", "src/lab/npy_header.c"],
    "onnx": [f"src/onnx/{name}.c" for name in ("onnx", "onnx_import", "onnx_import_nodes", "onnx_read")],
    "pack": ["src/lab/pack.c"],
    "safetensors": ["src/model/safetensors.c"],
    "sample": [f"src/pipeline/{name}.c" for name in ("sample", "sample_number", "sample_scan", "sample_time")],
    "source": [f"src/source/{name}.c" for name in ("source_map", "source_read", "source_sparkplug", "source_topic")],
    "sparkplug": [f"src/sparkplug/{name}.c" for name in
                  ("arena", "metrics", "node", "payload", "rebirth", "span", "sparkplug", "table", "topic", "value")],
    "topic template": ["src/config/topic_template.c", "src/mqtt/topic.c"],
    "url": ["src/mqtt/url.c"],
}


def show(name, lines, least):
    """Returns whether enough of the lines were reached; lines: [(total, reached)]."""
    total, reached = (sum(column) for column in zip(*lines))
    percent = 100 * reached / total
    good = percent >= least
    print(f"{name:<16} {total:>7} {reached:>8} {percent:>7.1f} %" +
          ("" if good else f"   less than {least:g} %"))
    return good


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        files = {entry["filename"]: (entry["line_total"], entry["line_covered"])
                 for entry in json.load(file)["files"]}
    print(f"{'':<16} {'lines':>7} {'reached':>8}")
    good = [show(name, [files[path] for path in paths], LEAST_PARSER) for name, paths in PARSERS.items()]
    good.append(show("parsers", [files[path] for paths in PARSERS.values() for path in paths], LEAST_PARSER))
    good.append(show("all of src", list(files.values()), LEAST_WHOLE))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
