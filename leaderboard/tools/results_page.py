"""What the reference methods reach, beside what their papers claim.

`python -m retouch.leaderboard.tools.results_page > docs/results.md`

Every number is a mean over seeds with a 95% interval (see `claims.over_seeds`). Nothing is computed here that the
records do not hold.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from retouch.benchmark.tasks.identity_removal import SETS
from retouch.leaderboard.rank.claims import LADDER, Details, claims, over_seeds
from retouch.leaderboard.read import load
from retouch.leaderboard.tools.forget_many import PUBLISHED


@dataclass(frozen=True)
class Section:
    """A table: the instances, who is in it, and the columns with their headings."""

    title: str
    text: str
    instances: tuple[str, ...]
    submissions: tuple[str, ...]
    columns: dict[str, str]


COMMON = {"goal": "goal", "quality": "quality", "share": "share of pre-training", "sampling_relative": "sampling"}
SECTIONS = (
    Section(
        "Data Redaction (three forms)",
        "Claim: redacts better than deletion baselines at a fraction of the cost of retraining.",
        ("category_redaction/digits-gan", "identity_removal/faces-gan"),
        ("unchanged", "retrained", "rejection", "finetune_retain", "feature_unlearning", "adapt_then_unlearn",
         "data_redaction_data", "data_redaction_validity", "data_redaction_classifier"),
        {"m:invalidity": "invalidity", "m:identity_share": "identity share", **COMMON},
    ),
    Section(
        "Self-Conditioned GAN",
        "Claim: a wider reach of the attribute at equal identity than moving along the boundary in the base's latent "
        "space. Reach: share of edits that change the judge's probability by half or more; identity: their mean "
        "cosine similarity to the unedited image.",
        ("attribute_rebalancing/faces-gan", "attribute_rebalancing/faces-gan-pair"),
        ("unchanged", "retrained", "rejection", "balanced_finetune", "latent_shift", "boundary_walk",
         "self_conditioned_gan"),
        {"m:edit_reach": "reach", "m:edited_identity": "identity", "m:fairness_discrepancy": "fairness discrepancy",
         **COMMON},
    ),
    Section(
        "Distribution Guidance",
        "Claim: brings the shares to the target, balanced or skewed, of one attribute or a pair, at little loss of "
        "quality.",
        ("attribute_rebalancing/faces-diffusion", "attribute_rebalancing/faces-diffusion-pair",
         "attribute_rebalancing/faces-diffusion-uneven"),
        ("unchanged", "retrained", "rejection", "balanced_finetune", "sample_guidance", "universal_guidance",
         "distribution_guidance"),
        {"m:fairness_discrepancy": "fairness discrepancy", "m:spillover": "spill-over", **COMMON},
    ),
    Section(
        "Diversity Weights",
        "Claim: a higher Vendi score than uniform sampling, paid for in precision. `uniform` is the same training "
        "without the weights. The scores are taken in the judge's features, which the weights never see.",
        ("output_diversity/digits-gan", "output_diversity/digits-flow", "output_diversity/digits-diffusion"),
        ("unchanged", "retrained", "rejection", "inverse_frequency", "diversity_weights", "diversity_weights_scratch"),
        {"m:vendi": "Vendi score", "m:fd": "FD", "m:precision": "precision", "m:recall": "recall", **COMMON},
    ),
)  # fmt: skip


def mean(runs: pd.DataFrame, column: str) -> str:
    """`value ± half` over the seeds, the value alone where it has no interval, a dash where no run has it."""
    measured = over_seeds(runs, column)
    if column in ("share", "sampling_relative") and np.isfinite(measured.value):
        return f"{measured.value:.1%}" if column == "share" else f"{measured.value:.2f}×"
    return str(measured)


def table(runs: pd.DataFrame, section: Section) -> Iterator[str]:
    """A section's tables in Markdown, one an instance."""
    for instance in section.instances:
        here = runs[runs["instance"] == instance]
        shown = {name: title for name, title in section.columns.items() if name in here and here[name].notna().any()}
        yield f"\n### {instance}\n"
        yield "| submission | point | seeds | " + " | ".join(shown.values()) + " |"
        yield "| --- | --- | --- |" + " --- |" * len(shown)
        for name in section.submissions:
            for point, part in here[here["submission"] == name].groupby("point", observed=True):
                cells = [mean(part, column) for column in shown]
                yield f"| {name} | {point} | {len(part)} | " + " | ".join(cells) + " |"


def taming(runs: pd.DataFrame) -> Iterator[str]:
    """The five columns of the published table, beside the published rows."""
    yield "| forget images | | forget ↑ | unseen ↑ | training ↓ | others ↓ | look-alikes ↓ | identity share | share |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for count, name in LADDER.items():
        yield f"| {count} | published, CelebA 128 | " + " | ".join(PUBLISHED[int(count)]) + " | – | <1% |"
        here = runs[runs["instance"] == f"identity_removal/{name}"]
        for submission in (
            "unchanged",
            "taming_flows",
            "finetune_retain",
            "forget_ascent",
            "gradient_ascent",
            "selective_amnesia",
        ):
            for point, part in here[here["submission"] == submission].groupby("point", observed=True):
                cells = [mean(part, f"m:quantile_drop_{key}") for key in SETS]
                cells += [mean(part, "m:identity_share"), mean(part, "share")]
                yield f"| {count} | {submission} {point} | " + " | ".join(cells) + " |"


def report(runs: pd.DataFrame, details: Details = lambda _: {}) -> Iterator[str]:
    """The page, line by line; `details` gives those of a run's record."""
    runs = runs[runs["status"].isin(("ok", "below_floor")) & ~runs["stale"] & ~runs["tuning"]]
    yield "# What the reference methods reach on the tiny track\n"
    yield "Made from the records by `python -m retouch.leaderboard.tools.results_page`; mean over seeds ±"
    yield "half of a 95% interval: of the records' own intervals (sampling, judge, scale) and the seeds' spread"
    yield "(Student's t), the wider. No ±: measured on a single image. Goal: 0 is the unchanged base, 1 the request"
    yield "wholly met; quality: 1 is the base's own. A dash: not measured, or no goal, quality being below the floor.\n"
    yield "## The claims\n"
    yield "The papers state their claims on other data: each is put relative to what retraining reaches here, and"
    yield "holds or fails where a 95% interval of the paired differences says so; else it is undecided."
    yield from claims(runs, details)
    yield "\n## Taming Normalizing Flows\n"
    yield "Claim: likelihoods of a person's images, unseen ones too, fall, those of others stay, for less than 1% of"
    yield "the training. Quantile drops; here the data are rendered faces of 16 × 16.\n"
    yield from taming(runs)
    for section in SECTIONS:
        yield f"\n## {section.title}\n\n{section.text}"
        yield from table(runs, section)


if __name__ == "__main__":
    folder = load.read_folder(Path(sys.argv[1] if len(sys.argv) > 1 else "submissions"))
    print("\n".join(report(folder.runs, lambda run: getattr(folder.record(run), "details", {}))))
