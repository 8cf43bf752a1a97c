#!/usr/bin/env python3
"""Makes sparkplug_golden.h: payloads of Sparkplug B, and what is to be read from them.

Needs Debian's python3-protobuf (made with 3.21). The header is committed, so that the test needs none of it. The descriptor
is built here from the specification's field numbers, with strings as strings, apart from src/sparkplug/sparkplug_b.proto; and
a few payloads are written byte by byte. Run in this directory: ./make_sparkplug_golden.py
"""
import math
import struct

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

# name: (number, protobuf type, in the oneof) by the specification, chapter 6
F = descriptor_pb2.FieldDescriptorProto
METRIC = {
    "name": (1, F.TYPE_STRING, False),
    "alias": (2, F.TYPE_UINT64, False),
    "timestamp": (3, F.TYPE_UINT64, False),
    "datatype": (4, F.TYPE_UINT32, False),
    "is_historical": (5, F.TYPE_BOOL, False),
    "is_transient": (6, F.TYPE_BOOL, False),
    "is_null": (7, F.TYPE_BOOL, False),
    "metadata": (8, F.TYPE_BYTES, False),  # messages, here as their bytes
    "properties": (9, F.TYPE_BYTES, False),
    "int_value": (10, F.TYPE_UINT32, True),
    "long_value": (11, F.TYPE_UINT64, True),
    "float_value": (12, F.TYPE_FLOAT, True),
    "double_value": (13, F.TYPE_DOUBLE, True),
    "boolean_value": (14, F.TYPE_BOOL, True),
    "string_value": (15, F.TYPE_STRING, True),
    "bytes_value": (16, F.TYPE_BYTES, True),
    "dataset_value": (17, F.TYPE_BYTES, True),
    "template_value": (18, F.TYPE_BYTES, True),
}
PAYLOAD = {
    "timestamp": (1, F.TYPE_UINT64),
    "metrics": (2, F.TYPE_MESSAGE),
    "seq": (3, F.TYPE_UINT64),
    "uuid": (4, F.TYPE_STRING),
    "body": (5, F.TYPE_BYTES),
}
TIME = 1763917200500
INT8, INT16, INT32, INT64, UINT8, UINT16, UINT32, UINT64 = range(1, 9)
FLOAT, DOUBLE, BOOLEAN, STRING, DATETIME, TEXT, UUID, DATASET, BYTES, FILE, TEMPLATE = range(9, 20)
INT8_ARRAY, DATETIME_ARRAY = 22, 34


def payload_class():
    file = descriptor_pb2.FileDescriptorProto(name="spec.proto", package="spec", syntax="proto2")
    payload = file.message_type.add(name="Payload")
    metric = payload.nested_type.add(name="Metric")
    metric.oneof_decl.add(name="value")
    for name, (number, kind, in_oneof) in METRIC.items():
        field = metric.field.add(name=name, number=number, type=kind, label=F.LABEL_OPTIONAL)
        if in_oneof:
            field.oneof_index = 0
    for name, (number, kind) in PAYLOAD.items():
        field = payload.field.add(name=name, number=number, type=kind, label=F.LABEL_OPTIONAL)
        if kind == F.TYPE_MESSAGE:
            field.label = F.LABEL_REPEATED
            field.type_name = ".spec.Payload.Metric"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.MessageFactory(pool).GetPrototype(pool.FindMessageTypeByName("spec.Payload"))


Payload = payload_class()


def payload(seq, metrics, **more):
    message = Payload(timestamp=TIME, **more)
    if seq is not None:
        message.seq = seq
    for metric in metrics:
        message.metrics.add(**metric)
    return message.SerializeToString()


def twos(value, bits):
    return value % (1 << bits)


# ---- what is to be read: (name, type, number, text, time, historical)

def number(name, value, time=TIME, historical=False):
    return name, "TAG_NUMBER", float(value), None, time, historical


def text(name, value):
    return name, "TAG_TEXT", 0.0, value, TIME, False


def boolean(name, value):
    return name, "TAG_BOOL", float(value), None, TIME, False


def null(name):
    return name, "TAG_NULL", 0.0, None, TIME, False


# ---- every type: what is sent, and the tag

