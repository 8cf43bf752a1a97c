#!/usr/bin/env python3
"""The operator's page in a real browser, against answers of every kind. `test_page.py [CASE]...`;
skipped (77) without a Chromium."""
import os
import sys
import time

import checks
import mock
import scenes
import tab as tabs

SKIPPED = 77
LIVE = "document.documentElement.dataset.live === 'yes'"
NOT_LIVE = "document.documentElement.dataset.live === 'no'"
NAMES = "[...document.querySelectorAll('.robots tbody tr')].map(row => row.querySelector('a').textContent)"
ROW = "[...document.querySelectorAll('.robots tbody tr')].find(row => row.querySelector('a').textContent === %r)"
EXPECTED_NOISE = ("Failed to load resource",)  # what a browser says of a question that got no answer


class Case:
    def __init__(self, tab, name):
        self.tab, self.name, self.findings, self.mock = tab, name, [], None

    def serve(self, scene, tail="", width=1280, height=900, live=True, **features):
        self.close()
        self.mock = mock.Mock(scene)
        self.tab.size(width, height)
        self.tab.features(**{"prefers_color_scheme": "light", **features})
        self.tab.open(self.mock.url + tail)
        if live:
            self.holds(self.tab.until(LIVE), "the page is live")
        return self.mock

    def holds(self, what, words, seen=None):
        if not what:
            self.findings.append(words + ("" if seen is None else f": {seen!r}"))

    def equal(self, seen, wanted, words):
        self.holds(seen == wanted, f"{words}: {seen!r}, not {wanted!r}")

    def until(self, expression, words, timeout_s=15):
        seen = self.tab.until(expression, timeout_s)
        self.holds(seen, words, None if seen else self.tab.text("body")[:400])

    def quiet(self, *noise):
        for text in self.tab.complaints():
            if not text.startswith(noise):
                self.findings.append("complains: " + text)

    def close(self):
        if self.mock:
            self.mock.close()
        self.mock = None


def test_all_robots_are_shown_worst_first(case):
    case.serve(scenes.cell())
    case.equal(case.tab.js(NAMES), ["kuka1", "kuka3", "weld-left", "weld-right", "paint1", "paint2", "gripper", "new-arm", "kuka4",
                                    "kuka2", "kuka5", "kuka10"], "order")
    row = case.tab.js(ROW % "kuka1" + ".innerText").replace("\u00a0", " ")
    for word in ("Critical", "5.09", "link 2 turns 41 %", "4 min", "99.8", "10 Hz", "kuka-sim v3"):
        case.holds(word in row, f"the row has {word}", row)
    case.equal(case.tab.text("h1"), "2 robots in alert", "headline")
    case.holds("1 critical" in case.tab.text(".detail"), "severities are counted", case.tab.text(".detail"))
    stale = case.tab.js(ROW % "weld-left" + ".innerText").replace("\u00a0", " ")
    case.holds("Stale" in stale and "last 0.29" in stale and "48 s" in stale, "an old score is called so", stale)
    case.holds("(2) alert" in case.tab.js("document.title"), "the tab tells", case.tab.js("document.title"))
    case.equal(case.tab.js("document.querySelector('link[rel=icon]').getAttribute('href')"), "icon-alert.svg", "the tab's icon")
    # Nothing is scored without thresholds, and nothing was scored yet.
    for name in ("new-arm", "kuka4"):
        case.equal(case.tab.js(ROW % name + ".querySelector('.figure').textContent"), "–", f"score of {name}")
    case.quiet()


def test_maintenance_is_no_alert(case):
    served = case.serve(scenes.overview([scenes.robot("kuka1"), scenes.robot("gripper", "suspended", reasons=["alert"], alerts=[scenes.alert()],
                                                      suspended={"until": scenes.ago(-3600), "reason": "gripper is changed"})]))
    case.equal(case.tab.text("h1"), "No alerts; 1 robot is not watched now", "headline")
    row = case.tab.js(ROW % "gripper" + ".innerText")
    case.holds("Suspended" in row and "gripper is changed" in row and "link 2" in row, "what is open is told all the same", row)
    case.equal(case.tab.js(ROW % "gripper" + ".dataset.tone"), "aside", "but not loudly")
    served.scene["overview"]["robots"][1].update(state="stale", suspended=None)
    case.until("document.querySelector('h1').textContent === '1 robot in alert'", "afterwards it counts, though it is stale")
    case.equal(case.tab.js(NAMES)[0], "gripper", "and comes first")
    case.holds("Stale" in case.tab.js(ROW % "gripper" + ".innerText") and "Critical" in case.tab.js(ROW % "gripper" + ".innerText"), "with both said")
    case.quiet()


