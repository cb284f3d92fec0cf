"""Tables and progress for the terminal: tasks, plans, running grids and results."""

from __future__ import annotations

import contextlib
import json
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from retouch.benchmark import tasks, tracks
from retouch.benchmark.support.console import console

if TYPE_CHECKING:
    from collections.abc import Iterator

    from retouch.benchmark.records import Record, Scaled
    from retouch.benchmark.run.grid import Engine
    from retouch.benchmark.run.plan import Run

LISTED = 500  # runs that a table lists, at most
LINES = 20  # runs that a grid's state lists, at most: those that run longest, and those that are not ok


def show_tasks(name: str | None) -> None:
    """Print the instances of every track, or of the one called `name`: what they reveal and ask, and their budgets."""
    for track in tracks.names():
        if name in (None, track):
            _show_track(tracks.load(track))
    if name is not None:
        tracks.load(name)  # raises for an unknown track, and names the known ones


def _show_track(track: tracks.Track) -> None:
    title = f"track {track.name}, version {track.version}: {track.summary}; seeds {', '.join(map(str, track.seeds))}"
    table = Table(title=title, title_justify="left")
    for column in ("instance", "rank", "base", "base's quality", "target", "asks", "budget"):
        table.add_column(column, overflow="fold", no_wrap=column == "instance")  # unbroken, to be copied
    scale = tracks.scale(track.name) if tracks.scale_file(track.name).exists() else {}
    for instance in track.instances:
        task = tasks.module(instance.task)
        asks = "; ".join([f"{instance.samples:,} samples", *filter(None, [task.ASKS.get(instance.family)])])
        target = ", ".join(f"{key} {value}" for key, value in instance.target.items())
        measured = instance.gpu_budget != "not measured"
        budget = f"{instance.budget}; on a GPU: {instance.gpu_budget}" if measured else instance.budget
        place = _place(scale.get(instance.name, {}))
        table.add_row(instance.name, instance.rank, instance.base, place, target, asks, budget)
    console.print(table)
    for name in sorted({instance.task for instance in track.instances}):
        console.print(f"{name} reveals: {tasks.module(name).REVEALS}", highlight=False)
    console.print("base's quality: 1 = real images; in brackets a mixture of Gaussians and noise, measured alike")
    for name, points in tracks.attacks(track.name).items():
        told = "; ".join(f"{point} {_bought(points[point])}" for point in points)
        console.print(f"goal that an attack on the judge would reach on {name}: {told}")


def _place(entry: dict[str, Any]) -> str:
    """The base between noise and real images, as the scale's entry of an instance has it."""
    if "place" not in entry:
        return "not measured"
    base, gaussians, noise = (entry["place"][name]["value"] for name in ("base", "gaussians", "noise"))
    return f"{base:.2f} ({gaussians:.2f}, {noise:.2f})"


def _bought(line: dict[str, Any]) -> str:
    """What an attack on the judge would reach, and whether it is found out."""
    goal = "none" if line["goal"] is None else f"{line['goal']:.2f}"
    return f"{goal} (not told from an edit)" if line["status"] == "ok" else f"{goal} ({line['status']})"


def show_plan(runs: list[Run], missing: list[Run], price: float | None = None) -> int:
    """List the missing runs with the minutes, memory and disk that each would take; always 0, the exit code.

    price: of an hour of a worker, or of a whole GPU where runs take one.
    """
    from retouch.benchmark.run.plan import estimates

    table = Table(title=f"{len(missing)} of {len(runs)} runs are missing", title_justify="left")
    for column in ("run", "minutes", "on a GPU, at most", "MB of memory, at most", "MB on disk"):
        table.add_column(column, justify="left" if column == "run" else "right")
    costs = estimates(missing)
    for run, cost in list(zip(missing, costs, strict=True))[:LISTED]:
        gpu, memory = run.instance.gpu_budget, f"{cost['memory']:.0f}"
        table.add_row(run.label, _known(cost["minutes"]), gpu, memory, _known(cost["disk"]))
    if len(missing) > LISTED:
        table.add_row(f"and {len(missing) - LISTED:,} more", "", "", "", "")
    minutes, gpu_minutes, disk = (sum(cost[name] for cost in costs) for name in ("minutes", "gpu_minutes", "disk"))
    table.add_section()
    table.add_row("all, one after the other", _known(minutes), "", "", _known(disk))
    console.print(table)
    money = (
        ""
        if price is None or math.isnan(minutes)
        else f", {price * (gpu_minutes or minutes) / 60:,.2f} at {price:g} an hour"
    )
    console.print(f"{_known(minutes / 60)} hours of a worker, {_known(gpu_minutes / 60)} of a GPU{money}")
    console.print("minutes: as earlier records of the same submission and instance say; without one, the whole budget")
    for line in sorted({_base_line(run.instance) for run in missing} - {""}):
        console.print(line, markup=False, highlight=False)
    return 0


