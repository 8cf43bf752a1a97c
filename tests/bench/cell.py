"""A broker, models and daemons for the benchmarks in Python: everything in one directory that goes away in the end."""
import json, os, shutil, signal, socket, subprocess, sys, tempfile, time

PYTHON = "/usr/bin/python3"  # Debian's, which has its paho, numpy, scikit-learn and torch
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
INSTANCE = "bench"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def status_kib(pid, key):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith(key + ":"):
            return int(line.split()[1])
    return 0


def cpu_s(pid):
    """Time on a processor of all threads; schedstat counts nanoseconds, where stat counts ticks of 10 ms."""
    tasks = f"/proc/{pid}/task"
    return sum(int(open(f"{tasks}/{task}/schedstat").read().split()[0]) for task in os.listdir(tasks)) / 1e9


def quietly(*argv):
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def train_autoencoder(armwatch, directory):
    """The model of the goals, 430-64-32-64-430, in DIRECTORY/autoencoder.safetensors; it is kept for the next time."""
    path = f"{directory}/autoencoder.safetensors"
    if os.path.exists(path):
        return path
    os.makedirs(directory, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        normal = []
        for seed in "1", "2", "3":
            quietly(armwatch, "simulate", "--out", f"{work}/{seed}.npy", "--columns-out", f"{work}/names.npy", "--minutes", "30",
                    "--robot-seed", "1", "--session-seed", seed)
            normal += ["--normal", f"{work}/{seed}.npy"]
        quietly(armwatch, "train", *normal, "--columns", f"{work}/names.npy", "--detectors", "autoencoder", "--keep-drift",
                "--adversary", "none", "--epochs", "4", "--simulated", "--out", path)
    return path


def end(process):
    """By its pid; its stdout, if that is piped."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        return process.communicate(timeout=20)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0]


class Cell:
    """with Cell(armwatchd, armwatch) as cell: a broker runs, on cell.port."""

    def __init__(self, armwatchd):
        self.armwatchd = armwatchd

    def __enter__(self):
        self.work = tempfile.mkdtemp(prefix="armwatch-bench-")
        self.port = free_port()
        self.url = f"mqtt://127.0.0.1:{self.port}"
        with open(f"{self.work}/mosquitto.conf", "w") as out:
            out.write(f"listener {self.port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n")
        path = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin")
        self.broker = subprocess.Popen([path, "-c", f"{self.work}/mosquitto.conf"], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.await_broker()
        return self

    def __exit__(self, *error):
        end(self.broker)
        shutil.rmtree(self.work)

    def await_broker(self):
        for _ in range(200):
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        sys.exit("the broker does not listen")

    def start(self, argv, environment={}):
        """A program that has said READY=1, and the seconds until then."""
        path = f"{self.work}/notify"
        if os.path.exists(path):
            os.unlink(path)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(path)
            notify.settimeout(20)
            began = time.monotonic()
            process = subprocess.Popen(argv, env={**os.environ, **ENVIRONMENT, **environment, "NOTIFY_SOCKET": path}, stderr=subprocess.DEVNULL)
            while b"READY=1" not in notify.recv(4096):
                pass
            return process, time.monotonic() - began

    def start_daemon(self, model, answers_hz=0, state=None, **more):
        """model: the path of a file. state: a directory in which it has run before; else a new one. more: of the configuration."""
        directory, name = os.path.split(os.path.abspath(model))
        config = {"instance": INSTANCE, "mqtt": {"url": self.url}, "scores": {"rate_hz": answers_hz}, "http": {"listen": "127.0.0.1:0"}, "log": {"level": "error"},
                  "models": {"directory": directory, "default": name.removesuffix(".safetensors")}, "state_directory": state or tempfile.mkdtemp(dir=self.work), **more}
        path = f"{self.work}/armwatchd.json"
        with open(path, "w") as out:
            json.dump(config, out)
        return self.start([self.armwatchd, "--config", path])

    def start_peer(self, argv):
        """A consumer that says "ready" once it has subscribed, and at SIGTERM how many samples came; None if it is not there."""
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, **ENVIRONMENT}, text=True)
        if process.stdout.readline() == "ready\n":
            return process
        end(process)
        return None
