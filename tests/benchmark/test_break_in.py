"""Attempts to break out of a worker, each with its outcome; docs/isolation.md has the table of them.

The hostile methods bound themselves (200 processes, 200 MB), so that a defence that fails does no harm.
"""

import json
import os
import secrets
import socket
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import submitting
from helpers_break_in import BOMB, FILLER, FORGERIES, HONEST, HUNGRY, LIAR, PEEK
from submitting import INSTANCE

from retouch.benchmark import records, tracks, weights
from retouch.benchmark.cli.main import main
from retouch.benchmark.run import edit, grid, plan, reveal
from retouch.benchmark.run.resolve import resolve
from retouch.benchmark.worker import limits, sandbox
from retouch.benchmark.worker.channel import HEAD, Channel

locked = pytest.param(True, id="bubblewrap", marks=submitting.needs_sandbox)
SLEEP = f"98765.{secrets.randbelow(10**9):09}"  # seconds: by this number the process is found, and nobody else's
both = pytest.mark.parametrize("sandboxed", [locked, pytest.param(False, id="unsandboxed")])


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder of submissions and a cache that the whole file shares, low limits, and a secret in the environment."""
    folder = tmp_path_factory.mktemp("break-in")
    folder.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETOUCH_CACHE", str(folder / "cache"))
        patch.setenv("SECRET_TOKEN", "hunter2")
        patch.setattr(limits, "PROCESSES", 60)
        patch.setattr(limits, "DISK_MB", 40)
        patch.setattr(edit, "GRACE", 1.0)
        write(folder, "other", "SECRET = 'their method'\ndef edit(g, task, budget):\n    return g\n")
        yield folder


def write(folder, name, body):
    """A submission of that name; returns its folder."""
    for above in (folder, *folder.parents):  # bubblewrap as root runs the worker as another user
        if above.stat().st_uid == os.getuid() and "pytest" in above.name:
            above.chmod(0o755)
    return submitting.write(folder, name, body)


def one(folder, sandboxed, **track):
    """The run of a submission on the digits' GAN, seed 0."""
    small = tracks.load("tiny").model_copy(update=track)
    return plan.plan([folder], small, instances=[INSTANCE], seeds=[0], sandboxed=sandboxed)[0]


@pytest.fixture(scope="module")
def peeked(place):
    """What a method that tries everything at once found, by sandboxed or not; each runs once."""
    known = {}
    listener = socket.create_server(("127.0.0.1", 0))  # whose backlog takes a call without any answer

    def found(sandboxed):
        if sandboxed not in known:
            folder = write(place, f"peek{int(sandboxed)}", "")
            judge = weights.folder("digits-judge") / "model.safetensors"
            (place / "cache").mkdir(exist_ok=True)
            (place / "cache/kept").write_text("kept")
            (place / "home/.ssh").mkdir(parents=True, exist_ok=True)
            (place / "home/.ssh/id").write_text("private")
            words = {"JUDGE": judge, "SCALE": tracks.scale_file("tiny"), "OTHER": place / "other/method.py",
                     "CACHE": place / "cache/kept", "HOME": place / "home/.ssh/id", "CODE": folder / "method.py",
                     "RECORD": place / f"other/forged{int(sandboxed)}", "PORT": listener.getsockname()[1],
                     "SEED": reveal.questions(resolve(one(folder, sandboxed)))[0].seed, "LOCKED": sandboxed,
                     "PID": os.getpid(), "SLEEP": SLEEP}  # fmt: skip
            body = PEEK
            for word, value in words.items():
                body = body.replace(word, str(value))
            write(place, folder.name, body)
            known[sandboxed] = json.loads(grid.execute(one(folder, sandboxed)).reason.split("FOUND")[1])
        return known[sandboxed]

    yield found
    listener.close()


def says(outcome, sandboxed, prevented=False):
    """Assert that an attempt failed inside the sandbox; without one, that it did as the table says."""
    assert outcome.startswith("no" if sandboxed or prevented else "yes"), outcome


@both
def test_read_the_judges_weights_and_the_scale(peeked, sandboxed):
    says(peeked(sandboxed)["judge"], sandboxed)
    says(peeked(sandboxed)["scale"], sandboxed)


