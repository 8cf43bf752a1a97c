#!/usr/bin/env python3
"""Writes nn_golden.h: what PyTorch computes, in double, for layers, losses, Adam and networks.

    python3 make_nn_golden.py > nn_golden.h        (Debian: python3-torch)

Inputs and parameters follow a formula that test_nn_golden.c repeats, so only results are kept.
"""
import torch
from torch import nn

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)


def pattern(seed, count):
    """Values in -0.5 .. 0.5 that look random and are exact in double."""
    values = []
    for i in range(count):
        h = (i + 1 + seed * 1000003) * 2654435761 & 0xFFFFFFFF
        h ^= h >> 16
        h = h * 2246822519 & 0xFFFFFFFF
        h ^= h >> 13
        values.append(h / 2**32 - 0.5)
    return torch.tensor(values)


def array(name, values):
    numbers = [f"{v:.17g}" for v in torch.as_tensor(values).flatten().tolist()]
    lines = [", ".join(numbers[i:i + 5]) for i in range(0, len(numbers), 5)]
    print(f"static const double {name}[] = {{\n    " + ",\n    ".join(lines) + ",\n};")


DENSE, BATCHNORM, LAYERNORM, RELU, LEAKY, SIGMOID, DROPOUT = range(7)
KINDS = ["DENSE", "BATCHNORM", "LAYERNORM", "RELU", "LEAKY_RELU", "SIGMOID", "DROPOUT"]

DEEP = [(DENSE, 64, 0), (BATCHNORM, 0, 0), (RELU, 0, 0), (DENSE, 32, 0), (BATCHNORM, 0, 0), (RELU, 0, 0),
        (DENSE, 64, 0), (BATCHNORM, 0, 0), (RELU, 0, 0), (DENSE, 30, 0), (SIGMOID, 0, 0)]
PAPER = [(DENSE, 16, 0), (LEAKY, 0, 0.2), (LAYERNORM, 0, 0), (DENSE, 8, 0), (LEAKY, 0, 0.2), (LAYERNORM, 0, 0),
         (DROPOUT, 0, 0.4), (DENSE, 4, 0), (LEAKY, 0, 0.2), (LAYERNORM, 0, 0), (DROPOUT, 0, 0.3), (DENSE, 1, 0)]
STABLE = [(DENSE, 16, 0), (LEAKY, 0, 0.2), (DENSE, 8, 0), (LEAKY, 0, 0.2), (DENSE, 4, 0), (LEAKY, 0, 0.2), (DENSE, 1, 0)]

# name, layers, inputs, rows, training, keeps parameter gradients, gamma / rows of the penalty
CASES = [
    ("dense", [(DENSE, 5, 0)], 7, 4, True, True, 0),
    ("batchnorm_training", [(BATCHNORM, 0, 0)], 6, 5, True, True, 0),
    ("batchnorm_evaluation", [(BATCHNORM, 0, 1e-3)], 6, 5, False, True, 0),
    ("layernorm", [(LAYERNORM, 0, 0)], 9, 4, True, True, 0),
    ("relu", [(RELU, 0, 0)], 9, 3, True, False, 0),
    ("leaky_relu", [(LEAKY, 0, 0.2)], 9, 3, True, False, 0),
    ("sigmoid", [(SIGMOID, 0, 0)], 9, 3, True, False, 0),
    ("deep_training", DEEP, 30, 8, True, False, 0),
    ("deep_evaluation", DEEP, 30, 6, False, False, 0),
    ("paper_evaluation", PAPER, 12, 5, False, True, 0),
    ("stable", STABLE, 12, 6, True, True, 0),
    ("stable_penalty", STABLE, 12, 6, True, True, 1.7),
]


