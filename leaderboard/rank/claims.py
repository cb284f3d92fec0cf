"""What each reference method's paper claims, tested on the records: `holds`, `fails` or `undecided`, by intervals.

The papers' data are others, so each claim is put relative to what retraining reaches here. A claim has conditions, each
a number with its interval that has to lie above 0. It holds if all of them do wholly, fails if one lies wholly below,
and is undecided else. Differences are paired: the same instances and seeds, so that what both sides share cancels.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from retouch.metrics.estimate import t_value

Row = tuple[str, str]  # submission, operating point
Details = Callable[[Mapping[str, Any]], Mapping[str, Any]]  # of a run's record, by the run's row
LADDERS = {  # base -> forget images -> instance
    "faces-flow": {1: "faces-flow-1-image", 4: "faces-flow-4-images", 15: "faces-flow"},
    "rendered-flow": {1: "rendered-flow-1-image", 4: "rendered-flow-4-images", 8: "rendered-flow-8-images",
                      15: "rendered-flow"},
}  # fmt: skip
REDACTED = {f"category_redaction/digits-gan{label}": "invalidity" for label in ("", "-1", "-5")}
REDACTED |= {f"identity_removal/{base}-gan": "identity_share" for base in ("faces", "rendered")}
ON_FLOWS = {"identity_removal/faces-flow": "identity_share", "identity_removal/rendered-flow": "identity_share",
            "category_redaction/digits-flow": "invalidity"}  # fmt: skip
LEFT = 0.025 / 0.472  # of an attribute's share, in Taming Normalizing Flows' best result
FORMS = ("data", "validity", "classifier")
EMBEDDINGS = {"the guide's": "default", "pixels": "pixels", "self-supervised": "self-supervised"}
LEAST = 20  # edits in a bin of change whose mean identity is compared


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
    and the scale's anchors err alike in all of them; of each the wider side.
    """
    rows = runs.dropna(subset=[column]) if column in runs else runs[:0]
    if rows.empty:
        return Measured(np.nan, np.nan)
    values = rows[column].to_numpy(float)
    if f"{column}.low" not in rows:
        return Measured(float(values.mean()), np.nan)
    low, high = (rows[f"{column}{end}"].to_numpy(float) for end in (".low", ".high"))
    own = np.maximum(values - low, high - values).mean()  # NaN where a record has no interval
    spread = _by_seeds(values).half if len(values) > 1 else 0.0
    return Measured(float(values.mean()), float(np.maximum(own, spread)))


def _by_seeds(values: np.ndarray) -> Measured:
    """Mean of one number a seed with Student's interval; of a single seed without."""
    n = len(values)
    if n == 0:
        return Measured(np.nan, np.nan)
    half = t_value(n - 1) * values.std(ddof=1) / np.sqrt(n) if n > 1 else np.nan
    return Measured(float(values.mean()), float(half))


@dataclass(frozen=True)
class Instance:
    """The runs of one instance."""

    runs: pd.DataFrame
    details: Details

    def __call__(self, column: str, submission: str, point: str = "default") -> Measured:
        """A number over seeds, with the records' own intervals."""
        return over_seeds(self.of((submission, point)), column)

    def of(self, row: Row) -> pd.DataFrame:
        """The runs of a submission at an operating point."""
        return self.runs[(self.runs["submission"] == row[0]) & (self.runs["point"] == row[1])]

    def combined(self, column: str, *terms: tuple[float, Row]) -> Measured:
        """A weighted sum of a number over several rows, seed by seed where all of them have it."""
        parts = [self.of(row).set_index("seed")[column] * factor for factor, row in terms if column in self.runs]
        if not parts:
            return Measured(np.nan, np.nan)
        return _by_seeds(pd.concat(parts, axis=1, join="inner").dropna().sum(axis=1).to_numpy(float))

    def difference(self, column: str, a: Row, b: Row) -> Measured:
        """a - b, paired."""
        return self.combined(column, (1, a), (-1, b))

    def identity_at_equal_change(self, a: Row, b: Row) -> Measured:
        """a - b of the identity that is kept, mean over the bins of change that both fill, paired by seed."""
        curves = []
        for row in (a, b):
            runs = self.of(row).to_dict("records")
            curves.append({run["seed"]: self.details(run).get("identity_curve") for run in runs})
        both = [(curves[0][seed], curves[1][seed]) for seed in curves[0].keys() & curves[1].keys()]
        gaps = [_gap(one, other) for one, other in both if one and other]
        return _by_seeds(np.array([gap for gap in gaps if np.isfinite(gap)]))