def of_integers():
    """Each with its least, greatest and -1, in each way that it is written in the field."""
    for name, datatype, bits in [("i8", INT8, 8), ("i16", INT16, 16), ("i32", INT32, 32)]:
        for value in [-(1 << (bits - 1)), -1, 0, (1 << (bits - 1)) - 1]:
            for field, written in [("int_value", twos(value, bits)), ("int_value", twos(value, 32)),
                                   ("long_value", twos(value, bits)), ("long_value", twos(value, 64))]:
                yield name, datatype, {field: written}, value
    for value in [-(1 << 63), -1, 0, (1 << 63) - 1]:
        yield "i64", INT64, {"long_value": twos(value, 64)}, value
    for name, datatype, bits in [("u8", UINT8, 8), ("u16", UINT16, 16), ("u32", UINT32, 32)]:
        for value in [0, (1 << (bits - 1)), (1 << bits) - 1]:
            yield name, datatype, {"int_value": value}, value
            yield name, datatype, {"long_value": value}, value
    for value in [0, 1 << 63, (1 << 64) - 1]:
        yield "u64", UINT64, {"long_value": value}, value
    yield "u64", UINT64, {"int_value": (1 << 32) - 1}, (1 << 32) - 1
    yield "time", DATETIME, {"long_value": TIME}, TIME


def all_types():
    metrics, expected = [], []

    def add(name, datatype, value, tag):
        metrics.append(dict(name=name, datatype=datatype, **value))
        expected.append(tag)

    for i, (name, datatype, value, tag) in enumerate(of_integers()):
        add(f"{name}/{i}", datatype, value, number(f"{name}/{i}", tag))
    single = struct.unpack("<f", struct.pack("<f", 0.1))[0]
    add("f", FLOAT, {"float_value": 0.1}, number("f", single))
    add("f/wide", FLOAT, {"double_value": 0.1}, number("f/wide", 0.1))
    add("f/nan", FLOAT, {"float_value": math.nan}, number("f/nan", math.nan))
    add("d", DOUBLE, {"double_value": -1e300}, number("d", -1e300))
    add("d/inf", DOUBLE, {"double_value": -math.inf}, number("d/inf", -math.inf))
    add("b/1", BOOLEAN, {"boolean_value": True}, boolean("b/1", True))
    add("b/0", BOOLEAN, {"boolean_value": False}, boolean("b/0", False))
    add("s", STRING, {"string_value": "auto \u00e4\u20ac\U0001f916"}, text("s", "auto \u00e4\u20ac\U0001f916"))
    add("s/empty", STRING, {"string_value": ""}, text("s/empty", ""))
    add("text", TEXT, {"string_value": "two\nlines"}, text("text", "two\nlines"))
    add("uuid", UUID, {"string_value": "6f1e"}, text("uuid", "6f1e"))
    for name, datatype in [("null/i", INT32), ("null/s", STRING), ("null/b", BOOLEAN)]:
        add(name, datatype, {"is_null": True}, null(name))
    return payload(1, metrics), expected


def skipped():
    """Not one of these is a tag: (reason, metric)."""
    yield "UNSUPPORTED", dict(name="x", datatype=DATASET, dataset_value=b"\x08\x01")
    yield "UNSUPPORTED", dict(name="x", datatype=TEMPLATE, template_value=b"")
    yield "UNSUPPORTED", dict(name="x", datatype=BYTES, bytes_value=b"\0\1")
    yield "UNSUPPORTED", dict(name="x", datatype=FILE, bytes_value=b"")
    yield "UNSUPPORTED", dict(name="x", datatype=INT8_ARRAY, bytes_value=b"\0")
    yield "UNSUPPORTED", dict(name="x", datatype=DATETIME_ARRAY, bytes_value=b"\0")
    yield "UNSUPPORTED", dict(name="x", datatype=0, int_value=1)
    yield "UNSUPPORTED", dict(name="x", datatype=99, int_value=1)
    yield "NO_DATATYPE", dict(name="x", int_value=1)
    yield "NO_VALUE", dict(name="x", datatype=INT32)
    yield "NO_VALUE", dict(name="x", datatype=STRING, bytes_value=b"auto")
    yield "WRONG_VALUE", dict(name="x", datatype=INT8, int_value=256)
    yield "WRONG_VALUE", dict(name="x", datatype=INT8, int_value=twos(-129, 32))
    yield "WRONG_VALUE", dict(name="x", datatype=INT16, long_value=twos(-32769, 64))
    yield "WRONG_VALUE", dict(name="x", datatype=INT32, long_value=1 << 32)
    yield "WRONG_VALUE", dict(name="x", datatype=INT64, int_value=1)
    yield "WRONG_VALUE", dict(name="x", datatype=UINT8, int_value=256)
    yield "WRONG_VALUE", dict(name="x", datatype=UINT16, int_value=1 << 16)
    yield "WRONG_VALUE", dict(name="x", datatype=UINT32, long_value=1 << 32)
    yield "WRONG_VALUE", dict(name="x", datatype=INT32, double_value=1)
    yield "WRONG_VALUE", dict(name="x", datatype=DOUBLE, int_value=1)
    yield "WRONG_VALUE", dict(name="x", datatype=BOOLEAN, int_value=1)
    yield "WRONG_VALUE", dict(name="x", datatype=STRING, int_value=1)
    yield "BAD_NAME", dict(datatype=INT32, int_value=1)
    yield "BAD_NAME", dict(name="", datatype=INT32, int_value=1)
    yield "BAD_NAME", dict(name="a\nb", datatype=INT32, int_value=1)
    yield "BAD_NAME", dict(name="a\0b", datatype=INT32, int_value=1)
    yield "BAD_NAME", dict(name=256 * "x", datatype=INT32, int_value=1)
    yield "BAD_TEXT", dict(name="x", datatype=STRING, string_value="au\0to")
    yield "BAD_TIME", dict(name="x", datatype=INT32, int_value=1, timestamp=(1 << 64) - 1)
    yield "CONTROL", dict(name="Node Control/Rebirth", datatype=BOOLEAN, boolean_value=False)
    yield "CONTROL", dict(name="Device Control/Reboot", datatype=BOOLEAN, boolean_value=False)


