"""Methods that try to break out of their worker, each as text; words in capitals are replaced by the tests."""

PEEK = """
import ctypes, json, os, pathlib, socket, subprocess, sys, time
def tried(attempt):
    try:
        return attempt()
    except BaseException as error:
        return "no: " + type(error).__name__
def read(path):
    return "yes: " + pathlib.Path(path).read_bytes()[:40].decode("latin1")
def connect():
    with socket.create_connection(("127.0.0.1", PORT), 2) as end:
        end.sendall(b"let me out")
    return "yes"
def put(path):
    pathlib.Path(path).write_text("forged")
    return "yes"
def memory():
    for line in open("/proc/PID/maps"):
        if " rw-p " in line and "[heap]" in line:
            low = int(line.split("-")[0], 16)
            with open("/proc/PID/mem", "rb") as file:
                file.seek(low)
                return f"yes: {len(file.read(4096))} bytes"
def tokens():
    own = pathlib.Path("/proc/self/environ").read_bytes() + repr(dict(os.environ)).encode()
    return "yes" if b"hunter2" in own else "no: not there"
def seed(task):
    text = b"".join(f.read_bytes() for f in task.folder.rglob("*.json")) + repr((task.table, sys.argv)).encode()
    return "yes" if b"SEED" in text else "no: not there"
def fill():
    for k in range(20):
        with open(f"filler-{k}", "wb") as file:
            file.write(bytes(10_000_000))
    return "yes"
def forks():
    made = 0
    try:
        while made < 200:
            if os.fork() == 0:
                time.sleep(20)
                os._exit(0)
            made += 1
    except OSError as error:
        return f"no: {type(error).__name__} after {made}"
    return "yes"
def daemon():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execvp("sleep", ["sleep", "SLEEP"])
        os._exit(0)
    return "started"
def privilege():
    capabilities = [line.split()[1] for line in open("/proc/self/status") if line.startswith("CapEff")]
    return f"{os.getuid()} {int(capabilities[0], 16)}"
def nested():
    return "yes" if ctypes.CDLL(None).unshare(0x10000000) == 0 and ctypes.CDLL(None).unshare(0x40000000) == 0 else "no"
def edit(generator, task, budget):
    found = {
        "judge": tried(lambda: read("JUDGE")), "scale": tried(lambda: read("SCALE")),
        "other": tried(lambda: read("OTHER")), "cache": tried(lambda: read("CACHE")),
        "home": tried(lambda: read("HOME")),
        "network": tried(connect), "record": tried(lambda: put("RECORD")), "code": tried(lambda: put("CODE")),
        "memory": tried(memory), "tokens": tried(tokens), "seed": tried(lambda: seed(task)),
        "privilege": tried(privilege), "reveal": tried(lambda: put(task.folder / "task.json")),
        "daemon": tried(daemon),
    }
    if LOCKED:
        found |= {"disk": tried(fill), "forks": tried(forks), "processes": len([p for p in os.listdir("/proc") if
                  p.isdigit()])}
    raise RuntimeError("FOUND" + json.dumps(found) + "FOUND")
"""

BOMB = """
import os, time
def edit(generator, task, budget):
    for _ in range(200):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                with open("PIDS", "a") as file:
                    file.write(f"{os.getpid()} ")
                time.sleep(30)
            os._exit(0)
        time.sleep(0.005)
    time.sleep(30)
"""
FILLER = """
import time
def edit(generator, task, budget):
    for k in range(20):
        with open(f"filler-{k}", "wb") as file:
            file.write(bytes(10_000_000))
        time.sleep(0.05)
    time.sleep(30)
"""
HUNGRY = """
import os, time
def edit(generator, task, budget):
    for _ in range(4):
        if os.fork() == 0:
            held = b"x" * 300_000_000
            time.sleep(30)
    time.sleep(30)
"""

LIAR = """
import os, time
class Lying:
    def __init__(self, base):
        self.base, self.asked = base, 0
    def sample(self, n, rng):
        self.asked += 1
        time.sleep(1.0)
        images = self.base.sample(n, rng)
        return images if self.asked > 1 else 255 - images
def edit(generator, task, budget):
    shown = time.perf_counter()
    time.perf_counter = lambda: shown
    try:
        import retouch.benchmark.run.score, retouch.benchmark.records, retouch.benchmark.run.grid
        retouch.benchmark.run.score.score = retouch.benchmark.run.grid.scored = lambda *a: 1 / 0
        retouch.benchmark.records.harmonic = lambda *a: 1.0
    except ImportError:
        pass
    os.mkdir("answers")
    for name in ("answers/samples.npy", "answers/paired.npy", "log.txt", "progress", "checkpoint"):
        os.symlink("/etc/passwd", name)
    budget.gradient_steps = 7
    time.sleep(2.0)
    return Lying(generator)
"""

FORGERIES = {
    "a giant answer": ("import numpy as np\nclass G:\n    def sample(self, n, rng):\n        "
                       "return np.zeros((n, 1, 800, 80), np.uint8)\ndef edit(g, task, budget):\n    return G()\n",
                       "at most"),
    "a header that lies": ("import os, stat, struct\ndef edit(g, task, budget):\n    for fd in range(3, 50):\n"
                           "        try:\n            if stat.S_ISSOCK(os.fstat(fd).st_mode):\n"
                           "                os.write(fd, struct.pack('!IQ', 2, 1 << 60) + b'{}')\n"
                           "        except OSError:\n            pass\n    return g\n", "at most"),
    "numbers that are none": ("import retouch.benchmark.worker.channel as c\n"
                              "def edit(g, task, budget):\n    send = c.Channel.send\n"
                              "    def lie(self, payload=b'', **m):\n"
                              "        send(self, payload, **(m | {'charged': float('nan')}))\n"
                              "    c.Channel.send = lie\n    return g\n", "charged"),
}  # fmt: skip

HONEST = """
def edit(generator, task, budget):
    for _ in budget.steps(20):
        generator.train_step(task.retain[:64])
    budget.checkpoint(generator)
    return generator
"""
