// Wires it together: what was heard, where one is, what is told in the header, in notices and aloud.
import {Keyed, make, quoted, say, set, show} from "./dom.js";
import {Feed} from "./feed.js";
import * as format from "./format.js";
import {mark, setMark} from "./marks.js";
import {Overview} from "./overview.js";
import {RobotView} from "./robot.js";
import * as words from "./words.js";

const byId = id => document.getElementById(id);
const root = document.documentElement;
const overview = new Overview(byId("overview")), robotView = new RobotView(byId("robot"));
const feed = new Feed(update);
const WALL = root.dataset.mode === "wall";

// ---- where one is

let route = null, left = {scroll: 0, robot: null};

function routeNow() {
    const match = /^#robot\/(.+)$/.exec(location.hash);
    try {
        return match ? decodeURIComponent(match[1]) : null;
    } catch {
        return null; // a percent sign that begins nothing
    }
}

/** The focus goes with the view: to its heading, or back to the link that one came from. */
function go(first) {
    const name = routeNow();
    if (!first && name === route)
        return;
    if (route === null && !first)
        left = {scroll: scrollY, robot: name};
    route = name;
    feed.follow(name);
    if (name !== null)
        robotView.follow(name);
    update(feed);
    if (first)
        return;
    if (name !== null) {
        scrollTo(0, 0);
        robotView.title.focus({preventScroll: true});
    } else {
        scrollTo(0, left.scroll);
        (overview.linkOf(left.robot) ?? overview.title).focus({preventScroll: true});
    }
}

// ---- notices

const banners = new Keyed(byId("banners"), banner => banner.key, makeBanner, updateBanner);

function makeBanner({tone, shape}) {
    const node = make("div", {class: "banner", "data-tone": tone}, mark(shape), make("strong"), make("span"));
    return node;
}

function updateBanner(node, {title, text}) {
    say(node.children[1], title);
    if (node.children[2].textContent !== text)
        node.children[2].replaceChildren(quoted(text));
}

let loadedVersion = null;

function bannersOf({overview: told, fresh, checking, problem, age, toldMs}) {
    const list = [];
    if (!fresh && told) {
        list.push({key: "lost", tone: "lost", shape: "lost", title: checking ? "Not live" : "Not live for " + format.duration(age),
            text: (checking ? "This page was asleep and is asking again. " : (problem ?? "The daemon does not answer") + ". ") +
                "Everything below is as it was at " + format.clock(toldMs) + ", and may no longer be true."});
    }
    if (!told)
        return list;
    if (told.broker && !told.broker.connected)
        list.push({key: "broker", tone: "lost", shape: "stale", title: "No broker",
            text: "armwatchd has no connection to " + (told.broker.url || "its broker") + (told.broker.reason ? " (" + told.broker.reason + ")" : "") +
                ": no samples come, and nothing is judged."});
    loadedVersion ??= told.version;
    if (told.version !== loadedVersion)
        list.push({key: "version", tone: "aside", shape: "info", title: "armwatchd is version " + told.version + " now.",
            text: "This page is of " + loadedVersion + ": load it anew."});
    for (const reason of (told.reasons ?? []).filter(reason => reason !== "broker")) {
        const [what, todo] = words.daemonReason(reason);
        list.push({key: "reason " + reason, tone: "caution", shape: "degraded", title: what, text: todo});
    }
    if (told.state !== "online" && !(told.reasons ?? []).length)
        list.push({key: "state", tone: "caution", shape: "degraded", title: "armwatchd is " + told.state + ".", text: ""});
    return list;
}

// ---- the header and the footer

const health = new Keyed(byId("health"), item => item.key, () => make("li", {}, mark("ok"), make("span")), (node, {shape, tone, text}) => {
    setMark(node.firstChild, shape);
    set(node, "data-tone", tone);
    say(node.lastChild, text);
});
const live = byId("live"), liveMark = mark("ok"), liveWord = make("span", {class: "word"}), liveClock = make("time");
live.append(liveMark, liveWord, liveClock);