# ---- a node and its device

NODE_BIRTH = payload(0, [
    dict(name="bdSeq", datatype=INT64, long_value=7),
    dict(name="Node Control/Rebirth", datatype=BOOLEAN, boolean_value=False),
    dict(name="temperature", alias=1, datatype=FLOAT, float_value=21.5,
         properties=b"\x0a\x01u\x12\x07\x08\x0c\x42\x03\xc2\xb0C"),  # one that must not matter
])
NODE_BIRTH_TAGS = [number("temperature", 21.5)]
DEVICE_BIRTH = payload(1, [
    dict(name="axis/1/speed", alias=11, datatype=DOUBLE, double_value=0.25, timestamp=TIME - 100),
    dict(name="axis/1/load", alias=12, datatype=INT16, int_value=twos(-3, 16)),
    dict(name="mode", alias=(1 << 64) - 1, datatype=STRING, string_value="auto"),
    dict(name="stop", alias=0, datatype=BOOLEAN, boolean_value=False),
    dict(name="trace", alias=14, datatype=BYTES, bytes_value=b"\0"),
    dict(name="override", datatype=UINT8, int_value=100),
])
DEVICE_BIRTH_TAGS = [number("axis/1/speed", 0.25, TIME - 100), number("axis/1/load", -3), text("mode", "auto"),
                     boolean("stop", False), number("override", 100)]
DEVICE_DATA = payload(2, [
    dict(alias=12, int_value=twos(-4, 16)),
    dict(alias=(1 << 64) - 1, string_value="manual"),
    dict(alias=11, double_value=0.5, is_historical=True, timestamp=TIME - 60000),
    dict(alias=0, is_null=True),
    dict(alias=14, bytes_value=b"\1"),
    dict(name="override", int_value=50),
])
DEVICE_DATA_TAGS = [number("axis/1/load", -4), text("mode", "manual"), number("axis/1/speed", 0.5, TIME - 60000, True),
                    null("stop"), number("override", 50)]

# ---- by hand: tag bytes are number * 8 + wire type (0 varint, 1 eight bytes, 2 with length, 5 four bytes)

HAND_BIRTH = bytes.fromhex(
    "08 e807"                 # 1 timestamp: 1000
    "12 12"                   # 2 metrics: 18 bytes
    "0a 03 782f79"            #   1 name: x/y
    "10 05"                   #   2 alias: 5
    "18 e707"                 #   3 timestamp: 999
    "20 03"                   #   4 datatype: Int32
    "50 feffffff0f"           #   10 int_value: -2
    "12 10"                   # 2 metrics: 16 bytes
    "0a 01 61 10 06"          #   a, 6
    "20 0a"                   #   4 datatype: Double
    "69 000000000000f83f"     #   13 double_value: 1.5
    "18 00"                   # 3 seq: 0
)
HAND_BIRTH_TAGS = [number("x/y", -2, 999), number("a", 1.5, 1000)]
HAND_DATA = bytes.fromhex(
    "12 09 10 05 28 01 58 03 18 8a02"        # 5, 5 is_historical, 11 long_value: 3, timestamp: 266
    "12 04 10 06 38 01"                      # 6, 7 is_null
    "12 0c 0a 01 66 20 09 65 00002040 30 01" # f, Float, 12 float_value: 2.5, 6 is_transient
    "12 07 0a 01 62 20 0b 70 01"             # b, Boolean, 14 boolean_value: true
    "12 09 0a 01 73 20 0c 7a 02 6f6b"        # s, String, 15 string_value: ok
    "18 01"                                  # 3 seq: 1
)
HAND_DATA_TAGS = [number("x/y", 3, 266, True), ("a", "TAG_NULL", 0.0, None, -1, False), number("f", 2.5, -1),
                  ("b", "TAG_BOOL", 1.0, None, -1, False), ("s", "TAG_TEXT", 0.0, "ok", -1, False)]
