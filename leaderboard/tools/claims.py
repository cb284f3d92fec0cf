"""The reference methods' claims, each put as a test on the records: what was measured, and whether it holds.

The bars are this benchmark's: the papers state their claims in words and on other data. A claim holds if the means over
seeds meet it; the intervals say how surely.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from retouch.metrics.estimate import t_value

FORMS = ("data", "validity", "classifier")
LADDER = {"1": "faces-flow-1-image", "4": "faces-flow-4-images", "15": "faces-flow"}
REDACTED = {"category_redaction/digits-gan": "invalidity", "identity_removal/faces-gan": "identity_share"}
POINTS = {"default": "default", "strong": "far"}  # of self_conditioned_gan, and the walk that goes as far
QUALITY = 0.9


@dataclass(frozen=True)
class Measured:
    """Mean over seeds and half of its 95% interval; NaN: no run has the number, or it has no interval."""

    value: float
    half: float

    def __str__(self) -> str:
        if np.isnan(self.value):
            return "–"
        digits = 3 if abs(self.value) < 1 else 2
        return f"{self.value:.{digits}f}" + (f" ± {self.half:.{digits}f}" if np.isfinite(self.half) else "")


def over_seeds(runs: pd.DataFrame, column: str) -> Measured:
    """Mean over seeds; half of the interval is what the records or the seeds' spread claim, whichever is more.

    Seeds: Student's t. Records: the mean of their own intervals, not divided by the seeds, since the judge's confusion
    and the scale's anchors err alike in all of them; of each the wider side, since goal and quality end at 0 and 1.
    """
    rows = runs.dropna(subset=[column]) if column in runs else runs[:0]
    if rows.empty:
        return Measured(np.nan, np.nan)
    values, n = rows[column].to_numpy(float), len(rows)
    if f"{column}.low" not in rows:
        return Measured(float(values.mean()), np.nan)
    low, high = (rows[f"{column}{end}"].to_numpy(float) for end in (".low", ".high"))
    own = np.maximum(values - low, high - values).mean()  # NaN where a record has no interval
    spread = t_value(n - 1) * values.std(ddof=1) / np.sqrt(n) if n > 1 else 0.0
    return Measured(float(values.mean()), float(np.maximum(own, spread)))


class Runs:
    """The runs of one instance, asked for by submission and operating point."""

    def __init__(self, runs: pd.DataFrame, instance: str) -> None:
        self.runs = runs[runs["instance"] == instance]

    def __call__(self, column: str, submission: str, point: str = "default") -> Measured:
        here = self.runs
        return over_seeds(here[(here["submission"] == submission) & (here["point"] == point)], column)


def _taming(runs: pd.DataFrame) -> Iterator[tuple[str, str, bool]]:
    for count, name in LADDER.items():
        measured = Runs(runs, f"identity_removal/{name}")
        unseen, others = (measured(f"m:quantile_drop_{who}", "taming_flows") for who in ("unseen", "others"))
        before, after = (measured("m:identity_share", who) for who in ("unchanged", "taming_flows"))
        share = measured("share", "taming_flows").value
        text = f"drop {unseen} against {others}, {share:.1%} of pre-training; share of samples {before}, then {after}"
        yield f"{count} forget image{'s' * (count != '1')}", text, unseen.value > others.value and share <= 0.1


def _redaction(runs: pd.DataFrame) -> Iterator[tuple[str, str, bool]]:
    for instance, column in REDACTED.items():
        measured = Runs(runs, instance)
        before = measured(f"m:{column}", "unchanged")
        for form in FORMS:
            name = f"data_redaction_{form}"
            after, quality, share = (measured(key, name) for key in (f"m:{column}", "quality", "share"))
            text = f"{before} became {after}, quality {quality}, {share.value:.1%} of pre-training"
            yield f"{instance}, by {form}", text, after.value <= before.value / 10 and quality.value >= QUALITY


def _self_conditioned(runs: pd.DataFrame) -> Iterator[tuple[str, str, bool]]:
    for instance in ("attribute_rebalancing/faces-gan", "attribute_rebalancing/faces-gan-pair"):
        measured = Runs(runs, instance)
        for point, walk in POINTS.items():
            reach, identity, quality = (
                [measured(key, "self_conditioned_gan", point), measured(key, "boundary_walk", walk)]
                for key in ("m:edit_reach", "m:edited_identity", "quality")
            )
            text = (f"reach {reach[0]} against {reach[1]}, identity {identity[0]} against {identity[1]}; quality "
                    f"{quality[0]} against {quality[1]}")  # fmt: skip
            holds = all(ours.value > theirs.value for ours, theirs in (reach, identity))
            yield f"{instance}, {point} against {walk}", text, holds


def _guidance(runs: pd.DataFrame) -> Iterator[tuple[str, str, bool]]:
    for name in ("faces-diffusion", "faces-diffusion-pair", "faces-diffusion-uneven"):
        measured = Runs(runs, f"attribute_rebalancing/{name}")
        before, best = (measured("m:fairness_discrepancy", control) for control in ("unchanged", "retrained"))
        for point in ("default", "gentle", "papers-temperature", "batch-5"):
            after, quality = (
                measured(key, "distribution_guidance", point) for key in ("m:fairness_discrepancy", "quality")
            )
            holds = after.value <= before.value / 4 and quality.value >= QUALITY
            text = f"{before} became {after}, quality {quality}; retrained {best}"
            yield f"attribute_rebalancing/{name}, {point}", text, holds


def _weights(runs: pd.DataFrame) -> Iterator[tuple[str, str, bool]]:
    for name in ("digits-gan", "digits-flow", "digits-diffusion"):
        for submission in ("diversity_weights", "diversity_weights_scratch"):
            measured = Runs(runs, f"output_diversity/{name}")
            vendi, precision = (
                [measured(key, submission), measured(key, submission, "uniform")] for key in ("m:vendi", "m:precision")
            )
            text = f"Vendi score {vendi[0]} against {vendi[1]}, precision {precision[0]} against {precision[1]}"
            form = ", from scratch" if submission.endswith("scratch") else ""
            yield f"output_diversity/{name}{form}", text, vendi[0].value > vendi[1].value


CLAIMS = (
    ("taming_flows", "likelihoods of a person's unseen images fall further than other people's, in at most 10% of "
     "pre-training", _taming),
    ("data_redaction", f"at most a tenth is left, at quality {QUALITY} or more", _redaction),
    ("self_conditioned_gan", "a wider reach than the walk along the boundary, and more of the identity kept",
     _self_conditioned),
    ("distribution_guidance", "at most a quarter of the fairness discrepancy is left, at quality "
     f"{QUALITY} or more", _guidance),
    ("diversity_weights", "a higher Vendi score than the same training with uniform weights", _weights),
)  # fmt: skip


def claims(runs: pd.DataFrame) -> Iterator[str]:
    """A table each in Markdown; cases without a record are left out."""
    for method, text, test in CLAIMS:
        yield f"\n`{method}`: {text}.\n"
        yield "| where | measured | holds |"
        yield "| --- | --- | --- |"
        for where, measured, holds in test(runs):
            if "–" not in measured:
                yield f"| {where} | {measured} | {'**yes**' if holds else 'no'} |"
