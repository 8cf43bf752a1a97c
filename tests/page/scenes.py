"""What the daemon may have to tell, in the form of its API: made up, for the page's tests."""
import datetime
import math
import random
import time

MODEL = {"name": "kuka-sim", "version": 3, "sha256": "9990cc8f" * 8, "channels": 86,
         "detectors": [{"name": "analog", "threshold": 0.7697, "score": 0.2541}, {"name": "step-time", "threshold": 4.05, "score": None},
                       {"name": "cycle-power", "threshold": 18.5}, {"name": "autoencoder", "threshold": 0.01338}],
         "target_false_alarms_per_day": 1, "supported_false_alarms_per_day": 12.4}
STATES = ["suspended", "stale", "alert", "stopped", "not_evaluated", "degraded", "commissioning", "warming", "ok"]


def rfc3339(seconds):
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def ago(seconds):
    return rfc3339(time.time() - seconds)


def alert(severity="critical", kind="anomaly", text="link 2 turns 41 % slower than expected in step 7 (12.1 deg/s, expected 20.5)",
          started=252, name="b7e189f52f5c254d90925dca52bd7704", acked=False):
    return {"alert_id": name, "kind": kind, "severity": severity, "started": ago(started), "acked": acked, "text": text}


def robot(name, state="ok", **more):
    told = {"robot": name, "state": state, "reasons": [], "since": ago(5400), "score": 0.33, "coverage_1h": 0.998,
            "last_sample_age_s": 0.08, "rate_hz": 10.0, "model": "kuka-sim", "model_version": 3, "alerts": []}
    told.update(more)
    return told


def overview(robots, **more):
    told = {"instance": "cell7", "version": "0.1.0", "now": ago(0), "uptime_s": 356400, "state": "online", "reasons": [],
            "broker": {"connected": True, "url": "mqtt://127.0.0.1:1883"},
            "counters": {"samples": 3564210, "rejected": 12, "windows": 3551980, "alerts": 7}, "robots": robots}
    told.update(more)
    return {"overview": told}


def episode(state="raised", **more):
    told = {"alert_id": "b7e189f52f5c254d90925dca52bd7704", "kind": "anomaly", "severity": "critical", "state": state,
            "started": ago(252), "ended": None if state == "raised" else ago(231), "score": 5.09, "peak_score": 20.4,
            "text": "link 2 turns 41 % slower than expected in step 7 (12.1 deg/s, expected 20.5)", "step": 7, "acked": False,
            "verdict": None,
            "channels": [
                {"name": "sensor_id2_GyroY", "unit": "deg/s", "share": 0.41, "observed": -12.1, "expected": -20.5, "z": 9.29},
                {"name": "sensor_id2_AccX", "unit": "g", "share": 0.18, "observed": 0.412, "expected": 0.977, "z": -6.1},
                {"name": "sensor_id3_rotation", "unit": "deg", "share": 0.09, "observed": 14.2, "expected": 0, "z": 4.4},
                {"name": "sensor_id3_GyroZ", "unit": "deg/s", "share": 0.06, "observed": 3.31, "expected": -4.02, "z": 3.2}],
            "groups": [{"name": "sensor_id2", "label": "link 2", "share": 0.62}, {"name": "sensor_id3", "label": "link 3", "share": 0.21},
                       {"name": "sensor_id1", "label": "link 1", "share": 0.08}],
            "detectors": [{"name": "analog", "score": 3.92, "threshold": 0.7697, "ratio": 5.09},
                          {"name": "step-time", "score": 6.1, "threshold": 4.05, "ratio": 1.51}],
            "model": {"name": "kuka-sim", "version": 3}}
    told.update(more)
    return told


def fault(**more):
    return episode("cleared", alert_id="f1", kind="sensor_fault", severity="warning", started=ago(543), ended=ago(538.8), score=None,
                   peak_score=None, step=None, text="link 5 stands still while the arm moves (11 channels flat for 0.3 s)",
                   channels=[{"name": f"sensor_id5_{part}", "share": 0.25, "observed": 0.977, "expected": None, "z": None}
                             for part in ("AccX", "AccY", "GyroX", "GyroY")],
                   groups=[{"name": "sensor_id5", "label": "link 5", "share": 1}], detectors=[], **more)


def scores(seed=1, peak_s=252):
    """Ten minutes of maxima of a second, with a hole, a single lost second, and a hit."""
    rng, values = random.Random(seed), []
    for i in range(600):
        age = 600 - i
        value = 0.3 * math.exp(rng.gauss(0, 0.25)) * (1.3 if i % 33 < 4 else 1)
        if 330 < age < 392 or age == 455:
            value = None
        elif peak_s and age <= peak_s:
            value = 5 * math.exp(rng.gauss(0, 0.4))
        elif 540 < age < 544:
            value = 1.8
        values.append(value)
    return {"t0": time.time() - 600, "interval_s": 1, "values": values}


def details(robot_told):
    alerts = robot_told["alerts"]
    episodes = [episode(alert_id=a["alert_id"], kind=a["kind"], severity=a["severity"], started=a["started"], text=a["text"])
                for a in alerts]
    return {"model": MODEL,
            "drift": {"level": "stable", "psi": 0.04, "between_sessions": 0.12, "detector": "analog", "hours": 23.5, "since": None, "channels": []},
            "counters": {"samples": 356421, "rejected": {"wrong_count": 3, "out_of_range": 1}, "windows": 355198, "not_evaluated": 1219, "gated": 1200,
                         "missing": 15, "late": 0},
            "episodes": episodes + [fault(), episode("cleared", alert_id="e9", started=ago(86000), ended=ago(85979), severity="warning",
                                                     peak_score=1.66, verdict="true", cleared_text="kuka1 moves as usual again after 21.1 s", acked=True,
                                                     text="the arm moves 9 % slower than expected in step 6")],
            "scores": scores(peak_s=252 if alerts else 0)}


