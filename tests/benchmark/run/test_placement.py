"""Where runs go on a cluster: each once, the longest of a base first, bases on few machines, and no machine waits."""

import heapq
from collections import Counter
from dataclasses import replace

import pytest
from toy_runs import planned, write

from retouch.benchmark.run import plan
from retouch.benchmark.run.placement import Placement, fits, need

ROOM = {"CPU": 1.0, "memory": float(1 << 40)}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """120 runs on three bases, the longest first."""
    run = planned(write(tmp_path_factory.mktemp("placed"), "m"))
    instances = [run.instance.model_copy(update={"base": base}) for base in ("digits-gan", "faces-gan", "digits-flow")]
    return plan.longest_first([replace(run, instance=one, seed=seed) for one in instances for seed in range(40)])


def simulated(placement, runs, machines):
    """(machine, run) in the order of their beginning, and when the last ends; a run takes its estimated minutes."""
    minutes = dict(zip(map(id, runs), plan.minutes(runs), strict=True))
    placement.machines(dict.fromkeys(machines, 1.0))
    free, begun, end = [(0.0, machine) for machine in machines], [], 0.0
    while free:
        now, machine = heapq.heappop(free)
        if run := placement.take(machine, ROOM):
            begun.append((machine, run))
            end = now + minutes[id(run)]
            heapq.heappush(free, (end, machine))
    return begun, end


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_each_run_is_taken_once_and_bases_stay_where_they_are(runs, count):
    begun, end = simulated(Placement(runs), runs, [f"m{i}" for i in range(count)])
    assert Counter(id(run) for _, run in begun) == Counter(map(id, runs))
    homes = {(machine, run.instance.base) for machine, run in begun}
    assert len(homes) <= count + 3 - 1 + count // 2
    minutes = plan.minutes(runs)
    assert end <= 1.1 * max(sum(minutes) / count, max(minutes)) + max(minutes)
    for base in {base for _, base in homes}:
        mine = [id(run) for _, run in begun if run.instance.base == base]
        assert mine == [id(run) for run in runs if run.instance.base == base]  # the longest first


def test_a_lost_machine_leaves_its_bases_to_others(runs):
    placement = Placement(runs)
    placement.machines({"a": 1.0, "b": 1.0})
    first = placement.take("a", ROOM), placement.take("b", ROOM)
    assert first[0].instance.base != first[1].instance.base
    placement.machines({"b": 1.0, "c": 1.0})
    assert placement.take("c", ROOM).instance.base not in {first[1].instance.base}
    assert placement.take("b", ROOM).instance.base == first[1].instance.base


def test_a_run_goes_only_where_there_is_room(runs):
    placement = Placement(runs)
    placement.machines({"a": 4.0})
    assert placement.take("a", {"CPU": 4.0, "memory": 1.0}) is None and len(placement) == len(runs)
    assert not fits(need(runs[0]), {"CPU": 0.5, "memory": 1e12}) and fits({"GPU": 1 / 3}, {"GPU": 1 - 2 / 3})
