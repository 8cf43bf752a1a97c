#!/usr/bin/env python3
"""Holds docs/examples/write_model.py, and so docs/model-format.md, to the program: a model written
from PyTorch's names and one from Keras' weights are the same file, and armwatch accepts it with its
self-test. Usage: test_write_model.py ARMWATCH EXAMPLES_DIRECTORY"""
import pathlib
import random
import struct
import subprocess
import sys
import tempfile

ARMWATCH, EXAMPLES = sys.argv[1], sys.argv[2]
sys.path.insert(0, EXAMPLES)
import write_model as writer  # noqa: E402

CHANNELS, WINDOW, HIDDEN = 3, 4, 5


class KerasLayer:
    def __init__(self, *weights):
        self.weights = weights

    def get_weights(self):
        return list(self.weights)


def as_float(value):
    """What is left of a number in the file."""
    return struct.unpack("<f", struct.pack("<f", value))[0]


def matrix(rng, rows, columns):
    return [[as_float(rng.uniform(-1, 1)) for _ in range(columns)] for _ in range(rows)]


def vector(rng, count, low=-1.0, high=1.0):
    return [as_float(rng.uniform(low, high)) for _ in range(count)]


def make_config():
    architecture = {"encoder": [{"kind": "dense", "outputs": HIDDEN},
                                {"kind": "batchnorm", "epsilon": 0.001}, {"kind": "relu"}],
                    "decoder": [{"kind": "dropout", "rate": 0.1},
                                {"kind": "dense", "outputs": CHANNELS * WINDOW}]}
    detector = {"kind": "autoencoder", "name": "autoencoder", "window": WINDOW, "spacing": 1,
                "channels": [0, 2, 3], "scaler": {"kind": "standard", "clip": 5},
                "architecture": architecture, "score": "smooth-l1", "beta": 1,
                "filter": {"k": 3, "n": 5, "clear_ratio": 0.8, "clear_s": 2}}
    return {"name": "elsewhere", "version": 1, "sample_period_s": 0.1,
            "channels": [{"name": name} for name in ("a", "b", "c", "d")], "detectors": [detector]}


def verify(path):
    return subprocess.run([ARMWATCH, "model", "verify", path], capture_output=True, text=True)


def expect(condition, text):
    if not condition:
        sys.exit(f"FAILED: {text}")
    print(f"ok: {text}")


def main():
    rng = random.Random(1)
    width = CHANNELS * WINDOW
    into, out_of = matrix(rng, HIDDEN, width), matrix(rng, width, HIDDEN)
    bias, norm = vector(rng, HIDDEN), [vector(rng, HIDDEN) for _ in range(3)]
    variance, last_bias = vector(rng, HIDDEN, 0.5, 2), vector(rng, width)
    torch = writer.from_torch({
        "encoder.0.weight": into, "encoder.0.bias": bias, "encoder.1.weight": norm[0],
        "encoder.1.bias": norm[1], "encoder.1.running_mean": norm[2],
        "encoder.1.running_var": variance, "encoder.1.num_batches_tracked": 7,
        "decoder.1.weight": out_of, "decoder.1.bias": last_bias})
    keras = writer.from_keras(
        [KerasLayer(writer.transpose(into), bias), KerasLayer(*norm, variance), KerasLayer()],
        [KerasLayer(), KerasLayer(writer.transpose(out_of), last_bias)])
    others = {"scaler.offset": [0.1, -2, 30], "scaler.scale": [1, 0.5, 4],
              "channel.floor": [0.1, 0.1, 0.1]}
    rows = [vector(rng, 4, -3, 3) for _ in range(40)]
    with tempfile.TemporaryDirectory() as directory:
        paths = [pathlib.Path(directory) / name for name in ("torch.safetensors", "keras.safetensors")]
        for path, tensors in zip(paths, (torch, keras)):
            writer.write_model(path, make_config(), tensors | others, rows)
            result = verify(path)
            expect(result.returncode == 0, f"{path.name}: {result.stdout or result.stderr}".strip())
        expect(paths[0].read_bytes() == paths[1].read_bytes(), "both are the same file")
        forgotten = keras | {"encoder.0.weight": writer.transpose(into)}
        writer.write_model(paths[1], make_config(), forgotten | others, rows)
        expect(verify(paths[1]).returncode == 65, "a kernel that is not transposed is refused")


if __name__ == "__main__":
    main()
