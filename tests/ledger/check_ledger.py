"""Holds what a collector heard against what an injector did.

check_ledger.py INJECTED.csv ALERTS.jsonl

INJECTED.csv: robot,first_seq,last_seq,owed: the rows of each anomaly; owed 1 if it outlasted the last outage for long enough
that it must have been told. ALERTS.jsonl: every alert message as it was heard, one a line.

Missing: an owed anomaly that no alert was about. Wrong: an alert that is about no anomaly. Duplicated: an alert that was raised
under two ids or cleared under two, or two contents with one id. Ends with 1 if there is any.
"""

import csv
import json
import sys

# Rows after the last wrong one that still share a window with it, or a filter.
TAIL_ROWS = 16


def read_injections(path):
    with open(path, newline="") as file:
        return [
            {"robot": row["robot"], "first": int(row["first_seq"]), "last": int(row["last_seq"]), "owed": row["owed"] == "1"}
            for row in csv.DictReader(file)
        ]


def read_alerts(path):
    """alert_id -> robot, rows from first to last, the ids of its messages by type; and contradictions."""
    alerts, contents, contradictions, messages = {}, {}, [], 0
    with open(path) as file:
        for line in file:
            event = json.loads(line)
            data = event["data"]
            messages += 1
            if contents.setdefault(event["id"], line) != line:
                contradictions.append(f"two contents under id {event['id']}")
            alert = alerts.setdefault(
                data["alert_id"],
                {"robot": data["robot"], "kind": data["kind"], "first": data["first_seq"], "last": data["last_seq"], "ids": {}},
            )
            alert["last"] = max(alert["last"], data["last_seq"])
            alert["ids"].setdefault(data["state"], set()).add(event["id"])
            if alert["robot"] != data["robot"] or alert["first"] != data["first_seq"]:
                contradictions.append(f"alert {data['alert_id']} changes its robot or its beginning")
    return alerts, contradictions, messages


def main():
    injections = read_injections(sys.argv[1])
    alerts, duplicated, messages = read_alerts(sys.argv[2])

    def meets(alert, injection):
        return (
            alert["robot"] == injection["robot"]
            and alert["first"] <= injection["last"] + TAIL_ROWS
            and alert["last"] >= injection["first"]
        )

    missing = [i for i in injections if i["owed"] and not any(meets(a, i) for a in alerts.values())]
    wrong = [
        f"{name} ({a['kind']} of {a['robot']}, rows {a['first']} to {a['last']})"
        for name, a in alerts.items()
        if not any(meets(a, i) and i["first"] <= a["first"] for i in injections)
    ]
    unheard = 0
    for name, alert in alerts.items():
        raised, cleared = len(alert["ids"].get("raised", ())), len(alert["ids"].get("cleared", ()))
        unheard += raised == 0
        if raised > 1 or cleared > 1:
            duplicated.append(f"alert {name} was raised {raised} times and cleared {cleared} times")
    distinct = sum(len(ids) for a in alerts.values() for ids in a["ids"].values())
    print(
        f"injected {len(injections)}, of them owed {sum(i['owed'] for i in injections)}; alerts {len(alerts)}, "
        f"messages {distinct}, heard again {messages - distinct}, raises that nobody heard {unheard}"
    )
    for title, found in (("missing", missing), ("wrong", wrong), ("duplicated", duplicated)):
        print(f"{title} {len(found)}")
        for item in found[:10]:
            print(f"  {item}")
    return 1 if missing or wrong or duplicated or not injections or not alerts else 0


sys.exit(main())