@both
def test_read_another_submission_the_cache_and_the_home(peeked, sandboxed):
    for name in ("other", "cache", "home"):
        says(peeked(sandboxed)[name], sandboxed)


@both
def test_open_a_socket(peeked, sandboxed):
    says(peeked(sandboxed)["network"], sandboxed)


@both
def test_write_into_a_record_folder(peeked, place, sandboxed):
    says(peeked(sandboxed)["record"], sandboxed)
    assert (place / f"other/forged{int(sandboxed)}").exists() != sandboxed


@both
def test_write_over_the_own_code_and_the_task(peeked, sandboxed):
    says(peeked(sandboxed)["code"], sandboxed)
    says(peeked(sandboxed)["reveal"], sandboxed)


@both
def test_read_the_coordinators_memory(peeked, sandboxed):
    if not sandboxed and os.getuid():
        pytest.skip("whether a user may read its own processes is the machine's setting (kernel.yama.ptrace_scope)")
    says(peeked(sandboxed)["memory"], sandboxed)


@both
def test_peek_at_the_evaluation_seed(peeked, sandboxed):
    says(peeked(sandboxed)["seed"], sandboxed, prevented=True)


@both
def test_read_tokens_from_the_environment(peeked, sandboxed):
    says(peeked(sandboxed)["tokens"], sandboxed, prevented=True)


@both
def test_outlive_the_worker(peeked, sandboxed):
    assert peeked(sandboxed)["daemon"] == "started"
    assert not [p for p in psutil.process_iter(["cmdline"]) if SLEEP in (p.info["cmdline"] or [])]


@pytest.mark.parametrize("sandboxed", [locked])
def test_the_sandbox_has_no_privilege_and_sees_no_other_process(peeked, sandboxed):
    uid, capabilities = peeked(sandboxed)["privilege"].split()
    assert uid != "0" and capabilities == "0"
    assert peeked(sandboxed)["processes"] <= limits.PROCESSES + 2


@pytest.mark.parametrize("sandboxed", [locked])
def test_fork_without_end_in_the_sandbox_stops_at_the_kernels_limit(peeked, sandboxed):
    says(peeked(sandboxed)["forks"], sandboxed)


@pytest.mark.parametrize("sandboxed", [locked])
def test_fill_the_disk_in_the_sandbox_stops_at_the_size_of_its_own(peeked, sandboxed):
    says(peeked(sandboxed)["disk"], sandboxed)


