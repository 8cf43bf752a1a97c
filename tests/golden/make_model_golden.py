#!/usr/bin/env python3
"""Makes scaler.safetensors, pareto.safetensors and metrics.safetensors, what the unit tests compare with.

Needs numpy, scipy and scikit-learn (made with 1.24, 1.10 and 1.2). The files are committed, so that the
tests need none of them. Run in this directory: ./make_model_golden.py
"""
import json
import struct

import numpy as np
from scipy import optimize, stats
from sklearn import metrics, preprocessing

DTYPES = {"float32": "F32", "float64": "F64", "int64": "I64"}


def save(path, tensors, metadata):
    header, data = {"__metadata__": metadata}, b""
    for name, array in tensors.items():
        array = np.ascontiguousarray(array)
        begin = len(data)
        data += array.tobytes()
        header[name] = {"dtype": DTYPES[array.dtype.name], "shape": list(array.shape),
                        "data_offsets": [begin, len(data)]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def scaler():
    rng = np.random.default_rng(1)
    rows = 201
    x = np.stack([
        rng.normal(0, 1, rows), rng.normal(50, 0.02, rows), rng.lognormal(0, 2, rows),
        np.full(rows, 144.12), np.zeros(rows), rng.integers(0, 5, rows) * 7.0,
        np.where(rng.random(rows) < 0.02, 1999.9, rng.normal(0, 3, rows)),
    ], axis=1).astype(np.float32)
    wide = x.astype(np.float64)
    standard = preprocessing.StandardScaler().fit_transform(wide)
    low, high = np.percentile(wide, [1, 99], axis=0)
    spread = np.where(high > low, high - low, 1)
    expected = {
        "minmax": preprocessing.MinMaxScaler().fit_transform(wide),
        "standard": standard,
        "robust": preprocessing.RobustScaler().fit_transform(wide),
        "maxabs": preprocessing.MaxAbsScaler().fit_transform(wide),
        "signed-sqrt": np.sign(standard) * np.sqrt(np.abs(standard)),
        "minmax-tail-1": (wide - low) / spread,
    }
    save("scaler.safetensors", {"input": x, **expected, **curved_scalers()}, {"made_by": "scikit-learn"})


def curved_scalers():
    """Power and quantiles: fitted on many rows and on fewer than there are quantiles, applied to other rows.

    Two channels are left to the tests themselves. One never moves: scikit-learn maps it to an end of the
    distribution, or to what rounding leaves of it. One moves little beside its magnitude: its power transform presses
    that into the last digits, and scikit-learn then takes it for constant.
    """
    rng = np.random.default_rng(4)
    rows, inverse = 1500, np.linspace(0.001, 0.999, 41)
    x = np.stack([
        rng.normal(0, 1, rows), rng.lognormal(0, 1.5, rows), -rng.lognormal(1, 0.5, rows),
        np.round(rng.normal(0, 3, rows) / 0.07) * 0.07, rng.integers(0, 5, rows) * 7.0,
        np.where(rng.random(rows) < 0.02, 1999.9, rng.normal(0, 3, rows)), rng.normal(20, 2, rows),
    ], axis=1).astype(np.float32)
    tensors = {"curved.input": x}
    for size in (rows, 150):
        wide = x[:size].astype(np.float64)
        low, high = wide.min(axis=0), wide.max(axis=0)
        # Inside, at the borders, a little and far outside, and what was trained on with its ties.
        probe = np.concatenate([
            [low, high, low - 1e-3, high + 1e-3, 1.5 * low - 0.5 * high, 1.5 * high - 0.5 * low, 0 * low],
            low + np.linspace(0.01, 0.99, 50)[:, None] * (high - low), wide[:140]]).astype(np.float32)
        tensors[f"{size}.probe"] = probe
        kinds = {
            "power": preprocessing.PowerTransformer(),
            "quantile-uniform": preprocessing.QuantileTransformer(n_quantiles=min(size, 1000), subsample=rows),
            "quantile-normal": preprocessing.QuantileTransformer(
                n_quantiles=min(size, 1000), subsample=rows, output_distribution="normal"),
        }
        for name, kind in kinds.items():
            kind.fit(wide)
            scaled = np.stack([inverse] * x.shape[1], axis=1)
            if name != "quantile-uniform":
                scaled = stats.norm.ppf(scaled)
            back = kind.inverse_transform(scaled)
            if name == "power":  # the ceiling of the curve, and the range that armwatch stays within
                back = np.clip(np.where(np.isnan(back), np.copysign(np.inf, scaled), back), low, high)
            tensors[f"{size}.{name}.probe"] = kind.transform(probe.astype(np.float64))
            tensors[f"{size}.{name}.scaled"] = scaled
            tensors[f"{size}.{name}.back"] = back
    return tensors


def pareto():
    tensors, rng = {}, np.random.default_rng(2)
    for i, (gamma, sigma, n) in enumerate([(0.3, 2, 500), (-0.2, 1, 400), (0, 0.05, 300),
                                           (0.7, 10, 200), (0.1, 1, 60), (-0.35, 3, 1000)]):
        y = stats.genpareto.rvs(gamma, scale=sigma, size=n, random_state=rng)
        start = stats.genpareto.fit(y, floc=0)
        best = optimize.minimize(
            lambda p: stats.genpareto.nnlf((p[0], 0, np.exp(p[1])), y), (start[0], np.log(start[2])),
            method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-12, "maxiter": 10000})
        fit = np.array([best.x[0], np.exp(best.x[1])])
        assert fit[0] > -0.5, "outside of what is fitted"
        at = np.array([0.1, 1.0, 5.0]) * fit[1]
        share = np.array([0.5, 1e-2, 1e-5])
        tensors[f"{i}.excess"] = y
        tensors[f"{i}.fit"] = fit
        tensors[f"{i}.at"] = at
        tensors[f"{i}.survival"] = stats.genpareto.sf(at, fit[0], scale=fit[1])
        tensors[f"{i}.share"] = share
        tensors[f"{i}.quantile"] = stats.genpareto.isf(share, fit[0], scale=fit[1])
    save("pareto.safetensors", tensors, {"made_by": "scipy"})


