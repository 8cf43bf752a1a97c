// All robots, the worst first, with their open alerts. One table for all sizes of screen: the style sheet lays it out.
import {Keyed, make, quoted, say, set, show, style} from "./dom.js";
import * as format from "./format.js";
import {mark, setMark} from "./marks.js";
import * as words from "./words.js";

const COLUMNS = [["state", "State"], ["name", "Robot"], ["score", "Score, limit 1"], ["since", "Since"], ["coverage", "Judged, 1 h"],
    ["age", "Last sample"], ["rate", "Rate"], ["model", "Model"]];
const FEW = 4; // of less, nobody needs a filter
const WALL_MOST = 80; // more robots never fit on a wall
const SETTLE_MS = 700; // rows do not change places under a moving pointer
const byName = new Intl.Collator("en", {numeric: true}).compare;

export const hashOf = name => "#robot/" + encodeURIComponent(name);

/** Where a score lies on the gauge: 0.1 to 10, the limit in the middle. */
export function gaugeAt(score) {
    const at = score > 0 ? (Math.log10(score) + 1) / 2 : 0;
    return Math.min(1, Math.max(0, at));
}

function makeRow(robot) {
    const cells = {};
    const row = make("tr", {role: "row"});
    for (const [name] of COLUMNS)
        row.append(cells[name] = make(name === "name" ? "th" : "td", {class: name, role: name === "name" ? "rowheader" : "cell"}));
    cells.name.setAttribute("scope", "row");
    cells.name.append(make("a", {href: hashOf(robot.robot)}, quoted(robot.robot)));
    const parts = {row, cells, mark: mark("ok"), word: make("span", {class: "word"}), gauge: make("span", {class: "gauge", "aria-hidden": "true"}),
        figure: make("span", {class: "figure"}), since: make("time"), note: make("td", {class: "note", role: "cell"})};
    cells.state.append(parts.mark, parts.word);
    cells.score.append(parts.gauge, parts.figure);
    cells.since.append(parts.since);
    row.append(parts.note);
    parts.alerts = new Keyed(parts.note, note => note.key, makeNote, updateNote);
    row.parts = parts;
    return row;
}

function makeNote(note) {
    const line = make("p", {class: note.alert ? "alert" : "reason"});
    if (note.alert) {
        line.parts = {mark: mark("warning"), word: make("b"), text: make("span", {class: "text"}), since: make("span", {class: "for"}), ack: make("span", {class: "ack"})};
        line.append(line.parts.mark, line.parts.word, line.parts.text, line.parts.since, line.parts.ack);
    } else {
        line.append(quoted(note.text));
    }
    return line;
}

function updateNote(line, {alert, only, nowMs}) {
    if (!alert)
        return;
    const {mark: shape, word, text, since, ack} = line.parts;
    setMark(shape, alert.severity);
    set(line, "data-only", only);
    set(line, "data-severity", alert.severity);
    say(word, words.severityOf(alert.severity).word);
    const told = alert.text || words.kindOf(alert.kind);
    if (text.textContent !== told)
        text.replaceChildren(quoted(told));
    const seconds = format.since(alert.started, nowMs);
    say(since, Number.isNaN(seconds) ? "" : "for " + format.duration(seconds));
    const verdict = alert.ack?.verdict ? ", " + words.verdictOf(alert.ack.verdict) : "", said = alert.ack?.note ? ": " + alert.ack.note : "";
    say(ack, alert.acked ? "acknowledged" + verdict + said : "");
    show(ack, Boolean(alert.acked));
    set(since, "title", "since " + format.when(alert.started, nowMs) + " by the robot's clock");
}

/** What is told below a robot: its alerts, and why it is not as it should be. */
function notesOf(robot, nowMs, wall) {
    const open = robot.alerts ?? [];
    // The row's own mark and time say it already.
    const only = open.length === 1 && (robot.state === "alert" || open[0].kind === "silent" && robot.state === "stale");
    const notes = open.map(alert => ({key: "alert " + alert.alert_id, alert, only, nowMs}));
    for (const text of words.reasonsOf({reasons: (robot.reasons ?? []).filter(reason => reason !== "alert")}))
        notes.push({key: "reason " + text, text});
    const suspended = robot.suspended;
    if (suspended)
        notes.push({key: "suspended " + suspended.until + suspended.reason,
            text: "Until " + format.when(suspended.until, nowMs) + (suspended.reason ? ": " + suspended.reason : "")});
    if (wall && !notes.length && robot.state !== "ok") { // there is no room for columns, but for this
        const age = robot.last_sample_age_s;
        const text = robot.state === "stale" && typeof age === "number" ? "No new sample for " + format.duration(age) + "." : words.stateOf(robot.state).text;
        notes.push({key: "wall " + text, text});
    }
    return notes;
}

