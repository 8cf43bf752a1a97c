#!/usr/bin/env python3
"""Processor time of armwatchd for a sample of 86 channels: the default set of detectors beside the autoencoder alone.

Usage: detectors.py ARMWATCHD ARMWATCH [ROUNDS]
Trains on simulated sessions, then replays one through a real broker to a daemon with each model. Rounds are interleaved, figures
are medians; absolute times depend on the machine: the ratios are the result.
"""
import json, os, shutil, socket, statistics, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from footprint import cpu_s, free_port  # noqa: E402

RATE_HZ = 500
MINUTES = 10
MODELS = {  # name: options of train
    "autoencoder": ["--detectors", "autoencoder"],
    "autoencoder-86": ["--detectors", "autoencoder", "--keep-drift"],
    "set": [],
    "set-86": ["--keep-drift"],
}


def simulate(armwatch, path, seed, minutes):
    names = path.replace(".npy", ".names.npy")
    subprocess.run([armwatch, "simulate", "--out", path, "--columns-out", names, "--minutes", str(minutes), "--robot-seed", "1",
                    "--session-seed", str(seed)], check=True, stderr=subprocess.DEVNULL)
    return path, names


def train(armwatch, work):
    sessions = [simulate(armwatch, f"{work}/normal-{seed}.npy", seed, 30) for seed in range(1, 7)]
    normal = [argument for path, _ in sessions for argument in ("--normal", path)]
    for name, options in MODELS.items():
        subprocess.run([armwatch, "train", *normal, "--columns", sessions[0][1], "--out", f"{work}/models/{name}.safetensors", "--simulated",
                        "--adversary", "none", "--epochs", "2", *options], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def start(argv, work):
    """A daemon that has said READY=1."""
    path = f"{work}/notify"
    if os.path.exists(path):
        os.unlink(path)
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(path)
    notify.settimeout(20)
    process = subprocess.Popen(argv, env={**os.environ, "NOTIFY_SOCKET": path}, stderr=subprocess.DEVNULL)
    while b"READY=1" not in notify.recv(4096):
        pass
    notify.close()
    return process


def measure(programs, work, url, name, recording):
    daemon, armwatch = programs
    config = {"instance": "bench", "mqtt": {"url": url}, "models": {"directory": f"{work}/models", "default": name},
              "state_directory": f"{work}/state", "http": {"listen": "127.0.0.1:0"}, "log": {"level": "error"}}
    os.makedirs(f"{work}/state", exist_ok=True)
    for file in os.listdir(f"{work}/state"):
        os.unlink(f"{work}/state/{file}")
    with open(f"{work}/config.json", "w") as out:
        json.dump(config, out)
    process = start([daemon, "--config", f"{work}/config.json"], work)
    try:
        time.sleep(1)
        before = cpu_s(process.pid)
        subprocess.run([armwatch, "replay", "--broker", url, "--robot", "r", "--rate", str(RATE_HZ), recording[0], "--columns", recording[1]],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.5)
        return (cpu_s(process.pid) - before) / (MINUTES * 600) * 1e6
    finally:
        process.terminate()
        process.wait(timeout=10)


def main():
    programs = sys.argv[1:3]
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    work = tempfile.mkdtemp(prefix="armwatch-detectors-")
    port = free_port()
    broker = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin")
    with open(f"{work}/mosquitto.conf", "w") as out:
        out.write(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    mosquitto = subprocess.Popen([broker, "-c", f"{work}/mosquitto.conf"], stderr=subprocess.DEVNULL)
    try:
        os.makedirs(f"{work}/models")
        train(programs[1], work)
        recording = simulate(programs[1], f"{work}/replayed.npy", 99, MINUTES)
        times = {name: [] for name in MODELS}
        for _ in range(rounds):
            for name in MODELS:
                times[name].append(measure(programs, work, f"mqtt://127.0.0.1:{port}", name, recording))
        median = {name: statistics.median(values) for name, values in times.items()}
        print(f"simulated arm, 86 channels as JSON, {RATE_HZ} samples a second, {MINUTES * 600} samples, {rounds} interleaved rounds")
        print("median processor time for a sample: " + ", ".join(f"{name} {value:.0f} us" for name, value in median.items()))
        print(f"the set over the autoencoder alone, as trained by default: {median['set'] / median['autoencoder']:.2f}")
        print(f"the set over the autoencoder alone, of all 86 channels: {median['set-86'] / median['autoencoder-86']:.2f}")
        for name in MODELS:
            print(f"model {name}: {os.path.getsize(f'{work}/models/{name}.safetensors') / 1e6:.1f} MB")
    finally:
        mosquitto.terminate()
        mosquitto.wait(timeout=10)
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
