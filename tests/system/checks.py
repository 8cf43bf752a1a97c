#!/usr/bin/env python3
"""The service under a real systemd. Runs as root in a container of its own (./run system), never on a machine in use.

One line for each check, PASS, FAIL or SKIP; the last line is "N passed, N failed, N skipped". Arguments: words of the
titles of the checks to run (default: all).
"""
import json
import pathlib
import re
import shutil
import sys
import time
import traceback

from machine import (BROKER_LOG, CREDENTIALS, EXAMPLES, Consumer, Failed, Robot, Skipped, Unit, ask, broker_log, call,
                     debug, expect, password, proc_status, run, set_credentials, set_up_broker, stall, thread_named,
                     user_id, wait, write)

STATE = pathlib.Path("/var/lib/armwatch")
MODEL = pathlib.Path("/root/kuka-sim.safetensors")
LONG_SLOW = "healthy:6,slow:0.5:600"  # an episode that outlasts every check
checks = []
cell = Unit("armwatchd", "/etc/armwatch/armwatchd.json")
consumer = None


def check(title, always=False):
    """What others build on is carried out always."""
    def add(function):
        checks.append((title, function, always))
        return function
    return add


def online(since, instance="cell7"):
    return "online" in consumer.states(instance, since)


def running():
    """The plain unit as it is shipped, online, with no open episode of an earlier check; its process."""
    cell.drop_in("")
    cell.configure()
    set_credentials("armwatch", password("armwatch"))
    cell.systemctl("stop")
    for path in STATE.glob("outbox.db*"):
        path.unlink()
    began = time.monotonic()
    cell.systemctl("start")
    wait(lambda: online(began), 10, "status online")
    return cell.pid()


def hear_samples(pid):
    """Waits until the robot's windows are scored."""
    def scored():
        robots = ask("cell7", "status", check=False).get("robot_states", [])
        return any(robot["counters"]["scored"] > 5 for robot in robots)
    wait(scored, 15, "scores")
    expect(cell.pid() == pid, "the process has changed")


# ---- files

@check("sysusers and tmpfiles make the user and its directory", always=True)
def check_user():
    run("systemd-sysusers")
    run("systemd-tmpfiles", "--create")
    directory = pathlib.Path("/etc/armwatch").stat()
    expect(directory.st_uid == 0 and directory.st_gid == user_id("armwatch"), "/etc/armwatch is not root:armwatch")
    expect(directory.st_mode & 0o7777 == 0o750, f"/etc/armwatch has mode {directory.st_mode & 0o7777:o}")
    shell = run("getent", "passwd", "armwatch").stdout.strip().split(":")[6]
    expect(shell.endswith("nologin"), f"the user has the shell {shell}")


@check("systemd-analyze: nothing to say about the units, exposure as promised")
def check_units():
    units = ("armwatchd.service", "armwatchd@north.service")
    said = run("systemd-analyze", "verify", "--man=no", *units, check=False)
    expect(said.returncode == 0 and not said.stderr, said.stderr)
    shown = []
    for unit in units:
        text = run("systemd-analyze", "security", "--no-pager", "--threshold=11", unit).stdout
        shown.append(re.search(r"exposure level for \S+: (\S+)", text)[1])
    return "exposure " + ", ".join(shown)


@check("Debian's mosquitto starts with the shipped configuration", always=True)
def check_broker():
    global consumer
    set_up_broker()
    wait(lambda: run("systemctl", "is-active", "mosquitto", check=False).returncode == 0, 5, "mosquitto is active")
    consumer = Consumer()


# ---- start

@check("READY without a broker")
def check_ready_alone():
    run("systemctl", "stop", "mosquitto")
    cell.configure()
    set_credentials("armwatch", password("armwatch"))
    began = time.monotonic()
    try:
        cell.systemctl("start")
        took = time.monotonic() - began
    finally:
        run("systemctl", "start", "mosquitto")
    expect(cell.active(), "not active")
    expect(took <= 2, f"READY took {took:.2f} s")
    wait(lambda: cell.logged("broker: connected", time.time() - 60), 20, "connected when the broker is back")
    return f"READY after {took:.2f} s"


@check("credentials: the password comes from LoadCredential, and a wrong one does not get in")
def check_credentials():
    cell.configure()
    set_credentials("armwatch", "guessed")
    began, since = time.monotonic(), time.time()
    cell.systemctl("restart")
    wait(lambda: cell.logged("refused", since), 10, "the broker's refusal in the log")
    expect(cell.active() and not online(began), "online with a wrong password")
    pid = running()
    directory = pathlib.Path("/run/credentials/armwatchd.service")
    for path in (directory, *directory.iterdir()):
        status = path.stat()
        expect(status.st_mode & 0o277 == 0, f"{path} has mode {status.st_mode & 0o777:o}")
        expect(status.st_uid == user_id("armwatch"), f"{path} is not the service user's")
    for place in ("environ", "cmdline"):
        text = pathlib.Path(f"/proc/{pid}/{place}").read_bytes()
        expect(password("armwatch").encode() not in text, f"the password is in the {place}")
    expect(CREDENTIALS.stat().st_mode & 0o77 == 0, "others may read the credential store")


