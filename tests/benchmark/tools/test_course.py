"""The course of an edit: copies on its way, scored afterwards, at the cost so far."""

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
    assert rows[0].spent == 0 and 0 < rows[1].spent < rows[2].spent
    assert rows[2].spent == pytest.approx(2 * rows[1].spent, rel=0.05)
    assert abs(rows[0].goal) < 0.6 and rows[0].quality == pytest.approx(1, abs=0.25)
    lines = list(course.table(iter(rows), "invalidity"))
    assert lines[0] == "| step | pre-training | invalidity | goal | quality |" and len(lines) == 5


def test_what_trains_nothing_has_no_course():
    def edit(generator, task, budget):
        for _ in budget.steps(2):
            pass
        return generator

    with pytest.raises(ValueError, match="it has no course"):
        list(course.course(TINY, DIGITS, edit, {}))
