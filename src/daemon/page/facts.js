// What a robot is watched by, and how well: model, promise, coverage, drift, counters.
import {make, quoted} from "./dom.js";
import * as format from "./format.js";
import * as words from "./words.js";

const number = value => typeof value === "number" && Number.isFinite(value);
const code = text => make("code", {}, text);

/** [{title, rows: [[term, value, about]], notes: [..]}] */
export function factsOf(data, nowMs) {
    return [watching(data), promise(data), commissioning(data, nowMs), drift(data), model(data), detectors(data), counters(data)].filter(facts => facts);
}

function watching({robot}) {
    const rows = [
        ["Judged in the last hour", format.percent(robot.coverage_1h), "Share of the windows of the last hour that were evaluated"],
        ["Last sample", number(robot.last_sample_age_s) ? format.age(robot.last_sample_age_s) + " ago" : format.NOTHING],
        ["Rate", format.rate(robot.rate_hz)],
    ];
    if (number(robot.clock_skew_s) && Math.abs(robot.clock_skew_s) >= 1)
        rows.push(["Its clock", format.duration(Math.abs(robot.clock_skew_s)) + (robot.clock_skew_s > 0 ? " ahead" : " behind")]);
    const notes = words.coversLittle(robot) ? ["What was not judged is not known to be well."] : [];
    return {title: "Watching", rows, notes};
}

const perDay = value => number(value) ? format.bare(value) + " a day" : "not known";

function promise({model}) {
    if (!model)
        return null;
    const {target_false_alarms_per_day: target, supported_false_alarms_per_day: supported} = model;
    const notes = [];
    if (number(target) && number(supported) && supported > target * 1.001)
        notes.push("The healthy data that it was calibrated on support no better than " + perDay(supported) + " at 95\u00a0%. The target is an extrapolation.");
    else if (number(target) && !number(supported))
        notes.push("How many false alarms its calibration supports is not known.");
    return {title: "False alarms", rows: [["Target", perDay(target)], ["Supported at 95 %", perDay(supported), "By the hours of healthy data in its calibration"]], notes};
}

function commissioning({robot, commissioning: own}, nowMs) {
    const state = own ?? robot.commissioning;
    if (!state)
        return null;
    const rows = [["Mode", quoted(words.modeOf(state.mode))],
        ["Learnt", `${format.bare(state.hours)} h in ${format.grouped(state.sessions)} sessions`],
        ["Needed", number(state.needed_hours) ? `${format.bare(state.needed_hours)} h for ${perDay(state.false_alarms_per_day)}` : format.NOTHING],
        ["Supported so far", perDay(state.supported_per_day)]];
    if (state.ready_at)
        rows.push(["Ready", format.when(state.ready_at, nowMs)]);
    return {title: "Commissioning", rows, notes: state.advice ? [quoted(state.advice)] : []};
}

function drift({drift: state}) {
    if (!state)
        return {title: "Drift", rows: [["Level", "not known yet"]], notes: ["It is told after an hour of evaluated time, if the calibration keeps a reference."]};
    if (typeof state !== "object")
        return {title: "Drift", rows: [["Level", quoted(state)]]};
    const rows = [["Level", quoted(state.level)], ["Stability index", make("span", {}, format.bare(state.psi), " by ", quoted(state.detector))],
        ["Over", format.duration(3600 * state.hours)]];
    for (const channel of (state.channels ?? []).slice(0, 5))
        rows.push([quoted(channel.name), make("span", {}, `${format.measured(channel.mean)}, usually ${format.measured(channel.usual)} `, quoted(channel.unit ?? ""))]);
    return {title: "Drift", rows, notes: [words.driftOf(state.level)]};
}

function model({model: own, robot}) {
    if (!own)
        return {title: "Model", rows: [["Name", robot.model ? quoted(robot.model) : format.NOTHING]]};
    const sha = code(quoted(String(own.sha256 ?? "").slice(0, 12)));
    sha.title = String(own.sha256 ?? "");
    const rows = [["Name", make("span", {}, quoted(own.name), " version " + own.version)], ["SHA-256", sha], ["Channels", format.grouped(own.channels)]];
    return {title: "Model", rows};
}

function detectors({model: own}) {
    const rows = (own?.detectors ?? []).map(({name, score, threshold}) => [quoted(name),
        (score === undefined ? "" : format.measured(score) + " of ") + (number(threshold) ? format.measured(threshold) : "no threshold yet"),
        "Its newest score, and the threshold"]);
    return rows.length ? {title: "Detectors: score of threshold", rows} : null;
}

function counters({counters: own}) {
    if (!own)
        return null;
    const refused = Object.entries(own.rejected ?? {}).filter(([, count]) => count > 0).sort(([, a], [, b]) => b - a);
    const others = ["gated", "stopped", "faulty", "missing", "late", "duplicates", "overload", "gaps", "restarts", "retained"].filter(name => own[name] > 0);
    const rows = [["Samples", format.grouped(own.samples)], ["Windows scored", format.grouped(own.windows)], ["Not judged", format.grouped(own.not_evaluated)],
        ...others.map(name => ["– " + words.counterOf(name), format.grouped(own[name])]), ["Refused", format.grouped(refused.reduce((sum, [, count]) => sum + count, 0))],
        ...refused.slice(0, 14).map(([reason, count]) => [quoted("– " + words.counterOf(reason)), format.grouped(count)])];
    return {title: "Since the daemon's start", rows};
}
