#!/usr/bin/env python3
"""check_onnx.py ARMWATCH [--runtime DIRECTORY]: models to ONNX and back, against others.

Without a runtime: networks as PyTorch's exporter writes them, and in the shapes of Keras' (by tf2onnx), are imported, and
armwatch scores with them what PyTorch and NumPy make of the same weights; what cannot be imported is refused by its name.
With one, the directory of npm's onnxruntime-node: every kind of network, scaler and detector that can be exported, trained
on simulated data, gives the same score there.
"""
import csv
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

SKIPPED = 77
try:
    import numpy as np
    import onnx
    import torch
    from onnx import TensorProto, helper, numpy_helper
    from torch import nn
except ImportError as error:
    print(f"skipped: {error}; it needs python3-numpy, python3-onnx and python3-torch")
    sys.exit(SKIPPED)

HERE = pathlib.Path(__file__).parent
CHANNELS = ["angle", "speed", "current", "voltage", "torque", "counter"]
ROWS = 14000
TOLERANCE = 1e-5


# ---- data: simulated, of no real machine

def record(rows, seed, wild=False):
    """Channels of different size: one of 230 +- 1, one of steps, one that never moves."""
    random = np.random.default_rng(seed)
    t = np.arange(rows) * 0.1
    phase = random.uniform(0, 6)
    columns = [np.sin(0.7 * t + phase), 40 * np.cos(0.7 * t + phase), 3 + 2 * np.abs(np.sin(1.4 * t + phase)),
               230 + np.sin(0.05 * t), np.round(4 * np.sin(0.7 * t + 1 + phase)) / 4, np.full(rows, 7.0)]
    values = np.stack(columns, 1) + np.array([0.02, 1, 0.1, 0.2, 0, 0]) * random.standard_normal((rows, 6))
    if wild:
        values *= np.exp(random.normal(0, 0.5, (rows, 1)))
        values[::7] += random.normal(0, 30, (len(values[::7]), 6))
    return values.astype(np.float32)


