"""A real broker, the real daemon, and simulated arms, in a directory of their own. ARMWATCH and
ARMWATCHD name the programs."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

TOP = pathlib.Path(__file__).resolve().parents[2]
MOSQUITTO = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
PATIENCE_S = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Plant:
    def __init__(self, instance="simulated"):
        self.directory = tempfile.TemporaryDirectory(prefix="armwatch-page-", ignore_cleanup_errors=True)
        self.work = pathlib.Path(self.directory.name)
        self.processes = {}
        self.broker_url, self.url = f"mqtt://127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}/"
        (self.work / "models").mkdir()
        shutil.copy(TOP / "models" / "kuka-sim.safetensors", self.work / "models")
        (self.work / "mosquitto.conf").write_text(f"listener {self.broker_url.rsplit(':', 1)[1]} 127.0.0.1\nallow_anonymous true\n")
        (self.work / "armwatchd.json").write_text(json.dumps({
            "instance": instance, "mqtt": {"url": self.broker_url}, "models": {"directory": "models", "default": "kuka-sim"},
            "state_directory": str(self.work / "state"), "http": {"listen": self.url.split("/")[2]}}))
        (self.work / "state").mkdir()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for name in list(self.processes):
            self.end(name)
        self.directory.cleanup()

    def start(self, name, *command):
        with open(self.work / (name + ".log"), "ab") as log:
            self.processes[name] = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.work)

    def end(self, name, how=signal.SIGTERM):
        process = self.processes.pop(name)
        process.send_signal(how)
        return process.wait(PATIENCE_S)

    def start_broker(self):
        self.start("broker", MOSQUITTO, "-c", "mosquitto.conf")

    def start_daemon(self):
        self.start("daemon", os.environ["ARMWATCHD"], "--config", "armwatchd.json")
        self.wait(lambda told: told["broker"]["connected"], "the daemon is connected")

    def arm(self, robot, schedule, session=901, speed=1):
        self.start("arm " + robot, os.environ["ARMWATCH"], "simulate", "--broker", self.broker_url, "--robot", robot, "--robot-seed", "1",
                   "--session-seed", str(session), "--schedule", schedule, "--speed", str(speed))

    def overview(self):
        try:
            with urllib.request.urlopen(self.url + "api/overview", timeout=5) as answer:
                return json.load(answer)
        except (OSError, ValueError):
            return None

    def wait(self, condition, words, timeout_s=PATIENCE_S):
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            told = self.overview()
            if told and condition(told):
                return told
            time.sleep(0.2)
        log = self.work / "daemon.log"
        raise TimeoutError(f"{words}: not within {timeout_s} s\n" + (log.read_text()[-2000:] if log.exists() else ""))

    def wait_for(self, robot, state, timeout_s=PATIENCE_S):
        return self.wait(lambda told: any(r["robot"] == robot and r["state"] == state for r in told["robots"]), f"{robot} is {state}", timeout_s)
