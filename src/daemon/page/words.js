// What the daemon's words mean, and what to do about them: docs/page.md says the same at length.
import {percent} from "./format.js";

/** States, the worst first: `rank` orders robots, `tone` colours them. */
export const STATES = {
    alert: {rank: 2, word: "Alert", tone: "warning",
        text: "It moves, or its sensors read, otherwise than in health."},
    stale: {rank: 3, word: "Stale", tone: "lost",
        text: "No new sample comes: nothing is known of it now."},
    degraded: {rank: 5, word: "Degraded", tone: "caution",
        text: "It is judged, but part of its samples is not usable."},
    not_evaluated: {rank: 6, word: "Not judged", tone: "aside",
        text: "It is not in the mode in which it is judged."},
    stopped: {rank: 7, word: "Stopped", tone: "aside",
        text: "Every reading stands still. Nothing is judged, and nothing is wrong."},
    suspended: {rank: 8, word: "Suspended", tone: "aside",
        text: "Its alerts are held back for maintenance."},
    commissioning: {rank: 9, word: "Commissioning", tone: "aside",
        text: "It is learning its thresholds: its scores raise no alert yet."},
    warming: {rank: 10, word: "Warming up", tone: "aside",
        text: "No window of samples is complete yet."},
    ok: {rank: 11, word: "OK", tone: "ok",
        text: "Its latest movement is like that in health."},
};
const UNKNOWN = {rank: 4, tone: "caution", text: "This page does not know this state."};

export function stateOf(name) {
    return Object.hasOwn(STATES, name) ? STATES[name] : {...UNKNOWN, word: String(name)};
}

const SEVERITIES = {critical: {rank: 0, word: "Critical"}, warning: {rank: 1, word: "Warning"}, info: {rank: 4, word: "Info"}};

export function severityOf(name) {
    return Object.hasOwn(SEVERITIES, name) ? SEVERITIES[name] : {rank: 1, word: String(name)};
}

const KINDS = {anomaly: "Unusual movement", sensor_fault: "Sensor fault", silent: "Silent"};

export const kindOf = name => Object.hasOwn(KINDS, name) ? KINDS[name] : String(name);

const VERDICTS = {true: "confirmed", false: "a false alarm", maintenance: "maintenance"};

export const verdictOf = name => Object.hasOwn(VERDICTS, String(name)) ? VERDICTS[String(name)] : String(name);

/** Whether the last score of a robot in this state says something about now. */
export const judged = state => state === "ok" || state === "alert" || state === "degraded";

/** The score that counts: without thresholds there is none. */
export const scoreOf = robot => robot.state !== "commissioning" && typeof robot.score === "number" ? robot.score : null;

const ROBOT_REASONS = {
    rejected: "Over 1 % of its messages are refused as unusable; the counters say why.",
    duplicates: "Over 1 % of its messages only repeat the one before.",
    late: "Over 1 % of its messages come behind newer ones.",
    missing: "Over 1 % of its messages do not arrive.",
    overload: "It sends more than can be scored here: windows are left out.",
    nonfinite: "A score was too large to be a number: look at the readings.",
    clock: "The clock of its source is over 5 s ahead of the daemon's.",
    rate: "It sends at another rate than its model was trained on.",
    settling: "It has just become ready to be judged, and is settling.",
    alert: "An alert is open.",
    target_supported: "Enough was learnt for the target: it can be armed (armwatch ctl arm).",
    commissioning_full: "No more can be learnt: the room for it is full.",
};

/** The reasons of a robot in sentences. Conditions of the gate come as they are, "mode t1", "$OV_PRO 30": they make one. */
export function reasonsOf(robot) {
    const sentences = [], conditions = [];
    for (const reason of (robot.reasons ?? []).map(String)) {
        if (Object.hasOwn(ROBOT_REASONS, reason))
            sentences.push(ROBOT_REASONS[reason]);
        else if (Object.hasOwn(STATES, reason))
            sentences.push(STATES[reason].text);
        else
            conditions.push(reason);
    }
    if (conditions.length)
        sentences.push("The condition to be judged does not hold: " + conditions.join(", ") + ".");
    return sentences;
}