def test_an_acknowledged_alert_says_so(case):
    served = case.serve(scenes.overview([scenes.robot("kuka1", "alert", alerts=[scenes.alert()])]))
    case.holds("acknowledged" not in case.tab.js(ROW % "kuka1" + ".innerText"), "not yet")
    served.scene["overview"]["robots"][0]["alerts"][0].update(acked=True, ack={"verdict": "false", "note": "a <b>cable</b> was pulled"})
    case.until(ROW % "kuka1" + ".innerText.includes('acknowledged, a false alarm: a <b>cable</b> was pulled')", "acknowledged, with verdict and note")
    case.quiet()


def test_counts_filter_and_what_it_hides(case):
    case.serve(scenes.cell())
    chips = case.tab.js("[...document.querySelectorAll('.chip')].map(chip => chip.textContent)")
    case.equal(chips, ["Alert2", "Stale1", "Degraded1", "Not judged1", "Stopped1", "Suspended1", "Commissioning1", "Warming up1", "OK3",
                       "under 90\u00a0% judged3"], "counts")
    case.tab.js("document.querySelector('#filter').focus()")
    case.tab.type("WELD")
    case.equal(case.tab.js(NAMES), ["weld-left", "weld-right"], "filtered by name")
    case.holds("2 robots with open alerts are hidden" in (case.tab.text(".hidden-alerts") or ""), "hidden alerts are told")
    case.tab.press("Escape")
    case.equal(len(case.tab.js(NAMES)), 12, "all again")
    case.tab.js("[...document.querySelectorAll('.chip')].find(chip => chip.textContent.startsWith('OK')).click()")
    case.equal(case.tab.js(NAMES), ["kuka2", "kuka5", "kuka10"], "only OK")
    case.equal(case.tab.js("document.querySelector('.chip[aria-pressed=true]').textContent"), "OK3", "pressed")
    case.mock.scene["overview"]["robots"][1]["state"] = "warming"
    case.until(f"{NAMES}.length === 2", "one that is OK no longer leaves the list")
    case.tab.js("document.querySelector('.chip[aria-pressed=true]').click()")
    case.equal(len(case.tab.js(NAMES)), 12, "all again after the button")
    case.quiet()


def test_it_lives_and_changes_only_what_changed(case):
    served = case.serve(scenes.cell())
    case.tab.js(f"""(() => {{ window.kept = {ROW % "kuka2"}; window.changes = [];
        new MutationObserver(list => window.changes.push(...list.map(change => change.target.nodeName + ' ' +
            (change.target.parentElement?.closest('tr')?.querySelector('a').textContent ?? '')))).observe(
            document.querySelector('.robots tbody'), {{subtree: true, childList: true, characterData: true, attributes: true}}); }})()""")
    time.sleep(1.2)
    case.tab.js("window.changes.length = 0")
    asked = len(served.asked)
    served.scene["overview"]["robots"][1]["score"] = 0.77
    case.until(ROW % "kuka2" + ".innerText.includes('0.77')", "a new score is shown")
    case.holds(case.tab.js(f"window.kept === {ROW % 'kuka2'}"), "the row is the same element")
    touched = case.tab.js("[...new Set(window.changes.map(text => text.split(' ').slice(1).join(' ')))]")
    case.holds("kuka5" not in touched and "kuka10" not in touched, "rows that did not change are not touched", touched)
    time.sleep(3)
    case.holds(1 <= len(served.asked) - asked <= 8, "it asks each second", len(served.asked) - asked)
    served.scene["overview"]["robots"] = [r for r in served.scene["overview"]["robots"] if r["robot"] != "kuka4"] + [scenes.robot("new")]
    case.until(f"{NAMES}.includes('new') && !{NAMES}.includes('kuka4')", "robots come and go")
    case.quiet()


