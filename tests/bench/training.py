#!/usr/bin/env python3
"""Time and memory of `armwatch train` beside PyTorch's on the same work, in the same run.

Usage: training.py ARMWATCH [--epochs N] [--rounds N] [--recording FILE.npy --columns FILE.npy]

Without a recording one of the full size is simulated: 233,792 rows of 86 channels. Both programs train the deep
autoencoder on windows of 5 rows against the stable adversary with its twin, the same number of windows, batches and
epochs, each on one thread of the same processor core, one after the other. Whole processes are measured, from reading
the recording on: armwatch's calibration and PyTorch's import are in them. With under 10 epochs the adversary has no
warm-up, so that every batch holds all of the work.
"""
import argparse, json, os, statistics, subprocess, sys, tempfile, time

ROWS = 233792
TORCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "train_torch.py")


def measure(argv, core):
    """Runs a program on one core; its stdout as JSON, and what it took."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    began = time.monotonic()
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env=environment, text=True,
                          preexec_fn=lambda: os.sched_setaffinity(0, {core})) as process:
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{argv[0]} ended with {process.returncode}")
    return json.loads(output), {"wall_s": time.monotonic() - began, "cpu_s": usage.ru_utime + usage.ru_stime,
                                "peak_mib": usage.ru_maxrss / 1024}


def train(armwatch, recording, columns, args, directory, core):
    """armwatch first: how its recording is split, and when it stops, is PyTorch's task then."""
    ramp = str(min(3, args.epochs // 10))
    config, ours = measure(
        [armwatch, "train", "--normal", recording, "--columns", columns, "--keep-drift",
         "--epochs", str(args.epochs), "--adversary-warmup", ramp, "--adversary-ramp", ramp,
         "--out", os.path.join(directory, "bench.safetensors"), "--json"], core)
    training = config["detectors"][0]["training"]
    epochs = len(training["epochs"])
    torch, theirs = measure(
        ["/usr/bin/python3", TORCH, recording, "--windows", str(int(training["windows"])),
         "--held-out", str(int(training["held_out_windows"])), "--epochs", str(epochs), "--warmup", ramp,
         "--ramp", ramp], core)
    return training, torch, epochs, ours, theirs


def main():
    parser = argparse.ArgumentParser(prog="./run bench training", description=__doc__.splitlines()[0])
    parser.add_argument("armwatch")
    parser.add_argument("--epochs", type=int, default=30, help="(default 30)")
    parser.add_argument("--rounds", type=int, default=1, help="alternations of the two (default 1)")
    parser.add_argument("--recording", metavar="FILE", help=".npy (default: a simulated one of the full size)")
    parser.add_argument("--columns", metavar="FILE", help="names of its channels, .npy")
    args = parser.parse_args()
    if args.recording and not args.columns:
        parser.error("--recording needs --columns")
    core = max(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as directory:
        recording, columns = args.recording, args.columns
        if not recording:
            recording, columns = os.path.join(directory, "normal.npy"), os.path.join(directory, "columns.npy")
            subprocess.run([args.armwatch, "simulate", "--rows", str(ROWS), "--out", recording, "--columns-out",
                            columns], check=True, stdout=subprocess.DEVNULL)
        rounds = [train(args.armwatch, recording, columns, args, directory, core) for _ in range(args.rounds)]
    training, torch, epochs = rounds[-1][:3]
    print(f"{training['windows']:.0f} windows in {torch['batches']} batches, {training['held_out_windows']:.0f} held "
          f"out, {epochs} epochs; PyTorch {torch['torch']}; core {core}; median of {args.rounds}")
    print(f"loss held out, last epoch: armwatch {training['epochs'][-1]['held_out_loss']:.4g}, "
          f"PyTorch {torch['epochs'][-1]['held_out_loss']:.4g}")
    print(f"{'':26}{'armwatch':>12}{'PyTorch':>12}{'ratio':>8}")
    for key, text, per in (("wall_s", "time, s", 1), ("cpu_s", "processor time, s", 1),
                           ("cpu_s", "the same per epoch, s", epochs), ("peak_mib", "peak memory, MiB", 1)):
        ours, theirs = (statistics.median(r[side][key] for r in rounds) / per for side in (3, 4))
        print(f"{text:26}{ours:12.2f}{theirs:12.2f}{ours / theirs:8.2f}")


main()
