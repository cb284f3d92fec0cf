"""The scale of a track: what its controls measure."""

import numpy as np
import pytest
from toy_runs import setup

from retouch.benchmark import tracks
from retouch.benchmark.train import anchors

TRACK = tracks.load("tiny")


def test_the_scale_that_ships_is_what_the_controls_measure():
    instance = TRACK.instance("category_redaction/digits-gan")
    shipped, found = tracks.scale(TRACK.name)[instance.name], anchors.anchors(setup(instance.name))
    assert found["unit"] == pytest.approx(shipped["unit"], rel=1e-3)
    for control in ("unchanged", "retrained"):
        for name, was in shipped[control].items():
            assert found[control][name]["value"] == pytest.approx(was["value"], abs=3 * was["se"]), (control, name)
            assert found[control][name]["se"] == pytest.approx(was["se"], rel=0.5)
    for name, counts in shipped["counts"].items():  # another processor may round an image to the other side
        assert np.abs(np.subtract(found["counts"][name], counts)).sum() < 0.02 * sum(counts), name


@pytest.mark.parametrize("instance", TRACK.instances, ids=lambda one: one.name)
def test_the_scale_tells_the_controls_apart(instance):
    anchors = tracks.scale(TRACK.name)[instance.name]
    goal = setup(instance.name).task.GOAL
    low, high = anchors["unchanged"][goal], anchors["retrained"][goal]
    assert abs(low["value"] - high["value"]) > 4 * np.hypot(low["se"], high["se"])
