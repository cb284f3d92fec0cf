"""Requests one after another: what each may see, what it edits, and what the table says of those before it."""

import numpy as np
import pytest
from toy_runs import setup

from retouch.benchmark import notebook, tracks
from retouch.benchmark.run import copying
from retouch.benchmark.tools import sequential

INSTANCE = "category_redaction/digits-gan"


@pytest.fixture
def small(monkeypatch):
    """The instance with few samples."""
    monkeypatch.setattr(copying, "TRAINING", 1000)
    tiny = tracks.load("tiny")
    return tiny, tiny.instance(INSTANCE).model_copy(update={"samples": 200})


def test_a_request_shows_nothing_that_was_removed_before():
    for name, removed in (("category_redaction/rendered-gan-glasses-and-smile", [2]),
                          ("identity_removal/faces-gan", [3])):  # fmt: skip
        first = setup(name)
        second = sequential.request(first.instance, first.target["values"], removed)
        then = setup(name, target=second.target)
        shown, reference = then.task.reveal(then), then.task.reference(then)
        gone = then.gone
        assert gone == [*first.target["values"], *removed]
        assert set(then.values(shown["forget"])) == set(first.target["values"])
        assert not np.isin(then.values(shown["retain"]), gone).any() and len(shown["retain"]) > 1000
        assert not np.isin(then.values(reference), gone).any()
        assert np.isin(first.values(first.task.reveal(first)["retain"]), removed).any()


def test_a_request_has_its_own_values_and_budget(small):
    _, instance = small
    whole = sequential.request(instance.model_copy(update={"share": 0.01, "steps": 7}), [8, 1], budget=2)
    assert (whole.share, whole.steps, whole.target["values"]) == (0.02, 14, [8, 1])
    assert (whole.retrained, whole.core) == (None, False) and "removed" not in whole.target
    assert sequential.request(instance, [8]).share == instance.share


def test_each_request_follows_the_last_and_all_at_once_the_base(small, monkeypatch):
    """Edits that add 1 to a generator's `edits`; what is measured is watched."""
    (track, instance), asked, seen = small, [], []

    def answered(track, request, generator, edit, params):
        asked.append((request.target["values"], request.target.get("removed"), generator.edits, request.share))
        twin = generator.copy()
        twin.edits = generator.edits + 1
        return twin, 0.01 * len(asked)

    base = notebook.opened(track, instance).generator
    base.edits = 0
    monkeypatch.setattr(sequential, "answered", answered)
    monkeypatch.setattr(sequential.notebook, "opened", lambda *_: type("Opened", (), {"generator": base}))
    monkeypatch.setattr(sequential, "measured", lambda title, track, instance, so_far, values, current, total:
                        seen.append((title, so_far, values, current.edits, round(total, 6))))  # fmt: skip
    list(sequential.rows(track, instance, [8, 1], None, {}))
    assert asked == [
        ([8], None, 0, instance.share),
        ([1], [8], 1, instance.share),
        ([8, 1], None, 0, 2 * instance.share),
    ]
    assert seen == [("base", [8, 1], [8, 1], 0, 0.0), ("1: 8", [8], [8, 1], 1, 0.01), ("2: 1", [8, 1], [8, 1], 2, 0.03),
                    ("at once", [8, 1], [8, 1], 1, 0.03)]  # fmt: skip


def test_a_row_is_of_the_base_for_the_base(small):
    track, instance = small
    base = notebook.opened(track, instance).generator
    row = sequential.measured("base", track, instance, [8, 1], [8, 1], base, 0.02)  # no target of the track
    assert abs(row.goal) < 0.5 and row.quality == pytest.approx(1, abs=0.3)
    assert (row.title, row.spent) == ("base", 0.02) and len(row.shares) == 2
    assert all(0.02 < share < 0.25 for share in row.shares)


@pytest.mark.slow
def test_a_request_edits_what_the_last_one_left(small):
    seen = []

    def edit(generator, task, budget):
        seen.append((next(generator.module.parameters()).flatten()[0].item(), task.target, budget.train_steps))
        next(generator.module.parameters()).data += 1e-2
        for _ in budget.steps(2):
            generator.train_step(task.retain[:64])
        return generator

    track, instance = small
    rows = list(sequential.rows(track, instance, [8, 1], edit, {}))
    assert [row.title for row in rows] == ["base", "1: 8", "2: 1", "at once"]
    base = next(notebook.opened(track, instance).generator.module.parameters()).flatten()[0].item()
    (first, one, budget), (second, two, _), (whole, both, twice) = seen
    assert first == whole == pytest.approx(base) and second != pytest.approx(base, abs=5e-3)
    assert (one["values"], two["values"], two["removed"], both["values"]) == ([8], [1], [8], [8, 1])
    assert twice == pytest.approx(2 * budget, abs=1) and "removed" not in one
    assert 0 < rows[1].spent < rows[2].spent and rows[0].spent == 0
    assert all(0.02 < share < 0.25 for share in rows[0].shares) and abs(rows[0].goal) < 0.5


def test_bad_requests_say_what_to_do(small):
    track, instance = small
    with pytest.raises(ValueError, match="at least two"):
        list(sequential.rows(track, instance, [8, 8], lambda *_: None, {}))
    with pytest.raises(ValueError, match="names `values`"):
        list(sequential.rows(track, track.instance("attribute_rebalancing/faces-gan"), [0, 1], None, {}))


def test_what_cannot_be_edited_again_says_so(small, monkeypatch):
    monkeypatch.setattr(sequential, "measured", lambda *_: None)
    track, instance = small
    with pytest.raises(ValueError, match="object is no generator that a second request could edit"):
        list(sequential.rows(track, instance, [8, 1], lambda *_: object(), {}))


def test_the_table_has_a_column_a_value():
    rows = [sequential.Row("base", 0.0, 1.0, 0.0, (0.1, 0.08)), sequential.Row("1: 8", None, None, 0.01, (0.0, 0.08))]
    lines = list(sequential.table(iter(rows), [8, 1]))
    assert lines[0].endswith("| share of 8 | share of 1 |") and lines[1].count("---") == lines[0].count("|") - 1
    assert lines[2:] == ["| base | 0.00 | 1.00 | 0.0% | 10.0% | 8.0% |", "| 1: 8 | – | – | 1.0% | 0.0% | 8.0% |"]


def test_the_default_point_is_run(monkeypatch, capsys):
    given = []
    monkeypatch.setattr(sequential, "rows", lambda track, instance, values, edit, params:
                        given.append((instance.name, values, params)) or iter([]))  # fmt: skip
    sequential.main("data_redaction_data", "tiny/category_redaction/digits-gan", "8", "1")
    assert given == [("category_redaction/digits-gan", [8, 1], {"lam": 0.8})]
    assert capsys.readouterr().out.startswith("| after request |")
