"""The corpus of hostile submissions: what each tries, and what comes of it inside the sandbox and without one.

ATTEMPTS are expressions that one method evaluates, all in one run; RUNS are methods that need a run of their own.
An outcome is "no" (refused, nothing there), "yes" (it worked) or "as the machine says" (its settings decide).
The hostile methods bound themselves, so that a defence that fails does no harm. docs/isolation.md lists them all.
"""

from __future__ import annotations

HEAD = """
import ctypes, importlib, os, pathlib, resource, signal, socket, stat

X86 = os.uname().machine == "x86_64"
C = ctypes.CDLL(None, use_errno=True)


def call(x86, arm, *arguments):
    got = C.syscall(x86 if X86 else arm, *arguments)
    if got < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return got


def child(x86, arm, flags):
    pid = call(x86, arm, flags | signal.SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    return os.waitpid(pid, 0)


def opened(path, flags=os.O_RDONLY):
    os.close(os.open(path, flags))
    return True


def listed(path):
    return os.listdir(path) or absent()


def absent():
    raise FileNotFoundError("nothing there")


def connected(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as end:
        end.settimeout(2)
        end.connect(address)
    return True


def above():
    return [int(p) for p in os.listdir("/proc") if p.isdigit() and int(p) not in (1, os.getpid(), 2)] or absent()


def raised(which):
    resource.setrlimit(which, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return resource.getrlimit(which)[0] == resource.RLIM_INFINITY or absent()


def written(path, megabytes):
    try:
        with open(path, "wb") as file:
            for _ in range(megabytes):
                file.write(bytes(1 << 20))
    finally:
        os.unlink(path)
    return True


COORDINATOR = PID
"""
NO, YES, OPEN = "no", "yes", "as the machine says"
Attempts = dict[str, tuple[str, str, str]]  # name -> (expression, outcome in the sandbox, outcome without)

