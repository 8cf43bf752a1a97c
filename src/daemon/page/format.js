// Numbers, durations and times as people read them. Local time is shown, UTC stands in the title.

const THIN = "\u2009"; // between thousands
const SPACE = "\u00a0"; // between a number and its unit
export const NOTHING = "–";

const isNumber = value => typeof value === "number" && Number.isFinite(value);

export function grouped(value) {
    if (!isNumber(value))
        return NOTHING;
    return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, THIN);
}

/** A measured value: four digits, and never more than fit into a cell. */
export function measured(value) {
    if (!isNumber(value))
        return NOTHING;
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-3 || size >= 1e6))
        return value.toExponential(2).replace("e+", "e").replace("-", "−");
    return String(Number(value.toPrecision(size >= 1000 ? 6 : 4))).replace("-", "−");
}

/** A score: 1 is the limit. */
export function score(value) {
    if (!isNumber(value))
        return NOTHING;
    if (value < 0.01)
        return value > 0 ? "<" + THIN + "0.01" : "0";
    if (value < 10)
        return value.toFixed(2);
    return value < 100 ? value.toFixed(1) : value < 1e5 ? grouped(value) : value.toExponential(1).replace("e+", "e");
}

export function percent(share, digits = 1) {
    if (!isNumber(share))
        return NOTHING;
    // 99.97 % is not 100: what was not looked at is not rounded away.
    const scale = 10 ** digits;
    const value = share < 1 ? Math.min(Math.round(share * 100 * scale) / scale, 100 - 1 / scale) : 100;
    return value.toFixed(value === 100 ? 0 : digits) + SPACE + "%";
}

export function rate(hz) {
    if (!isNumber(hz))
        return NOTHING;
    return (hz >= 9.95 ? grouped(hz) : hz.toFixed(hz < 1 ? 2 : 1)) + SPACE + "Hz";
}

export function bare(value) {
    return isNumber(value) ? String(Number(value.toPrecision(3))) : NOTHING;
}

/** 4 s, 3 min 20 s, 2 h 05 min, 3 d 4 h. */
export function duration(seconds) {
    if (!isNumber(seconds))
        return NOTHING;
    const s = Math.max(0, Math.floor(seconds)), m = Math.floor(s / 60), h = Math.floor(m / 60);
    const two = value => String(value).padStart(2, "0");
    if (s < 60)
        return s + SPACE + "s";
    if (h < 1)
        return m + SPACE + "min" + SPACE + two(s % 60) + SPACE + "s";
    if (h < 48)
        return h + SPACE + "h" + SPACE + two(m % 60) + SPACE + "min";
    return Math.floor(h / 24) + SPACE + "d" + SPACE + h % 24 + SPACE + "h";
}

/** A short one: an event of under ten seconds keeps its tenths. */
export function span(seconds) {
    return isNumber(seconds) && seconds >= 0 && seconds < 10 ? seconds.toFixed(1) + SPACE + "s" : duration(seconds);
}

/** Age of a sample, calm: what is fresh does not flicker. */
export function age(seconds) {
    if (!isNumber(seconds))
        return NOTHING;
    return seconds < 1 ? "<" + SPACE + "1" + SPACE + "s" : duration(seconds);
}

/** Milliseconds of RFC 3339 or of Unix seconds; NaN for what is neither. */
export function instant(value) {
    return isNumber(value) ? value * 1000 : typeof value === "string" ? Date.parse(value) : NaN;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const two = value => String(value).padStart(2, "0");

export function clock(ms, seconds = true) {
    const time = new Date(ms);
    return two(time.getHours()) + ":" + two(time.getMinutes()) + (seconds ? ":" + two(time.getSeconds()) : "");
}

export function utc(ms) {
    return new Date(ms).toISOString().replace("T", " ").replace(/\.\d+Z$/, " UTC");
}

/** Local time, with the day where it is not the server's today. */
export function when(value, nowMs) {
    const ms = instant(value);
    if (Number.isNaN(ms))
        return NOTHING;
    const day = new Date(ms), today = new Date(nowMs);
    if (day.toDateString() === today.toDateString())
        return clock(ms);
    const year = day.getFullYear() === today.getFullYear() ? "" : " " + day.getFullYear();
    return day.getDate() + " " + MONTHS[day.getMonth()] + year + " " + clock(ms);
}

/** Seconds from a time of the daemon's until its now; NaN where the time lies ahead by more than a moment. */
export function since(value, nowMs) {
    const seconds = (nowMs - instant(value)) / 1000;
    return seconds < -5 ? NaN : Math.max(0, seconds);
}

/** A <time> that is updated in place. */
export function setTime(node, value, nowMs) {
    const ms = instant(value), known = !Number.isNaN(ms);
    const text = when(value, nowMs);
    if (node.textContent !== text)
        node.textContent = text;
    const machine = known ? new Date(ms).toISOString() : "";
    if (node.dateTime !== machine) {
        node.dateTime = machine;
        node.title = known ? utc(ms) : "";
    }
}
