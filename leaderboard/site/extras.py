"""What the site offers to programs: all rows as JSON, a feed of new rows, BibTeX, the comparisons of any two."""

import itertools
import json
from datetime import datetime
from typing import Any

import pandas as pd

from retouch.leaderboard.look import sentences, words
from retouch.leaderboard.look.markup import esc
from retouch.leaderboard.look.numbers import scaled
from retouch.leaderboard.rank import paired, scores, tables
from retouch.leaderboard.rank.board import View
from retouch.leaderboard.site.links import file

NEWEST = 50  # rows in the feed
MOST = 40  # submissions that are compared, each with each
SUITE = """@software{retouch,
  title = {{Retouch: a benchmark for changing what a trained image generator produces}},
  author = {{The Retouch developers}},
  note = {Records of DATE}
}
"""


def results(view: View, made: datetime) -> str:
    """All rows, unrounded, as JSON."""
    parts = [view.newest(track) for track in view.tracks()]
    rows = pd.concat([tables.flat(part.scores[part.scores["track"] == track], part.runs)
                      for track, part in zip(view.tracks(), parts, strict=True)] or [pd.DataFrame()])  # fmt: skip
    content = json.loads(rows.to_json(orient="records"))
    return json.dumps({"made": made.isoformat(timespec="seconds"), "rows": content}, indent=1)


def feed(view: View, made: datetime, url: str = "") -> str:
    """An Atom feed: the rows with the newest records first; one that a release holds too is there once, as today's."""
    rows = view.scores[~view.scores["control"].astype(bool)].sort_values("time", ascending=False, kind="stable")
    rows = rows.drop_duplicates([*scores.COHORT, *scores.ROW, "time"])
    entries = [_entry(view, row, url) for row in rows.head(NEWEST).to_dict("records")]
    return ('<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">'
            f"<title>Retouch: new rows</title><id>{esc(url or 'urn:retouch')}</id>"
            f"<updated>{made.isoformat(timespec='seconds')}</updated>"
            f"<author><name>Retouch</name></author>{''.join(entries)}</feed>\n")  # fmt: skip


def _entry(view: View, row: dict[str, Any], url: str) -> str:
    name, point = str(row["submission"]), str(row["point"])
    where = "/".join(str(row[key]) for key in (*scores.COHORT, *scores.ROW, "edition"))
    ran = f"{words.task_title(str(row['task']))}, {words.family_title(str(row['family']))}"
    title = f"{view.records.title(name)} ({point}): {ran}, goal {scaled(row['goal'])}, quality {scaled(row['quality'])}"
    link = f"{url}/{file('method', name)}" if url else file("method", name)
    return (f'<entry><title>{esc(title)}</title><id>urn:retouch:{esc(where)}</id><link href="{esc(link)}"/>'
            f"<updated>{esc(row['time'])}</updated></entry>\n")  # fmt: skip


def bibtex(view: View, made: datetime) -> str:
    """The suite and every method that names its paper."""
    return SUITE.replace("DATE", f"{made:%d %B %Y}") + "".join(cite(view, name) for name in view.submissions())


def cite(view: View, name: str) -> str:
    """A method's entry; empty where its manifest names no paper."""
    manifest = view.records.manifests.get(name)
    if manifest is None or not manifest.paper:
        return ""
    title, authors, paper = (_plain(text) for text in (manifest.title, " and ".join(manifest.authors), manifest.paper))
    return f"@misc{{{name},\n  title = {{{{{title}}}}},\n  author = {{{authors}}},\n  note = {{{paper}}}\n}}\n"


def _plain(text: str) -> str:
    """A text without what TeX would take for a command."""
    return "".join(f"\\{c}" if c in "&%$#_" else "" if c in "{}\\" else c for c in text)


def compared(view: View) -> list[paired.Row]:
    """The rows that the page of comparisons offers: each submission by its best point, most complete first."""
    own = view.scores[view.scores["lead"].astype(bool)].astype({name: str for name in scores.ROW})
    counts = own.groupby("submission").agg(n=("runs", "sum")).sort_values("n", ascending=False).index[:MOST]
    points = own.sort_values("runs", ascending=False).drop_duplicates("submission").set_index("submission")["point"]
    return sorted((name, points[name]) for name in counts)


def comparisons(view: View, track: str) -> dict[str, Any]:
    """Every pair of submissions: the sentence, and the paired differences of the first minus the second."""
    runs = tables.counted(view.runs[view.runs["track"] == track]).astype({"submission": str, "point": str})
    tasks, titles, found = view.tasks(track), view.titles(), {}
    for a, b in itertools.combinations(compared(view), 2):
        mine = runs[runs["submission"].isin((a[0], b[0]))]
        goal, quality = (paired.pairs(mine, track, a, b, axis, tasks) for axis in ("goal", "quality"))
        rows = json.loads(pd.concat([goal, quality]).to_json(orient="values"))
        found[f"{a[0]}|{b[0]}"] = {
            "says": sentences.comparison(goal, quality, titles[a[0]], titles[b[0]]),
            "rows": rows,
        }
    return found
