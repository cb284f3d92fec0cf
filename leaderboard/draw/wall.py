"""The image wall of an instance: a row a method, a column a latent, the judge's verdict under each image."""

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

from retouch.leaderboard.draw import sheets
from retouch.leaderboard.look import words
from retouch.leaderboard.look.markup import empty, esc, link, scrolled
from retouch.leaderboard.look.numbers import scaled
from retouch.leaderboard.rank import scores
from retouch.leaderboard.rank.board import View
from retouch.leaderboard.read import frame

Row = tuple[str, str]  # submission, operating point
NONE = "No run of this instance has left a picture here."


def wall(view: View, track: str, instance: str, seed: int, only: Sequence[Row] = (), loud: Sequence[Row] = ()) -> str:
    """The wall as HTML: what is asked for, then base, retrained and the methods in the overview's order.

    Args:
        only: rows to show beside base and retrained; empty: the best point of each submission.
        loud: rows that come first and are set off, since somebody came to see them.
    """
    runs = view.runs
    runs = runs[(runs["track"] == track) & (runs["instance"] == instance) & (runs["seed"] == seed)]
    runs = runs.astype({name: str for name in (*scores.ROW, "status")})
    shown = [found for row in order(view, track, instance, runs, only, loud) if (found := _found(view, runs, row))]
    if not shown:
        return empty(NONE if frame.pictured(track) else words.ELSEWHERE)
    first = next((picture for _, _, picture in shown if picture.rows[0] == "base"), None)
    columns = max(picture.columns for *_, picture in shown)
    lines = [_line(view, row, run, picture, loud) for row, run, picture in shown]
    base = _base(first) if first else ""
    head = "".join(f'<th scope="col" class="c">{c + 1}</th>' for c in range(columns))
    caption = f"<caption>Images of {esc(instance)}, seed {seed}: a row a method, a column a latent</caption>"
    top = f'<thead><tr><th scope="col">latent</th>{head}</tr></thead>'
    table = f'<table class="wall">{caption}{top}<tbody>{base}{"".join(lines)}</tbody></table>'
    return asked(track, instance, first) + scrolled(table)


def order(view: View, track: str, instance: str, runs: pd.DataFrame, only: Sequence[Row],
          loud: Sequence[Row]) -> list[Row]:  # fmt: skip
    """The rows in which a wall shows runs: retrained, what is loud, then by place and score."""
    here = view.scores[(view.scores["track"] == track) & (view.scores["task"] == instance.split("/")[0])]
    here = here[here["family"] == frame.family(track, instance)].astype({name: str for name in scores.ROW})
    here = here.assign(_place=here["place"].fillna(np.inf), _loss=-here["score"].fillna(-1))
    here = here.sort_values(["standing", "_place", "_loss", *scores.ROW])
    ranked = list(here[[*scores.ROW]].itertuples(index=False, name=None))
    leads = [
        row for row, lead in zip(ranked, here["lead"], strict=True) if lead and row[0] not in view.records.controls
    ]
    rest = [
        row for row in runs[[*scores.ROW]].itertuples(index=False, name=None) if row[0] not in {n for n, _ in ranked}
    ]
    rows = list(only) if only else [*leads, *rest]
    return list(dict.fromkeys([("retrained", "default"), *loud, *rows]))


def _found(view: View, runs: pd.DataFrame, row: Row) -> tuple[Row, pd.Series, sheets.Sheet] | None:
    """A row with its run and its picture; None where there is none."""
    mine = runs[(runs["submission"] == row[0]) & (runs["point"] == row[1])]
    if mine.empty:
        return None
    picture = sheets.sheet(view.records, mine.iloc[0].to_dict())
    return (row, mine.iloc[0], picture) if picture else None


def _base(picture: sheets.Sheet) -> str:
    """The unchanged base's row."""
    cells = "".join(f"<td>{picture.figure(0, c)}</td>" for c in range(picture.columns))
    head = f'<tr id="unchanged.default" class="rt-control" style="{picture.style()}">'
    return f'{head}<th scope="row">Base, unchanged</th>{cells}</tr>'


def _line(view: View, row: Row, run: pd.Series, picture: sheets.Sheet, loud: Collection[Row]) -> str:
    """A method's row: who, how far, and its images."""
    name, point = row
    title = link("method", view.records.title(name), name=name, point=point, track=run["track"],
                 instance=run["instance"], seed=str(run["seed"]))  # fmt: skip
    says = (f"goal {scaled(run['goal'])}, quality {scaled(run['quality'])}" if pd.notna(run["goal"])
            else words.status(run["status"]))  # fmt: skip
    look = "rt-loud" if row in loud else "rt-control" if name in view.records.controls else ""
    last = len(picture.rows) - 1
    cells = "".join(f"<td>{picture.figure(last, c)}</td>" for c in range(picture.columns))
    more = f"{esc(point)} · " if point != "default" else ""
    return (f'<tr id="{esc(name)}.{esc(point)}" class="{look}" style="{picture.style()}"><th scope="row">{title}'
            f'<br><span class="dim">{more}{esc(says)}</span></th>{cells}</tr>')  # fmt: skip


def asked(track: str, instance: str, base: sheets.Sheet | None) -> str:
    """What is asked for, in words and as the base's images that show it."""
    spec = frame.instance(track, instance)
    if spec is None:
        return ""
    values = spec.target.get("values", [])
    images = ""
    if base and base.verdicts:
        columns = [c for c, verdict in enumerate(base.verdicts[0][: base.columns]) if verdict in values][:6]
        images = f'<span class="duo" style="{base.style()}">' + "".join(base.image(0, c) for c in columns) + "</span>"
    title, asks = words.task_title(instance.split("/")[0]), esc(words.target(spec.target))
    return f'<div class="rt asked"><p><b>{esc(title)}</b>: {asks}</p>{images}</div>'
