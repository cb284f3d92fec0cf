"""A method and a record as HTML: paper, access, parameters; numbers with intervals, the claim beside the second run."""

import ast
import json
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from retouch.benchmark import records
from retouch.leaderboard.look import markup, numbers, words
from retouch.leaderboard.look.markup import esc
from retouch.leaderboard.look.numbers import number, percent, times
from retouch.leaderboard.look.submission_text import needs, paper
from retouch.leaderboard.rank.board import View
from retouch.leaderboard.read import frame


def method(name: str, view: View) -> str:
    """A submission's card: paper, authors, access, parameters, tuning."""
    manifest = view.records.manifests.get(name)
    if manifest is None:
        return f'<div class="rt dim">{esc(name)} has no readable submission.toml; its records stand alone.</div>'
    points = [f"{esc(point.name)} <code>{esc(_line(point.params))}</code>" for point in manifest.points]
    pairs = [
        ("authors", esc(", ".join(manifest.authors))),
        ("paper", paper(manifest.paper)),
        ("licence", esc(manifest.licence) or markup.DASH),
        ("families", esc(", ".join(map(words.family_title, manifest.families)))),
        ("needs", needs(manifest.access)),
        ("code", f"<code>{esc(_code(view.records.root / name, manifest.entry))}</code>"),
        ("records", _made(view, name)),
        ("parameters", f"<code>{esc(_line(manifest.params))}</code>"),
        ("operating points", "; ".join(points)),
        ("tuning", esc(manifest.tuning) or "not stated"),
    ]
    summary = f"<p>{esc(manifest.summary)}</p>" if manifest.summary else ""
    return f'<div class="rt">{summary}</div>' + markup.definitions(pairs)


def _code(folder: Path, entry: str) -> str:
    """Where a submission's edit is, as file:line; the entry itself where there is no file of it here."""
    module, _, function = entry.removeprefix("retouch.").partition(":")
    own = folder / f"{module.replace('.', '/')}.py"
    package = find_spec("retouch.methods") if module.startswith("methods.") else None
    homes = list(package.submodule_search_locations or []) if package else []
    files = [own, *(Path(home) / f"{module.removeprefix('methods.').replace('.', '/')}.py" for home in homes)]
    for file in files:
        with suppress(OSError, SyntaxError, ValueError):
            for node in ast.parse(file.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.FunctionDef) and node.name == function:
                    home = f"submissions/{folder.name}" if file == own else "methods"
                    return f"{home}/{file.name}:{node.lineno}"
    return entry


def _made(view: View, name: str) -> str:
    """How many records, when they were made, and how many of them were confirmed."""
    runs = view.runs[view.runs["submission"] == name]
    days = sorted(str(time)[:10] for time in runs["time"].unique() if time)
    when = f", made {days[0]}" + (f" to {days[-1]}" if days[-1] != days[0] else "") if days else ""
    counts = runs["claim"].astype(str).value_counts()
    claims = ", ".join(f"{count} {claim}" for claim, count in counts.items() if claim)
    return esc(f"{len(runs)}{when}; {claims}")


def _line(value: Mapping[str, Any]) -> str:
    return ", ".join(f"{k} = {json.dumps(v, default=str)}" for k, v in value.items()) or "none"


def record(run: records.Record, row: Mapping[str, Any]) -> str:
    """A record's numbers and where it comes from; `row` is its row of the table of runs."""
    pairs = [("status", esc(words.status(run.status)) + (f": {esc(run.reason)}" if run.reason else ""))]
    if row["reason"] and not run.reason:
        pairs.append(("what has moved since", esc(row["reason"])))
    if run.claim.goal is None:
        pairs += [("goal", _interval(run.goal)), ("quality", _interval(run.quality))]
    pairs.append(("quality is bound by", esc(getattr(run.quality, "binds", "")) or markup.DASH))
    pairs.append(("claim", _said(run.claim)))
    if run.cost:
        pairs.append(("cost", _cost(run.cost)))
    pairs += [(numbers.title(name), _interval(value)) for name, value in run.metrics.items()]
    pairs += [
        ("parameters", f"<code>{esc(_line(run.params))}</code>"),
        ("made", esc(run.provenance.time)),
        ("versions", esc(", ".join(f"{k} {v}" for k, v in run.provenance.versions.items())) or markup.DASH),
    ]
    return _claim(run) + markup.definitions(pairs)


def _interval(value: records.Scaled | records.Measured | None) -> str:
    """A number with its interval."""
    if value is None:
        return markup.DASH
    text, low, high = (number(part, 3) for part in (value.value, *records.ends(value)))
    return f'{text} <span class="dim">{"no interval" if low == "–" else f"[{low}, {high}]"}</span>'


def _cost(cost: records.Cost) -> str:
    """What an edit took, and what sampling takes after it."""
    counted = f"{times(cost.sampling_cost)} that of the base" if cost.sampling_cost else "what nobody counted"
    clock = ", cut by the clock" if cost.cut else ""
    return (
        f"{number(cost.seconds)} s, {percent(cost.share)} of pre-training, {cost.gradient_steps:,} steps, "
        f"{number(cost.peak_memory_mb, 0)} MB, on {esc(cost.device)}{clock}; "
        f"an image costs {counted}, and is made at {number(cost.sampling_relative)} of its speed"
    )


def _said(claim: records.Claim) -> str:
    """What maintainers say of a record: by whom, when, why."""
    if claim.status == "claimed":
        return "claimed, not verified yet"
    note = f": {claim.note}" if claim.note else ""
    return esc(f"{claim.status} by {claim.by}, {(claim.when or '')[:10]}{note}")


def _claim(run: records.Record) -> str:
    """The first values beside those of the second run; empty where nobody has run it again."""
    if run.claim.goal is None:
        return ""
    rows = []
    for name in frame.SCALED:
        first, second = getattr(run, name), getattr(run.claim, name)
        gap = f"{second.value - first.value:+.3f}" if first and second else markup.DASH
        rows.append([name, _interval(first), _interval(second), gap])
    return markup.table(("", "claimed", f"{run.claim.status}, second run", "difference"), rows, numeric=(3,))