def _known(value: float) -> str:
    return "?" if math.isnan(value) else f"{value:.1f}"


def _base_line(instance: tracks.Instance) -> str:
    """Of a base from outside: its source, licence and memory, and whether it is at hand; "" for one that ships."""
    from retouch.benchmark import weights

    try:
        weights.folder(instance.base)
        lacks = ""
    except weights.WeightsError:
        how = f"base add {instance.source}" if instance.source else f"pretrain {instance.base}"
        lacks = f"not at hand: `retouch {how}`"
    memory = f"{instance.gpu_memory_mb:,} MB" if instance.gpu_memory_mb else "not measured"
    outside = [instance.source, f"licence {instance.licence}", f"GPU memory {memory}"] if instance.source else []
    parts = [*outside, *filter(None, [lacks])]
    return f"{instance.base}: {'; '.join(parts)}" if parts else ""


def run_with_display(
    runs: list[Run], missing: list[Run], engine: Engine, *, again: bool = False, hours: float = math.inf,
    price: float | None = None,
) -> int:  # fmt: skip
    """Run the missing runs under one progress display, then print all results; the exit code, 1 if a run failed.

    After `hours` no run begins; 1, too, where runs are left. price: as in `show_plan`, for `retouch status`.
    """
    from retouch.benchmark.run.resolve import current_record, resolve

    for run in missing if again else ():
        with contextlib.suppress(ValueError):  # a run that cannot start leaves a record that says why
            resolve(run).answers_file.unlink(missing_ok=True)
    fresh: dict[str, Record] = {}
    left, failed, work, harness = len(missing), 0, 0.0, 0.0
    for record in _watch(missing, engine, hours, price):
        left, failed = left - 1, failed + (record.status == "failed")
        if record.cost:
            work, harness = work + record.cost.work_seconds, harness + record.cost.harness_seconds
        if len(runs) <= LISTED:  # a hundred thousand would fill the memory
            fresh[record.label] = record
    if len(runs) <= LISTED:
        latest = [fresh.get(run.label) or current_record(run) or _record_on_disk(run) for run in runs]
        show_records([record for record in latest if record])
    else:
        console.print("`retouch export` writes all records as a table")
    if work:
        console.print(f"{work:.0f} s in edits and samples, {harness:.0f} s in the harness itself")
    if left:
        console.print(f"stopped after {hours:g} hours, {left} runs left: the same command goes on")
    return int(left > 0 or failed > 0)


