"""Runs the Python of docs/evidence.md on a pack: evidence_snippet.py PAGE PACK"""
import re
import sys

try:
    import numpy
except ImportError:
    sys.exit(77)

page, pack = sys.argv[1:]
with open(page, encoding="utf-8") as stream:
    snippet = re.search(r"```python\n(.*?)```", stream.read(), re.DOTALL)[1]
snippet, count = re.subn(r'Path\("[^"]*"\)', f"Path({pack!r})", snippet)
assert count == 1, "the snippet names no pack"
found = {}
exec(snippet, found)
assert found["samples"].shape == (found["about"]["rows"], len(found["columns"]))
assert found["samples"].dtype == numpy.float32
assert found["time"].shape == (found["about"]["rows"],)
assert numpy.nanmax(found["ratio"]) > 1
