"""The corpus of hostile submissions against the worker: every attempt has the outcome that docs/isolation.md states."""

import os
import secrets
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest
import toy_runs
from hostile import ATTEMPTS, DAEMON, OPEN, RUNS, SHARED_MEMORY, method
from toy_runs import FEW, REPOSITORY, both, run

from retouch.benchmark import tracks, weights
from retouch.benchmark.run import edit
from retouch.benchmark.worker import limits

pytestmark = toy_runs.undisturbed
CASES = {name: outcomes for name, (_, *outcomes) in ATTEMPTS.items()}


@pytest.fixture(scope="module")
def place(tmp_path_factory, shared_cache):
    """A folder with a cache, a home with a key, another submission and sockets that take calls; low limits."""
    folder = tmp_path_factory.mktemp("hostile")
    folder.chmod(0o755)
    for file in ("cache/kept", "home/.ssh/id", "other/method.py"):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text("private")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETOUCH_CACHE", toy_runs.own_cache(folder / "cache", shared_cache))
        patch.setattr(limits, "DISK_MB", 40)
        patch.setattr(edit, "GRACE", 1.0)
        yield folder


@pytest.fixture(scope="module")
def outcomes(place):
    """What came of all attempts, by sandboxed or not: each runs once."""
    known, name = {}, f"retouch-{secrets.token_hex(8)}"
    ends = [socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)]
    ends[1].bind(str(place / "s"))
    ends[2].bind(f"\0{name}")
    for end in ends[1:]:
        end.listen()

    def of(sandboxed):
        if sandboxed not in known:
            folder = toy_runs.write(place, f"tries{int(sandboxed)}", "")
            words = {"PACKAGE": REPOSITORY / "retouch/__init__.py", "REPOSITORY": REPOSITORY,
                     "MANIFEST": folder / "submission.toml", "JUDGE": weights.folder("digits-judge") / "card.json",
                     "SCALE": tracks.scale_file("tiny"), "HOME": place / "home/.ssh/id", "CACHE": place / "cache/kept",
                     "OTHER": place / "other/method.py", "PORT": ends[0].getsockname()[1], "SOCKET": place / "s",
                     "ABSTRACT": name, "MEGABYTES": limits.DISK_MB, "LOCKED": sandboxed,
                     "= PID": f"= {os.getpid()}"}  # fmt: skip
            body = method()
            for word, value in words.items():
                body = body.replace(word, str(value))
            (folder / "method.py").write_text(body)
            reason = run(folder, sandboxed=sandboxed).reason
            assert "OUTCOMES" in reason, reason
            known[sandboxed] = dict(zip(CASES, reason.split("OUTCOMES")[1], strict=True))
        return known[sandboxed]

    yield of
    for end in ends:
        end.close()


@both
@pytest.mark.parametrize("name", CASES)
def test_every_attempt_has_its_outcome(outcomes, name, sandboxed):
    expected = CASES[name][0 if sandboxed else 1]
    if expected != OPEN:
        assert outcomes(sandboxed)[name] == expected[0], name


@both
def test_a_daemon_that_would_kill_its_keeper_ends_with_the_run(place, sandboxed):
    sleep = f"98765.{secrets.randbelow(10**9):09}"  # by this number of seconds it is found, and nobody else's
    record = run(toy_runs.write(place, f"daemon{int(sandboxed)}", DAEMON.replace("SLEEP", sleep)), samples=FEW,
                 sandboxed=sandboxed)  # fmt: skip
    assert record.metrics, record.reason
    assert not [p for p in psutil.process_iter(["cmdline"]) if sleep in (p.info["cmdline"] or [])]


@toy_runs.needs_sandbox
def test_files_in_memory_count_as_memory(place, monkeypatch):
    monkeypatch.setattr(limits, "DISK_MB", 2000)
    folder = toy_runs.write(place, "shared", SHARED_MEMORY)
    record = run(folder, sandboxed=True, max_memory_mb=900)
    assert record.status == "over_budget" and "the track allows 900 MB" in record.reason


def _outcome(place, name, sandboxed):
    body, status, words, changes = RUNS[name]
    folder = toy_runs.write(place, f"{name.replace(' ', '-')[:50]}{int(sandboxed)}", body)
    record = run(folder, sandboxed=sandboxed, **changes)
    assert record.status == status and words in record.reason, record.reason
    assert len(record.reason) <= 4000


@pytest.mark.parametrize("name", ["close the channel", "stop itself", "send open files"])
def test_a_hostile_run_ends_as_stated(place, name):
    _outcome(place, name, False)


@pytest.mark.slow
@both
@pytest.mark.parametrize("name", RUNS)
def test_every_hostile_run_ends_as_stated(place, name, sandboxed):
    _outcome(place, name, sandboxed)


AS_NOBODY = """
set -e
if [ -n "$1" ]; then  # Python lies below a folder that is closed to others: in here alone, another takes its place
    hold=$(mktemp -d)
    mount --bind "$1/$2" "$hold"
    mount -t tmpfs -o mode=755 none "$1"
    mkdir "$1/$2"
    mount --move "$hold" "$1/$2"
fi
shift 2
exec setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
"""


def _closed():
    """The folder above Python that only its owner may enter, and the next one on the way; two empty words for none."""
    python = Path(sys.executable).resolve()
    closed = [above for above in python.parents if not above.stat().st_mode & 0o001]
    return [str(closed[0]), python.relative_to(closed[0]).parts[0]] if closed else ["", ""]


@pytest.mark.slow
@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else; others run it as themselves")
def test_the_corpus_holds_for_an_ordinary_user():
    with tempfile.TemporaryDirectory(prefix="ordinary-") as folder:
        Path(folder).chmod(0o777)
        command = ["unshare", "--mount", "bash", "-c", AS_NOBODY, "bash", *_closed()]
        command += [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "slow or not slow",
                    "--deselect", f"{__file__}::test_the_corpus_holds_for_an_ordinary_user",
                    "--basetemp", f"{folder}/t", __file__]  # fmt: skip
        environment = {"PATH": os.environ["PATH"], "HOME": folder, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert "skipped" not in done.stdout
