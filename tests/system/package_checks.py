#!/usr/bin/env python3
"""The Debian packages on a Debian with nothing else on it, booted, without a network. Runs as root in a container of its
own (./run system --packages), never on a machine in use.

/srv/debs/1 and /srv/debs/2 hold two versions of all packages; what they depend on is in apt's cache. The checks build on
each other, in this order. One line for each, PASS or FAIL; the last line is the count.
"""
import json
import os
import pathlib
import re
import sys
import time
import traceback
import urllib.request

from machine import Failed, Unit, expect, run, user_id, wait

DEBS = pathlib.Path("/srv/debs")
CONFIG = pathlib.Path("/etc/armwatch/armwatchd.json")
STATE = pathlib.Path("/var/lib/armwatch")
BROKER = ["--broker", "mqtt://localhost"]
# What may still bear the name after a purge: what logs, apt and we have written.
OTHERS = re.compile(r"^/(proc|sys|run|dev|tmp|srv|root|var/log|var/cache|var/lib/apt|var/lib/dpkg/info)/")
cell = Unit("armwatchd", str(CONFIG))
checks = []


def check(title):
    def add(function):
        checks.append((title, function))
        return function
    return add


def apt(*words, check=True):
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    return run("apt-get", "-q", "-y", *words, check=check, limit_s=600)


def debs(version, *names):
    """Paths as apt-get wants them, so that it installs what they depend on as well."""
    found = [str(path) for name in names for path in sorted((DEBS / version).glob(f"{name}_*.deb"))]
    expect(len(found) == len(names), f"packages: {found}")
    return found


def version_of(package):
    return run("dpkg-query", "-W", "-f", "${Version}", package).stdout


def running(limit_s=10):
    wait(cell.active, limit_s, "the service is active")
    return cell.pid()


def ask(*command, check=True):
    done = run("armwatch", "ctl", *BROKER, "--instance", "armwatch", "--json", *command, check=check)
    return json.loads(done.stdout) if done.stdout.strip() else {}


def leftovers():
    """Files anywhere that bear the name, but for OTHERS."""
    found = run("find", "/", "-xdev", "-name", "*armwatch*", check=False).stdout.splitlines()
    return [path for path in found if not OTHERS.match(path)]


# ---- install

@check("install on a bare Debian without a broker: enabled, active, READY, and nothing is asked")
def check_install():
    expect(not leftovers(), f"there is something already: {leftovers()}")
    began = time.monotonic()
    apt("install", *debs("1", "armwatch", "armwatchd", "armwatch-models"))
    pid = running()
    expect(cell.show("UnitFileState") == "enabled", f"unit file: {cell.show('UnitFileState')}")
    expect(cell.show("NRestarts") == "0", "it was restarted")
    expect(cell.logged("Started", time.time() - 60) or pid, "not started")
    return f"{time.monotonic() - began:.1f} s"


@check("owners and modes: /etc/armwatch root:armwatch 0750, state the user's own")
def check_modes():
    etc, state = CONFIG.parent.stat(), STATE.stat()
    expect(etc.st_uid == 0 and etc.st_gid == user_id("armwatch") and etc.st_mode & 0o7777 == 0o750, "/etc/armwatch")
    expect(state.st_uid == user_id("armwatch") and state.st_mode & 0o7777 == 0o750, "/var/lib/armwatch")
    done = run("dpkg", "--verify", "armwatchd", "armwatch", "armwatch-models")
    expect(not done.stdout, f"dpkg --verify: {done.stdout}")
    shell = run("getent", "passwd", "armwatch").stdout.strip().split(":")[6]
    expect(shell.endswith("nologin"), f"the user has the shell {shell}")