def test_fork_without_end_without_a_sandbox_is_seen_and_ended_with_all_its_processes(place):
    pids = place / "pids"
    record = grid.execute(one(write(place, "bomb", BOMB.replace("PIDS", str(pids))), False))
    assert record.status == "over_budget" and "processes" in record.reason
    started = [int(pid) for pid in pids.read_text().split()]
    assert len(started) > limits.PROCESSES // 2
    assert not [pid for pid in started if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"]


def test_fill_the_work_folder_without_a_sandbox_is_seen(place):
    record = grid.execute(one(write(place, "filler", FILLER), False))
    assert record.status == "over_budget" and "wrote more than 40 MB" in record.reason


@both
def test_use_more_memory_than_allowed_in_several_processes(place, sandboxed):
    record = grid.execute(one(write(place, "hungry", HUNGRY), sandboxed, max_memory_mb=1000))
    assert record.status == "over_budget" and "the track allows 1000 MB" in record.reason


@pytest.fixture(scope="module")
def lies(place):
    """The record of the method that lies, by sandboxed or not."""
    known = {}

    def told(sandboxed):
        if sandboxed not in known:
            known[sandboxed] = grid.execute(one(write(place, f"liar{int(sandboxed)}", LIAR), sandboxed))
        return known[sandboxed]

    return told


@both
def test_lie_about_time_is_held_against_the_coordinators_clock(lies, sandboxed):
    cost = lies(sandboxed).cost
    assert cost.seconds > 1.5 and cost.sampling_seconds > 1.5 and cost.sampling_relative < 0.5
    assert cost.gradient_steps == 7  # a count that only the method's own process knows: taken at its word


@both
def test_monkeypatch_the_scorer_and_leave_links_for_answers(lies, place, sandboxed):
    record = lies(sandboxed)
    assert record.status == "below_floor" and record.quality.value < 0.3  # negatives of digits are no digits
    assert "root:" not in record.model_dump_json()
    assert record.provenance.sandbox == (sandbox.name() if sandboxed else records.UNSANDBOXED)


@both
def test_lie_in_sample_the_second_time_moves_drift_and_the_pictures_but_no_score(lies, sandboxed):
    """Scores rest on the first question alone; the pictures and `drift` rest on the second, and can be lied to."""
    record = lies(sandboxed)
    assert record.metrics["drift"].value == 0
    assert record.quality.value < 0.3


@pytest.mark.parametrize("what", FORGERIES)
def test_forged_messages_fail_the_run_and_cost_the_coordinator_nothing(place, what):
    body, reason = FORGERIES[what]
    record = grid.execute(one(write(place, "forger", body), False))
    assert record.status == "failed" and reason in record.reason, record.reason


def test_half_a_message_keeps_nobody_waiting():
    ours, theirs = socket.socketpair()
    channel = Channel(ours, limit=10)
    theirs.sendall(HEAD.pack(100, 0) + b'{"a":')
    began = time.monotonic()
    assert channel.receive(0.1) is None and time.monotonic() - began < 1
    theirs.close()
    with pytest.raises(EOFError):
        channel.receive(0.1)
    for bad in (HEAD.pack(1 << 31, 0), HEAD.pack(2, 11) + b"{}", HEAD.pack(2, 0) + b"[]", HEAD.pack(1, 0) + b"{",
                HEAD.pack(60_000, 0) + b"[" * 60_000):  # fmt: skip
        ours, theirs = socket.socketpair()
        threading.Thread(target=theirs.sendall, args=(bad,), daemon=True).start()
        with pytest.raises(ValueError):
            Channel(ours, limit=10).receive(2)


@pytest.mark.parametrize("sandboxed", [locked])
def test_the_sandbox_changes_no_byte_of_an_answer_and_no_cache_mixes_them(place, sandboxed):
    folder = write(place, "honest", HONEST)
    runs = [resolve(one(folder, where)) for where in (True, False)]
    inside, outside = (edit.answers(run, reveal.questions(run)).arrays for run in runs)
    assert inside.keys() == outside.keys() and len(inside) == 2
    assert all(np.array_equal(inside[name], outside[name]) for name in inside)
    assert one(folder, True).key() != one(folder, False).key()
    grid.execute(one(folder, False))
    assert one(folder, False).record() and not one(folder, True).record()
    assert grid.execute(one(folder, True)).provenance.sandbox.startswith("bubblewrap")
    assert one(folder, False).record() and one(folder, True).record()


@pytest.mark.parametrize("sandboxed", [locked])
def test_past_the_budget_a_checkpoint_counts_in_the_sandbox_too(place, sandboxed):
    endless = HONEST.replace("    return generator", "    while True:\n        pass")
    record = grid.execute(one(write(place, "endless", endless), sandboxed, max_minutes=0.03))
    assert record.status == "ok" and record.cost.cut, record.reason


REFUSING = (
    '#!/bin/sh\n[ "$1" = --version ] && echo bubblewrap 0.8.0 && exit\necho "bwrap: No permissions" >&2\nexit 1\n'
)


@pytest.mark.parametrize("script, hint", [(None, "apt install bubblewrap"), (REFUSING, "bwrap: No permissions")])
def test_where_bubblewrap_does_not_work_nothing_runs(place, tmp_path, monkeypatch, capsys, script, hint):
    if script:
        (tmp_path / "bwrap").write_text(script)
        (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path) + (":/bin" if script and not Path("/bin/bwrap").exists() else ""))
    sandbox.name.cache_clear()
    folder = write(place, "nothing", HONEST)
    assert main(["run", str(folder), "--sandbox", "--instance", INSTANCE, "--seed", "0"]) == 2
    told = capsys.readouterr().err
    assert hint in told and "nothing was run" in told and not (folder / "records").exists()
    sandbox.name.cache_clear()
