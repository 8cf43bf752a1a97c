#!/usr/bin/env python3
"""The files of the page as a C table: embed.py OUT.c FILE...

Each is served as /NAME with the type of its suffix; the tag is made of its content.
"""
import hashlib
import pathlib
import sys

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}


def rows_of(data):
    for at in range(0, len(data), 24):
        yield ",".join(str(byte) for byte in data[at:at + 24])


def main():
    out, names = sys.argv[1], sys.argv[2:]
    lines = ['#include "daemon/http_page.h"', ""]
    table = []
    for number, name in enumerate(names):
        path = pathlib.Path(name)
        if path.suffix not in TYPES:
            sys.exit(f"{name}: no type is known for {path.suffix!r}: give it one in embed.py")
        data = path.read_bytes()
        tag = hashlib.sha256(data).hexdigest()[:16]
        lines.append(f"static const unsigned char file{number}[] = {{")
        lines += [row + "," for row in rows_of(data)] or ["0"]
        lines.append("};")
        table.append(f'    {{"/{path.name}", "{TYPES[path.suffix]}", "\\"{tag}\\"", file{number}, {len(data)}}},')
    lines += ["", "const struct http_page_file http_page_files[] = {", *table, "};"]
    lines.append("const size_t http_page_file_count = sizeof http_page_files / sizeof http_page_files[0];")
    pathlib.Path(out).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