function updateRow(row, {robot, nowMs, wall}) {
    const {cells, mark: shape, word, gauge, figure, since, note, alerts} = row.parts;
    const state = words.stateOf(robot.state), live = words.judged(robot.state);
    set(row, "data-tone", words.toneOf(robot));
    set(row, "data-state", robot.state);
    setMark(shape, words.markOf(robot));
    say(word, words.wordOf(robot));
    set(cells.state, "title", state.text);
    const score = words.scoreOf(robot), known = score !== null;
    say(figure, known ? (live ? "" : "last ") + format.score(score) : format.NOTHING);
    set(cells.score, "data-over", known && score >= 1);
    set(cells.score, "data-old", !live);
    style(gauge, "--at", known ? (100 * gaugeAt(score)).toFixed(0) + "%" : "0%");
    const seconds = format.since(robot.since, nowMs);
    say(since, Number.isNaN(seconds) ? format.NOTHING : format.duration(seconds));
    set(since, "datetime", robot.since);
    set(since, "title", format.when(robot.since, nowMs) + " (" + (Number.isNaN(Date.parse(robot.since)) ? "" : format.utc(Date.parse(robot.since))) + ")");
    say(cells.coverage, format.percent(robot.coverage_1h));
    set(cells.coverage, "data-low", words.coversLittle(robot));
    say(cells.age, format.age(robot.last_sample_age_s));
    say(cells.rate, format.rate(robot.rate_hz));
    const model = robot.model ? robot.model + " v" + robot.model_version : format.NOTHING;
    if (cells.model.textContent !== model)
        cells.model.replaceChildren(quoted(model));
    const notes = notesOf(robot, nowMs, wall);
    show(note, notes.length > 0);
    alerts.show(notes);
}

export class Overview {
    constructor(root) {
        this.root = root;
        this.wall = document.documentElement.dataset.mode === "wall";
        this.chosen = null; // a state, or "low"
        this.movedAt = -Infinity;
        this.title = make("h1", {tabindex: "-1", id: "headline"});
        this.detail = make("p", {class: "detail"});
        this.search = make("input", {type: "search", id: "filter", autocomplete: "off", spellcheck: "false", placeholder: "Name", maxlength: "64"});
        this.chips = make("div", {class: "chips", role: "group", "aria-label": "Show only robots that are"});
        this.hidden = make("p", {class: "hidden-alerts"});
        this.body = make("tbody", {role: "rowgroup"});
        this.head = make("tr", {role: "row"}, ...COLUMNS.map(([name, word]) => make("th", {class: name, role: "columnheader", scope: "col"}, word)));
        this.table = make("table", {class: "robots", role: "table", "aria-labelledby": "headline"},
            make("thead", {role: "rowgroup"}, this.head), this.body);
        this.none = make("p", {class: "plain"});
        this.more = make("p", {class: "more"});
        this.tools = make("search", {class: "tools"}, make("label", {for: "filter"}, "Filter"), this.search, this.chips);
        this.empty = make("section", {class: "empty"});
        this.summary = make("div", {class: "headline"}, this.title, this.detail);
        root.append(this.summary, this.tools, this.hidden, this.table, this.none, this.more, this.empty);
        this.rows = new Keyed(this.body, item => item.robot.robot, item => makeRow(item.robot), updateRow);
        this.chipNodes = new Keyed(this.chips, item => item.key, item => this.makeChip(item), updateChip);
        this.search.addEventListener("input", () => this.again());
        this.search.addEventListener("keydown", event => event.key === "Escape" && this.clear());
        this.body.addEventListener("click", event => this.clicked(event));
        this.table.addEventListener("pointermove", () => this.movedAt = performance.now());
    }

    makeChip({key}) {
        const chip = make("button", {type: "button", class: "chip"}, key === "low" ? mark("info") : mark(key === "alert" ? "warning" : key),
            make("span"), make("b"));
        chip.addEventListener("click", () => {
            this.chosen = this.chosen === key ? null : key;
            this.again();
        });
        return chip;
    }