def test_an_order_changes_and_the_focus_stays(case):
    served = case.serve(scenes.well(8))
    case.tab.js(ROW % "kuka6" + ".querySelector('a').focus()")
    served.scene["overview"]["robots"][5].update(state="alert", alerts=[scenes.alert()])
    case.until(f"{NAMES}[0] === 'kuka6'", "the worst comes first")
    case.equal(case.tab.js("document.activeElement.textContent"), "kuka6", "focus")
    served.scene["overview"]["robots"][5].update(state="ok", alerts=[])
    case.until(f"{NAMES}[5] === 'kuka6'", "and goes back")
    case.equal(case.tab.js(NAMES), [f"kuka{i}" for i in range(1, 9)], "order by name")
    case.quiet()


def test_new_alerts_are_announced_politely_and_once(case):
    served = case.serve(scenes.cell())
    time.sleep(1.2)
    case.equal(case.tab.js("announcer.textContent"), "", "nothing is announced that was there before")
    case.equal(case.tab.js("announcer.getAttribute('aria-live')"), "polite", "politely")
    served.scene["overview"]["robots"][1].update(state="alert", alerts=[scenes.alert(name="new", text="link 5 turns slower")])
    case.until("announcer.textContent.includes('Critical, kuka2: link 5 turns slower')", "a new alert is announced")
    case.tab.js("announcer.textContent = ''")
    time.sleep(1.5)
    case.equal(case.tab.js("announcer.textContent"), "", "once")
    for robot in served.scene["overview"]["robots"]:
        robot.update(alerts=[])
    case.until("announcer.textContent.includes('No alert is open')", "the end is announced")
    case.quiet()


def test_one_robot(case):
    case.serve(scenes.cell(), "#robot/kuka1")
    case.until("document.querySelector('.episode.open h3')", "the open alert is there")
    text = case.tab.text("#robot")
    for word in ("kuka1", "Critical", "Unusual movement", "link 2 turns 41 %", "62", "sensor_id2_GyroY", "−12.1", "−20.5", "9.29", "analog", "peak 20.4",
                 "kuka-sim version 3", "1 a day", "12.4 a day", "extrapolation", "99.8", "stable", "356\u2009421", "wrong number of values", "lost on the way", "0.2541 of 0.7697", "– of 4.05", "armwatch explain b7e189f52f5c"):
        case.holds(word in text, f"has {word}", text[:300])
    case.equal(case.tab.js("document.querySelectorAll('.open .channels .against').length"), 4, "bars of observed and expected")
    chart = case.tab.js("""({gaps: document.querySelectorAll('.chart .gap').length, limit: document.querySelectorAll('path.limit').length,
        starts: document.querySelector('.chart .line').getAttribute('d').split('M').length - 1,
        ticks: [...document.querySelectorAll('.chart .tick')].map(node => node.textContent), episodes: document.querySelectorAll('.chart .episode').length})""")
    case.equal((chart["gaps"], chart["starts"], chart["limit"], chart["episodes"]), (2, 3, 1, 2), "gaps, lines, limit and alerts of the chart")
    case.holds({"0.1", "1", "10", "100"} <= set(chart["ticks"]), "a log axis", chart["ticks"])
    case.holds("over the limit in" in case.tab.text("figcaption") and "not scored (hatched)" in case.tab.text("figcaption"), "the chart in words")
    # Times are local, UTC is the title.
    times = case.tab.js("(node => [node.textContent, node.title, node.dateTime])(document.querySelector('.robot-head time'))")
    case.holds(times[1].endswith(" UTC") and times[0] == time.strftime("%H:%M:%S", time.localtime(scenes_time(times[2]))), "local time", times)
    case.quiet()


def scenes_time(rfc3339):
    import datetime
    return datetime.datetime.fromisoformat(rfc3339.replace("Z", "+00:00")).timestamp()