function tellHeader({overview: told, fresh}) {
    say(byId("instance"), told.instance ?? "");
    const connected = Boolean(told.broker?.connected), online = told.state === "online";
    health.show(!fresh ? [{key: "daemon", shape: "lost", tone: "lost", text: "Daemon not reached"}] : [
        {key: "daemon", shape: online ? "ok" : "degraded", tone: online ? "ok" : "caution", text: online ? "Daemon online" : "Daemon " + told.state},
        {key: "broker", shape: connected ? "ok" : "lost", tone: connected ? "ok" : "lost", text: connected ? "Broker connected" : "No broker"}]);
    setMark(liveMark, fresh ? "ok" : "lost");
    set(live, "data-tone", fresh ? "ok" : "lost");
    say(liveWord, fresh ? "Live" : "Not live since");
    format.setTime(liveClock, fresh ? new Date(feed.nowMs).toISOString() : told.now, feed.nowMs);
}

const foot = {counters: make("p"), about: make("p")};
byId("foot").append(foot.counters, foot.about, make("p", {class: "links"},
    ...(WALL ? [make("a", {href: "./"}, "Desk view")] : [make("a", {href: "?wall"}, "Wall display")]), " ", make("a", {href: "metrics"}, "Metrics")));

function tellFooter({overview: {counters = {}, version, uptime_s: uptime, robots}}) {
    const count = (value, word) => format.grouped(value) + " " + word;
    say(foot.counters, [count(robots.length, robots.length === 1 ? "robot" : "robots"), count(counters.samples, "samples"), count(counters.rejected, "refused"),
        count(counters.windows, "windows scored"), count(counters.alerts, "alerts")].join(" · "));
    say(foot.about, "armwatch " + version + ", up " + format.duration(uptime) + ". A monitor for maintenance, no safety function.");
}

/** The tab says it, too. */
function tellTab({overview: told, fresh}) {
    const alerts = told.robots.filter(robot => words.rankOf(robot) <= 1).length;
    const lead = !fresh ? "Not live: " : alerts ? `(${alerts}) alert: ` : "";
    const title = lead + (route ?? told.instance) + " – armwatch";
    if (document.title !== title)
        document.title = title;
    set(document.querySelector("link[rel=icon]"), "href", !fresh ? "icon-lost.svg" : alerts ? "icon-alert.svg" : "icon.svg");
}

// ---- aloud: what is new, politely

let heard = null, wasFresh = null;

function announce({overview: told, fresh}) {
    const now = new Map();
    for (const robot of told.robots.filter(words.worstAlert)) {
        for (const alert of robot.alerts ?? [])
            now.set(alert.alert_id + alert.severity, `${words.severityOf(alert.severity).word}, ${robot.robot}: ${alert.text || words.kindOf(alert.kind)}`);
    }
    const aloud = [];
    if (wasFresh !== null && fresh !== wasFresh)
        aloud.push(fresh ? "Live again." : "Not live: the daemon does not answer.");
    if (heard !== null) {
        const arisen = [...now].filter(([key]) => !heard.has(key)).map(([, text]) => text);
        aloud.push(...arisen.slice(0, 3), ...(arisen.length > 3 ? [`and ${arisen.length - 3} more new alerts`] : []));
        if (heard.size && !now.size)
            aloud.push("No alert is open any more.");
    }
    [heard, wasFresh] = [now, fresh];
    if (aloud.length)
        byId("announcer").replaceChildren(...aloud.map(text => make("span", {}, quoted(text + " "))));
}

// ---- all of it

function update() {
    const known = feed.overview !== null;
    show(byId("waiting"), !known);
    show(byId("overview"), known && route === null);
    show(byId("robot"), known && route !== null);
    set(root, "data-live", known ? feed.fresh ? "yes" : "no" : null);
    banners.show(bannersOf(feed));
    if (!known) {
        say(byId("waiting"), feed.problem ? feed.problem + ". Is it running? The page asks again each second." : "Asking armwatchd …");
        return;
    }
    tellHeader(feed);
    tellFooter(feed);
    tellTab(feed);
    announce(feed);
    if (route === null)
        overview.update(feed);
    else
        robotView.update(feed);
}

addEventListener("hashchange", () => go(false));
addEventListener("keydown", event => {
    if (event.key === "/" && route === null && !/^(INPUT|TEXTAREA)$/.test(document.activeElement?.tagName) && !event.ctrlKey && !event.metaKey) {
        event.preventDefault();
        overview.search.focus();
    }
});
document.querySelector(".skip").addEventListener("click", event => {
    event.preventDefault(); // the hash is the route
    byId("main").focus();
});
addEventListener("resize", () => overview.again());
go(true);
feed.start();