def _watch(missing: list[Run], engine: Engine, hours: float, price: float | None) -> Iterator[Record]:
    """Work through the runs under one progress display; print what is not ok, or all into a log. Yields each record."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from retouch.benchmark.run.grid import Events, grid
    from retouch.benchmark.run.resolve import resolve
    from retouch.benchmark.run.status import Status

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    status, bars = Status(missing, price), {}
    runs = {run.label: run for run in missing}
    with Progress(*columns, TimeRemainingColumn(), console=console) as bar:
        total = bar.add_task(f"{len(missing)} runs", total=len(missing))

        def on_start(run: Run) -> None:
            status.started(run)
            if run.label not in bars:  # a run that a cluster has lost begins again
                bars[run.label] = bar.add_task(f"  {run.label}", total=None)

        def on_progress(run: Run, step: int, of: int) -> None:
            bar.update(bars[run.label], completed=step, total=of)

        new = grid(missing, engine, Events(on_start, on_progress, status.state, _say), hours)
        for record in _until_stopped(new, missing):
            status.finished(record)
            bar.advance(total)
            if record.label in bars:
                bar.remove_task(bars.pop(record.label))
            if not console.is_terminal or record.status != "ok":
                line = f"{bar.tasks[0].elapsed:6.1f} s  {record.status}: {record.label} {record.reason}"
                console.print(line, markup=False)
            with contextlib.suppress(ValueError):  # a run that could not start has printed nothing
                _show_output(record, resolve(runs[record.label]).log_file)
            yield record
    status.close()


def _say(line: str) -> None:
    console.print(line, markup=False, highlight=False)


def _until_stopped(new: Iterator[Record], missing: list[Run]) -> Iterator[Record]:
    """The records, and after Ctrl-C a line that says how many there are."""
    done = 0
    try:
        for record in new:
            done += 1
            yield record
    except KeyboardInterrupt:
        console.print(f"stopped: {done} of {len(missing)} runs done; what was under way has left no record")
        raise


def _show_output(record: Record, log: Path) -> None:
    """Print the last lines of a method's output; a failed run's reason has them already, so only the log is named."""
    text = log.read_text().splitlines() if log.exists() else []
    if not text:
        return
    if record.cost is None:
        console.print(f"all that it printed: {log}", markup=False, highlight=False, style="dim")
        return
    more = f" ({len(text)} lines, in {log})" if len(text) > 3 else ""
    last = "\n".join(text[-3:])
    console.print(f"{record.label} printed{more}:\n{last}", markup=False, highlight=False, style="dim")


def _record_on_disk(run: Run) -> Record | None:
    from retouch.benchmark import records

    try:
        return records.read(run.record_path)
    except (OSError, ValueError):
        return None


def show_records(records: list[Record]) -> None:
    """Print a table with one row a run: goal and quality with intervals, score and cost."""
    table = Table(
        title="goal: 0 = unchanged, 1 = the request wholly met; quality: 1 = the base's own; 95% intervals",
        title_justify="left",
    )
    for column in ("instance", "submission", "seed", "goal", "quality", "score", "share", "seconds", "sampling"):
        left = column in ("instance", "submission")  # in a narrow terminal names fold and are never cut
        table.add_column(column, justify="left" if left else "right", overflow="fold", no_wrap=not left)
    previous = ""
    for record in sorted(records, key=lambda r: (r.instance, r.submission, r.point, r.seed)):
        if record.instance != previous and previous:
            table.add_section()
        previous = record.instance
        costs = ("", "", "")
        if c := record.cost:
            costs = ("–" if c.share is None else f"{c.share:.1%}", f"{c.seconds:.1f}", f"{c.sampling_cost:.2f}×")
        score = f"{record.score:.2f}" if record.score is not None else record.status
        name = record.submission if record.point == "default" else f"{record.submission}:{record.point}"
        axes = _interval(record.goal), _interval(record.quality)
        table.add_row(record.instance, name, str(record.seed), *axes, score, *costs)
    console.print(table)
    for record in records:
        _show_disagreement(record)
    console.print(
        "share and seconds: of the edit, share of the base's pre-training, counted in operations; sampling: operations "
        "of an image against the base's"
    )


def _show_disagreement(record: Record) -> None:
    """Say so where quality in one encoder's space is another than in the other's."""
    spaces = record.details.get("spaces", {})
    if spaces.get("disagree"):
        both = ", ".join(f"{name} {one['value']:.2f}" for name, one in spaces.items() if name != "disagree")
        console.print(f"{record.label}: the encoders disagree on quality: {both}", markup=False)


def _interval(scaled: Scaled | None) -> str:
    return "–" if scaled is None else f"{scaled.value:.2f} [{scaled.low:.2f}, {scaled.high:.2f}]".replace("[", r"\[")


def show_status(address: str = "") -> None:
    """Print the state of the last five grids of this machine, or of those that a cluster runs now."""
    from retouch.benchmark.support.cache import cache_folder

    if address:
        from retouch.benchmark.run import cluster

        states, dashboard = cluster.states(address)
        if dashboard:
            console.print(f"its machines and tasks: http://{dashboard}")
    else:
        files = sorted((cache_folder() / "status").glob("*.json"), key=lambda f: f.stat().st_mtime)
        states = [json.loads(file.read_text()) for file in files[-5:]]
    if not states:
        console.print("nothing has run yet; `retouch run NAME` starts a grid" if not address else "no grid runs there")
    for state in states:
        _show_state(state, alive=bool(address) or _alive(state["pid"]))


def _show_state(state: dict[str, Any], alive: bool) -> None:
    """Print how a grid stands, what it runs and what did not go well."""
    done, bad = sum(state["done"].values()), sum(n for status, n in state["done"].items() if status != "ok")
    left, minutes = state["total"] - done, (time.time() - state["began"]) / 60
    phase = "under way" if alive and left else "ended" if not left else "stopped; the same command goes on from here"
    console.print(
        f"process {state['pid']} on {state['host']}, {phase}, began {minutes:.0f} min ago: "
        f"{done} done, {bad} not ok, {left} left"
    )
    if left:
        console.print(f"  left: {_left(state)}")
    running = sorted(state["running"].items(), key=lambda entry: entry[1]) if alive else []
    for label, began in running[:LINES]:
        console.print(f"  runs since {time.time() - began:.0f} s: {label}", markup=False)
    for label, status in list(state["bad"].items())[:LINES]:
        console.print(f"  {status}: {label}", markup=False)
    for count, words in ((len(running), "run"), (bad, "are not ok")):
        if count > LINES:
            console.print(f"  and {count - LINES:,} more that {words}")


def _left(state: dict[str, Any]) -> str:
    """The estimate of what is left, in words; of the time, by how many runs there are side by side."""
    hours, side_by_side = state["hours"], max(1, len(state["running"]))
    parts = [f"{hours:.1f} hours of work", f"{hours / side_by_side:.1f} at this pace"]
    parts += [f"{state['gpu_hours']:.1f} of a GPU"] if state["gpu_hours"] else []
    parts += [f"{state['disk']:,.0f} MB on disk"]
    parts += [f"workers of {state['memory']:,.0f} MB at most so far"] if state["memory"] else []
    parts += [] if state["money"] is None else [f"{state['money']:,.2f} in money"]
    return ", ".join(parts)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