const DAEMON_REASONS = {
    scorer: ["Scoring makes no progress.", "Nothing is judged. See the daemon's log; restart it if this stays."],
    outbox: ["Messages were dropped or have expired.", "The broker takes too little for too long: look at its load and at the network."],
    refused: ["The broker refuses what the daemon sends.", "Give the daemon the right to write its topics."],
    robots: ["There are robots that nothing watches.", "More than robots.max, or without a model: see the configuration."],
    model: ["A model could not be used, or is older than it should be.", "The one in use before goes on. See the log: armwatch ctl reload."],
    state: ["The daemon's state cannot be saved.", "A restart would forget which models are in use. Look at the state directory and its disk."],
    subscription: ["The broker refuses the subscription.", "Give the daemon the right to read the topics of the samples."],
    leases: ["The store of the fleet's leases does not answer, or another instance has this one's name.", "Partitions are left to others until it does."],
    client_id: ["Another client took the daemon's place at the broker.", "Each needs an mqtt.client_id of its own."],
    no_samples: ["Connected, but no sample has come.", "Do the robots send, to these topics? May the daemon read them? armwatch doctor says what comes."],
    silent: ["More than half of the robots fell silent together.", "Look at what they share: a gateway, a switch, the broker."],
    journal: ["The disk does not take the alerts.", "They are sent, but would not survive a crash. Look at the disk."],
    evidence: ["What alerts rest on cannot be written.", "The alerts themselves are not affected. Look at the disk of the state directory."],
    rollback: ["A new model was rolled back by itself, or should have been.", "Choose one: armwatch ctl status says which and why; reload, or rollback."],
    http: ["The port of this page was taken.", "Something else listens there: see http.listen."],
};

/** What it is, and what to do. */
export function daemonReason(reason) {
    return Object.hasOwn(DAEMON_REASONS, reason) ? DAEMON_REASONS[reason] : [String(reason), "See the daemon's log."];
}

const COUNTERS = {
    empty: "empty", too_large: "too large", malformed: "no valid JSON", no_values: "without values", wrong_count: "wrong number of values",
    missing_channel: "a channel is missing", stale_channel: "a channel is too old", not_a_number: "a value is no number",
    nonfinite: "a value is not finite", bad_time: "bad time", bad_seq: "bad number", bad_mode: "bad mode", bad_binary: "bad binary form",
    out_of_range: "a value that can be no reading",
    gated: "not in the mode to be judged", duplicates: "repeated", late: "too late", missing: "lost on the way", gaps: "pauses in its time",
    restarts: "its clock or numbers began anew", overload: "no room to score", faulty: "a sensor stood still", stopped: "all stood still",
    retained: "kept by the broker: old",
};

export const counterOf = name => Object.hasOwn(COUNTERS, name) ? COUNTERS[name] : String(name).replaceAll("_", " ");

const MODES = {learning: "learning", armed: "armed by what was learnt", idle: "the model's own calibration"};

export const modeOf = name => Object.hasOwn(MODES, name) ? MODES[name] : String(name);

const LEVELS = {
    stable: "Stable: its scores lie where they lay in calibration.",
    moderate: "Moderate: its scores have begun to move away from the calibration.",
    large: "Large: its scores no longer lie where they lay in calibration. Thresholds may be wrong for it now.",
};

export const driftOf = level => Object.hasOwn(LEVELS, level) ? LEVELS[level] : String(level);

const open = robot => Array.isArray(robot.alerts) ? robot.alerts : [];

/** The worst of its open alerts, or null. During maintenance none counts: who suspended it knows. */
export function worstAlert(robot) {
    return (robot.state === "suspended" ? [] : open(robot)).reduce((worst, alert) =>
        worst === null || severityOf(alert.severity).rank < severityOf(worst.severity).rank ? alert : worst, null);
}

/** The lower, the sooner somebody should look. */
export function rankOf(robot) {
    const worst = worstAlert(robot), rank = stateOf(robot.state).rank;
    return worst ? Math.min(rank, severityOf(worst.severity).rank) : rank;
}

/** How a robot is coloured: by its worst open alert, else by its state. */
export function toneOf(robot) {
    const worst = worstAlert(robot);
    if (worst && severityOf(worst.severity).rank <= 1)
        return worst.severity === "critical" ? "critical" : "warning";
    return stateOf(robot.state).tone;
}

/** The word of its state; an alert is as severe as its worst. */
export function wordOf(robot) {
    const worst = robot.state === "alert" ? worstAlert(robot) : null;
    return worst ? severityOf(worst.severity).word : stateOf(robot.state).word;
}

/** The mark of its state; an alert is as severe as its worst. */
export function markOf(robot) {
    return robot.state === "alert" ? worstAlert(robot)?.severity ?? "warning" : robot.state;
}

const LOW_COVERAGE = 0.9;

export const coversLittle = robot => typeof robot.coverage_1h === "number" && robot.coverage_1h < LOW_COVERAGE;
export const LOW_COVERAGE_WORD = "under " + percent(LOW_COVERAGE, 0) + " judged";
