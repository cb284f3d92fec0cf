"""The report of `retouch check`, for a terminal and as the comment under a pull request."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import groupby

import numpy as np

from retouch import metrics
from retouch.benchmark import tasks, tracks
from retouch.benchmark.records import Record
from retouch.benchmark.submit.audit import Audit, Finding
from retouch.benchmark.support.console import console

MOST_FINDINGS = 50  # findings in a comment
NEAREST = 3  # methods beside the controls
CONTROLS = ("unchanged", "retrained")
Cells = dict[tuple[str, int], Record]  # (instance, seed) -> the record of one method at one operating point


def show(audits: list[Audit]) -> None:
    """Print every finding with its remedy, then the summary."""
    for audit in audits:
        show_findings(audit.findings)
    console.print(summary(audits), markup=False)


def show_findings(findings: list[Finding]) -> None:
    """Print findings with their remedies, a line each."""
    for finding in findings:
        line = f"{finding.level}: {finding.where}: {finding.what}. {finding.remedy}"
        console.print(line, markup=False, soft_wrap=True)


def summary(audits: list[Audit]) -> str:
    """One line with the numbers of submissions, records, errors and warnings."""
    errors, warnings = (
        sum(f.level == level for audit in audits for f in audit.findings) for level in ("error", "warning")
    )
    n = sum(len(audit.cells) for audit in audits)
    contents = f"{_of(len(audits), 'submission')}, {_of(n, 'record')}"
    return f"{contents}: {_of(errors, 'error')}, {_of(warnings, 'warning')}"


def _of(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def markdown(audits: list[Audit], others: list[Record]) -> str:
    """The comment: all findings, then each submission among the controls and the nearest methods."""
    findings = [finding for audit in audits for finding in audit.findings]
    bad = any(finding.level == "error" for finding in findings)
    out = [f"### {'Not yet' if bad else 'In order'}", "", summary(audits), ""]
    for level in ("error", "warning"):
        out += _findings_table([finding for finding in findings if finding.level == level])
    for audit in audits:
        out += _comparison_tables(audit, others)
    return "\n".join(out) + "\n"


def _findings_table(findings: list[Finding]) -> list[str]:
    if not findings:
        return []
    rows = [f"| {code(f.where)} | {code(f.what)} | {plain(f.remedy)} |" for f in findings[:MOST_FINDINGS]]
    more = [f"\nand {len(findings) - MOST_FINDINGS:,} more"] if len(findings) > MOST_FINDINGS else []
    return [f"| {findings[0].level} in | what | remedy |", "| --- | --- | --- |", *rows, *more, ""]


def code(text: str) -> str:
    """Text of unknown origin as inline code: it makes no link, mentions nobody and does not break the table."""
    text = text.replace("`", "'").replace("|", "¦")[:300]
    return f"`{text}`" if text else ""


def plain(text: str) -> str:
    """The package's own text, which may hold a submission's file name, with all of Markdown but code marks escaped."""
    return "".join("¦" if c == "|" else f"\\{c}" if c in "<>[]@*" else c for c in text[:300])


def _comparison_tables(audit: Audit, others: list[Record]) -> Iterable[str]:
    """Yield the lines of a table for each task and point: the submission, the controls and the nearest methods."""
    pool = by_point([r for r in others if r.submission != audit.folder.name])
    for (track, task, point), own_cells in sorted(by_point(audit.records).get(audit.folder.name, {}).items()):
        comparable = {
            (name, p): cells
            for name, groups in pool.items()
            for (t, k, p), cells in groups.items()
            if (t, k) == (track, task) and cells.keys() >= own_cells.keys()
        }
        own_score = _mean(own_cells, "score")
        rivals = [key for key in comparable if key[0] not in CONTROLS]
        nearest = sorted(rivals, key=lambda key: abs(_mean(comparable[key], "score") - own_score))[:NEAREST]
        yield f"**{task}** on {track}, {_of(len(own_cells), 'run')}"
        yield ""
        yield "| submission | goal | quality | share of pre-training | sampling |"
        yield "| --- | --- | --- | --- | --- |"
        rows = {(f"**{audit.folder.name}**", point): own_cells}
        controls = sorted(key for key in comparable if key[0] in CONTROLS)
        rows |= {key: comparable[key] for key in controls + nearest}
        for (name, at), cells in rows.items():
            shared = {key: cells[key] for key in own_cells}
            label = name if at == "default" else f"{name}:{at}"
            yield f"| {label} | {_interval(shared, 'goal')} | {_interval(shared, 'quality')} | {_costs(shared)} |"
        yield ""


def by_point(records: Iterable[Record]) -> dict[str, dict[tuple[str, str, str], Cells]]:
    """Group the records that have a score: submission -> (track, task, point) -> (instance, seed) -> record.

    Tuning instances are left out: they are no part of a mean, and no rival has run them.
    """

    def key(r: Record) -> tuple[str, str, str, str]:
        return r.submission, r.track, r.task, r.point

    out: dict[str, dict[tuple[str, str, str], Cells]] = {}
    task_names = tasks.names()
    scored = [r for r in records if r.goal is not None and r.task in task_names]
    scored = sorted((r for r in scored if not _tuning(r.track, r.instance)), key=key)
    for (name, track, task, point), group in groupby(scored, key):
        out.setdefault(name, {})[track, task, point] = {(r.instance, r.seed): r for r in group}
    return out


@cache
def _tuning(track: str, instance: str) -> bool:
    try:
        return tracks.load(track).instance(instance).tuning
    except ValueError:
        return False  # an unknown one, which `check` names


def _mean(cells: Cells, name: str) -> float:
    return float(np.mean([getattr(record, name) for record in cells.values()]))


def _interval(cells: Cells, axis: str) -> str:
    """Mean over instances and seeds with its interval; for a single run, its own value and interval."""
    values = {key: getattr(record, axis) for key, record in cells.items()}
    if len(values) == 1:
        (number,) = values.values()
        return f"{number.value:.2f} [{number.low:.2f}, {number.high:.2f}]"
    instances, seeds = sorted({key[0] for key in values}), sorted({key[1] for key in values})
    if len(values) < len(instances) * len(seeds):
        return f"{np.mean([number.value for number in values.values()]):.2f}"
    mean = metrics.aggregate(np.array([[values[i, s].value for s in seeds] for i in instances])).mean
    return f"{mean.value:.2f} [{mean.low:.2f}, {mean.high:.2f}]"


def _costs(cells: Cells) -> str:
    costs = [record.cost for record in cells.values() if record.cost]
    if not costs:
        return "– | –"
    shares = [c.share for c in costs if c.share is not None]
    share = f"{np.mean(shares):.1%}" if shares else "–"
    return f"{share} | {np.mean([c.sampling_relative for c in costs]):.2f}×"