HAND_REBIRTH = bytes.fromhex(
    "08 e807"                 # 1 timestamp: 1000
    "12 1d"                   # 2 metrics: 29 bytes
    "0a 14" + b"Node Control/Rebirth".hex() +
    "18 e807"                 #   3 timestamp: 1000
    "20 0b"                   #   4 datatype: Boolean
    "70 01"                   #   14 boolean_value: true
)


# ---- the header

def c_text(value):
    return "NULL" if value is None else '"' + "".join(
        chr(b) if 32 <= b < 127 and b not in b'"\\?' else f"\\{b:03o}" for b in value.encode()) + '"'


def c_number(value):
    if math.isnan(value):
        return "(double)NAN"
    return ("-" if value < 0 else "") + "(double)INFINITY" if math.isinf(value) else repr(value)


def write_bytes(file, name, data):
    file.write(f"static const unsigned char {name}[] = {{\n")
    for i in range(0, len(data), 16):
        file.write("    " + " ".join(f"0x{b:02x}," for b in data[i:i + 16]) + "\n")
    file.write("};\n")


def write_case(file, name, data, tags):
    write_bytes(file, name, data)
    file.write(f"static const struct golden_tag {name}_tags[] = {{\n")
    for tag, kind, value, words, time, historical in tags:
        file.write(f"    {{{c_text(tag)}, {kind}, {c_number(value)}, {c_text(words)}, INT64_C({time}),"
                   f" {str(historical).lower()}}},\n")
    file.write("};\n")


def main():
    check_by_hand()
    with open("sparkplug_golden.h", "w", encoding="utf-8") as file:
        file.write("/* Made by make_sparkplug_golden.py. */\n/* clang-format off */\n")
        file.write('#include "sparkplug/value.h"\n\n#include <math.h>\n\n')
        file.write("struct golden_tag {\n    const char *name;\n    enum tag_type type;\n    double number;\n"
                   "    const char *text;\n    int64_t time_ms; /* -1: none */\n    bool historical;\n};\n")
        write_case(file, "golden_types", *all_types())
        write_case(file, "golden_node_birth", NODE_BIRTH, NODE_BIRTH_TAGS)
        write_case(file, "golden_device_birth", DEVICE_BIRTH, DEVICE_BIRTH_TAGS)
        write_case(file, "golden_device_data", DEVICE_DATA, DEVICE_DATA_TAGS)
        write_case(file, "golden_hand_birth", HAND_BIRTH, HAND_BIRTH_TAGS)
        write_case(file, "golden_hand_data", HAND_DATA, HAND_DATA_TAGS)
        write_bytes(file, "golden_node_death", payload(None, [dict(name="bdSeq", datatype=INT64, long_value=7)]))
        write_bytes(file, "golden_compressed", payload(2, [], uuid="SPBV1.0_COMPRESSED", body=b"\x1f\x8b"))
        write_bytes(file, "golden_rebirth", HAND_REBIRTH)
        cases = [(reason, payload(1, [metric])) for reason, metric in skipped()]
        for i, (_, data) in enumerate(cases):
            write_bytes(file, f"golden_skipped_{i}", data)
        file.write("static const struct {\n    enum sparkplug_skip skip;\n    const unsigned char *data;\n"
                   "    size_t size;\n} golden_skipped[] = {\n")
        for i, (reason, data) in enumerate(cases):
            file.write(f"    {{SPARKPLUG_{reason}, golden_skipped_{i}, {len(data)}}},\n")
        file.write("};\n")


def check_by_hand():
    """The bytes above mean to protobuf what their comments say."""
    birth = Payload.FromString(HAND_BIRTH)
    assert (birth.timestamp, birth.seq, len(birth.metrics)) == (1000, 0, 2)
    assert (birth.metrics[0].name, birth.metrics[0].int_value) == ("x/y", twos(-2, 32))
    assert birth.metrics[1].double_value == 1.5
    data = Payload.FromString(HAND_DATA)
    assert [metric.WhichOneof("value") for metric in data.metrics] == [
        "long_value", None, "float_value", "boolean_value", "string_value"]
    rebirth = Payload.FromString(HAND_REBIRTH)
    assert rebirth.metrics[0].boolean_value and not rebirth.HasField("seq")


if __name__ == "__main__":
    main()