@check("manual pages and completion are where they are looked for")
def check_docs():
    listed = run("dpkg", "-L", "armwatchd", "armwatch").stdout.split()
    for name in ("man1/armwatch.1.gz", "man5/armwatchd.json.5.gz", "man5/armwatch-model.5.gz", "man7/armwatch.7.gz",
                 "man8/armwatchd.8.gz"):
        expect(f"/usr/share/man/{name}" in listed, name)
    for name in ("armwatch", "armwatchd"):
        path = f"/usr/share/bash-completion/completions/{name}"
        said = run("bash", "-c", f". {path}; COMP_WORDS=({name} --ver); COMP_CWORD=1; _{name}; echo \"${{COMPREPLY[@]}}\"")
        expect(path in listed, path)
        if name == "armwatchd":
            expect(said.stdout.strip() == "--version", f"completed: {said.stdout}")


@check("a broker is installed later: connected, and the shipped model judges a simulated arm")
def check_alerts():
    apt("install", "mosquitto")
    wait(lambda: ask("status", check=False).get("ok"), 40, "an answer over the broker")
    done = run("armwatch", "simulate", *BROKER, "--robot", "kuka1", "--robot-seed", "1", "--session-seed", "901",
               "--speed", "2", "--schedule", "healthy:20,slow:0.5:15,healthy:10", "--report", "--json")
    expect(done.stdout.strip(), "no report")
    states = ask("status")["robot_states"]
    expect([robot["robot"] for robot in states] == ["kuka1"], f"robots: {states}")


@check("the page on the loopback, and an alert's evidence scored again by the shipped model")
def check_page_and_evidence():
    with urllib.request.urlopen("http://127.0.0.1:9464/", timeout=5) as answer:
        expect(answer.status == 200 and b"armwatch" in answer.read(), "no page")
    packs = STATE / "evidence"
    wait(lambda: packs.is_dir() and [path for path in packs.iterdir() if len(path.name) == 32], 60, "a pack of evidence")
    name = next(path.name for path in packs.iterdir() if len(path.name) == 32)
    said = run("armwatch", "explain", name).stdout
    expect("equal: " in said, f"explain: {said}")


# ---- use

@check("a changed configuration is read at SIGHUP by the same process")
def check_reload():
    pid, since = running(), time.time()
    config = json.loads(CONFIG.read_text())
    config["log"] = {"level": "debug"}
    CONFIG.write_text(json.dumps(config))
    cell.systemctl("reload")
    wait(lambda: cell.logged("configuration read again", since), 3, "the log says so")
    expect(cell.pid() == pid, "another process")


@check("armwatch model install: readable by the service, taken at its command")
def check_model_install():
    os.umask(0o077)
    done = run("armwatch", "model", "install", "--name", "mine", "/usr/share/armwatch/models/kuka-sim.safetensors")
    os.umask(0o022)
    expect("ctl --broker mqtt://localhost --instance armwatch reload mine" in done.stdout, done.stdout)
    run("setpriv", "--reuid=armwatch", "--regid=armwatch", "--clear-groups", "head", "-c", "1",
        str(STATE / "models/mine.safetensors"))
    expect(ask("reload", "mine")["ok"], "reload")
    listed = json.loads(run("armwatch", "model", "list", "--json").stdout)
    expect([item["name"] for item in listed] == ["mine", "kuka-sim"], f"listed: {listed}")


@check("an instance beside it: armwatchd@north from the same packages")
def check_instance():
    north = CONFIG.parent / "north.json"
    north.write_text(json.dumps({"instance": "north", "mqtt": {"url": "mqtt://localhost"}, "http": {"listen": "off"},
                                 "models": {"directory": str(STATE / "north/models"), "default": "kuka-sim"},
                                 "state_directory": str(STATE / "north")}))
    run("systemctl", "enable", "--now", "armwatchd@north")
    expect(Unit("armwatchd@north", str(north)).active(), "not active")


# ---- upgrade, remove, purge

