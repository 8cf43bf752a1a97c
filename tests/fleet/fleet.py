#!/usr/bin/python3
"""./run fleet: a fleet through kills, freezes and cuts: what is owned, scored and told, held against what was sent.

fleet.py DIRECTORY ARMWATCH ARMWATCHD [--robots N] [--hz N] [--ttl N] [--loopback] [--json FILE]
"""
import argparse
import json
import signal
import statistics
import subprocess
import sys
import time

import plant as plants
from plant import NODES, PARTITIONS

BEHIND, BEHIND_SEQ = 20, 10000000  # robots of the cell behind a cut, and where its numbers begin

passed, failed = 0, 0
rows = []


def check(holds, text):
    global passed, failed
    passed, failed = passed + bool(holds), failed + (not holds)
    print(f"  {'holds ' if holds else 'BROKEN'}  {text}", flush=True)


def must(holds, text):
    check(holds, text)
    if not holds:
        sys.exit("fleet: nothing can be tried so; the logs are in the directory")


def wait(condition, limit_s):
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.1)
    return bool(condition())


class Trial:
    def __init__(self, args):
        self.args = args
        self.plant = plants.Plant(args.directory, args.robots, args.ttl, args.armwatch, args.armwatchd,
                                  not args.loopback)
        self.names = [f"r{i}" for i in range(args.robots)]
        self.turns = []  # of wrong robots: (robot, seq at which it went wrong, seq at which it was well)
        self.cuts = 0
        self.wrong = {}

    # ---- beginning and end

    def start(self):
        self.plant.train()
        for node in NODES:
            self.plant.start_node(node)
        self.ears = plants.Ears(self.plant)
        must(wait(lambda: len(self.ears.online) == 3, 60), "three NATS nodes, an observer at each")
        for name, host in zip("abc", NODES):
            self.plant.start_daemon(name, host)
        must(wait(lambda: self.even(3), 60), f"three instances own all {PARTITIONS} partitions, each one once")
        self.plant.start_cell()
        time.sleep(1)
        argv = [sys.executable, plants.HERE + "/sender.py", self.plant.address("cell"), "1883", str(self.args.robots),
                str(self.args.hz)]
        self.sender = plants.Process(self.plant.hosts["cell"], argv, self.plant.path("sender.log"),
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.began = time.monotonic()
        must(wait(lambda: len(self.ears.arrivals(self.began)) == self.args.robots, 30),
             f"all {self.args.robots} robots are scored")
        time.sleep(4)
        check(all(s.get("partition") == plants.partition_of(r) for r, s in self.ears.states.items()),
              "partitions are those of FNV-1a of the robot's name, modulo 24")

        code, said = self.plant.fleet()
        check(code == 0, "armwatch fleet says so, too:")
        print("".join(f"          {line}\n" for line in said.splitlines()), end="", flush=True)

    def stop(self):
        if hasattr(self, "sender"):
            self.sender.end(signal.SIGKILL)
        if hasattr(self, "ears"):
            self.ears.stop()
        self.plant.stop()

    # ---- who owns what

    def shared_out(self, number=None):
        owners = self.ears.owners()
        sets = [s for s in owners.values() if s]
        return sum(map(len, sets)) == PARTITIONS == len(set().union(*sets)) and (number is None or len(sets) == number)

    def even(self, number):
        sizes = [len(s) for s in self.ears.owners().values() if s]
        return self.shared_out(number) and max(sizes) - min(sizes) <= 1

    def robots_of(self, instance):
        owned = self.ears.owners()[instance]
        return [r for r in self.names if plants.partition_of(r) in owned]

    # ---- robots that move wrongly

    def turn(self, word, robots):
        self.sender.popen.stdin.write(f"{word} {' '.join(robots)}\n")
        self.sender.popen.stdin.flush()
        for _ in robots:
            _, robot, seq = self.sender.popen.stdout.readline().split()
            if word == "wrong":
                self.wrong[robot] = int(seq)
            else:
                self.turns.append((robot, self.wrong.pop(robot), int(seq)))

    def pick(self, robots, number):
        """Each robot goes wrong once at most, so that an alert belongs to one episode."""
        fresh = [r for r in robots if r not in self.wrong and r not in {t[0] for t in self.turns}]
        return fresh[:number]

    def raised(self, robots):
        with self.ears.lock:
            open_now = {robot for _, robot, data, _ in self.ears.alerts.values() if data["kind"] == "anomaly"}
        return set(robots) <= open_now

    def cleared(self, robots):
        with self.ears.lock:
            over = {robot for _, robot, data, _ in self.ears.alerts.values() if data["state"] == "cleared"}
        return set(robots) <= over

    # ---- one fault

    def fault(self, title, limit_s, harm, affected, heal=None, lasts_s=20, without=(), number=None):
        """Anomalies that are open before, and others that begin meanwhile; returns the first score's delay."""
        print(f"\n{title}", flush=True)
        before = self.pick(affected, 6)
        self.turn("wrong", before)
        check(wait(lambda: self.raised(before), 30), f"{len(before)} anomalies were raised before it")
        time.sleep(2)  # the states that follow from it are told, too
        began = time.monotonic()
        harm()
        time.sleep(1)
        during = self.pick(affected, 4)
        self.turn("wrong", during)
        rest = lasts_s - (time.monotonic() - began)
        time.sleep(max(rest, 0))
        arrivals = self.ears.arrivals(began - 2 / self.args.hz, without)
        delays = [first_after(arrivals.get(r, []), began, self.args.hz) for r in affected]
        worst = max(delays)
        healed = time.monotonic()
        if heal:
            heal()
        check(worst <= limit_s, f"first score of the {len(affected)} robots after {worst:.1f} s at most "
                                f"(median {statistics.median(delays):.1f} s, limit {limit_s:g} s)")
        check(wait(lambda: self.raised(during), 30), f"{len(during)} anomalies that began meanwhile were raised")
        check(wait(lambda: self.even(number or 3), 60), f"{number or 3} instances share the partitions "
                                                        f"{time.monotonic() - healed:.1f} s after it")
        time.sleep(3)
        again = longest_pause(self.ears.arrivals(healed - 2 / self.args.hz), time.monotonic())
        print(f"  seen    longest pause of a robot since it was mended: {again:.1f} s", flush=True)
        self.turn("well", before + during)
        check(wait(lambda: self.cleared(before + during), 40), "all of them were cleared")
        rows.append({"fault": title, "robots": len(affected), "median_s": round(statistics.median(delays), 2),
                     "longest_s": round(worst, 2), "limit_s": limit_s, "after_s": round(again, 2)})

    def kill_daemon(self):
        affected = self.robots_of("b")
        self.fault("kill -9 of a daemon, which comes back after 12 s", 5,
                   lambda: self.plant.daemons["b"].end(signal.SIGKILL), affected,
                   lambda: self.plant.start_daemon("b", "n2"), lasts_s=12)

    def freeze_daemon(self):
        affected = self.robots_of("c")
        process = self.plant.daemons["c"]
        self.fault("a daemon is frozen for 12 s", 5, lambda: process.send(signal.SIGSTOP), affected,
                   lambda: process.send(signal.SIGCONT), lasts_s=12)

    def kill_node(self):
        """The one that the bridge and an instance are at."""
        self.fault("kill -9 of the NATS node of the bridge and of an instance, for 25 s", 15,
                   lambda: self.plant.nodes["n1"].end(signal.SIGKILL), self.names,
                   lambda: self.plant.start_node("n1"), lasts_s=25)

    def cut_host(self):
        """Samples of some robots are sent on both sides, and somebody listens on both."""
        self.plant.daemons["c"].end()  # it may be at another node since: it begins with its own host's
        must(wait(lambda: self.even(2), 60), "the instance on the host that is to be cut off is started anew")
        self.plant.start_daemon("c", "n3")
        must(wait(lambda: self.even(3), 60), "it has its share")
        time.sleep(2)
        affected = self.robots_of("c")
        both, host = affected[-BEHIND:], self.plant.hosts["n3"]
        self.cuts += 1
        cell = self.plant.start_cell_behind("n3", self.cuts * BEHIND_SEQ, self.args.hz, both)
        must(cell, f"a cell behind the host that is to be cut off, with {len(both)} of its robots")
        times = {}

        def say(word):
            cell.popen.stdin.write(word + "\n")
            cell.popen.stdin.flush()

        def cut():
            host.cut(True)
            times["cut"] = time.monotonic()
            say("go")

        def heal():
            say("stop")
            times["sent"], times["heard"] = map(int, cell.popen.stdout.readline().split())
            times["end"] = time.monotonic()
            time.sleep(1)
            host.cut(False)

        self.fault("a host with a NATS node and an instance is cut off for 25 s", 15, cut, affected, heal, lasts_s=25,
                   without=("n3",))
        cell.end(signal.SIGKILL)
        self.judge_cut(both, times)

    def judge_cut(self, both, times):
        """Nobody scores a robot there once somebody scores it here."""
        with self.ears.lock:
            heard = {node: [s for s in scores if times["cut"] < s[0] < times["end"]]
                     for node, scores in self.ears.scores.items()}
        last, first = {}, {}
        for at, robot, *_ in heard["n3"]:
            last[robot] = at
        for at, robot, *_ in sorted(heard["n1"] + heard["n2"]):
            first.setdefault(robot, at)
        behind = [s for s in heard["n3"] if s[2] >= BEHIND_SEQ]
        longest = max([at - times["cut"] for at in last.values()], default=0)
        check(times["sent"] == times["heard"] > 0, f"{times['sent']} samples were sent behind the cut, of robots that went on "
              f"sending on this side; {times['heard']} of them were heard there, {len(behind)} scored while its leases lasted")
        check(longest <= self.args.ttl, f"the last score behind the cut came after {longest:.1f} s (limit {self.args.ttl:g} s)")
        late = [r for r in last if r in first and last[r] >= first[r]]
        gaps = [first[r] - last[r] for r in last if r in first]
        check(not late, f"{len(gaps)} robots were scored on both sides, {len(late)} of them on both at a time"
                        + (f": {min(gaps):.1f} s at least lie between" if gaps else ""))
        check(all(s[2] < BEHIND_SEQ for s in heard["n1"] + heard["n2"]), "nothing came through the cut")

    def join_and_leave(self):
        print("\nan instance joins, and leaves in order", flush=True)
        before = self.ears.owners()
        began = time.monotonic()
        self.plant.start_daemon("d", "n1")
        check(wait(lambda: self.even(4), 40), f"four share evenly {time.monotonic() - began:.1f} s after the start")
        after = self.ears.owners()
        moved = sum(len(before[i] - after.get(i, set())) for i in before)
        check(moved == len(after.get("d", ())) == PARTITIONS // 4, f"{moved} partitions moved, all to the new one")
        began = time.monotonic()
        self.plant.daemons["d"].end()
        check(wait(lambda: self.even(3), 40), f"three share evenly {time.monotonic() - began:.1f} s after the stop")
        last = self.ears.owners()
        kept = sum(len(after[i] & last[i]) for i in "abc" if i in after)
        check(kept == PARTITIONS - PARTITIONS // 4, "only those of the one that left moved")
        time.sleep(3)
        arrivals = self.ears.arrivals(began - 1)
        delays = [first_after(arrivals.get(r, []), began, self.args.hz) for r in self.names
                  if plants.partition_of(r) in after.get("d", ())]
        rows.append({"fault": "an instance leaves in order", "robots": len(delays), "limit_s": None,
                     "median_s": round(statistics.median(delays), 2), "longest_s": round(max(delays), 2)})

    # ---- the ledger

    def judge_owners(self, scores):
        """Each score names who judged the sample, in which epoch of its partition."""
        first, of_epoch, two = {}, {}, set()
        for heard in scores.values():
            for at, robot, seq, instance, epoch in heard:
                key = robot, seq, instance, epoch
                first[key] = min(at, first.get(key, at))
                if of_epoch.setdefault((robot, epoch), instance) != instance:
                    two.add(robot)
        last, moves = {}, 0
        for (robot, _, _, epoch), _ in sorted(first.items(), key=lambda item: item[1]):
            newest = last.get(robot, 0)
            moves += 0 < newest < epoch
            if epoch < newest:
                two.add(robot)
            last[robot] = max(epoch, newest)
        check(not two, f"robots had another owner {moves} times; {len(two)} of them had two at a time {sorted(two)[:5]}")

    def judge(self):
        print("\nthe ledger", flush=True)
        with self.ears.lock:
            scores = {node: list(heard) for node, heard in self.ears.scores.items()}
            alerts = sorted(self.ears.alerts.values(), key=lambda a: a[0])
        for node, heard in scores.items():
            twice, back, last = 0, 0, {}
            seen = set()
            for _, robot, seq, _, _ in heard:
                twice += (robot, seq) in seen
                seen.add((robot, seq))
                if seq >= BEHIND_SEQ:
                    continue  # those are a second source's
                back += seq < last.get(robot, -1)
                last[robot] = seq
            check(twice == 0 and heard, f"{len(heard)} scores heard at {node}: {twice} samples scored twice")
            check(back == 0, f"their order of each robot: {back} out of order")
        self.judge_owners(scores)
        episodes = {}
        for _, robot, data, _ in alerts:
            if data["kind"] == "anomaly":
                episodes.setdefault(robot, {}).setdefault(data["alert_id"], set()).add(data["state"])
        lost = [t for t in self.turns if t[0] not in episodes]
        second = [r for r, ids in episodes.items() if len(ids) > 1]
        strange = [r for r in episodes if r not in {t[0] for t in self.turns}]
        check(not lost, f"{len(self.turns)} anomalies were injected, {len(lost)} not told {lost[:3]}")
        check(not second, f"{len(second)} with a second alert_id {second[:5]}")
        check(not strange, f"{len(strange)} alerts of robots that were well {strange[:5]}")
        check(all({"raised", "cleared"} <= states for ids in episodes.values() for states in ids.values()),
              "each was raised, and cleared under the same alert_id")


def first_after(times, began, hz):
    """When the robot is scored again: the end of its longest pause, counted from the harm."""
    best, end = 0, None
    edges = [t for t in times if t < began][-1:] or [began]
    for t in [t for t in times if t >= began]:
        if t - edges[-1] > max(best, 1.6 / hz):
            best, end = t - edges[-1], t
        edges.append(t)
    if len(edges) == 1:
        return 999.0
    return (end or edges[1]) - began


def longest_pause(arrivals, now):
    return max(max(b - a for a, b in zip(times, times[1:] + [now])) for times in arrivals.values())


def main():
    parser = argparse.ArgumentParser()
    for name in ("directory", "armwatch", "armwatchd"):
        parser.add_argument(name)
    parser.add_argument("--robots", type=int, default=200)
    parser.add_argument("--hz", type=float, default=2)
    parser.add_argument("--ttl", type=float, default=3)
    parser.add_argument("--loopback", action="store_true")
    parser.add_argument("--json")
    parser.add_argument("--only", default="kill_daemon,freeze_daemon,kill_node,cut_host,join_and_leave")
    args = parser.parse_args()
    trial = Trial(args)
    try:
        trial.start()
        for name in args.only.split(","):
            if name == "cut_host" and args.loopback:
                print("\nskipped: a host is cut off: needs root and network namespaces", flush=True)
                continue
            getattr(trial, name)()
        trial.judge()
    finally:
        trial.stop()
    print(f"\n{'robots and samples are simulated':<76}{'robots':>7}{'median':>9}{'longest':>9}{'limit':>8}")
    for row in rows:
        limit = f"{row['limit_s']} s" if row["limit_s"] else "-"
        print(f"{row['fault']:<76}{row['robots']:>7}{row['median_s']:>7} s{row['longest_s']:>7} s{limit:>8}")
    if args.json:
        plants.write(args.json, json.dumps(rows, indent=1) + "\n")
    print(f"\n{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
