"""A grid that is killed, doubled, or without space ends with an undisturbed one's records, each whole, each once."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest
from toy_runs import INSTANCE, TRAINS, write

from retouch.benchmark import records

MOMENTS = 100
pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="needs signals and tmpfs")]
COMMAND = [sys.executable, "-m", "retouch.benchmark.cli.main", "run", "m", "--no-sandbox", "--instance", INSTANCE]


def start(place, *more):
    """The grid as a process of its own: three seeds, two at a time."""
    command = [*COMMAND, "--workers", "2", *more]
    return subprocess.Popen(command, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def outcome(place):
    """Every record as an equal run would write it: without time and measured cost; nothing else lies there."""
    found, rejected = records.read_all(place / "submissions")
    assert not rejected
    files = [file.suffix for file in (place / "submissions").rglob("records/**/*") if file.is_file()]
    assert files.count(".json") == len(found)
    out = {}
    for record in found:
        table = record.model_dump(mode="json")
        table["provenance"].pop("time")
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
