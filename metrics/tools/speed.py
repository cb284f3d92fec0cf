"""Time and memory, side by side: the one-pass suite with intervals, and the four peers one after another without them.

`python -m retouch.metrics.tools.speed` runs every cell in a process of its own (peak memory cannot be measured
otherwise), on as many cores as OMP_NUM_THREADS says (1 unless set): prdc starts eight threads whatever it says.
Peers take their own fast paths: vendi-score's d x d one, both KIDs with 100 subsets of 1,000. "extra" is the peak
beyond what the process held once libraries and features were loaded. The goals hold for the suite that computes
everything; "cached" is beside it because runs share a reference, and the peers could keep of theirs no more than FD's
mean and covariance.
"""

import argparse
import contextlib
import io
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from retouch import metrics
from retouch.metrics.engine.moments import BLOCKS, WIDE
from retouch.metrics.engine.pairs import TILE

PEERS = ("torch-fidelity", "clean-fid", "prdc", "vendi-score")
TABLES = ("peers", "growth", "optima")
GOALS = {64: 20, 256: 14, 2048: 6}


def features(n: int, d: int, seed: int) -> np.ndarray:
    """(n, d) float32, correlated and with an offset; a mild difference between seeds."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, d), dtype=np.float32)
    x *= np.linspace(1.5, 0.2, d, dtype=np.float32)
    x += 0.5 + 0.05 * seed
    return x


def ours(x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """All ten metrics with intervals; nothing of the reference is cached."""
    return {name: e.value for name, e in metrics.suite(x, y).items()}


def cached(x: np.ndarray, y: np.ndarray) -> Callable[[], dict[str, float]]:
    """The same with the reference's statistics at hand, as when many runs share one."""
    reference = metrics.Reference(y)
    metrics.suite(x[: len(x) // 2], reference)
    return lambda: {name: e.value for name, e in metrics.suite(x, reference).items()}


def torch_fidelity(x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """FID, KID, precision and recall."""
    import torch
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
    from torch_fidelity.metric_kid import kid_features_to_metric
    from torch_fidelity.metric_prc import prc_features_to_metric

    a, b = torch.from_numpy(x), torch.from_numpy(y)
    values = fid_statistics_to_metric(fid_features_to_statistics(a), fid_features_to_statistics(b), False)
    size = min(1000, len(x))
    values |= kid_features_to_metric(a, b, kid_subsets=100, kid_subset_size=size, verbose=False)
    return values | prc_features_to_metric(a, b, prc_neighborhood=5, save_cpu_ram=True, verbose=False)


def clean_fid(x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """FID and KID."""
    from cleanfid.fid import fid_from_feats, kernel_distance

    return {"fd": fid_from_feats(x, y), "kd": kernel_distance(x, y)}


def prdc(x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Precision, recall, density, coverage."""
    from prdc import compute_prdc

    with contextlib.redirect_stdout(io.StringIO()):
        return compute_prdc(y, x, nearest_k=5)


def vendi_score(x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Four orders by the d x d path."""
    from vendi_score import vendi

    return {f"vendi_{q}": vendi.score_dual(x, q=q) for q in (0.5, 1, 2, "inf")}


def optimum(x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Certified 1% weighted-Vendi optimum."""
    best = metrics.optimal_vendi_weights(x, 0.01)
    return {"value": best.value, "gap": best.gap, "steps": best.steps}


def bound(x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Seconds that the suite's products and spectra take by themselves on this machine, and its rate in Gflop/s."""
    from retouch.metrics.engine.linear import eigh, eigvalsh

    (n, d), tile = x.shape, x[:TILE]
    rate = 2 * len(tile) ** 2 * d / _best_of(lambda: tile @ y[:TILE].T)
    square = np.cov(x[: 4 * d], rowvar=False)
    values_only = _best_of(lambda: eigvalsh(square.copy()))
    limits = {"rate": rate / 1e9, "pairs": 4 * n * n * d / rate}  # two triangles and one full square of pairs
    if d <= WIDE:
        return limits | {"spectra": (3 * BLOCKS + 2) * values_only}  # FD without each block of either side, Vendi
    limits["products"] = 10 * n * d * d / rate  # four second moments (n d^2 each), three rotations (2 n d^2 each)
    return limits | {"spectra": 2 * values_only + 2 * _best_of(lambda: eigh(square.copy()), 2)}


def _best_of(work: Callable[[], object], times: int = 3) -> float:
    """The shortest of a few runs, in seconds."""

    def seconds() -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    return min(seconds() for _ in range(times))


RUNS = {
    "ours": ours,
    "ours, cached": ours,
    "torch-fidelity": torch_fidelity,
    "clean-fid": clean_fid,
    "prdc": prdc,
    "vendi-score": vendi_score,
    "optimum": optimum,
    "bound": bound,
}


def measure(what: str, n: int, d: int) -> dict[str, Any]:
    """Measure a cell in this process: seconds, CPU seconds, extra peak in MB."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(os.environ.get("OMP_NUM_THREADS", "1"))])
    x, y = features(n, d, 1), features(n, d, 0)
    small = max(256, d + 64)
    RUNS[what](x[:small], y[:small])  # libraries are loaded, pools are filled
    work = cached(x, y) if what == "ours, cached" else lambda: RUNS[what](x, y)
    before, start, cpu = _reset_peak(), time.perf_counter(), time.process_time()
    values = work()
    spent = {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu, "extra_mb": _peak() - before}
    return spent | {"values": {name: float(value) for name, value in values.items()}}


def cell(what: str, n: int, d: int) -> dict[str, Any]:
    """Measure a cell in a process of its own."""
    threads = os.environ.get("OMP_NUM_THREADS", "1")
    env = os.environ | dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads)
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "retouch.metrics.tools.speed",
        "--cell",
        what,
        "--n",
        str(n),
        "--d",
        str(d),
    ]
    process = subprocess.run(command, env=env, capture_output=True, text=True)
    if process.returncode:
        raise RuntimeError(f"{what}, n={n}, d={d}: {process.stderr[-800:]}")
    return json.loads(process.stdout.splitlines()[-1])


def _reset_peak() -> float:
    """Set the process's peak memory back to what it holds now (Linux); returns that, in MB."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> float:
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 2**20)


def side_by_side(n: int, widths: list[int]) -> None:
    """The table of peers."""
    for d in widths:
        rows = {what: cell(what, n, d) for what in ("ours", "ours, cached", *PEERS)}
        peers = sum(rows[p]["seconds"] for p in PEERS)
        print(f"\nn = {n:,} + {n:,}, d = {d}{'':<18}{'seconds':>9}{'CPU s':>9}{'extra MB':>10}")
        for what, row in rows.items():
            print(f"  {what:<36}{row['seconds']:>9.2f}{row['cpu']:>9.2f}{row['extra_mb']:>10.0f}")
        print(
            f"  {'the four peers, one after another':<36}{peers:>9.2f}{sum(rows[p]['cpu'] for p in PEERS):>9.2f}"
            f"{max(rows[p]['extra_mb'] for p in PEERS):>10.0f}"
        )
        cpu = sum(rows[p]["cpu"] for p in PEERS)
        print(
            f"  faster by {peers / rows['ours']['seconds']:.1f} (CPU {cpu / rows['ours']['cpu']:.1f}; "
            f"goal {GOALS.get(d, '-')}), with a cached reference by {peers / rows['ours, cached']['seconds']:.1f} "
            f"(CPU {cpu / rows['ours, cached']['cpu']:.1f})"
        )
        limit = cell("bound", n, d)["values"]
        rate, parts = limit.pop("rate"), ", ".join(f"{name} {seconds:.2f}" for name, seconds in limit.items())
        print(
            f"  bound by float32 products at {rate:.0f} Gflop/s and by spectra: {parts}; together "
            f"{sum(limit.values()):.2f} s of {rows['ours']['seconds']:.2f}",
            flush=True,
        )


def growth(sizes: list[int], d: int) -> None:
    """How the suite's time and memory grow with n."""
    print(f"\nthe suite's growth, d = {d}{'':<16}{'seconds':>9}{'extra MB':>10}")
    for n in sizes:
        row = cell("ours", n, d)
        print(f"  n = {n:<32,}{row['seconds']:>9.2f}{row['extra_mb']:>10.0f}", flush=True)


def optima(n: int, widths: list[int]) -> None:
    """Certified weighted-Vendi optima."""
    print(f"\ncertified 1% weighted-Vendi optimum, n = {n:,}{'seconds':>9}{'steps':>8}{'gap':>9}")
    for d in widths:
        row = cell("optimum", n, d)
        print(
            f"  d = {d:<38}{row['seconds']:>9.2f}{row['values']['steps']:>8.0f}{row['values']['gap']:>9.2%}", flush=True
        )


def main() -> None:
    """Print all tables, or measure a single cell (--cell)."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cell", choices=RUNS, help=argparse.SUPPRESS)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--d", type=int, nargs="*", default=[64, 256, 2048])
    parser.add_argument("--tables", nargs="*", choices=TABLES, default=TABLES)
    options = parser.parse_args()
    if options.cell:
        print(json.dumps(measure(options.cell, options.n, options.d[0])))
        return
    if "peers" in options.tables:
        side_by_side(options.n, options.d)
    if "growth" in options.tables:
        growth([2_500, 5_000, 10_000, 20_000], 64)
    if "optima" in options.tables:
        optima(options.n, [64, 256, 512])


if __name__ == "__main__":
    main()
