"""The engine of many machines: one Ray task a run, with its processor, memory and share of a GPU.

A task carries the submission's files and returns the record with its picture, so that machines need no common folder:
only the same packages, and what RETOUCH_PATH and RETOUCH_DATA name. `placement` says which run a machine takes next. A
run whose process or machine is lost begins again elsewhere, twice at most.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from retouch.benchmark import records, submission
from retouch.benchmark.records import Record
from retouch.benchmark.run.grid import Engine, Events, execute
from retouch.benchmark.run.method import own_files
from retouch.benchmark.run.monitor import Monitor
from retouch.benchmark.run.placement import Placement, Resources, fits
from retouch.benchmark.run.plan import Run
from retouch.benchmark.run.record import failed
from retouch.benchmark.support import plugins, store
from retouch.benchmark.support.files import write_atomically
from retouch.benchmark.tracks import Track
from retouch.benchmark.worker import fork

RETRIES = 2  # of a run that was lost, each on a machine that has not lost it yet
LOOK, NODES = 0.2, 2.0  # seconds between looks at what has begun, and at which machines there are
PATIENCE = 60.0  # seconds that a grid waits for a machine that can take one of its runs
NAMESPACE, MONITOR = "retouch", "grid"
Files = dict[str, bytes]  # by their paths below the submission's folder


@dataclass
class Attempt:
    """A run on its way, the node that it is on, and those that have lost it."""

    run: Run
    node: str = ""
    lost: list[str] = field(default_factory=list)


def connect(address: str) -> tuple[Any, str]:
    """Ray, connected to the cluster at an address ("auto": the one that this machine belongs to), and its dashboard.

    Raises:
        ValueError: Ray is not installed, or nothing answers there.
    """
    try:
        import ray
    except ImportError:
        raise ValueError("a cluster needs Ray: pip install 'retouch-bench[cluster]'") from None
    shared = {"RETOUCH_STORE": store.address(), plugins.PATH: plugins.path()}  # the same on every machine
    try:
        context = ray.init(address, namespace=NAMESPACE, log_to_driver=False, ignore_reinit_error=True,
                           runtime_env={"env_vars": shared})  # fmt: skip
    except ConnectionError as error:
        raise ValueError(f"--address {address}: {error}; `ray start --head` starts a cluster") from None
    return ray, context.dashboard_url or ""


def cluster(address: str, families: set[str], work: Callable[..., tuple[str, bytes | None]] | None = None) -> Engine:
    """The engine of the cluster at `address`, for runs of generators of these families.

    work: the task; default: to execute the run.
    """

    def engine(runs: list[Run], events: Events) -> Iterator[Record]:
        ray, _ = connect(address)
        grid = _Grid(ray, runs, events, families, work or _work)
        while grid.fill():
            yield from grid.records()

    return engine


class _Grid:
    """The tasks of a grid on a cluster: where they are, what they share, and what comes back."""

    def __init__(self, ray: Any, runs: list[Run], events: Events, families: set[str], work: Callable[..., Any]) -> None:
        self.ray, self.events, self.families, self.placement = ray, events, families, Placement(runs)
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        self.on = NodeAffinitySchedulingStrategy
        here = self.on(ray.get_runtime_context().get_node_id(), soft=False)
        monitor = ray.remote(num_cpus=0, scheduling_strategy=here)(Monitor)  # lost with the driver's machine alone
        self.monitor = monitor.options(name=f"{MONITOR}-{uuid4()}").remote()
        self.task = ray.remote(max_retries=0)(work)
        self.shared: dict[Any, Any] = {}  # files of submissions and tracks, in Ray's object store
        self.pending: dict[Any, Attempt] = {}
        self.again: list[Attempt] = []
        self.whole: dict[str, Resources] = {}  # what each machine has
        self.free: dict[str, Resources] = {}  # of it, what no task of this grid takes
        self.runs: dict[str, Run] = {}  # those under way, by their labels
        self.looked = self.reported = -math.inf
        self.busy = time.monotonic()

    def fill(self) -> bool:
        """Start what there is room for; False once nothing runs and nothing may begin."""
        if time.monotonic() > self.looked + NODES:
            self.looked = time.monotonic()
            self._look()
        for node in self.whole:
            while not self.events.late() and (attempt := self._next(node)):
                self._submit(attempt, node)
        left = not self.events.late() and bool(self.again or len(self.placement))
        if self.pending:
            self.busy = time.monotonic()
        elif left and time.monotonic() > self.busy + PATIENCE:
            raise ValueError(f"no machine of the cluster has what a run takes: {self.placement.least()}")
        return left or bool(self.pending)

    def _look(self) -> None:
        """Learn which machines there are."""
        whole = {node["NodeID"]: node["Resources"] for node in self.ray.nodes() if node["Alive"]}
        self.free = {node: self.free.get(node, dict(resources)) for node, resources in whole.items()}
        if whole.keys() != self.whole.keys():
            self.placement.machines({node: resources.get("CPU", 0.0) for node, resources in whole.items()})
        self.whole = whole

    def _next(self, node: str) -> Attempt | None:
        """The next run of a node: one that others have lost, else as placed; None without room or run."""
        for attempt in self.again:
            needs = self.placement.needs[attempt.run.instance.base]
            if fits(needs, self.free[node]) and (node not in attempt.lost or not self._elsewhere(attempt.lost, needs)):
                self.again.remove(attempt)
                return attempt
        run = self.placement.take(node, self.free[node])
        return Attempt(run) if run else None

    def _elsewhere(self, lost: list[str], needs: Resources) -> bool:
        """Whether another node than those has what a run needs."""
        return any(fits(needs, resources) for node, resources in self.whole.items() if node not in lost)

    def _submit(self, attempt: Attempt, node: str) -> None:
        """Start a run's task on a node; Ray takes another where that one is gone just now."""
        run, attempt.node = attempt.run, node
        needs = self.placement.needs[run.instance.base]
        self._account(attempt, -1)
        options = {"num_cpus": needs["CPU"], "memory": needs["memory"], "num_gpus": needs.get("GPU", 0.0)}
        task = self.task.options(name=run.label, scheduling_strategy=self.on(node, soft=True), **options)
        cell = run.point, run.instance.name, run.seed, run.device, run.evaluation, run.sandboxed
        shared = self._share(run.folder, lambda: pack(run.folder)), self._share(id(run.track), lambda: run.track)
        self.pending[task.remote(*shared, run.name, cell, self.families, self.monitor)] = attempt
        self.runs[run.label] = run

    def _account(self, attempt: Attempt, sign: int) -> None:
        """Take what a run needs from what its node has free, or give it back."""
        for name, amount in self.placement.needs[attempt.run.instance.base].items():
            if attempt.node in self.free:
                self.free[attempt.node][name] += sign * amount

    def _share(self, key: Any, make: Callable[[], Any]) -> Any:
        """What many tasks get, in Ray's object store."""
        if key not in self.shared:
            self.shared[key] = self.ray.put(make())
        return self.shared[key]

    def records(self) -> Iterator[Record]:
        """Wait a moment; the records of the tasks that have ended."""
        if not self.pending:
            time.sleep(LOOK)  # for a machine
            return
        self.ray.wait(list(self.pending), timeout=LOOK)  # for the first; then all that are ready
        ready, _ = self.ray.wait(list(self.pending), num_returns=len(self.pending), timeout=0)
        if time.monotonic() > self.reported + LOOK:
            self.reported = time.monotonic()
            self._report()
        for task in ready:
            attempt = self.pending.pop(task)
            self._account(attempt, +1)
            if record := self._outcome(task, attempt):
                self.runs.pop(attempt.run.label)
                yield record

    def _report(self) -> None:
        """Pass on what has begun and how far it is, and tell the monitor how the grid stands."""
        self.monitor.publish.remote(self.events.state())
        for label, *rest in self.ray.get(self.monitor.drain.remote()):
            if label in self.runs and rest:
                self.events.progress(self.runs[label], *rest)
            elif label in self.runs:  # else it has ended before its last words came
                self.events.start(self.runs[label])

    def _outcome(self, task: Any, attempt: Attempt) -> Record | None:
        """The record of a task that has ended, written where it belongs; None if it was lost and begins again."""
        run = attempt.run
        try:
            content, picture = self.ray.get(task)
        except self.ray.exceptions.RayError as error:
            attempt.lost.append(attempt.node)
            self.looked = -math.inf
            if len(attempt.lost) <= RETRIES:
                self.again.append(attempt)
                return None
            record = failed(run, None, f"lost {len(attempt.lost)} times: {type(error).__name__}: {error}")
            records.write(run.folder, record)
            return record
        if picture is not None:
            write_atomically(run.record_path.with_suffix(".png"), picture)
        record = Record.model_validate_json(content)
        if record.provenance.sha256 or not run.record_path.exists():  # one that could not start replaces no other
            records.write(run.folder, record)
        return record