def _gap(a: Mapping[str, Any], b: Mapping[str, Any]) -> float:
    """Mean difference of two identity curves over the bins that both fill."""
    rows = zip(a["identity"], b["identity"], a["count"], b["count"], strict=True)
    gaps = [x - y for x, y, n, m in rows if x is not None and y is not None and min(n, m) >= LEAST]
    return float(np.mean(gaps)) if gaps else np.nan


@dataclass(frozen=True)
class Case:
    """One test of a claim: where, what was measured in words, and what has to lie above 0."""

    where: str
    text: str
    conditions: Mapping[str, Measured]

    @property
    def verdict(self) -> str:
        """ "holds", "fails" or "undecided"."""
        measured = self.conditions.values()
        if any(one.value + one.half < 0 for one in measured):
            return "fails"
        return "holds" if all(one.value - one.half > 0 for one in measured) else "undecided"

    @property
    def reason(self) -> str:
        """What decides against it, or leaves it open; nothing where it holds."""
        failed = [name for name, one in self.conditions.items() if one.value + one.half < 0]
        open_ = [f"{name} {_doubt(one)}" for name, one in self.conditions.items() if not one.value - one.half > 0]
        return f"not {' and not '.join(failed)}" if failed else "; ".join(open_)


def _doubt(measured: Measured) -> str:
    if np.isnan(measured.value):
        return "is not measured"
    return "has one seed" if np.isnan(measured.half) else "cannot be told from the bar"


def above(measured: Measured, least: float) -> Measured:
    """How far a number lies above a bar."""
    return Measured(measured.value - least, measured.half)


def below(measured: Measured, most: float) -> Measured:
    """How far a number lies below a bar."""
    return Measured(most - measured.value, measured.half)


def _taming_drops(of: Callable[[str], Instance]) -> Iterator[Case]:
    tamed, ascent = ("taming_flows", "default"), ("forget_ascent", "default")
    for count, name in ((count, name) for ladder in LADDERS.values() for count, name in ladder.items()):
        here = of(f"identity_removal/{name}")
        unseen, others = (here(f"m:quantile_drop_{who}", *tamed) for who in ("unseen", "others"))
        share = _by_seeds(here.of(tamed)["share"].dropna().to_numpy(float))
        beside = here.difference("m:quantile_drop_unseen", tamed, ascent)
        text = (f"drop {unseen} against others' {others}, {share.value:.1%} of pre-training; beyond the authors' "
                f"ascent baseline {beside}")  # fmt: skip
        apart = Measured(unseen.value - others.value, float(np.hypot(unseen.half, others.half)))
        tests = {"unseen images fall further than others": apart, "it costs less than 1%": below(share, 0.01),
                 "they fall further than by ascent": beside}  # fmt: skip
        yield Case(f"{name}, {count} forget image{'s' * (count > 1)}", text, tests)


def _taming_share(of: Callable[[str], Instance]) -> Iterator[Case]:
    base, retrained = ("unchanged", "default"), ("retrained", "default")
    for name, column in ON_FLOWS.items():
        here = of(name)
        for point in ("default", "open-loop"):
            row = ("taming_flows", point)
            before, after, control = (here(f"m:{column}", *one) for one in (base, row, retrained))
            most = here.combined(f"m:{column}", (LEFT, base), (1 - LEFT, retrained), (-1, row))
            yield Case(f"{name}, {point}", f"{before} became {after}; retrained {control}", {"so little is left": most})


def _redaction(of: Callable[[str], Instance]) -> Iterator[Case]:
    retrained = ("retrained", "default")
    for name, column in REDACTED.items():
        here = of(name)
        for form in FORMS:
            row = (f"data_redaction_{form}", "default")
            share = _by_seeds(here.of(row)["share"].dropna().to_numpy(float))
            further = here.difference(f"m:{column}", retrained, row)
            quality = here.difference("quality", row, retrained)
            text = (f"{here(f'm:{column}', *row)} where retraining leaves {here(f'm:{column}', *retrained)}, for "
                    f"{share.value:.1%} of pre-training; quality against retraining's {quality}")  # fmt: skip
            tests = {"it goes further than retraining": further, "it costs less than a tenth": below(share, 0.1)}
            yield Case(f"{name}, by {form}", text, tests)


