#!/usr/bin/env python3
"""schemas.py DIRECTORY [--complete] PROGRAM [ARGUMENT]...: runs a test program and holds every message that it has heard, and
every command and sample that it has sent, against the schemas in DIRECTORY (docs/schemas).

The schemas let members pass that they do not list, for a later version may have more. Here they do not: what the daemon says
and no schema lists is not documented. --complete: each message, transition, kind and answer must have been heard, and messages
that are broken in every way that comes to mind must be refused. Without python3-jsonschema the program runs all the same;
--complete is then skipped.
"""
import copy
import json
import os
import re
import subprocess
import sys
import tempfile
import warnings

warnings.simplefilter("ignore", DeprecationWarning)
try:
    import jsonschema
    from jsonschema import Draft202012Validator, FormatChecker
except ImportError as error:
    jsonschema, MISSING = None, str(error)

SKIPPED = 77
TOPICS = (
    (re.compile(r"/robot/[^/]+/(score|alert|state)$"), lambda match: match.group(1)),
    (re.compile(r"/service/[^/]+/status$"), lambda match: "status"),
    (re.compile(r"/device/armwatch-[^/]+/[^/]+/config$"), lambda match: "discovery"),
    (re.compile(r"/service/[^/]+/control/reply(/.+)?$"), lambda match: "reply"),
)
DATE = re.compile(r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[Tt]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?([Zz]|[+-]\d\d:\d\d)$")
REFERENCE = re.compile(r"^([A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*$")
SHOWN = 20


def formats():
    """The formats that the schemas use: what the library knows of them hangs on further packages."""
    checker = FormatChecker(formats=())
    checker.checks("date-time")(lambda text: not isinstance(text, str) or bool(DATE.match(text)))
    checker.checks("uri-reference")(lambda text: not isinstance(text, str) or bool(REFERENCE.match(text)))
    checker.checks("uri")(
        lambda text: not isinstance(text, str) or bool(re.match(r"^[A-Za-z][A-Za-z0-9+.-]*:", text) and REFERENCE.match(text)))
    return checker


def close(schema):
    """Nothing but what is listed, wherever an object lists members and does not say that others may come."""
    if isinstance(schema, list):
        for part in schema:
            close(part)
    if not isinstance(schema, dict):
        return
    for part in schema.values():
        close(part)
    kinds = schema.get("type", ())
    lists = "properties" in schema or ("$ref" in schema and kinds == "object")
    if lists and "object" in kinds and "additionalProperties" not in schema:
        schema["unevaluatedProperties" if "$ref" in schema else "additionalProperties"] = False


def with_references(store):
    """What a validator needs to find the other schemas: releases from 4.18 on have another way than those before."""
    try:
        from referencing import Registry, Resource
    except ImportError:
        from jsonschema import RefResolver
        return lambda schema: {"resolver": RefResolver(schema["$id"], schema, store=store)}
    registry = Registry().with_resources((identity, Resource.from_contents(schema)) for identity, schema in store.items())
    return lambda schema: {"registry": registry}


class Schemas:
    def __init__(self, directory):
        self.store = {}
        for name in sorted(os.listdir(directory)):
            if not name.endswith(".schema.json"):
                continue
            with open(os.path.join(directory, name), encoding="utf-8") as file:
                schema = json.load(file)
            Draft202012Validator.check_schema(schema)
            close(schema)
            self.store[schema["$id"]] = schema
        self.validators = {}
        checker, references = formats(), with_references(self.store)
        for identity, schema in self.store.items():
            kind = identity.rsplit("/", 1)[1].split(".")[0]
            self.validators[kind] = Draft202012Validator(schema, format_checker=checker, **references(schema))

    def complaint(self, kind, message):
        """None where the message is as the schema says."""
        error = jsonschema.exceptions.best_match(self.validators[kind].iter_errors(message))
        if error is None:
            return None
        while error.context:
            error = min(error.context, key=lambda part: len(part.context or ()))
        return f"{'.'.join(str(step) for step in error.absolute_path) or 'message'}: {error.message[:300]}"


def kind_of(topic):
    for pattern, kind in TOPICS:
        match = pattern.search(topic)
        if match:
            return kind(match)
    return None


def check_line(schemas, line, seen):
    """Returns a complaint, or None; what it was goes into seen."""
    kind = line.get("kind") or kind_of(line["topic"])
    if not kind:
        return None
    try:
        message = json.loads(line["payload"])
    except ValueError as error:
        if line.get("good", True):
            return f"{kind}: {error}: {line['payload'][:200]}"
        return None
    complaint = schemas.complaint(kind, message)
    seen.setdefault(kind, []).append(message)
    if line.get("good", True) == (complaint is None):
        return None
    if complaint is None:
        return f"{kind}: the schema lets pass what was refused: {line['payload'][:300]}"
    return f"{kind}: {complaint}\n    {line['payload'][:600]}"


def check_record(schemas, path, seen):
    complaints, known = [], set()
    with open(path, encoding="utf-8") as file:
        for text in file:
            line = json.loads(text)
            key = (line.get("kind") or kind_of(line["topic"]), line["payload"], line.get("good"))
            if key in known:
                continue
            known.add(key)
            complaint = check_line(schemas, line, seen)
            if complaint:
                complaints.append(complaint)
    return complaints


# ---- --complete

def wanted(seen):
    """What is missing of all that there is to hear."""
    parts = set()
    for kind, messages in seen.items():
        parts.add(kind)
        for message in messages:
            if kind == "alert":
                parts.add(f"alert {message['data']['kind']} {message['data']['state']}")
            elif kind in ("state", "status"):
                parts.add(f"{kind} {message['state']}")
            elif kind == "reply":
                parts.add(f"reply {message.get('command')} {message['ok']}")
    needed = {"score", "sample", "control", "reply None False"}
    needed |= {f"alert {kind} {state}" for kind in ("anomaly", "sensor_fault", "silent") for state in ("raised", "cleared")}
    needed.add("alert anomaly updated")
    needed |= {f"state {state}" for state in ("suspended", "stale", "alert", "stopped", "not_evaluated", "degraded",
                                              "commissioning", "warming", "ok")}
    needed |= {f"status {state}" for state in ("online", "degraded", "offline")}
    needed |= {f"reply {command} {ok}" for command in ("status", "reload", "rollback", "suspend", "resume", "commission",
                                                       "arm", "disarm", "threshold", "ack", "shadow", "promote",
                                                       "unshadow") for ok in (True, False)}
    needed |= {f"reply {command} True" for command in ("verdicts", "shadow-report", "audit")}
    return sorted(needed - parts)


def broken(message, required):
    """The message, broken in one way at a time."""
    for name, value in message.items():
        if name in required:
            part = copy.deepcopy(message)
            del part[name]
            yield f"without {name}", part
        part = copy.deepcopy(message)
        part[name] = {"a": [value]} if not isinstance(value, dict) else [value]
        yield f"{name} of another type", part
        if isinstance(value, dict) and value:
            part = copy.deepcopy(message)
            part[name]["undocumented"] = 1
            if name not in ("refused", "rejected", "data"):
                yield f"{name} with one member more", part
    part = copy.deepcopy(message)
    part["undocumented"] = 1
    yield "one member more", part


def check_broken(schemas, seen):
    required = {
        "score": ("robot", "time", "seq", "score", "detectors", "model", "model_version"),
        "alert": ("specversion", "id", "source", "type", "subject", "time", "datacontenttype", "data"),
        "state": ("robot", "state", "reasons", "since", "score", "coverage_1h", "alerts", "model", "model_version"),
        "status": ("instance", "version", "pid", "since", "state", "reasons", "samples", "outbox", "control"),
        "reply": ("ok", "error", "models", "robot_states", "sha256", "commissioning"),
    }
    complaints = []
    for kind, names in required.items():
        for message in seen.get(kind, ())[:40]:
            for how, part in broken(message, names):
                if schemas.complaint(kind, part) is None:
                    complaints.append(f"{kind} {how}: the schema lets it pass: {json.dumps(part)[:200]}")
    for change in ({"specversion": "0.3"}, {"source": ""}, {"source": "a b"}, {"id": ""}, {"time": "yesterday"},
                   {"Subject": "x"}, {"a" * 21: 1}, {"data_base64": "aaaa"}, {"dataschema": "no uri"}, {"extension": {}}):
        for message in seen.get("alert", ())[:1]:
            if schemas.complaint("cloudevent", message) is not None:
                complaints.append("an alert is no CloudEvent")
            if schemas.complaint("cloudevent", {**message, **change}) is None:
                complaints.append(f"cloudevent with {change}: the schema lets it pass")
    return complaints


def main(arguments):
    directory, complete = arguments[0], arguments[1] == "--complete"
    program = arguments[2:] if complete else arguments[1:]
    if jsonschema is None and complete:
        print(f"skipped: python3-jsonschema is not installed ({MISSING})")
        return SKIPPED
    with tempfile.TemporaryDirectory() as temporary:
        record = os.path.join(temporary, "record")
        code = subprocess.run(program, env={**os.environ, "ARMWATCH_HEARING": record}, check=False).returncode
        if jsonschema is None or not os.path.exists(record):
            return code
        schemas, seen = Schemas(directory), {}
        complaints = check_record(schemas, record, seen)
        if complete and code == 0:
            complaints += [f"never heard: {part}" for part in wanted(seen)] + check_broken(schemas, seen)
        for complaint in complaints[:SHOWN]:
            print(f"schema: {complaint}")
        print(f"schemas: {sum(map(len, seen.values()))} messages, {len(complaints)} complaints")
        return code or bool(complaints)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