def test_facts_change_each_alone(case):
    served = case.serve(scenes.cell(), "#robot/kuka1")
    case.until("document.querySelector('.facts dd')", "facts")
    find = "[...document.querySelectorAll('.facts dl > div')].find(row => row.firstChild.textContent === %r)"
    case.tab.js(f"window.kept = [{find % 'Name'}.lastChild.firstChild, {find % 'Samples'}, {find % 'Windows scored'}.lastChild.firstChild]")
    served.scene["details"] = {"kuka1": {"counters": {"samples": 400000, "rejected": {"bad_time": 9}, "windows": 355198, "not_evaluated": 0}}}
    case.until(f"{find % 'Samples'}.textContent.includes('400') && {find % '– bad time'}", "new figures")
    case.holds(case.tab.js(f"window.kept[0] === {find % 'Name'}.lastChild.firstChild && window.kept[1] === {find % 'Samples'} && "
                           f"window.kept[2] === {find % 'Windows scored'}.lastChild.firstChild"), "what has not changed is not touched")
    case.equal(case.tab.js(f"{find % '– lost on the way'}?.textContent ?? null"), None, "what is no more goes")
    case.quiet()


def test_an_episode_unfolds_and_stays_so(case):
    served = case.serve(scenes.cell(), "#robot/kuka2")
    case.until("document.querySelectorAll('details.episode').length === 2", "earlier alerts")
    case.tab.js("document.querySelector('details.episode summary').focus()")
    case.tab.press("Enter")
    case.until("document.querySelector('details.episode').open", "Enter unfolds")
    served.scene["overview"]["robots"][1]["score"] = 0.55
    case.until("document.querySelector('.now').innerText.includes('0.55')", "the score lives")
    case.holds(case.tab.js("document.querySelector('details.episode').open && document.activeElement.tagName === 'SUMMARY'"), "it stays unfolded, and focused")
    case.holds("link 5" in case.tab.text("details.episode .evidence"), "links of a sensor fault", case.tab.text("details.episode"))
    case.quiet()


def test_routes_and_focus(case):
    served = case.serve(scenes.cell())
    case.tab.js(ROW % "kuka5" + ".querySelector('a').focus()")
    case.tab.press("Enter")
    case.until("location.hash === '#robot/kuka5' && document.activeElement.tagName === 'H1'", "the focus goes to the robot's name")
    case.equal(case.tab.js("document.activeElement.textContent"), "kuka5", "its name")
    case.until("document.querySelector('.robot-body').checkVisibility()", "the robot is shown")
    case.quiet()
    case.tab.js("history.back()")
    case.until("document.querySelector('#overview').checkVisibility() && document.activeElement.textContent === 'kuka5'", "and back to the link")
    case.tab.js(ROW % "kuka10" + ".querySelector('.rate').click()")
    case.until("document.querySelector('#robot h1').textContent === 'kuka10'", "all of a row leads there")
    for hash_, strict in (("#robot/nobody", False), ("#robot/%00%00", True)):
        served.strict = strict
        case.tab.js(f"location.hash = '{hash_}'")
        case.until("document.querySelector('#robot .plain').innerText.includes('knows no robot')", f"an unknown robot: {hash_}")
        case.holds(case.tab.js(LIVE), "that is no lost connection")
    for hash_ in ("#robot/%", "#robot/", "#nonsense"):
        case.tab.js(f"location.hash = '{hash_}'")
        case.until("document.querySelector('#overview').checkVisibility()", f"{hash_} is the overview")
    case.quiet(*EXPECTED_NOISE)


GREEN = """[...document.querySelectorAll('.robots tbody tr[data-tone=ok] .state, .live, .health li')].filter(node => node.checkVisibility())
    .map(node => getComputedStyle(node.querySelector('.mark')).color).filter(colour => {
        const [r, g, b] = colour.match(/[\\d.]+/g).map(Number); return g > r + 30 && g > b + 15; }).length"""


