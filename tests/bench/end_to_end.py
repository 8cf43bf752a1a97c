#!/usr/bin/env python3
"""armwatchd through a real broker, beside the least that a consumer can do (echo.c) and beside Python (python_peer.py).

Usage: end_to_end.py ARMWATCHD ARMWATCH FLOOD ECHO KUKA_MODEL [--rounds N] [--scale X] [--only PARTS] [--peers NAME;...] [--json]
--peers: of PEERS, such as "python, torch;node": further consumers beside the first ones, in JSON and in the closed loop.
PARTS: letters of cpu, growth, throughput, latency by their first one, such as "ct". --scale: times as many samples.
Rounds are interleaved, figures are medians. Movement is simulated. Absolute figures depend on the machine and on what else
it does: the ratios are the result. A run that lost a sample is said to have.
"""
import argparse, json, os, shutil, statistics, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from footprint import free_port  # noqa: E402
from detectors import simulate, start  # noqa: E402

PYTHON = "/usr/bin/python3"  # Debian's, which has its paho and numpy
RATE_HZ = 2000
LATENCY_RATE_HZ = 1000
ROBOTS = (1, 10, 100, 1000)
WINDOW = 800  # samples without an answer; the broker queues 1000 for each client
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
AUTOENCODER, SET, ECHO, PEER = "armwatchd, autoencoder", "armwatchd, kuka-sim", "echo", "python"
SILENT = "python, paho alone"  # answers nothing, and has no model
HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = {PEER: [PYTHON, f"{HERE}/python_peer.py"],  # each gets MODEL PORT ANSWERS_HZ, or MODEL --check
         "python, torch": [PYTHON, f"{HERE}/python_peer.py", "--engine", "torch"],
         "python, scikit-learn": [PYTHON, f"{HERE}/python_peer.py", "--engine", "sklearn"],
         SILENT: [PYTHON, f"{HERE}/python_peer.py", "--engine", "none"],
         "node": ["node", f"{HERE}/node_peer.js"]}


