"""What the command line shows: tables of tasks, plans, progress and results."""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from retouch.benchmark import tasks, tracks
from retouch.benchmark.support.console import console

if TYPE_CHECKING:
    from retouch.benchmark.records import Record, Scaled
    from retouch.benchmark.run.plan import Run


def show_tasks(name: str | None) -> None:
    """Every track, or one: its instances, what they reveal and ask, and their budgets."""
    for track in tracks.names():
        if name in (None, track):
            _show_track(tracks.load(track))
    if name is not None:
        tracks.load(name)  # an unknown one is an error that names the known ones


def _show_track(track: tracks.Track) -> None:
    title = f"track {track.name}, version {track.version}: {track.summary}; seeds {', '.join(map(str, track.seeds))}"
    table = Table(title=title, title_justify="left")
    for column in ("instance", "base", "target", "reveals", "asks", "budget"):
        table.add_column(column, overflow="fold", no_wrap=column == "instance")  # a name is there to be copied
    for one in track.instances:
        task = tasks.module(one.task)
        asks = "; ".join([f"{one.samples:,} samples", *filter(None, [task.ASKS.get(one.family)])])
        target = ", ".join(f"{key} {value}" for key, value in one.target.items())
        table.add_row(one.name, one.base, target, task.REVEALS, asks, f"{one.share:.0%} of pre-training")
    console.print(table)


def show_plan(runs: list[Run], missing: list[Run]) -> int:
    """List what would run, with what it takes."""
    from retouch.benchmark.run.plan import estimate

    table = Table(title=f"{len(missing)} of {len(runs)} runs are missing", title_justify="left")
    for column in ("run", "minutes", "MB of memory, at most", "MB on disk"):
        table.add_column(column, justify="left" if column == "run" else "right")
    total = {"minutes": 0.0, "memory": 0.0, "disk": 0.0}
    for run in missing:
        costs = estimate(run)
        total = {name: total[name] + costs[name] for name in total}
        table.add_row(run.label, f"{costs['minutes']:.1f}", f"{costs['memory']:.0f}", f"{costs['disk']:.1f}")
    table.add_section()
    table.add_row("all, one after the other", f"{total['minutes']:.1f}", "", f"{total['disk']:.1f}")
    console.print(table)
    console.print("minutes: as earlier records of the same submission and instance say; without one, the whole budget")
    return 0


def run_with_display(runs: list[Run], missing: list[Run], workers: int, again: bool = False) -> int:
    """Run what is missing with one display for the whole grid, then show the results; 1 if a run failed."""
    from retouch.benchmark.run.plan import families
    from retouch.benchmark.worker import fork

    fork.start(families(missing))
    from retouch.benchmark.run.resolve import current_record, resolve  # imports torch, as the fork server does

    for run in missing if again else ():
        with contextlib.suppress(ValueError):  # it cannot start, and will say so
            resolve(run).answers_file.unlink(missing_ok=True)
    new = _watch(missing, workers)
    today = {record.label: record for record in new}
    every = [today.get(run.label) or current_record(run) or _any(run) for run in runs]
    show_records([record for record in every if record])
    costs = [record.cost for record in new if record.cost]
    if costs:
        work = sum(c.work_seconds for c in costs)
        harness = sum(c.harness_seconds for c in costs)
        console.print(f"{work:.0f} s in edits and samples, {harness:.0f} s in the harness itself")
    return int(any(record.status == "failed" for record in new))