def test_what_is_old_is_never_shown_as_live(case):
    served = case.serve(scenes.cell())
    case.holds(case.tab.js(GREEN) >= 3, "green where it is live", case.tab.js(GREEN))
    for mode, words in (("cut", "cannot be reached"), ("hang", "does not answer"), ("frozen", "time stands still"),
                        ("busy", "error 503"), ("garbage", "is not armwatchd")):
        served.set(mode)
        began = time.monotonic()
        case.until(NOT_LIVE, f"{mode}: no longer live", 30)
        case.holds(time.monotonic() - began < 20, f"{mode}: soon", time.monotonic() - began)
        case.equal(case.tab.js(GREEN), 0, f"{mode}: nothing is green")
        case.until(f"document.querySelector('.banner').innerText.includes('{words}')", f"{mode}: the notice says why")
        first = case.tab.text(".banner")
        case.holds("Not live for" in first and "as it was at" in first, f"{mode}: the notice has an age", first)
        case.until(f"document.querySelector('.banner').innerText !== {first!r}", f"{mode}: the age goes on")
        case.holds(case.tab.text("h1").startswith("Last known: "), f"{mode}: headline", case.tab.text("h1"))
        case.holds(case.tab.text(".live").startswith("Not live"), f"{mode}: header", case.tab.text(".live"))
        case.holds(case.tab.js("getComputedStyle(document.querySelector('.robots tbody .word'), '::before').content") == '"was "', f"{mode}: was")
        case.holds(case.tab.js("document.title").startswith("Not live"), f"{mode}: tab")
        served.set("ok")
        case.until(LIVE, f"{mode}: live again", 30)
        case.holds(not case.tab.js("document.querySelector('.banner')"), f"{mode}: the notice is gone")
    case.quiet(*EXPECTED_NOISE)


def test_one_robots_answer_missing_is_not_live_either(case):
    served = case.serve(scenes.cell(), "#robot/kuka1")
    case.until("document.querySelector('.episode.open')", "shown")
    served.robot = lambda name: (_ for _ in ()).throw(ValueError)  # its answer alone breaks off
    served.server.handle_error = lambda *_: None
    case.until(NOT_LIVE, "not live")
    case.quiet(*EXPECTED_NOISE)


def test_a_computer_that_slept_does_not_trust_what_it_knew(case):
    served = case.serve(scenes.well())
    served.set("hang")
    case.tab.js("(clock => Date.now = () => clock() + 3600000)(Date.now.bind(Date))")
    case.until(NOT_LIVE, "not live at once")
    case.holds("asleep" in case.tab.text(".banner"), "says so", case.tab.text(".banner"))
    served.set("ok")
    case.until(LIVE, "live after an answer", 30)
    case.quiet(*EXPECTED_NOISE)


def test_a_page_that_nobody_sees_asks_seldom_and_is_doubted_when_seen(case):
    served = case.serve(scenes.well())
    hide = "Object.defineProperty(document, 'hidden', {configurable: true, value: %s}); document.dispatchEvent(new Event('visibilitychange'))"
    case.tab.js(hide % "true")
    time.sleep(1.2)
    asked = len(served.asked)
    time.sleep(4.5)
    case.holds(len(served.asked) - asked <= 2, "it asks seldom", len(served.asked) - asked)
    case.holds(case.tab.js(LIVE), "and goes on telling in its title")
    served.set("hang")
    time.sleep(3.5)
    case.holds(case.tab.js(f"{hide % 'false'}; {NOT_LIVE}"), "what is old is doubted as soon as it is seen")
    served.set("ok")
    case.until(LIVE, "live after an answer", 30)
    case.quiet(*EXPECTED_NOISE)


def test_the_browsers_clock_is_not_trusted(case):
    served = case.serve(scenes.well())
    served.offset_s = -86400 * 40 + 3600
    case.until(f"document.querySelector('.live time').title.startsWith({time.strftime('%Y-%m-%d', time.gmtime(served.now()))!r})", "the daemon's time is shown")
    case.holds(case.tab.js(LIVE), "and it is live")
    case.quiet()


def test_before_the_first_answer(case):
    served = case.serve(scenes.well(), live=False)
    served.close()
    case.mock = None
    other = mock.Mock(scenes.well())
    other.set("cut")
    case.mock = other
    case.tab.open(other.url)
    case.until("document.querySelector('#waiting').innerText.includes('cannot be reached')", "says that nothing answers")
    case.equal(case.tab.js("document.querySelector('#overview').checkVisibility()"), False, "shows nothing")
    other.set("ok")
    case.until(LIVE, "begins by itself")
    case.quiet(*EXPECTED_NOISE)