class Bench:
    def __init__(self, armwatch, runtime, directory):
        self.armwatch, self.runtime, self.directory = armwatch, runtime, pathlib.Path(directory)
        self.failures, self.checks = [], 0
        np.save(self.path("columns.npy"), np.array(CHANNELS))
        np.save(self.path("healthy.npy"), record(ROWS, 1))
        np.save(self.path("other.npy"), np.concatenate([record(60, 2), record(240, 3, wild=True)]))

    def path(self, name):
        return self.directory / name

    def run(self, *arguments, code=0):
        done = subprocess.run([self.armwatch, *map(str, arguments)], capture_output=True, text=True, check=False)
        if done.returncode != code:
            sys.exit(f"armwatch {' '.join(map(str, arguments))}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def compare(self, what, found, expected):
        """Relative, but for scores that are all but zero."""
        found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
        if found.shape != expected.shape:
            self.failures.append(f"{what}: {found.shape} scores, expected {expected.shape}")
            return
        error = np.abs(found - expected) / np.maximum(np.abs(expected), 1e-6)
        at = int(np.argmax(error))
        self.checks += 1
        print(f"{what:58} {len(found)} scores, largest difference {error[at]:.1e}")
        if not error[at] <= TOLERANCE:
            self.failures.append(f"{what}: score {at} is {found[at]:.9g}, expected {expected[at]:.9g}")

    def refused(self, what, code, words, *arguments):
        text = self.run(*arguments, code=code)
        self.checks += 1
        if words not in text:
            self.failures.append(f"{what}: {text.strip()}; expected: {words}")

    def scores(self, model, detector):
        """By window, of the other recording; those of rows 0 and on that have one."""
        self.run("score", "--model", model, "--columns", self.path("columns.npy"), "--out", self.path("scores.csv"),
                 self.path("other.npy"))
        with open(self.path("scores.csv"), encoding="utf-8") as file:
            return [float(row[f"score:{detector}"]) for row in csv.DictReader(file) if row[f"score:{detector}"]]

    def run_onnx(self, file, rows, shape=None):
        done = subprocess.run(
            ["node", HERE / "run_onnx.mjs", file] + ([json.dumps(shape)] if shape else []), input=json.dumps(rows.tolist()),
            env={**os.environ, "ONNXRUNTIME": str(self.runtime)}, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{file}: {done.stderr}")
        return {name: np.array(output["data"]) for name, output in json.loads(done.stdout)["outputs"].items()}


def read_model(path):
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    kinds = {"F32": "<f4", "F64": "<f8", "I64": "<i8"}
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            tensors[name] = np.frombuffer(data[8 + size + begin:8 + size + end], kinds[entry["dtype"]]).reshape(entry["shape"])
    return json.loads(header["__metadata__"]["config"]), tensors


def windows(rows, window, spacing=1):
    span = (window - 1) * spacing + 1
    return np.stack([rows[i:i + span:spacing].ravel() for i in range(len(rows) - span + 1)])


# ---- export, through ONNX Runtime

EXPORTS = [
    ("basic minmax sigmoid mse", ["--arch", "basic", "--scaler", "minmax", "--adversary", "paper"]),
    ("deep standard smooth-l1", ["--arch", "deep", "--adversary", "none"]),
    ("two decoder layers, robust", ["--arch", "deep", "--decoder-layers", "2", "--scaler", "robust", "--adversary", "none"]),
    ("window 3 spacing 2, maxabs", ["--window", "3", "--spacing", "2", "--scaler", "maxabs", "--adversary", "none"]),
    ("signed-sqrt", ["--scaler", "signed-sqrt", "--adversary", "none"]),
    ("power", ["--scaler", "power", "--adversary", "none"]),
    ("quantile-uniform", ["--scaler", "quantile-uniform", "--adversary", "none"]),
    ("quantile-normal", ["--scaler", "quantile-normal", "--adversary", "none"]),
    ("reduced to principal components", ["--reduce", "pca", "--adversary", "none"]),
    ("fewer channels", ["--ignore", "voltage", "--adversary", "none"]),
    ("detector pca", ["--detectors", "pca", "--adversary", "none"]),
    ("detector knn", ["--detectors", "knn", "--adversary", "none"]),
    ("detector knn, five neighbours", ["--detectors", "knn", "--neighbours", "5", "--adversary", "none"]),
]


def check_export(bench, title, options):
    model, file = bench.path("trained.safetensors"), bench.path("trained.onnx")
    bench.run("train", "--normal", bench.path("healthy.npy"), "--columns", bench.path("columns.npy"), "--out", model,
              "--keep-drift", "--epochs", "2", "--rate-hz", "10",
              *([] if "--detectors" in options else ["--detectors", "autoencoder"]), *options)
    check_runtime(bench, f"export: {title}", model, file)


def check_runtime(bench, title, model, file):
    bench.run("model", "export-onnx", model, "--out", file)
    onnx.checker.check_model(onnx.load(file), full_check=True)
    config, tensors = read_model(model)
    detector = config["detectors"][0]
    shape = detector["window"], detector.get("spacing", 1)
    selftest = bench.run_onnx(file, windows(tensors["selftest.input"], *shape))
    bench.compare(f"{title}: self-test", selftest["score"], tensors["0.selftest.score"])
    other = bench.run_onnx(file, windows(np.load(bench.path("other.npy")), *shape))
    bench.compare(f"{title}: wild rows", other["score"], bench.scores(model, detector["name"]))
    metadata = {entry.key: entry.value for entry in onnx.load(file).metadata_props}
    if json.loads(metadata["channels"])[:6] != CHANNELS or not float(metadata["threshold"]) > 0:
        bench.failures.append(f"{title}: metadata {metadata}")


# ---- import

def scaler(rows):
    """Standard, by NumPy; as a file for --scaler."""
    mean, spread = rows.astype(np.float64).mean(0), rows.astype(np.float64).std(0)
    return mean, 1 / np.where(spread > 1e-6, spread, 1)


def expected_scores(rows, window, network, offset, scale, by_channels=False):
    """What PyTorch makes of scaled windows: the mean squared error."""
    scaled = ((rows.astype(np.float64) - offset) * scale).astype(np.float32)
    batch = np.stack([scaled[i:i + window] for i in range(len(scaled) - window + 1)])
    flat = batch.transpose(0, 2, 1).reshape(len(batch), -1) if by_channels else batch.reshape(len(batch), -1)
    with torch.no_grad():
        output = network(torch.from_numpy(np.ascontiguousarray(flat))).numpy().reshape(len(batch), -1)
    return ((output - flat).astype(np.float64) ** 2).mean(1)


def networks(width):
    """Title, network of a flat window."""
    torch.manual_seed(5)

    def settle(network):
        network.train()
        for _ in range(3):
            network(torch.randn(64, width))
        return network.eval()

    yield "ReLU", settle(nn.Sequential(nn.Linear(width, 16), nn.ReLU(), nn.Linear(16, 4), nn.ReLU(), nn.Linear(4, width)))
    yield "BatchNorm, LeakyReLU, dropout", settle(nn.Sequential(
        nn.Linear(width, 16), nn.BatchNorm1d(16), nn.LeakyReLU(0.1), nn.Dropout(0.3), nn.Linear(16, width)))
    yield "no bias, sigmoid", settle(nn.Sequential(nn.Linear(width, 8, bias=False), nn.ReLU(), nn.Linear(8, width), nn.Sigmoid()))
    yield "a single layer", settle(nn.Sequential(nn.Linear(width, width)))


class Windows(nn.Module):
    """[N, window, channels] in and out, by sizes that the exporter computes."""

    def __init__(self, network, window):
        super().__init__()
        self.network, self.window = network, window

    def forward(self, x):
        return self.network(x.reshape(x.shape[0], -1)).reshape(x.shape[0], self.window, -1)


def import_options(bench, file, out):
    return ["model", "import-onnx", file, "--normal", bench.path("healthy.npy"), "--columns", bench.path("columns.npy"),
            "--rate-hz", "10", "--out", out]


def check_import(bench, title, file, expected, *options):
    model = bench.path("imported.safetensors")
    bench.run(*import_options(bench, file, model), "--scaler", bench.path("scaler.json"), *options)
    bench.compare(f"import: {title}", bench.scores(model, "autoencoder"), expected)
    if bench.runtime:
        check_runtime(bench, f"import and export: {title}", model, bench.path("again.onnx"))


def check_pytorch(bench, rows, offset, scale):
    window, width = 5, 5 * len(CHANNELS)
    file = bench.path("pytorch.onnx")
    for title, network in networks(width):
        for opset in (13, 17):
            torch.onnx.export(network, torch.zeros(1, width), file, input_names=["x"], dynamic_axes={"x": {0: "n"}},
                              opset_version=opset)
            check_import(bench, f"PyTorch, {title}, set {opset}", file, expected_scores(rows, window, network, offset, scale),
                         "--window", window, "--layout", "rows")
        torch.onnx.export(Windows(network, window).eval(), torch.zeros(1, window, len(CHANNELS)), file, input_names=["x"],
                          dynamic_axes={"x": {0: "n"}}, opset_version=13)
        check_import(bench, f"PyTorch, {title}, [N, window, channels]", file,
                     expected_scores(rows, window, network, offset, scale))
        torch.onnx.export(network, torch.zeros(1, width), file, input_names=["x"], dynamic_axes={"x": {0: "n"}})
        check_import(bench, f"PyTorch, {title}, by channels", file,
                     expected_scores(rows, window, network, offset, scale, by_channels=True),
                     "--window", window, "--layout", "channels")


def graph_of(nodes, initializers, shape, listed=False):
    inputs = [helper.make_tensor_value_info("input_1", TensorProto.FLOAT, shape)]
    if listed:  # as files from before IR version 4
        inputs += [helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)) for tensor in initializers]
    graph = helper.make_graph(nodes, "model", inputs, [helper.make_tensor_value_info("dense", TensorProto.FLOAT, shape[:1] + [None])],
                              initializers)
    return helper.make_model(graph, producer_name="tf2onnx", producer_version="1.13.0",
                             opset_imports=[helper.make_opsetid("", 13), helper.make_opsetid("ai.onnx.ml", 2)])


