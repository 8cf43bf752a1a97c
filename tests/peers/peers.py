#!/usr/bin/env python3
"""Detectors from scikit-learn, as outside peers on the split of `armwatch compare --peers`.

Usage: peers.py [--jobs N] DIRECTORY      scores the windows of DIRECTORY/split.json
       peers.py --selftest                does so on toy data and looks at what comes out
Needs python3-sklearn. Windows are taken out of the rows a chunk at a time, so that memory stays under 2 GB with
230,000 windows to train on and 100,000 to score. One thread, unless --jobs says more.
"""
import argparse, json, os, sys, tempfile, time

SYSTEM_PYTHON = "/usr/bin/python3"  # where Debian's packages belong, whichever python3 comes first in PATH
NO_SKLEARN = "scikit-learn is missing: apt-get install python3-sklearn"
SKIP = 77

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("directory", nargs="?")
arguments.add_argument("--jobs", type=int, default=1, help="threads (default 1)")
arguments.add_argument("--selftest", action="store_true")
options = arguments.parse_args()
if options.selftest == bool(options.directory):
    arguments.error("give a DIRECTORY or --selftest")
for library in "OMP", "OPENBLAS", "MKL":  # read when NumPy is imported
    os.environ[library + "_NUM_THREADS"] = str(options.jobs)
try:
    import numpy as np
    import sklearn
    from sklearn.covariance import LedoitWolf
    from sklearn.decomposition import PCA
    from sklearn.ensemble import IsolationForest
    from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors
    from sklearn.svm import OneClassSVM
except ImportError:
    if os.path.exists(SYSTEM_PYTHON) and os.environ.get("ARMWATCH_PEERS_PYTHON") != SYSTEM_PYTHON:
        os.environ["ARMWATCH_PEERS_PYTHON"] = SYSTEM_PYTHON
        os.execv(SYSTEM_PYTHON, [SYSTEM_PYTHON, *sys.argv])
    print(NO_SKLEARN, file=sys.stderr)
    sys.exit(SKIP if options.selftest else 1)
sklearn.set_config(working_memory=128)  # MiB, of the matrix of distances

CHUNK = 10000  # windows


class Part:
    """One recording: its rows, and the windows in it by their last row."""

    def __init__(self, directory, entry, split):
        self.rows = np.load(os.path.join(directory, entry["rows"]), mmap_mode="r")
        self.ends = np.load(os.path.join(directory, entry["ends"])).astype(np.int64)
        self.offsets = np.arange(-(split["window"] - 1), 1) * split["spacing"]
        if self.rows.ndim != 2 or self.rows.shape[1] != split["width"]:
            sys.exit(f"{entry['rows']}: shape {self.rows.shape}, must be (rows, {split['width']})")
        if len(self.ends) and not (-self.offsets[0] <= self.ends.min() and self.ends.max() < len(self.rows)):
            sys.exit(f"{entry['ends']}: a window that is not inside the {len(self.rows)} rows")

    def windows(self, which=slice(None)):
        """float32 [windows][window, width]"""
        return np.asarray(self.rows[self.ends[which, None] + self.offsets], dtype=np.float32)

    def sample(self, most):
        """At most so many windows, evenly over the recording."""
        count = min(most, len(self.ends))
        return np.linspace(0, len(self.ends) - 1, count).astype(np.int64)

    def score(self, score):
        """The scores of all windows, a chunk at a time."""
        scores = np.empty(len(self.ends))
        for first in range(0, len(scores), CHUNK):
            scores[first : first + CHUNK] = score(self.windows(slice(first, first + CHUNK)))
        return scores


def flat(windows):
    return windows.reshape(len(windows), -1)


def statistics(windows):
    """Per channel of a window: mean, standard deviation, least, greatest and range."""
    low, high = windows.min(axis=1), windows.max(axis=1)
    return np.hstack([windows.mean(axis=1), windows.std(axis=1), low, high, high - low])


# Each takes training windows and a seed, and returns what scores windows: larger is more anomalous.


def nearest(windows, seed):
    model = NearestNeighbors(n_neighbors=1, algorithm="brute", n_jobs=options.jobs).fit(flat(windows))
    return lambda w: model.kneighbors(flat(w))[0][:, 0]


def local_outlier_factor(windows, seed):
    model = LocalOutlierFactor(n_neighbors=20, algorithm="brute", novelty=True, n_jobs=options.jobs)
    model.fit(flat(windows))
    return lambda w: -model.score_samples(flat(w))


def one_class_svm(windows, seed):
    model = OneClassSVM(nu=0.01, gamma="scale", cache_size=200).fit(flat(windows))
    return lambda w: -model.decision_function(flat(w))


def principal_components(windows, seed):
    model = PCA(n_components=0.95, svd_solver="full").fit(flat(windows))
    return lambda w: np.square(model.inverse_transform(model.transform(flat(w))) - flat(w)).mean(axis=1)


def mahalanobis(windows, seed):
    model = LedoitWolf().fit(flat(windows).astype(np.float64))
    return lambda w: np.sqrt(np.maximum(model.mahalanobis(flat(w)), 0))


