"""What the numbers rest on, in questions and answers; versions; what was rejected."""

from retouch.leaderboard.look import markup
from retouch.leaderboard.rank.board import View
from retouch.leaderboard.read import frame

ANSWERS = (
    (
        "How are ranks made?",
        "Within a track, a task and a family of generators: a flow’s instance and a GAN’s are different "
        "problems. Only rows that ran every instance with every seed are ranked, by the score, the harmonic "
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
        "A new version of a track, an instance or a judge makes older records stale: they are shown as "
        "such and are not ranked until they are scored again from the stored answers. A rank also changes when "
        "a better method joins.",
    ),
    (
        "Why is a method missing?",
        "It has no record on this track, a filter hides it, or its records were rejected: the list "
        "below gives each file’s reason. A method that needs what the filter does not allow is hidden as well.",
    ),
    (
        "What do ✓ verified and claimed mean?",
        "Claimed: the submitter’s own run. Verified: somebody else ran it again, with fresh "
        "evaluation seeds too, and found the same within the stated tolerance; the second run’s values stand in "
        "the record.",
    ),
    (
        "May I trust a claimed number?",
        "As far as you trust the submitter, until it is "
        "verified. The submission’s code never runs in the process that scores.",
    ),
)


def versions(view: View) -> str:
    """What the records were made with, and which of them are stale."""
    lead = "What the records were made with, against what is current here."
    parts = [f'<div class="rt"><h2>Versions</h2><p>{lead}</p></div>']
    runs, rows = view.runs, []
    for name in view.tracks():
        known, part = frame.track(name), runs[runs["track"] == name]
        version, summary = (known.version, known.summary) if known else ("not known here", "")
        rows.append([markup.esc(name), markup.esc(version), markup.esc(summary), f"{len(part):,}",
                     f"{int(part['stale'].sum()):,}", f"{part['instance'].nunique()}"])  # fmt: skip
    if rows:
        head = ("track", "version", "what it is", "records", "stale", "instances")
        parts.append(markup.table(head, rows, numeric=(3, 4, 5), caption="Tracks and their versions"))
    stale = runs[runs["stale"].astype(bool)]
    if len(stale):
        lines = [[markup.esc(frame.relative(r)), markup.esc(r["reason"])] for r in stale.head(100).to_dict("records")]
        parts.append(markup.table(("stale record", "why"), lines, caption="Stale records"))
    return "".join(parts)


def rejected(files: dict[str, str]) -> str:
    """The files that are no records, with the reasons."""
    head = f'<div class="rt"><h2 id="rejected">Rejected records: {len(files)}</h2></div>'
    if not files:
        return head + markup.empty("None: every record that was found is on the board.")
    lines = [[f"<code>{markup.esc(name)}</code>", markup.wrapped(why)] for name, why in list(files.items())[:500]]
    return head + markup.table(("file", "why"), lines, caption="Rejected files")
