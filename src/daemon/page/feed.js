// Asks the daemon each second, and knows how old its answer is. The browser's clock is not trusted: ages are counted by its
// steady clock from the last answer in which the daemon's time had moved on, and times are the daemon's.

const EACH_MS = 1000;
const EACH_HIDDEN_MS = 5000; // nobody looks; the title of the tab goes on telling
const PATIENCE_MS = 5000;
export const OLD_S = 3; // from then on nothing that is shown is called live
const SLEPT_MS = 3000;

/** GET of JSON: {ok, data} or {ok: false, status, problem}. */
async function ask(path) {
    try {
        const answer = await fetch(path, {cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS)});
        if (!answer.ok)
            return {ok: false, status: answer.status, problem: "The daemon answers with error " + answer.status};
        return {ok: true, data: await answer.json()};
    } catch (error) {
        const problem = error.name === "TimeoutError" ? "The daemon does not answer in time"
            : error.name === "SyntaxError" ? "What answers here is not armwatchd" : "The daemon cannot be reached";
        return {ok: false, status: 0, problem};
    }
}

export class Feed {
    /** `changed(feed)` is called after each answer and each second. `robot` names whose details are asked for, or is null. */
    constructor(changed) {
        this.changed = changed;
        this.robot = null;
        this.overview = null; // the newest answer
        this.details = null; // {name, data} or {name, missing: true}
        this.problem = null;
        this.fresh = false; // what is shown is of now
        this.checking = false; // the page was asleep, or hidden: about to ask
        this.answeredAt = NaN; // on the steady clock
        this.beganAt = performance.now();
        this.round = 0;
        this.lag = Date.now() - performance.now();
        document.addEventListener("visibilitychange", () => this.wake());
        addEventListener("online", () => this.wake());
        addEventListener("pageshow", event => event.persisted && this.wake());
    }

    start() {
        this.poll();
        setInterval(() => this.tick(), EACH_MS);
    }

    /** Seconds since the last answer that was new. */
    get age() {
        return (performance.now() - (Number.isNaN(this.answeredAt) ? this.beganAt : this.answeredAt)) / 1000;
    }

    /** The daemon's time in ms: of the last answer, and of now where that is fresh. */
    get toldMs() {
        return Date.parse(this.overview?.now);
    }

    get nowMs() {
        return this.fresh ? this.toldMs + this.age * 1000 : this.toldMs;
    }

    follow(name) {
        this.robot = name;
        this.details = null;
        if (name !== null)
            this.poll();
    }

    wake() {
        if (document.hidden)
            return;
        if (this.age >= OLD_S)
            this.doubt();
        this.poll();
    }

    /** What is shown may be old, and the answer to that is on its way. */
    doubt() {
        this.checking = true;
        this.judge();
    }

    tick() {
        // A computer that slept has stopped the steady clock: the other one shows that, though not what time it is.
        const lag = Date.now() - performance.now();
        if (lag - this.lag > SLEPT_MS && !Number.isNaN(this.answeredAt))
            this.doubt();
        this.lag = lag;
        if (!document.hidden) // a hidden page is woken seldom: it learns of its age when it has asked, or when it is seen again
            this.judge();
    }

    judge() {
        this.fresh = !this.checking && !Number.isNaN(this.answeredAt) && this.age < (document.hidden ? EACH_HIDDEN_MS / 1000 + OLD_S : OLD_S);
        this.changed(this);
    }

    /** One round of questions; a newer round makes an older one void. */
    async poll() {
        clearTimeout(this.timer);
        const round = ++this.round, name = this.robot, began = performance.now();
        const [overview, robot] = await Promise.all(
            [ask("api/overview"), name === null ? null : ask("api/robot?name=" + encodeURIComponent(name))]);
        if (round !== this.round)
            return;
        this.checking = false;
        this.take(overview, name, robot);
        this.judge();
        const each = document.hidden ? EACH_HIDDEN_MS : EACH_MS;
        this.timer = setTimeout(() => this.poll(), Math.max(EACH_MS / 5, each - (performance.now() - began)));
    }

    /** A round counts as a whole: what is shown is of one moment, or of none. */
    take(overview, name, robot) {
        const gone = robot?.status === 404 || robot?.status === 400; // 400: nothing that a robot can be called
        this.problem = overview.problem ?? (gone ? null : robot?.problem) ?? null;
        if (this.problem)
            return;
        const before = this.overview, now = overview.data;
        if (!Array.isArray(now?.robots) || Number.isNaN(Date.parse(now.now)) || robot && !gone && !robot.data?.robot) {
            this.problem = "What answers here is not armwatchd";
            return;
        }
        this.overview = now;
        this.details = name === null ? null : gone ? {name, missing: true} : {name, data: robot.data};
        // An answer may be kept for a moment, by the daemon or on the way; one that never changes is no sign of life.
        if (before && before.now === now.now && before.uptime_s === now.uptime_s)
            this.problem = "The daemon's time stands still: an old answer is repeated";
        else
            this.answeredAt = performance.now();
    }
}
