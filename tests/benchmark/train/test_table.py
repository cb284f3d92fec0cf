"""The page of bases says what the cards say."""

import pytest
from toy_runs import REPOSITORY

from retouch.benchmark import weights
from retouch.benchmark.train import table

PAGE = (REPOSITORY / "docs/bases.md").read_text()


def test_the_rows_of_the_page_are_those_of_the_cards():
    rows = {line.split("`")[1]: line for line in PAGE.splitlines() if line.startswith("| `")}
    assert {"digits-gan", "mnist-gan", "rendered-flow", "rendered-judges"} <= rows.keys()
    for name, line in rows.items():
        row = table.judges_row if name.endswith("-judges") else table.row
        told = "python -m retouch.benchmark.train.table docs/bases.md writes the tables anew"
        assert line == row(name, weights.card(weights.folder(name))), told


def test_a_base_stands_beside_the_mixture_of_gaussians():
    cells = [cell.strip() for cell in table.row("digits-flow", weights.card(weights.folder("digits-flow"))).split("|")]
    card = weights.card(weights.folder("digits-flow"))
    fd, mixture = (card["measured"]["quality"][who]["fd"]["value"] for who in ("samples", "gaussians"))
    assert cells[6].startswith(f"{fd:.2f} [") and cells[6].endswith(f"] / {mixture:.2f}")
    assert len(cells) == table.BASES.splitlines()[0].count("|") + 1 and all(cells[1:-1])
    old = {**card, "measured": {k: v for k, v in card["measured"].items() if k not in ("step_operations", "confident")}}
    assert table.row("digits-flow", old).count("|") == table.BASES.splitlines()[0].count("|")


def test_writing_the_table_keeps_everything_else():
    page = "# Bases\n\n<!-- bases -->\nold\n<!-- end -->\n\nMore.\n<!-- judges -->\n<!-- end -->\n"
    new = table.written(page)
    assert (
        new.startswith("# Bases\n\n<!-- bases -->\n| base |")
        and "<!-- end -->\n\nMore.\n<!-- judges -->\n| judges |" in new
    )
    assert table.written(new) == new and "old" not in new and "digits-gan-without-8" not in new
    with pytest.raises(ValueError, match="lacks the marks"):
        table.written("# Bases\n")
