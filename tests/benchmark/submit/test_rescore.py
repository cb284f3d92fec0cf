"""`retouch rescore`: scores again from cached answers."""

import numpy as np
import pytest
from toy_runs import ran, record_file, write

from retouch.benchmark import records, setup, versions
from retouch.benchmark.cli.main import main
from retouch.benchmark.submit import rescore


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
