// One robot: what is wrong with it, its score against the limit, its alerts, and what it is watched by.
import {Chart} from "./chart.js";
import {Keyed, make, quoted, say, set, show} from "./dom.js";
import {makeEpisode, updateEpisode} from "./episode.js";
import {factsOf} from "./facts.js";
import * as format from "./format.js";
import {mark, setMark} from "./marks.js";
import * as words from "./words.js";

const section = (name, title, ...children) => make("section", {class: name, "aria-labelledby": name + "-title"},
    make("h2", {id: name + "-title"}, title), ...children);

export class RobotView {
    constructor(root) {
        this.name = null;
        this.title = make("h1", {tabindex: "-1"});
        this.mark = mark("ok");
        this.word = make("b", {class: "word"});
        this.since = make("time");
        this.lasting = make("span");
        this.reasons = make("ul", {class: "reasons"});
        this.figure = make("b", {class: "score"});
        this.figureNote = make("span");
        this.chart = new Chart();
        this.open = make("section", {class: "open-alerts", "aria-label": "Open alerts"});
        this.past = make("div", {class: "past"});
        this.pastNone = make("p", {class: "fine"}, "None is remembered.");
        this.facts = make("aside", {class: "facts", "aria-label": "How it is watched"});
        this.body = make("div", {class: "robot-body"},
            make("div", {class: "robot-main"}, this.open,
                section("scores", "Score", make("p", {class: "now"}, this.figure, " ", this.figureNote), this.chart.node),
                section("episodes", "Earlier alerts", this.past, this.pastNone)),
            this.facts);
        this.missing = make("p", {class: "plain"});
        this.head = make("header", {class: "robot-head"}, make("nav", {"aria-label": "Back"}, make("a", {class: "back", href: "#"}, "All robots")), this.title,
            this.state = make("p", {class: "state"}, this.mark, this.word, " ", this.lasting, " ", this.since));
        root.append(this.head, this.reasons, this.missing, this.body);
        this.openNodes = new Keyed(this.open, item => item.episode.alert_id, item => makeEpisode(item.episode), updateEpisode);
        this.pastNodes = new Keyed(this.past, item => item.episode.alert_id, item => makeEpisode(item.episode), updateEpisode);
        this.factNodes = new Keyed(this.facts, facts => facts.title, makeFacts, updateFacts);
        this.reasonNodes = new Keyed(this.reasons, text => text, text => make("li", {}, quoted(text)));
    }

    follow(name) {
        this.name = name;
        this.title.replaceChildren(quoted(name));
        this.openNodes.show([]);
        this.pastNodes.show([]);
        this.reasonNodes.show([]);
        this.factNodes.show([]);
        for (const node of [this.body, this.state, this.missing])
            show(node, false);
    }

    update(feed) {
        const known = feed.details?.name === this.name ? feed.details : null;
        const missing = known?.missing ?? false;
        show(this.body, Boolean(known) && !missing);
        show(this.state, Boolean(known) && !missing);
        show(this.missing, !known || missing);
        say(this.missing, missing ? "armwatchd knows no robot of this name. One appears with its first sample."
            : "Asking armwatchd …");
        if (!known || missing) {
            this.reasonNodes.show([]);
            return;
        }
        const {data} = known, {robot} = data, nowMs = feed.nowMs;
        this.tellState(robot, nowMs);
        this.tellScore(robot);
        const episodes = Array.isArray(data.episodes) ? data.episodes : [];
        const items = episodes.map(episode => ({episode, nowMs}));
        this.openNodes.show(items.filter(({episode}) => episode.state !== "cleared"));
        const past = items.filter(({episode}) => episode.state === "cleared");
        this.pastNodes.show(past);
        show(this.open, past.length < items.length);
        show(this.pastNone, past.length === 0);
        this.chart.update({scores: data.scores, episodes, nowMs});
        this.factNodes.show(factsOf(data, nowMs));
    }

    tellState(robot, nowMs) {
        const state = words.stateOf(robot.state);
        set(this.head, "data-tone", words.toneOf(robot));
        setMark(this.mark, words.markOf(robot));
        say(this.word, state.word);
        const seconds = format.since(robot.since, nowMs);
        say(this.lasting, Number.isNaN(seconds) ? "since" : "for " + format.duration(seconds) + ", since");
        format.setTime(this.since, robot.since, nowMs);
        const told = [...(robot.state === "alert" || robot.state === "ok" ? [] : [state.text]), ...words.reasonsOf(robot)];
        if (robot.suspended)
            told.push("Until " + format.when(robot.suspended.until, nowMs) + (robot.suspended.reason ? ": " + robot.suspended.reason : "") + ".");
        this.reasonNodes.show([...new Set(told)]);
    }

    tellScore(robot) {
        const score = words.scoreOf(robot), known = score !== null, live = words.judged(robot.state);
        say(this.figure, known ? format.score(score) : format.NOTHING);
        set(this.figure, "data-over", known && live && score >= 1);
        set(this.figure, "data-old", !live);
        say(this.figureNote, robot.state === "commissioning" ? "its limit is still learnt" : !known ? "no score yet"
            : !live ? "is the last score: none is made now" : score >= 1 ? "times the limit" : "of the limit, which is 1");
    }
}

// ---- facts: each is changed alone, for somebody may be copying the one beside it

function makeFacts({title}) {
    const parts = {list: make("dl"), notes: make("div", {class: "notes"})};
    parts.rows = new Keyed(parts.list, row => row.key, ({about}) => make("div", {}, make("dt", {title: about}), make("dd")), updateFact);
    return Object.assign(make("section", {}, make("h2", {}, title), parts.list, parts.notes), {parts});
}

function updateFact(node, {term, value}) {
    put(node.firstChild, term);
    put(node.lastChild, value);
}

function updateFacts(node, {rows, notes = []}) {
    node.parts.rows.show(rows.map(([term, value, about], i) => ({key: i + textOf(term), term, value, about})));
    if (node.parts.notes.textContent !== notes.map(textOf).join(""))
        node.parts.notes.replaceChildren(...notes.map(note => make("p", {class: "fine"}, note)));
}

const textOf = value => value instanceof Node ? value.textContent : String(value);

function put(node, value) {
    if (node.textContent !== textOf(value))
        node.replaceChildren(value);
}
