"""A grid that is killed, doubled, or without space ends with an undisturbed one's records, each whole, each once."""

import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import traceback
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing import forkserver
from pathlib import Path

import pytest
from toy_runs import INSTANCE, TRAINS, frozen, write

from retouch.benchmark import records
from retouch.benchmark.cli.main import main
from retouch.benchmark.worker import fork

MOMENTS = 100
pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="needs signals and tmpfs")]
ARGUMENTS = ["run", "m", "--no-sandbox", "--instance", INSTANCE, "--workers", "2"]
SMALL = """
from retouch.benchmark import tracks
from retouch.benchmark.run import attack
attack.attacked = lambda run: False
tiny = tracks.load("tiny")
small = [instance.model_copy(update={"samples": 200}) for instance in tiny.instances]
tracks.load = lambda name: tiny.model_copy(update={"instances": small})
"""  # without attacks, as in all tests, and with few samples: what counts here is what is written
ALONE = SMALL + "import sys; from retouch.benchmark.cli.main import main; sys.exit(main(sys.argv[1:]))"
CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int code = real(clock, now);
    if (clock == CLOCK_REALTIME && access("MARK", F_OK) == 0) now->tv_sec -= 40 * 86400;
    return code;
}
"""


class Started:
    """A grid in a child of this process, which has the modules already: three seeds, two at a time.

    Its server for workers is its own, as in a process that was started anew. `before` is called first.
    """

    def __init__(self, place, before=lambda: None):
        self.log, self.code = place / "log", None
        self.pid = os.fork()
        if self.pid == 0:
            sys.stdout = sys.stderr = open(self.log, "w", buffering=1)  # noqa: SIM115
            try:
                os.chdir(place)
                fork._start.cache_clear()
                forkserver._forkserver.__init__()
                exec(SMALL, {})
                before()
                os._exit(main(ARGUMENTS))
            except BaseException:
                traceback.print_exc()
                os._exit(99)

    def kill(self, seconds):
        """SIGKILL it after so many seconds, unless it has ended."""
        until = time.monotonic() + seconds
        while not os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) and time.monotonic() < until:
            time.sleep(0.005)
        os.kill(self.pid, signal.SIGKILL)
        return self.wait()

    def wait(self):
        if self.code is None:
            self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.code

    def said(self):
        self.wait()
        return self.log.read_text()


def dies_writing(number, half):
    """Die at the file of that number: half of its content is there, in its draft, or all of it and nothing after."""
    real, count = Path.replace, itertools.count(1)

    def replace(self, target):
        last = next(count) == number
        if last and half:
            self.write_bytes(self.read_bytes()[: self.stat().st_size // 2])
        moved = target if last and half else real(self, target)
        if last:
            os.kill(os.getpid(), signal.SIGKILL)
        return moved

    Path.replace = replace


def outcome(place):
    """Every record as an equal run would write it: without time and measured cost; nothing else lies there."""
    found, rejected = records.read_all(place / "submissions")
    assert not rejected
    files = [file.suffix for file in (place / "submissions").rglob("records/**/*") if file.is_file()]
    assert files.count(".json") == len(found)
    out = {}
    for record in found:
        table = frozen(record)
        table["provenance"].pop("git_commit")
        out[record.seed] = json.dumps(table, sort_keys=True)
    return out


def stamps(place):
    """When each record was written, and when it says that it was."""
    files = (place / "submissions").rglob("*.json")
    return {file.name: (file.stat().st_mtime_ns, records.read(file).provenance.time) for file in files}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """What three runs leave, and the seconds that they take once references and base samples are in the cache."""
    place = tmp_path_factory.mktemp("undisturbed")
    write(place / "submissions", "m", TRAINS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETOUCH_CACHE", str(place / "cache"))
        assert Started(place).wait() == 0
        first = outcome(place)
        forget(place, "cache/answers")
        began = time.monotonic()
        assert Started(place).wait() == 0 and outcome(place) == first
    return first, time.monotonic() - began


@contextmanager
def mounted(place, options):
    """The folder of the records as a disk in memory, mounted with these options."""
    folder = place / "submissions/m/records"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def forget(place, cached):
    shutil.rmtree(place / "submissions/m/records")
    shutil.rmtree(place / cached)


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("RETOUCH_CACHE", str(tmp_path / "cache"))
    write(tmp_path / "submissions", "m", TRAINS)
    return tmp_path


def test_killed_at_any_moment_it_goes_on(place, undisturbed):
    expected, seconds = undisturbed
    moments = random.Random(0)
    for _ in range(MOMENTS):
        Started(place).kill(moments.uniform(0, seconds))
        so_far = outcome(place)
        assert all(expected[seed] == record for seed, record in so_far.items())
        if len(so_far) == 3:
            forget(place, moments.choice(["cache", "cache/answers"]))
    assert Started(place).wait() == 0 and outcome(place) == expected


def test_killed_while_it_writes_it_goes_on(place, undisturbed):
    """In the middle of each file that a grid writes, and right after: answers, references, pictures, records."""
    for moment in range(2, 200):
        code = Started(place, partial(dies_writing, *divmod(moment, 2))).wait()
        so_far = outcome(place)
        assert all(undisturbed[0][seed] == record for seed, record in so_far.items())
        if code != -signal.SIGKILL:
            break
    assert code == 0 and moment > 5 and outcome(place) == undisturbed[0]


@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")
def test_a_clock_set_back_changes_no_record(place, undisturbed):
    """By forty days, while the first run is under way; the runs after it, and a second grid, have the old date."""
    mark, library = place / "mark", place / "clock.so"
    (place / "clock.c").write_text(CLOCK.replace("MARK", str(mark)))
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, place / "clock.c", "-ldl"], check=True)
    command, environment = [sys.executable, "-c", ALONE, *ARGUMENTS], os.environ | {"LD_PRELOAD": str(library)}
    process = subprocess.Popen(command, cwd=place, env=environment)
    while not (place / "cache/status").exists() and process.poll() is None:
        time.sleep(0.02)
    mark.touch()
    assert process.wait() == 0 and outcome(place) == undisturbed[0]
    made = stamps(place)
    assert any(datetime.fromisoformat(when) < datetime.now(UTC) - timedelta(days=30) for _, when in made.values())
    assert subprocess.run(command, cwd=place, env=environment).returncode == 0
    assert made == stamps(place)


@pytest.mark.skipif(os.getuid() != 0, reason="only root mounts a folder read-only")
def test_a_folder_that_takes_no_file_is_said_so(place, undisturbed):
    with mounted(place, "ro"):
        grid = Started(place)
        said = grid.said()
        assert grid.code and "Read-only file system" in said and "Traceback" not in said
    assert Started(place).wait() == 0 and outcome(place) == undisturbed[0]


def test_two_grids_at_once_leave_each_record_once(place, undisturbed):
    both = [Started(place), Started(place)]
    assert [grid.wait() for grid in both] == [0, 0]
    assert outcome(place) == undisturbed[0]


@pytest.mark.skipif(os.getuid() != 0, reason="only root mounts a small disk")
def test_a_full_disk_costs_the_run_and_no_record(place, undisturbed):
    with mounted(place, "size=8k") as folder:
        grid = Started(place)
        said = grid.said()
        assert grid.code and "No space left" in said and "Traceback" not in said
        assert all(file.suffix != ".json" or records.read(file) for file in folder.rglob("*") if file.is_file())
    assert Started(place).wait() == 0 and outcome(place) == undisturbed[0]


def test_a_killed_worker_fails_its_own_run_alone(place, undisturbed):
    write(place / "submissions", "m", "import os, signal\n" + TRAINS.replace(
        "    return generator", "    if task.table['seed'] == 1:\n        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return generator"))  # fmt: skip
    assert Started(place).wait() == 1
    found = {record.seed: record for record in records.read_all(place / "submissions")[0]}
    assert {seed: record.status for seed, record in found.items()} == {0: "ok", 1: "failed", 2: "ok"}
    assert "SIGKILL" in found[1].reason
