#!/usr/bin/env python3
"""Draws what ./run bench --json FILE has measured: docs/performance.svg.

Usage: draw.py FILE.json OUT.svg

Each bar is ours over theirs on a logarithmic scale, where less is better on every line (throughput is turned into the time of a
message). A tick is a goal. Standard library only.
"""
import json, math, os, sys
from xml.sax.saxutils import escape

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rows import met, number, ratio  # noqa: E402

WIDTH, LINE, TOP = 1080, 19, 92
LABEL, BARS, RIGHT = 330, 350, 700  # end of the labels, begin and end of the bars
LEAST, MOST = 0.01, 10  # ratios that the scale shows
INK, PALE, GRID = "#1f2933", "#616e7c", "#d9dee4"
MET, MISSED, PLAIN = "#2f855a", "#c05621", "#52789c"
FONT = "font-family='system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif'"


class Picture:
    def __init__(self):
        self.parts, self.y = [], TOP

    def text(self, x, y, words, size=12, fill=INK, anchor="start", bold=False):
        weight = " font-weight='600'" if bold else ""
        self.parts.append(f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size}' fill='{fill}' text-anchor='{anchor}'{weight}>{escape(words)}</text>")

    def box(self, x, y, width, height, fill, radius=1.5):
        self.parts.append(f"<rect x='{x:.1f}' y='{y:.1f}' width='{max(width, 0.8):.1f}' height='{height:.1f}' rx='{radius}' fill='{fill}'/>")

    def line(self, x1, y1, x2, y2, stroke, width=1.0, dash=""):
        dashes = f" stroke-dasharray='{dash}'" if dash else ""
        self.parts.append(f"<line x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}' stroke='{stroke}' stroke-width='{width}'{dashes}/>")

    def write(self, path, title):
        height = self.y + 16
        with open(path, "w") as out:
            out.write(f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height:.0f}' width='{WIDTH}' height='{height:.0f}' {FONT} "
                      f"role='img' aria-label='{escape(title)}'>\n<rect width='100%' height='100%' fill='#ffffff'/>\n")
            out.write("\n".join(self.parts) + "\n</svg>\n")


def position(value):
    share = (math.log(min(max(value, LEAST), MOST)) - math.log(LEAST)) / (math.log(MOST) - math.log(LEAST))
    return BARS + share * (RIGHT - BARS)


def cost(row):
    """Ratio and goal, less is better."""
    lower = row["unit"] == "1/s"
    value, limit = ratio(row), row.get("limit")
    return (1 / value, 1 / limit if limit else None) if lower else (value, limit)


def colour(row):
    return PLAIN if met(row) is None else MET if met(row) else MISSED


def draw_row(picture, row, repeated):
    """repeated: the row above is of the same, beside another."""
    y = picture.y
    value, limit = cost(row)
    if not repeated:
        picture.text(LABEL, y + 13, row["what"].strip(), anchor="end")
    picture.box(min(position(value), position(1)), y + 4, abs(position(value) - position(1)), LINE - 8, colour(row))
    if limit:
        picture.line(position(limit), y + 1, position(limit), y + LINE - 1, INK, 2)
    picture.text(RIGHT + 52, y + 13, f"{value:.2g}" if value < 0.1 else f"{value:.2f}", anchor="end", bold=True, fill=colour(row))
    picture.text(RIGHT + 64, y + 13, f"{number(row['ours'])} {row['unit']}  beside  {number(row['theirs'])}  {row['peer']}", fill=PALE)
    picture.y += LINE


def draw_grid(picture, top):
    for value in (0.01, 0.1, 1, 10):
        x = position(value)
        picture.parts.insert(0, f"<line x1='{x:.1f}' y1='{top:.1f}' x2='{x:.1f}' y2='{picture.y:.1f}' stroke='{INK if value == 1 else GRID}' "
                                f"stroke-width='{1.2 if value == 1 else 1}'/>")
        words = {0.01: "1/100", 0.1: "1/10", 1: "equal", 10: "10 times"}[value]
        picture.text(x, top - 5, words, size=11, fill=PALE, anchor="middle")


def draw_comparisons(picture, document):
    top = picture.y
    for part in document["parts"]:
        rows = [row for row in part["rows"] if row.get("theirs") and part["part"] != "growth"]
        if not rows:
            continue
        picture.y += 8
        picture.text(14, picture.y + 13, part["title"], bold=True, size=13)
        picture.y += LINE + 2
        before = None
        for row in rows:
            draw_row(picture, row, row["what"] == before)
            before = row["what"]
    draw_grid(picture, top)


def growth_points(document):
    """(what, CPU us, us without MQTT, KiB of a robot, KiB of its history)"""
    rows = next((part["rows"] for part in document["parts"] if part["part"] == "growth"), [])
    return [(rows[i]["what"].split(":")[0], rows[i]["ours"], rows[i + 1]["ours"], rows[i + 2]["ours"], rows[i + 2]["theirs"])
            for i in range(0, len(rows) - 2, 3)]


def draw_growth(picture, document):
    points = growth_points(document)
    if not points:
        return
    picture.y += 14
    picture.text(14, picture.y + 13, "Growth with window and channels", bold=True, size=13)
    middle = BARS + (RIGHT - BARS) + 20
    picture.text(BARS, picture.y + 13, "CPU of a message; dark: reading and scoring alone", size=11, fill=PALE)
    picture.text(middle, picture.y + 13, "memory of a robot; dark: its history alone", size=11, fill=PALE)
    picture.y += LINE + 2
    widest, largest = max(point[1] for point in points), max(point[3] for point in points)
    for what, cpu, inner, memory, history in points:
        y = picture.y
        picture.text(LABEL, y + 13, what, anchor="end")
        for x, room, outer, inside, most, unit in ((BARS, 260, cpu, inner, widest, "us"), (middle, 260, memory, history, largest, "KiB")):
            picture.box(x, y + 4, outer / most * room, LINE - 8, "#a9c1d9")
            picture.box(x, y + 4, min(inside, outer) / most * room, LINE - 8, PLAIN)
            picture.text(x + outer / most * room + 6, y + 13, f"{number(round(outer, 1))} {unit}", fill=PALE)
        picture.y += LINE


def main():
    with open(sys.argv[1]) as file:
        document = json.load(file)
    about = document["machine"]
    picture = Picture()
    title = "armwatch beside its peers: ours over theirs, less is better"
    picture.text(14, 26, title, size=17, bold=True)
    picture.text(14, 46, f"{document['measured']}, {about['processor']}, {about['cores']} {'virtual ' if about['virtual'] else ''}cores, {about['vectors']}, "
                         f"{about['caches']}; simulated movement; each pair in one interleaved run", fill=PALE)
    for x, fill, words in ((14, MET, "goal met"), (104, MISSED, "goal not met"), (216, PLAIN, "no goal")):
        picture.box(x, 56, 12, 11, fill)
        picture.text(x + 18, 66, words, fill=PALE)
    picture.line(296, 54, 296, 69, INK, 2)
    picture.text(304, 66, "the goal", fill=PALE)
    draw_comparisons(picture, document)
    draw_growth(picture, document)
    picture.write(sys.argv[2], title)


main()
