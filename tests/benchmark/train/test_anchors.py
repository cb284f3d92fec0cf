"""The scale of a track: what its controls measure."""

from types import SimpleNamespace

import numpy as np
import pytest
from toy_runs import setup

from retouch.benchmark import tracks
from retouch.benchmark.train import anchors

TRACK = tracks.load("tiny")


@pytest.mark.slow
def test_the_scale_that_ships_is_what_the_controls_measure():
    instance = TRACK.instance("category_redaction/digits-gan")
    shipped, found = tracks.scale(TRACK.name)[instance.name], anchors.anchors(setup(instance.name))
    assert found["units"] == pytest.approx(shipped["units"], rel=1e-3) and found["ideal"] == shipped["ideal"]
    assert found["kept"] == pytest.approx(shipped["kept"], rel=0.02)
    for name, was in shipped["unchanged"].items():
        assert found["unchanged"][name]["value"] == pytest.approx(was["value"], abs=3 * was["se"]), name
        assert found["unchanged"][name]["se"] == pytest.approx(was["se"], rel=0.5)
    for axis in ("goal", "quality"):
        was = shipped["retrained"][axis]
        assert found["retrained"][axis]["value"] == pytest.approx(was["value"], abs=was["high"] - was["value"]), axis
    for name, counts in shipped["counts"].items():  # another processor may round an image to the other side
        assert np.abs(np.subtract(found["counts"][name], counts)).sum() < 0.02 * sum(counts), name


@pytest.mark.parametrize("instance", TRACK.instances, ids=lambda one: one.name)
def test_the_scale_tells_base_and_ideal_apart(instance):
    anchors = tracks.scale(TRACK.name)[instance.name]
    goal = setup(instance.name).goal
    low, high = anchors["unchanged"][goal], anchors["ideal"]
    assert abs(low["value"] - high["value"]) > 4 * np.hypot(low["se"], high["se"])


@pytest.mark.parametrize("instance", TRACK.instances, ids=lambda one: one.name)
def test_a_base_lies_between_noise_and_real_images(instance):
    place = tracks.scale(TRACK.name)[instance.name]["place"]
    assert 0 <= place["noise"]["value"] < 0.2 < place["base"]["value"] < 1.05


def test_trainings_of_a_control_spread():
    row = {"value": 0.5, "low": 0.4, "high": 0.6}
    rows = [SimpleNamespace(**{name: end + shift for name, end in row.items()}) for shift in (0.0, 0.2)]
    assert anchors._interval(rows, []) == pytest.approx({"value": 0.6, "low": 0.5, "high": 0.7})
    apart = anchors._interval(rows, [0.5, 0.7])
    assert apart["low"] == pytest.approx(0.6 - 12.706 * 0.1, abs=1e-3)  # two trainings tell little