# ---- scenes

def cell():
    """A cell with everything in it."""
    return overview([
        robot("kuka1", "alert", since=ago(252), score=5.09, alerts=[alert()]),
        robot("kuka2", "ok", score=0.41),
        robot("kuka3", "alert", since=ago(31), score=None, alerts=[
            alert("warning", "sensor_fault", "link 4 stands still while the arm moves (11 channels flat for 0.3 s)", 31, "c2")]),
        robot("weld-left", "stale", since=ago(47), score=0.29, last_sample_age_s=48.2, rate_hz=None, coverage_1h=0.87),
        robot("weld-right", "degraded", reasons=["missing"], since=ago(610), score=0.52, coverage_1h=0.962, rate_hz=9.7),
        robot("paint1", "not_evaluated", reasons=["mode t1", "$OV_PRO 30"], since=ago(3900), score=0.3, coverage_1h=0.41),
        robot("paint2", "stopped", since=ago(7300), score=0.22, coverage_1h=0.12),
        robot("gripper", "suspended", reasons=["not_evaluated"], since=ago(1200), score=0.31,
              suspended={"until": ago(-3600), "reason": "gripper is changed"}),
        robot("new-arm", "commissioning", reasons=[], score=0.0, coverage_1h=0.94),
        robot("kuka10", "ok", score=0.27),
        robot("kuka4", "warming", score=None, coverage_1h=None, since=ago(2)),
        robot("kuka5", "ok", score=0.88)])


def well(count=6):
    return overview([robot(f"kuka{i + 1}", score=0.2 + 0.07 * i) for i in range(count)])


def empty():
    return overview([], counters={"samples": 0, "rejected": 0, "windows": 0, "alerts": 0}, uptime_s=42)


def degraded():
    return overview([robot("kuka1", "stale", since=ago(30), last_sample_age_s=31.0, rate_hz=None)], state="degraded",
                    reasons=["broker", "journal", "no_samples", "something_new"], broker={"connected": False, "url": "mqtts://broker.cell7:8883", "reason": "connection refused"})


def commissioning():
    told = overview([robot("new-arm", "commissioning", score=0.0, reasons=["target_supported"])])
    told["details"] = {"new-arm": {
        "model": {**MODEL, "detectors": [{"name": "analog", "threshold": None}], "supported_false_alarms_per_day": None},
        "commissioning": {"mode": "learning", "hours": 72.4, "sessions": 9, "windows": 446400, "false_alarms_per_day": 1,
                          "supported_per_day": 0.99, "needed_hours": 72, "ready_at": None, "advice": "target supported: arm it"},
        "drift": None, "episodes": [], "scores": scores(3, 0)}}
    return told


def fleet(count=1000, seed=1):
    rng = random.Random(seed)
    robots = []
    for i in range(count):
        state = rng.choices(STATES, [2, 8, 6, 10, 20, 10, 4, 2, 938])[0]
        alerts = [alert(rng.choice(["critical", "warning"]), started=rng.randint(5, 4000), name=f"a{i}")] if state == "alert" else []
        robots.append(robot(f"robot{i:04d}", state, score=rng.uniform(1, 20) if alerts else rng.uniform(0.1, 0.9),
                            since=ago(rng.randint(5, 90000)), coverage_1h=rng.choice([0.999, 0.99, 0.7]),
                            rate_hz=rng.uniform(9.8, 10.2), alerts=alerts))
    return overview(robots)


HOSTILE = ["<script>alert(1)</script>", "\"'`&amp;<b>", "\u202egnidaeh\u202e drawkcab", "%2e%2e/#robot/x?y&name=z", "العربية robot",
           "R" * 64, "__proto__", "constructor", "a b\tc", "<img src=x onerror=alert(2)>"]


def hostile():
    told = overview([robot(name, "alert", model=name, reasons=[name], alerts=[alert(text=name, name=f"h{i}")])
                     for i, name in enumerate(HOSTILE)], instance=HOSTILE[0], reasons=[HOSTILE[9], "__proto__"], state="degraded")
    told["details"] = {name: {"episodes": [episode(
        text=name, kind=name, severity="constructor", channels=[{"name": name, "unit": name, "share": 7, "observed": 1e300, "expected": -1e300, "z": None}],
        groups=[{"name": name, "share": -3}], detectors=[{"name": name, "score": None, "threshold": None, "ratio": None}],
        model={"name": name, "version": 1}, verdict=name)], "counters": {"samples": 1, "rejected": {name: 1, "__proto__": 2}, "windows": None, "not_evaluated": None},
        "commissioning": {"mode": "constructor", "hours": None, "sessions": name, "advice": name, "ready_at": name},
        "drift": {"level": name, "psi": None, "detector": name, "hours": None, "channels": [{"name": name}]},
        "scores": {"t0": name, "interval_s": 0, "values": [1e9, None, -5, 0, 1]}} for name in HOSTILE}
    return told
