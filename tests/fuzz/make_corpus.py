#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets: tests/fuzz/corpus/TARGET/*.

    tests/fuzz/make_corpus.py build/src/cli/armwatch tests/fuzz/corpus

Needs nothing but Python and a built armwatch, which trains the small models. Findings are added by hand, under a name that
begins with "found-"; this script leaves them alone.
"""
import hashlib
import json
import math
import pathlib
import random
import struct
import subprocess
import sys
import tempfile

DTYPES = {"F32": "f", "F64": "d", "I64": "q"}


# ---- texts

URLS = {
    "plain": "mqtt://broker",
    "port": "mqtt://10.0.0.7:1884/",
    "tls": "MQTTS://Broker.Cell-7_x",
    "v6": "mqtt://[fe80::1%eth0]:65535",
    "unix": "unix:///run/mosquitto/mqtt.sock",
    "unix-relative": "unix://run/mqtt.sock",
    "secret": "mqtt://user:password@broker",
    "no-scheme": "broker:1883",
    "port-large": "mqtt://broker:65536",
    "bracket-open": "mqtt://[::1",
}

HOSTS = {
    "plain": "127.0.0.1:9464\nlocalhost",
    "port": "127.0.0.1:9464\nLOCALHOST:8080",
    "v6": "[::1]:9464\n[::1]:9464",
    "v6-long": "[0:0:0:0:0:0:0:1]:0\n127.0.0.1",
    "other": "[2001:db8::5]:1\ncell7.plant:1",
    "evil": "127.0.0.1:9464\nlocalhost.example.org",
    "bracket-open": "127.0.0.2:80\n[127.0.0.2",
    "two-ports": "localhost:80\n127.0.0.1:80:80",
    "off": "off\nx",
    "name": "example.org:80\nexample.org",
    "port-large": "127.0.0.1:65536\n",
    "zone": "[fe80::1%eth0]:1\n",
}

TOPICS = {
    "default": "armwatch/robot/{robot}/sample\narmwatch/robot/kuka1/sample",
    "first": "{robot}/sample\nkuka1/sample",
    "last": "cell/7/{robot}\ncell/7/kuka-2_b",
    "alone": "{robot}\nkuka1",
    "no-name": "a/{robot}/b\na/kuka 1/b",
    "empty-level": "a/{robot}/b\na//b",
    "deeper": "a/{robot}\na/b/c",
    "dollar": "{robot}/x\n$SYS/x",
    "half-level": "a/x{robot}/b\na/xb/b",
    "twice": "{robot}/{robot}\na/a",
    "wildcard": "+/{robot}\na/b",
    "utf8": "zelle/\u00e4\u20ac\U0001f916/{robot}\nzelle/\u00e4\u20ac\U0001f916/k",
    "long-name": "a/{robot}\na/" + 65 * "x",
}

JSON_TEXTS = {
    "values": '{"time":1763917200.5,"seq":7,"values":[1,-2.5e-3,0],"mode":"auto"}',
    "nested": "[[[[[[[[1]]]]]]]]",
    "too-deep": "[[[[[[[[[1]]]]]]]]]",
    "escapes": '{"a\\u00e4\\ud83e\\udd16":"\\"\\\\\\/\\b\\f\\n\\r\\t","b":[true,false,null]}',
    "twice": '{"a":1,"a":2}',
    "nul": '{"a":"\\u0000"}',
    "number-zero": "[01]",
    "number-large": "[1e999]",
    "number-point": "[1.]",
    "trailing": "{} x",
    "spaces": " \t\r\n{ }\n",
    "utf8": '["\u00e4\u20ac\U0001f916"]',
    "open": '{"a":[1,',
}

SAMPLES = {
    "values": '{"time":1763917200.5,"seq":7,"values":[1,-2.5e-3,0],"mode":"auto"}',
    "array": "[1,2,3]",
    "channels": '{"channels":{"c":3,"a":1e-3,"b":-2,"d":4}}',
    "missing": '{"channels":{"c":3,"a":1}}',
    "rfc3339": '{"time":"2026-11-23T17:00:00.123456789Z","seq":0,"values":[0,0,0]}',
    "offset": '{"time":"1970-01-01T00:30:00+01:00","seq":9007199254740992,"values":[0,0,0]}',
    "milliseconds": '{"time":1763917200500,"seq":1,"values":[3.4e38,-3.4e38,1e-45]}',
    "nanoseconds": '{"time":1763917200500000000,"seq":1,"values":[1,2,3]}',
    "from-start": '{"time":0.1,"seq":1,"values":[1,2,3]}',
    "too-large": "[1,2,3.5e38]",
    "null": "[1,null,3]",
    "wrong-count": "[1,2]",
    "both": '{"values":[1,2,3],"channels":{}}',
    "neither": '{"seq":1}',
    "bad-seq": '{"seq":1.5,"values":[1,2,3]}',
    "bad-mode": '{"mode":"' + 32 * "m" + '","values":[1,2,3]}',
    "bad-time": '{"time":"2026-11-23 17:00","values":[1,2,3]}',
    "string": '"x"',
    "microseconds": '{"time":1763917200500123,"seq":1,"values":[1,2,3]}',
    "signals": '{"mode":"t1","channels":{"a":1,"b":200,"c":3,"d":"x"}}',
    "signal-true": '{"channels":{"a":1,"b":2,"c":3,"d":true}}',
    "signal-text": '{"mode":"t\\n\\u00e4","channels":{"a":1,"b":2,"c":3,"d":"' + 15 * "\u00e4" + '\\u001b[2J\u20ac"}}',
    "signal-null": '{"channels":{"a":1,"b":2,"c":3,"d":null}}',
}

CONFIG = {
    "instance": "cell7",
    "mqtt": {"url": "mqtts://broker:8883", "protocol": "3.1.1", "client_id": "c", "username": "u",
             "password_file": "password", "ca_file": "ca.pem", "cert_file": "c.pem", "key_file": "k.pem",
             "tls_insecure": False},
    "topics": {"root": "plant/a", "samples": ["plant/{robot}/sample", "{robot}/x"]},
    "robots": {"max": 16},
    "models": {"directory": "models", "default": "one", "signature": "off", "robots": {"kuka1": "two", "kuka2": "one"}},
    "alerts": {"false_alarms_per_day": 0.5, "reassert_s": 30},
    "input": {"max_gap_s": 0.5, "stale_periods": 20, "silent_s": 60, "time_unit": "ms", "gate": {"mode": ["auto", "test"]}},
    "scores": {"rate_hz": -1},
    "http": {"listen": "127.0.0.1:1"},
    "state_directory": "/var/lib/armwatch",
    "log": {"level": "debug"},
}


SOURCE_MAPS = {
    "tags": b'{"sources":[{"topic":"{robot}/{channel}","value":"/v","time":"/t","time_unit":"ms","quality":"/q","good":[true]}]}',
    "each": b'{"sources":[{"topic":"gw","robot":"/r","each":"/m","name":"/n","value":"/v"}],"tick":{"channel":"a"}}',
    "values": b'{"sources":[{"topic":"x/{robot}/#","values":"/f","value":"/Value"}],"max_age_s":"hold"}',
    "places": b'{"sources":[{"topic":"y","robot":"k","tags":{"a":"/a~1b","b":"/c/0"}}],"tick":{"period_s":0.1}}',
    "sparkplug": b'{"sources":[{"topic":"spBv1.0/g/+/n/{robot}","format":"sparkplug"}]}',
    "rules": b'{"sources":[{"topic":"{robot}/{channel}/#"}],"channels":{"a":{"tag":"b","scale":2,"offset":-1,'
             b'"max_age_s":"hold","missing":0,"table":{"on":1,"off":false}},"mode":{"table":{"A":"auto"}}}}',
}

SOURCE_MESSAGES = {
    "bare": b't/k/a\t1.5\nt/k/b\tx\nt/k/c\ttrue\nt/k/mode\tauto\nt/k/s\ton\nt/k/a\t\nt/o/a\tNaN\n',
    "value": b'v/k/a\t{"v":1,"t":1763917200123,"q":true}\nv/k/b\t{"v":2,"t":1763917200223}\n'
             b'v/k/c\t{"v":3,"t":1763917200323}\nv/k/a/x\t{"v":[],"q":0}\n',
    "each": b'e\t{"r":"k","m":[{"n":"a","v":1,"t":"2026-11-23T17:00:00Z"},{"n":"b","v":null}]}\n',
    "object": b'o/k\t{"a":1,"b":"x","c":2,"t":5}\no/k\t{"a":1,"b":"x","c":2,"t":5.95}\no/k\t{"a":1,"t":900}\n',
    "places": b'p\t{"a":[1],"b/":2}\np\t{"a":{}}\np\t{}\n',
}

def config_with(section, values):
    changed = json.loads(json.dumps(CONFIG))
    if isinstance(values, dict):
        changed[section].update(values)
    else:
        changed[section] = values
    return json.dumps(changed)


CONFIGS = {
    "whole": json.dumps(CONFIG, indent=1),
    "least": '{"mqtt":{"url":"mqtt://h"},"models":{"default":"m"}}',
    "no-url": '{"models":{"default":"m"}}',
    "no-model": '{"mqtt":{"url":"mqtt://h"}}',
    "unknown-key": '{"mqtt":{"url":"mqtt://h","uri":"x"}}',
    "dotted-key": '{"mqtt.url":"mqtt://h"}',
    "wrong-type": config_with("robots", {"max": "16"}),
    "wrong-section": config_with("robots", 16),
    "fraction": config_with("robots", {"max": 1.5}),
    "range": config_with("alerts", {"reassert_s": 0}),
    "choice": config_with("log", {"level": "info|debug"}),
    "template": config_with("topics", {"samples": ["a/b"]}),
    "root": config_with("topics", {"root": "a/"}),
    "no-cert": config_with("mqtt", {"cert_file": "", "url": "mqtt://h"}),
    "names": config_with("models", {"robots": {"a b": "m"}}),
    "array": "[]",
    "gate": config_with("input", {"gate": {"$MODE_OP": ["#AUT", 3, True], "$OV_PRO": {"min": 99, "max": 100.5}, "x": {}}, "settle_s": 2}),
    "gate-range": config_with("input", {"gate": {"x": {"min": 2, "max": 1}}}),
    "gate-many": config_with("input", {"gate": {f"s{i}": [i] for i in range(16)}}),
    "gate-empty": config_with("input", {"gate": {"mode": []}}),
}

CONTROLS = {
    "status": '{"command":"status"}\n{"command":"status","id":"1","robot":"kuka1"}\n{"command":"status","robot":"none"}',
    "reload": '{"command":"reload","id":"a","model":"two","robot":"kuka1"}\n'
              '{"command":"reload","id":"a","model":"two","robot":"kuka1"}\n'
              '{"command":"status","id":"a"}\n{"command":"reload","id":"b"}\n!\n{"command":"status","id":"a"}',
    "reload-fails": '{"command":"reload","model":"two","id":"x"}\n!two: no such file\n{"command":"reload","model":"atonce"}\n'
                    '{"command":"reload","model":"nomem"}\n{"command":"reload","model":"nodata"}',
    "commissioning": '{"command":"arm","robot":"kuka1"}\n{"command":"commission","robot":"kuka1","id":"1"}\n'
                     '{"command":"arm","robot":"kuka1","force":true}\n{"command":"arm","robot":"kuka1","false_alarms_per_day":1e5}\n'
                     '{"command":"commission","robot":"kuka2","model":"two","id":"2"}\n!\n{"command":"disarm","robot":"kuka2"}\n'
                     '{"command":"status"}\n{"command":"commission"}\n{"command":"commission","robot":7,"model":"two"}',
    "rollback": '{"command":"rollback","robot":"kuka2","id":"r"}\n!',
    "operations":
        '{"command":"threshold","false_alarms_per_day":5,"id":"t"}\n'
        '{"command":"threshold","robot":"kuka1","false_alarms_per_day":1e-6}\n'
        '{"command":"threshold","robot":"kuka3"}\n'
        '{"command":"threshold","false_alarms_per_day":0}\n'
        '{"command":"threshold","robot":7}\n'
        '{"command":"threshold"}\n'
        '{"command":"ack","alert_id":"abc","verdict":"false","note":"a \\"cable\\"","id":"k"}\n'
        '{"command":"ack","alert_id":"abc","verdict":true}\n'
        '{"command":"ack","alert_id":"abd","verdict":"maintenance"}\n'
        '{"command":"ack","alert_id":"abc","verdict":"maybe"}\n'
        '{"command":"verdicts","last":3,"robot":"kuka1"}\n'
        '{"command":"audit","last":2}\n'
        '{"command":"audit","last":0}\n',
    "shadow":
        '{"command":"shadow"}\n'
        '{"command":"shadow","model":"there"}\n'
        '{"command":"shadow","model":"two","id":"s"}\n'
        '{"command":"promote"}\n'
        '!\n'
        '{"command":"shadow","model":"two","robot":"kuka1"}\n'
        '!two: no such file\n'
        '{"command":"shadow-report"}\n'
        '{"command":"unshadow","robot":"kuka1"}\n'
        '{"command":"promote","robot":"kuka2"}\n',
    "addresses": 'x\treply/here\tc0rrelation\t{"command":"status","id":"1"}\n\tno/+/wildcards\t{"command":"status"}\n'
                 '{"command":"status","reply_to":"reply/there"}\n{"command":"status","reply_to":7}',
    "retained": 'r\t{"command":"reload","id":"1"}',
    "malformed": 'hello\n[]\n{"command":7}\n{"id":7,"command":"status"}\n{}\n{"command":"stop"}',
    "path": '{"command":"reload","model":"../two"}\n{"command":"reload","robot":"a/b","model":"two"}',
    "utf8": '{"command":"reload","model":"' + 60 * "\u00e4" + '"}\n{"command":"\u00e4","id":"' + 32 * "\u00e4" + '"}',
    "suspend": '{"command":"suspend","id":"1","minutes":5,"reason":"gripper \u00e4"}\n{"command":"suspend","id":"2","robot":"kuka1","minutes":10080}\n'
               '{"command":"resume","id":"3","robot":"kuka2"}\n{"command":"status"}\n{"command":"resume","id":"4"}\n{"command":"status"}',
    "suspend-bad": '{"command":"suspend"}\n{"command":"suspend","minutes":0}\n{"command":"suspend","minutes":5,"robot":"none"}\n'
                   '{"command":"suspend","minutes":5,"reason":"a\\nb"}\n{"command":"resume","robot":"a/b"}',
    "id-long": '{"command":"status","id":"' + 65 * "i" + '"}',
}

CSVS = {
    "plain": "time,a,b\n1700000000.0,1,2\n1700000000.1,1.5,-2e-3\n1700000000.2,1,3\n",
    "semicolons": "zeit;a;b\n1;2;3\n4;5;6\n",
    "tabs": "t\ta\tb\n2026-01-01T00:00:00Z\t1\t2\n2026-01-01 00:00:01\t3\t4\n",
    "quotes": '"a","b ""x"", y","c\nd"\r\n"1","2","""3"""\r\n',
    "bom": "\ufefftimestamp,a\n1700000000000,1\n1700000000100,2\n",
    "labels": "a,anomaly\n1,0\n2,1\n3,0\n4,2\n",
    "label-words": "a,label\n1,FALSE\n2,TRUE\n",
    "hole": "a,b\n" + 24 * "1,2\n" + "x,2\n" + 24 * "3,4\n",
    "lost-line": "a,b\n" + 24 * "1,2\n" + "\n" + 24 * "3,4\n",
    "text-column": "a,who\n1,x\n2,y\n",
    "no-name": "a,,b\n1,2,3\n4,5,6\n",
    "too-many": "a,b\n1,2,3\n",
    "no-header": "1,2\n3,4\n",
    "twice": "a,a\n1,2\n",
    "open-quote": 'a,b\n"1,2\n',
    "comma-number": "a;b\n1,5;2\n",
    "time-back": "time,a\n3,1\n2,1\n1,1\n",
    "float-range": "a,b\n1e300,1\n-3.4e38,2\n",
    "latin1": "gr\u00f6\u00dfe,a\n1,2\n".encode("latin-1"),
    "header-only": "a,b\n",
}

EPISODE = {
    "id": "9f86d081884c7d65", "messages": "12", "severity": 2, "started_ns": "1763917200123456789", "first_seq": "9007199254740993",
    "last_seq": "9007199254740995", "windows": "12", "score": 1.0625, "peak_score": 2.5, "p_value": 1e-9,
}
EPISODES = {
    "anomaly": "anomaly\n" + json.dumps(EPISODE | {"detectors": [{"name": "first", "fired": 1.5, "holding": True},
                                                              {"name": "gone", "fired": 1, "holding": False}]}),
    "sensor-fault": "sensor_fault\n" + json.dumps(EPISODE | {"flat_s": 1.5, "channels": [
        {"name": "b", "observed": -1.25, "varied": False}, {"name": "gone", "observed": 1e38, "varied": True}]}),
    "beyond-float": "sensor_fault\n" + json.dumps(EPISODE | {"flat_s": 0, "channels": [
        {"name": "b", "observed": 5e38, "varied": False}]}),
    "silent": "silent\n" + json.dumps(EPISODE),
    "many-messages": "silent\n" + json.dumps(EPISODE | {"messages": str(2**63 - 1)}),
    "unknown": "noise\n{}",
    "negative": "silent\n" + json.dumps(EPISODE | {"windows": "-1"}),
    "number": "silent\n" + json.dumps(EPISODE | {"started_ns": 1}),
    "severity": "silent\n" + json.dumps(EPISODE | {"severity": 9}),
    "p-value": "silent\n" + json.dumps(EPISODE | {"p_value": 2}),
    "cut": "anomaly\n" + json.dumps(EPISODE)[:40],
}


# ---- binary forms

def binary_sample(values, time_ns=1763917200500000000, seq=7, magic=b"\xa1\x01\0\0", count=None):
    return magic + struct.pack("<IQQ", len(values) if count is None else count, time_ns, seq) + \
        struct.pack(f"<{len(values)}f", *values)


BINARY_SAMPLES = {
    "plain": binary_sample([1, -2.5e-3, 0]),
    "extremes": binary_sample([3.4e38, -3.4e38, 1e-45], 0, 2**53),
    "wrong-count": binary_sample([1, 2]),
    "says-more": binary_sample([1, 2, 3], count=4),
    "nan": binary_sample([1, math.nan, 3]),
    "infinite": binary_sample([math.inf, 2, 3]),
    "late": binary_sample([1, 2, 3], 2**63),
    "seq": binary_sample([1, 2, 3], seq=2**53 + 1),
    "version": binary_sample([1, 2, 3], magic=b"\xa1\x02\0\0"),
    "cut": binary_sample([1, 2, 3])[:20],
}


def npy(descr, shape, data, version=1, fortran=False, header=None):
    text = header or f"{{'descr': {descr!r}, 'fortran_order': {fortran}, 'shape': {shape}, }}"
    size = 2 if version == 1 else 4
    text = text.encode() + b" " * (-(len(text) + 7 + 1 + size) % 64) + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(text)) + text + data


def names(texts, width):
    return b"".join(text.ljust(width, "\0").encode("utf-32-le") for text in texts)


GROWING = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }".ljust(245) + b"\n"
NPYS = {
    "growing": b"\x93NUMPY\x01\x00" + struct.pack("<H", len(GROWING)) + GROWING + struct.pack("<3d", 1, 2, 3),
    "float64": npy("<f8", (3, 2), struct.pack("<6d", 1, 2, 3, 4, 5, 6)),
    "float32": npy("<f4", (2, 3), struct.pack("<6f", 1, 2, 3, 4, 5, 6), version=2),
    "nan": npy("<f8", (2, 1), struct.pack("<2d", 1, math.nan)),
    "range": npy("<f8", (1, 2), struct.pack("<2d", 1e300, -math.inf)),
    "int64": npy("<i8", (2,), struct.pack("<2q", -2**63, 2**53 + 1)),
    "uint64": npy("<u8", (1, 2), struct.pack("<2Q", 2**64 - 1, 0)),
    "int32": npy("<i4", (2, 1), struct.pack("<2i", -1, 7)),
    "uint32": npy("<u4", (2, 1), struct.pack("<2I", 1, 7)),
    "int16": npy("<i2", (2, 1), struct.pack("<2h", -1, 7)),
    "uint16": npy("<u2", (2, 1), struct.pack("<2H", 1, 7)),
    "int8": npy("|i1", (2, 1), b"\xff\x07"),
    "uint8": npy("|u1", (2, 1), b"\xff\x07", version=3),
    "bool": npy("|b1", (4, 1), b"\0\1\1\0"),
    "names": npy("<U6", (3,), names(["a", "b\u00e4\U0001f916", "anomal"], 6)),
    "names-odd": npy("<U3", (2,), b"\0\xd8\0\0a\0\0\0\0\0\0\0" + b"\xff\xff\x7f\x7f\0\0\0\0b\0\0\0"),
    "names-2d": npy("<U1", (1, 1), names(["a"], 1)),
    "fortran": npy("<f8", (2, 2), bytes(32), fortran=True),
    "big-endian": npy(">f8", (1, 1), bytes(8)),
    "objects": npy("|O", (1, 1), bytes(8)),
    "complex": npy("<c16", (1, 1), bytes(16)),
    "bytes": npy("|S4", (1,), b"abcd"),
    "structured": npy("", (), b"", header="{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,), }"),
    "no-rows": npy("<f8", (0, 1000000000000), b""),
    "scalar": npy("<f8", (), bytes(8)),
    "three": npy("<f8", (1, 1, 1), bytes(8)),
    "cut": npy("<f8", (3, 2), bytes(40)),
    "overflow": npy("<f8", (2**62, 2**62), b""),
    "python2": npy("", (), bytes(8), header="{\"descr\": '<f8', 'shape': (1L, 1L), 'fortran_order': False}"),
    "huge-header": b"\x93NUMPY\x02\x00\xff\xff\xff\x7f{'descr'",
}


def safetensors(tensors, metadata=None, pad=True):
    header, data = {}, b""
    if metadata is not None:
        header["__metadata__"] = metadata
    for name, (dtype, shape, values) in tensors.items():
        begin = len(data)
        data += struct.pack(f"<{len(values)}{DTYPES.get(dtype, 'f')}", *values)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, len(data)]}
    return container(json.dumps(header, separators=(",", ":")), data, pad)


def container(text, data, pad=True):
    text = text.encode()
    if pad:
        text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def one_tensor(**changes):
    return json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4], **changes}})


SAFETENSORS = {
    "all-types": safetensors({"d": ("F64", [2], [1, 2]), "i": ("I64", [1], [-7]), "f": ("F32", [2, 2], [1, 2, 3, 4])},
                             {"format": "armwatch-model", "config": "{}"}),
    "scalar": safetensors({"a": ("F32", [], [1])}, pad=False),
    "empty": safetensors({}),
    "no-elements": safetensors({"a": ("F32", [0, 3], []), "b": ("F64", [1], [0])}),
    "nan": safetensors({"a": ("F32", [1], [math.nan]), "b": ("F64", [1], [math.inf])}),
    "dtype": safetensors({"a": ("BF16", [2], [1])}),
    "rank": container(one_tensor(shape=[1, 1, 1, 1, 1]), bytes(4)),
    "overflow": container(one_tensor(shape=[2147483648, 2147483648, 4]), bytes(4)),
    "hole": container('{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}', bytes(8)),
    "overlap": container('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},'
                         '"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', bytes(4)),
    "backwards": container(one_tensor(data_offsets=[4, 0]), bytes(4)),
    "fraction": container(one_tensor(shape=[0.5]), bytes(4)),
    "extra": container(one_tensor(more=1), bytes(4)),
    "rest": container(one_tensor(), bytes(8)),
    "metadata": container('{"__metadata__":{"a":1}}', b""),
    "no-object": container("[]", b""),
    "cut": safetensors({"a": ("F32", [1], [1])})[:30],
    "length": b"\xff" * 8 + b"{",
}


# ---- Sparkplug B: what fuzz_sparkplug.c says of its messages

def varint(value):
    low, rest = value % 128, value // 128
    return bytes([low]) if rest == 0 else bytes([low + 128]) + varint(rest)


def field(number, value):
    """Integers as varints, floats in eight bytes, everything else with its length."""
    if isinstance(value, int):
        return varint(8 * number) + varint(value)
    if isinstance(value, float):
        return varint(8 * number + 1) + struct.pack("<d", value)
    value = value.encode() if isinstance(value, str) else value
    return varint(8 * number + 2) + varint(len(value)) + value


# ---- ONNX: field numbers of its specification

def onnx_tensor(name, dims, values=(), raw=True, **fields):
    numbers = struct.pack(f"<{len(values)}f", *values)
    return (b"".join(field(1, size) for size in dims) + field(2, fields.pop("type", 1)) + field(8, name) +
            (field(9, fields.pop("bytes", numbers)) if raw else field(4, numbers)) + fields.pop("rest", b""))


def onnx_node(op, inputs, output, *attributes, name=""):
    return field(1, b"".join(field(1, text) for text in inputs) + field(2, output) + field(3, name) + field(4, op) +
                 b"".join(field(5, attribute) for attribute in attributes))


def onnx_float(name, value):
    return field(1, name) + varint(8 * 2 + 5) + struct.pack("<f", value) + field(20, 1)


def onnx_int(name, value):
    return field(1, name) + field(3, value) + field(20, 2)


def onnx_value(name, dims):
    shape = b"".join(field(1, field(2, size) if isinstance(size, str) else field(1, size)) for size in dims)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))


def onnx_file(nodes, tensors, shape=("n", 4), output="y", rest=b""):
    graph = (b"".join(nodes) + field(2, "g") + b"".join(field(5, tensor) for tensor in tensors) +
             field(11, onnx_value("x", shape)) + field(12, onnx_value(output, ("n", 4))) + rest)
    return field(1, 7) + field(2, "corpus") + field(7, graph) + field(8, field(1, "") + field(2, 13)) + \
        field(14, field(1, "key") + field(2, "value"))


def onnx_seeds():
    down, up = [0.5, -0.25, 1, 2] * 2, [1, -1, 0.5, 2] * 2
    two, four = [0.1, 0.2], [0.1, 0.2, 0.3, 0.4]
    transposed = onnx_int("transB", 1)
    gemm = [onnx_tensor("w", [2, 4], down), onnx_tensor("b", [2], two), onnx_tensor("v", [4, 2], up), onnx_tensor("c", [4], four)]
    matmul = [onnx_tensor("w", [4, 2], down, raw=False), onnx_tensor("b", [1, 2], two), onnx_tensor("v", [2, 4], up),
              onnx_tensor("c", [4], four)]
    norm = [onnx_tensor(name, [2], values) for name, values in
            (("s", two), ("o", two), ("m", two), ("d", [1, 2]))]
    layers = [onnx_node("Gemm", ["x", "w", "b"], "h", transposed), onnx_node("Relu", ["h"], "r"),
              onnx_node("Gemm", ["r", "v", "c"], "y", transposed)]
    keras = [onnx_node("MatMul", ["f", "w"], "h"), onnx_node("Add", ["h", "b"], "a"),
             onnx_node("LeakyRelu", ["a"], "r", onnx_float("alpha", 0.1)), onnx_node("MatMul", ["r", "v"], "u"),
             onnx_node("Add", ["c", "u"], "y", name="bias")]
    sizes = [onnx_node("Shape", ["x"], "s"), onnx_node("Gather", ["s", "zero"], "n"), onnx_node("Unsqueeze", ["n", "zero"], "k"),
             onnx_node("Concat", ["k", "rest"], "t", onnx_int("axis", 0)), onnx_node("Reshape", ["x", "t"], "f")]
    integers = [onnx_tensor("zero", [1], type=7, bytes=struct.pack("<q", 0)), onnx_tensor("rest", [1], type=7, bytes=struct.pack("<q", 4))]
    constant = field(1, "value") + field(5, onnx_tensor("", [4], four)) + field(20, 4)
    return {
        "gemm": onnx_file(layers, gemm),
        "window": onnx_file([onnx_node("Flatten", ["x"], "f")] + keras, matmul, ("n", 2, 2)),
        "sizes": onnx_file(sizes + keras, matmul + integers, ("n", 2, 2)),
        "norm": onnx_file([layers[0], onnx_node("BatchNormalization", ["h", "s", "o", "m", "d"], "q", onnx_float("epsilon", 0.001)),
                           onnx_node("Sigmoid", ["q"], "r"), layers[2]], gemm + norm),
        "constant": onnx_file([onnx_node("Constant", [], "c", constant)] + layers, gemm[:3]),
        "transpose": onnx_file([onnx_node("Transpose", ["w2"], "w"), onnx_node("Identity", ["v2"], "v")] + layers,
                               [onnx_tensor("w2", [4, 2], down), onnx_tensor("v2", [4, 2], up), gemm[1], gemm[3]]),
        "dropout": onnx_file([onnx_node("Dropout", ["x"], "e"), onnx_node("Cast", ["e"], "f", onnx_int("to", 1))] + keras, matmul),
        "tanh": onnx_file([layers[0], onnx_node("Tanh", ["h"], "r"), layers[2]], gemm),
        "huge": onnx_file(layers, [onnx_tensor("w", [1 << 40, 1 << 40], down)] + gemm[1:]),
        "external": onnx_file(layers, [onnx_tensor("w", [2, 4], rest=field(13, field(1, "location") + field(2, "w")) +
                                                   field(14, 1))] + gemm[1:]),
        "no_graph": field(1, 7) + field(8, field(2, 13)),
    }


METRIC_FIELDS = {"name": 1, "alias": 2, "time": 3, "type": 4, "historical": 5, "null": 7, "int": 10, "long": 11, "double": 13,
                 "bool": 14, "text": 15, "bytes": 16, "dataset": 17}
SPARKPLUG_TOPICS = ["NBIRTH a", "NDEATH a", "NDATA a", "DBIRTH a/x", "DDEATH a/x", "DDATA a/x", "DBIRTH a/y", "DDATA a/y",
                    "NBIRTH b", "NDEATH b", "DBIRTH b/z", "DDATA b/z", "NBIRTH c", "DBIRTH b/u", "NCMD a", "STATE"]


def metric(**fields):
    return field(2, b"".join(field(METRIC_FIELDS[name], value) for name, value in fields.items()))


def message(topic, seq, *metrics, seconds=1, more=b""):
    payload = field(1, 1763917200500) + b"".join(metrics) + (b"" if seq is None else field(3, seq)) + more
    return bytes([SPARKPLUG_TOPICS.index(topic), seconds]) + struct.pack("<H", len(payload)) + payload


SESSION = metric(name="bdSeq", type=4, long=7)
NODE_A = message("NBIRTH a", 0, SESSION, metric(name="Node Control/Rebirth", type=11, bool=0), metric(name="t", alias=9, type=10,
                                                                                                 double=21.5))
DEVICE_X = message("DBIRTH a/x", 1, metric(name="axis/1", alias=1, type=1, int=255), metric(name="mode", alias=2, type=12, text="auto"),
                   metric(name="trace", alias=3, type=17, bytes=b"\0"), metric(name="u", type=8, long=2**64 - 1))
SPARKPLUGS = {
    "session": NODE_A + DEVICE_X + message("DDATA a/x", 2, metric(alias=1, int=1), metric(alias=2, text="manual"))
    + message("NDATA a", 3, metric(alias=9, null=1)) + message("NDEATH a", None, SESSION),
    "gap": NODE_A + DEVICE_X + message("DDATA a/x", 9, metric(alias=1, int=2**32 - 1)) + message("DDATA a/x", 10, seconds=30)
    + NODE_A + DEVICE_X,
    "before-birth": message("DDATA a/x", 2, metric(alias=1, int=1)) + DEVICE_X + message("DDATA a/x", 2, metric(alias=7, int=1)),
    "historical": NODE_A + message("NDATA a", 1, metric(alias=9, time=1000, historical=1, double=-1.0), metric(name="u", type=4, long=1)),
    "other-session": NODE_A + message("NDEATH a", None, metric(name="bdSeq", type=4, long=6)) + message("DDEATH a/x", 1),
    "types": NODE_A + message("DBIRTH a/x", 1, *[metric(name=f"m{i}", type=i, **value) for i in range(36)
                                               for value in [{"int": 2**32 - 1} if i % 4 else {"long": 2**64 - 1}]][:32]),
    "no-tags": NODE_A + message("DBIRTH a/x", 1, metric(name="d", type=16, dataset=b"\x08\x01"), metric(name="a\nb", type=3, int=1),
                                metric(name="n", type=3), metric(name="s", type=12, text="a\0"), metric(type=3, int=1)),
    "same-alias": NODE_A + message("DBIRTH a/x", 1, metric(name="a", alias=1, type=3, int=1), metric(name="b", alias=1, type=3, int=1))
    + message("DDATA a/x", 2, metric(alias=1, int=1)),
    "compressed": NODE_A + message("DDATA a/x", 1, more=field(4, "SPBV1.0_COMPRESSED") + field(5, b"\x1f\x8b")),
    "too-many": NODE_A + message("NBIRTH b", 0) + message("NBIRTH c", 0) + DEVICE_X + message("DBIRTH a/y", 2)
    + message("DBIRTH b/z", 1) + message("DBIRTH b/u", 2) + message("DBIRTH a/x", 3, *[metric(name=f"{i}", type=3, int=i) for i in range(33)])
    + message("DDATA a/x", 4),
    "too-many-bytes": NODE_A + message("DBIRTH a/x", 1, *[metric(name=f"{i:0200}", type=3, int=i) for i in range(20)]) + message("DDATA a/x", 2),
    "missed": NODE_A + message("NDATA a", 1, seconds=99) + message("NDATA a", 2),
    "topics": b"\xffspBv1.0/g/NDATA/n\n\xffspBv1.0/g/DDATA/n\n\xffspAv1.0/g/NDATA/n\n\xffspBv1.0/STATE/h\n\xffspBv1.0/g/NCMD/+\n",
    "cut": (NODE_A + DEVICE_X)[:-9],
}


# ---- models: one of each kind of detector, trained on a minute and a half of a machine with five channels

def session(seed, rows):
    """A machine that goes through four steps of a second: the step, an angular rate, an acceleration, a power and the four
    channels of a rotation."""
    rng = random.Random(seed)
    lines = ["time,action,arm_GyroX,arm_AccX,drive_power,arm_q1,arm_q2,arm_q3,arm_q4"]
    for row in range(rows):
        step, resting = row // 10 % 4, row % 10 >= 8
        rate = 0 if resting else 20 * (1 + step)
        angle = row / 10 * math.pi / 4
        values = [rate + rng.gauss(0, 0.5), math.sin(angle) + rng.gauss(0, 0.05), 100 + 20 * step + rng.gauss(0, 3),
                  math.cos(angle), math.sin(angle), 0, 0]
        lines.append(f"{1700000000 + row / 10:.1f},{step}," + ",".join(f"{value:.4f}" for value in values))
    return "\n".join(lines) + "\n"


MODELS = {
    "analog": "--detectors analog --exclude arm_q*",
    "autoencoder": "--detectors autoencoder --exclude arm_q* --exclude drive_power",
    "power-scaler": "--detectors autoencoder --arch basic --scaler power --exclude arm_q* --adversary none --output sigmoid",
    "knn": "--detectors knn --exclude arm_q* --ignore drive_power",
    "pca": "--detectors pca --exclude arm_q*",
    "quantiles": "--detectors pca --scaler quantile-normal --exclude arm_q* --exclude arm_AccX",
    "cycle-power": "--detectors cycle-power --exclude arm_q*",
    "step-time": "--detectors step-time --exclude arm_q*",
    "template": "--detectors template --exclude arm_q*",
    "two": "--detectors step-time,pca --exclude arm_AccX",
    "signed-sqrt": "--detectors pca --scaler signed-sqrt --exclude arm_q*",
    "reduced": "--detectors autoencoder --arch basic --reduce pca --adversary none --exclude arm_q*",
}
CALIBRATION_ROWS = 10200  # of three sessions: a hundred blocks, from which a tail is fitted


SELFTEST_ROWS = 8


def shorten_selftest(data):
    """The same model with few windows in its self-test: what scores them is most of what an input costs."""
    length, = struct.unpack_from("<Q", data)
    header = json.loads(data[8:8 + length])
    metadata = header.pop("__metadata__")
    tensors = {}
    for name, entry in header.items():
        first, end = entry["data_offsets"]
        values = struct.unpack_from(f"<{(end - first) // struct.calcsize(DTYPES[entry['dtype']])}{DTYPES[entry['dtype']]}",
                                    data, 8 + length + first)
        tensors[name] = (entry["dtype"], entry["shape"], values)
    dropped = tensors["selftest.input"][1][0] - SELFTEST_ROWS
    for name, (dtype, shape, values) in tensors.items():
        if "selftest" in name:
            rows = shape[0] - dropped
            tensors[name] = (dtype, [rows, *shape[1:]], values[:rows * math.prod(shape[1:])])
    content = b"".join(struct.pack(f"<{len(values)}{DTYPES[dtype]}", *values) for dtype, _, values in tensors.values())
    metadata["sha256"] = hashlib.sha256(metadata["config"].encode() + content).hexdigest()
    return safetensors(tensors, metadata)


def run(*command):
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: {done.stderr}")


def calibrate(armwatch, directory, model):
    """By three sessions: with how alike they are, and what their scores usually are."""
    sessions = []
    for seed in range(1, 4):
        path = directory / f"{seed}.csv"
        path.write_text(session(seed, CALIBRATION_ROWS))
        sessions += ["--normal", path]
    calibrated = directory / "calibrated.safetensors"
    run(armwatch, "calibrate", "--model", model, *sessions, "--out", calibrated)
    return calibrated


def make_models(armwatch, directory):
    paths = {}
    recording = directory / "normal.csv"
    recording.write_text(session(7, 1012))
    for name, options in MODELS.items():
        paths[name] = directory / f"{name}.safetensors"
        run(armwatch, "train", "--normal", recording, "--out", paths[name], "--simulated", "--epochs", "1", "--window", "2",
            *options.split())
    paths["calibrated"] = calibrate(armwatch, directory, paths["two"])
    return {name: shorten_selftest(path.read_bytes()) for name, path in paths.items()}


def main():
    armwatch, corpus = sys.argv[1], pathlib.Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as directory:
        models = make_models(armwatch, pathlib.Path(directory))
    seeds = {
        "config": CONFIGS, "control": CONTROLS, "csv": CSVS, "episode": EPISODES, "json": JSON_TEXTS, "model": models, "npy": NPYS,
        "onnx": onnx_seeds(),
        "safetensors": SAFETENSORS, "sample_binary": BINARY_SAMPLES, "sample_json": SAMPLES, "sample_scan": SAMPLES, "source_map": SOURCE_MAPS,
        "source_message": SOURCE_MESSAGES, "sparkplug": SPARKPLUGS,
        "topic": TOPICS, "url": URLS, "host": HOSTS,
    }
    for target, inputs in seeds.items():
        (corpus / target).mkdir(parents=True, exist_ok=True)
        for old in (corpus / target).iterdir():
            if not old.name.startswith("found-"):
                old.unlink()
        for name, content in inputs.items():
            (corpus / target / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        print(f"{target}: {len(inputs)}")


if __name__ == "__main__":
    main()
