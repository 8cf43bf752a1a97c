#!/usr/bin/env python3
"""Time and memory of `armwatch train` beside PyTorch's on the same work, in the same run.

Usage: training.py ARMWATCH [--epochs N] [--rounds N] [--rows N] [--recording FILE.npy --columns FILE.npy] [--json]

Without a recording one is simulated. Both programs train the deep autoencoder on windows of 5 rows, against the stable adversary with
its twin and without both, the same number of windows, batches and epochs, each on one thread of the same processor core, one after the
other. The time of a step is an epoch's processor time over its batches, the judging of what was held out among it: what two runs of
armwatch with one epoch and with all of them differ by, and what PyTorch's process needed for the same epochs. Whole processes, from
reading the recording on, have armwatch's calibration and PyTorch's import in them. With under 10 epochs the adversary has no warm-up, so
that every batch holds all of the work.
"""
import argparse, json, os, statistics, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rows import Output  # noqa: E402

TORCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "train_torch.py")
KINDS = {"stable": "AE2, adversary and twin", "none": "AE2 alone"}
LIMIT = 0.5


def measure(argv, core):
    """Runs a program on one core; its stdout as JSON, and what it took."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    began = time.monotonic()
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True,
                          preexec_fn=lambda: os.sched_setaffinity(0, {core})) as process:
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(argv)} ended with {process.returncode}")
    return json.loads(output), {"wall_s": time.monotonic() - began, "cpu_s": usage.ru_utime + usage.ru_stime,
                                "peak_mib": usage.ru_maxrss / 1024}


def train_ours(args, kind, epochs, directory):
    ramp = ["--adversary-warmup", str(min(3, epochs // 10)), "--adversary-ramp", str(min(3, epochs // 10))] if kind == "stable" else []
    config, took = measure(
        [args.armwatch, "train", "--normal", args.recording, "--columns", args.columns, "--keep-drift", "--detectors", "autoencoder",
         "--epochs", str(epochs), "--adversary", kind, *ramp, "--out", os.path.join(directory, "bench.safetensors"), "--json"], args.core)
    return config["detectors"][0]["training"], took


def train(args, kind, directory):
    """armwatch first: how its recording is split, and when it stops, is PyTorch's task then."""
    _, short = train_ours(args, kind, 1, directory)
    training, ours = train_ours(args, kind, args.epochs, directory)
    epochs = len(training["epochs"])
    ramp = str(min(3, epochs // 10))
    torch, theirs = measure(
        ["/usr/bin/python3", TORCH, args.recording, "--windows", str(int(training["windows"])), "--adversary", kind,
         "--held-out", str(int(training["held_out_windows"])), "--epochs", str(epochs), "--warmup", ramp, "--ramp", ramp], args.core)
    steps = torch["batches"] * (epochs - 1)
    ours["step_ms"] = (ours["cpu_s"] - short["cpu_s"]) / steps * 1e3
    theirs["step_ms"] = sum(epoch["seconds"] for epoch in torch["epochs"][1:]) / steps * 1e3
    return {"training": training, "torch": torch, "ours": ours, "theirs": theirs}


def report(output, kind, rounds):
    last = rounds[-1]
    training, torch = last["training"], last["torch"]
    output.note(f"{KINDS[kind]}: {training['windows']:.0f} windows in {torch['batches']} batches, {training['held_out_windows']:.0f} held out, "
                f"{len(training['epochs'])} epochs; loss held out at the end: armwatch {training['epochs'][-1]['held_out_loss']:.4g}, "
                f"PyTorch {torch['epochs'][-1]['held_out_loss']:.4g}")
    peer = f"PyTorch {torch['torch']}"
    for key, text, unit in (("step_ms", "a step", "ms"), ("cpu_s", "whole process", "s"), ("peak_mib", "peak memory", "MiB")):
        ours, theirs = (statistics.median(r[side][key] for r in rounds) for side in ("ours", "theirs"))
        goal = {"goal": 9, "limit": LIMIT} if key == "step_ms" else {}
        output.row(f"training, {KINDS[kind]}: {text}", ours, unit, peer, theirs, **goal)


def read_options():
    parser = argparse.ArgumentParser(prog="./run bench training", description=__doc__.splitlines()[0])
    parser.add_argument("armwatch")
    parser.add_argument("--epochs", type=int, default=4, help="2 at least (default 4)")
    parser.add_argument("--rounds", type=int, default=3, help="alternations of the two (default 3)")
    parser.add_argument("--rows", type=int, default=30000, help="of the simulated recording (default 30000; the full size is 233792)")
    parser.add_argument("--recording", metavar="FILE", help=".npy (default: a simulated one)")
    parser.add_argument("--columns", metavar="FILE", help="names of its channels, .npy")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.recording and not args.columns:
        parser.error("--recording needs --columns")
    if args.epochs < 2:
        parser.error("--epochs: 2 at least")
    args.core = max(os.sched_getaffinity(0))
    return args


def main():
    args = read_options()
    output = Output("training")
    with tempfile.TemporaryDirectory() as directory:
        if not args.recording:
            args.recording, args.columns = os.path.join(directory, "normal.npy"), os.path.join(directory, "columns.npy")
            subprocess.run([args.armwatch, "simulate", "--rows", str(args.rows), "--out", args.recording, "--columns-out",
                            args.columns], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            output.note(f"simulated, {args.rows} rows of 86 channels; median of {args.rounds}; one thread on one core")
        rounds = {kind: [] for kind in KINDS}
        for _ in range(args.rounds):
            for kind in KINDS:
                rounds[kind].append(train(args, kind, directory))
    for kind in KINDS:
        report(output, kind, rounds[kind])
    output.print(args.json)


main()