    /** All of a row leads to its robot; its link is what keyboards and readers use. */
    clicked(event) {
        const link = event.target.closest("tr")?.querySelector("a");
        if (link && !event.target.closest("a") && getSelection().isCollapsed && !this.wall)
            location.hash = link.hash;
    }

    clear() {
        this.search.value = "";
        this.chosen = null;
        this.again();
    }

    again() {
        if (this.feed)
            this.update(this.feed);
    }

    update(feed) {
        this.feed = feed;
        const {robots, counters} = feed.overview, nowMs = feed.nowMs;
        this.tellAll(robots, feed);
        const some = robots.length > 0;
        show(this.table, some);
        show(this.tools, robots.length >= FEW || this.search.value !== "" || this.chosen !== null);
        show(this.empty, !some);
        if (!some)
            tellEmpty(this.empty, feed.overview, counters);
        this.showChips(robots);
        const shown = robots.filter(robot => this.isShown(robot));
        shown.sort((a, b) => words.rankOf(a) - words.rankOf(b) || byName(a.robot, b.robot));
        // All well, and room to say so.
        set(this.body, "data-size", this.wall && shown.length <= 24 && shown.every(robot => words.toneOf(robot) === "ok") ? shown.length <= 8 ? "large" : "medium" : null);
        const drawn = this.wall ? shown.slice(0, WALL_MOST) : shown;
        this.rows.show(drawn.map(robot => ({robot, nowMs, wall: this.wall})), performance.now() - this.movedAt > SETTLE_MS);
        this.tellHidden(robots, shown);
        this.fit(shown);
    }

    isShown(robot) {
        const word = this.search.value.trim().toLowerCase();
        return (!word || robot.robot.toLowerCase().includes(word)) &&
            (!this.chosen || (this.chosen === "low" ? words.coversLittle(robot) : robot.state === this.chosen));
    }

    showChips(robots) {
        const counts = new Map();
        for (const {state} of robots)
            counts.set(state, (counts.get(state) ?? 0) + 1);
        if (this.chosen && this.chosen !== "low" && !counts.has(this.chosen))
            counts.set(this.chosen, 0); // the button that was pressed stays, to be released
        const chips = [...counts].sort(([a], [b]) => words.stateOf(a).rank - words.stateOf(b).rank)
            .map(([key, count]) => ({key, count, word: words.stateOf(key).word, tone: words.stateOf(key).tone, pressed: this.chosen === key}));
        const low = robots.filter(words.coversLittle).length;
        if (low || this.chosen === "low")
            chips.push({key: "low", count: low, word: words.LOW_COVERAGE_WORD, tone: "caution", pressed: this.chosen === "low"});
        this.chipNodes.show(chips);
    }

    tellHidden(robots, shown) {
        const hidden = robots.filter(words.worstAlert).length - shown.filter(words.worstAlert).length;
        show(this.hidden, hidden > 0);
        say(this.hidden, hidden === 1 ? "1 robot with an open alert is hidden by the filter." : hidden + " robots with open alerts are hidden by the filter.");
        const none = robots.length > 0 && shown.length === 0;
        show(this.none, none);
        say(this.none, none ? "No robot is like that. Escape in the filter shows all." : "");
    }

    tellAll(robots, feed) {
        const {headline, detail, tone} = summary(robots, this.wall || robots.length < FEW);
        const old = "Last known: " + headline[0].toLowerCase() + headline.slice(1);
        say(this.title, feed.fresh ? headline : old);
        set(this.summary, "data-tone", tone);
        const spans = detail.map((part, i) => part + (i < detail.length - 1 ? " · " : ""));
        if (this.detail.textContent !== spans.join(""))
            this.detail.replaceChildren(...spans.map(text => make("span", {}, text)));
    }

    /** On the wall nobody scrolls: what does not fit is counted. */
    fit(shown) {
        show(this.more, false);
        if (!this.wall || !shown.length)
            return;
        const rows = [...this.body.children];
        for (const row of rows)
            show(row, true);
        show(this.more, true);
        say(this.more, "and more");
        const bottom = innerHeight - this.more.offsetHeight - 8;
        let low = 0, high = rows.length;
        while (low < high) {
            const middle = low + high >> 1;
            if (rows[middle].getBoundingClientRect().bottom <= bottom)
                low = middle + 1;
            else
                high = middle;
        }
        for (const row of rows.slice(low))
            show(row, false);
        const left = shown.slice(low), well = left.filter(robot => robot.state === "ok").length;
        const parts = [];
        if (left.length > well)
            parts.push(left.length - well + " more that are not OK");
        if (well)
            parts.push(well + " more OK");
        say(this.more, parts.join(", "));
        show(this.more, parts.length > 0);
    }