def _self_conditioned(of: Callable[[str], Instance]) -> Iterator[Case]:
    for name in (f"attribute_rebalancing/{base}-gan{pair}" for base in ("faces", "rendered") for pair in ("", "-pair")):
        here = of(name)
        for point, walk in (("default", "default"), ("strong", "far")):
            ours, theirs = ("self_conditioned_gan", point), ("boundary_walk", walk)
            equal = here.identity_at_equal_change(ours, theirs)
            reach = here.difference("m:edit_reach", ours, theirs)
            far = here.difference("m:edited_identity", ours, theirs)
            text = f"minus the walk's: identity at equal change {equal}, at the far end {far}, reach {reach}"
            yield Case(f"{name}, {point} against {walk}", text, {"identity at equal change is above the walk's": equal})


def _guidance(of: Callable[[str], Instance]) -> Iterator[Case]:
    retrained = ("retrained", "default")
    for name in ("faces-diffusion", "faces-diffusion-pair", "faces-diffusion-uneven", "rendered-diffusion"):
        here = of(f"attribute_rebalancing/{name}")
        for point in ("default", "gentle", "papers-temperature", "batch-5", "self-set"):
            row = ("distribution_guidance", point)
            nearer = here.difference("m:fairness_discrepancy", retrained, row)
            quality = here.difference("quality", row, retrained)
            text = (f"discrepancy {here('m:fairness_discrepancy', *row)}, retrained "
                    f"{here('m:fairness_discrepancy', *retrained)};"
                    f" quality against retraining's {quality}")  # fmt: skip
            yield Case(f"attribute_rebalancing/{name}, {point}", text, {"it is nearer than retraining": nearer})


def _weights(of: Callable[[str], Instance]) -> Iterator[Case]:
    uniform = ("diversity_weights", "uniform")
    for name in ("digits-gan", "digits-flow", "digits-diffusion"):
        here = of(f"output_diversity/{name}")
        for embedding, point in EMBEDDINGS.items():
            row = ("diversity_weights", point)
            more, precision = (here.difference(column, row, uniform) for column in ("m:vendi", "m:precision"))
            beyond = here.difference("m:vendi", row, ("retrained", "default"))
            text = f"against uniform weights: Vendi score {more}, precision {precision}; against retraining: {beyond}"
            yield Case(f"output_diversity/{name}, embedding {embedding}", text, {"the Vendi score is higher": more})


CLAIMS = (
    ("taming_flows", "likelihoods of a person's unseen images fall further than other people's and than under the "
     "authors' ascent baseline, for less than 1% of pre-training", _taming_drops),
    ("taming_flows", f"of what retraining takes away, at most {LEFT:.1%} is left (an attribute's share: 0.472 became "
     "0.025)", _taming_share),
    ("data_redaction", "redaction goes further than deletion, which is retraining without the images, for at most a "
     "tenth of pre-training", _redaction),
    ("self_conditioned_gan", "more of the identity is kept than by the walk along the boundary, at equal change of the "
     "attribute", _self_conditioned),
    ("distribution_guidance", "nearer to the target than retraining", _guidance),
    ("diversity_weights", "a higher Vendi score than the same training with uniform weights, by each embedding",
     _weights),
)  # fmt: skip


def claims(runs: pd.DataFrame, details: Details = lambda _: {}, method: str = "") -> Iterator[str]:
    """A table each in Markdown, of one method's claims or of all; cases without a record are left out."""
    for name, text, tests in CLAIMS:
        if method not in ("", name):
            continue
        yield f"\n`{name}`: {text}.\n"
        cases = [*tests(lambda name: Instance(runs[runs["instance"] == name], details))]
        shown = [case for case in cases if not np.isnan([one.value for one in case.conditions.values()]).all()]
        yield from ("| where | measured | | why |", "| --- | --- | --- | --- |") if shown else ("No current record.",)
        for case in shown:
            yield f"| {case.where} | {case.text} | **{case.verdict}** | {case.reason} |"
