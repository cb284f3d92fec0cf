"""Score the answers of a run: the judge looks once, every metric reads what it saw, the controls fix the scale."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from retouch import metrics
from retouch.benchmark import joint
from retouch.benchmark.judges import Verdict
from retouch.benchmark.records import Measured, Scaled, harmonic
from retouch.benchmark.run import attack, downstream, look
from retouch.benchmark.run.look import judge
from retouch.benchmark.run.scale import DIGITS, on_scale, relative_quality
from retouch.benchmark.setup import Setup
from retouch.benchmark.tasks.view import View


@dataclass(frozen=True)
class Scores:
    """What a record holds of the three axes but for cost.

    Attributes:
        goal, quality: on the controls' scale, None where they cannot be had; `reason` then says why.
        metrics: every raw number; details: what the task pictures.
    """

    goal: Scaled | None
    quality: Scaled | None
    metrics: dict[str, Measured]
    details: dict[str, Any]
    reason: str = ""

    @property
    def score(self) -> float | None:
        """Harmonic mean of goal and quality."""
        return None if self.goal is None or self.quality is None else harmonic(self.goal.value, self.quality.value)


def score(setup: Setup, answers: dict[str, np.ndarray]) -> Scores:
    """Score the arrays of a run; what is below the track's floor of quality has no goal.

    Args:
        answers: "samples" uint8 (N, C, H, W); optionally "paired" and "base_paired", uint8 images from the same noise;
            for flows "log_prob_SET" and "base_log_prob_SET", nats (draws, images).

    Raises:
        ValueError: the track's scale does not hold the instance.
    """
    anchors, goal_metric, floor = setup.anchors, setup.task.GOAL, setup.track.floor
    if not anchors:
        raise ValueError(f"the scale of track {setup.track.name} lacks {setup.instance.name}; measure it again")
    estimates, details = measure(setup, answers, anchors["counts"])
    raw = {name: _measured(estimate) for name, estimate in estimates.items()}
    if "fd" not in estimates:
        few = f"only {details['kept']} of {len(answers['samples'])} images are as they should be: too few for a quality"
        return Scores(None, None, raw, details, few)
    quality = relative_quality(estimates["fd"], anchors["unchanged"]["fd"], anchors["unit"])
    if quality.value < floor:
        low = f"quality {quality.value:.2f} is below the track's floor of {floor}: no goal is scored"
        return Scores(None, quality, raw, details, low)
    unchanged, retrained = anchors["unchanged"][goal_metric], anchors["retrained"][goal_metric]
    return Scores(on_scale(estimates[goal_metric], unchanged, retrained), quality, raw, details)


def measure(
    setup: Setup, answers: dict[str, np.ndarray], base_counts: dict[str, list[int]]
) -> tuple[dict[str, metrics.Estimate], dict[str, Any]]:
    """All raw metrics of a run, and the details that the board pictures."""
    looking, (held_out, real, _) = judge(setup), look.held_out(setup)
    verdict = looking.look(answers["samples"])
    spaces = look.spaces(setup, answers["samples"])
    view = View(verdict, looking, base_counts or counts(setup, verdict), answers, held_out, real, spaces)
    estimates, details = setup.task.measure(setup, view)
    weight = setup.task.keep(setup, view)
    estimates |= quality_metrics(verdict.features, weight, held_out, diversity=setup.task.GOAL.startswith("vendi"))
    share = lambda images: _goal_metric(setup, replace(view, verdict=looking.look(images), answers={}))  # noqa: E731
    after, course = attack.measure(setup, answers, share)
    estimates, details = estimates | after, details | course
    estimates |= downstream.measure(setup, view)
    if "paired" in answers and "base_paired" in answers:
        estimates["drift"] = drift(answers["base_paired"], answers["paired"])
    return estimates, details | {"kept": int((weight > 0).sum())}


def _goal_metric(setup: Setup, view: View) -> metrics.Estimate:
    """The task's own metric on the images that a view shows."""
    return setup.task.measure(setup, view)[0][setup.task.GOAL]


def counts(setup: Setup, verdict: Verdict) -> dict[str, list[int]]:
    """How many images the judge puts in each class of each attribute, and of the target's attributes jointly."""
    sizes, target = judge(setup).sizes, setup.target["attribute"]
    classes = {name: (verdict.labels[name], sizes[name]) for name in verdict.labels}
    classes[joint.key(target)] = (
        joint.cells(verdict.labels, target, sizes), int(np.prod([sizes[name] for name in joint.names(target)]))
    )  # fmt: skip
    return {name: np.bincount(labels, minlength=size).tolist() for name, (labels, size) in classes.items()}


def quality_metrics(
    features: np.ndarray, weight: np.ndarray, reference: metrics.Reference, diversity: bool
) -> dict[str, metrics.Estimate]:
    """FD (weighted where groups are), KD and neighbour metrics of the images that should be there.

    Args:
        features: float32 (N, F); weight: float64 (N,), 0 for an image that ought not to be there.
        diversity: keep the Vendi scores as well.
    """
    use = weight > 0
    if not use.any() or metrics.effective_sample_size(weight[use]) < 2 * features.shape[1]:
        return {}
    estimates = metrics.suite(features[use], reference)
    if np.ptp(weight[use]) > 0:
        estimates["fd"] = metrics.fd(features[use], reference, weight[use] / weight[use].sum())
    return {name: estimate for name, estimate in estimates.items() if diversity or not name.startswith("vendi")}


def drift(base: np.ndarray, edited: np.ndarray) -> metrics.Estimate:
    """Root mean squared pixel difference of images from the same noise, in [0, 1], mean over pairs."""
    gap = (base.astype(np.float64) - edited.astype(np.float64)) / 255
    each = np.sqrt((gap**2).mean((1, 2, 3)))
    half = 1.96 * each.std(ddof=1) / np.sqrt(len(each))
    return metrics.Estimate(float(each.mean()), float(each.mean() - half), float(each.mean() + half), len(each))


def quality_unit(setup: Setup) -> float:
    """The unit of quality: 5% of the total variance of the held-out images' features.

    About what dropping one of ten digits costs in FD (7.6 of 148). A ratio of FDs alone would be all noise for a base
    that cannot be told from real images, whose own FD is 0 within its error.
    """
    _mean, covariance = look.held_out(setup).judged.moments.mean_and_covariance()
    return 0.05 * float(np.trace(covariance))


def _measured(estimate: metrics.Estimate) -> Measured:
    value, low, high = (round(float(end), DIGITS) for end in (estimate.value, estimate.low, estimate.high))
    return Measured(value=value, low=min(low, value), high=max(high, value), n=estimate.n)
