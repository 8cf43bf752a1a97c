// One alert, from its rise to its end: since when, how bad, where, and what was expected there.
import {draw, make, quoted, say, set, show} from "./dom.js";
import * as format from "./format.js";
import {mark, setMark} from "./marks.js";
import * as words from "./words.js";

const MOST_CHANNELS = 32;
const SHORT_ID = 12; // as "armwatch explain --list" has it

const list = value => Array.isArray(value) ? value : [];
const number = value => typeof value === "number" && Number.isFinite(value);

/** A bar of a share, with the share beside it. */
function shareBar(share) {
    const width = 60, full = number(share) ? Math.min(1, Math.max(0, share)) * width : 0;
    return draw("svg", {class: "share", viewBox: `0 0 ${width} 8`, width, height: 8, "aria-hidden": "true"},
        draw("rect", {class: "track", width, height: 8}), draw("rect", {class: "part", width: full, height: 8}));
}

/** Observed as a bar from zero, expected as a mark on the same axis. */
function against(observed, expected) {
    const width = 110, height = 14, pad = 3;
    const low = Math.min(0, observed, expected), high = Math.max(0, observed, expected);
    const x = value => pad + (width - 2 * pad) * (high > low ? (value - low) / (high - low) : 0.5);
    const from = Math.min(x(0), x(observed));
    return draw("svg", {class: "against", viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true"},
        draw("path", {class: "zero", d: `M${x(0)} 1V${height - 1}`}),
        draw("rect", {class: "observed", x: from, y: 4, height: 6, width: Math.max(1, Math.abs(x(observed) - x(0)))}),
        draw("path", {class: "expected", d: `M${x(expected)} 0V${height}`}));
}

function groupsOf(groups) {
    if (!groups.length)
        return null;
    return make("div", {class: "where"}, make("h4", {}, "Where"),
        make("ul", {class: "groups"}, ...groups.slice(0, 12).map(group => {
            const label = group.label || group.name;
            const name = make("span", {class: "link"}, quoted(label));
            if (group.label && group.label !== group.name)
                name.title = group.name;
            return make("li", {}, name, shareBar(group.share), make("span", {class: "figure"}, format.percent(group.share, 0)));
        })));
}

function channelRow(channel, expects) {
    const {observed, expected} = channel, unit = channel.unit ? " " + channel.unit : "";
    const value = v => make("td", {class: "number"}, format.measured(v), number(v) && unit ? make("span", {class: "unit"}, quoted(unit)) : null);
    return make("tr", {}, make("th", {scope: "row"}, quoted(channel.name)),
        make("td", {class: "graph"}, shareBar(channel.share), make("span", {class: "figure"}, format.percent(channel.share, 0))),
        value(observed),
        ...(expects ? [value(expected), make("td", {class: "graph"}, number(observed) && number(expected) ? against(observed, expected) : null),
            make("td", {class: "number"}, number(channel.z) ? format.bare(channel.z).replace("-", "−") : format.NOTHING)] : []));
}

function channelsOf(channels) {
    if (!channels.length)
        return null;
    const expects = channels.some(channel => number(channel.expected));
    const heads = ["Channel", "Share", "Observed", ...(expects ? ["Expected", "Compared", "z"] : [])];
    return make("div", {class: "where"}, make("h4", {}, expects ? "Channels: the bar is observed, the line expected" : "Channels"),
        make("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": "Channels of this alert"},
            make("table", {class: "channels", "aria-label": "Channels: observed and expected"}, make("thead", {}, make("tr", {}, ...heads.map(head => make("th", {scope: "col"}, head)))),
                make("tbody", {}, ...channels.slice(0, MOST_CHANNELS).map(channel => channelRow(channel, expects))))));
}

function detectorsOf(detectors) {
    if (!detectors.length)
        return null;
    return make("p", {class: "detectors"}, "Found by ", ...detectors.flatMap((detector, i) => [i ? ", " : "", make("b", {}, quoted(detector.name)),
        ` (${format.score(detector.ratio)} times its limit: ${format.measured(detector.score)} / ${format.measured(detector.threshold)})`]));
}

function bodyOf(episode) {
    const model = episode.model, parts = [groupsOf(list(episode.groups)), channelsOf(list(episode.channels)), detectorsOf(list(episode.detectors))];
    if (episode.cleared_text)
        parts.push(make("p", {class: "fine"}, "How it ended: ", quoted(episode.cleared_text), "."));
    if (typeof episode.alert_id === "string" && episode.kind !== "silent")
        parts.push(make("p", {class: "fine"}, "The samples behind it, scored again: ", make("code", {}, "armwatch explain ", quoted(episode.alert_id.slice(0, SHORT_ID)))));
    if (model?.name)
        parts.push(make("p", {class: "fine"}, "Judged by model ", quoted(model.name), " version " + model.version + ". It says where the deviation is; the cause may lie elsewhere."));
    return parts.filter(part => part !== null);
}

/** An open one stands open and large; one that is over unfolds. */
export function makeEpisode(episode) {
    const open = episode.state !== "cleared";
    const parts = {mark: mark("warning"), word: make("b", {class: "severity"}), kind: make("span", {class: "kind"}), started: make("time"),
        lasted: make("span", {class: "lasted"}), figure: make("span", {class: "figures"}), text: make(open ? "h3" : "span", {class: "text"}),
        verdict: make("span", {class: "verdict"}), body: make("div", {class: "evidence"})};
    const line = [parts.mark, parts.word, parts.kind, make("span", {class: "times"}, open ? "since " : null, parts.started, parts.lasted), parts.figure, parts.verdict];
    const node = open ? make("article", {class: "episode open"}, make("p", {class: "line"}, ...line), parts.text, parts.body)
        : make("details", {class: "episode"}, make("summary", {}, make("span", {class: "line"}, ...line), parts.text), parts.body);
    return Object.assign(node, {parts});
}

export function updateEpisode(node, {episode, nowMs}) {
    const {parts} = node, severity = words.severityOf(episode.severity), cleared = episode.state === "cleared";
    set(node, "data-severity", episode.severity);
    setMark(parts.mark, episode.severity);
    say(parts.word, severity.word);
    say(parts.kind, words.kindOf(episode.kind));
    format.setTime(parts.started, episode.started, nowMs);
    const seconds = cleared ? (format.instant(episode.ended) - format.instant(episode.started)) / 1000 : format.since(episode.started, nowMs);
    say(parts.lasted, number(seconds) && seconds >= 0 ? ", for " + (cleared ? format.span(seconds) : format.duration(seconds)) : "");
    tellScores(parts.figure, episode, cleared);
    const told = [episode.acked && "acknowledged", episode.verdict !== null && episode.verdict !== undefined && words.verdictOf(episode.verdict)].filter(Boolean).join(", ");
    say(parts.verdict, told);
    show(parts.verdict, Boolean(told));
    const text = (episode.text || words.kindOf(episode.kind));
    if (parts.text.textContent !== text)
        parts.text.replaceChildren(quoted(text));
    const content = JSON.stringify([episode.groups, episode.channels, episode.detectors, episode.model, episode.cleared_text]);
    if (node.content !== content) {
        node.content = content;
        parts.body.replaceChildren(...bodyOf(episode));
    }
}

function tellScores(node, {score, peak_score: peak, step}, cleared) {
    const parts = [];
    if (!cleared && number(score))
        parts.push("score " + format.score(score));
    if (number(peak))
        parts.push("peak " + format.score(peak));
    if (number(step))
        parts.push("step " + step);
    say(node, parts.join(", "));
}