def test_states_of_the_daemon_in_words(case):
    case.serve(scenes.empty())
    text = case.tab.text("#overview")
    for word in ("No robots yet", "armwatch doctor --broker mqtt://127.0.0.1:1883", "armwatch simulate"):
        case.holds(word in text, f"empty: {word}", text)
    case.serve(scenes.degraded())
    text = case.tab.text("#banners")
    for word in ("No broker", "mqtts://broker.cell7:8883", "connection refused", "disk does not take", "no sample has come", "something_new"):
        case.holds(word in text, f"degraded: {word}", text)
    case.equal(case.tab.js("document.querySelectorAll('.banner').length"), 4, "one notice each")
    case.holds("Daemon degraded" in case.tab.text("#health"), "header", case.tab.text("#health"))
    served = case.serve(scenes.well(1))
    case.equal(case.tab.text("h1"), "The robot moves as usual", "one robot that is well")
    served.scene["overview"]["version"] = "0.2.0"
    case.until("document.querySelector('.banner')?.innerText.includes('version 0.2.0')", "another version of the daemon")
    case.serve(scenes.commissioning(), "#robot/new-arm")
    case.until("document.querySelector('.facts').innerText.includes('72.4 h in 9 sessions')", "commissioning's progress")
    case.holds("it can be armed" in case.tab.text(".reasons"), "what to do", case.tab.text(".reasons"))
    case.quiet()


STRANGE = """[...document.querySelectorAll('body *')].filter(node => ['SCRIPT', 'IMG', 'IFRAME', 'B' , 'OBJECT'].includes(node.tagName) &&
    !(node.tagName === 'B' && node.closest('.chip, .alert, .line, .detectors, .state, .now'))).map(node => node.outerHTML)"""


def test_strings_of_others_are_only_text(case):
    case.serve(scenes.hostile())
    case.equal(sorted(case.tab.js(NAMES)), sorted(scenes.HOSTILE), "names")
    case.equal(case.tab.js(STRANGE), [], "elements out of text")
    case.equal(case.tab.js(checks.TOO_WIDE), [], "width")
    for name in scenes.HOSTILE:
        case.tab.js(f"{ROW % name}.querySelector('a').click()" if "\t" not in name else "location.hash = '#robot/a%20b%09c'")
        case.until("document.querySelector('.episode.open')", f"{name!r}: its view")
        case.equal(case.tab.js("document.querySelector('#robot h1').textContent"), name, "its name")
        case.equal(case.tab.js(STRANGE), [], f"{name!r}: elements out of text")
        case.equal(case.tab.js(checks.TOO_WIDE), [], f"{name!r}: width")
        case.tab.js("location.hash = ''")
        case.until("document.querySelector('#overview').checkVisibility()", "back")
    case.quiet()


def test_a_thousand_robots(case):
    served = case.serve(scenes.fleet())
    case.equal(len(case.tab.js(NAMES)), 1000, "robots")
    case.tab.call("Performance.enable", timeDomain="threadTicks")  # processor time: others are on this machine, too

    def cost():
        told = {m["name"]: m["value"] for m in case.tab.call("Performance.getMetrics")["metrics"]}
        return told["TaskDuration"], told["ScriptDuration"], told["LayoutDuration"] + told["RecalcStyleDuration"]
    for robot in served.scene["overview"]["robots"]:
        robot["score"] = (robot["score"] or 1) * 1.1
    before, polls = cost(), len(served.asked)
    for _ in range(5):
        for i, robot in enumerate(served.scene["overview"]["robots"]):
            robot["score"] = 0.1 + (i + time.monotonic()) % 0.8
        time.sleep(1)
    rounds = max(1, len(served.asked) - polls)
    task, script, layout = ((b - a) * 1000 / rounds for a, b in zip(before, cost()))
    print(f"processor time of a round with 1000 robots whose scores all changed: {task:.0f} ms, of it script {script:.0f}, layout and style {layout:.0f}")
    case.holds(task < 2000, "a round takes no more than it may, on a busy machine too", task)
    case.tab.js("document.querySelector('#filter').value = 'robot0999'; document.querySelector('#filter').dispatchEvent(new Event('input'))")
    case.equal(case.tab.js(NAMES), ["robot0999"], "filtered")
    case.quiet()