    /** The link of a robot, to give the focus back to. */
    linkOf(name) {
        return this.rows.nodes.get(name)?.querySelector("a") ?? null;
    }
}

function updateChip(chip, {count, word, tone, pressed}) {
    set(chip, "aria-pressed", String(pressed));
    set(chip, "data-tone", tone);
    say(chip.children[1], word);
    say(chip.lastChild, format.grouped(count));
}

/** The state of everything in one sentence, and figures beside it: of each state where no buttons tell them. */
export function summary(robots, states) {
    const counts = {}, total = robots.length;
    let critical = 0, warning = 0, info = 0, worst = "ok";
    for (const robot of robots) {
        counts[robot.state] = (counts[robot.state] ?? 0) + 1;
        const alert = words.worstAlert(robot), rank = alert ? words.severityOf(alert.severity).rank : 9;
        critical += rank === 0;
        warning += rank === 1;
        info += rank === 4;
    }
    const alerts = critical + warning, unseen = (counts.stale ?? 0), unwatched = total - (counts.ok ?? 0) - (counts.alert ?? 0) - (counts.degraded ?? 0);
    const many = (n, one, more) => format.grouped(n) + " " + (n === 1 ? one : more);
    let headline;
    if (total === 0)
        [headline, worst] = ["No robots yet", "aside"];
    else if (alerts)
        [headline, worst] = [many(alerts, "robot in alert", "robots in alert"), critical ? "critical" : "warning"];
    else if (unseen)
        [headline, worst] = [many(unseen, "robot sends nothing", "robots send nothing"), "lost"];
    else if (counts.degraded)
        [headline, worst] = [many(counts.degraded, "robot needs a look", "robots need a look"), "caution"];
    else if (unwatched === total)
        [headline, worst] = [total === 1 ? "The robot is not watched now" : "No robot is watched now", "aside"];
    else if (unwatched)
        headline = "No alerts; " + many(unwatched, "robot is not watched now", "robots are not watched now");
    else
        headline = total === 1 ? "The robot moves as usual" : "All " + format.grouped(total) + " robots move as usual";
    const parts = [];
    if (alerts)
        parts.push(...[critical && critical + " critical", warning && warning + " warning"].filter(Boolean));
    if (info)
        parts.push(info + " silent");
    for (const [key, {word}] of Object.entries(states ? words.STATES : {})) {
        if (key !== "alert" && counts[key] && counts[key] < total)
            parts.push(format.grouped(counts[key]) + " " + (word === "OK" ? word : word.toLowerCase()));
    }
    if (!states && unwatched)
        parts.push(`${format.grouped(total - unwatched)} of ${format.grouped(total)} robots watched`);
    const least = Math.min(...robots.map(robot => robot.coverage_1h).filter(share => typeof share === "number"));
    if (!alerts && Number.isFinite(least))
        parts.push("in the last hour " + (total > 1 ? "each " : "") + "judged for " + (total > 1 ? "at least " : "") + format.percent(least));
    return {headline, detail: parts, tone: worst};
}

function tellEmpty(root, {broker, counters}) {
    const connected = Boolean(broker?.connected), samples = counters?.samples ?? 0;
    const signature = connected + "/" + (samples > 0) + "/" + broker?.url;
    if (root.dataset.signature === signature)
        return;
    root.dataset.signature = signature;
    const url = broker?.url || "URL", code = text => make("code", {}, quoted(text));
    const command = text => make("code", {class: "command"}, quoted(text));
    const steps = [];
    if (!connected)
        steps.push(make("li", {}, "The daemon is not connected to its broker (", code(url), "). Nothing can arrive until it is."));
    else if (samples > 0)
        steps.push(make("li", {}, "Samples arrive, but of no robot that is watched: see ", code("topics.samples"), " and ", code("models"), " in the configuration."));
    else
        steps.push(make("li", {}, "The daemon is connected to ", code(url), ". A robot appears here with its first sample."));
    steps.push(
        make("li", {}, "See what the cell sends, and what to configure: ", command("armwatch doctor --broker " + url)),
        make("li", {}, "Or try it with a simulated arm: ", command("armwatch simulate --broker " + url + " --robot kuka1")));
    root.replaceChildren(make("p", {}, "armwatchd watches, but nothing has come yet."), make("ol", {}, ...steps));
}
