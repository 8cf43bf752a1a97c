#!/usr/bin/env python3
"""Where the time of a saturated daemon goes: perf over the closed loop of end_to_end.py, by thread and stage.

Usage: profile.py ARMWATCHD ARMWATCH FLOOD ECHO KUKA_MODEL [--samples N] [--model autoencoder|kuka-sim] [--json]
Needs linux-perf and its permission to sample other processes. Movement is simulated. A stage is told by the innermost
function, in the kernel by the system call.
"""
import argparse, collections, json, os, re, shutil, subprocess, sys, tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import end_to_end  # noqa: E402

SYSTEM_CALLS = [(r"read|recv", "receive: MQTT, socket"), (r"futex|epoll|schedule|poll", "wake and wait"), (r"write|send", "publish, wake")]
# of the innermost function: pattern, stage
FUNCTIONS = [
    (r"^tile_|^sgemm|^sgemv|^rectify|^add_bias|^forward|^mlp_|^vector_sigmoid|^dense_", "network"),
    (r"^features_|^apply_|^sum_errors|^reconstruction_|^autoencoder_|^scaler_|^analog_|^add_candidates|^find_sums|^find_bound|^measure|^lower_bound|^judge$|^nearest|^knn_|^step_time|^cycle_|^grouped|^score_", "detectors beside the network"),
    (r"^take_|^sample_|^is_exact|^judge_gate|^skip_space|^name_table", "reading the sample"),
    (r"^track_|^flat_|^deriver_|^derivation_|^history_|^model_find|^find_groups|^counts|^is_moving|^begin", "row, standstill, derived channels"),
    (r"^stability|^block_means|^rate_|^evidence_|^latency_", "drift, rate, evidence"),
    (r"^ring_|^run_batch|^scorer_|^drain|^turn|^put_|^signal_loop|^wake_now", "rings"),
    (r"^on_result|^alert_|^trigger_|^publisher|^message_|^text_|^decimal_|^robot_|^episode|^cJSON|^print_|^ensure", "result, alert, messages"),
]


def stage(thread, frames):
    """frames: (function, object), the innermost first."""
    function, dso = frames[0]
    if "vdso" in dso:
        return "clock"
    if "kernel" in dso or dso.startswith("["):
        for pattern, name in SYSTEM_CALLS:
            if any(re.search(r"^(__x64_sys_|ksys_|do_|vfs_|sock_|__sys_|ep_)?\w*(" + pattern + ")", outer) for outer, _ in frames):
                return name
        return "other of the kernel"
    if "libmosquitto" in dso or function in ("read", "__libc_read"):
        return "receive: MQTT, socket"
    if "libopenblas" in dso:
        return "network"
    if "libcjson" in dso:
        return "result, alert, messages"
    if "libc.so" in dso:
        return "C library: memory, strings, calls" if thread != "scorer" else "C library (scorer)"
    for pattern, name in FUNCTIONS:
        if re.search(pattern, function):
            return name
    return "other of armwatchd" if "armwatchd" in dso else "other libraries"


def read_samples(path):
    text = subprocess.run(["perf", "script", "-i", path, "-F", "comm,ip,sym,dso"], capture_output=True, text=True, check=True).stdout
    counts = collections.Counter()
    for block in text.split("\n\n"):
        lines = [line for line in block.split("\n") if line.strip()]
        if len(lines) < 2:
            continue
        thread = lines[0].split(":")[0].strip()
        frames = []
        for line in lines[1:]:
            found = re.match(r"^\s*[0-9a-f]+ (.*) \((.*)\)$", line)
            if found:
                frames.append((found[1].split("+")[0], os.path.basename(found[2])))
        if frames:
            counts["scorer" if thread == "scorer" else "loop" if thread == "armwatchd" else "others", stage(thread, frames)] += 1
    return counts


def main():
    parser = argparse.ArgumentParser()
    for name in "armwatchd", "armwatch", "flood", "echo", "kuka_model":
        parser.add_argument(name)
    parser.add_argument("--samples", type=int, default=200000)
    parser.add_argument("--model", choices=("autoencoder", "kuka-sim"), default="autoencoder")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    options.peers = []
    if not shutil.which("perf"):
        print("skipped: perf is not installed (Debian: linux-perf)")
        return 77
    work = tempfile.mkdtemp(prefix="armwatch-profile-")
    bench = end_to_end.Bench(options, work)
    os.environ.update(end_to_end.ENVIRONMENT)
    try:
        bench.make_models()
        bench.start_broker()
        daemon = bench.start_daemon(options.model, 1000)
        perf = subprocess.Popen(["perf", "record", "-q", "-e", "cpu-clock", "-F", "3000", "-g", "-o", f"{work}/perf.data", "-p", str(daemon.pid)],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        figures = json.loads(subprocess.run([options.flood, "--port", str(bench.port), "--pid", str(daemon.pid), "--samples", str(options.samples),
                                             "--window", str(end_to_end.WINDOW), "--warm-up", "2000"], check=True, stdout=subprocess.PIPE, text=True).stdout)
        daemon.terminate()
        daemon.wait(timeout=20)
        perf.wait(timeout=60)
        counts = read_samples(f"{work}/perf.data")
    finally:
        if hasattr(bench, "broker"):
            bench.broker.terminate()
            bench.broker.wait(timeout=10)
        shutil.rmtree(work)
    total = sum(counts.values())
    rows = [{"thread": thread, "stage": name, "share": count / total} for (thread, name), count in counts.most_common()]
    if options.json:
        print(json.dumps({"messages_per_s": figures["answered_per_s"], "cpu_us": figures["cpu_us"], "samples": total, "rows": rows}, indent=1))
        return 0
    print(f"saturated by one broker, {figures['answered_per_s']:.0f} messages/s, {figures['cpu_us']:.1f} us of processor time each; "
          f"{total} samples of perf; model {options.model}; simulated movement, 86 values")
    for row in rows:
        if row["share"] >= 0.004:
            print(f"{row['thread']:8}{row['stage']:40}{100 * row['share']:6.1f} %{row['share'] * figures['cpu_us']:8.2f} us")
    return 0


if __name__ == "__main__":
    sys.exit(main())
