"""How far `verify` lets means lie apart, measured on all shipped cells: their seeds are honest runs of one method."""

from collections import defaultdict

import numpy as np
import pytest
from toy_runs import REPOSITORY

from retouch.benchmark import records, tasks, tracks
from retouch.benchmark.submit.compare_runs import distributions

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cells():
    """The records of each cell that has a goal at three seeds or more."""
    groups = defaultdict(list)
    for record in records.read_all(REPOSITORY / "submissions")[0]:
        if record.goal is not None:
            groups[record.track, record.instance, record.submission, record.point].append(record)
    return [cell for cell in groups.values() if len(cell) > 2]


def test_honest_seeds_agree(cells):
    """Each seed is held against the others, as a claim against draws: fewer than 1 in 100 comparisons disagree."""
    agree = [
        number.agrees
        for cell in cells
        for one in cell
        for number in distributions([one], [other for other in cell if other is not one])
    ]
    assert len(agree) > 1000 and np.mean(agree) > 0.99


def found(cells, gain):
    """The share of cells in which a goal that was raised by `gain` at each seed disagrees with five honest draws."""
    shares = []
    for cell in cells:
        anchors, goal = tracks.scale(cell[0].track)[cell[0].instance], tasks.module(cell[0].task).GOAL
        if goal not in cell[0].metrics:
            continue  # a record of an older version of the task
        step = gain * (anchors["ideal"]["value"] - anchors["unchanged"][goal]["value"])
        raised = [_with(record, goal, record.metrics[goal].value + step) for record in cell]
        numbers = {number.name: number for number in distributions(raised, (cell * 2)[:5])}
        shares.append(not numbers[goal].agrees)
    return np.mean(shares)


def _with(record, name, value):
    metric = record.metrics[name].model_copy(update={"value": value, "low": value, "high": value})
    return record.model_copy(update={"metrics": record.metrics | {name: metric}})


def test_a_goal_that_was_raised_is_found(cells):
    assert found(cells, 0.0) == 0.0
    assert found(cells, 0.2) > 0.75 and found(cells, 0.5) > 0.95