def test_keyboard_alone(case):
    case.serve(scenes.cell())
    case.tab.press("Tab")
    case.equal(case.tab.js("document.activeElement.className"), "skip", "first comes the link that skips")
    case.holds(case.tab.js("document.activeElement.getBoundingClientRect().top >= 0"), "it shows")
    case.tab.press("Enter")
    case.equal(case.tab.js("document.activeElement.id"), "main", "to the content")
    case.tab.press("/")
    case.equal(case.tab.js("document.activeElement.id"), "filter", "/ goes to the filter")
    reached = []
    for _ in range(14):
        case.tab.press("Tab")
        reached.append(case.tab.js("document.activeElement.textContent"))
        case.holds(case.tab.js("getComputedStyle(document.activeElement).outlineStyle") != "none", "the focus shows", reached[-1])
    case.holds("Alert2" in reached and "kuka1" in reached and "kuka3" in reached, "buttons and robots", reached)
    case.tab.js(ROW % "kuka1" + ".querySelector('a').focus()")
    case.tab.press("Enter")
    case.until("document.querySelector('.episode.open')", "the robot")
    reached = []
    for _ in range(7):
        case.tab.press("Tab")
        reached.append(case.tab.js("document.activeElement.getAttribute('role') ?? document.activeElement.tagName"))
    case.holds({"region", "slider", "SUMMARY"} <= set(reached), "its table, chart and earlier alerts", reached)
    case.tab.js("document.querySelector('.plot').focus()")
    case.tab.press("End")
    last = case.tab.js("document.querySelector('.plot').getAttribute('aria-valuetext')")
    for _ in range(3):
        case.tab.press("ArrowLeft")
    case.equal(case.tab.js("document.querySelector('.plot').ariaValueNow"), "596", "three to the left")
    case.holds("over the limit" in last and last != case.tab.js("document.querySelector('.plot').getAttribute('aria-valuetext')"), "read out", last)
    case.holds(case.tab.text(".readout"), "and shown")
    case.tab.press("Escape")
    case.equal(case.tab.text(".readout"), "", "Escape lets go")
    case.quiet()


VIEWS = [("cell", ""), ("cell", "#robot/kuka1"), ("cell", "#robot/weld-left"), ("commissioning", "#robot/new-arm"), ("degraded", ""), ("empty", ""), ("well", ""),
         ("hostile", "")]


def test_every_view_is_legible_and_named(case):
    for theme in ("light", "dark"):
        for width, height in ((360, 740), (1280, 900)):
            for scene, tail in VIEWS:
                case.serve(getattr(scenes, scene)(), tail, width, height, prefers_color_scheme=theme)
                if tail:
                    case.until("document.querySelector('.robot-body').checkVisibility()", "the robot")
                    case.tab.js("document.querySelectorAll('details').forEach(node => node.open = true)")
                where = f"{scene}{tail}, {theme}, {width} px: "
                case.findings += [where + finding for finding in checks.all_of(case.tab)]
                if width > 1000:
                    case.findings += [where + finding for finding in checks.names(case.tab)]
                case.quiet()
        served = case.serve(scenes.cell(), prefers_color_scheme=theme)
        served.set("cut")
        case.until(NOT_LIVE, "lost")
        case.findings += [f"lost, {theme}: {finding}" for finding in checks.all_of(case.tab)]


def test_the_wall(case):
    for theme in ("light", "dark"):
        for scene in (scenes.cell(), scenes.fleet(), scenes.well(), scenes.degraded(), scenes.empty()):
            served = case.serve(scene, "?wall", 1920, 1080, prefers_color_scheme=theme)
            case.findings += [f"wall, {theme}: {finding}" for finding in checks.all_of(case.tab) if "small target" not in finding]
            case.equal(case.tab.js("""[...document.querySelectorAll('body *')].filter(node => node.checkVisibility() && !node.closest('.unseen, .skip, thead') &&
                [...node.childNodes].some(child => child.nodeType === 3 && child.textContent.trim()) && parseFloat(getComputedStyle(node).fontSize) < 24)
                .map(node => node.textContent.slice(0, 30))"""), [], "text under 24 px")
            case.equal(case.tab.js("document.documentElement.scrollHeight <= innerHeight"), True, "nothing to scroll")
            shown, more = case.tab.js("[[...document.querySelectorAll('.robots tbody tr')].filter(row => row.checkVisibility()).length, "
                                      "document.querySelector('.more').checkVisibility() ? document.querySelector('.more').textContent : '']")
            robots = len(served.scene["overview"]["robots"])
            case.equal(sum(int(word) for word in more.split() if word.isdigit()), robots - shown, "those that do not fit are counted")
            case.holds(shown or not robots, "some fit")
            case.holds(case.tab.js("[...document.querySelectorAll('.robots tbody tr')].filter(row => row.checkVisibility()).every(row => "
                                   "row.getBoundingClientRect().bottom <= innerHeight)"), "those that are shown are seen")
            case.quiet()
    case.serve(scenes.cell(), "?wall&theme=dark", 1920, 1080)
    case.equal(case.tab.js("document.documentElement.dataset.theme"), "dark", "the theme may be asked for")


