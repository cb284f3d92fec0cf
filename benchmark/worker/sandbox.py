"""The sandbox: a worker under bubblewrap, which sees the system's libraries, Python, its task, and nothing else.

Only what is listed here is visible of the host. Only /tmp is writable; its size is limited and it ends with the worker.
There is no network, no other process and no privilege. docs/isolation.md lists what that stops, and what it does not.

As an ordinary user bubblewrap makes a user namespace. As root it needs none: the worker then gives up root for a user
of its own, since the kernel does not limit how many processes root starts.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
from dataclasses import asdict
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path

from retouch.benchmark.support import places, plugins
from retouch.benchmark.worker import limits
from retouch.benchmark.worker.limits import Place

VISIBLE = ("benchmark", "methods", "metrics")  # what a worker sees of the package beside `retouch` itself, but for
HIDDEN = ("data", "tasks", "tracks", "weights")  # these folders of benchmark
INSIDE = "/own-packages"  # where a submission's own packages are seen; the worker keeps what ends so in its path
UNSHARE = ("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")


class SandboxProcess(subprocess.Popen):
    """bubblewrap's process, with the methods of a multiprocessing.Process."""

    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self.poll() is None

    @property
    def exitcode(self) -> int | None:
        """The exit code; None while it runs."""
        return self.poll()

    def join(self, seconds: float) -> None:
        """Wait for its end, at most `seconds`."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(seconds)


@cache
def name() -> str:
    """The sandbox's name in records, as in "bubblewrap 0.8.0", after one trial in each process.

    Raises:
        ValueError: bubblewrap is missing, or the kernel does not let it work here; with the remedy.
    """
    try:
        version = subprocess.run(["bwrap", "--version"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        raise ValueError(
            "--sandbox needs bubblewrap (`apt install bubblewrap`, `dnf install bubblewrap`), on Linux; nothing was "
            "run. Without --sandbox the records say `unsandboxed`"
        ) from None
    trial = _finished([], ["-c", DROP_ROOT + "import retouch.benchmark"], 60)
    if trial.returncode:
        cause = (trial.stderr.strip() or f"exit code {trial.returncode}").splitlines()[-1]
        raise ValueError(
            f"bubblewrap does not work here: {cause}; nothing was run. It needs version 0.8, Python and this package "
            "readable by all, and either root or a kernel that lets users make namespaces (sysctl "
            "user.max_user_namespaces, kernel.unprivileged_userns_clone, "
            "kernel.apparmor_restrict_unprivileged_userns; containers often forbid them). Without --sandbox the "
            "records say `unsandboxed`"
        )
    return version.strip()


DROP_ROOT = "import os; os.getuid() or (os.setgroups([]), os.setgid(2**30), os.setuid(2**30)); "


def worker(end: socket.socket, log: Connection, place: Place, device: str) -> SandboxProcess:
    """Start a worker in the sandbox; of the folders of `place` on the host it sees task and submission, read-only."""
    beside = Path(place.task).parent
    (beside / "empty").mkdir(exist_ok=True)
    shutil.copytree(places.BENCHMARK / "weights", beside / "weights", ignore=_weights, dirs_exist_ok=True)
    own = ["--ro-bind", place.packages, INSIDE] if place.packages else []
    inside = asdict(place) | {"task": "/task", "submission": "/submission", "work": "/tmp", "watchers": (), "group": "",
                              "uid": 2**30 + secrets.randbelow(2**29), "processes": limits.PROCESSES,
                              "packages": INSIDE if own else ""}  # fmt: skip
    first = ("sh", "-c", 'echo 0 > "$0/cgroup.procs" && exec "$@"', place.group) if place.group else ()
    command = [
        *first, *_walls(_accelerator() if device.startswith("cuda") else []), *_masks(beside),
        *own, *("--ro-bind", str(place.task), "/task", "--ro-bind", str(place.submission), "/submission"),
        *("--remount-ro", "/", "--chdir", "/tmp", "--"),
        *(sys.executable, "-P", "-s", "-m", "retouch.benchmark.worker.main", str(end.fileno()), json.dumps(inside)),
    ]  # fmt: skip
    for root in (Path(place.task), Path(place.submission)):  # the worker may be another user; the folder above keeps
        for path in [root, *root.rglob("*")]:  # everybody else out
            path.chmod(0o755 if path.is_dir() else 0o644)
    return SandboxProcess(command, pass_fds=(end.fileno(),), stdin=subprocess.DEVNULL, stdout=log.fileno(),
                  stderr=log.fileno(), cwd="/", start_new_session=True,
                  env=limits.environment("/tmp") | ({"PYTHONPATH": INSIDE} if own else {}))  # fmt: skip


def run_with_index(
    draft: Path, inside: Path, gate: Path, pip: list[str], seconds: int
) -> subprocess.CompletedProcess:  # fmt: skip
    """Run pip in the sandbox, where it can write into DRAFT alone, shown as INSIDE, and use the network of its gate."""
    binds = ["--bind", str(draft), str(inside), "--ro-bind", str(gate), "/tmp/index"]
    return _finished(binds, ["-m", "retouch.benchmark.worker.index", "/tmp/index", *pip], seconds)


def run_with_output(source: Path, out: Path, module: str, seconds: int) -> subprocess.CompletedProcess:
    """Run `module.main("/source", "/out")` in the sandbox, as nobody, who sees SOURCE and writes into OUT alone."""
    code = f"from {module} import main; main('/source', '/out')"
    binds = ["--ro-bind", str(source), "/source", "--bind", str(out), "/out"]
    return _finished(binds, ["-c", DROP_ROOT + code], seconds)


def _finished(binds: list[str], python: list[str], seconds: int) -> subprocess.CompletedProcess:
    """Run a Python with these arguments in the sandbox to its end; `binds` are what it sees beside the walls."""
    command = [*_walls(), *binds, "--remount-ro", "/", "--chdir", "/tmp", "--", sys.executable, "-P", "-s", *python]
    return subprocess.run(command, env=limits.environment("/tmp"), capture_output=True, text=True, timeout=seconds,
                          stdin=subprocess.DEVNULL)  # fmt: skip


def _weights(_folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name != "__init__.py"]


def _walls(devices: list[str] | None = None) -> list[str]:
    """bubblewrap's arguments that every run shares: system, Python, package, /proc, /dev and /tmp."""
    command = [shutil.which("bwrap") or "bwrap", *UNSHARE, "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    as_root = ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    command += as_root if os.getuid() == 0 else ["--unshare-user", "--disable-userns"]
    room = ["--perms", "1777", "--size", str(limits.DISK_MB << 20), "--tmpfs"]
    command += ["--proc", "/proc", "--dev", "/dev", *room, "/dev/shm", *(devices or []), "--remount-ro", "/dev"]
    command += [*room, "/tmp"]
    command += ["--ro-bind", "/usr", "/usr"]
    for path in map(Path, ("/bin", "/sbin", "/lib", "/lib32", "/lib64")):
        if path.is_symlink():
            command += ["--symlink", os.readlink(path), str(path)]
        elif path.exists():
            command += ["--ro-bind", str(path), str(path)]
    paths = ["/etc/ld.so.cache", "/etc/alternatives", *_python(), *_own(), *map(str, plugins.folders("families"))]
    for above in sorted({str(above) for path in paths for above in Path(path).parents} - {"/"}):
        command += ["--perms", "0755", "--dir", above]  # bubblewrap's own are closed to the user that root becomes
    return command + [part for path in paths for part in ("--ro-bind-try", path, path)]


def _own() -> list[str]:
    """The package's folders, which lie apart in a checkout."""
    return [str(places.FACE), *(str(places.folder(name)) for name in VISIBLE)]


def _python() -> list[str]:
    """The interpreter's and its packages' folders."""
    real = Path(sys.executable).resolve().parent.parent
    packages = [path for path in sys.path if path.endswith("-packages")]
    folders = dict.fromkeys(map(str, (sys.base_prefix, real, sys.prefix, *packages)))
    return [path for path in folders if path not in ("/", "/usr")]


def _masks(beside: Path) -> list[str]:
    """bubblewrap's arguments that hide what the package and its data hold for scoring alone."""
    own = places.BENCHMARK
    command = [part for name in HIDDEN for part in _hide(own / name, beside)]
    command += ["--ro-bind", str(beside / "weights"), str(own / "weights")]
    sklearn = importlib.util.find_spec("sklearn")  # its digits hold the held-out ones
    if sklearn and sklearn.origin:
        digits = Path(sklearn.origin).parent / "datasets/data"
        command += _hide(digits, beside)
    return command


def _hide(path: Path, beside: Path) -> list[str]:
    return ["--ro-bind", str(beside / "empty"), str(path)] if path.is_dir() else []


def _accelerator() -> list[str]:
    """bubblewrap's arguments for NVIDIA's devices and for what CUDA reads of the machine."""
    devices = sorted(map(str, Path("/dev").glob("nvidia*")))
    return [*(part for path in devices for part in ("--dev-bind", path, path)), "--ro-bind", "/sys", "/sys"]
