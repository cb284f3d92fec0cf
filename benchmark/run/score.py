"""Score the answers of a run: judges and encoders look once, every metric reads what they saw, the scale places it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from retouch import metrics
from retouch.benchmark import joint
from retouch.benchmark.records import Measured, Quality, Scaled, harmonic
from retouch.benchmark.run import attack, downstream, equal_change, look
from retouch.benchmark.run.scale import DIGITS, PARTS, SECOND, on_scale, quality
from retouch.benchmark.setup import Setup
from retouch.benchmark.support.cache import content_key
from retouch.benchmark.tasks.view import Groups, Space, View
from retouch.metrics.neighbours import least_rows

LEAST = 4  # images of each group that a stratified FD asks for
RESERVOIR, BATCH = 10_000, 1_000  # of more images, pairs are looked at in a reservoir; images looked at at a time


@dataclass(frozen=True)
class Scores:
    """What a record holds of the three axes but for cost.

    Attributes:
        goal, quality: on the track's scale, None where they cannot be had; `reason` then says why.
        metrics: every raw number; details: what the task pictures, and quality in each encoder's space.
    """

    goal: Scaled | None
    quality: Quality | None
    metrics: dict[str, Measured]
    details: dict[str, Any]
    reason: str = ""

    @property
    def score(self) -> float | None:
        """Harmonic mean of goal and quality, each cut to 0 and 1."""
        return None if self.goal is None or self.quality is None else harmonic(self.goal.value, self.quality.value)


def score(setup: Setup, answers: dict[str, np.ndarray]) -> Scores:
    """Score the arrays of a run, see `score_view`.

    Args:
        answers: "samples" uint8 (N, C, H, W); optionally "paired" and "base_paired", uint8 images from the same noise;
            for flows "log_prob_SET" and "base_log_prob_SET", nats (draws, images).

    Raises:
        ValueError: the track's scale does not hold the instance.
    """
    return score_view(setup, scaled_view(setup, answers))


def scaled_view(setup: Setup, answers: dict[str, np.ndarray]) -> View:
    """A run's answers as judges and encoders see them, beside the base's counts from the track's scale.

    Raises:
        ValueError: the track's scale does not hold the instance.
    """
    if not setup.anchors:
        raise ValueError(f"the scale of track {setup.track.name} lacks {setup.instance.name}; measure it again")
    return view(setup, answers, setup.anchors["counts"])


def score_view(setup: Setup, view: View) -> Scores:
    """Goal and quality of what a view shows; what is below the track's floor of quality has no goal."""
    anchors, floor = setup.anchors, setup.track.floor
    estimates, details = measure_view(setup, view, anchors["kept"])
    raw = {name: _measured(estimate) for name, estimate in estimates.items()}
    found = quality(estimates, anchors)
    if found is None:
        samples = len(view.answers["samples"])
        few = f"only {details['kept']} of {samples} images are as they should be: too few for a quality"
        return Scores(None, None, raw, details, few)
    details |= {"spaces": spaces(setup, found, quality(estimates, anchors, SECOND))}
    if found.value < floor:
        low = (
            f"quality {found.value:.2f} ({found.binds} binds) is below the track's floor of {floor}: no goal is scored"
        )
        return Scores(None, found, raw, details, low)
    if setup.goal not in estimates:
        return Scores(None, found, raw, details, f"{setup.goal} needs log-likelihoods, which it does not give")
    return Scores(goal(setup, estimates), found, raw, details)


def goal(setup: Setup, estimates: dict[str, metrics.Estimate]) -> Scaled:
    """The task's metric between the base's and the ideal's."""
    name = setup.goal
    return on_scale(estimates[name], setup.anchors["unchanged"][name], setup.anchors["ideal"])


def spaces(setup: Setup, first: Quality, second: Quality | None) -> dict[str, Any]:
    """Quality by each encoder's name, and whether the two disagree: neither's interval reaches the other's value."""
    found = dict(zip([encoder.name for encoder in setup.encoders], [first, second], strict=False))
    table: dict[str, Any] = {name: one.model_dump() for name, one in found.items() if one}
    if second:
        apart = min(first.high, second.high) < max(first.low, second.low)
        table["disagree"] = apart and not (first.low <= second.value <= first.high)
    return table


def measure(
    setup: Setup, answers: dict[str, np.ndarray], base_counts: dict[str, list[int]], most: int | None = None
) -> tuple[dict[str, metrics.Estimate], dict[str, Any]]:
    """All raw metrics of a run, and the details that the board pictures; see `measure_view`."""
    return measure_view(setup, view(setup, answers, base_counts), most)


def view(setup: Setup, answers: dict[str, np.ndarray], base_counts: dict[str, list[int]], again: bool = False) -> View:
    """The answers as judges and encoders see them; without `base_counts` the samples are compared with themselves.

    again: the same samples are looked at again, as those behind the scale are; what is seen is then cached.
    """
    samples = answers["samples"]
    verdict = look.verdict(setup, samples, again)
    base, real = base_counts or counts(setup, verdict), look.held_out(setup).verdict
    return View(verdict, look.judge(setup), base, answers, real, look.spaces(setup, samples, again))


def kept(keep: np.ndarray | Groups) -> np.ndarray:
    """The numbers of the images that ought to be there, (K,)."""
    return np.flatnonzero((keep.weights if isinstance(keep, Groups) else keep) > 0)


