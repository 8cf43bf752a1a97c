#!/usr/bin/env python3
"""Makes nearest.safetensors, what the unit tests of the nearest rows compare with.

Needs numpy and scikit-learn (made with 1.24 and 1.2). The file is committed, so that the tests need none of
them. Run in this directory: ./make_nearest_golden.py
"""
import numpy as np
from make_model_golden import save
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

NEIGHBOURS = 5


def cases():
    """Rows, and queries like them, a little off and far off."""
    rng = np.random.default_rng(6)
    hidden = rng.normal(0, 1, (760, 4)) * [3, 2, 1, 0.5]
    smooth = hidden @ rng.normal(0, 1, (4, 30)) + rng.normal(0, 0.1, (760, 30))
    yield "smooth", smooth[:700], np.concatenate([smooth[700:], smooth[:20] + 0.3, smooth[700:710] * 9]), 6
    noise = rng.normal(0, 1, (360, 12))  # a few directions say little about it
    yield "noise", noise[:300], noise[300:], 3
    offset = rng.normal(0, 1, (150, 5)) * [1, 1, 0.1, 0.1, 0] + [30, 0, -20, 0, 5]
    yield "offset", offset[:100], offset[100:], 5


if __name__ == "__main__":
    tensors = {}
    for name, rows, queries, directions in cases():
        rows, queries = rows.astype(np.float32), queries.astype(np.float32)
        components = PCA(n_components=directions).fit(rows.astype(np.float64)).components_
        search = NearestNeighbors(n_neighbors=NEIGHBOURS, algorithm="kd_tree").fit(rows.astype(np.float64))
        distances, places = search.kneighbors(queries.astype(np.float64))
        tensors |= {f"{name}.rows": rows, f"{name}.queries": queries, f"{name}.distances": distances,
                    f"{name}.places": places.astype(np.int64), f"{name}.directions": components.astype(np.float32)}
    save("nearest.safetensors", tensors, {"made_by": "scikit-learn"})
