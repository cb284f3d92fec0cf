"""The course of an edit: copies on its way, scored afterwards, at the cost so far."""

from types import SimpleNamespace

import pytest

from retouch.benchmark import tracks
from retouch.benchmark.tools import course

TINY = tracks.load("tiny")
DIGITS = TINY.instance("category_redaction/digits-flow").model_copy(update={"samples": 300, "core": False})


def test_the_course_goes_from_the_base_to_the_result():
    def edit(generator, task, budget, lr):
        generator.lr = lr
        for _ in budget.steps(4):
            generator.train_step(task.retain[:64])
        return generator

    rows = list(course.course(TINY, DIGITS, edit, {"lr": 1e-3}, looks=2))
    assert [row.step for row in rows] == ["0", "2", "result"]
    assert rows[0].metric > 0.05 and rows[2].metric != rows[0].metric
    assert rows[0].spent == 0 and 0 < rows[1].spent < rows[2].spent
    assert rows[2].spent == pytest.approx(2 * rows[1].spent, rel=0.05)
    assert abs(rows[0].goal) < 0.6 and rows[0].quality == pytest.approx(1, abs=0.25)
    lines = list(course.table(iter(rows), "invalidity"))
    assert lines[0] == "| step | pre-training | invalidity | goal | quality |" and len(lines) == 5


def test_the_last_row_is_of_what_the_edit_returns(monkeypatch, capsys):
    seen, handed = [], []

    def edit(generator, task, budget):
        for _ in budget.steps(1):
            generator.train_step(task.retain[:64])
        print("a method's own words")
        handed.append(object())
        return handed[0]

    monkeypatch.setattr(course, "look", lambda task, step, spent, generator: seen.append((step, generator)))
    list(course.course(TINY, DIGITS, edit, {}))
    assert [step for step, _ in seen] == ["0", "result"] and seen[1][1] is handed[0]
    out, err = capsys.readouterr()
    assert out == "" and "own words" in err  # not among the rows of the table


def test_what_trains_nothing_has_no_course():
    def edit(generator, task, budget):
        for _ in budget.steps(2):
            pass
        return generator

    with pytest.raises(ValueError, match="it has no course"):
        list(course.course(TINY, DIGITS, edit, {}))


def test_a_row_has_each_score_in_its_column():
    scores = SimpleNamespace(
        metrics={"invalidity": SimpleNamespace(value=0.03)}, goal=SimpleNamespace(value=0.7), quality=None
    )
    task = SimpleNamespace(
        score=lambda generator: scores, setup=SimpleNamespace(task=SimpleNamespace(GOAL="invalidity"))
    )
    row = course.look(task, "5", 0.01, None)
    assert row == ("5", 0.01, 0.03, 0.7, None)
    assert list(course.table(iter([row]), "invalidity"))[2] == "| 5 | 1.00% | 0.030 | 0.70 | – |"


def test_looks_are_as_many_as_asked_for_and_the_point_decides(monkeypatch, capsys):
    given = []

    def watched(track, instance, edit, params, looks):
        given.append((instance.core, params, looks))
        return iter([])

    monkeypatch.setattr(course, "course", watched)
    course.main(["data_redaction_data", "tiny/category_redaction/digits-gan", "--point", "gentle", "--looks", "3"])
    assert given == [(False, {"lam": 0.9}, 3)]
    assert capsys.readouterr().out.startswith("| step | pre-training | invalidity |")