def module(kind, width, outputs, parameter):
    epsilon = parameter or 1e-5
    return {
        DENSE: lambda: nn.Linear(width, outputs),
        BATCHNORM: lambda: nn.BatchNorm1d(width, eps=epsilon),
        LAYERNORM: lambda: nn.LayerNorm(width, eps=epsilon),
        RELU: nn.ReLU,
        LEAKY: lambda: nn.LeakyReLU(parameter),
        SIGMOID: nn.Sigmoid,
        DROPOUT: lambda: nn.Dropout(parameter),
    }[kind]()


def build(layers, width):
    modules = []
    for kind, outputs, parameter in layers:
        modules.append(module(kind, width, outputs, parameter))
        width = outputs or width
    net = nn.Sequential(*modules)
    for index, (name, tensor) in enumerate(
            (n, t) for n, t in net.state_dict().items() if not n.endswith("num_batches_tracked")):
        values = pattern(100 + index, tensor.numel()).reshape(tensor.shape)
        tensor.copy_(values + 1 if name.endswith("running_var") else values)
    return net


def network_case(name, layers, inputs, rows, training, keep_gradients, weight):
    net = build(layers, inputs).train(training)
    x = (4 * pattern(1, rows * inputs).reshape(rows, inputs)).requires_grad_()
    y = net(x)
    dy = 2 * pattern(2, y.numel()).reshape(y.shape)
    value = (y * dy).sum()
    if weight:
        g, = torch.autograd.grad(y.sum(), x, create_graph=True)
        penalised = value + weight / 2 * g.square().sum()
        parameters = torch.autograd.grad(penalised, list(net.parameters()), allow_unused=True)
        parameters = [torch.zeros_like(p) if g is None else g for p, g in zip(net.parameters(), parameters)]
        dx = g.detach()
    else:
        value.backward()
        parameters = [p.grad for p in net.parameters()]
        dx = x.grad
    array(f"{name}_output", y.detach())
    array(f"{name}_input_gradient", dx)
    running = [t for n, t in net.state_dict().items() if "running" in n] if training else []
    fields = [f'"{name}"', f"{name}_layers", str(len(layers)), str(inputs), str(rows),
              "true" if training else "false", f"{weight}", f"{name}_output", f"{name}_input_gradient"]
    for what, tensors in (("gradients", parameters if keep_gradients else []), ("running", running)):
        if tensors:
            array(f"{name}_{what}", torch.cat([t.flatten() for t in tensors]))
        fields.append(f"{name}_{what}" if tensors else "NULL")
    specs = ", ".join(f"{{NN_LAYER_{KINDS[k]}, {o}, {p}}}" for k, o, p in layers)
    print(f"static const struct nn_layer_spec {name}_layers[] = {{{specs}}};")
    return "{" + ", ".join(fields) + "}"


def losses():
    target = 3 * pattern(4, 40)
    for name, function in (
            ("mse", lambda y: nn.functional.mse_loss(y, target)),
            ("smooth_l1", lambda y: nn.functional.smooth_l1_loss(y, target, beta=0.7)),
            ("bce", lambda y: nn.functional.binary_cross_entropy_with_logits(y, torch.full_like(y, 0.9)))):
        y = (40 if name == "bce" else 3) * pattern(3, 40)
        y.requires_grad_()
        value = function(y)
        value.backward()
        array(f"{name}_value", value.detach())
        array(f"{name}_gradient", y.grad)


def adam():
    for name, betas in (("adam", (0.9, 0.999)), ("adam_without_momentum", (0.0, 0.99))):
        p = nn.Parameter(pattern(5, 12))
        optimiser = torch.optim.Adam([p], lr=0.01, betas=betas)
        for step in range(6):
            p.grad = pattern(10 + step, 12)
            optimiser.step()
        array(f"{name}_parameters", p.detach())


print("/* Written by make_nn_golden.py (PyTorch %s): do not edit. */" % torch.__version__)
print("/* clang-format off */")
table = [network_case(*case) for case in CASES]
print("static const struct golden_network golden_networks[] = {\n    " + ",\n    ".join(table) + ",\n};")
losses()
adam()