def keras_nodes(first, second, form):
    """Dense layers as tf2onnx writes them: kernels of [inputs, outputs], MatMul and Add; or a kernel behind a Transpose."""
    tensor = numpy_helper.from_array
    (w1, b1), (w2, b2) = first, second
    scope = "StatefulPartitionedCall/model/"
    constants = [tensor(w1.T.copy(), scope + "dense/MatMul/ReadVariableOp:0"), tensor(b1, scope + "dense/BiasAdd/ReadVariableOp:0"),
                 tensor(w2.T.copy(), scope + "dense_1/MatMul/ReadVariableOp:0"),
                 tensor(b2[None, :].copy(), scope + "dense_1/BiasAdd/ReadVariableOp:0")]
    nodes = [helper.make_node("MatMul", ["flat", constants[0].name], ["m1"], scope + "dense/MatMul"),
             helper.make_node("Add", [constants[1].name, "m1"], ["a1"], scope + "dense/BiasAdd"),
             helper.make_node("Relu", ["a1"], ["r1"], scope + "dense/Relu"),
             helper.make_node("MatMul", ["r1", constants[2].name], ["m2"], scope + "dense_1/MatMul"),
             helper.make_node("Add", ["m2", constants[3].name], ["dense"], scope + "dense_1/BiasAdd")]
    if form == "transposed":
        constants[0] = tensor(w1, "kernel")
        nodes[0] = helper.make_node("MatMul", ["flat", "kernel_t"], ["m1"], scope + "dense/MatMul")
        nodes.insert(0, helper.make_node("Transpose", ["kernel"], ["kernel_t"], "t", perm=[1, 0]))
    if form == "constants":  # in nodes instead of initializers, and numbers in the list instead of raw
        made = helper.make_tensor(constants[3].name, TensorProto.FLOAT, [len(b2)], b2.tolist())
        nodes.insert(0, helper.make_node("Constant", [], [constants.pop().name], "c", value=made))
    return nodes, constants


