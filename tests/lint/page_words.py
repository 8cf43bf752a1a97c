#!/usr/bin/env python3
"""The operator's page has words for every state, reason and refusal that the daemon knows."""
import re
import sources

# which table of names in which file must be in which table of the page's words
TABLES = [
    ("src/daemon/service.c", "trouble_names[SERVICE_TROUBLES]", "DAEMON_REASONS"),
    ("src/daemon/robot.c", "names[ROBOT_STATES]", "STATES"),
    ("src/daemon/robot.c", "names[ROBOT_TROUBLES]", "ROBOT_REASONS"),
    ("src/pipeline/sample.c", "SAMPLE_REFUSALS]", "COUNTERS"),
]
NO_WORDS = {"accepted"}


def table(text, name):
    """The strings between the braces behind a name."""
    start = text.index(name)
    body = text[text.index("{", start):text.index("};", start)]
    return re.findall(r'"([a-z_]+)"', body)


def keys(text, name):
    """The members of an object of words.js."""
    start = text.index(f"const {name} = {{")
    return set(re.findall(r"(?:^|[{,])\s*([a-z_]+): ", text[start:text.index("\n};", start)], re.M))


def find(top):
    words = (top / "src/daemon/page/words.js").read_text(encoding="utf-8")
    findings = []
    for path, name, wanted in TABLES:
        known = table((top / path).read_text(encoding="utf-8"), name)
        if not known:
            findings.append(f"{path}: no names in {name}")
        missing = set(known) - keys(words, wanted) - NO_WORDS
        findings += [f"src/daemon/page/words.js: {wanted} has no {word}, which {path} knows" for word in sorted(missing)]
    return findings, len(TABLES)


if __name__ == "__main__":
    sources.report(*find(sources.root()))
