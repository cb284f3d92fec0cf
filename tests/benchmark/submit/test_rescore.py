"""`retouch rescore`: scores again from cached answers."""

from dataclasses import replace

import numpy as np
import pytest
from toy_runs import ran, record_file, write

from retouch.benchmark import records, setup, versions
from retouch.benchmark.cli.main import main
from retouch.benchmark.run.resolve import resolve
from retouch.benchmark.submit import rescore
from retouch.benchmark.support import cache as answers


def test_rescore_starts_no_worker_and_lists_what_it_cannot(submissions, cache, capsys, monkeypatch):
    folder = write(submissions, "mine")
    first = records.read(ran(folder))
    assert not list(rescore.stale(folder))
    monkeypatch.setattr(setup, "METRICS", "next")
    monkeypatch.setattr("retouch.benchmark.run.edit.answers", lambda *_: pytest.fail("a worker was started"))
    assert main(["rescore", "mine"]) == 0
    again = records.read(record_file(folder))
    assert again.metrics == first.metrics and again.cost == first.cost and not versions.moved(again)
    monkeypatch.setattr(setup, "METRICS", "after next")
    with np.load(file := next((cache / "answers").glob("*.npz"))) as kept:
        arrays = dict(kept)
    arrays["samples"] = arrays["samples"][::-1]  # answers that are not this record's own
    np.savez(file, **arrays)
    assert main(["rescore", "mine"]) == 1
    assert "no cached answers of its own" in capsys.readouterr().out
    file.unlink()
    assert main(["rescore", "mine"]) == 1
    assert records.read(record_file(folder)) == again


def test_an_accelerators_answers_are_scored_without_it(submissions, cache, monkeypatch):
    folder = write(submissions, "mine")
    first = records.read(ran(folder))
    monkeypatch.setattr(setup, "METRICS", "next")
    [(record, run)] = rescore.stale(folder)
    on_cpu, elsewhere = (resolve(replace(run, device=device)).answers_file for device in rescore.DEVICES)
    answers.keep(elsewhere, answers.kept(on_cpu))
    on_cpu.unlink()
    assert rescore.rescore(record, run).metrics == first.metrics