def states(address: str) -> tuple[list[dict[str, Any]], str]:
    """The states of the grids that run on the cluster at an address, and where its dashboard is."""
    ray, dashboard = connect(address)
    actors = [
        actor["name"] for actor in ray.util.list_named_actors(all_namespaces=True) if actor["namespace"] == NAMESPACE
    ]
    read = [ray.get_actor(name, NAMESPACE).read.remote() for name in actors]
    return [state for state in ray.get(read) if state], dashboard


def pack(folder: Path) -> Files:
    """The files of a submission that its method may read, and its manifest."""
    files = [folder / "submission.toml", *own_files(folder)]
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


def _work(
    files: Files, track: Track, name: str, cell: tuple[Any, ...], families: set[str], monitor: Any
) -> tuple[str, bytes | None]:
    """A task: execute one run on a machine of the cluster; returns its record as JSON and its picture."""
    point, instance, seed, device, evaluation, sandboxed = cell
    fork.start(() if sandboxed else families)
    with TemporaryDirectory(prefix="retouch-") as root:
        folder = Path(root, name)
        for path, content in files.items():
            write_atomically(folder / path, content)
        run = Run(folder, submission.read(folder), point, track, track.instance(instance), seed, device, evaluation,
                  sandboxed)  # fmt: skip
        told = time.monotonic()

        def progress(run: Run, step: int, of: int) -> None:
            nonlocal told
            if time.monotonic() > told + 1:
                told = time.monotonic()
                monitor.tell.remote(run.label, step, of)

        record = execute(run, Events(lambda run: monitor.tell.remote(run.label), progress))
        picture = run.record_path.with_suffix(".png")
        return record.model_dump_json(by_alias=True), picture.read_bytes() if picture.exists() else None
