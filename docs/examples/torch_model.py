"""armwatch models in PyTorch: read one, and get its scores; write one of a network that was trained there.

docs/python.md explains it; tests/peers/test_python.py runs all of it.
"""
import hashlib
import json
import struct

import numpy as np
import torch
from torch import nn

import write_model

# ---- the file: safetensors, read without a library


def read_model(path):
    """The configuration, and the tensors as NumPy arrays; the hash in the file must hold."""
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    metadata = header.pop("__metadata__")
    if hashlib.sha256(metadata["config"].encode() + data).hexdigest() != metadata["sha256"]:
        raise ValueError(f"{path}: the content is not what the hash says")
    dtypes = {"F32": "<f4", "F64": "<f8", "I64": "<i8"}
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = np.frombuffer(data[begin:end], dtypes[entry["dtype"]]).reshape(entry["shape"])
    return json.loads(metadata["config"]), tensors


# ---- from the file to PyTorch


def build_layer(layer, width):
    """The module, and how wide what it gives is."""
    kind = layer["kind"]
    if kind == "dense":
        return nn.Linear(width, layer["outputs"]), layer["outputs"]
    if kind == "batchnorm":
        return nn.BatchNorm1d(width, eps=layer.get("epsilon", 1e-5)), width
    modules = {"relu": nn.ReLU(), "leaky_relu": nn.LeakyReLU(layer.get("slope", 0.2)), "sigmoid": nn.Sigmoid(),
               "dropout": nn.Dropout(layer.get("rate", 0))}
    return modules[kind], width


class Autoencoder(nn.Module):
    """Detector `index` of a model, of the kinds autoencoder and pca: its weights are those of the file, by their names."""

    def __init__(self, config, tensors, index):
        super().__init__()
        detector = config["detectors"][index]
        prefix = f"{index}."
        tensors = {name[len(prefix):]: array for name, array in tensors.items() if name.startswith(prefix)}
        if detector["scaler"]["kind"] not in ("standard", "minmax", "robust", "maxabs") or "reduction" in detector:
            raise ValueError("this example knows scalers that are lines, and no reduction")
        width = detector["window"] * len(tensors["scaler.offset"])
        for part in ("encoder", "decoder"):
            layers = []
            for layer in detector["architecture"][part]:
                module, width = build_layer(layer, width)
                layers.append(module)
            setattr(self, part, nn.Sequential(*layers))
        weights = {name: torch.from_numpy(array.copy()) for name, array in tensors.items()
                   if name.startswith(("encoder.", "decoder."))}
        missing = self.load_state_dict(weights, strict=False)
        if any(not name.endswith("num_batches_tracked") for name in missing.missing_keys + missing.unexpected_keys):
            raise ValueError(f"weights: {missing}")
        self.detector, self.offset, self.scale = detector, tensors["scaler.offset"], tensors["scaler.scale"]
        self.eval()

    def windows(self, rows):
        """Raw rows, [rows, channels of the model]: scaled windows, [windows, window * channels that it looks at]."""
        places = self.detector.get("channels") or range(rows.shape[1])
        scaler = self.detector["scaler"]
        low, high = (0, 1) if scaler["kind"] == "minmax" else (0, 0)
        clip = scaler.get("clip", np.inf)
        scaled = np.clip((rows[:, list(places)].astype(np.float64) - self.offset) * self.scale, low - clip, high + clip)
        window, spacing = self.detector["window"], self.detector.get("spacing", 1)
        count = len(rows) - (window - 1) * spacing
        return torch.from_numpy(np.stack([scaled[i:i + (window - 1) * spacing + 1:spacing].ravel() for i in range(count)]
                                         ).astype(np.float32))

    def forward(self, windows):
        return self.decoder(self.encoder(windows))

    def scores(self, rows):
        """One for each window of the rows, as `armwatch score` gives it."""
        windows = self.windows(rows)
        with torch.no_grad():
            difference = (self(windows) - windows).abs().double()
        if self.detector["score"] == "smooth-l1":
            beta = self.detector.get("beta", 1)
            difference = torch.where(difference < beta, difference ** 2 / (2 * beta), difference - beta / 2)
        else:
            difference = difference ** 2
        return difference.mean(1).numpy()


# ---- from PyTorch to the file


def describe_layers(modules):
    """The layers of an nn.Sequential as a model file lists them."""
    for module in modules:
        if isinstance(module, nn.Linear):
            yield {"kind": "dense", "outputs": module.out_features}
        elif isinstance(module, nn.BatchNorm1d):
            yield {"kind": "batchnorm", "epsilon": module.eps}
        elif isinstance(module, nn.ReLU):
            yield {"kind": "relu"}
        elif isinstance(module, nn.LeakyReLU):
            yield {"kind": "leaky_relu", "slope": module.negative_slope}
        elif isinstance(module, nn.Sigmoid):
            yield {"kind": "sigmoid"}
        elif isinstance(module, nn.Dropout):
            yield {"kind": "dropout", "rate": module.p}
        else:
            raise ValueError(f"armwatch has no layer {module}")


def save_model(path, network, rows, names, window, period_s=0.1, clip=5):
    """A network with `encoder` and `decoder`, trained on windows of standardised rows: rows are the healthy ones that it was
    standardised by. The mean squared error is the score. It has no threshold yet: `armwatch calibrate` sets it."""
    network.eval()
    mean, spread = rows.astype(np.float64).mean(0), rows.astype(np.float64).std(0)
    scale = 1 / np.where(spread > 1e-6, spread, 1)
    scaled = np.clip((rows - mean) * scale, -clip, clip).astype(np.float32)
    windows = torch.from_numpy(np.stack([scaled[i:i + window].ravel() for i in range(len(rows) - window + 1)]))
    with torch.no_grad():
        residual = (network.decoder(network.encoder(windows)) - windows).numpy().reshape(-1, len(names)).std(0) / scale
    detector = {"kind": "autoencoder", "name": "autoencoder", "window": window, "scaler": {"kind": "standard", "clip": clip},
                "architecture": {"encoder": list(describe_layers(network.encoder)),
                                 "decoder": list(describe_layers(network.decoder))},
                "score": "mse", "filter": {"k": 3, "n": 5, "clear_ratio": 0.8, "clear_s": 2}}
    config = {"name": path.rsplit("/", 1)[-1].removesuffix(".safetensors"), "version": 1, "sample_period_s": period_s,
              "channels": [{"name": name} for name in names], "detectors": [detector]}
    tensors = write_model.from_torch(network.state_dict())
    tensors |= {"scaler.offset": mean, "scaler.scale": scale, "channel.floor": np.maximum(residual, 1e-6)}
    write_model.write_model(path, config, tensors, rows[:window + 31].tolist())
