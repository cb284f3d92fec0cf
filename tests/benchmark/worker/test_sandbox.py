"""Attempts to break out of a worker, each with its outcome; docs/isolation.md has the table of them.

The hostile methods bound themselves (200 processes, 200 MB), so that a defence that fails does no harm.
"""

import json
import os
import secrets
import socket
from pathlib import Path

import numpy as np
import psutil
import pytest
import toy_runs
from toy_attacks import BOMB, FILLER, FORGERIES, HONEST, HUNGRY, LIAR, PEEK
from toy_runs import FEW, INSTANCE, both, locked, planned, run

from retouch.benchmark import records, tracks, weights
from retouch.benchmark.cli.main import main
from retouch.benchmark.run import edit, reveal
from retouch.benchmark.run.resolve import current_record, resolve
from retouch.benchmark.worker import limits, sandbox

pytestmark = toy_runs.undisturbed
SLEEP = f"98765.{secrets.randbelow(10**9):09}"  # seconds: by this number the process is found, and nobody else's


@pytest.fixture(scope="module")
def place(tmp_path_factory, shared_cache):
    """A folder of submissions and a cache that the whole file shares, low limits, and a secret in the environment."""
    folder = tmp_path_factory.mktemp("break-in")
    folder.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETOUCH_CACHE", toy_runs.own_cache(folder / "cache", shared_cache))
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
    return toy_runs.write(folder, name, body)


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
                     "SEED": reveal.questions(resolve(planned(folder)))[0].seed,
                     "LOCKED": sandboxed, "PID": os.getpid(), "SLEEP": SLEEP}  # fmt: skip
            body = PEEK
            for word, value in words.items():
                body = body.replace(word, str(value))
            write(place, folder.name, body)
            known[sandboxed] = json.loads(run(folder, sandboxed=sandboxed).reason.split("FOUND")[1])
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
def test_the_sandbox_has_no_privilege_and_sees_no_process(peeked, sandboxed):
    uid, capabilities = peeked(sandboxed)["privilege"].split()
    assert uid != "0" and capabilities == "0"
    assert peeked(sandboxed)["processes"] <= limits.PROCESSES + 2


@pytest.mark.parametrize("sandboxed", [locked])
def test_endless_forks_in_the_sandbox_stop_at_a_limit(peeked, sandboxed):
    says(peeked(sandboxed)["forks"], sandboxed)


@pytest.mark.parametrize("sandboxed", [locked])
def test_the_sandboxs_disk_has_a_size_of_its_own(peeked, sandboxed):
    says(peeked(sandboxed)["disk"], sandboxed)


def test_endless_forks_without_a_sandbox_are_all_ended(place):
    pids = place / "pids"
    record = run(write(place, "bomb", BOMB.replace("PIDS", str(pids))))
    assert record.status == "over_budget" and "processes" in record.reason
    started = [int(pid) for pid in pids.read_text().split()]
    assert len(started) > limits.PROCESSES // 2
    assert not [pid for pid in started if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"]


def test_fill_the_work_folder_without_a_sandbox_is_seen(place):
    record = run(write(place, "filler", FILLER))
    assert record.status == "over_budget" and "wrote more than 40 MB" in record.reason


@both
def test_memory_is_counted_over_all_processes(place, sandboxed):
    record = run(write(place, "hungry", HUNGRY), sandboxed=sandboxed, max_memory_mb=1000)
    assert record.status == "over_budget" and "the track allows 1000 MB" in record.reason


@pytest.fixture(scope="module")
def lies(place):
    """The record of the method that lies, by sandboxed or not."""
    known = {}

    def told(sandboxed):
        if sandboxed not in known:
            known[sandboxed] = run(write(place, f"liar{int(sandboxed)}", LIAR), sandboxed=sandboxed)
        return known[sandboxed]

    return told


@both
def test_a_lie_about_time_is_held_against_a_clock(lies, sandboxed):
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
def test_a_lie_in_the_second_sample_moves_no_score(lies, sandboxed):
    """Scores rest on the first question alone; the pictures and `drift` rest on the second, and can be lied to."""
    record = lies(sandboxed)
    assert record.metrics["drift"].value == 0
    assert record.quality.value < 0.3


@pytest.mark.parametrize("what", FORGERIES)
def test_forged_messages_fail_the_run_alone(place, what):
    body, reason = FORGERIES[what]
    record = run(write(place, "forger", body))
    assert record.status == "failed" and reason in record.reason, record.reason


@pytest.mark.parametrize("sandboxed", [locked])
def test_the_sandbox_changes_no_byte_of_an_answer(place, sandboxed):
    folder = write(place, "honest", HONEST)
    runs = [planned(folder, sandboxed=where) for where in (True, False)]
    inside, outside = (edit.answers(one, reveal.questions(one)).arrays for one in map(resolve, runs))
    assert inside.keys() == outside.keys() and len(inside) == 3
    assert all(np.array_equal(inside[name], outside[name]) for name in inside)


@pytest.mark.slow
@pytest.mark.parametrize("sandboxed", [locked])
def test_no_cache_mixes_sandboxed_answers_with_others(place, sandboxed):
    folder = write(place, "apart", HONEST)
    locked_up, free = (planned(folder, sandboxed=where) for where in (True, False))
    assert resolve(locked_up).key != resolve(free).key
    run(folder)
    assert current_record(free) and not current_record(locked_up)
    assert run(folder, sandboxed=True).provenance.sandbox.startswith("bubblewrap")
    assert current_record(free) and current_record(locked_up)


@pytest.mark.slow
@pytest.mark.parametrize("sandboxed", [locked])
def test_a_checkpoint_counts_in_the_sandbox_too(place, sandboxed):
    endless = HONEST.replace("    return generator", "    while True:\n        pass")
    record = run(write(place, "endless", endless), samples=FEW, sandboxed=sandboxed, max_minutes=0.03)
    assert record.status == "over_budget" and record.cost.cut and record.metrics, record.reason


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
