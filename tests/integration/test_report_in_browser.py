#!/usr/bin/env python3
"""Opens the pages of reports in a real browser: they ask for nothing, complain about nothing, and
nothing in them is cut, covered or too pale, wide, narrow, light, dark and on paper. Usage:
test_report_in_browser.py RENDER_REPORT SAMPLES. Skipped (77) without a Chromium."""
import pathlib
import subprocess
import sys
import tempfile

import browser

SKIPPED = 77
WIDE, NARROW = 1280, 400
PORTRAIT, TURNED = 688, 1047  # A4 less its margins, in CSS pixels

# Text that leaves its drawing.
CUT = """[...document.querySelectorAll('.plot svg')].flatMap(svg => {
    const box = svg.getBoundingClientRect();
    return [...svg.querySelectorAll('text')].filter(text => {
        const own = text.getBoundingClientRect();
        return own.left < box.left - 1 || own.right > box.right + 1 ||
               own.top < box.top - 1 || own.bottom > box.bottom + 1;
    }).map(text => text.textContent);
})"""

# Labels of axes and names of rows that lie on each other. Notes on marks have a halo, and may.
COVERED = """[...document.querySelectorAll('.plot svg')].flatMap(svg => {
    const boxes = [...svg.querySelectorAll('text')].filter(text => !text.closest('.note, .small'))
        .map(text => [text.getBoundingClientRect(), text.textContent]);
    return boxes.flatMap(([a, name], i) => boxes.slice(i + 1).filter(([b]) =>
        a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 3 && b.top < a.bottom - 3)
        .map(([, other]) => name + ' / ' + other));
})"""

# Contrast of each colour with the page, as WCAG 2 reckons it.
CONTRASTS = """(() => {
    const style = getComputedStyle(document.documentElement), probe = document.createElement('i');
    document.body.append(probe);
    const luminance = name => {
        probe.style.color = style.getPropertyValue(name);
        return getComputedStyle(probe).color.match(/[\\d.]+/g).slice(0, 3).map(c => c / 255)
            .map(c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
            .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
    };
    const page = luminance('--page'), all = {};
    for (const name of ['--ink', '--muted', ...Array(8).keys()].map(n => n.at ? n : '--c' + n)) {
        const own = luminance(name);
        all[name] = (Math.max(own, page) + .05) / (Math.min(own, page) + .05);
    }
    return all;
})()"""

TOO_WIDE = """[...document.querySelectorAll('figure, table')].filter(element =>
    element.getBoundingClientRect().width > (element.closest('.landscape') ? %d : %d) + 1)
    .map(element => element.textContent.trim().slice(0, 60))""" % (TURNED, PORTRAIT)


def requests(events, url):
    """What the page asked for besides itself and what it holds."""
    for event in events:
        if event["method"] == "Network.requestWillBeSent":
            asked = event["params"]["request"]["url"]
            if asked != url and not asked.startswith("data:"):
                yield asked


def complaints(events):
    for event in events:
        if event["method"] in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled"):
            yield str(event["params"])
        elif event["method"] == "Log.entryAdded":
            yield event["params"]["entry"]["text"]


def look(tab, url, scheme, width):
    """Everything that is wrong with the page in this light, at this width."""
    tab.size(width, 900)
    tab.media(scheme)
    tab.open(url)
    yield from (f"asks for {asked}" for asked in requests(tab.events, url))
    yield from (f"complains: {text}" for text in complaints(tab.events))
    reach = tab.evaluate("document.documentElement.scrollWidth")
    if reach > width:
        yield f"{reach} px wide"
    if tab.evaluate("document.querySelectorAll('.plot svg').length") < 5:
        yield "hardly any figures"
    yield from (f"cut: {text}" for text in tab.evaluate(CUT))
    yield from (f"covered: {texts}" for texts in tab.evaluate(COVERED))
    for name, contrast in tab.evaluate(CONTRASTS).items():
        if contrast < (3 if name.startswith("--c") else 4.5):
            yield f"contrast of {name} is {contrast:.2f}"


def look_at_paper(tab, url):
    tab.size(PORTRAIT, 900)
    tab.media("dark", "print")
    tab.open(url)
    if tab.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)":
        yield "the paper is not white"
    yield from (f"wider than paper: {text}" for text in tab.evaluate(TOO_WIDE))


def look_at_all(tab, url):
    for scheme in ("light", "dark"):
        for width in (WIDE, NARROW):
            for finding in look(tab, url, scheme, width):
                yield f"{scheme}, {width} px: {finding}"
    for finding in look_at_paper(tab, url):
        yield f"paper: {finding}"


def check_that_it_finds(tab, folder):
    """The looking itself: a page with a request, an error and a text that is cut."""
    wrong = folder / "wrong.html"
    wrong.write_text("<style>:root{--page:#fff;--ink:#eee}</style><img src='missing.png'>"
                     "<script>undefined_name()</script><div class='plot'><svg viewBox='0 0 9 9'>"
                     "<text x='8' y='5'>far too long</text></svg></div>", encoding="utf-8")
    found = " ".join(look(tab, wrong.as_uri(), "light", WIDE))
    for word in ("asks for", "complains", "cut: far too long", "contrast of --ink"):
        if word not in found:
            yield f"a wrong page: \"{word}\" is not in: {found}"


def main():
    render, samples = sys.argv[1], pathlib.Path(sys.argv[2])
    path = browser.find()
    if not path:
        print("skipped: there is no chromium")
        return SKIPPED
    findings = []
    with tempfile.TemporaryDirectory() as name, browser.Browser(path) as tab:
        folder = pathlib.Path(name)
        findings += check_that_it_finds(tab, folder)
        for kind in ("evaluation", "comparison", "evidence"):
            page = folder / (kind + ".html")
            page.write_bytes(subprocess.run([render, kind, samples / f"report_{kind}.json"],
                                            check=True, capture_output=True).stdout)
            findings += [f"{kind}, {finding}" for finding in look_at_all(tab, page.as_uri())]
    print("\n".join(findings) if findings else "every page is as it should be")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
