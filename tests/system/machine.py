"""What the checks of the service share: commands, the unit, the broker with its roles, a consumer, robots, a debugger.

Everything is on this machine, a container of its own: Debian's mosquitto with the configuration that is shipped, armwatchd
under its shipped unit. The time of a wait is an argument; what does not come true ends the check.
"""
import json
import os
import pathlib
import platform
import pwd
import re
import shutil
import subprocess
import threading
import time

EXAMPLES = pathlib.Path("/usr/local/share/doc/armwatch/examples")
CREDENTIALS = pathlib.Path("/etc/credstore")
WORK = pathlib.Path("/root/cell")
BROKER_LOG = pathlib.Path("/var/log/mosquitto/mosquitto.log")
URL = "mqtts://localhost:8883"
ROLES = ("armwatch", "operator", "viewer", "kuka1", "kuka2")


class Failed(Exception):
    """A check did not hold."""


class Skipped(Exception):
    """A check cannot be made here."""


def expect(condition, text):
    if not condition:
        raise Failed(text)


def wait(condition, limit_s, text):
    """Seconds until the condition holds; fails with the text after limit_s."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > limit_s:
            raise Failed(f"not within {limit_s:g} s: {text}")
        time.sleep(0.02)
    return time.monotonic() - began


def run(*command, check=True, limit_s=90):
    done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s)
    if check and done.returncode != 0:
        raise Failed(f"{' '.join(command)}: exit code {done.returncode}: {done.stdout}{done.stderr}".strip())
    return done


def write(path, text, mode=0o644, owner=None):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    if owner:
        shutil.chown(path, *owner)


def password(role):
    return f"secret of {role}"


# ---- the service manager

class Unit:
    def __init__(self, name, config):
        self.name, self.config = name, pathlib.Path(config)

    def systemctl(self, verb, *options, check=True):
        return run("systemctl", verb, *options, self.name, check=check)

    def show(self, key):
        return run("systemctl", "show", "-P", key, self.name).stdout.strip()

    def pid(self):
        return int(self.show("MainPID"))

    def active(self):
        return self.show("ActiveState") == "active"

    def configure(self, **changes):
        """Writes its configuration; a key's dots are double underscores."""
        config = json.loads(json.dumps(self.base()))
        for key, value in changes.items():
            *path, leaf = key.split("__")
            place = config
            for level in path:
                place = place.setdefault(level, {})
            place[leaf] = value
        write(self.config, json.dumps(config), 0o640, ("root", "armwatch"))

    @staticmethod
    def base():
        return {"instance": "cell7",
                "mqtt": {"url": URL, "username": "armwatch", "password_file": "mqtt-password", "ca_file": "ca.crt"},
                "models": {"default": "kuka-sim"}, "alerts": {"reassert_s": 5}}

    def drop_in(self, text):
        """The only drop-in of the check; "" removes it."""
        path = pathlib.Path(f"/etc/systemd/system/{self.name}.service.d/check.conf")
        write(path, text)
        if not text:
            path.unlink()
        run("systemctl", "daemon-reload")

    def journal(self, since):
        """Lines from a time.time() on."""
        run("journalctl", "--sync")
        return run("journalctl", "-u", self.name, "-o", "cat", f"--since=@{since:.6f}", "--no-pager").stdout

    def logged(self, text, since):
        return text in self.journal(since)

    def restarted(self, pid):
        return self.pid() not in (0, pid) and self.active()


# ---- broker

