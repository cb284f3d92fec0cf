"""A grid that is killed, doubled, or without space ends with an undisturbed one's records, each whole, each once."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest
from toy_runs import INSTANCE, TRAINS, write

from retouch.benchmark import records

MOMENTS = 100
pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="needs signals and tmpfs")]
ARGUMENTS = ["run", "m", "--no-sandbox", "--instance", INSTANCE, "--workers", "2"]
RETOUCH = ["-m", "retouch.benchmark.cli.main"]
DIES_WRITING = """
import os, pathlib, signal, sys
from retouch.benchmark.cli.main import main
left, real = [int(sys.argv.pop(1))], pathlib.Path.replace

def replace(self, target):
    left[0] -= 1
    if left[0] == 0:  # half of the content is there
        self.write_bytes(self.read_bytes()[:len(self.read_bytes()) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    moved = real(self, target)
    if left[0] == 1:  # all of it, in its place, but nothing after it
        os.kill(os.getpid(), signal.SIGKILL)
    return moved

pathlib.Path.replace = replace
sys.exit(main(sys.argv[1:]))
"""
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


def start(place, program=RETOUCH, **environment):
    """The grid as a process of its own: three seeds, two at a time."""
    return subprocess.Popen([sys.executable, *program, *ARGUMENTS], cwd=place, stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, text=True, env=os.environ | environment)  # fmt: skip


def outcome(place):
    """Every record as an equal run would write it: without time and measured cost; nothing else lies there."""
    found, rejected = records.read_all(place / "submissions")
    assert not rejected
    files = [file.suffix for file in (place / "submissions").rglob("records/**/*") if file.is_file()]
    assert files.count(".json") == len(found)
    out = {}
    for record in found:
        table = record.model_dump(mode="json")
        for name in ("time", "git_commit"):
            table["provenance"].pop(name)
        table.pop("cost")
        out[record.seed] = json.dumps(table, sort_keys=True)
    return out


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """What three runs leave, and the seconds that they take."""
    place = tmp_path_factory.mktemp("undisturbed")
    write(place / "submissions", "m", TRAINS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETOUCH_CACHE", str(place / "cache"))
        began = time.monotonic()
        assert start(place).wait() == 0
    return outcome(place), time.monotonic() - began


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("RETOUCH_CACHE", str(tmp_path / "cache"))
    write(tmp_path / "submissions", "m", TRAINS)
    return tmp_path


def test_killed_at_any_moment_it_goes_on(place, undisturbed):
    expected, seconds = undisturbed
    moments = random.Random(0)
    for _ in range(MOMENTS):
        process = start(place)
        time.sleep(moments.uniform(0, seconds))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        so_far = outcome(place)
        assert all(expected[seed] == record for seed, record in so_far.items())
        if len(so_far) == 3:
            shutil.rmtree(place / "submissions/m/records")
            shutil.rmtree(place / "cache")
    assert start(place).wait() == 0 and outcome(place) == expected


def test_killed_while_it_writes_it_goes_on(place, undisturbed):
    """In the middle of each file that a grid writes, and right after: answers, references, pictures, records."""
    for moment in range(1, 200):
        process = start(place, ["-c", DIES_WRITING, str(moment)])
        process.communicate()
        so_far = outcome(place)
        assert all(undisturbed[0][seed] == record for seed, record in so_far.items())
        if process.returncode != -signal.SIGKILL:
            break
    assert process.returncode == 0 and moment > 5 and outcome(place) == undisturbed[0]


@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")
def test_a_clock_set_back_changes_no_record(place, undisturbed):
    """By forty days, while the first run is under way; the runs after it, and a second grid, have the old date."""
    mark, library = place / "mark", place / "clock.so"
    (place / "clock.c").write_text(CLOCK.replace("MARK", str(mark)))
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, place / "clock.c", "-ldl"], check=True)
    process = start(place, LD_PRELOAD=str(library))
    while not (place / "cache/status").exists() and process.poll() is None:
        time.sleep(0.02)
    mark.touch()
    assert process.wait() == 0 and outcome(place) == undisturbed[0]
    made = {file.name: (file.stat().st_mtime_ns, records.read(file).provenance.time)
            for file in (place / "submissions").rglob("*.json")}  # fmt: skip
    assert any(datetime.fromisoformat(when) < datetime.now(UTC) - timedelta(days=30) for _, when in made.values())
    assert start(place, LD_PRELOAD=str(library)).wait() == 0
    assert made == {file.name: (file.stat().st_mtime_ns, records.read(file).provenance.time)
                    for file in (place / "submissions").rglob("*.json")}  # fmt: skip


@pytest.mark.skipif(os.getuid() != 0, reason="only root mounts a folder read-only")
def test_a_folder_that_takes_no_file_is_said_so(place, undisturbed):
    folder = place / "submissions/m/records"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", folder], check=True)
    try:
        process = start(place)
        said = process.communicate()[1]
        assert process.returncode and "Read-only file system" in said and "Traceback" not in said
    finally:
        subprocess.run(["umount", folder], check=True)
    assert start(place).wait() == 0 and outcome(place) == undisturbed[0]


def test_two_grids_at_once_leave_each_record_once(place, undisturbed):
    both = [start(place), start(place)]
    assert [process.wait() for process in both] == [0, 0]
    assert outcome(place) == undisturbed[0]


@pytest.mark.skipif(os.getuid() != 0, reason="only root mounts a small disk")
def test_a_full_disk_costs_the_run_and_no_record(place, undisturbed):
    folder = place / "submissions/m/records"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "none", folder], check=True)
    try:
        process = start(place)
        said = process.communicate()[1]
        assert process.returncode and "No space left" in said and "Traceback" not in said
        assert all(file.suffix != ".json" or records.read(file) for file in folder.rglob("*") if file.is_file())
    finally:
        subprocess.run(["umount", folder], check=True)
    assert start(place).wait() == 0 and outcome(place) == undisturbed[0]


def test_a_killed_worker_fails_its_own_run_alone(place, undisturbed):
    write(place / "submissions", "m", "import os, signal\n" + TRAINS.replace(
        "    return generator", "    if task.table['seed'] == 1:\n        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return generator"))  # fmt: skip
    assert start(place).wait() == 1
    found = {record.seed: record for record in records.read_all(place / "submissions")[0]}
    assert {seed: record.status for seed, record in found.items()} == {0: "ok", 1: "failed", 2: "ok"}
    assert "SIGKILL" in found[1].reason
