#!/usr/bin/env python3
"""Makes psi.safetensors, what the unit test of the population stability index compares with.

Needs numpy (made with 1.24). The file is committed, so that the test needs none of it. Run in this
directory: ./make_psi_golden.py
"""
import numpy as np
from make_model_golden import save

BINS = 10
STRETCH = 10


def edges_of(means):
    """The distinct deciles below the maximum; the value itself where there is but one."""
    deciles = np.quantile(means, np.arange(1, BINS) / BINS, method="inverted_cdf")
    inner = np.unique(deciles[deciles < means.max()])
    return inner if inner.size else np.array([means.max()])


def bins_of(edges, means):
    return np.searchsorted(edges, means, side="left")


def counts_of(edges, means):
    return np.bincount(bins_of(edges, means), minlength=edges.size + 1).astype(np.float64)


def pooled_variance(groups):
    groups = [g for g in groups if len(g) > 1]
    return sum(((g - g.mean()) ** 2).sum() for g in groups) / sum(len(g) - 1 for g in groups)


def design_effect(edges, sessions):
    bins = [bins_of(edges, s).astype(float) for s in sessions]
    stretches = [b[: len(b) // STRETCH * STRETCH].reshape(-1, STRETCH).sum(axis=1) for b in bins]
    if sum(max(len(s) - 1, 0) for s in stretches) < 5:
        return float(STRETCH)
    alone = pooled_variance(bins)
    return float(np.clip(pooled_variance(stretches) / (STRETCH * alone), 1, STRETCH)) if alone > 0 else 1.0


def psi(live, usual, effect):
    """The index without what chance gives, and the raw one."""
    p = (live + 0.5) / (live + 0.5).sum()
    q = (usual + 0.5) / (usual + 0.5).sum()
    raw = float(np.sum((p - q) * np.log(p / q)))
    chance = effect * (1 / live.sum() + 1 / usual.sum())
    return max(raw - (len(live) - 1) * chance, 0.0), raw


def cases(rng):
    """Sessions of the calibration, and live means."""
    normal = rng.normal(1, 0.1, 400)
    yield "same", [normal[:200], normal[200:]], rng.normal(1, 0.1, 300)
    yield "moved", [normal[:200], normal[200:]], rng.normal(1.08, 0.1, 300)
    walk = [np.convolve(rng.normal(0, 1, 419), np.ones(20) / 20, "valid") for _ in range(2)]
    yield "slow", walk, np.convolve(rng.normal(0, 1, 319), np.ones(20) / 20, "valid")
    apart = [rng.normal(m, 0.1, 150) for m in (1, 1.1, 0.9, 1.3)]
    yield "apart", apart, rng.normal(1.15, 0.12, 500)
    yield "steps", [np.round(rng.gamma(1, 1, 300))], np.round(rng.gamma(1.3, 1, 240))
    yield "equal", [np.full(40, 0.25)], np.concatenate([np.full(100, 0.25), np.full(100, 0.5)])
    yield "short", [rng.gamma(2, 1, 12), rng.gamma(2, 1, 5)], rng.gamma(3, 1, 150)


def main():
    tensors = {}
    for name, sessions, live in cases(np.random.default_rng(4)):
        means = np.concatenate(sessions)
        edges = edges_of(means)
        usual = counts_of(edges, means)
        effect = design_effect(edges, sessions)
        per_session = [counts_of(edges, s) for s in sessions]
        between = max(psi(c, usual - c, effect)[0] for c in per_session) if len(sessions) > 1 else 0.0
        index, raw = psi(counts_of(edges, live), usual, effect)
        tensors[f"{name}.means"] = means
        tensors[f"{name}.session_end"] = np.cumsum([len(s) for s in sessions]).astype(np.int64)
        tensors[f"{name}.edges"] = edges
        tensors[f"{name}.counts"] = usual
        tensors[f"{name}.live"] = live
        tensors[f"{name}.expected"] = np.array([effect, between, index])
        print(f"{name}: {len(edges) + 1} bins, design effect {effect:.3f}, between {between:.3f}, "
              f"raw {raw:.3f}, index {index:.3f}")
    save("psi.safetensors", tensors, {"made_by": "numpy"})


if __name__ == "__main__":
    main()
