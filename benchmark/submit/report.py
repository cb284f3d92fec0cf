"""What `check` says: for a terminal, and as the comment under a pull request."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

import numpy as np

from retouch import metrics
from retouch.benchmark import tasks
from retouch.benchmark.records import Record
from retouch.benchmark.submit.check_record import Checked, Finding
from retouch.benchmark.support.console import console

LISTED = 50  # findings in a comment
NEAREST = 3  # methods beside the controls
CONTROLS = ("unchanged", "retrained")
Cells = dict[tuple[str, int], Record]  # (instance, seed) -> the record of one method at one operating point


def show(checked: list[Checked]) -> None:
    """Every finding with its remedy, grouped by what is wrong, and a line that counts."""
    for one in checked:
        for finding in one.findings:
            line = f"{finding.level}: {finding.where}: {finding.what}. {finding.remedy}"
            console.print(line, markup=False, soft_wrap=True)
    console.print(summary(checked), markup=False)


def summary(checked: list[Checked]) -> str:
    """How many submissions and records, errors and warnings."""
    errors, warnings = (
        sum(f.level == level for one in checked for f in one.findings) for level in ("error", "warning")
    )
    count = sum(len(one.records) for one in checked)
    return (
        f"{_of(len(checked), 'submission')}, {_of(count, 'record')}: {_of(errors, 'error')}, {_of(warnings, 'warning')}"
    )


def _of(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def markdown(checked: list[Checked], others: list[Record]) -> str:
    """The comment: what was found, then each submission among the controls and the nearest methods."""
    findings = [finding for one in checked for finding in one.findings]
    bad = any(finding.level == "error" for finding in findings)
    out = [f"### {'Not yet' if bad else 'In order'}", "", summary(checked), ""]
    for level in ("error", "warning"):
        out += _listed([finding for finding in findings if finding.level == level])
    for one in checked:
        out += _compared(one, others)
    return "\n".join(out) + "\n"


def _listed(findings: list[Finding]) -> list[str]:
    if not findings:
        return []
    rows = [f"| {code(f.where)} | {code(f.what)} | {plain(f.remedy)} |" for f in findings[:LISTED]]
    more = [f"\nand {len(findings) - LISTED:,} more"] if len(findings) > LISTED else []
    return [f"| {findings[0].level} in | what | remedy |", "| --- | --- | --- |", *rows, *more, ""]


def code(text: str) -> str:
    """A stranger's text as code: it neither links, nor mentions anybody, nor breaks the table."""
    text = text.replace("`", "'").replace("|", "¦")[:300]
    return f"`{text}`" if text else ""


def plain(text: str) -> str:
    """Our own text, which may hold a stranger's file name: only the code marks keep their meaning."""
    return "".join("¦" if c == "|" else f"\\{c}" if c in "<>[]@*" else c for c in text[:300])


def _compared(checked: Checked, others: list[Record]) -> Iterable[str]:
    """A table a task: the submission's points, the controls and the nearest methods on the same runs."""
    pool = by_point([r for r in others if r.submission != checked.folder.name])
    for (track, task, point), mine in sorted(by_point(checked.records).get(checked.folder.name, {}).items()):
        fit = {
            (name, p): cells
            for name, groups in pool.items()
            for (t, k, p), cells in groups.items()
            if (t, k) == (track, task) and cells.keys() >= mine.keys()
        }
        own = _mean(mine, "score")
        rivals = [key for key in fit if key[0] not in CONTROLS]
        near = sorted(rivals, key=lambda key: abs(_mean(fit[key], "score") - own))[:NEAREST]
        yield f"**{task}** on {track}, {_of(len(mine), 'run')}"
        yield ""
        yield "| submission | goal | quality | share of pre-training | sampling |"
        yield "| --- | --- | --- | --- | --- |"
        rows = {(f"**{checked.folder.name}**", point): mine}
        rows |= {key: fit[key] for key in sorted(fit) if key[0] in CONTROLS} | {key: fit[key] for key in near}
        for (name, at), cells in rows.items():
            chosen = {key: cells[key] for key in mine}
            label = name if at == "default" else f"{name}:{at}"
            yield f"| {label} | {_interval(chosen, 'goal')} | {_interval(chosen, 'quality')} | {_costs(chosen)} |"
        yield ""


def by_point(found: Iterable[Record]) -> dict[str, dict[tuple[str, str, str], Cells]]:
    """Records with a score: submission -> (track, task, point) -> (instance, seed) -> record."""

    def key(r: Record) -> tuple[str, str, str, str]:
        return r.submission, r.track, r.task, r.point

    out: dict[str, dict[tuple[str, str, str], Cells]] = {}
    known = tasks.names()
    scored = sorted((r for r in found if r.goal is not None and r.task in known), key=key)
    for (name, *rest), group in groupby(scored, key):
        out.setdefault(name, {})[tuple(rest)] = {(r.instance, r.seed): r for r in group}
    return out


def _mean(cells: Cells, name: str) -> float:
    return float(np.mean([getattr(record, name) for record in cells.values()]))


def _interval(cells: Cells, axis: str) -> str:
    """Mean over instances and seeds with its interval; of one run, that run's own."""
    values = {key: getattr(record, axis) for key, record in cells.items()}
    if len(values) == 1:
        (one,) = values.values()
        return f"{one.value:.2f} [{one.low:.2f}, {one.high:.2f}]"
    instances, seeds = (sorted({key[i] for key in values}) for i in (0, 1))
    if len(values) < len(instances) * len(seeds):
        return f"{np.mean([one.value for one in values.values()]):.2f}"
    mean = metrics.aggregate(np.array([[values[i, s].value for s in seeds] for i in instances])).mean
    low, high = np.clip([mean.low, mean.high], 0, 1)
    return f"{mean.value:.2f} [{low:.2f}, {high:.2f}]"


def _costs(cells: Cells) -> str:
    costs = [record.cost for record in cells.values() if record.cost]
    if not costs:
        return "– | –"
    return f"{np.mean([c.share for c in costs]):.1%} | {np.mean([c.sampling_relative for c in costs]):.2f}×"
