#!/usr/bin/env python3
"""The operator's page as the real daemon serves it, with a real broker and a simulated arm: what
happens in the cell is seen on the page. Skipped (77) without a Chromium."""
import sys

import checks
import live
import tab as tabs
import test_page

SKIPPED = 77


def test_what_happens_in_the_cell_is_seen(case, plant):
    tab = case.tab
    plant.start_broker()
    plant.start_daemon()
    tab.size(1280, 900)
    tab.features(prefers_color_scheme="light")
    tab.open(plant.url)
    case.until(test_page.LIVE, "the page is live")
    case.equal(tab.text("h1"), "No robots yet", "an empty cell")
    case.holds(plant.broker_url in tab.text(".empty"), "where robots would be heard", tab.text(".empty"))

    plant.arm("kuka1", "healthy:4,slow:0.5:600")
    case.until(f"{test_page.NAMES}.includes('kuka1')", "a robot appears")
    case.until("document.querySelector('.robots tbody .word').textContent === 'Critical'", "its alert is shown", 60)
    case.until("announcer.textContent.includes('kuka1')", "and announced")
    case.findings += checks.all_of(tab)
    tab.js("document.querySelector('.robots a').click()")
    case.until("document.querySelector('.episode.open .groups li')", "links of the alert")
    case.until("document.querySelectorAll('.episode.open .channels .against').length > 1", "observed and expected")
    case.until("document.querySelector('.chart .line.over').getAttribute('d').includes('L')", "the score is drawn")
    text = tab.text("#robot").replace("\u00a0", " ")
    for word in ("slower than expected", "kuka-sim version", "a day", "analog", "Samples", "link "):
        case.holds(word in text, f"the robot's view has {word}", text[:600])
    case.findings += checks.all_of(tab)
    tab.js("location.hash = '#robot/' + 'x'.repeat(65)")
    case.until("document.querySelector('#robot .plain').innerText.includes('knows no robot')", "a name that is none")
    case.quiet("Failed to load resource")


def test_what_is_lost_is_told(case, plant):
    tab = case.tab
    tab.open(plant.url)
    case.until("document.querySelector('.robots tbody .word')?.textContent === 'Critical'", "the alert is there")
    plant.end("arm kuka1")
    case.until("document.querySelector('.robots tbody .state').title.includes('nothing is known') && /Stale/.test(document.querySelector('.robots tbody').innerText)",
               "an arm that sends nothing is stale")
    plant.end("broker")
    case.until("document.querySelector('#banners').innerText.includes('No broker')", "no broker")
    case.holds(tab.js(test_page.LIVE), "the page itself is live")
    plant.end("daemon", live.signal.SIGKILL)
    case.until(test_page.NOT_LIVE, "no daemon")
    case.equal(tab.js(test_page.GREEN), 0, "nothing is green")
    plant.start_broker()
    plant.start_daemon()
    case.until(test_page.LIVE, "live again")
    plant.arm("kuka1", "healthy:600", 902)
    case.until("/OK/.test(document.querySelector('.robots tbody')?.innerText ?? '')", "well again", 90)
    tab.js("location.hash = '#robot/kuka1'")
    case.until("document.querySelector('details.episode')", "the alert before the restart is remembered, or its end told", 30)
    case.equal(plant.end("daemon"), 0, "the daemon ends well")
    case.quiet("Failed to load resource")


def main():
    path = tabs.browser.find()
    if not path or not live.MOSQUITTO:
        print("skipped: there is no " + ("mosquitto" if path else "chromium"))
        return SKIPPED
    failed = 0
    with live.Plant() as plant, tabs.Tab(path) as tab:
        for test in (test_what_happens_in_the_cell_is_seen, test_what_is_lost_is_told):
            failed += test_page.run(tab, test.__name__, lambda case: test(case, plant))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
