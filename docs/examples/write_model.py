"""Writes an armwatch model file from the weights of a network that was trained elsewhere.

Needs nothing but Python. Arrays may be lists, or anything with .tolist() (NumPy, PyTorch, Keras).
docs/model-format.md explains the parts; tests/unit/test_write_model.py uses all of them.

    tensors = from_torch(model.state_dict())            # with model.encoder, model.decoder
    tensors = from_keras(encoder.layers, decoder.layers)
    tensors |= {"scaler.offset": mean, "scaler.scale": 1 / std, "channel.floor": residual}
    write_model("cell7.safetensors", config, tensors, rows)

The result has no calibration: the daemon scores with it and raises no alert, until
`armwatch calibrate` has set its threshold on healthy recordings.
"""
import hashlib
import json
import math
import struct

DOUBLE = {"scaler.offset", "scaler.scale", "selftest.score"}  # everything else is float


def as_list(array):
    return array.tolist() if hasattr(array, "tolist") else array


def shape_of(array):
    shape = []
    while isinstance(array, (list, tuple)):
        shape.append(len(array))
        array = array[0]
    return shape


def flatten(array):
    if not isinstance(array, (list, tuple)):
        return [array]
    return [value for part in array for value in flatten(part)]


def transpose(matrix):
    return [list(column) for column in zip(*matrix)]


def from_torch(state_dict):
    """encoder.0.weight [outputs, inputs], ...: the names and shapes are the file's."""
    return {name: as_list(value) for name, value in state_dict.items()
            if not name.endswith("num_batches_tracked")}


def from_keras(encoder, decoder):
    """A Dense kernel is [inputs, outputs], so it is transposed. Activations must be layers of their
    own; they and Dropout have no weights, but keep their number."""
    tensors = {}
    for part, layers in (("encoder", encoder), ("decoder", decoder)):
        for number, layer in enumerate(layers):
            weights = [as_list(array) for array in layer.get_weights()]
            names = []
            if len(weights) == 2:  # Dense
                weights[0] = transpose(weights[0])
                names = ["weight", "bias"]
            elif len(weights) == 4:  # BatchNormalization
                names = ["weight", "bias", "running_mean", "running_var"]
            for name, value in zip(names, weights):
                tensors[f"{part}.{number}.{name}"] = value
    return tensors


# ---- what the self-test holds the daemon to

def apply_layer(layer, weights, x):
    kind = layer["kind"]
    if kind == "dense":
        return [sum(w * v for w, v in zip(row, x)) + b
                for row, b in zip(weights["weight"], weights["bias"])]
    if kind == "batchnorm":
        epsilon = layer.get("epsilon", 1e-5)
        return [g * (v - m) / math.sqrt(s + epsilon) + b for g, b, m, s, v in zip(
            weights["weight"], weights["bias"], weights["running_mean"], weights["running_var"], x)]
    if kind == "relu":
        return [max(v, 0.0) for v in x]
    if kind == "leaky_relu":
        return [v if v > 0 else layer.get("slope", 0.2) * v for v in x]
    if kind == "sigmoid":
        return [1 / (1 + math.exp(-v)) for v in x]
    assert kind == "dropout", kind
    return x


def reconstruct(detector, tensors, x):
    for part in ("encoder", "decoder"):
        for number, layer in enumerate(detector["architecture"][part]):
            prefix = f"{part}.{number}."
            weights = {name[len(prefix):]: value for name, value in tensors.items()
                       if name.startswith(prefix)}
            x = apply_layer(layer, weights, x)
    return x


def scale_row(detector, tensors, row):
    """For the scalers standard, robust and maxabs."""
    clip = detector["scaler"].get("clip", math.inf)
    return [min(max((v - o) * s, -clip), clip)
            for v, o, s in zip(row, tensors["scaler.offset"], tensors["scaler.scale"])]


def score_window(detector, tensors, rows):
    """Mean error over all values of the window; rows of the channels that the detector looks at."""
    x = [v for row in rows for v in scale_row(detector, tensors, row)]
    differences = [abs(a - b) for a, b in zip(reconstruct(detector, tensors, x), x)]
    if detector["score"] == "mse":
        return sum(d * d for d in differences) / len(differences)
    beta = detector.get("beta", 1)
    return sum(d * d / (2 * beta) if d < beta else d - beta / 2 for d in differences) / len(differences)


# ---- the file

def write_safetensors(path, config, tensors):
    """tensors: name -> (dtype, array). The hash covers the configuration and the tensors."""
    header, data = {}, b""
    for name, (dtype, array) in sorted(tensors.items(), key=lambda item: (item[1][0] != "F64", item[0])):
        values = flatten(array)
        begin = len(data)
        data += struct.pack(f"<{len(values)}{'d' if dtype == 'F64' else 'f'}", *values)
        header[name] = {"dtype": dtype, "shape": shape_of(array), "data_offsets": [begin, len(data)]}
    text = json.dumps(config)
    header["__metadata__"] = {"format": "armwatch-model", "format_version": "1", "config": text,
                              "sha256": hashlib.sha256(text.encode() + data).hexdigest()}
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(head)) + head + data)


def write_model(path, config, tensors, rows):
    """A model of one autoencoder. rows: at least as many raw sensor rows as a window has; some dozen
    real ones are best, because armwatch refuses the model where it does not score them the same."""
    detector = config["detectors"][0]
    tensors = {name: as_list(value) for name, value in tensors.items()}
    places = detector.get("channels") or range(len(config["channels"]))
    watched = [[row[place] for place in places] for row in rows]
    spacing = detector.get("spacing", 1)
    span = (detector["window"] - 1) * spacing + 1
    tensors["selftest.score"] = [
        score_window(detector, tensors, watched[first:first + span:spacing])
        for first in range(len(rows) - span + 1)]
    named = {f"0.{name}": ("F64" if name in DOUBLE else "F32", value)
             for name, value in tensors.items()}
    named["selftest.input"] = ("F32", rows)
    write_safetensors(path, config, named)