@check("samples become an alert, a command is answered; one identity for each role")
def check_flow():
    pid = running()
    began = time.monotonic()
    with Robot(schedule="healthy:6,slow:0.5:8,healthy:60", speed=2):
        took = wait(lambda: consumer.alerts("kuka1", began), 20, "an alert")
        wait(lambda: consumer.alerts("kuka1", began)[-1]["state"] == "cleared", 20, "the alert is cleared")
    answer = ask("cell7", "reload", "kuka-sim")
    expect(answer["ok"], f"reload: {answer}")
    expect(cell.pid() == pid and cell.show("NRestarts") == "0", "the service has been restarted")
    return f"alert after {took:.1f} s"


# ---- sandbox

@check("sandbox: the process itself cannot do what the unit forbids")
def check_sandbox():
    pid = running()
    allowed = {"open(\"/var/lib/armwatch/probe\", 0102, 0600)": "write its state",
               "open(\"/tmp/probe\", 0102, 0600)": "write its own /tmp"}
    forbidden = {"open(\"/etc/armwatch/probe\", 0102, 0600)": "write /etc",
                 "open(\"/usr/local/bin/probe\", 0102, 0600)": "write /usr",
                 "open(\"/var/log/probe\", 0102, 0600)": "write /var/log",
                 "open(\"/etc/shadow\", 0)": "read passwords",
                 "access(\"/root/cell\", 0)": "see /root",
                 "access(\"/proc/1/status\", 0)": "see other processes",
                 "access(\"/proc/sys/kernel/hostname\", 0)": "see the kernel's settings",
                 "execve(\"/usr/bin/true\", 0, 0)": "run another program",
                 "mmap(0, 4096, 7, 0x22, -1, 0)": "make code at run time",
                 "socket(17, 3, 0)": "capture packets",
                 "socket(16, 3, 0)": "talk to the kernel's netlink",
                 "unshare(0x10000000)": "make a name space",
                 "setuid(0)": "become root",
                 "kill(1, 0)": "signal the service manager",
                 "chmod(\"/var/lib/armwatch/probe\", 04700)": "set a set-user-id bit"}
    asked = [*allowed, *forbidden]
    values = call(pid, [f"(int){text}" if "mmap" not in text else text for text in asked])
    for text, value in zip(asked, values):
        if text in allowed:
            expect(value >= 0, f"it cannot {allowed[text]}")
        else:
            expect(value == -1, f"it can {forbidden[text]}")
    expect(not pathlib.Path("/tmp/probe").exists(), "its /tmp is everybody's")
    status = proc_status(pid)
    expect(status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", "no filter of system calls")
    expect(all(int(status[key], 16) == 0 for key in ("CapEff", "CapPrm", "CapBnd", "CapAmb")), "capabilities")
    expect(cell.active() and cell.pid() == pid, "the service did not outlive the questions")
    return f"{len(allowed)} allowed, {len(forbidden)} refused"


@check("the example drop-in with the allowed addresses: others are out of reach")
def check_ip_allow():
    running()
    example = (EXAMPLES / "systemd/ip-allow.conf").read_text()
    expect("IPAddressAllow=localhost\n" in example, "the example does not allow localhost")
    cell.drop_in(example)
    began = time.monotonic()
    cell.systemctl("restart")
    wait(lambda: online(began), 10, "status online")
    cell.drop_in(example.replace("IPAddressAllow=localhost\n", ""))
    began = time.monotonic()
    cell.systemctl("restart")
    time.sleep(3)
    reached = online(began)
    cell.drop_in("")
    if reached:
        raise Skipped("this kernel or container does not filter a service's addresses")


# ---- reload

@check("reload with a good file: same process, nothing lost")
def check_good_reload():
    pid = running()
    with Robot():
        hear_samples(pid)
        since = time.time()
        cell.configure(alerts__reassert_s=7, log__level="debug")
        cell.systemctl("reload")
        wait(lambda: cell.logged("configuration read again", since), 2, "the log says so")
        wait(lambda: cell.show("SubState") == "running", 2, "READY after RELOADING")
        time.sleep(1)
        counters = ask("cell7", "status")["robot_states"][0]["counters"]
    expect(cell.pid() == pid, "another process")
    expect(counters["gaps"] == 0 and not counters["rejected"], f"samples were lost: {counters}")


@check("reload with a bad file: it fails, says why, and changes nothing")
def check_bad_reload():
    pid = running()
    with Robot():
        hear_samples(pid)
        since = time.time()
        cell.configure(alerts__reassert_s=0.01)
        done = cell.systemctl("reload", check=False)
        expect(done.returncode != 0, "systemctl reload was content")
        expect(cell.logged("alerts.reassert_s: 0.01", since), "the log does not name the key")
        expect(not cell.logged("configuration read again", since), "it was read")
        # Around the check that the unit makes first: the daemon refuses it as well.
        cell.systemctl("kill", "--signal=HUP", "--kill-whom=main")
        wait(lambda: cell.logged("configuration not changed", since), 2, "the daemon refuses it")
        wait(lambda: cell.show("SubState") == "running", 2, "READY after RELOADING")
        time.sleep(1)
        counters = ask("cell7", "status")["robot_states"][0]["counters"]
    expect(cell.active() and cell.pid() == pid, "another process")
    expect(counters["gaps"] == 0, f"samples were lost: {counters}")


# ---- faults

def watchdog(thread_of, limit_s):
    """Stalls a thread under load; times until the end by the watchdog and until it is online again."""
    pid = running()
    with Robot():
        hear_samples(pid)
        since, stalled = time.time(), stall(pid, thread_of(pid))
        wait(lambda: cell.logged("Watchdog timeout", since), limit_s, "the watchdog")
        ended = time.monotonic() - stalled
        wait(lambda: cell.restarted(pid), 5, "a new process")
        wait(lambda: online(stalled), 5, "online again")
        back = time.monotonic() - stalled
        hear_samples(cell.pid())
    return stalled, f"ended after {ended:.1f} s, online again after {back:.1f} s"


@check("a stalled scorer: in the status within 2 s, ended within 12 s, restarted")
def check_stalled_scorer():
    stalled, text = watchdog(lambda pid: thread_named(pid, "scorer"), 12)
    said = [at for at, message in consumer.messages("status", "cell7", stalled) if "scorer" in message["reasons"]]
    expect(said, "the status has not said it")
    expect(said[0] - stalled <= 2, f"the status said it after {said[0] - stalled:.1f} s")
    return f"in the status after {said[0] - stalled:.1f} s, {text}"


@check("a stalled loop: ended within 12 s, restarted")
def check_stalled_loop():
    return watchdog(lambda pid: pid, 12)[1]


@check("out of memory: killed in its own limit, restarted within 3 s")
def check_oom():
    running()
    if not cell.show("MemoryCurrent").isdigit():
        raise Skipped("the memory controller is not delegated to this container")
    cell.drop_in("[Service]\nMemoryHigh=infinity\nMemoryMax=64M\n")
    began = time.monotonic()
    cell.systemctl("restart")
    wait(lambda: online(began), 10, "status online within 64 MiB")
    pid, since = cell.pid(), time.time()
    grow = "print (long)memset((void *)malloc(256 << 20), 1, 256 << 20)"
    with Robot():
        hear_samples(pid)
        expect("$1 = " not in debug(pid, grow), "it may use 256 MiB")
        began = time.monotonic()
        wait(lambda: cell.restarted(pid), 3, "a new process")
        took = time.monotonic() - began
        wait(lambda: online(began), 5, "online again")
        hear_samples(cell.pid())
    # Where cgroups are of version 1, systemd does not learn who sent the SIGKILL; nobody else did.
    expect(cell.logged("oom-kill", since) or cell.logged("status=9/KILL", since), "it was not killed")
    cell.drop_in("")
    return f"a new process after {took:.1f} s"


@check("killed in the middle of an episode: back within 3 s, the last will was sent")
def check_kill():
    pid = running()
    began = time.monotonic()
    with Robot(schedule=LONG_SLOW):
        wait(lambda: consumer.alerts("kuka1", began), 30, "an alert")
        killed = time.monotonic()
        cell.systemctl("kill", "--signal=KILL", "--kill-whom=main")
        took = wait(lambda: cell.restarted(pid), 3, "a new process")
        wait(lambda: consumer.states("cell7", killed)[:1] == ["offline"], 5, "the last will")
        wait(lambda: online(killed), 5, "online again")
        hear_samples(cell.pid())
    return f"a new process after {took:.1f} s"


@check("killed in the middle of an episode: it goes on with the same alert_id")
def check_same_episode():
    pid = running()
    began = time.monotonic()
    with Robot(schedule=LONG_SLOW):
        wait(lambda: consumer.alerts("kuka1", began), 30, "an alert")
        name = consumer.alerts("kuka1", began)[0]["alert_id"]
        killed = time.monotonic()
        cell.systemctl("kill", "--signal=KILL", "--kill-whom=main")
        wait(lambda: cell.restarted(pid), 3, "a new process")
        wait(lambda: consumer.alerts("kuka1", killed), 20, "the alert is asserted again")
        time.sleep(5)
        heard = consumer.alerts("kuka1", began)
        expect({alert["alert_id"] for alert in heard} == {name}, f"another alert_id: {heard}")
        expect([alert["state"] for alert in heard].count("raised") <= 2, "raised anew")
    return f"alert_id {name[:8]}..."


# ---- stop

@check("stop: within 5 s, exit code 0, DISCONNECT instead of the last will")
def check_stop():
    pid = running()
    with Robot():
        hear_samples(pid)
        size, began = BROKER_LOG.stat().st_size, time.monotonic()
        cell.systemctl("stop")
        took = time.monotonic() - began
        wait(lambda: "offline" in consumer.states("cell7", began), 2, "status offline")
        time.sleep(1)
    expect(took <= 5, f"it took {took:.1f} s")
    expect(cell.show("Result") == "success" and cell.show("ExecMainStatus") == "0", "no clean end")
    expect(consumer.states("cell7", began) == ["offline"], f"states: {consumer.states('cell7', began)}")
    said = broker_log().encode()[size:].decode(errors="replace")
    expect("Client armwatch-cell7 disconnected." in said, "the broker saw no DISCONNECT")
    return f"{took:.2f} s"


@check("a bad configuration ends with 78 and is not started again")
def check_bad_start():
    running()
    since = time.time()
    cell.configure(alerts__colour="red")
    expect(cell.systemctl("restart", check=False).returncode != 0, "systemctl restart was content")
    time.sleep(3)  # three times RestartSec
    expect(cell.show("ActiveState") == "failed", f"state {cell.show('ActiveState')}")
    expect(cell.show("ExecMainStatus") == "78", f"exit code {cell.show('ExecMainStatus')}")
    expect(cell.show("NRestarts") == "0", f"{cell.show('NRestarts')} restarts")
    expect(cell.logged("alerts.colour: unknown key", since), "the log does not say why")
    cell.configure()
    cell.systemctl("reset-failed")


# ---- instances

@check("two instances side by side, each with its own state, model and credentials")
def check_instances():
    cell.systemctl("stop")
    set_credentials("armwatch", "not theirs")
    names = ("north", "south")
    units = {name: Unit(f"armwatchd@{name}", f"/etc/armwatch/{name}.json") for name in names}
    began = time.monotonic()
    for name, unit in units.items():
        state = STATE / name
        set_credentials(f"armwatch.{name}", password("armwatch"))
        unit.configure(instance=name, models__directory=f"{state}/models", state_directory=str(state),
                       http__listen=f"127.0.0.1:{9464 + names.index(name)}")
        (state / "models").mkdir(parents=True, exist_ok=True)
        shutil.copy(MODEL, state / "models")
        unit.systemctl("start")
    for name in names:
        wait(lambda: online(began, name), 10, f"{name} is online")
    pids = {name: unit.pid() for name, unit in units.items()}
    expect(len(set(pids.values())) == 2, "one process")
    own, other = call(pids["north"], [f"(int)open(\"{STATE}/{name}/probe\", 0102, 0600)" for name in names])
    expect(own >= 0, "north cannot write its own state")
    expect(other == -1, "north can write the state of south")
    units["north"].systemctl("reload")
    stopped = time.monotonic()
    units["north"].systemctl("stop")
    wait(lambda: "offline" in consumer.states("north", stopped), 5, "north is offline")
    expect(units["south"].active() and units["south"].pid() == pids["south"], "south has gone too")
    expect(ask("south", "status")["ok"], "south does not answer")
    units["south"].systemctl("stop")


# ---- runner

def carry_out(title, function):
    began = time.monotonic()
    try:
        said = function()
    except Skipped as reason:
        return "SKIP", f"{title}: {reason}"
    except Failed as reason:
        return "FAIL", f"{title}: {' / '.join(str(reason).split(chr(10)))}"
    except Exception:
        return "FAIL", f"{title}: {traceback.format_exc()}"
    return "PASS", f"{title} ({said + '; ' if said else ''}{time.monotonic() - began:.1f} s)"


def main():
    counts = {"PASS": 0, "FAIL": 0, "SKIP": 0}
    (STATE / "models").mkdir(parents=True, exist_ok=True)
    shutil.copy(MODEL, STATE / "models")
    for title, function, always in checks:
        if not always and not all(word in title for word in sys.argv[1:]):
            continue
        verdict, text = carry_out(title, function)
        counts[verdict] += 1
        print(f"{verdict}  {text}", flush=True)
    if consumer:
        consumer.end()
    print(f"{counts['PASS']} passed, {counts['FAIL']} failed, {counts['SKIP']} skipped")
    return 1 if counts["FAIL"] or not counts["PASS"] else 0


if __name__ == "__main__":
    sys.exit(main())