def test_nothing_moves_for_those_who_ask(case):
    case.serve(scenes.cell(), prefers_reduced_motion="reduce")
    case.equal(case.tab.js("[...document.querySelectorAll('*')].filter(node => parseFloat(getComputedStyle(node).transitionDuration) > 0 || "
                           "parseFloat(getComputedStyle(node).animationDuration) > 0).length"), 0, "what moves")


def test_nothing_is_asked_of_others(case):
    case.serve(scenes.cell(), "#robot/kuka1")
    time.sleep(1)
    asked = [event["params"]["request"]["url"] for event in case.tab.events if event["method"] == "Network.requestWillBeSent"]
    case.holds(len(asked) > 8, "the page has parts", asked)
    case.equal([url for url in asked if not url.startswith(case.mock.url)], [], "asked elsewhere")
    case.quiet()


def test_the_checks_find_what_is_wrong(case):
    case.serve(scenes.cell())
    case.tab.js("""(() => { const add = html => document.querySelector('main').append(document.createRange().createContextualFragment(html));
        add('<h1>second</h1><button></button><i id="foot">twice</i><p role="alert"></p><label for="nowhere"></label>');
        document.querySelector('h1').style.color = '#aaa'; document.querySelector('h1').style.fontSize = '12px';
        document.querySelector('.detail').style.color = '#a00';
        document.querySelector('.robots .word').textContent = ''; document.querySelector('.brand').style.cssText = 'display:block;height:4px;overflow:hidden';
        document.querySelector('.robots tbody .state').style.color = '#ffdddd'; document.querySelector('.tools').style.width = '3000px'; })()""")
    found = " ".join(list(checks.all_of(case.tab)) + list(checks.names(case.tab)))
    for word in ("contrast", "shape mark", "h1: 2", "id twice", "live regions", "leads nowhere", "no word or shape", "small target", "px wide", "button without a name"):
        case.holds(word in found, f"the checks find {word}", found)
    case.tab.js("fetch('https://example.invalid/').catch(() => 0)")
    case.tab.js("document.body.append(document.createRange().createContextualFragment('<img src=http://127.0.0.1:1/x.png>'))")
    time.sleep(0.3)
    told = " ".join(case.tab.complaints())
    case.holds("Content Security Policy" in told, "violations of the policy are heard", told)


def run(tab, name, test):
    """One case, told as cmocka does; whether it failed."""
    print(f"[ RUN      ] {name}", flush=True)
    case, began = Case(tab, name), time.monotonic()
    try:
        test(case)
    except Exception as error:  # a case that failed, not the end of all
        case.findings.append(f"{type(error).__name__}: {error}")
    case.close()
    print("\n".join(case.findings + [f"[  {'FAILED' if case.findings else '    OK'}  ] {name}"]), flush=True)
    if not case.findings:
        print(f"{time.monotonic() - began:.1f} s")
    return bool(case.findings)


def main():
    path = tabs.browser.find()
    if not path:
        print("skipped: there is no chromium")
        return SKIPPED
    wanted, failed = sys.argv[1:], 0
    with tabs.Tab(path) as tab:
        tab.call("Accessibility.enable")
        for name, test in list(globals().items()):
            if name.startswith("test_") and (not wanted or name in wanted):
                failed += run(tab, name, test)
    return 1 if failed else 0


if __name__ == "__main__":
    os.environ.setdefault("TZ", "Europe/Berlin")  # a zone that is not UTC
    time.tzset()
    sys.exit(main())