def check_keras(bench, rows, offset, scale):
    window, width = 5, 5 * len(CHANNELS)
    random = np.random.default_rng(9)
    first = random.normal(0, 0.3, (12, width)).astype(np.float32), random.normal(0, 0.3, 12).astype(np.float32)
    second = random.normal(0, 0.3, (width, 12)).astype(np.float32), random.normal(0, 0.3, width).astype(np.float32)
    network = nn.Sequential(nn.Linear(width, 12), nn.ReLU(), nn.Linear(12, width))
    for layer, (weight, bias) in ((network[0], first), (network[2], second)):
        layer.weight.data, layer.bias.data = torch.from_numpy(weight), torch.from_numpy(bias)
    expected = expected_scores(rows, window, network, offset, scale)
    for form in ("plain", "transposed", "constants", "listed"):
        nodes, constants = keras_nodes(first, second, form)
        reshape = numpy_helper.from_array(np.array([-1, width], np.int64), "shape")
        nodes.insert(0, helper.make_node("Reshape", ["input_1", "shape"], ["flat"], "model/flatten/Reshape"))
        model = graph_of(nodes, constants + [reshape], ["unk__1", window, len(CHANNELS)], form == "listed")
        onnx.checker.check_model(model)
        onnx.save(model, bench.path("keras.onnx"))
        check_import(bench, f"Keras' shape, {form}", bench.path("keras.onnx"), expected)


# ---- refusals

