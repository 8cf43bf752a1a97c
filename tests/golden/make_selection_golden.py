#!/usr/bin/env python3
"""Makes pca.safetensors and mutual_information.safetensors, what the unit tests compare with.

Needs numpy and scikit-learn (made with 1.24 and 1.2). The files are committed, so that the tests need none of
them. Run in this directory: ./make_selection_golden.py
"""
import numpy as np
from make_model_golden import save
from sklearn.decomposition import PCA
from sklearn.feature_selection import mutual_info_classif


def pca():
    rng = np.random.default_rng(4)
    tensors = {}
    hidden = rng.normal(0, 1, (400, 4)) * [3, 2, 1, 0.5]
    mixed = hidden @ rng.normal(0, 1, (4, 12)) + rng.normal(0, 0.3, (400, 12))
    offset = rng.normal(0, 1, (300, 5)) * [1, 1, 1, 1e-3, 0] + [0, 100, -7, 3, 5]
    for name, x, share in (("mixed", mixed, 0.95), ("offset", offset, 0.95), ("most", mixed, 0.6)):
        x = x.astype(np.float32)
        fit = PCA(n_components=share).fit(x.astype(np.float64))
        tensors[f"{name}.input"] = x
        tensors[f"{name}.mean"] = fit.mean_
        tensors[f"{name}.components"] = fit.components_
        tensors[f"{name}.variance"] = fit.explained_variance_
        tensors[f"{name}.share"] = np.array([share, fit.explained_variance_ratio_.sum()])
    save("pca.safetensors", tensors, {"made_by": "scikit-learn"})


def mutual_information():
    """Continuous channels that say more and more about the label, and the same as a sensor with coarse steps."""
    rng = np.random.default_rng(5)
    rows = 1500
    label = (rng.random(rows) < 0.3).astype(np.int64)
    shifts = [0, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 6]
    smooth = np.stack([rng.normal(0, 1, rows) + shift * label for shift in shifts]
                      + [rng.normal(0, 1, rows) * (1 + 3 * label)], axis=1).astype(np.float32)
    tensors = {"label": label}
    for name, x in (("smooth", smooth), ("stepped", np.round(smooth, 1)), ("coarse", np.round(smooth))):
        found = [mutual_info_classif(x.astype(np.float64), label, random_state=seed) for seed in range(20)]
        tensors[f"{name}.input"] = x
        tensors[f"{name}.information"] = np.mean(found, axis=0)
    save("mutual_information.safetensors", tensors, {"made_by": "scikit-learn"})


if __name__ == "__main__":
    pca()
    mutual_information()
