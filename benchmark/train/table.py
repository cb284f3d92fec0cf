"""The tables of docs/bases.md from the cards; `python -m retouch.benchmark.train.table docs/bases.md` writes them."""

from __future__ import annotations

import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

from retouch.benchmark import weights
from retouch.benchmark.support.files import write_atomically

BASES = (
    "| base | size | trained | memory | operations | FD | precision | recall | coverage | sure | near | bits |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
)
JUDGES = (
    "| judges | members | least balanced accuracy | most unclear | least true accepts | fooled within 13 levels |\n"
    "| --- | --- | --- | --- | --- | --- |\n"
)
END = "<!-- end -->"


def row(name: str, card: dict[str, Any]) -> str:
    """A base's row: its training, and its samples against held-out images, each figure beside the Gaussians'.

    Cells of what an older card does not say are empty; `retouch measure NAME` brings it up to date.
    """
    recipe, measured = card["recipe"], card["measured"]
    size = sum(file.stat().st_size for file in weights.folder(name).rglob("*.safetensors")) / 1e6
    parts = [f"`{name}`", f"{size:.1f} MB", f"{recipe['steps']:,} steps, {card['seconds'] / 60:.0f} min"]
    parts.append(f"{card['peak_memory_mb']:,.0f} MB" if "peak_memory_mb" in card else "")
    count = recipe["steps"] * measured.get("step_operations", 0) / 1e12
    parts.append(f"{count:,.0f}" if count else "")
    samples, gaussians = measured["quality"]["samples"], measured["quality"]["gaussians"]
    parts += [beside(samples[part], gaussians[part]) for part in ("fd", "precision", "recall", "coverage")]
    sure = [one["samples"]["value"] / one["held_out"]["value"] for one in measured.get("confident", {}).values()]
    parts += [f"{min(sure):.0%}" if sure else "", interval(measured["memory"]["near"])]
    bits = measured.get("bits_per_dim")
    parts.append(beside(bits["heldout"], bits["gaussians_heldout"]) if bits else "")
    return f"| {' | '.join(parts)} |"


def judges_row(name: str, card: dict[str, Any]) -> str:
    """An ensemble's row: its least figures over all attributes and members, on held-out images."""
    measured = card["measured"]
    accuracy = min(estimate["value"] for estimate in measured["balanced_accuracy"].values())
    accepts = [member["true_accepts"] for member in measured["members"] if "true_accepts" in member]
    parts = [f"{len(measured['members'])}", f"{accuracy:.1%}", f"{max(measured['unclear'].values()):.1%}"]
    parts += [f"{min(accepts):.1%}" if accepts else "", f"{measured['attacks']['13']['wrong']:.1%}"]
    return f"| `{name}` | {' | '.join(parts)} |"


def beside(estimate: dict[str, float], gaussians: dict[str, float]) -> str:
    """A base's value with its interval, and the mixture of Gaussians'."""
    return f"{interval(estimate)} / {gaussians['value']:.2f}"


def interval(estimate: dict[str, float]) -> str:
    """A value with its 95% interval."""
    return f"{estimate['value']:.2f} [{estimate['low']:.2f}, {estimate['high']:.2f}]"


def written(page: str) -> str:
    """The page with its tables of bases and judges anew; all else stays.

    Raises:
        ValueError: a page without the marks between which a table stands.
    """
    ensembles = [name for name, card in cards().items() if card["family"] == "ensemble"]
    page = _between(page, "bases", BASES, [row(name, cards()[name]) for name in bases()])
    return _between(page, "judges", JUDGES, [judges_row(name, cards()[name]) for name in ensembles])


def _between(page: str, name: str, head: str, rows: list[str]) -> str:
    begin = f"<!-- {name} -->\n"
    if begin not in page or END not in page:
        raise ValueError(f"the page lacks the marks {begin.strip()} and {END}")
    table = head + "".join(f"{line}\n" for line in rows)
    return re.sub(f"{begin}.*?{END}", lambda _: begin + table + END, page, flags=re.DOTALL)


@cache
def cards() -> dict[str, dict[str, Any]]:
    """The cards of all weights that ship, by name."""
    names = sorted(file.parent.name for file in weights.ROOT.glob("*/card.json"))
    return {name: weights.card(weights.folder(name)) for name in names}


def bases() -> list[str]:
    """The generators that ship and are no controls; those of 16x16 faces, which have no encoder's figures, go."""
    control = re.compile("-without-|-even-|-smile-")
    trained = [name for name, card in cards().items() if "config" in card["recipe"] and "encoder" in card["recipe"]]
    return [name for name in trained if not control.search(name)]


if __name__ == "__main__":
    file = Path(sys.argv[1])
    write_atomically(file, written(file.read_text()).encode())
