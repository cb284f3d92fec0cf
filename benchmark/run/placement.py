"""Which run a machine of a cluster takes next: the longest of the bases that it has, so that their bytes stay there.

A machine that has taken a run of a base has its weights, its answers and the features of its images at hand. One that
is new, or whose bases have no runs left, takes another base: first one that no machine has, that with the longest run;
else that with the most work left for each core of the machines that have it. So no machine waits while there are runs.
"""

from __future__ import annotations

from collections import defaultdict, deque

from retouch.benchmark.run.plan import Run, gpu_share, minutes

HARNESS = 1500  # MB beside the worker's: of the process that scores, and of the server that workers are forked from
Resources = dict[str, float]  # CPU, GPU, memory in bytes, as Ray names them


def need(run: Run) -> Resources:
    """What a run takes of its machine: a core, memory, and its share of a GPU."""
    need = {"CPU": 1.0, "memory": float(run.track.max_memory_mb + HARNESS << 20)}
    return need | {"GPU": gpu_share(run)} if run.device.startswith("cuda") else need


def fits(need: Resources, free: Resources) -> bool:
    """Whether what is needed is there."""
    return all(free.get(name, 0.0) + 1e-9 >= amount for name, amount in need.items())


class Placement:
    """The runs of a grid by their bases, and which machine has which bases.

    Attributes:
        needs: by base, what a run of it takes; all runs are on one kind of device.
    """

    def __init__(self, runs: list[Run]) -> None:
        """runs: the longest first."""
        self._queues: dict[str, deque[tuple[int, Run, float]]] = defaultdict(deque)
        for place, (run, long) in enumerate(zip(runs, minutes(runs), strict=True)):
            self._queues[run.instance.base].append((place, run, long))
        self._left = {base: sum(long for *_, long in queue) for base, queue in self._queues.items()}
        self.needs = {base: need(queue[0][1]) for base, queue in self._queues.items()}
        self._bases: dict[str, list[str]] = {}
        self._cores: dict[str, float] = {}

    def machines(self, cores: dict[str, float]) -> None:
        """The machines that there are now, with their cores; those that are gone have no bases any more."""
        self._cores = cores
        self._bases = {machine: self._bases.get(machine, []) for machine in cores}

    def take(self, machine: str, free: Resources) -> Run | None:
        """The next run of a machine that has these resources free; None if no run is left that fits."""
        left = [base for base, queue in self._queues.items() if queue and fits(self.needs[base], free)]
        own = [base for base in left if base in self._bases[machine]]
        if not own and left:
            own = [max(left, key=self._lacking)]
            self._bases[machine] += own
        if not own:
            return None
        base = min(own, key=self._first)
        _, run, long = self._queues[base].popleft()
        self._left[base] -= long
        return run

    def _first(self, base: str) -> int:
        return self._queues[base][0][0]

    def _lacking(self, base: str) -> tuple[bool, float]:
        """How much a base lacks machines, to be compared: see the head of this file."""
        cores = sum(self._cores[machine] for machine, bases in self._bases.items() if base in bases)
        return not cores, self._left[base] / cores if cores else -self._first(base)

    def least(self) -> str:
        """What runs that are left take, in words: those of the base that takes the least memory."""
        needs = [self.needs[base] for base, queue in self._queues.items() if queue] or [*self.needs.values()]
        least = min(needs, key=lambda need: need["memory"])
        return f"a core, {least['memory'] / 2**20:,.0f} MB, {least.get('GPU', 0):g} of a GPU"

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))