class Bench:
    def __init__(self, options, work):
        self.options, self.work, self.port = options, work, free_port()
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self.lost = {}  # (part, consumer): samples
        self.alerts = 0

    def start_broker(self):
        path = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin")
        with open(f"{self.work}/mosquitto.conf", "w") as out:
            out.write(f"listener {self.port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n")
        self.broker = subprocess.Popen([path, "-c", f"{self.work}/mosquitto.conf"], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        time.sleep(0.5)

    def make_models(self):
        os.mkdir(f"{self.work}/models")
        shutil.copy(self.options.kuka_model, f"{self.work}/models/kuka-sim.safetensors")
        sessions = [simulate(self.options.armwatch, f"{self.work}/normal-{seed}.npy", seed, 30) for seed in (1, 2, 3)]
        normal = [argument for path, _ in sessions for argument in ("--normal", path)]
        subprocess.run([self.options.armwatch, "train", *normal, "--columns", sessions[0][1], "--detectors", "autoencoder", "--keep-drift",
                        "--adversary", "none", "--epochs", "4", "--simulated", "--out", f"{self.work}/models/autoencoder.safetensors"],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for name in (PEER, *self.options.peers):
            if name != SILENT:
                subprocess.run([*PEERS[name], f"{self.work}/models/autoencoder.safetensors", "--check"], check=True, stdout=sys.stderr)

    def start_daemon(self, model, answers_hz):
        state = tempfile.mkdtemp(dir=self.work)
        config = {"instance": "bench", "mqtt": {"url": self.url}, "models": {"directory": f"{self.work}/models", "default": model},
                  "scores": {"rate_hz": answers_hz}, "state_directory": state, "http": {"listen": "127.0.0.1:0"}, "log": {"level": "error"}}
        with open(f"{self.work}/config.json", "w") as out:
            json.dump(config, out)
        process = start([self.options.armwatchd, "--config", f"{self.work}/config.json"], self.work)
        time.sleep(0.3)  # READY says that it tries to connect
        return process

    def start_consumer(self, name, answers_hz):
        if name in (AUTOENCODER, SET):
            return self.start_daemon("autoencoder" if name == AUTOENCODER else "kuka-sim", answers_hz)
        argv = [self.options.echo, str(self.port), str(answers_hz)] if name == ECHO else \
            [*PEERS[name], f"{self.work}/models/autoencoder.safetensors", str(self.port), str(answers_hz)]
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, env={**os.environ, **ENVIRONMENT}, text=True)
        assert process.stdout.readline() == "ready\n", name
        return process

    def count(self, name, process):
        """Ends the consumer; how many samples it has received."""
        received = 0
        if name in (AUTOENCODER, SET):
            answer = subprocess.run([self.options.armwatch, "ctl", "--broker", self.url, "--instance", "bench", "--json", "status"],
                                    check=True, capture_output=True, text=True).stdout
            status = json.loads(answer)
            status = status.get("result", status)
            received, self.alerts = status["samples"], self.alerts + status["alerts"]
        process.terminate()
        if name not in (AUTOENCODER, SET):
            received = int(process.stdout.read())
        process.wait(timeout=20)
        return received

    def run(self, part, name, samples, answers_hz=0, **options):
        process = self.start_consumer(name, answers_hz)
        flags = [text for key, value in options.items() if value is not False
                 for text in (["--" + key.replace("_", "-")] + ([] if value is True else [str(value)]))]
        try:
            output = subprocess.run([self.options.flood, "--port", str(self.port), "--pid", str(process.pid), "--samples", str(samples), *flags],
                                    check=True, stdout=subprocess.PIPE, text=True, timeout=300).stdout
            figures = json.loads(output)
            received = self.count(name, process)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        if received != figures["sent"]:
            self.lost[f"{part}: {name}"] = self.lost.get(f"{part}: {name}", 0) + figures["sent"] - received
        return figures

    def round(self, parts, scale):
        """One figure for each (part, what, consumer)."""
        got, n = {}, int(6000 * scale)
        for form in ("json", "binary") if "c" in parts else ():
            for name in (AUTOENCODER, ECHO, PEER, SET, *(self.options.peers if form == "json" else ())):
                figures = self.run("cpu", name, n, rate=RATE_HZ, warm_up=1000, format=form)
                got["cpu", form, name] = figures["cpu_us"]
        for robots in ROBOTS if "g" in parts else ():
            figures = self.run("growth", AUTOENCODER, n, rate=RATE_HZ, warm_up=max(1000, 8 * robots), robots=robots)
            got["growth", robots, AUTOENCODER] = figures["cpu_us"]
        for name in (AUTOENCODER, ECHO, PEER, SET, *(name for name in self.options.peers if name != SILENT)) if "t" in parts else ():
            figures = self.run("throughput", name, int((15000 if name in PEERS else 60000) * scale), answers_hz=1000, window=WINDOW, warm_up=1000)
            got["throughput", "per_s", name] = figures["answered_per_s"]
            got["throughput", "cpu_us", name] = figures["cpu_us"]
        for name in (AUTOENCODER, ECHO, PEER, SET) if "l" in parts else ():
            figures = self.run("latency", name, int(4000 * scale), answers_hz=-1, rate=LATENCY_RATE_HZ, warm_up=500, latency=True)
            got["latency", "p50", name], got["latency", "p99", name] = figures["p50_us"], figures["p99_us"]
            if figures["timed"] < figures["measured"]:
                self.lost[f"latency, answers: {name}"] = figures["measured"] - figures["timed"]
        return got


def machine():
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    return {"processor": model, "cores": os.cpu_count(), "load": open("/proc/loadavg").read().split()[:3]}


def ratio(median, key, name, base):
    return median[(*key, name)] / median[(*key, base)]


def goals(median):
    """Number, text, measured ratio, limit, whether it is an upper limit."""
    rows = []
    for form in "json", "binary":
        key = ("cpu", form)
        if (*key, ECHO) in median:
            rows.append((4, f"CPU of a message over echo's, {form}", ratio(median, key, AUTOENCODER, ECHO), 1.5, True))
            rows.append((4, f"CPU of a message over Python's, {form}", ratio(median, key, AUTOENCODER, PEER), 0.25, True))
    if ("cpu", "json", "python, torch") in median:
        rows.append((4, "CPU of a message over torch's, json", ratio(median, ("cpu", "json"), AUTOENCODER, "python, torch"), 1 / 6, True))
    if ("throughput", "per_s", ECHO) in median:
        rows.append((5, "closed-loop throughput over echo's", ratio(median, ("throughput", "per_s"), AUTOENCODER, ECHO), 0.95, False))
    if ("latency", "p50", ECHO) in median:
        rows.append((6, "sample to score, p50 over echo's", ratio(median, ("latency", "p50"), AUTOENCODER, ECHO), 1.15, True))
        rows.append((6, "sample to score, p99 over echo's", ratio(median, ("latency", "p99"), AUTOENCODER, ECHO), 2, True))
    for robots in ROBOTS[1:]:
        if ("growth", robots, AUTOENCODER) in median:
            rows.append((10, f"CPU of a message, {robots} robots over 1",
                         median["growth", robots, AUTOENCODER] / median["growth", 1, AUTOENCODER], 1.3, True))
    return rows


TITLES = {("cpu", "json"): f"CPU us/message, JSON, {RATE_HZ}/s", ("cpu", "binary"): f"CPU us/message, binary, {RATE_HZ}/s",
          ("throughput", "per_s"): "closed loop, messages/s, JSON", ("throughput", "cpu_us"): "  CPU us/message meanwhile",
          ("latency", "p50"): f"sample to answer, p50 us, {LATENCY_RATE_HZ}/s", ("latency", "p99"): "  p99 us"}


def print_table(bench, rounds, median, before, after):
    consumers = (AUTOENCODER, SET, ECHO, PEER, *bench.options.peers)
    print(f"{before['processor']}, {before['cores']} cores; load before {' '.join(before['load'])}, after {' '.join(after['load'])}; "
          f"{rounds} interleaved rounds, medians; simulated movement, 86 values")
    print("model autoencoder: one detector, 430-64-32-64-430, the same weights in armwatchd and python; kuka-sim: four detectors\n")
    print(f"{'':36}" + "".join(f"{name:>24}" for name in consumers))
    for key, title in TITLES.items():
        if (*key, ECHO) in median:
            cells = [f"{median[(*key, name)]:.1f} ({ratio(median, key, name, ECHO):.2f} of echo)" for name in consumers if (*key, name) in median]
            print(f"{title:36}" + "".join(f"{cell:>24}" for cell in cells))
    for robots in ROBOTS:
        if ("growth", robots, AUTOENCODER) in median:
            print(f"{f'CPU us/message, JSON, {robots} robots':36}{median['growth', robots, AUTOENCODER]:24.1f}")
    print()
    for number, text, value, limit, upper in goals(median):
        met = "met" if (value <= limit if upper else value >= limit) else "NOT met"
        print(f"goal {number:2}  {text:46}{value:8.2f}   {'at most' if upper else 'at least'} {limit:<6} {met}")
    print("lost: " + (", ".join(f"{what} {count}" for what, count in bench.lost.items()) or "nothing") + f"; alerts meanwhile: {bench.alerts}")


def read_options():
    parser = argparse.ArgumentParser()
    for name in "armwatchd", "armwatch", "flood", "echo", "kuka_model":
        parser.add_argument(name)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--only", default="cgtl")
    parser.add_argument("--peers", default="", help="of " + ";".join(PEERS))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    options.peers = [name for name in options.peers.split(";") if name]
    if not set(options.peers) <= set(PEERS):
        parser.error("--peers: of " + ";".join(PEERS))
    return options


def main():
    options = read_options()
    work = tempfile.mkdtemp(prefix="armwatch-end-to-end-")
    bench = Bench(options, work)
    before = machine()
    os.environ.update(ENVIRONMENT)
    try:
        bench.make_models()
        bench.start_broker()
        rounds = []
        for n in range(options.rounds):
            rounds.append(bench.round(options.only, options.scale))
            print(f"round {n + 1} of {options.rounds}, load {machine()['load'][0]}", file=sys.stderr, flush=True)
    finally:
        if hasattr(bench, "broker"):
            bench.broker.terminate()
            bench.broker.wait(timeout=10)
        shutil.rmtree(work)
    median = {key: statistics.median(got[key] for got in rounds) for key in rounds[0]}
    after = machine()
    if options.json:
        flat = {" / ".join(map(str, key)): {"median": value, "rounds": [got[key] for got in rounds]} for key, value in median.items()}
        print(json.dumps({"machine": before, "load_after": after["load"], "rounds": options.rounds, "figures": flat, "lost": bench.lost,
                          "goals": [dict(zip(("goal", "what", "value", "limit", "upper"), goal)) for goal in goals(median)]}, indent=1))
    else:
        print_table(bench, options.rounds, median, before, after)


if __name__ == "__main__":
    main()