def make_certificates():
    """An authority, and the broker's certificate for localhost."""
    keys = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes".split()
    os.chdir(WORK)
    write("names", "subjectAltName=DNS:localhost\n")
    run("openssl", "req", "-x509", *keys, "-keyout", "ca.key", "-out", "ca.crt", "-days", "2", "-subj", "/CN=authority")
    run("openssl", "req", *keys, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    run("openssl", "x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
        "-days", "2", "-extfile", "names", "-out", "server.crt")


def set_up_broker():
    """As the comments of the shipped files say it, beside Debian's own mosquitto.conf."""
    WORK.mkdir(mode=0o700, parents=True, exist_ok=True)
    make_certificates()
    for name in ("ca.crt", "server.crt", "server.key"):
        shutil.copy(WORK / name, "/etc/mosquitto/certs")
    shutil.chown("/etc/mosquitto/certs/server.key", "mosquitto")
    shutil.copy(EXAMPLES / "mosquitto/armwatch.conf", "/etc/mosquitto/conf.d")
    shutil.copy(EXAMPLES / "mosquitto/armwatch.acl", "/etc/mosquitto")
    write("/etc/mosquitto/armwatch.passwd", "", 0o600)
    for role in ROLES:
        run("mosquitto_passwd", "-b", "/etc/mosquitto/armwatch.passwd", role, password(role))
        write(WORK / f"{role}.password", password(role), 0o600)
    shutil.chown("/etc/mosquitto/armwatch.passwd", "mosquitto")
    run("systemctl", "restart", "mosquitto")


def broker_log():
    return BROKER_LOG.read_text(encoding="utf-8", errors="replace")


def set_credentials(prefix, secret):
    CREDENTIALS.mkdir(mode=0o700, exist_ok=True)
    write(CREDENTIALS / f"{prefix}.mqtt-password", secret, 0o600)
    write(CREDENTIALS / f"{prefix}.ca.crt", (WORK / "ca.crt").read_text(), 0o600)


def as_role(role):
    return ["--broker", URL, "--ca-file", str(WORK / "ca.crt"), "--username", role,
            "--password-file", str(WORK / f"{role}.password")]


# ---- those who take part

class Consumer:
    """A dashboard: everything that armwatch says, with the time at which it came."""

    def __init__(self):
        self.heard = []  # (monotonic time, message)
        self.process = subprocess.Popen(["armwatch", "watch", *as_role("viewer"), "--json", "--no-scores"],
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        threading.Thread(target=self.listen, daemon=True).start()
        wait(lambda: "as armwatch-watch" in broker_log(), 5, "the consumer is connected")

    def listen(self):
        for line in self.process.stdout:
            self.heard.append((time.monotonic(), json.loads(line)))

    def messages(self, kind, name, since=0.0):
        """Payloads that came from a monotonic time on, without what the broker had kept."""
        return [(at, message["message"]) for at, message in list(self.heard) if at >= since and
                message["kind"] == kind and name in (message.get("robot"), message.get("service"))
                and not message["retained"]]

    def states(self, instance, since=0.0):
        return [message["state"] for _, message in self.messages("status", instance, since)]

    def alerts(self, robot, since=0.0, kind="anomaly"):
        return [message["data"] for _, message in self.messages("alert", robot, since) if message["data"]["kind"] == kind]

    def end(self):
        self.process.kill()


class Robot:
    """A simulated arm under a robot's own identity, until it is ended."""

    def __init__(self, name="kuka1", schedule=None, speed=1):
        what = ["--schedule", schedule] if schedule else ["--minutes", "60"]
        self.process = subprocess.Popen(
            ["armwatch", "simulate", *as_role(name), "--robot", name, "--robot-seed", "1", "--session-seed", "901",
             *what, "--speed", str(speed)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def ask(instance, *command, check=True):
    """An operator's command; the answer as JSON."""
    done = run("armwatch", "ctl", *as_role("operator"), "--instance", instance, "--timeout", "5s", "--json", *command,
               check=check)
    return json.loads(done.stdout) if done.stdout.strip() else {}


# ---- debugger

def debug(pid, *commands):
    """Runs gdb's commands in the stopped process; what they print."""
    options = [word for command in commands for word in ("-ex", command)]
    return run("gdb", "-nx", "-batch", "-p", str(pid), *options, check=False).stdout


def call(pid, expressions):
    """Values of calls that the process itself makes: with its user, its file system, its filters."""
    text = debug(pid, *(f"print (long){expression}" for expression in expressions))
    values = [int(value) for value in re.findall(r"^\$\d+ = (-?\d+)$", text, re.MULTILINE)]
    expect(len(values) == len(expressions), f"the debugger says: {text[-300:]}")
    return values


def thread_named(pid, name):
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text().strip() == name:
            return int(task.name)
    raise Failed(f"no thread is called {name}")


def stall(pid, thread):
    """Sends one thread into pause(), for good. Returns the monotonic time of it."""
    if platform.machine() != "x86_64":
        raise Skipped("how to stall a thread is known for x86-64 only")
    found = re.search(r"^Thread (\d+) has target id", debug(pid, f"thread find LWP {thread}\\b"), re.MULTILINE)
    expect(found, f"the debugger does not find thread {thread}")
    # No system call is to be continued, the stack is aligned as at a function's start.
    debug(pid, f"thread {found[1]}", "set $orig_rax = -1", "set $sp = (((long)$sp - 512) & ~15) - 8",
          "set $pc = (unsigned long)&pause")
    return time.monotonic()


def proc_status(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def user_id(name):
    return pwd.getpwnam(name).pw_uid
