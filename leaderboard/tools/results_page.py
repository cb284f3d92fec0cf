"""What the reference methods reach, beside what their papers publish and claim.

`python -m retouch.leaderboard.tools.results_page > docs/results.md`

Every number of ours is a mean over seeds with a 95% interval (see `claims.over_seeds`). Nothing is computed here that
the records do not hold.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from retouch.benchmark.submission import Submission
from retouch.benchmark.tasks.identity_removal import PUBLISHED as DROPS
from retouch.leaderboard.rank.claims import LADDERS, LEAST, Details, claims, over_seeds
from retouch.leaderboard.read import load
from retouch.leaderboard.tools.published import IDENTITY, PAPERS, Paper

BARS = 10  # bins of a curve
BINS = ((0, 2), (2, 4), (4, 6), (6, 8), (8, 10))  # of change, each two of a curve's
CURVES = {"moved_curve": "same noise", "identity_curve": "edits", "real_curve": "real images"}


def mean(runs: pd.DataFrame, column: str) -> str:
    """`value ± half` over the seeds, the value alone where it has no interval, a dash where no run has it."""
    measured = over_seeds(runs, column)
    if column in ("share", "sampling_relative") and np.isfinite(measured.value):
        return f"{measured.value:.1%}" if column == "share" else f"{measured.value:.2f}×"
    return str(measured)


def points(runs: pd.DataFrame, paper: Paper, instance: str) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """The runs of each operating point on an instance, the paper's own submissions last."""
    here = runs[runs["instance"] == instance]
    for name in (*paper.beside, *paper.ours):
        for point, part in here[here["submission"] == name].groupby("point", observed=True):
            yield name, str(point), part


def table(runs: pd.DataFrame, paper: Paper, instance: str) -> Iterator[str]:
    """An instance's table in Markdown; nothing where it has no record."""
    rows = [*points(runs, paper, instance)]
    if not rows:
        return
    whole = pd.concat([part for *_, part in rows])
    shown = {name: title for name, title in paper.columns.items() if name in whole and whole[name].notna().any()}
    yield f"\n### {instance}\n"
    yield "| submission | point | seeds | " + " | ".join(shown.values()) + " |"
    yield "| --- | --- | --- |" + " --- |" * len(shown)
    for name, point, part in rows:
        yield f"| {name} | {point} | {len(part)} | " + " | ".join(mean(part, column) for column in shown) + " |"


def ladder(runs: pd.DataFrame, paper: Paper) -> Iterator[str]:
    """Quantile drops by the number of forget images, the published row of each first."""
    heads = ["forget images", "", *IDENTITY.values(), "identity share", "share of pre-training"]
    yield f"\n| {' | '.join(heads)} |"
    yield "| --- " * len(heads) + "|"
    for count, published in DROPS.items():
        yield f"| {count} | published, CelebA 128 | {' | '.join(published)} | – | <1% |"
        for instance in (f"identity_removal/{names[count]}" for names in LADDERS.values() if count in names):
            for name, point, part in points(runs, paper, instance):
                cells = [mean(part, column) for column in (*IDENTITY, "m:identity_share", "share")]
                base = instance.split("/")[1].split("-")[0]
                yield f"| {count} | {name} {point}, {base} | {' | '.join(cells)} |"


def equal_change(runs: pd.DataFrame, paper: Paper, details: Details, instance: str) -> Iterator[str]:
    """Identity in bins of equal change, mean over seeds: from the same noise, by edits, on real images."""
    lines = []
    for name, point, part in points(runs, paper, instance):
        found = [details(run) for run in part.to_dict("records")]
        for key, title in CURVES.items():
            cells = [binned([one[key] for one in found if one.get(key)], *ends) for ends in BINS]
            if set(cells) != {"–"}:
                lines.append(f"| {name} | {point} | {title} | {' | '.join(cells)} |")
    if lines:
        yield f"\n### {instance}: identity at equal change of the attribute\n"
        yield "| submission | point | images | " + " | ".join(f"{a / 10:g} to {b / 10:g}" for a, b in BINS) + " |"
        yield "| --- " * (3 + len(BINS)) + "|"
        yield from lines


def binned(curves: list[Mapping[str, list]], first: int, last: int) -> str:
    """Mean identity in some bins of several seeds' curves, each image counted once; a dash below LEAST images."""
    pairs = [pair for curve in curves for pair in zip(curve["identity"], curve["count"], strict=True)]
    bins = range(first, last)
    cells = [pair for k, pair in enumerate(pairs) if k % BARS in bins and pair[0] is not None]
    total = sum(n for _, n in cells)
    return f"{sum(i * n for i, n in cells) / total:.2f}" if total >= LEAST * max(1, len(curves)) else "–"


def section(runs: pd.DataFrame, paper: Paper, details: Details, manifests: Mapping[str, Submission]) -> Iterator[str]:
    """A paper: what it publishes, its claims by our records, its tables, and how its parameters were chosen."""
    yield f"\n## {paper.title}\n\n{paper.reference}. {paper.claim}\n"
    yield f"- Published on: {paper.data}\n- Read of it: {paper.numbers}\n- Here: {paper.own_data}"
    yield from claims(runs, details, paper.method)
    if paper.method == "taming_flows":
        yield from ladder(runs, paper)
    tables = [line for instance in paper.instances for line in table(runs, paper, instance)]
    yield from tables or ["\nNo current record of the instances here."]
    for instance in paper.instances if paper.method == "self_conditioned_gan" else ():
        yield from equal_change(runs, paper, details, instance)
    for name in (name for name in paper.ours if name in manifests):
        manifest = manifests[name]
        told, tried = " ".join(manifest.tuning.split()), ", ".join(point.name for point in manifest.points)
        yield f"\nTuning of `{name}` (points: {tried}). {told}"


def report(
    runs: pd.DataFrame, details: Details = lambda _: {}, manifests: Mapping[str, Submission] | None = None
) -> Iterator[str]:
    """The page, line by line; `details` gives those of a run's record."""
    runs = runs[runs["status"].isin(("ok", "below_floor")) & ~runs["stale"] & ~runs["tuning"]]
    yield "# What the reference methods reach on the tiny track\n"
    yield "Made from the current records by `python -m retouch.leaderboard.tools.results_page`; mean over seeds ±"
    yield "half of a 95% interval: of the records' own intervals (sampling, judge, scale) and the seeds' spread"
    yield "(Student's t), the wider. No ±: measured on a single image. Goal: 0 is the unchanged base, 1 the request"
    yield "wholly met; quality: 1 is the base's own. A dash: not measured, or no goal, quality being below the floor."
    yield "Records of an earlier edition are left out.\n"
    yield "The papers state their claims on other data: each is put relative to what retraining reaches here, and"
    yield "holds or fails where a 95% interval of the paired differences says so; else it is undecided."
    for paper in PAPERS:
        yield from section(runs, paper, details, manifests or {})


if __name__ == "__main__":
    folder = load.read_folder(Path(sys.argv[1] if len(sys.argv) > 1 else "submissions"))
    of = lambda run: getattr(folder.record(run), "details", {})  # noqa: E731
    print("\n".join(report(folder.runs, of, folder.manifests)))
