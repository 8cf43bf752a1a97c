#!/usr/bin/env python3
"""test_python.py ARMWATCH ARMWATCHD TOP: runs the code of docs/python.md as it stands there, on simulated recordings, and holds
its scores against armwatch's. Skipped without python3-torch."""
import csv
import os
import pathlib
import re
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import torch
except ImportError as error:
    print(f"skipped: {error}; it needs python3-numpy and python3-torch")
    sys.exit(77)

ARMWATCH, ARMWATCHD, TOP = (pathlib.Path(argument).resolve() for argument in sys.argv[1:4])
sys.path.insert(0, str(TOP / "docs" / "examples"))
import torch_model  # noqa: E402

KEPT = 8  # of the simulator's channels, so that it is soon trained


def run(*arguments):
    done = subprocess.run([ARMWATCH, *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"FAILED: armwatch {arguments}: {done.stdout}{done.stderr}")
    return done.stdout


def expect(condition, text):
    if not condition:
        sys.exit(f"FAILED: {text}")
    print(f"ok: {text}")


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```$", (TOP / "docs" / "python.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def simulate(name, seed):
    run("simulate", "--robot-seed", 7, "--session-seed", seed, "--minutes", 20, "--out", "all.npy", "--columns-out", "all-columns.npy")
    names = np.load("all-columns.npy")
    places = [i for i, name in enumerate(names) if "_Gyro" in name][:KEPT]
    np.save(name, np.ascontiguousarray(np.load("all.npy")[:, places]))
    np.save("columns.npy", names[places])


def armwatch_scores(model, recording):
    run("score", "--model", model, "--columns", "columns.npy", "--out", "scores.csv", recording)
    with open("scores.csv", encoding="utf-8") as file:
        return np.array([float(row["score:autoencoder"]) for row in csv.DictReader(file) if row["score:autoencoder"]])


def check_reading(code):
    scope = {}
    os.symlink(TOP / "models", "models")
    exec(compile(code, "python.md", "exec"), scope)  # pylint: disable=exec-used
    expected = scope["tensors"][f"{scope['index']}.selftest.score"]
    error = np.abs(scope["scores"] / expected - 1).max()
    expect(error < 1e-4, f"{len(expected)} scores of the shipped model in PyTorch: largest difference {error:.1e}")
    damaged = bytearray((TOP / "models" / "kuka-sim.safetensors").read_bytes())
    damaged[-1] ^= 1
    pathlib.Path("damaged.safetensors").write_bytes(damaged)
    try:
        torch_model.read_model("damaged.safetensors")
    except ValueError as error:
        expect("hash" in str(error), "a damaged model is refused")
    else:
        expect(False, "a damaged model is refused")


def check_writing(code, commands):
    torch.manual_seed(1)
    torch.set_num_threads(1)
    exec(compile(code.replace("range(20)", "range(3)"), "python.md", "exec"), {})  # pylint: disable=exec-used
    for command in commands.strip().splitlines():
        run(*command.split()[1:])
    config, tensors = torch_model.read_model("calibrated.safetensors")
    expect(config["detectors"][0]["calibration"]["hours"] > 0.1, "what was written is calibrated")
    found = torch_model.Autoencoder(config, tensors, 0).scores(np.load("shift2.npy"))
    expected = armwatch_scores("calibrated.safetensors", "shift2.npy")
    error = (np.abs(found - expected) / expected).max()
    expect(found.shape == expected.shape and error < 1e-5, f"{len(found)} scores alike: largest difference {error:.1e}")


def check_daemon():
    """It loads the model at its start, before it looks for the broker, of which there is none."""
    os.makedirs("daemon")
    os.rename("calibrated.safetensors", "daemon/calibrated.safetensors")
    pathlib.Path("daemon/armwatchd.json").write_text(
        '{"mqtt":{"url":"mqtt://127.0.0.1:1"},"models":{"directory":".","default":"calibrated"},"http":{"listen":"off"},"state_directory":"state"}',
        encoding="utf-8")
    with subprocess.Popen([ARMWATCHD, "--config", "daemon/armwatchd.json"], stderr=subprocess.PIPE, text=True) as daemon:
        lines = []
        for line in daemon.stderr:
            lines.append(line)
            if "1 models, broker" in line:
                break
        daemon.terminate()
        lines += daemon.stderr.readlines()
    expect(daemon.returncode == 0 and any("1 models, broker" in line for line in lines), "the daemon loads it")


def main():
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        simulate("shift1.npy", 1)
        simulate("shift2.npy", 2)
        reading, writing = blocks("python")
        check_reading(reading)
        check_writing(writing, *blocks("sh"))
        check_daemon()
        os.chdir("/")


main()
