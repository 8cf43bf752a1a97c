"""What the benchmarks in Python print: rows with both sides of a comparison, as a table or (--json) as bench.h describes it."""
import json


class Output:
    """Rows and notes of one part. ratio: ours over theirs; upper: whether a goal's limit is an upper one."""

    def __init__(self, part):
        self.part, self.notes, self.rows = part, [], []

    def note(self, text):
        self.notes.append(text)

    def row(self, what, ours, unit, peer=None, theirs=None, goal=None, limit=None, upper=True):
        row = {"what": what, "ours": ours, "unit": unit}
        if peer is not None:
            row.update(peer=peer, theirs=theirs)
        if goal is not None:
            row.update(goal=goal, limit=limit, upper=upper)
        self.rows.append(row)

    def as_object(self):
        return {"part": self.part, "notes": self.notes, "rows": self.rows}

    def print(self, as_json):
        if as_json:
            print(json.dumps(self.as_object()))
            return
        print_notes_and_rows(self.as_object())


def ratio(row):
    return row["ours"] / row["theirs"] if row.get("theirs") else None


def met(row):
    """None: no goal."""
    if row.get("goal") is None or ratio(row) is None:
        return None
    return ratio(row) <= row["limit"] if row["upper"] else ratio(row) >= row["limit"]


def number(value):
    """Four digits at most behind the first."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def line(row):
    text = f"{row['what']:44}{number(row['ours']):>9} {row['unit']:8}"
    if ratio(row) is not None:
        text += f"{number(row['theirs']):>9} {row['peer']:28}{ratio(row):7.3g}"
    if met(row) is not None:
        bound = "at most" if row["upper"] else "at least"
        text += f"  {bound} {row['limit']:<7.4g}{'met' if met(row) else 'NOT met'}  (goal {row['goal']})"
    return text


def print_notes_and_rows(part):
    for note in part["notes"]:
        print(f"  {note}")
    for row in part["rows"]:
        print(f"  {line(row)}")