@check("upgrade: the services go on with the new version, the configuration and the chosen model are kept")
def check_upgrade():
    north = Unit("armwatchd@north", "")
    before, text, pid, other = version_of("armwatchd"), CONFIG.read_text(), running(), north.pid()
    began = time.monotonic()
    apt("install", *debs("2", "armwatch", "armwatchd", "armwatch-models"))
    took = time.monotonic() - began
    after = version_of("armwatchd")
    expect(run("dpkg", "--compare-versions", before, "lt", after, check=False).returncode == 0, f"{before}, {after}")
    expect(running() != pid and north.active() and north.pid() != other, "an old process goes on")
    expect(CONFIG.read_text() == text, "the configuration has changed")
    expect(not list(CONFIG.parent.glob("*.dpkg-*")), "there is a second configuration")
    wait(lambda: ask("status", check=False).get("ok"), 20, "an answer")
    said = run("journalctl", "-u", "armwatchd", "-o", "cat", "-n", "60", "--no-pager").stdout
    expect("audit: start: mine: " in said, "the chosen model is not in use")
    return f"{before} to {after} in {took:.1f} s"


@check("remove: stopped, units gone; configuration, state and models are kept")
def check_remove():
    apt("remove", "armwatchd", "armwatch", "armwatch-models")
    expect(not cell.active() and not run("pidof", "armwatchd", check=False).stdout, "a process goes on")
    expect(cell.show("LoadState") in ("not-found", "masked"), f"unit: {cell.show('LoadState')}")
    expect(CONFIG.exists() and (STATE / "models/mine.safetensors").exists(), "something was lost")


@check("install again: goes on where it was")
def check_reinstall():
    text = CONFIG.read_text()
    apt("install", *debs("2", "armwatch", "armwatchd", "armwatch-models"))
    running()
    expect(CONFIG.read_text() == text, "the configuration has changed")
    expect(cell.show("UnitFileState") == "enabled", f"unit file: {cell.show('UnitFileState')}")
    wait(lambda: ask("status", check=False).get("ok"), 20, "an answer")


@check("purge: nothing is left but the user and what the administrator has made")
def check_purge():
    apt("purge", "armwatchd", "armwatch", "armwatch-models")
    expect(leftovers() == ["/etc/armwatch"], f"left: {leftovers()}")
    expect([path.name for path in CONFIG.parent.iterdir()] == ["north.json"], "in /etc/armwatch")
    expect(not run("pidof", "armwatchd", check=False).stdout, "a process goes on")
    (CONFIG.parent / "north.json").unlink()
    CONFIG.parent.rmdir()
    user_id("armwatch")  # stays, as system users do: its number must not become another's


@check("install after a purge: as for the first time; a purge then leaves nothing at all")
def check_fresh():
    apt("install", *debs("1", "armwatch", "armwatchd", "armwatch-models"))
    running()
    expect("debug" not in CONFIG.read_text(), "an old configuration")
    apt("purge", "armwatchd", "armwatch", "armwatch-models")
    expect(not leftovers(), f"left: {leftovers()}")


# ---- development, and the packages' own tests

@check("autopkgtest library: a program is built by pkg-config against the -dev package")
def check_library():
    apt("install", "--no-install-recommends", "gcc", "libc6-dev", "pkg-config",
        *debs("2", "libarmwatch-dev", "libarmwatch0", "armwatch", "armwatch-models"))
    os.makedirs("/root/library", exist_ok=True)
    os.environ["AUTOPKGTEST_TMP"] = "/root/library"
    said = run("/root/debian/tests/library").stdout
    linked = run("ldd", "/root/library/score_csv").stdout
    expect("libarmwatch.so.0 =>" in linked, linked)
    return said.splitlines()[0]


@check("autopkgtest alert: the service as it is installed finds a slow arm")
def check_autopkgtest():
    apt("install", *debs("2", "armwatchd"))
    run("/root/debian/tests/alert")


# ---- runner

def carry_out(title, function):
    began = time.monotonic()
    try:
        said = function()
    except Failed as reason:
        return False, f"FAIL  {title}: {' / '.join(str(reason).splitlines())}"
    except Exception:
        return False, f"FAIL  {title}: {traceback.format_exc()}"
    return True, f"PASS  {title} ({said + '; ' if said else ''}{time.monotonic() - began:.1f} s)"


def main():
    failed = 0
    for title, function in checks:
        good, text = carry_out(title, function)
        failed += not good
        print(text, flush=True)
    print(f"{len(checks) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