def runs(label):
    edges = np.flatnonzero(np.diff(np.concatenate([[0], label, [0]])))
    return list(zip(edges[::2], edges[1::2] - 1))


def merged(segments, half, last):
    joined = []
    for start, end in segments:
        start, end = max(start - half, 0), min(end + half, last)
        if joined and start <= joined[-1][1]:
            joined[-1][1] = end
        else:
            joined.append([start, end])
    return joined


def vus(label, score, window, thresholds=250):
    """Volume under the surface from its definition (Paparrizos et al. 2022, as in TSB-AD): slow and plain."""
    n, segments = len(label), runs(label)
    ranked = np.sort(score)[::-1]
    cuts = [ranked[i] for i in np.linspace(0, n - 1, thresholds).astype(int)]
    roc, pr = [], []
    for w in range(window + 1):
        soft = label.astype(float)
        for start, end in segments:
            for i in range(n):
                distance = i - end if i > end else start - i if i < start else 0
                if 0 < distance <= w // 2:
                    soft[i] += np.sqrt(1 - distance / w)
        soft = np.minimum(soft, 1)
        wide = merged(segments, w // 2, n - 1)
        tpr, fpr, precision = [0.0], [0.0], [1.0]
        for cut in cuts:
            hit = score >= cut
            true = np.sum(soft[hit])
            positives = (label.sum() + label.sum() + np.sum(soft[hit & (label == 0)])) / 2
            found = np.mean([hit[start:end + 1].any() for start, end in wide])
            tpr.append(min(true / positives, 1) * found)
            fpr.append((hit.sum() - true) / (n - positives))
            precision.append(true / hit.sum())
        pr.append(np.sum(np.diff(tpr) * precision[1:]))
        tpr.append(1.0)
        fpr.append(1.0)
        tpr = np.array(tpr)
        roc.append(np.sum(np.diff(fpr) * (tpr[1:] + tpr[:-1]) / 2))
    return np.mean(roc), np.mean(pr)


def labelled_scores(rng):
    """Label and score of each case: rare ties, many ties, few values, labels at both ends, misleading scores;
    then scores that are all equal, a single anomalous row, and a single one among ties."""
    for i, (n, gaps, decimals, shift) in enumerate([(400, 6, 12, 1.0), (300, 5, 1, 0.5), (1000, 3, 0, 0.2),
                                                    (600, 20, 12, 3.0), (260, 1, 12, -1.0)]):
        label = np.zeros(n, dtype=np.int64)
        for start in rng.integers(0, n, gaps):
            label[start:start + rng.integers(1, 30)] = 1
        if i == 3:
            label[:4] = label[-3:] = 1
        yield label, np.round(rng.normal(0, 1, n) + shift * label, decimals)
    yield np.repeat(np.array([0, 1, 0], dtype=np.int64), 40), np.full(120, 0.25)
    for decimals in (12, 0):
        label = np.zeros(500, dtype=np.int64)
        label[321] = 1
        yield label, np.round(rng.normal(0, 1, 500) + 2 * label, decimals)


def figures(label, score, cut, weight=None):
    """ROC-AUC, average precision, prevalence, precision, recall, F1, accuracy, false-positive rate."""
    hit, many = score > cut, {"sample_weight": weight, "zero_division": 0}
    return [
        metrics.roc_auc_score(label, score, sample_weight=weight),
        metrics.average_precision_score(label, score, sample_weight=weight), np.average(label, weights=weight),
        metrics.precision_score(label, hit, **many), metrics.recall_score(label, hit, **many),
        metrics.f1_score(label, hit, **many), metrics.accuracy_score(label, hit, sample_weight=weight),
        np.average(hit[label == 0], weights=None if weight is None else weight[label == 0])]


def metric_vectors():
    tensors, rng = {}, np.random.default_rng(3)
    for i, (label, score) in enumerate(labelled_scores(rng)):
        cut = np.percentile(score, 90)
        weight = rng.integers(0, 4, len(label))
        weight[np.flatnonzero(label)[0]] = 3
        tensors[f"{i}.label"] = label
        tensors[f"{i}.score"] = score
        tensors[f"{i}.cut"] = np.array([cut])
        tensors[f"{i}.expected"] = np.array(figures(label, score, cut))
        tensors[f"{i}.weight"] = weight
        tensors[f"{i}.weighted"] = np.array(figures(label, score, cut, weight))
        tensors[f"{i}.vus"] = np.array([v for w in (0, 1, 10, 21) for v in vus(label, score, w)])
    count = np.array([0, 1, 2, 5, 17, 100, 2500], dtype=np.int64)
    tensors["poisson.count"] = count
    tensors["poisson.lower"] = np.where(count > 0, stats.chi2.ppf(0.05, 2 * np.maximum(count, 1)) / 2, 0)
    tensors["poisson.upper"] = stats.chi2.ppf(0.95, 2 * count + 2) / 2
    save("metrics.safetensors", tensors, {"made_by": "scikit-learn, scipy"})


if __name__ == "__main__":
    scaler()
    pareto()
    metric_vectors()
