"""The engine of many machines: one Ray task a run, with its processor, memory and share of a GPU.

A task carries the submission's files and returns the record with its picture, so that machines need no common folder:
only the same packages, and what RETOUCH_PATH and RETOUCH_DATA name. A run whose process or machine is lost begins again
elsewhere, twice at most. Where tasks run, in which order and when there is room is Ray's business.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from retouch.benchmark import records, submission
from retouch.benchmark.records import Record
from retouch.benchmark.run.grid import Engine, Events, execute
from retouch.benchmark.run.method import own_files
from retouch.benchmark.run.monitor import Monitor
from retouch.benchmark.run.plan import Run, gpu_share
from retouch.benchmark.run.record import failed
from retouch.benchmark.support import plugins, store
from retouch.benchmark.support.files import write_atomically
from retouch.benchmark.tracks import Track
from retouch.benchmark.worker import fork

RETRIES = 2  # of a run that was lost, each on a machine that has not lost it yet
AHEAD = 2  # tasks for each free processor that wait in Ray's queue
HARNESS = 1500  # MB beside the worker's: of the process that scores, and of the server that workers are forked from
LOOK = 0.2  # seconds between looks at what has begun
NAMESPACE, MONITOR = "retouch", "grid"
Files = dict[str, bytes]  # by their paths below the submission's folder


@dataclass
class Attempt:
    """A run on its way, how often it was lost, and by which nodes."""

    run: Run
    times: int = 0
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
    return ray, context.dashboard_url


def cluster(address: str, families: set[str], work: Callable[..., tuple[str, bytes | None]] | None = None) -> Engine:
    """The engine of the cluster at `address`, for runs of generators of these families.

    work: the task; default: to execute the run.
    """

    def engine(runs: Iterator[Run], events: Events) -> Iterator[Record]:
        ray, _ = connect(address)
        grid = _Grid(ray, events, families, work or _work)
        pending: dict[Any, Attempt] = {}
        while True:
            room = max(1, AHEAD * int(ray.cluster_resources().get("CPU", 1))) - len(pending)
            pending |= {grid.submit(attempt): attempt for attempt in map(Attempt, islice(runs, max(0, room)))}
            if not pending:
                return
            ray.wait(list(pending), timeout=LOOK)  # for the first; then all that are ready
            ready, _ = ray.wait(list(pending), num_returns=len(pending), timeout=0)
            grid.report()
            for task in ready:
                attempt = pending.pop(task)
                record = grid.outcome(task, attempt)
                if record is None:
                    pending[grid.submit(attempt)] = attempt
                else:
                    yield record

    return engine


class _Grid:
    """Tasks of a grid on a cluster: what they share, how they are submitted, and what comes back."""

    def __init__(self, ray: Any, events: Events, families: set[str], work: Callable[..., Any]) -> None:
        self.ray, self.events, self.families = ray, events, families
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        monitor = ray.remote(num_cpus=0, scheduling_strategy=here)(Monitor)  # lost with the driver's machine alone
        self.monitor = monitor.options(name=f"{MONITOR}-{uuid4()}").remote()
        self.task = ray.remote(max_retries=0)(work)
        self.shared: dict[Any, Any] = {}  # files of submissions and tracks, in Ray's object store
        self.nodes: dict[str, str] = {}  # where each run began last
        self.runs: dict[str, Run] = {}

    def submit(self, attempt: Attempt) -> Any:
        """Start a run's task, on none of the nodes that have lost it while there is another."""
        run = attempt.run
        self.runs[run.label] = run
        memory = run.track.max_memory_mb + HARNESS << 20
        options: dict[str, Any] = {"num_cpus": 1, "num_gpus": gpu_share(run), "memory": memory}
        if self._elsewhere(attempt.lost, {"CPU": 1, "GPU": gpu_share(run), "memory": memory}):
            options["label_selector"] = {"ray.io/node-id": f"!in({','.join(attempt.lost)})"}
        cell = run.point, run.instance.name, run.seed, run.device, run.evaluation, run.sandboxed
        shared = self._files(run.folder), self._track(run.track)
        return self.task.options(name=run.label, **options).remote(*shared, run.name, cell, self.families, self.monitor)

    def _elsewhere(self, lost: list[str], need: dict[str, float]) -> bool:
        """Whether another node than those has what a run needs."""
        nodes = [node for node in self.ray.nodes() if node["Alive"] and node["NodeID"] not in lost] if lost else []
        return any(all(node["Resources"].get(name, 0) >= amount for name, amount in need.items()) for node in nodes)

    def _files(self, folder: Path) -> Any:
        if folder not in self.shared:
            self.shared[folder] = self.ray.put(pack(folder))
        return self.shared[folder]

    def _track(self, track: Track) -> Any:
        if id(track) not in self.shared:
            self.shared[id(track)] = self.ray.put(track)
        return self.shared[id(track)]

    def report(self) -> None:
        """Pass on what has begun and how far it is, and tell the monitor how the grid stands."""
        self.monitor.publish.remote(self.events.state())
        for label, *rest in self.ray.get(self.monitor.drain.remote()):
            if label not in self.runs:
                continue  # it has ended before its last words came
            if len(rest) == 1:
                self.nodes[label] = rest[0]
                self.events.start(self.runs[label])
            else:
                self.events.progress(self.runs[label], *rest)

    def outcome(self, task: Any, attempt: Attempt) -> Record | None:
        """The record of a task that has ended, written where it belongs; None if it was lost and begins again."""
        run = attempt.run
        try:
            content, picture = self.ray.get(task)
        except self.ray.exceptions.RayError as error:
            attempt.times += 1
            attempt.lost += [self.nodes.pop(run.label)] if run.label in self.nodes else []
            if attempt.times <= RETRIES:
                return None
            record = failed(run, None, f"lost {attempt.times} times: {type(error).__name__}: {error}")
            records.write(run.folder, record)
            return record
        self.runs.pop(run.label)
        self.nodes.pop(run.label, None)
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
    import ray

    point, instance, seed, device, evaluation, sandboxed = cell
    fork.start(() if sandboxed else families)
    with TemporaryDirectory(prefix="retouch-") as root:
        folder = Path(root, name)
        for path, content in files.items():
            write_atomically(folder / path, content)
        run = Run(folder, submission.read(folder), point, track, track.instance(instance), seed, device, evaluation,
                  sandboxed)  # fmt: skip
        node, told = ray.get_runtime_context().get_node_id(), time.monotonic()

        def progress(run: Run, step: int, of: int) -> None:
            nonlocal told
            if time.monotonic() > told + 1:
                told = time.monotonic()
                monitor.tell.remote(run.label, step, of)

        record = execute(run, Events(lambda run: monitor.tell.remote(run.label, node), progress))
        picture = run.record_path.with_suffix(".png")
        return record.model_dump_json(by_alias=True), picture.read_bytes() if picture.exists() else None