KERNEL: Attempts = {
    "a user namespace (unshare)": ("call(272, 97, 0x10000000) == 0", NO, NO),
    "a mount namespace (unshare)": ("call(272, 97, 0x20000) == 0", NO, NO),
    "a user namespace (clone)": ("child(56, 220, 0x10000000)", NO, NO),
    "a user namespace (clone3)": ("call(435, 435, 0, 0)", NO, NO),
    "a tmpfs of its own without a limit": ("call(165, 40, b'x', b'/tmp', b'tmpfs', 0, 0) == 0", NO, NO),
    "the new mount calls": ("call(430, 430, b'tmpfs', 0)", NO, NO),
    "another process's namespaces": ("call(308, 268, os.open('/proc/self/ns/net', 0), 0) == 0", NO, NO),
    "another root": ("os.chroot('/tmp')", NO, NO),
    "memory without a process (memfd)": ("os.memfd_create('x')", NO, NO),
    "secret memory": ("call(447, 447, 0)", NO, NO),
    "System V shared memory": ("call(29, 194, 0, 1 << 20, 0o1600)", NO, NO),
    "io_uring": ("call(425, 425, 8, ctypes.create_string_buffer(256))", NO, NO),
    "userfaultfd": ("call(323, 282, 1)", NO, NO),
    "BPF": ("call(321, 280, 0, ctypes.create_string_buffer(64), 64)", NO, NO),
    "performance counters": ("call(298, 241, ctypes.create_string_buffer(128), 0, -1, -1, 0)", NO, NO),
    "the kernel's keys": ("call(250, 219, 0, -3, 1)", NO, NO),
    "a kernel module": ("call(175, 105, b'', 0, b'') == 0", NO, NO),
    "a file by its handle": ("call(304, 265, -1, ctypes.create_string_buffer(64), 0)", NO, NO),
    "system calls of 32 bits": ("(X86 or absent()) and call(0x40000000 + 39, 0)", NO, NO),
    "a new privilege": ("os.setuid(0) is None and os.getuid() == 0", NO, OPEN),
}
PROCESSES: Attempts = {
    "debug the process above": ("call(101, 117, 16, os.getppid(), 0, 0) == 0", NO, NO),
    "read the memory of the process above": ("call(310, 270, os.getppid(), 0, 0, 0, 0, 0) >= 0", NO, NO),
    "write the memory of the process above": ("call(311, 271, os.getppid(), 0, 0, 0, 0, 0) >= 0", NO, NO),
    "kill its keeper": ("os.kill(os.getppid(), signal.SIGKILL) is None", OPEN, NO),
    "kill its keeper's group": ("os.kill(-os.getsid(0), 0) is None", OPEN, NO),
    "kill everybody": ("os.kill(-1, 0) is None", OPEN, NO),
    "kill the coordinator": ("os.kill(COORDINATOR, 0) is None", NO, NO),
    "a handle of its keeper": ("call(434, 434, os.getppid(), 0)", OPEN, NO),
    "its keeper's limits": ("resource.prlimit(os.getppid(), resource.RLIMIT_CPU)", OPEN, NO),
    "the coordinator's environment": ("opened(f'/proc/{COORDINATOR}/environ')", NO, YES),
    "the coordinator's open files": ("listed(f'/proc/{COORDINATOR}/fd')", NO, YES),
    "the list of all processes": ("len(above()) > 2 or absent()", NO, YES),
    "a higher priority": ("os.nice(-5)", NO, OPEN),
    "larger files": ("raised(resource.RLIMIT_FSIZE)", NO, OPEN),
    "core dumps": ("raised(resource.RLIMIT_CORE)", NO, OPEN),
}
FILES: Attempts = {
    "write into the system": ("opened('/usr/bin/env', os.O_WRONLY)", NO, OPEN),
    "write into the package": ("opened('PACKAGE', os.O_WRONLY)", NO, OPEN),
    "write into Python's library": ("opened(os.__file__, os.O_WRONLY)", NO, OPEN),
    "the passwords": ("opened('/etc/shadow')", NO, OPEN),
    "the users": ("opened('/etc/passwd')", NO, YES),
    "a private key": ("opened('HOME')", NO, YES),
    "another submission": ("opened('OTHER')", NO, YES),
    "the cache": ("opened('CACHE')", NO, YES),
    "the repository's history": ("opened('REPOSITORY/.git')", NO, OPEN),
    "the manifest beside its code": ("opened('MANIFEST')", NO, YES),
    "a manifest where its code lies": ("opened(pathlib.Path(__file__).parent / 'submission.toml')", NO, NO),
    "records where its code lies": ("listed(pathlib.Path(__file__).parent / 'records')", NO, NO),
    "the judge's weights": ("opened('JUDGE')", NO, YES),
    "the scale": ("opened('SCALE')", NO, YES),
    "the tasks' modules": ("importlib.import_module('retouch.benchmark.tasks.category_redaction')", NO, YES),
    "the tracks": ("importlib.import_module('retouch.benchmark.tracks').load('tiny')", NO, YES),
    "the held-out digits": ("importlib.import_module('sklearn.datasets').load_digits()", NO, YES),
    "the kernel's settings": ("opened('/proc/sys/kernel/core_pattern', os.O_WRONLY)", NO, OPEN),
    "the magic key of the kernel": ("opened('/proc/sysrq-trigger', os.O_WRONLY)", NO, OPEN),
    "the machine's memory": ("opened('/dev/mem')", NO, OPEN),
    "the kernel's log": ("opened('/dev/kmsg')", NO, OPEN),
    "a device of its own": ("os.mknod('disk', 0o600 | stat.S_IFBLK, os.makedev(254, 0)) or opened('disk')", NO, OPEN),
    "the machine's settings (sysfs)": ("listed('/sys')", NO, YES),
    "a file beyond the limit": ("(LOCKED or absent()) and written('large', MEGABYTES + 5)", NO, OPEN),  # without one,
    # a look at the folder may meet the file before it is removed, and end the run
    "a link to what is hidden": ("os.symlink('JUDGE', 'link') or opened('link')", NO, YES),
}
NETWORK: Attempts = {
    "a connection over IPv4": ("connected(socket.AF_INET, ('127.0.0.1', PORT))", NO, YES),
    "a connection over IPv6": ("connected(socket.AF_INET6, ('::1', PORT))", NO, OPEN),
    "a socket of another program": ("connected(socket.AF_UNIX, 'SOCKET')", NO, YES),
    "a socket without a file": ("connected(socket.AF_UNIX, chr(0) + 'ABSTRACT')", NO, YES),
    "packets of its own": ("socket.socket(socket.AF_INET, socket.SOCK_RAW, 1) is not None", NO, OPEN),
    "a name server": ("(LOCKED or absent()) and socket.getaddrinfo('example.org', 80)", NO, OPEN),
}
ATTEMPTS: Attempts = KERNEL | PROCESSES | FILES | NETWORK


