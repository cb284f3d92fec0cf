"""How the coordinator grows with the number of runs: a plan, its resume, and a cluster whose tasks only sleep.

`python -m retouch.benchmark.run.scaling` prints two tables: seconds of the processor and MB of planning 1,000 to
100,000 runs; and throughput, overhead and the driver's memory where `--nodes` logical nodes of this machine work
through `--runs` tasks of `--sleep` seconds, each with a record that is written. Tasks that sleep take no processor, so
what is left is the coordinator's and Ray's own work. With `--real`, runs that edit nothing take their place.
"""

from __future__ import annotations

import argparse
import os
import shutil
import time
import tomllib
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from retouch.benchmark import tracks
from retouch.benchmark.run import grid, plan
from retouch.benchmark.run.cluster import cluster
from retouch.benchmark.run.plan import Run
from retouch.benchmark.run.record import failed
from retouch.benchmark.run.resume import missing
from retouch.benchmark.support import places
from retouch.benchmark.support.machine import peak_memory_mb

SIZES = (1_000, 10_000, 100_000)
SMALLEST, SAMPLES = "category_redaction/digits-gan", 200  # of real runs: the instance, and images


def runs(root: Path, count: int, samples: int = 0) -> list[Run]:
    """So many runs of `unchanged`, on a copy of its folder: as many seeds as it takes.

    samples: so many images, on the smallest instance alone, and no attacks: runs of a second or two; 0: whole runs.
    """
    folder = root / "unchanged"
    if not folder.exists():
        ignored = shutil.ignore_patterns("records")
        shutil.copytree(places.folder("submissions") / "unchanged", folder, ignore=ignored)
    tiny = tracks.load("tiny")
    if samples:
        few = tiny.instance(SMALLEST).model_copy(update={"samples": samples, "attacks": False})
        tiny = tiny.model_copy(update={"instances": [few]})
    cells = len(plan.plan([folder], tiny, seeds=[0]))
    return plan.plan([folder], tiny, seeds=list(range(count // cells + 1)))[:count]


def sleeping(seconds: float) -> Any:
    """A task that sleeps, and returns a record of its run without scores."""

    def work(files: Any, track: Any, name: str, cell: tuple[Any, ...], *_: Any) -> tuple[str, None]:
        from retouch.benchmark import submission

        point, instance, seed, *_rest = cell
        time.sleep(seconds)
        manifest = submission.Submission.model_validate(tomllib.loads(files["submission.toml"].decode()))
        run = Run(Path(name), manifest, point, track, track.instance(instance), seed)
        return failed(run, None, "a task that only sleeps").model_dump_json(by_alias=True), None

    return work


def planning(root: Path) -> None:
    """The table of plans."""
    print(f"{'runs':>8}{'plan s':>9}{'resume s':>10}{'order s':>9}{'MB':>7}")
    for count in SIZES:
        began = time.process_time()
        planned = runs(root, count)
        middle = time.process_time()
        left = missing(planned)
        late = time.process_time()
        plan.longest_first(left)
        parts = middle - began, late - middle, time.process_time() - late
        print(f"{count:>8,}{parts[0]:>9.2f}{parts[1]:>10.2f}{parts[2]:>9.2f}{peak_memory_mb():>7.0f}", flush=True)


def working(root: Path, counts: list[int], nodes: int, seconds: float, real: bool) -> None:
    """The table of grids of tasks that sleep, or of real runs."""
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # Ray then stays on 127.0.0.1
    import ray
    from ray.cluster_utils import Cluster

    samples, task = (SAMPLES, None) if real else (0, sleeping(seconds))
    here: dict[str, Any] = {"node_ip_address": "127.0.0.1", "num_cpus": 1, "memory": 1 << 40}
    head = here | {"include_dashboard": False, "_system_config": {"worker_niceness": 0}}
    machines = Cluster(initialize_head=True, head_node_args=head)
    for _ in range(nodes - 1):
        machines.add_node(**here)
    engine = cluster(machines.address, {"gan"} if real else set(), task)
    for _ in grid.grid(runs(root, nodes, samples), engine):  # every node has a process and its imports
        pass
    print(
        f"\n{'runs':>8}{'seconds':>9}{'a second':>10}{'ms a run over the sleep':>25}{'driver, s':>11}{'MB':>7}  not ok"
    )
    for count in counts:
        began, busy = time.perf_counter(), time.process_time()
        statuses = Counter(record.status for record in grid.grid(runs(root, count, samples), engine))
        done = statuses.total()
        took, used = time.perf_counter() - began, time.process_time() - busy
        over = 1000 * (took * nodes / done - (0 if real else seconds))
        bad = statuses["failed"] if real else 0
        print(
            f"{done:>8,}{took:>9.1f}{done / took:>10.1f}{over:>25.1f}{used:>11.1f}{peak_memory_mb():>7.0f}{bad:>8}",
            flush=True,
        )
    ray.shutdown()
    machines.shutdown()


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, nargs="*", default=[1_000, 10_000], help="none: plans alone")
    parser.add_argument("--nodes", type=int, default=8)
    parser.add_argument("--sleep", type=float, default=0.1)
    parser.add_argument("--real", action="store_true", help="real runs of an edit that returns the base")
    args = parser.parse_args()
    with TemporaryDirectory() as root:
        planning(Path(root))
        if args.runs:
            working(Path(root), args.runs, args.nodes, args.sleep, args.real)


if __name__ == "__main__":
    main()
