// The score over time, on a log axis around its limit. Where nothing was scored the line has a gap, and the gap is hatched.
import {draw, make, say, set, style} from "./dom.js";
import * as format from "./format.js";
import {severityOf} from "./words.js";

const MARGIN = {left: 44, right: 10, top: 26, bottom: 22};
const LANE = {top: 6, height: 12}; // of the alerts, above the plot
const STEPS_MIN = [1, 2, 5, 10, 15, 30, 60, 120, 360, 720];
const TICK_PX = 78;

/** Range of the log axis: a decade on each side of the limit at least. */
export function rangeOf(values) {
    const known = values.filter(value => value > 0).sort((a, b) => a - b);
    const low = known.length ? known[Math.floor(known.length / 20)] : 1, high = known.at(-1) ?? 1;
    return [Math.max(-4, Math.min(-1, Math.floor(Math.log10(low)))), Math.min(8, Math.max(1, Math.ceil(Math.log10(high))))];
}

/** Runs of intervals of one kind: [first, behind the last, scored or not]. */
export function runsOf(values) {
    const runs = [];
    values.forEach((value, i) => {
        const scored = typeof value === "number", last = runs.at(-1);
        if (last && last[2] === scored)
            last[1] = i + 1;
        else
            runs.push([i, i + 1, scored]);
    });
    return runs;
}

export class Chart {
    constructor() {
        this.readout = make("p", {class: "readout"});
        this.caption = make("figcaption");
        this.svg = draw("svg", {"aria-hidden": "true"});
        // A slider is what a keyboard and a reader can move along a line with.
        this.plot = make("div", {class: "plot", tabindex: "0", role: "slider", "aria-label": "Score over time", "aria-valuemin": "0"}, this.svg);
        this.node = make("figure", {class: "chart"}, this.readout, this.plot, this.caption);
        this.cursorMs = NaN;
        this.plot.addEventListener("pointermove", event => this.point(event));
        this.plot.addEventListener("pointerleave", () => this.move(NaN));
        this.plot.addEventListener("keydown", event => this.key(event));
        this.plot.addEventListener("blur", () => this.move(NaN));
        new ResizeObserver(() => this.data && this.redraw()).observe(this.plot);
    }

    update(data) {
        this.data = data;
        this.redraw();
    }

    redraw() {
        const {scores} = this.data, style = getComputedStyle(this.plot);
        this.width = Math.max(240, this.plot.clientWidth);
        this.height = parseFloat(style.getPropertyValue("--height")) || 240;
        this.values = Array.isArray(scores?.values) ? scores.values : [];
        this.t0 = format.instant(scores?.t0);
        this.step = 1000 * (scores?.interval_s || 1);
        this.range = rangeOf(this.values);
        set(this.svg, "viewBox", `0 0 ${this.width} ${this.height}`);
        set(this.svg, "width", this.width);
        set(this.svg, "height", this.height);
        const some = this.values.length > 0 && !Number.isNaN(this.t0);
        this.svg.replaceChildren(...(some ? this.layers() : [this.blank()]));
        say(this.caption, some ? this.inWords() : "");
        this.read();
    }

    x(ms) {
        const inner = this.width - MARGIN.left - MARGIN.right, length = this.values.length * this.step;
        return MARGIN.left + inner * Math.min(1, Math.max(0, (ms - this.t0) / length));
    }

    y(value) {
        const [low, high] = this.range, inner = this.height - MARGIN.top - MARGIN.bottom;
        const share = value > 0 ? (Math.log10(value) - low) / (high - low) : 0;
        return MARGIN.top + inner * (1 - Math.min(1, Math.max(0, share)));
    }

    blank() {
        return draw("text", {class: "tick", x: this.width / 2, y: this.height / 2, "text-anchor": "middle"}, "Nothing was scored yet");
    }

    layers() {
        const limit = this.y(1), bottom = this.height - MARGIN.bottom, right = this.width - MARGIN.right;
        const clip = (id, top, height) => draw("clipPath", {id}, draw("rect", {x: MARGIN.left, y: top, width: right - MARGIN.left, height}));
        const hatch = draw("pattern", {id: "hatch", width: 7, height: 7, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)"},
            draw("path", {d: "M0 0V7", class: "hatch"}));
        const {line, area} = this.paths(limit);
        return [
            draw("defs", {}, hatch, clip("over", 0, limit), clip("under", limit, bottom - limit)),
            ...this.gaps(bottom), ...this.axes(bottom, right), ...this.alerts(),
            draw("path", {class: "area", d: area, "clip-path": "url(#over)"}),
            draw("path", {class: "line", d: line, "clip-path": "url(#under)"}),
            draw("path", {class: "line over", d: line, "clip-path": "url(#over)"}),
            draw("path", {class: "limit", d: `M${MARGIN.left} ${limit}H${right}`}),
            draw("text", {class: "limit", x: MARGIN.left + 5, y: limit - 6}, "limit"),
            this.cursor = draw("path", {class: "cursor"}),
        ];
    }

    paths(limit) {
        let line = "", area = "";
        for (const [from, to, scored] of runsOf(this.values)) {
            if (!scored)
                continue;
            const points = [];
            for (let i = from; i < to; i++)
                points.push(this.x(this.t0 + (i + 0.5) * this.step).toFixed(1) + " " + this.y(this.values[i]).toFixed(1));
            const first = points[0].split(" ")[0], last = points.at(-1).split(" ")[0];
            // A single interval is a dot: a short stroke with round ends.
            line += "M" + points.join("L") + (points.length === 1 ? "h.01" : "");
            area += `M${first} ${limit}L${points.join("L")}L${last} ${limit}Z`;
        }
        return {line, area};
    }

