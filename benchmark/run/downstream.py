"""What an edited generator's images are worth to a classifier of the attribute that was rebalanced or diversified."""

from __future__ import annotations

import numpy as np

from retouch import metrics
from retouch.benchmark import joint
from retouch.benchmark.run import look
from retouch.benchmark.setup import Setup
from retouch.benchmark.tasks.view import View

REAL = 600  # training images of the probe, as biased as those of the base
TASKS = ("attribute_rebalancing", "output_diversity")


def measure(setup: Setup, view: View) -> dict[str, metrics.Estimate]:
    """Gain of balanced accuracy and of the worst class's; nothing for removals, or without an encoder."""
    if setup.instance.task not in TASKS or not view.spaces:
        return {}
    attribute, encoder, sizes = setup.target["attribute"], setup.encoders[0], view.judge.sizes
    training, held_out = setup.training()[:REAL], setup.task.reference(setup)
    real = metrics.Labelled(
        look.features(encoder, training.images, again=True, device=setup.device),
        joint.cells(training.labels, attribute, sizes),
    )
    truth = metrics.Labelled(view.spaces[0].reference.features, joint.cells(held_out.labels, attribute, sizes))
    extra = metrics.Labelled(view.features, view.guesses(attribute))
    if len(np.unique(truth.labels)) <= max(real.labels.max(), truth.labels.max()):
        return {}  # a class that nobody is in among the held-out images
    gains = metrics.downstream_gains(real, truth, extra)
    return {"downstream": gains["balanced"], "downstream_worst": gains["worst"]}
