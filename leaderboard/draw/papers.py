"""Tables for papers: numbers with their intervals as Markdown or LaTeX, the same numbers unrounded as JSON or CSV."""

from collections.abc import Mapping

import pandas as pd

from retouch.leaderboard.look import words
from retouch.leaderboard.look.numbers import percent, rank, scaled, times
from retouch.leaderboard.rank import scores, tables

FORMATS = ("md", "latex", "csv", "json")
TEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "–": "--", "×": r"$\times$",
       "✓": r"\checkmark{}", **{c: f"\\{c}" for c in "&%$#_{}"}}  # fmt: skip


def shown(rows: pd.DataFrame, titles: Mapping[str, str]) -> pd.DataFrame:
    """`rank.tables.cohort` rows with ties as texts, one column a number: rank, goal and quality, cost, sampling."""
    several = rows["submission"].duplicated(keep=False)
    names = [titles.get(str(row.submission), str(row.submission)) for row in rows.itertuples()]
    points = [f" ({point})" if many else "" for point, many in zip(rows["point"], several, strict=True)]
    return pd.DataFrame({
        "Method": [name + point for name, point in zip(names, points, strict=True)],
        "Rank": [rank(r, int(t)) for r, t in zip(rows["rank"], rows["ties"], strict=True)],
        "Goal": _intervals(rows, "goal"), "Quality": _intervals(rows, "quality"),
        "Cost": [percent(value) for value in rows["share"]],
        "Sampling": [times(value) for value in rows["sampling_cost"]],
        "Standing": ["✓ verified" if name == "ranked" else name for name in rows["standing"].astype(str)],
        "Missing": rows["problems"].tolist(),
    })  # fmt: skip


def _intervals(rows: pd.DataFrame, axis: str) -> list[str]:
    ends = zip(rows[axis], rows[f"{axis}.low"], rows[f"{axis}.high"], strict=True)
    return [scaled(v) + ("" if pd.isna(low) else f" [{scaled(low)}, {scaled(high)}]") for v, low, high in ends]


def table(view_rows: pd.DataFrame, titles: Mapping[str, str], form: str) -> str:
    """The rows of a task, a table a family, as a text in one of `FORMATS`.

    Args:
        view_rows: scores of one track and task, with ties.

    Raises:
        ValueError: no such format.
    """
    if form not in FORMATS:
        raise ValueError(f"no format {form!r}; there are {', '.join(FORMATS)}")
    families = list(dict.fromkeys(view_rows["family"].astype(str)))
    cohorts = {name: tables.cohort(view_rows, str(view_rows["task"].iloc[0]), name) for name in families}
    if form in ("csv", "json"):
        return text(pd.concat(cohorts.values()).astype({name: str for name in [*scores.COHORT, *scores.ROW]}), form)
    parts = []
    for name, rows in cohorts.items():
        caption = (
            f"{words.task_title(str(rows['task'].iloc[0]))}, {words.family_title(name)}, track {rows['track'].iloc[0]}"
        )
        parts.append(text(_without_empty(shown(rows, titles)), form, f"{caption}; brackets: 95% intervals"))
    return "\n".join(parts)


def _without_empty(cells: pd.DataFrame) -> pd.DataFrame:
    return cells.loc[:, [bool((cells[name] != "").any()) for name in cells]]


def text(cells: pd.DataFrame, form: str, caption: str = "") -> str:
    """A frame as Markdown, LaTeX (booktabs), CSV or JSON."""
    if form == "csv":
        return tables.csv(cells).decode()
    if form == "json":
        return cells.to_json(orient="records", indent=1) + "\n"
    return _latex(cells, caption) if form == "latex" else _markdown(cells, caption)


def _markdown(cells: pd.DataFrame, caption: str) -> str:
    lines = [f"**{caption}**\n"] if caption else []
    lines += ["| " + " | ".join(cells.columns) + " |", "| " + " | ".join("---" for _ in cells.columns) + " |"]
    for row in cells.astype(str).itertuples(index=False):
        lines.append("| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in row) + " |")
    return "\n".join(lines) + "\n"


def _latex(cells: pd.DataFrame, caption: str) -> str:
    lines = [r"\begin{table}", r"  \centering", f"  \\caption{{{_tex(caption)}}}",
             f"  \\begin{{tabular}}{{l{'r' * (len(cells.columns) - 1)}}}", r"    \toprule",
             "    " + " & ".join(map(_tex, cells.columns)) + r" \\", r"    \midrule"]  # fmt: skip
    lines += ["    " + " & ".join(map(_tex, row)) + r" \\" for row in cells.astype(str).itertuples(index=False)]
    return "\n".join([*lines, r"    \bottomrule", r"  \end{tabular}", r"\end{table}"]) + "\n"


def _tex(content: str) -> str:
    """A text that no TeX command or special character is left in."""
    return "".join(TEX.get(c, c) for c in " ".join(content.split()))
