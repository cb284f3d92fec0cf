"""A plain HTML snapshot of overview and trade-offs that can be hosted anywhere."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import plotly

from retouch.benchmark.support.files import write_atomically
from retouch.leaderboard.draw import overview
from retouch.leaderboard.draw.tradeoff import tradeoff
from retouch.leaderboard.look import markup, theme, words
from retouch.leaderboard.rank.board import View
from retouch.leaderboard.read.sweeps import sweeps

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Retouch leaderboard</title><style>{style}
body{{background:var(--ground);margin:0}}main{{max-width:86rem;margin:0 auto;padding:1.5rem 1rem 4rem}}
.panels{{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,340px),1fr));gap:1rem}}
</style></head><body class="rt"><main>{body}</main></body></html>
"""
LINK = re.compile(r'</?a(?: [^>]*)?>|<span class="duo".*?</span>')  # to the app's pages and pictures: not here
DARK = "@media (prefers-color-scheme:dark){{{}}}"


def write(view: View, folder: Path) -> Path:
    """Write index.html with everything that it needs below `folder`; returns its path.

    The figures' script lies beside it, so that the page needs no network.
    """
    body = [
        '<h1>Retouch leaderboard</h1><p class="dim">A snapshot of '
        f"{datetime.now(UTC):%d %B %Y}: {len(view.runs):,} records of {view.runs['submission'].nunique()} "
        "submissions.</p>",
        markup.key(),
    ]
    for track in view.tracks():
        body += _track(view, track)
    if len(view.runs) == 0:
        body.append('<p class="empty">No records yet.</p>')
    body.append('<script src="plotly.min.js"></script>' + _draw() + f"<script>{theme.script()}</script>")
    style = theme.css(False) + DARK.format(theme.variables(True))
    write_atomically(folder / "index.html", PAGE.format(style=style, body="\n".join(body)).encode())
    script = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    write_atomically(folder / "plotly.min.js", script.read_bytes())
    return folder / "index.html"


def _track(view: View, track: str) -> list[str]:
    """A track's tasks: tables, then trade-offs, a panel a family."""
    here = view.scores[view.scores["track"] == track]
    marks = theme.marks(view.submissions(), view.records.controls, theme.look())
    parts = [f"<h2>{markup.esc(track)}</h2>"] if len(view.tracks()) > 1 else []
    for task in view.tasks(track):
        families = view.families(track, task)
        tables = overview.sections(view, here, task, families, marks)
        over = here[here["task"] == task]
        panels = [_panel(view, over, family, marks) for family in families]
        parts.append(f'<h2 id="{markup.esc(task)}">{markup.esc(words.task_title(task))}</h2>{LINK.sub("", tables)}'
                     f'<div class="panels">{"".join(panels)}</div>')  # fmt: skip
    return parts


def _panel(view: View, over: pd.DataFrame, family: str, marks: dict[str, theme.Mark]) -> str:
    """The trade-off of a family, drawn by the page's script."""
    part = over[(over["family"] == family) & over["goal"].notna()]
    if part.empty:
        return ""
    figure = tradeoff(
        part, "goal", "quality", view.records.controls, marks=marks, titles=view.titles(), over=over, panels=3,
        sweeps=sweeps(view.records.manifests), title=words.family_title(family), height=380,
    )  # fmt: skip
    return f"<div class=panel data-figure='{markup.esc(figure.to_json())}' style='height:380px'></div>"


def _draw() -> str:
    """The script that draws every panel, in the ink of the visitor's mode."""
    ink, faint, grid = (
        [getattr(theme.look(dark), name) for dark in (False, True)] for name in ("ink", "faint", "grid")
    )
    return f"""<script>
const dark = matchMedia("(prefers-color-scheme: dark)").matches ? 1 : 0;
const ink = {ink}[dark], faint = {faint}[dark], grid = {grid}[dark];
for (const panel of document.querySelectorAll(".panel")) {{
  const figure = JSON.parse(panel.dataset.figure);
  if (dark) {{
    const layout = figure.layout.template.layout;
    layout.font.color = ink;
    for (const axis of [layout.xaxis, layout.yaxis]) {{
      Object.assign(axis, {{ gridcolor: grid, linecolor: faint, tickcolor: faint }});
      axis.tickfont.color = faint;
      axis.title.font.color = ink;
    }}
    for (const note of figure.layout.annotations || []) note.font.color = ink;
    Object.assign(layout.hoverlabel, {{ bgcolor: "#171614" }});
    layout.hoverlabel.font.color = ink;
  }}
  Plotly.newPlot(panel, figure.data, figure.layout, {{ responsive: true, displaylogo: false }});
}}
</script>"""
