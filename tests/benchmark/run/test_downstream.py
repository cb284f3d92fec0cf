"""Which images the downstream gain is of: biased ones to train on, held-out ones as they should be, generated ones."""

from types import SimpleNamespace

import numpy as np
import pytest
import toy_runs

from retouch import metrics
from retouch.benchmark import joint
from retouch.benchmark.run import downstream, look

INSTANCE = "attribute_rebalancing/faces-gan"


@pytest.fixture
def setup():
    return toy_runs.setup(INSTANCE)


@pytest.fixture
def view(setup):
    """200 held-out images as if they were generated, half of them with glasses."""
    held_out, encoder = setup.held_out(), setup.encoders[0]
    rows = np.concatenate([np.flatnonzero(held_out.labels["glasses"] == k)[:100] for k in (0, 1)])
    reference = setup.task.reference(setup)
    space = SimpleNamespace(reference=SimpleNamespace(features=look.features(encoder, reference.images)))
    return SimpleNamespace(
        judge=look.judge(setup), spaces=(space,), features=look.features(encoder, held_out.images[rows]),
        guesses=lambda attribute: held_out.labels[attribute][rows],
    )  # fmt: skip


def test_the_gain_is_of_600_images_topped_up(setup, view, monkeypatch):
    seen = []
    made = {"balanced": metrics.Estimate(0.1, 0, 1, 9), "worst": metrics.Estimate(0.2, 0, 1, 9)}
    monkeypatch.setattr(metrics, "downstream_gains", lambda *parts: seen.append(parts) or made)
    found = downstream.measure(setup, view)
    assert (found["downstream"].value, found["downstream_worst"].value) == (0.1, 0.2)
    [(real, truth, extra)] = seen
    training, reference, encoder = setup.training()[:600], setup.task.reference(setup), setup.encoders[0]
    assert np.array_equal(real.features, look.features(encoder, training.images))
    assert np.array_equal(real.labels, joint.cells(training.labels, "glasses", view.judge.sizes))
    assert np.array_equal(truth.features, view.spaces[0].reference.features)
    assert np.array_equal(truth.labels, reference.labels["glasses"])
    assert np.array_equal(extra.features, view.features) and extra.labels.mean() == 0.5


def test_nothing_is_said_of_removals_or_without_an_encoder(setup, view, monkeypatch):
    assert downstream.measure(toy_runs.setup(), view) == {}
    assert downstream.measure(setup, SimpleNamespace(spaces=())) == {}
    held_out = setup.task.reference(setup)
    alone = held_out[np.flatnonzero(held_out.labels["glasses"] == 0)]
    monkeypatch.setattr(setup.task, "reference", lambda _: alone)
    view.spaces[0].reference.features = look.features(setup.encoders[0], alone.images)
    assert downstream.measure(setup, view) == {}
