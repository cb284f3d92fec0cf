"""A run that is lost after its edit goes on from the edited weights, and its record is the same."""

import pytest
from toy_runs import TRAINS, frozen, planned, write

from retouch.benchmark.run import edit, grid, resumed
from retouch.benchmark.run.resolve import resolve
from retouch.benchmark.support import store

LOGS = "def edit(generator, task, budget):\n    open({log!r}, 'a').write('x')\n"
FILTERS = """
    class Filter:
        def __init__(self):
            self.save = generator.save

        def sample(self, n, rng):
            return generator.sample(n, rng) // 2

    return Filter()
"""


@pytest.mark.slow
@pytest.mark.parametrize("body, edits", [(TRAINS.split("budget):\n")[1], 1), (FILTERS, 2)], ids=["weights", "filter"])
def test_a_run_lost_after_its_edit_goes_on_from_there(submissions, tmp_path, monkeypatch, body, edits):
    log = tmp_path / "edits"
    run = planned(write(submissions, "m", LOGS.format(log=str(log)) + body), seed=1, samples=300)
    whole = grid.execute(run)
    assert log.read_text() == "x"
    monkeypatch.setenv("RETOUCH_STORE", str(tmp_path / "store"))
    monkeypatch.setattr(resumed, "WORTH", 0)
    log.write_text("")
    with monkeypatch.context() as lost:  # the machine, while the questions are answered
        lost.setattr(edit, "ask", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            grid.execute(run, again=True)
    monkeypatch.setenv("RETOUCH_CACHE", str(tmp_path / "another machine"))
    assert resumed.load(resolve(run)) and store.names("edits")
    record = grid.execute(run)
    assert record.status == whole.status and log.read_text() == "x" * edits
    assert frozen(record) == frozen(whole) and record.cost.operations == whole.cost.operations
    assert not store.names("edits")
