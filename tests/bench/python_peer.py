#!/usr/bin/env python3
"""What one would write instead of armwatchd: paho-mqtt and numpy, the autoencoder of the same model file, a threshold.

Usage: python_peer.py MODEL PORT [ANSWERS_HZ] [--engine numpy|torch|sklearn|none]
       python_peer.py MODEL --check [--engine ...]      scores of the file's self-test beside those that it keeps

The engine is what computes the network: numpy; TorchScript, frozen, one thread; or scikit-learn's MLPRegressor with the model's weights;
none counts messages and does nothing else: what paho itself costs.
The model must have one detector, an autoencoder, that looks at channels of the samples only. Batch normalisation is folded into the
dense layers at the start. ANSWERS_HZ is as scores.rate_hz. Left out, of what the daemon does: checks of the sample, gaps and late
samples, stopped arms and sensor faults, alert filter, state and drift. Says "ready" once it has subscribed; at SIGTERM how many samples
came.
"""
import argparse, json, signal, socket, struct, sys, time

import numpy as np

EPSILON = 1e-5


def read_model(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        body = file.read()
    config = json.loads(header.pop("__metadata__")["config"])
    kinds = {"F32": np.float32, "F64": np.float64, "I64": np.int64}
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = np.frombuffer(body[begin:end], kinds[entry["dtype"]]).reshape(entry["shape"])
    return config, tensors


class Autoencoder:
    def __init__(self, path):
        config, tensors = read_model(path)
        detector, = config["detectors"]
        self.channels = np.array(detector["channels"])
        self.window = detector["window"]
        self.beta = detector["beta"]
        self.clip = detector["scaler"]["clip"]
        self.samples = len(config["channels"])
        self.offset = tensors["0.scaler.offset"].astype(np.float32)
        self.scale = tensors["0.scaler.scale"].astype(np.float32)
        self.threshold = tensors["0.calibration.maxima"].max()  # simpler than the daemon's
        self.selftest = tensors["selftest.input"], tensors["0.selftest.score"]
        self.layers = []  # (weights [in][out], bias, whether a ReLU follows)
        for half in "encoder", "decoder":
            for n, layer in enumerate(detector["architecture"][half]):
                name = f"0.{half}.{n}."
                if layer["kind"] == "dense":
                    self.layers.append([tensors[name + "weight"].T.copy(), tensors[name + "bias"].copy(), False])
                elif layer["kind"] == "batchnorm":
                    factor = tensors[name + "weight"] / np.sqrt(tensors[name + "running_var"] + np.float32(EPSILON))
                    self.layers[-1][0] = np.ascontiguousarray(self.layers[-1][0] * factor)
                    self.layers[-1][1] = (self.layers[-1][1] - tensors[name + "running_mean"]) * factor + tensors[name + "bias"]
                elif layer["kind"] == "relu":
                    self.layers[-1][2] = True
                else:
                    sys.exit(f"python_peer: no layer \"{layer['kind']}\" here")

    def scaled(self, values):
        return np.clip((values[self.channels] - self.offset) * self.scale, -self.clip, self.clip)

    def reconstruct(self, x):
        y = x
        for weights, bias, rectified in self.layers:
            y = y @ weights + bias
            if rectified:
                y = np.maximum(y, 0)
        return y

    def score(self, window):
        """window: [rows][channels], scaled."""
        x = window.reshape(-1)
        magnitude = np.abs(x - self.reconstruct(x))
        inner = np.minimum(magnitude, self.beta)
        return float(np.mean(inner * inner * (0.5 / self.beta) + (magnitude - inner)))


class TorchAutoencoder(Autoencoder):
    def __init__(self, path):
        super().__init__(path)
        import torch
        torch.set_num_threads(1)
        layers = []
        for weights, bias, rectified in self.layers:
            dense = torch.nn.Linear(*weights.shape)
            dense.weight.data, dense.bias.data = torch.from_numpy(weights.T.copy()), torch.from_numpy(bias.copy())
            layers += [dense, torch.nn.ReLU()] if rectified else [dense]
        example = torch.zeros(1, self.layers[0][0].shape[0])
        self.torch = torch
        self.network = torch.jit.freeze(torch.jit.trace(torch.nn.Sequential(*layers).eval(), example))
        for _ in range(10):  # the first calls compile
            self.score(np.zeros(example.shape, np.float32))

    def score(self, window):
        with self.torch.inference_mode():
            x = self.torch.from_numpy(window.reshape(1, -1))
            return float(self.torch.nn.functional.smooth_l1_loss(self.network(x), x, beta=self.beta))


class SklearnAutoencoder(Autoencoder):
    def __init__(self, path):
        super().__init__(path)
        from sklearn.neural_network import MLPRegressor
        if [rectified for _, _, rectified in self.layers] != [True] * (len(self.layers) - 1) + [False]:
            sys.exit("python_peer: scikit-learn has no such network")
        self.network = MLPRegressor(hidden_layer_sizes=[weights.shape[1] for weights, _, _ in self.layers[:-1]])
        self.network.coefs_ = [weights for weights, _, _ in self.layers]
        self.network.intercepts_ = [bias for _, bias, _ in self.layers]
        self.network.n_layers_, self.network.n_outputs_ = len(self.layers) + 1, self.layers[-1][0].shape[1]
        self.network.out_activation_ = "identity"

    def reconstruct(self, x):
        return self.network.predict(x.reshape(1, -1))[0]


ENGINES = {"numpy": Autoencoder, "torch": TorchAutoencoder, "sklearn": SklearnAutoencoder}


def check(model):
    rows, expected = model.selftest
    scaled = [model.scaled(row) for row in rows]
    scores = [model.score(np.array(scaled[i:i + model.window])) for i in range(len(rows) - model.window + 1)]
    worst = max(abs(score - want) / want for score, want in zip(scores, expected))
    print(f"{len(scores)} scores, largest relative difference {worst:.2g}")
    if len(scores) != len(expected) or worst > 1e-3:
        sys.exit("python_peer: these are not the model's scores")


class Peer:
    def __init__(self, model, answers_hz):
        self.model, self.answers_hz, self.answered = model, answers_hz, 0.0
        self.windows = {}  # of each topic
        self.received = self.alarms = 0

    def on_message(self, client, user, message):
        self.received += 1
        if self.model is None:
            return
        payload = message.payload
        if payload[0] == 0xA1:
            seq, = struct.unpack_from("<Q", payload, 16)
            values = np.frombuffer(payload, np.float32, offset=24)
        else:
            sample = json.loads(payload)
            seq, values = sample["seq"], np.array(sample["values"], np.float32)
        window = self.windows.get(message.topic)
        if window is None:
            window = self.windows[message.topic] = [np.zeros((self.model.window, len(self.model.channels)), np.float32), 0]
        window[0][:-1] = window[0][1:]
        window[0][-1] = self.model.scaled(values)
        window[1] += 1
        if window[1] < self.model.window:
            return
        score = self.model.score(window[0])
        self.alarms += score > self.model.threshold
        if self.answers_hz < 0 or self.answers_hz > 0 and (time.monotonic() - self.answered) * self.answers_hz >= 1:
            self.answered = time.monotonic()
            client.publish(message.topic[:-len("sample")] + "score", json.dumps({"seq": seq, "score": score}))


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("port", type=int, nargs="?")
    parser.add_argument("answers_hz", type=float, nargs="?", default=0)
    parser.add_argument("--engine", choices=[*ENGINES, "none"], default="numpy")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    if options.port is None and not options.check:
        parser.error("PORT, or --check")
    return options


def main():
    options = read_options()
    model = ENGINES[options.engine](options.model) if options.engine in ENGINES else None
    if options.check:
        check(model)
        return
    import paho.mqtt.client as mqtt
    peer = Peer(model, options.answers_hz)
    client = mqtt.Client("bench-python", protocol=mqtt.MQTTv5)
    client.on_message = peer.on_message
    client.on_socket_open = lambda client, user, sock: sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.on_connect = lambda client, *rest: client.subscribe("armwatch/robot/+/sample", 0)
    client.on_subscribe = lambda *rest: print("ready", flush=True)

    def stop(*rest):
        print(peer.received, flush=True)
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)
    client.connect("127.0.0.1", options.port)
    client.loop_forever()


if __name__ == "__main__":
    main()
