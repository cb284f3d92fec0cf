"""Score the answers of a run: the judge looks once, every metric reads what it saw, the controls fix the scale."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch

from retouch import metrics
from retouch.benchmark import joint, judges, tasks, tracks, trunks, weights
from retouch.benchmark.judges import Judge, Verdict
from retouch.benchmark.records import Measured, Scaled, harmonic
from retouch.benchmark.run.scale import DIGITS, on_scale, relative_quality
from retouch.benchmark.support.cache import cache_folder, code_key, content_key, keep, kept
from retouch.benchmark.tracks import Instance

_lock = Lock()


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


@cache
def _judge(name: str) -> Judge:
    return Judge.load(weights.folder(name))


def judge(instance: Instance) -> Judge:
    """The instance's judge, loaded once."""
    with _lock:
        return _judge(instance.judge)


def reference(instance: Instance) -> tuple[metrics.Reference, Verdict]:
    """Features of the held-out images as they should be, with what the judge says of them; computed once.

    Instances with the same held-out images and judge, as the three families have, share them.
    """
    key = instance.model_dump_json()
    with _lock:
        if key not in _references:
            judged_by, images = _judge(instance.judge), tasks.module(instance.task).reference(instance).images
            content = content_key(f"{judged_by.card['sha256']} {code_key(judges, trunks)} {torch.__version__}", images)
            if content not in _references:
                _references[content] = _seen(judged_by, images, cache_folder() / "references" / f"{content}.npz")
            _references[key] = _references[content]
        return _references[key]


_references: dict[str, tuple[metrics.Reference, Verdict]] = {}


def _seen(judged_by: Judge, images: np.ndarray, file: Path) -> tuple[metrics.Reference, Verdict]:
    """What the judge says of the images, through the cache."""
    found = kept(file)
    view = judged_by.look(images) if found is None else Verdict.of(found)
    if found is None:
        keep(file, view.arrays())
    return metrics.Reference(view.features), view


def score(track: str, instance: Instance, answers: dict[str, np.ndarray]) -> Scores:
    """Score the arrays of a run; what is below the track's floor of quality has no goal.

    Args:
        track: the track's name; instance: one of its instances.
        answers: "samples" uint8 (N, C, H, W); optionally "paired" and "base_paired", uint8 images from the same noise;
            for flows "log_prob_SET" and "base_log_prob_SET", nats (draws, images).
    """
    anchors = tracks.scale(track)[instance.name]
    found, details = measure(instance, answers, anchors["counts"])
    raw = {name: _measured(one) for name, one in found.items()}
    goal_metric = tasks.module(instance.task).GOAL
    if "fd" not in found:
        few = f"only {details['kept']} of {len(answers['samples'])} images are as they should be: too few for a quality"
        return Scores(None, None, raw, details, few)
    quality = relative_quality(found["fd"], anchors["unchanged"]["fd"], anchors["unit"])
    floor = tracks.load(track).floor
    if quality.value < floor:
        low = f"quality {quality.value:.2f} is below the track's floor of {floor}: no goal is scored"
        return Scores(None, quality, raw, details, low)
    goal = on_scale(found[goal_metric], anchors["unchanged"][goal_metric], anchors["retrained"][goal_metric])
    return Scores(goal, quality, raw, details)


def measure(
    instance: Instance, answers: dict[str, np.ndarray], base_counts: dict[str, list[int]]
) -> tuple[dict[str, metrics.Estimate], dict[str, Any]]:
    """All raw metrics of a run, and the details that the board pictures."""
    task, judged_by = tasks.module(instance.task), judge(instance)
    verdict = judged_by.look(answers["samples"])
    view = tasks.View(verdict, judged_by, base_counts or counts(instance, verdict), answers)
    found, details = task.measure(instance, view)
    kept = task.keep(instance, view)
    found |= quality_metrics(verdict.features, kept, instance)
    found |= worst_group(instance, view)
    if "paired" in answers and "base_paired" in answers:
        found["drift"] = drift(answers["base_paired"], answers["paired"])
    return found, details | {"kept": int((kept > 0).sum())}


def counts(instance: Instance, verdict: Verdict) -> dict[str, list[int]]:
    """How many images the judge puts in each class of each attribute, and of the target's attributes jointly."""
    sizes, target = judge(instance).sizes, instance.target["attribute"]
    classes = {name: (verdict.labels[name], sizes[name]) for name in verdict.labels}
    classes[joint.key(target)] = (
        joint.cells(verdict.labels, target, sizes), int(np.prod([sizes[name] for name in joint.names(target)]))
    )  # fmt: skip
    return {name: np.bincount(labels, minlength=size).tolist() for name, (labels, size) in classes.items()}


def quality_metrics(features: np.ndarray, kept: np.ndarray, instance: Instance) -> dict[str, metrics.Estimate]:
    """FD (weighted where groups are), KD, neighbour metrics and Vendi scores of the images that should be there."""
    real, _ = reference(instance)
    use = kept > 0
    if not use.any() or metrics.effective_sample_size(kept[use]) < 2 * features.shape[1]:
        return {}
    found = metrics.suite(features[use], real)
    if np.ptp(kept[use]) > 0:
        found["fd"] = metrics.fd(features[use], real, kept[use] / kept[use].sum())
    if instance.task == "output_diversity":
        return found
    return {name: one for name, one in found.items() if not name.startswith("vendi")}


def worst_group(instance: Instance, view: tasks.View) -> dict[str, metrics.Estimate]:
    """FD of the group that fares worst, where the task balances groups and each has images enough."""
    if instance.task != "attribute_rebalancing":
        return {}
    attribute = instance.target["attribute"]
    real, seen = reference(instance)
    found, wanted = view.labels(attribute), joint.cells(seen.labels, attribute, view.judge.sizes)
    groups = []
    for value in range(np.size(instance.target["shares"])):
        ours, theirs = found == value, wanted == value
        if min(ours.sum(), theirs.sum()) < real.features.shape[1]:
            return {}
        groups.append(metrics.fd(view.verdict.features[ours], real.features[theirs]))
    return {"worst_group_fd": max(groups, key=lambda one: one.value)}


def drift(base: np.ndarray, edited: np.ndarray) -> metrics.Estimate:
    """Root mean squared pixel difference of images from the same noise, in [0, 1], mean over pairs."""
    gap = (base.astype(np.float64) - edited.astype(np.float64)) / 255
    each = np.sqrt((gap**2).mean((1, 2, 3)))
    half = 1.96 * each.std(ddof=1) / np.sqrt(len(each))
    return metrics.Estimate(float(each.mean()), float(each.mean() - half), float(each.mean() + half), len(each))


def quality_unit(instance: Instance) -> float:
    """The unit of quality: 5% of the total variance of the held-out images' features.

    About what dropping one of ten digits costs in FD (7.6 of 148). A ratio of FDs alone would be all noise for a base
    that cannot be told from real images, whose own FD is 0 within its error.
    """
    _mean, covariance = reference(instance)[0].moments.mean_and_covariance()
    return 0.05 * float(np.trace(covariance))


def _measured(one: metrics.Estimate) -> Measured:
    value, low, high = (round(float(number), DIGITS) for number in (one.value, one.low, one.high))
    return Measured(value=value, low=min(low, value), high=max(high, value), n=one.n)