def check_refusals(bench):
    window, width = 5, 5 * len(CHANNELS)
    file, out = bench.path("refused.onnx"), bench.path("refused.safetensors")
    arguments = import_options(bench, file, out)
    flat = [*arguments, "--scaler", "none", "--window", window, "--layout", "rows"]

    def export(network, *shape):
        torch.onnx.export(network.eval(), torch.zeros(*shape), file, input_names=["x"], opset_version=13)

    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(width, width)

        def forward(self, x):
            return x + self.layer(x)

    good = nn.Sequential(nn.Linear(width, 4), nn.ReLU(), nn.Linear(4, width))
    export(good, 1, width)
    bench.refused("no scaler", 2, "how its input was scaled: give --scaler", *arguments, "--window", window, "--layout", "rows")
    bench.refused("no layout", 2, "say with --layout", *arguments, "--scaler", "none", "--window", window)
    bench.refused("no window", 2, "say with --window", *arguments, "--scaler", "none", "--layout", "rows")
    bench.refused("no names", 2, "give --columns", *(part for part in flat if part not in ("--columns", bench.path("columns.npy"))))
    bench.refused("a window that is wrong", 65, "the network takes 30 values, 4 rows", *arguments, "--scaler", "none",
                  "--layout", "rows", "--window", "4")
    bench.path("bad.json").write_text('{"kind":"standard","offset":[1],"scale":[1]}', encoding="utf-8")
    bench.refused("a scaler of one channel", 65, "offset: 1 numbers, the recordings have 6 channels", *arguments, "--layout",
                  "rows", "--window", "5", "--scaler", bench.path("bad.json"))
    bench.refused("a scaler that is not there", 66, "nowhere.json", *arguments, "--layout", "rows", "--window", "5", "--scaler",
                  bench.path("nowhere.json"))
    for network, words in (
            (nn.Sequential(nn.Linear(width, 4), nn.Tanh(), nn.Linear(4, width)), "(Tanh): not supported; supported are Gemm"),
            (nn.Sequential(nn.Linear(width, 4), nn.LayerNorm(4), nn.Linear(4, width)), "one chain of layers is supported"),
            (nn.Sequential(nn.ReLU(), nn.Linear(width, width)), "must follow a dense layer"),
            (nn.Sequential(nn.Linear(width, 3)), "30 inputs and 3 outputs: an autoencoder has as many of each"),
            (Residual(), "both read")):
        export(network, 1, width)
        bench.refused(words, 65, words, *flat)
    class Convolution(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Conv1d(len(CHANNELS), len(CHANNELS), 3, padding=1)

        def forward(self, x):
            return self.layer(x.reshape(-1, len(CHANNELS), window)).reshape(-1, width)

    export(Convolution(), 1, width)
    bench.refused("a convolution", 65, "(Conv): not supported", *flat)
    export(good, 1, width)
    onnx.save(onnx.load(file), str(file), save_as_external_data=True, location="weights.bin", size_threshold=0)
    bench.refused("weights elsewhere", 65, "its numbers are in another file", *flat)
    file.write_bytes(b"not ONNX")
    bench.refused("no ONNX file", 65, "not an ONNX file", *flat)
    bench.refused("no file", 66, "nothing.onnx", *("nothing.onnx" if part == file else part for part in flat))
    bench.refused("nothing was written", 66, "refused.safetensors", "model", "show", out)
    shipped = HERE.parent.parent / "models" / "kuka-sim.safetensors"
    for detector, code, words in (("analog", 65, "of the kind analog, which has no ONNX form"), ("7", 65, "the model has 0 analog")):
        bench.refused("export of " + detector, code, words, "model", "export-onnx", shipped, "--detector", detector, "--out",
                      bench.path("none.onnx"))


def main(arguments):
    armwatch = arguments[0]
    runtime = pathlib.Path(arguments[2]).resolve() if len(arguments) == 3 and arguments[1] == "--runtime" else None
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(armwatch, runtime, directory)
        rows = np.load(bench.path("other.npy"))
        offset, scale = scaler(np.load(bench.path("healthy.npy")))
        bench.path("scaler.json").write_text(
            json.dumps({"kind": "standard", "offset": offset.tolist(), "scale": scale.tolist()}), encoding="utf-8")
        if runtime:
            for title, options in EXPORTS:
                check_export(bench, title, options)
        check_pytorch(bench, rows, offset, scale)
        check_keras(bench, rows, offset, scale)
        if not runtime:
            check_refusals(bench)
        for failure in bench.failures:
            print(f"failed: {failure}")
        print(f"{bench.checks} checks, {len(bench.failures)} failed")
        return bool(bench.failures)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
