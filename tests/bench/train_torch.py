#!/usr/bin/env python3
"""The training that `armwatch train` does by default, in PyTorch: what the benchmark compares with.

Usage: train_torch.py RECORDING.npy --windows N --held-out M --epochs E [--warmup E] [--ramp E] [--adversary none]

AE2 on standardised windows of 5 rows, smooth L1, Adam with a cosine, gradient norm clipped at 5; a discriminator
256-128-64 with R1 + R2 penalties by differentiating twice; its pull scaled to the gradient of the reconstruction; the
twin beside it, which sees the same batches (without an adversary there is no twin); every epoch evaluated on held-out windows. One thread, float32.
Prints one JSON object. (Debian: python3-torch)
"""
import argparse, json, resource, sys, time

import numpy
import torch
from torch import nn
from torch.nn import functional

WINDOW, BATCH, GAMMA, WEIGHT, CLIP, RATE, DISCRIMINATOR_RATE = 5, 256, 20, 0.1, 5, 1e-3, 2e-4


def autoencoder(width):
    return nn.Sequential(
        nn.Linear(width, 64), nn.BatchNorm1d(64), nn.ReLU(inplace=True),
        nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(inplace=True),
        nn.Linear(32, 64), nn.BatchNorm1d(64), nn.ReLU(inplace=True), nn.Linear(64, width))


def discriminator(width):
    return nn.Sequential(
        nn.Linear(width, 256), nn.LeakyReLU(0.2, inplace=True), nn.Linear(256, 128), nn.LeakyReLU(0.2, inplace=True),
        nn.Linear(128, 64), nn.LeakyReLU(0.2, inplace=True), nn.Linear(64, 1))


def load(path):
    rows = numpy.load(path, mmap_mode="r")
    mean, deviation = rows.mean(0, dtype=numpy.float64), rows.std(0, dtype=numpy.float64)
    deviation[deviation == 0] = 1
    scaled = numpy.empty(rows.shape, numpy.float32)
    for start in range(0, len(rows), 4096):  # no second copy in double
        part = rows[start:start + 4096]
        scaled[start:start + 4096] = ((part - mean) / deviation).clip(-5, 5)
    return torch.from_numpy(scaled)


class Learner:
    def __init__(self, network, steps):
        self.network = network
        self.optimiser = torch.optim.Adam(network.parameters(), RATE)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimiser, steps)

    def step(self, output, gradient):
        self.optimiser.zero_grad(set_to_none=True)
        output.backward(gradient)
        nn.utils.clip_grad_norm_(self.network.parameters(), CLIP)
        self.optimiser.step()
        self.schedule.step()


def reconstruct(learner, windows):
    output = learner.network(windows)
    leaf = output.detach().requires_grad_()
    gradient, = torch.autograd.grad(functional.smooth_l1_loss(leaf, windows), leaf)
    return output, gradient


def discriminator_step(network, optimiser, real, reconstructed):
    both = torch.cat((real, reconstructed)).requires_grad_()
    logits = network(both)
    slope, = torch.autograd.grad(logits.sum(), both, create_graph=True)
    loss = (functional.softplus(-logits[:len(real)]).mean() + functional.softplus(logits[len(real):]).mean()
            + GAMMA / 2 * slope.square().sum() / len(real))
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
    half = len(real)
    return (slope[half:] * -torch.sigmoid(-logits[half:]) / half).detach()


def pull(theirs, influence, gradient):
    norm = theirs.norm()
    return gradient + theirs * (influence * WEIGHT * gradient.norm() / norm if norm > 0 else 0)


def auc(high, low):
    order = torch.cat((high, low)).argsort()
    ranks = torch.empty(len(order), dtype=torch.float64)
    ranks[order] = torch.arange(1, len(order) + 1, dtype=torch.float64)
    return float((ranks[:len(high)].sum() - len(high) * (len(high) + 1) / 2) / (len(high) * len(low)))


def judge(network, rows):
    leaf = rows.detach().requires_grad_()
    logits = network(leaf)
    slope, = torch.autograd.grad(logits.sum(), leaf)
    return logits.detach().flatten(), float(slope.norm(dim=1).sum())


def evaluate(own, twin, critic, batches):
    own.network.eval(), twin.network.eval()
    losses, logits, slopes, count = [0, 0], ([], []), [0, 0], 0
    for windows in batches:
        with torch.no_grad():
            outputs = [learner.network(windows) for learner in (own, twin)]
            for i, output in enumerate(outputs):
                losses[i] += float(functional.smooth_l1_loss(output, windows)) * len(windows)
        for i, rows in enumerate((windows, outputs[0])):
            values, slope = judge(critic, rows)
            logits[i].append(values)
            slopes[i] += slope
        count += len(windows)
    own.network.train(), twin.network.train()
    return losses[0] / count, losses[1] / count, auc(torch.cat(logits[0]), torch.cat(logits[1]))


def step_with_adversary(own, twin, critic, critic_optimiser, windows, influence):
    output, gradient = reconstruct(own, windows)
    theirs = discriminator_step(critic, critic_optimiser, windows, output.detach())
    own.step(output, pull(theirs, influence, gradient) if influence > 0 else gradient)
    twin.step(*reconstruct(twin, windows))


def evaluate_alone(own, batches):
    own.network.eval()
    with torch.no_grad():
        sums = [(float(functional.smooth_l1_loss(own.network(windows), windows)) * len(windows), len(windows)) for windows in batches]
    own.network.train()
    return sum(loss for loss, _ in sums) / sum(count for _, count in sums)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("recording")
    for name, standard in (("windows", None), ("held-out", None), ("epochs", 30), ("warmup", 3), ("ramp", 3)):
        parser.add_argument("--" + name, type=int, default=standard, required=standard is None)
    parser.add_argument("--adversary", choices=["stable", "none"], default="stable")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    rows = load(args.recording)
    flat, width = rows.flatten(), WINDOW * rows.shape[1]
    windows_of = flat.as_strided((len(rows) - WINDOW + 1, width), (rows.shape[1], 1))  # a view: nothing is copied
    per_epoch = (args.windows + BATCH - 2) // BATCH
    own, twin = (Learner(autoencoder(width), args.epochs * per_epoch) for _ in range(2))
    twin.network.load_state_dict(own.network.state_dict())
    critic = discriminator(width)
    critic_optimiser = torch.optim.Adam(critic.parameters(), DISCRIMINATOR_RATE, betas=(0, 0.99))
    held_out = [torch.arange(start, min(start + BATCH, args.windows + args.held_out))
                for start in range(args.windows, args.windows + args.held_out, BATCH)]
    epochs, step = [], 0
    for epoch in range(args.epochs):
        began = time.process_time()
        order = torch.randperm(args.windows)
        for b in range(per_epoch):
            windows = windows_of[order[b * BATCH:(b + 1) * BATCH]]
            if args.adversary == "none":
                own.step(*reconstruct(own, windows))
            else:
                since = step / per_epoch - args.warmup
                influence = 0 if since < 0 else 1 if args.ramp == 0 else min(1, since / args.ramp)
                step_with_adversary(own, twin, critic, critic_optimiser, windows, influence)
            step += 1
        batches = (windows_of[i] for i in held_out)
        if args.adversary == "none":
            figures = {"held_out_loss": evaluate_alone(own, batches)}
        else:
            figures = dict(zip(("held_out_loss", "twin_held_out_loss", "auc"), evaluate(own, twin, critic, batches)))
        epochs.append({"seconds": time.process_time() - began, **figures})
    json.dump({"torch": torch.__version__, "batches": per_epoch, "epochs": epochs,
               "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}, sys.stdout)
    print()


main()