    gaps(bottom) {
        return runsOf(this.values).filter(([, , scored]) => !scored).map(([from, to]) => {
            const left = this.x(this.t0 + from * this.step);
            return draw("rect", {class: "gap", x: left, y: MARGIN.top, height: bottom - MARGIN.top,
                width: Math.max(1, this.x(this.t0 + to * this.step) - left)});
        });
    }

    axes(bottom, right) {
        const nodes = [], [low, high] = this.range;
        for (let decade = low; decade <= high; decade++) {
            const y = this.y(10 ** decade);
            nodes.push(draw("path", {class: "grid", d: `M${MARGIN.left} ${y}H${right}`}),
                draw("text", {class: "tick", x: MARGIN.left - 7, y: y + 4, "text-anchor": "end"}, decade > 3 ? "1e" + decade : String(Number((10 ** decade).toPrecision(1)))));
        }
        const minutes = this.values.length * this.step / 60000, most = Math.max(1, (right - MARGIN.left) / TICK_PX);
        const each = 60000 * (STEPS_MIN.find(step => minutes / step <= most) ?? 1440);
        for (let at = Math.ceil(this.t0 / each) * each; at <= this.t0 + this.values.length * this.step; at += each) {
            const x = this.x(at);
            nodes.push(draw("path", {class: "grid", d: `M${x} ${MARGIN.top}V${bottom}`}));
            if (x > MARGIN.left + 14 && x < right - 14)
                nodes.push(draw("text", {class: "tick", x, y: this.height - 6, "text-anchor": "middle"}, format.clock(at, false)));
        }
        return nodes;
    }

    /** Alerts as bars above the plot: the graver, the taller. */
    alerts() {
        const {episodes, nowMs} = this.data, end = this.t0 + this.values.length * this.step;
        const name = draw("text", {class: "tick", x: MARGIN.left - 7, y: LANE.top + LANE.height - 2, "text-anchor": "end"}, "alerts");
        return [name, ...(episodes ?? []).filter(({severity, started, ended}) => severity && format.instant(started) < end &&
            !(format.instant(ended) < this.t0)).map(episode => {
            const from = this.x(format.instant(episode.started)), until = episode.ended ? format.instant(episode.ended) : nowMs;
            const height = [LANE.height, 8][severityOf(episode.severity).rank] ?? 4;
            return draw("rect", {class: "episode " + (severityOf(episode.severity).rank === 0 ? "critical" : "warning"),
                x: from, y: LANE.top + LANE.height - height, width: Math.max(3, this.x(until) - from), height},
            draw("title", {}, severityOf(episode.severity).word + ", " + format.when(episode.started, nowMs)));
        })];
    }

    inWords() {
        const known = this.values.filter(value => typeof value === "number"), length = this.values.length * this.step / 1000;
        const over = known.filter(value => value >= 1).length;
        const highest = known.length ? Math.max(...known) : NaN;
        const at = this.t0 + this.values.indexOf(highest) * this.step;
        return "The last " + format.duration(length) + ", the highest score of each " + format.bare(this.step / 1000) + "\u00a0s. " +
            (known.length ? "Highest " + format.score(highest) + " at " + format.clock(at) + "; " +
                (over ? "over the limit in " + format.grouped(over) + " of " + format.grouped(this.values.length) + " (an alert takes several in a row); "
                    : "never over the limit; ") : "") +
            (known.length < this.values.length ? "not scored (hatched) in " + format.duration((this.values.length - known.length) * this.step / 1000) + "." : "without a gap.");
    }

    point(event) {
        const box = this.svg.getBoundingClientRect();
        const share = (event.clientX - box.left - MARGIN.left) / (this.width - MARGIN.left - MARGIN.right);
        this.move(share >= 0 && share <= 1 ? this.t0 + share * this.values.length * this.step : NaN);
    }

    key(event) {
        const count = this.values.length, now = Number.isNaN(this.cursorMs) ? count - 1 : this.indexOf(this.cursorMs);
        const to = {ArrowLeft: now - 1, ArrowDown: now - 1, ArrowRight: now + 1, ArrowUp: now + 1, PageUp: now + 30, PageDown: now - 30,
            Home: 0, End: count - 1}[event.key];
        if (event.key === "Escape")
            this.move(NaN);
        if (to === undefined || !count)
            return;
        event.preventDefault();
        this.move(this.t0 + (Math.min(count - 1, Math.max(0, to)) + 0.5) * this.step);
    }

    indexOf(ms) {
        return Math.min(this.values.length - 1, Math.max(0, Math.floor((ms - this.t0) / this.step)));
    }

    move(ms) {
        this.cursorMs = ms;
        if (this.data)
            this.read();
    }

    /** Says the score under the cursor, or the newest. */
    read() {
        const count = this.values.length;
        if (!count || Number.isNaN(this.t0)) {
            say(this.readout, "");
            return;
        }
        const pointed = !Number.isNaN(this.cursorMs), i = pointed ? this.indexOf(this.cursorMs) : count - 1;
        const value = this.values[i], at = this.t0 + (i + 0.5) * this.step;
        const text = format.clock(this.t0 + i * this.step) + "  " + (typeof value === "number" ? format.score(value) + (value >= 1 ? ", over the limit" : "") : "not scored");
        say(this.readout, pointed ? text : "");
        set(this.cursor, "d", pointed ? `M${this.x(at).toFixed(1)} ${MARGIN.top}V${this.height - MARGIN.bottom}` : null);
        set(this.plot, "aria-valuemax", count - 1);
        set(this.plot, "aria-valuenow", i);
        set(this.plot, "aria-valuetext", text);
    }
}
