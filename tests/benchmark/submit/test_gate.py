"""What the workflow on a pull request does: its steps, and what its files state."""

import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import corpus
import forgeries
import hostile
import pytest
from toy_runs import INSTANCE, REPOSITORY, copy, forge, record_file

from retouch.benchmark import records
from retouch.benchmark.run.plan import Run
from retouch.benchmark.submit import gate as gate_module
from retouch.benchmark.submit import verify
from retouch.benchmark.submit.compare_runs import Outcome
from retouch.benchmark.worker import sandbox

SIGNED = {"by": "a maintainer", "when": "2026-01-01T00:00:00+00:00"}
VERIFIED = {"status": "verified", **SIGNED, "goal": None, "quality": None}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A checkout of the main branch, and beside it `proposed`, what a pull request brings."""
    monkeypatch.chdir(tmp_path)
    for folder in ("submissions", "proposed/submissions"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def gate(*arguments):
    """A step of the workflow: its exit code."""
    return gate_module.main([str(argument) for argument in arguments])


def test_other_files_and_odd_names_are_refused(here, capsys):
    paths = ["submissions/mine/submission.toml", "submissions/mine/records/x.json", "submissions/.odd/a", "README.md"]
    Path("changed").write_bytes("\0".join(paths).encode())
    assert gate("names", "changed") == 1
    said = capsys.readouterr()
    assert said.out.split() == ["mine"] and "README.md" in said.err and ".odd" in said.err
    Path("changed").write_bytes(b"submissions/mine/submission.toml\0")
    assert gate("names", "changed") == 0


@pytest.fixture
def proposed(honest, here, monkeypatch):
    """A pull request with a submission whose records lie on a track that no host runs."""
    monkeypatch.setattr(gate_module, "HOST_TRACKS", ())
    Path("names").write_text("mine\n")
    return copy(honest, here / "proposed/submissions")


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("indent", [None, 1])
def test_no_pull_request_says_more_than_claimed(proposed, honest, here, capsys, known, indent):
    if known:
        copy(honest, here / "submissions")
    assert gate("copy", "proposed", "names") == 0
    for status in ("verified", "disputed", "withdrawn"):
        table = forge(record_file(proposed), claim=VERIFIED | {"status": status, "note": "a note"})
        record_file(proposed).write_text(json.dumps(table, indent=indent))
        assert gate("copy", "proposed", "names") == 1
        assert "only a maintainer may" in capsys.readouterr().err


def test_a_verified_claim_stays_unless_the_record_changes(proposed, honest, here):
    copy(honest, here / "submissions")
    for root in ("submissions", "proposed/submissions"):
        forge(record_file(here / root / "mine"), claim=VERIFIED)
    assert gate("copy", "proposed", "names") == 0
    forge(record_file(proposed), reason="another one")
    assert gate("copy", "proposed", "names") == 1


def test_records_that_the_host_makes_are_not_taken(honest, here):
    """However perfect they are: a forged record, a withdrawn one and one of another entry go the same way."""
    proposed = copy(honest, here / "proposed/submissions")
    shutil.copytree(proposed / "records/tiny", proposed / "records/large")
    Path("names").write_text("mine\n")
    assert gate("copy", "proposed", "names") == 0
    ours = here / "submissions/mine"
    assert (ours / "method.py").exists() and not (ours / "records/tiny").exists() and (ours / "records/large").exists()


def test_where_no_sandbox_starts_nothing_is_made(honest, here, monkeypatch):
    copy(honest, here / "submissions")
    Path("names").write_text("mine\n")
    monkeypatch.setenv("PATH", "/nonexistent")
    sandbox.name.cache_clear()
    with pytest.raises(ValueError, match="bubblewrap"):
        gate("make", "names", "--by", "the host")
    sandbox.name.cache_clear()


def test_the_hosts_runs_have_a_cache_of_their_own(honest, here, monkeypatch):
    """Answers that an earlier run without a sandbox has left for it are not read."""
    copy(honest, here / "submissions")
    Path("names").write_text("mine\n")
    places = []
    monkeypatch.setattr(sandbox, "name", lambda: "bubblewrap 0.8.0")
    monkeypatch.setattr(gate_module.grid, "grid", lambda *_: places.append(os.environ["RETOUCH_CACHE"]) or [])
    monkeypatch.setattr(gate_module, "_sign", lambda *_: None)
    monkeypatch.setattr(gate_module, "_redraw", lambda _: 0)
    before = os.environ["RETOUCH_CACHE"]
    assert gate("make", "names", "--by", "the host") == 0
    assert len(places) == 1 and places[0] != before == os.environ["RETOUCH_CACHE"]


def test_every_number_that_moved_is_listed(honest, here):
    for root in ("submissions", "before"):
        (here / root).mkdir(exist_ok=True)
        folder = copy(honest, here / root)
    assert gate_module.moved(Path("before"), ["mine"]) == []
    file = record_file(here / "submissions/mine")
    forge(file, metrics__fd__value=5.0, cost__operations=7, provenance__time="2026-02-01T00:00:00+00:00",
          cost__sampling_cost=9.0, cost__sampling_relative=9.0, cost__seconds=9.0)  # fmt: skip
    record_file(here / "submissions/mine", seed=1).unlink()
    lines = gate_module.moved(Path("before"), ["mine"])
    assert len(lines) == 4 and any("gone" in line for line in lines)
    assert any("metrics.fd.value" in line and "-> 5.0" in line for line in lines)
    assert any("cost.operations" in line for line in lines) and folder
    assert any("cost.sampling_cost" in line and "-> 9.0" in line for line in lines)  # counted, not measured


def test_the_draw_writes_its_log(honest, here, monkeypatch, capsys):
    folder = copy(honest, here / "submissions")
    monkeypatch.setattr(Run, "foreign", False)
    (here / "docs").mkdir()
    (here / "docs/reverified.md").write_text("| day |\n")
    assert gate("again", "--by", "the draw", "--seed", "1") == 0 and capsys.readouterr().out == ""  # none is verified
    raw = records.read(record_file(folder)).model_dump(mode="json")
    for seed in (0, 1):
        forge(record_file(folder, seed), claim=VERIFIED | {"goal": raw["goal"], "quality": raw["quality"]})
    monkeypatch.setattr(verify, "DRAWS", 1)
    assert gate("again", "--by", "the draw", "--seed", "1", "--cells", "1") == 0
    assert "| mine | category_redaction/digits-gan | default | agrees |" in Path("docs/reverified.md").read_text()
    assert records.read(record_file(folder)).claim.by == "the draw"


def test_what_a_stranger_says_breaks_no_log():
    run = SimpleNamespace(name="mine", instance=SimpleNamespace(name=INSTANCE), point="default")
    outcome = Outcome([], [], [], False, [], trouble="failed: `a` | b\n[link](https://example.org) @somebody")
    row = gate_module.logged(run, outcome)
    assert row.count("\n") == 1 and row.count("|") == 6 and row.count("`") == 2


def test_the_document_lists_the_whole_corpus():
    text = corpus.DOCUMENT.read_text()
    assert corpus.written(text) == text, "python tests/corpus.py writes the tables"
    tests = "".join(file.read_text() for file in (REPOSITORY / "tests/benchmark").rglob("test_*.py"))
    assert all(f"def {test}(" in tests for test in forgeries.GATE.values())


def test_the_corpus_is_as_large_as_promised():
    kinds = [*forgeries.ONE_FIELD.values(), *forgeries.SECOND_RUN.values()]
    assert sum(map(len, kinds)) + len(forgeries.GATE) >= 100
    assert len(hostile.ATTEMPTS) + len(hostile.RUNS) >= 50