def forest(windows, seed, features):
    model = IsolationForest(n_estimators=100, random_state=seed, n_jobs=options.jobs).fit(features(windows))
    return lambda w: -model.score_samples(features(w))


# key, name, what makes it, whether it depends on the seed, most training windows
PEERS = [
    ("sk-knn", "1-NN", nearest, False, 20000),
    ("iforest", "Isolation Forest", lambda w, s: forest(w, s, flat), True, 50000),
    ("iforest-stats", "Isolation Forest on window statistics", lambda w, s: forest(w, s, statistics), True, 50000),
    ("ocsvm", "One-Class SVM", one_class_svm, False, 5000),
    ("lof", "Local Outlier Factor", local_outlier_factor, False, 20000),
    ("sk-pca", "PCA, 95 % of the variance", principal_components, False, 50000),
    ("sk-mahalanobis", "Mahalanobis, Ledoit-Wolf", mahalanobis, False, 50000),
]


def save(directory, name, scores):
    if not np.isfinite(scores).all():
        sys.exit(f"{name}: a score is not finite")
    np.save(os.path.join(directory, name), scores.astype(np.float64))


def score_all(directory):
    with open(os.path.join(directory, "split.json"), encoding="utf-8") as file:
        split = json.load(file)
    training = Part(directory, split["training"], split)
    parts = [(part, i, Part(directory, entry, split))
             for part in ("calibration", "test") for i, entry in enumerate(split[part])]
    if len(training.ends) < 50:
        sys.exit(f"{directory}: {len(training.ends)} windows to train on, at least 50 are needed")
    peers = []
    for key, name, make, seeded, most in PEERS:
        began = time.monotonic()
        chosen = training.sample(most)
        windows = training.windows(chosen)
        seeds = split["seeds"] if seeded else split["seeds"][:1]
        for seed in seeds:
            score = make(windows, int(seed))
            for part, i, recording in parts:
                save(directory, f"scores-{key}-{seed}-{part}-{i}.npy", recording.score(score))
        seconds = time.monotonic() - began
        print(f"{name}: {seconds:.0f} s", file=sys.stderr)
        peers.append({"key": key, "name": f"{name} (scikit-learn)", "seeds": seeds,
                      "note": f"{len(chosen):,} of {len(training.ends):,} training windows",
                      "seconds": round(seconds, 3)})
    with open(os.path.join(directory, "peers.json"), "w", encoding="utf-8") as file:
        json.dump({"tool": f"scikit-learn {sklearn.__version__}", "peers": peers}, file, indent=1)


# ---- self-test: sines that are in step in training and out of step in the second half of the test


def toy_rows(rng, rows, broken_from):
    angle = np.arange(rows) / 9 + rng.uniform(0, 6)
    channels = np.stack([np.sin(angle), np.cos(angle), np.sin(2 * angle)], axis=1)
    channels[broken_from:, 1] = np.roll(channels[:, 1], 40)[broken_from:]
    return (channels + 0.05 * rng.standard_normal(channels.shape)).astype(np.float32)


def selftest(directory):
    rng = np.random.default_rng(1)
    split = {"window": 5, "spacing": 2, "width": 3, "seeds": [1, 2], "calibration": [], "test": []}
    for name, part, rows in ("training", None, 3000), ("calibration-0", "calibration", 500), ("test-0", "test", 800):
        broken_from = rows // 2 if part == "test" else rows
        entry = {"rows": f"{name}.npy", "ends": f"{name}-ends.npy"}
        np.save(os.path.join(directory, entry["rows"]), toy_rows(rng, rows, broken_from))
        np.save(os.path.join(directory, entry["ends"]), np.arange(8.0, rows))
        if part:
            split[part].append(entry)
        else:
            split[name] = entry
    with open(os.path.join(directory, "split.json"), "w", encoding="utf-8") as file:
        json.dump(split, file)
    score_all(directory)
    with open(os.path.join(directory, "peers.json"), encoding="utf-8") as file:
        peers = json.load(file)["peers"]
    assert [p["key"] for p in peers] == [p[0] for p in PEERS], peers
    for peer, (_, _, _, seeded, _) in zip(peers, PEERS):
        assert peer["seeds"] == ([1, 2] if seeded else [1]), peer
        for seed in peer["seeds"]:
            check_scores(directory, f"scores-{peer['key']}-{seed}")


def check_scores(directory, name):
    calibration = np.load(os.path.join(directory, f"{name}-calibration-0.npy"))
    test = np.load(os.path.join(directory, f"{name}-test-0.npy"))
    assert calibration.dtype == test.dtype == np.float64
    assert calibration.shape == (492,) and test.shape == (792,), (calibration.shape, test.shape)
    healthy, broken = test[:392], test[400:]
    auc = (broken[:, None] > healthy).mean()
    print(f"{name}: ROC-AUC {auc:.3f}")
    assert auc > 0.8, f"{name}: ROC-AUC {auc:.3f}"


if options.selftest:
    with tempfile.TemporaryDirectory() as temporary:
        selftest(temporary)
else:
    score_all(options.directory)