def measure_view(
    setup: Setup, view: View, most: int | None = None
) -> tuple[dict[str, metrics.Estimate], dict[str, Any]]:
    """All raw metrics of a run, and the details that the board pictures.

    Args:
        most: images as they should be that quality looks at, as many as the base has of them: recall and coverage rise
            with their number. None: all.
    """
    estimates, details = setup.task.measure(setup, view)
    keep, answers = setup.task.keep(setup, view), view.answers
    rows = kept(keep)
    chosen = drawn(answers["samples"], rows, most)
    for prefix, space in zip(("", SECOND), view.spaces, strict=False):
        found = quality_metrics(space, keep, chosen)
        estimates |= {prefix + name: one for name, one in found.items() if not prefix or name in PARTS}
    after, course = attack.measure(setup, view)
    moved, curves = equal_change.measure(setup, view)
    estimates |= after | moved | downstream.measure(setup, view)
    details |= course | curves
    if "paired" in answers and "base_paired" in answers:
        estimates["drift"] = drift(answers["base_paired"], answers["paired"])
    return estimates, details | {"kept": len(rows)}


def drawn(samples: np.ndarray, rows: np.ndarray, most: int | None) -> np.ndarray:
    """At most so many of the rows (K,), drawn by the content of all their images, whatever the order.

    Where the choice was the first images, or one by each image's own hash, the others could be anything.
    """
    if most is None or len(rows) <= most:
        return rows
    digests = [hashlib.sha256(np.ascontiguousarray(samples[row]).data).digest() for row in rows]
    order = sorted(range(len(rows)), key=digests.__getitem__)
    seed = hashlib.sha256(b"".join(digests[place] for place in order)).digest()
    places = np.random.default_rng(int.from_bytes(seed)).permutation(len(rows))[:most]
    return np.sort(rows[np.array(order)[places]])


def counts(setup: Setup, verdict: Any) -> dict[str, list[int]]:
    """How many images the judge puts in each class of each attribute, and of the target's attributes jointly.

    Behind them stand the images on which judges disagree.
    """
    sizes, target = look.judge(setup).sizes, setup.target["attribute"]
    classes = {name: (verdict.labels[name], sizes[name]) for name in verdict.labels}
    classes[joint.key(target)] = joint.cells(verdict.labels, target, sizes), joint.size(target, sizes)
    return {name: np.bincount(labels, minlength=size + 1).tolist() for name, (labels, size) in classes.items()}


def quality_metrics(space: Space, keep: np.ndarray | Groups, rows: np.ndarray) -> dict[str, metrics.Estimate]:
    """FD, KD and neighbour metrics of the images that should be there, in an encoder's space.

    Args:
        keep: weights (N,), or groups, to whose mix FD and precision are weighted; rows: (K,) of the images to use.

    Returns: nothing where the images are worth fewer than twice the features, or too few to have neighbours.
    """
    groups = keep[rows] if isinstance(keep, Groups) else None
    if not groups and len(rows) > RESERVOIR:
        return metrics.suite(_stream(space.features, rows), space.reference, orders=())
    features, weight = space.features[rows], groups.weights if groups else np.ones(len(rows))
    if len(rows) < least_rows() or metrics.effective_sample_size(weight) < 2 * features.shape[1]:
        return {}
    estimates = metrics.suite(features, space.reference, weights=weight / weight.sum(), orders=())
    if groups:
        estimates["fd"] = _grouped_fd(features, groups, space.reference)
    return estimates


def _stream(features: np.ndarray, rows: np.ndarray) -> metrics.Stream:
    """Many rows (K,) of features as a stream, whose reservoir follows from all of them: nobody knows it beforehand."""
    seed = int(content_key("reservoir", features, rows)[:15], 16)
    stream = metrics.Stream(features.shape[1], RESERVOIR, seed)
    for some in np.array_split(rows, -(-len(rows) // BATCH)):
        stream.add(features[some])
    return stream


def _grouped_fd(features: np.ndarray, groups: Groups, reference: metrics.Reference) -> metrics.Estimate:
    """FD with both sides' groups weighted to the target; a lost group is missed in the reference as it stands."""
    due = groups.target > 0
    ours, theirs = (np.bincount(labels, minlength=len(due))[due] for labels in (groups.labels, groups.real))
    if min(ours.min(), theirs.min()) < LEAST:
        return metrics.fd(features, reference, groups.weights / groups.weights.sum())
    return metrics.stratified_fd(features, groups.labels, reference.features, groups.real, groups.target)


def drift(base: np.ndarray, edited: np.ndarray) -> metrics.Estimate:
    """Root mean squared pixel difference of images from the same noise, in [0, 1], mean over pairs."""
    gap = (base.astype(np.float64) - edited.astype(np.float64)) / 255
    each = np.sqrt((gap**2).mean((1, 2, 3)))
    if not each.any():
        return metrics.share(each > 0)  # no image moved, yet a small share of all may
    half = 1.96 * each.std(ddof=1) / np.sqrt(len(each))
    return metrics.Estimate(float(each.mean()), float(each.mean() - half), float(each.mean() + half), len(each))


def units(setup: Setup) -> dict[str, float]:
    """The unit of FD in each encoder's space: 5% of the total variance of the held-out images' features.

    About what dropping one of ten digits costs in FD. A ratio of FDs alone would be all noise for a base that cannot be
    told from real images, whose own FD is 0 within its error.
    """
    moments = [reference.moments.mean_and_covariance()[1] for reference in look.held_out(setup).spaces]
    return {name: 0.05 * float(np.trace(one)) for name, one in zip(("fd", SECOND + "fd"), moments, strict=False)}


def _measured(estimate: metrics.Estimate) -> Measured:
    value, low, high = (round(float(end), DIGITS) for end in (estimate.value, estimate.low, estimate.high))
    return Measured(value=value, low=min(low, value), high=max(high, value), n=estimate.n)
