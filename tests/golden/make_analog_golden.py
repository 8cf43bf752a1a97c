#!/usr/bin/env python3
"""Makes analog.safetensors, what the unit test of the analog detector compares with.

Plain NumPy in double: every reference row of the step is looked at, one window after the other. Needs numpy (made with
1.24). The file is committed, so that the test needs none. Run in this directory: ./make_analog_golden.py
"""
import numpy as np

from make_model_golden import save

STEPS = [3, 5, 9]
FLOOR = np.array([0.5, 0.5, 0.5, 0.02, 0.02], np.float32)  # two groups: channels 0, 1, 3 and 2, 4
GROUP = np.array([0, 0, 1, 0, 1])
NEIGHBOURS, CLIP, SPIKE = 4, 10.0, 100.0


def movement(rng, step, rows, speed=1.0):
    """A cycle with two rows before it, as [rows + 2][channels]."""
    phase = speed * np.arange(-2, rows)[:, None] / 12 + 0.3 * step
    shape = np.sin(phase * (1 + np.arange(5) / 3) + step)
    return (shape * [20, 35, 12, 0.4, 0.8] + rng.normal(0, 1, (rows + 2, 5)) * FLOOR * 0.6).astype(np.float32)


def references(rng):
    runs, rows = [], []
    for place, step in enumerate(STEPS):
        for length in (90, 66, 123)[: 3 - (place == 1)]:
            runs.append([place, length + 2])
            rows.append(movement(rng, step, length))
    return np.array(runs), np.concatenate(rows)


def windows(rng, runs, rows):
    """[windows][3][step and channels]: healthy, slowed, displaced, dead, far away, with spikes in each of the rows, and
    with the last rows of a run as predecessors: what follows them in the file is of another run."""
    out = []
    for place, step in enumerate(STEPS):
        end = runs[:np.flatnonzero(runs[:, 0] == place)[0] + 1, 1].sum()
        out.append(np.concatenate([rows[end - 2:end], movement(rng, step, 1)[2:]]))
        for speed in (1.0, 0.5):
            cycle = movement(rng, step, 24, speed)
            out += [cycle[i:i + 3] for i in range(0, 24, 2)]
        for case in range(7):
            window = movement(rng, step, 24)[5 + case:8 + case].copy()
            if case < 3:
                window[case, 1] += 900
            elif case == 3:
                window[:, 2:4] = 0
            elif case == 4:
                window[2] += 5 * FLOOR
            elif case == 5:
                window *= 40
            else:
                window[1, 0], window[1, 4] = -1200, 14
            out.append(window)
    out = np.array(out, np.float32)
    step = np.repeat(STEPS, len(out) // 3).astype(np.float32)
    return np.concatenate([np.broadcast_to(step[:, None, None], (len(out), 3, 1)), out], axis=2)


def despiked(older, newer, newest):
    """The predecessors without a spike of one row."""
    older, newer = older.copy(), newer.copy()
    for c in range(len(newer)):
        rise, fall = newer[c] - older[c], newer[c] - newest[c]
        if min(abs(rise), abs(fall)) > SPIKE and rise * fall > 0:
            newer[c] = (older[c] + newest[c]) / 2
        if abs(older[c] - newer[c]) > SPIKE >= abs(newer[c] - newest[c]):
            older[c] = newer[c]
    return older, newer


def judge(window, runs, rows):
    floor = FLOOR.astype(np.float64)
    step, observed = int(window[0, 0]), window[:, 1:] / floor
    older, newer = despiked(*observed)
    found, at = [], 0
    for place, length in runs:
        cycle = rows[at:at + length] / floor
        at += length
        if STEPS[place] != step:
            continue
        for i in range(2, length):
            distance = ((cycle[i - 1] - newer) ** 2).sum() + ((cycle[i - 2] - older) ** 2).sum()
            found.append((distance, len(found), cycle[i]))
    nearest = sorted(found, key=lambda f: f[:2])[:NEIGHBOURS]
    weight = np.array([1 / (f[0] + 1) for f in nearest])
    weight /= weight.sum()
    values = np.array([f[2] for f in nearest])
    mean = weight @ values
    z = (observed[2] - mean) / np.sqrt(weight @ (values - mean) ** 2 + 1)
    size = np.minimum(abs(z), CLIP)
    return max(size[GROUP == g].mean() for g in (0, 1)), mean * floor, z, size / size.sum()


def main():
    rng = np.random.default_rng(7)
    runs, rows = references(rng)
    wide = windows(rng, runs, rows)
    score, expected, z, share = zip(*(judge(w.astype(np.float64), runs, rows.astype(np.float64)) for w in wide))
    save("analog.safetensors", {
        "floor": FLOOR, "run": runs.astype(np.int64), "rows": rows, "windows": wide, "score": np.array(score),
        "expected": np.array(expected), "z": np.array(z), "share": np.array(share),
    }, {"made_by": "numpy"})


if __name__ == "__main__":
    main()
