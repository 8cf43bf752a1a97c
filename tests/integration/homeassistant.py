#!/usr/bin/env python3
"""homeassistant.py PROGRAM: runs a test program, and evaluates the templates of the discovery messages that it has heard on the
messages that it has heard on their topics, as Home Assistant would. Skipped without python3-jinja2."""
import json
import os
import subprocess
import sys
import tempfile

try:
    from jinja2.sandbox import ImmutableSandboxedEnvironment
except ImportError as error:
    print(f"skipped: {error}; it needs python3-jinja2")
    sys.exit(77)

ENVIRONMENT = ImmutableSandboxedEnvironment()


def render(template, payload):
    """Home Assistant gives a template the payload as JSON, and takes what it prints."""
    return ENVIRONMENT.from_string(template).render(value=payload, value_json=json.loads(payload))


def expected(key, message):
    """What an entity should show."""
    if key == "problem":
        return "ON" if message["alerts"] else "OFF"
    if key == "state":
        return message["state"]
    if key == "coverage":
        return "None" if message["coverage_1h"] is None else str(round(100 * message["coverage_1h"], 1))
    return str(message["score"])


def check_entity(key, entity, heard, shown):
    for payload in heard.get(entity["state_topic"], ()):
        found, wanted = render(entity["value_template"], payload), expected(key, json.loads(payload))
        if key in ("coverage", "score") and "None" not in (found, wanted):
            good = abs(float(found) - float(wanted)) < 1e-9
        else:
            good = found == wanted
        if not good:
            sys.exit(f"{key}: \"{found}\", expected \"{wanted}\": {payload}")
        if "options" in entity and found not in entity["options"]:
            sys.exit(f"{key}: \"{found}\" is none of the options")
        shown.setdefault(key, set()).add(found)


def check_attributes(entity, heard, shown):
    for payload in heard.get(entity["json_attributes_topic"], ()):
        attributes = json.loads(render(entity["json_attributes_template"], payload))
        if attributes != json.loads(payload)["data"]:
            sys.exit(f"attributes: {attributes}")
        shown.setdefault("attributes", set()).add(attributes["text"])


def check_config(config, heard, shown):
    for availability in config["availability"]:
        for payload in heard.get(availability["topic"], ()):
            found = render(availability["value_template"], payload)
            if found != ("offline" if json.loads(payload)["state"] == "offline" else "online"):
                sys.exit(f"availability: {found}: {payload}")
            shown.setdefault("availability", set()).add(found)
    unique = [entity["unique_id"] for entity in config["components"].values()]
    if len(set(unique)) != len(unique):
        sys.exit(f"ids that are not unique: {unique}")
    for key, entity in config["components"].items():
        check_entity(key, entity, heard, shown)
    check_attributes(config["components"]["problem"], heard, shown)


def read_record(path):
    heard = {}
    with open(path, encoding="utf-8") as file:
        for line in map(json.loads, file):
            if "topic" in line:
                heard.setdefault(line["topic"], []).append(line["payload"])
    return heard


def main(program):
    with tempfile.TemporaryDirectory() as directory:
        record = os.environ.setdefault("ARMWATCH_HEARING", os.path.join(directory, "record"))
        code = subprocess.run(program, check=False).returncode
        if code:
            return code
        heard, shown = read_record(record), {}
    configs = [payload for topic, payloads in heard.items() if topic.endswith("/kuka1/config") for payload in payloads]
    for payload in configs:
        check_config(json.loads(payload), heard, shown)
    for key, least in (("problem", 2), ("availability", 2), ("state", 3), ("score", 20), ("coverage", 1), ("attributes", 2)):
        print(f"{key}: {len(shown.get(key, ()))} values, such as {sorted(shown.get(key, ()))[:3]}")
        if len(shown.get(key, ())) < least:
            sys.exit(f"{key}: fewer than {least} values were seen")
    print(f"{len(configs)} discovery messages")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
