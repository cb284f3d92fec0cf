"""The demo's grid by the engine of one machine and by a cluster of two nodes here: the same records, as fast."""

import os
import re
import shutil
import subprocess
import sys
import time

import pytest
from toy_runs import REPOSITORY, frozen

from retouch.benchmark import records

pytest.importorskip("ray")
EFFICIENT = 0.9  # of the local engine's speed, at least


def demo():
    """The demo's submissions and instances, as the Makefile names them."""
    text = (REPOSITORY / "Makefile").read_text().replace("\\\n", " ")
    return [re.search(rf"^{name} = (.*)$", text, re.M)[1].split() for name in ("DEMO", "INSTANCES")]


def ran(place, names, instances, *engine):
    """Seconds and records, by their labels, of a grid in a folder of its own."""
    for name in names:
        shutil.copytree(REPOSITORY / "submissions" / name, place / "submissions" / name, ignore=lambda *_: ["records"])
    chosen = [word for name in instances for word in ("--instance", name)]
    command = ["run", *names, "--seed", "0", "--point", "default", "--no-sandbox", *chosen, *engine]
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "retouch.benchmark.cli.main", *command], cwd=place, stdout=subprocess.DEVNULL)
    seconds, made = time.monotonic() - began, records.read_all(place / "submissions")[0]
    return seconds, {record.label: frozen(record) for record in made}


def compared(tmp_path, monkeypatch, names, instances):
    """The two engines' seconds and records, from caches that are empty at the beginning."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    outcomes = []
    for engine in ("local", "ray"):
        (tmp_path / engine).mkdir()
        monkeypatch.setenv("RETOUCH_CACHE", str(tmp_path / engine / "cache"))
        if engine == "local":
            outcomes.append(ran(tmp_path / engine, names, instances, "--workers", "2"))
            continue
        here = {"node_ip_address": "127.0.0.1", "memory": 16 << 30}
        head = {"num_cpus": 1, "include_dashboard": False, "_system_config": {"worker_niceness": 0}}
        nodes = Cluster(initialize_head=True, head_node_args=head | here)
        try:
            nodes.add_node(num_cpus=1, **here)
            outcomes.append(ran(tmp_path / engine, names, instances, "--engine", "ray", "--address", nodes.address))
        finally:
            nodes.shutdown()
    return outcomes


@pytest.mark.slow
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="two nodes need two cores")
def test_the_demo_grid_is_that_of_the_local_engine(tmp_path, monkeypatch):
    (local_seconds, local), (ray_seconds, far) = compared(tmp_path, monkeypatch, *demo())
    print(f"local {local_seconds:.0f} s, on two nodes {ray_seconds:.0f} s, {len(far)} runs")
    assert len(local) > 20
    assert far == local
    assert local_seconds >= EFFICIENT * ray_seconds