def _watch(missing: list[Run], workers: int) -> list[Record]:
    """Work through the runs under one progress display; a line for each that is not ok, or for all into a log."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from retouch.benchmark.run.grid import grid
    from retouch.benchmark.run.resolve import resolve
    from retouch.benchmark.run.status import Status

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    status, records, lines = Status(missing), [], {}
    by_label = {run.label: run for run in missing}
    with Progress(*columns, TimeRemainingColumn(), console=console) as bar:
        whole = bar.add_task(f"{len(missing)} runs, {workers} at a time", total=len(missing))

        def started(run: Run) -> None:
            status.started(run)
            lines[run.label] = bar.add_task(f"  {run.label}", total=None)

        def moved(run: Run, step: int, of: int) -> None:
            bar.update(lines[run.label], completed=step, total=of)

        for record in grid(missing, workers, started, moved):
            records.append(record)
            status.finished(record)
            bar.advance(whole)
            bar.remove_task(lines.pop(record.label))
            if not console.is_terminal or record.status != "ok":
                line = f"{bar.tasks[0].elapsed:6.1f} s  {record.status}: {record.label} {record.reason}"
                console.print(line, markup=False)
            with contextlib.suppress(ValueError):  # it could not start, and printed nothing
                _show_printed(record, resolve(by_label[record.label]).log_file)
    return records


def _show_printed(record: Record, log: Path) -> None:
    """The last lines of what a method printed; a failed run's reason has them already."""
    text = log.read_text().splitlines() if log.exists() else []
    if not text:
        return
    if record.cost is None:
        console.print(f"all that it printed: {log}", markup=False, highlight=False, style="dim")
        return
    more = f" ({len(text)} lines, in {log})" if len(text) > 3 else ""
    last = "\n".join(text[-3:])
    console.print(f"{record.label} printed{more}:\n{last}", markup=False, highlight=False, style="dim")


def _any(run: Run) -> Record | None:
    from retouch.benchmark import records

    try:
        return records.read(run.record_path)
    except (OSError, ValueError):
        return None


def show_records(found: list[Record]) -> None:
    """One row a run: goal, quality, score with intervals, and the cost."""
    table = Table(
        title="goal: 0 = unchanged, 1 = retrained; quality: 1 = the base's own; 95% intervals", title_justify="left"
    )
    for column in ("instance", "submission", "seed", "goal", "quality", "score", "share", "seconds", "sampling"):
        left = column in ("instance", "submission")  # where it is narrow names fold, and are never cut
        table.add_column(column, justify="left" if left else "right", overflow="fold", no_wrap=not left)
    last = ""
    for one in sorted(found, key=lambda r: (r.instance, r.submission, r.point, r.seed)):
        if one.instance != last and last:
            table.add_section()
        last = one.instance
        cost = one.cost
        spent = (f"{cost.share:.1%}", f"{cost.seconds:.1f}", f"{cost.sampling_relative:.2f}×") if cost else ("", "", "")
        score = f"{one.score:.2f}" if one.score is not None else one.status
        name = one.submission if one.point == "default" else f"{one.submission}:{one.point}"
        table.add_row(one.instance, name, str(one.seed), _interval(one.goal), _interval(one.quality), score, *spent)
    console.print(table)
    console.print(
        "share and seconds: of the edit, share of the base's pre-training; sampling: images per second against the base"
    )


def _interval(one: Scaled | None) -> str:
    return "–" if one is None else f"{one.value:.2f} [{one.low:.2f}, {one.high:.2f}]".replace("[", r"\[")


def show_status() -> None:
    """Grids of this machine: those under way, and the last that ended."""
    from retouch.benchmark.support.cache import cache_folder

    files = sorted((cache_folder() / "status").glob("*.json"), key=lambda f: f.stat().st_mtime)
    if not files:
        console.print("nothing has run yet; `retouch run NAME` starts a grid")
    for file in files[-5:]:
        state = json.loads(file.read_text())
        alive = _alive(state["pid"])
        done = state["done"]
        bad = [label for label, status in done.items() if status != "ok"]
        left = len(state["waiting"]) + len(state["running"])
        how = "under way" if alive and left else "ended" if not left else "stopped; the same command goes on from here"
        minutes = (time.time() - state["began"]) / 60
        console.print(
            f"process {state['pid']}, {how}, began {minutes:.0f} min ago: "
            f"{len(done)} done, {len(bad)} not ok, {left} left"
        )
        for label, began in state["running"].items() if alive else ():
            console.print(f"  runs since {time.time() - began:.0f} s: {label}", markup=False)
        for label in bad:
            console.print(f"  {done[label]}: {label}", markup=False)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
