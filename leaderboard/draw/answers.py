"""What the numbers rest on, in questions and answers; versions; what was verified, what was rejected."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from retouch.leaderboard.look import markup
from retouch.leaderboard.look.numbers import scaled
from retouch.leaderboard.rank.board import View
from retouch.leaderboard.read import frame

ANSWERS = (
    (
        "How are ranks made?",
        "Within a track, a task and a family of generators: a flow’s instance and a GAN’s are different "
        "problems. Only verified rows that ran every instance with every seed are ranked, by the score, the harmonic "
        "mean of goal and "
        "quality. A rank is 1 plus the number of rows that are better by a paired difference whose 95% interval "
        "leaves out 0, and never less than the rank of a row with a higher mean. Rows "
        "that share a rank carry an equals sign. Filters hide rows; they never change a rank. Controls fix the "
        "scale and have none.",
    ),
    (
        "What do goal and quality mean?",
        "Goal 0 is the unchanged base, goal 1 is the request wholly met: nothing left of what had to go, "
        "the target reached, the diversity of evenly filled held-out data. A line shows where training from scratch "
        "on the data as it should have been lands. Quality 1 is the base’s own quality on what must stay, and it is "
        "near 0 as soon as one of its four parts is. Neither is cut at 0 or 1. Raw numbers stand beside them at a "
        "switch; papers quote those.",
    ),
    (
        "Where do the intervals come from?",
        "From drawing the seeds anew within each instance (stratified bootstrap, 2,000 draws), "
        "widened for the small number of seeds. A single run shows its own interval: sampling and the judge’s "
        "measured error. "
        "A row with missing runs has none.",
    ),
    (
        "Why is there no score?",
        "Because a run failed, went over its budget, or left images whose quality is below the track’s "
        "floor: a destroyed model has not reached a goal. The table says which. What did not run is a dash, "
        "never a zero.",
    ),
    (
        "Why may a score change?",
        "A new version of a track, an instance, a judge or a metric makes older records stale: they move to the table "
        "of their own version, which the choice of versions opens, until they are scored again from the stored answers "
        "or run again. A rank also changes when a better method joins.",
    ),
    (
        "Why is a method missing?",
        "It has no record on this track, a filter hides it, or its records were rejected: the list "
        "below gives each file’s reason. A method that needs what the filter does not allow is hidden as well.",
    ),
    (
        "What do ✓ verified and claimed mean?",
        "Claimed: the submitter’s own run. Verified: the host made it, or made it again with fresh seeds, and found "
        "the same within the stated tolerance; the second run’s values stand in the record and in the log "
        "below. Only verified rows are ranked; claims stand below them, disputed rows below these.",
    ),
    (
        "May I trust a claimed number?",
        "As far as you trust the submitter, until it is "
        "verified. The submission’s code never runs in the process that scores.",
    ),
)
LINES = 200  # of the log


def versions(view: View) -> str:
    """The versions that the records were made with: a line for each track and edition."""
    lead = "Records of different versions are never on one table: each has its own, which opens from here."
    parts = [f'<div class="rt"><h2>Versions</h2><p>{lead}</p></div>']
    runs, rows = view.runs, []
    for name in view.tracks():
        known = frame.track(name)
        newest = view.editions(name)[0]
        for edition in view.editions(name):
            part = runs[(runs["track"] == name) & (runs["edition"] == edition)]
            now = f"now: version {known.version}" if known else "not known here"
            where = markup.link("overview", edition or now, track=name, task=view.at(edition).tasks(name)[0],
                                version=edition if edition != newest else "")  # fmt: skip
            reasons = "; ".join(map(str, part["reason"][part["stale"]].unique())).split("; ")
            why = "; ".join(dict.fromkeys(one for one in reasons if one.startswith("another ") or ", now " in one))[
                :200
            ]
            days = sorted({str(time)[:10] for time in part["time"].unique() if time})
            rows.append([markup.esc(name), where, f"{len(part):,}", f"{part['instance'].nunique()}",
                         markup.esc(" to ".join(dict.fromkeys((days[0], days[-1])))) if days else markup.DASH,
                         markup.wrapped(why)])  # fmt: skip
    head = ("track", "version", "records", "instances", "made", "what has moved since")
    table = markup.table(head, rows, numeric=(2, 3), caption="Tracks and their versions") if rows else ""
    return "".join([*parts, table])


def log(runs: pd.DataFrame) -> str:
    """The log of re-verification: what maintainers said of records, the newest first, with both values."""
    said = runs[runs["claim"].isin(("verified", "disputed", "withdrawn"))]
    said = said.drop_duplicates([*frame.KEYS, "time"])  # a release holds today's records once more, after them
    said = said.astype({"when": str}).sort_values("when", ascending=False, kind="stable")
    title = f"Records that were verified, disputed or withdrawn: {len(said):,}"
    head = f'<div class="rt"><h2 id="verified">{title}</h2></div>'
    if said.empty:
        return head + markup.empty("None yet: every record is its author’s claim.")
    lines = [_said(row) for row in said.head(LINES).to_dict("records")]
    more = f'<p class="rt dim">The newest {LINES} of them.</p>' if len(said) > LINES else ""
    columns = ("record", "outcome", "goal", "again", "by", "when", "note")
    return head + markup.table(columns, lines, numeric=(2, 3), caption="Log of re-verification") + more


def _said(row: Mapping[str, Any]) -> list[str]:
    """A line of the log."""
    query = {"name": row["submission"], "track": row["track"], "instance": row["instance"], "point": row["point"]}
    where = f"{row['submission']} {row['point']}, {row['instance']}, seed {row['seed']}"
    return [markup.link("method", where, seed=str(row["seed"]), version=str(row["edition"]), **query),
            markup.esc(row["claim"]), scaled(row["goal"]), scaled(row.get("again:goal")), markup.esc(row["by"]),
            markup.esc(str(row["when"])[:10]), markup.wrapped(row["note"])]  # fmt: skip


def rejected(files: dict[str, str]) -> str:
    """The files that are no records, with the reasons."""
    head = f'<div class="rt"><h2 id="rejected">Rejected records: {len(files)}</h2></div>'
    if not files:
        return head + markup.empty("None: every record that was found is on the board.")
    lines = [[f"<code>{markup.esc(name)}</code>", markup.wrapped(why)] for name, why in list(files.items())[:500]]
    return head + markup.table(("file", "why"), lines, caption="Rejected files")
