"""Makes the table of detection.sh: lines "fault robot session minutes <JSON of armwatch evaluate>" on stdin; raised alerts as lines
"fault <JSON>" in the file that is named."""
import json, math, sys

sys.path.insert(0, "src/run")
from promise_summary import limits  # noqa: E402

Z = 1.959963984540054
GROUPS = [("slow:0.5", "slow 50 %, whole sessions"), ("slow:0.75", "slow 75 %, whole sessions"), ("slow:0.9", "slow 90 %, whole sessions"),
          ("slow:0.5/some", "slow 50 %, one step in seven"), ("slow:0.75/some", "slow 75 %, one step in seven"),
          ("slow:0.9/some", "slow 90 %, one step in seven"), ("collision", "collision"), ("stuck", "stuck sensor"), ("dropout", "dropout"),
          ("loose", "loosened sensor")]
LASTING = [("friction:1.5", "friction +50 %"), ("payload:2", "payload 2 kg"), ("payload:1.5", "payload 1.5 kg"), ("payload:1", "payload 1 kg"),
           ("payload:0.75", "payload 0.75 kg"), ("payload:0.5", "payload 0.5 kg"), ("payload:0.25", "payload 0.25 kg")]


def wilson(found, count):
    """Score interval at 95 % of a share."""
    share, square = found / count, Z * Z / count
    middle = (share + square / 2) / (1 + square)
    half = Z * math.sqrt(share * (1 - share) / count + square / (4 * count)) / (1 + square)
    return max(0, middle - half), min(1, middle + half)


def share(found, count):
    low, high = wilson(found, count)
    return f"{found / count:.3f} ({low:.3f} to {high:.3f})"


def median_of(values, weights):
    """Weighted: each session's median counts as its events do."""
    pairs = sorted((v, w) for v, w in zip(values, weights) if v is not None)
    half, total = sum(w for _, w in pairs) / 2, 0
    for value, weight in pairs:
        total += weight
        if total >= half:
            return value
    return None


def seconds(value):
    return "–" if value is None else f"{value:.1f}"


def print_events(judged, detectors):
    print("| fault (simulated) | events | found by the set (95 %) | delay p50 / p90 s |", " | ".join(detectors), "| sensor fault |")
    print("|---|---|---|---|" + "---|" * (len(detectors) + 1))
    for key, name in GROUPS:
        sessions = [f for fault, _, _, _, f in judged if (fault == key or fault.startswith(key + ":")) and key[:4] != "slow" or fault == key]
        if not sessions:
            continue
        count, found = (sum(f[k] for f in sessions) for k in ("events", "events_found"))
        weights = [f["events_found"] for f in sessions]
        p50 = median_of([f["delay_p50_s"] for f in sessions], weights)
        p90 = median_of([f["delay_p90_s"] for f in sessions], weights)
        cells = [f"{sum(f['detectors'][d]['events_found'] for f in sessions) / count:.3f}" for d in detectors]
        cells.append(f"{sum(f['sensor_fault']['events_found'] for f in sessions) / count:.3f}")
        print(f"| {name} | {count} | {share(found, count)} | {seconds(p50)} / {seconds(p90)} |", " | ".join(cells), "|")


def print_lasting(judged, cycle_s):
    print(f"\n| fault (simulated) | sessions | found within 2 cycles ({2 * cycle_s / 60:.1f} min) | within 30 minutes | minutes until found, median (longest) |")
    print("|---|---|---|---|---|")
    for key, name in LASTING:
        delays = [f["delay_p50_s"] if f["events_found"] else None for fault, _, _, _, f in judged if fault == key]
        if not delays:
            continue
        found = sorted(d for d in delays if d is not None and d <= 1800)
        early = sum(d <= 2 * cycle_s for d in found)
        middle = f"{found[len(found) // 2] / 60:.1f} ({found[-1] / 60:.1f})" if found else "–"
        print(f"| {name} | {len(delays)} | {early} | {len(found)} | {middle} |")


def print_healthy(judged, detectors):
    sessions = [(robot, f) for fault, robot, _, _, f in judged if fault == "healthy"]
    alarms = sum(f["false_alarms"] for _, f in sessions)
    days = math.fsum(f["healthy_hours"] for _, f in sessions) / 24
    low, high = (limit / days for limit in limits(alarms))
    print(f"\nHealthy (simulated): {alarms} false alarms in {24 * days:.0f} h of {len(sessions)} unseen sessions: {alarms / days:.2f} a day "
          f"(95 % Poisson limits {low:.2f} and {high:.2f}), promised 1; the promise {'holds' if low <= 1 else 'is BROKEN'}.")
    print("By robot:", ", ".join(f"{r}: {sum(f['false_alarms'] for robot, f in sessions if robot == r)}" for r in sorted({r for r, _ in sessions})) + ";",
          "by detector:", ", ".join(f"{d} {sum(f['detectors'][d]['false_alarms'] for _, f in sessions)}" for d in detectors) + ",",
          f"sensor fault {sum(f['sensor_fault']['false_alarms'] for _, f in sessions)}.")


def print_attribution(path):
    """The faulty link stands first in the alert."""
    first = {}
    for line in open(path):
        fault, alert = line.split(" ", 1)
        kind, sensor = fault.split(":")
        alert = json.loads(alert)
        right = bool(alert["groups"]) and alert["groups"][0]["name"] == f"sensor_id{sensor}"
        for key in (kind, "all"):
            first.setdefault((key, alert["kind"]), []).append(right)
    print("\n| faulty link named first (simulated) | alert kind | alerts | share (95 %) |\n|---|---|---|---|")
    for (fault, kind), rights in sorted(first.items()):
        print(f"| {fault} | {kind} | {len(rights)} | {share(sum(rights), len(rights))} |")


def main():
    judged = []
    for line in sys.stdin:
        fault, robot, session, minutes, figures = line.split(" ", 4)
        judged.append((fault, int(robot), int(session), int(minutes), json.loads(figures)))
    detectors = list(judged[0][4]["detectors"])
    # A session that is labelled throughout: each of its steps is an event, and a cycle has 32.
    whole = [(minutes, f["events"]) for fault, _, _, minutes, f in judged if fault == "payload:0.01"]
    cycle_s = 60 * sum(m for m, _ in whole) / (sum(events for _, events in whole) / 32)
    print_events(judged, detectors)
    print_lasting(judged, cycle_s)
    print_healthy(judged, detectors)
    print_attribution(sys.argv[1])


main()
