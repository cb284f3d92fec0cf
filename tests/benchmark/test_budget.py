"""A budget in the base's own training steps, spent by a method's steps of another size."""

import pytest

from retouch.benchmark.budget import Budget, Yardstick


@pytest.mark.parametrize(("operations", "done"), [(100, 60), (104, 58), (1600, 3), (2000, 3), (7000, 1)])
def test_the_last_step_does_not_overspend(operations, done):
    """6,000 operations: steps that fit, with 5% for the last one; how much the first takes nobody can foresee."""
    budget = Budget(60, Yardstick(100, 1.0), 1e9)
    for _ in budget.steps(60):
        budget.counter.total += operations
    assert budget.gradient_steps == done


def test_a_base_without_a_count_has_steps_alone():
    budget = Budget(60, Yardstick(0, 1.0), 1e9)
    assert len(list(budget.steps(7))) == 7
