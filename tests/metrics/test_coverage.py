"""A short form of `python -m retouch.metrics.tools.interval_coverage`, and the bench's smallest cell."""

from dataclasses import replace

import numpy as np
import pytest

from retouch.metrics.tools import interval_coverage, speed

CASES = {case.name: case for case in interval_coverage.cases()}
BINOMIAL = 3.0  # standard errors of a share of so few draws
WIDTHS = {"KL to an even mix": 3.0, "entropy": 3.0}  # at most, in what the values' own spread asks for; others 1.5


def within(row: interval_coverage.Row, draws: int) -> bool:
    """Not outside the band by more than the simulation's own noise."""
    low, high = interval_coverage.WANTED[row.band]
    below, above = (BINOMIAL * np.sqrt(p * (1 - p) / draws) for p in (low, high))
    return low - below <= row.covered <= min(1.0, high + above)


@pytest.mark.parametrize(
    ("case", "draws"),
    [
        (interval_coverage.feature_case("shifted", 400, 12, 0.5), 60),
        (interval_coverage.neighbour_case(300, 4, 1.2), 200),
        (interval_coverage.vendi_case(300, 12), 400),
        (interval_coverage.share_case(0.1, 0.9), 1000),
        (interval_coverage.share_case(0.3, 0.9), 1000),
        (interval_coverage.paired_case(4, 3), 600),
        (interval_coverage.mix_case(np.array([0.27, 0.23, 0.26, 0.24]), 0.9), 200),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_intervals_hold_the_truth_at_no_more_than_their_width(case, draws):
    history = []
    rows = interval_coverage.run(replace(case, draw=lambda rng: history.append(case.draw(rng)) or history[-1]), draws)
    assert all(within(row, draws) for row in rows), rows
    for name, row in zip(case.truth, rows, strict=True):
        needed = 3.92 * np.std([estimates[name].value for estimates in history])
        assert 0.75 * needed < row.width < WIDTHS.get(name, 1.5) * needed, (row, needed)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_every_case_of_the_table(name):
    rows = interval_coverage.run(CASES[name], 200)
    assert all(within(row, 200) for row in rows), rows


def test_without_the_judge_term_intervals_would_miss():
    """The reason for the second term: a judge tested on 500 images, its error left out."""
    rng = np.random.default_rng(0)
    case, held = interval_coverage.share_case(0.1, 0.9), 0
    for _ in range(100):
        e = case.draw(rng)["share"]
        q = e.plain
        half = 1.96 * np.sqrt(q * (1 - q) / e.n) / 0.8
        held += abs(e.value - 0.1) <= half
    assert held < 85


def test_a_missed_truth_is_counted():
    case = interval_coverage.share_case(0.3, 0.9)
    wrong = interval_coverage.Case(case.name, case.draw, {"share": 0.5})
    assert interval_coverage.run(wrong, 20)[0].covered == 0 and not interval_coverage.run(wrong, 20)[0].within


def test_bench_measures_a_cell():
    cell = speed.cell("ours", 300, 16)
    assert cell["seconds"] > 0 and set(cell["values"]) >= {"fd", "kd", "vendi_inf"}