def method() -> str:
    """The method that evaluates all attempts and raises what came of each; words in capitals are to be replaced."""
    cases = [f"    {name!r}: lambda: {code},\n" for name, (code, *_) in ATTEMPTS.items()]
    return "".join([HEAD, "ATTEMPTS = {\n", *cases, "}\n", EDIT])


EDIT = """

def tried(attempt):
    try:
        return "y" if attempt() else "n"
    except BaseException:
        return "n"


def edit(generator, task, budget):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    raise RuntimeError("OUTCOMES" + "".join(map(tried, ATTEMPTS.values())) + "OUTCOMES")
"""

DAEMON = """
import os, signal, time
def edit(generator, task, budget):
    keeper = os.getppid()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for _ in range(100):
                try:
                    os.kill(keeper, signal.SIGKILL)
                except OSError:
                    pass
            os.execvp("sleep", ["sleep", "SLEEP"])
        os._exit(0)
    time.sleep(0.3)
    return generator
"""
SHARED_MEMORY = """
import time
def edit(generator, task, budget):
    for k in range(6):
        with open(f"/dev/shm/{k}", "wb") as file:
            for _ in range(100):
                file.write(bytes(1 << 20))
    time.sleep(30)
"""
EXTRA_FILES = """
import array, os, socket, stat
def edit(generator, task, budget):
    for fd in range(3, 50):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode):
                end = socket.socket(fileno=os.dup(fd))
                rights = array.array("i", [os.open("/usr/bin/env", os.O_RDONLY)] * 20)
                end.sendmsg([b""], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
        except OSError:
            pass
    return generator
"""
RUNS = {  # name -> (body, status, words of the reason, changes to the track), the same inside and without
    "close the channel": ("import os\ndef edit(g, task, budget):\n    os.closerange(3, 64)\n    return g\n",
                          "failed", "", {}),
    "stop itself": ("import os, signal\ndef edit(g, task, budget):\n    os.kill(os.getpid(), signal.SIGSTOP)\n",
                    "over_budget", "still running", {"max_minutes": 0.03}),
    "never return": ("def edit(g, task, budget):\n    while True:\n        pass\n", "over_budget", "still running",
                     {"max_minutes": 0.03}),
    "print without end": ("def edit(g, task, budget):\n    while True:\n        print('x' * 100_000)\n",
                          "over_budget", "still running", {"max_minutes": 0.03}),
    "leave by an exit": ("def edit(g, task, budget):\n    raise SystemExit(0)\n", "failed", "SystemExit", {}),
    "leave by an interrupt": ("def edit(g, task, budget):\n    raise KeyboardInterrupt\n", "failed",
                              "KeyboardInterrupt", {}),
    "crash": ("import ctypes\ndef edit(g, task, budget):\n    ctypes.string_at(0)\n", "failed", "SIGSEGV", {}),
    "send open files": (EXTRA_FILES, "ok", "", {}),
    "recurse without end": ("def edit(*of, **more):\n    return edit(*of, **more)\n", "failed", "RecursionError", {}),
    "an endless name": ("def edit(g, task, budget):\n    raise type('X' * 10**6, (Exception,), {})('y' * 10**6)\n",
                        "failed", "XXXX", {}),
    "a folder a thousand deep": ("import os\ndef edit(g, task, budget):\n    for _ in range(1500):\n"
                                 "        os.mkdir('d')\n        os.chdir('d')\n    return g\n", "ok", "", {}),
    "a generator that answers with another type": (
        "class G:\n    def sample(self, n, rng):\n        return 'images'\ndef edit(g, task, budget):\n"
        "    return G()\n", "failed", "", {}),
}  # fmt: skip
