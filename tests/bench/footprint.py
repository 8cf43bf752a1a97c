#!/usr/bin/env python3
"""Start time, memory and idle CPU of armwatchd beside a program that only links the same libraries.

Usage: footprint.py ARMWATCHD LINKS_ONLY MODEL [ROUNDS] [IDLE_SECONDS]
Rounds are interleaved; figures are medians. Absolute times depend on the machine: the ratios are the result.
"""
import json, os, shutil, signal, socket, statistics, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cell import cpu_s, free_port, status_kib  # noqa: E402


def measure(argv, directory, environment, idle_s):
    """Starts a program, waits for READY=1, lets it idle, ends it by its pid."""
    path = os.path.join(directory, "notify")
    if os.path.exists(path):
        os.unlink(path)
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(path)
    notify.settimeout(20)
    begun = time.monotonic()
    process = subprocess.Popen(argv, env={**os.environ, **environment, "NOTIFY_SOCKET": path},
                               stderr=subprocess.DEVNULL)
    try:
        while b"READY=1" not in notify.recv(4096):
            pass
        ready_ms = (time.monotonic() - begun) * 1e3
        time.sleep(1)
        before = cpu_s(process.pid)
        time.sleep(idle_s)
        return {"start_ms": ready_ms, "idle_cpu_percent": (cpu_s(process.pid) - before) / idle_s * 100,
                "anonymous_kib": status_kib(process.pid, "RssAnon"),
                "resident_kib": status_kib(process.pid, "VmRSS")}
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=10)
        notify.close()


def main():
    daemon, links_only, model = sys.argv[1:4]
    rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 7
    idle_s = float(sys.argv[5]) if len(sys.argv) > 5 else 5
    broker_path = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin")
    with tempfile.TemporaryDirectory() as directory:
        port = free_port()
        os.mkdir(f"{directory}/models")
        shutil.copy(model, f"{directory}/models/bench.safetensors")
        with open(f"{directory}/broker.conf", "w") as f:
            f.write(f"listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n")
        with open(f"{directory}/armwatchd.json", "w") as f:
            json.dump({"mqtt": {"url": f"mqtt://127.0.0.1:{port}"}, "state_directory": "state", "http": {"listen": "127.0.0.1:0"},
                       "models": {"directory": "models", "default": "bench"}}, f)
        broker = subprocess.Popen([broker_path, "-c", f"{directory}/broker.conf"],
                                  stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        time.sleep(0.5)
        environment = {"ARMWATCH_BENCH_PORT": str(port), "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
        sides = {"armwatchd": [daemon, "--config", f"{directory}/armwatchd.json"],
                 "libraries alone": [links_only]}
        figures = {name: [] for name in sides}
        try:
            for _ in range(rounds):
                for name, argv in sides.items():
                    figures[name].append(measure(argv, directory, environment, idle_s))
        finally:
            broker.terminate()
            broker.wait(timeout=10)
    print(f"{'median of ' + str(rounds) + ' interleaved rounds':34}{'armwatchd':>12}{'libraries':>12}{'ratio':>8}")
    for key, text in (("start_ms", "start to READY, ms"), ("idle_cpu_percent", "idle CPU, % of a core"),
                      ("anonymous_kib", "anonymous memory, KiB"), ("resident_kib", "resident memory, KiB")):
        ours, theirs = (statistics.median(f[key] for f in figures[name]) for name in sides)
        ratio = f"{ours / theirs:8.2f}" if theirs else "       -"
        print(f"{text:34}{ours:12.3f}{theirs:12.3f}{ratio}")


if __name__ == "__main__":
    main()
