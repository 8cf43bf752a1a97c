#!/usr/bin/env python3
"""Simulated files in exactly the layout of the KukaVelocityDataset, and what the command needs for them.

Usage: kuka_layout.py ARMWATCH DIRECTORY [--labels one|halves] [--measure]

Makes KukaNormal.npy (233792 x 86, nine sessions one after the other), KukaSlow.npy (41538 x 87, the first half at
75 %, the second at 50 % speed, the last column the label: 1 throughout, or 1 and 2) and KukaColumnNames.npy (87 names
of <U37), float64 in C order, without times. --measure then prints seconds, peak memory and exit code of loading,
train --epochs 2 and evaluate. The arm is simulated: nothing here is a result on that data set.
"""
import argparse, array, ast, os, shutil, struct, sys, tempfile, time

NORMAL_ROWS, NORMAL_SESSIONS, SLOW_ROWS, CHANNELS, COLUMNS = 233792, 9, 41538, 86, 87
FIRST_SEED = 1001
NO_BROKER = "mqtt://127.0.0.1:1"


def run(argv, expected=0):
    """Runs it without its output; returns seconds and peak memory in MiB."""
    began = time.monotonic()
    quiet = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_WRONLY, 0) for fd in (1, 2)]
    pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=quiet)
    _, status, usage = os.wait4(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code != expected:
        sys.exit(f"exit code {code}: {' '.join(argv)}")
    return time.monotonic() - began, usage.ru_maxrss / 1024


def read_npy(path):
    """Shape, type and bytes of a .npy of version 1."""
    with open(path, "rb") as file:
        magic, length = file.read(8), struct.unpack("<H", file.read(2))[0]
        assert magic == b"\x93NUMPY\x01\x00", path
        header = ast.literal_eval(file.read(length).decode())
        assert not header["fortran_order"]
        return header["shape"], header["descr"], file.read()


def write_header(file, shape):
    text = str({"descr": "<f8", "fortran_order": False, "shape": shape})
    text += " " * (63 - (10 + len(text)) % 64) + "\n"
    file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode())


def simulate(armwatch, directory, rows, seed, *more):
    """The bytes of a session, and the path of the names."""
    session, names = (os.path.join(directory, name) for name in ("session.npy", "names.npy"))
    run([armwatch, "simulate", "--out", session, "--columns-out", names, "--rows", str(rows),
         "--session-seed", str(seed), *more])
    shape, descr, data = read_npy(session)
    assert shape[0] == rows and descr == "<f8", (shape, descr)
    return data, names


def make(armwatch, labels, normal, slow, names):
    with tempfile.TemporaryDirectory() as work:
        with open(normal, "wb") as file:
            write_header(file, (NORMAL_ROWS, CHANNELS))
            for i in range(NORMAL_SESSIONS):
                rows = NORMAL_ROWS * (i + 1) // NORMAL_SESSIONS - NORMAL_ROWS * i // NORMAL_SESSIONS
                file.write(simulate(armwatch, work, rows, FIRST_SEED + i)[0])
        with open(slow, "wb") as file:
            write_header(file, (SLOW_ROWS, COLUMNS))
            for i, speed in enumerate(["0.75", "0.5"]):
                rows, seed = SLOW_ROWS // 2, FIRST_SEED + NORMAL_SESSIONS + i
                data, session_names = simulate(armwatch, work, rows, seed, "--anomaly", f"slow:{speed}", "--label-column")
                values = array.array("d", data)
                values[COLUMNS - 1 :: COLUMNS] = array.array("d", [1 if labels == "one" else 1 + i]) * rows
                file.write(values)
        shutil.copy(session_names, names)
    for path, shape, descr in [(normal, (NORMAL_ROWS, CHANNELS), "<f8"), (slow, (SLOW_ROWS, COLUMNS), "<f8"),
                               (names, (COLUMNS,), "<U37")]:
        found = read_npy(path)[:2]
        print(f"{os.path.basename(path):20} {found[1]:4} {' x '.join(map(str, found[0]))}")
        assert found == (shape, descr), (path, found)


def measure(armwatch, directory, normal, slow, names):
    model = os.path.join(directory, "kuka.safetensors")
    columns = ["--columns", names]
    steps = [
        # Without a broker, replay ends when it has loaded the recording.
        ("load normal", ["replay", "--broker", NO_BROKER, "--robot", "kuka", normal, *columns], 69),
        ("load slow", ["replay", "--broker", NO_BROKER, "--robot", "kuka", slow, *columns], 69),
        ("train, 2 epochs", ["train", "--normal", normal, *columns, "--epochs", "2", "--out", model], 0),
        ("evaluate", ["evaluate", "--model", model, "--normal", normal, "--anomalous", slow, *columns], 0),
    ]
    print(f"one float32 copy     {NORMAL_ROWS * CHANNELS * 4 / 2**20:6.0f} MiB of the normal file")
    for what, arguments, expected in steps:
        seconds, peak = run([armwatch, *arguments], expected)
        print(f"{what:20} {seconds:6.2f} s {peak:6.0f} MiB at most")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("armwatch")
    parser.add_argument("directory")
    parser.add_argument("--labels", choices=["one", "halves"], default="one")
    parser.add_argument("--measure", action="store_true")
    options = parser.parse_args()
    os.makedirs(options.directory, exist_ok=True)
    armwatch = os.path.abspath(options.armwatch)
    files = [os.path.join(options.directory, f"Kuka{name}.npy") for name in ("Normal", "Slow", "ColumnNames")]
    maker = os.fork()  # a process counts its parent's peak as its own: what is measured needs a small parent
    if maker == 0:
        make(armwatch, options.labels, *files)
        sys.stdout.flush()
        os._exit(0)
    if os.waitpid(maker, 0)[1] != 0:
        sys.exit(1)
    if options.measure:
        measure(armwatch, options.directory, *files)


main()
