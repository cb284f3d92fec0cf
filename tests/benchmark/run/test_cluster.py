"""Grids on a cluster of several nodes on this machine: the records of the local engine, whatever is lost on the way."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from operator import attrgetter

import pytest
import yaml
from toy_runs import INSTANCE, KEEPS, REPOSITORY, TRAINS, frozen, planned, write

from retouch.benchmark import records
from retouch.benchmark.cli.main import _parser, main
from retouch.benchmark.run import cluster, grid
from retouch.benchmark.run.grid import Events
from retouch.benchmark.run.status import Status

os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # Ray then stays on 127.0.0.1, on every system
ray = pytest.importorskip("ray")


@pytest.fixture(scope="module")
def nodes(shared_cache):
    """A cluster of two nodes: that of the driver, which has no processor, and one with one."""
    from ray.cluster_utils import Cluster

    here = {"node_ip_address": "127.0.0.1"}
    quick = {"include_dashboard": False, "_system_config": {"worker_niceness": 0, "health_check_period_ms": 500}}
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **quick, **here})
    nodes.workers = [nodes.add_node(num_cpus=1, memory=16 << 30, **here)]
    yield nodes
    ray.shutdown()
    nodes.shutdown()


def test_a_cluster_gives_the_records_of_one_machine(nodes, submissions, capsys):
    run = planned(write(submissions, "m", TRAINS), seed=1, samples=300)  # a seed that nobody attacks: quick
    status = Status([run])
    made = grid.grid([run], cluster.cluster(nodes.address, {"gan"}), Events(status.started, state=status.state))
    far = [next(made)]
    assert main(["status", "--address", nodes.address]) == 0
    assert re.search("under way.* 0 done, 0 not ok, 1 left\n  left: .* hours.*\n  runs since", capsys.readouterr().out)
    far += made
    assert main(["run", "m", "--instance", INSTANCE, "--seed", "1", "--engine", "ray", "--plan"]) == 0
    assert "1 of 1 runs are missing" in capsys.readouterr().out  # its record is of 300 samples
    (near,) = grid.grid([run])
    assert near.status == "ok" and list(map(frozen, far)) == [frozen(near)]


PAGE = (REPOSITORY / "docs/cluster.md").read_text()


def commands(program="retouch"):
    """The lines of docs/cluster.md that call a program."""
    lines = PAGE.splitlines()
    return [line.split()[1:] for line in lines if line.startswith(" ") and line.split()[:1] == [program]]


def block(head):
    """The indented lines of docs/cluster.md from one that starts with `head`."""
    return textwrap.dedent(re.search(rf"^( +){head}.*\n(\1.*\n|\n)*", PAGE, re.M)[0])


def test_the_page_names_options_that_there_are():
    parsed = [_parser().parse_args(line) for line in commands()]
    assert {args.engine for args in parsed if hasattr(args, "engine")} == {"local", "ray"} and len(parsed) >= 5
    assert subprocess.run(["bash", "-n"], input=block("#!/bin/bash"), text=True).returncode == 0
    assert {"cluster_name", "provider", "auth", "setup_commands"} == yaml.safe_load(block("cluster_name")).keys()


@pytest.mark.slow
def test_the_page_starts_a_cluster():
    """Both lines, as far as one machine has two nodes, and a look from another process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    here = ["--node-ip-address=127.0.0.1", "--num-cpus=1", "--block"]
    lines = [[word.replace("HOST", "127.0.0.1").replace("6379", port) for word in line] for line in commands("ray")]
    look = f"import ray; ray.init('127.0.0.1:{port}', log_to_driver=False); print('nodes:', len(ray.nodes()))"
    begun, several = [], os.environ | {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "1"}
    try:
        for i, line in enumerate(lines[:2]):
            ray_program = [sys.executable, "-m", "ray.scripts.scripts", *line, *here]
            begun.append(subprocess.Popen(ray_program, env=several, start_new_session=True, stdout=subprocess.DEVNULL))
            until, said = time.monotonic() + 240, ""
            while f"nodes: {i + 1}" not in said and time.monotonic() < until:
                said = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True).stdout
            assert f"nodes: {i + 1}" in said
    finally:
        for process in begun:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(60)


@pytest.mark.slow
def test_the_commands_of_the_page_run(nodes, submissions, capsys):
    """On this machine's cluster and one instance."""
    for line in commands():
        address = [nodes.address if word in ("auto", '"$head:6379"') else word for word in line]
        few = ["--instance", INSTANCE] if line[0] == "run" else []
        assert main([*address, *few]) == 0, capsys.readouterr().out
    assert len(records.read_all(submissions)[0]) == 6


SLEEPS = "import time\ndef edit(generator, task, budget):\n    time.sleep(4)\n    return generator\n"


@pytest.mark.slow
def test_a_lost_node_costs_no_run(nodes, submissions):
    runs = [planned(write(submissions, name, SLEEPS), seed=1, samples=300) for name in ("a", "b")]
    nodes.workers.append(nodes.add_node(num_cpus=1, memory=16 << 30, node_ip_address="127.0.0.1"))
    begun = []

    def on_start(run):
        begun.append(run.label)
        if len(begun) == 1:  # on the node that has its imports already
            nodes.remove_node(nodes.workers.pop(0), allow_graceful=False)

    made = list(grid.grid(runs, cluster.cluster(nodes.address, {"gan"}), Events(on_start)))
    assert [record.status for record in made] == ["ok", "ok"] and len(begun) == 3 and len(set(begun)) == 2
    near = [grid.execute(run, again=True) for run in runs]
    key = attrgetter("submission")
    assert list(map(frozen, sorted(made, key=key))) == list(map(frozen, sorted(near, key=key)))


def poisonous():
    """A task that ends the process it runs in, and with it whatever watches it, where the submission is called bad."""

    def work(files, track, name, *more):
        import os
        import signal

        from retouch.benchmark.run import cluster

        if name == "bad":
            os.kill(os.getpid(), signal.SIGKILL)
        return cluster._work(files, track, name, *more)

    return work


@pytest.mark.slow
def test_a_poisoned_run_is_tried_three_times_and_stops_no_other(nodes, submissions):
    runs = [planned(write(submissions, name, KEEPS), seed=1, samples=300) for name in ("bad", "good")]
    made = grid.grid(runs, cluster.cluster(nodes.address, {"gan"}, poisonous()))
    statuses = {record.submission: (record.status, record.reason) for record in made}
    assert statuses["good"][0] == "ok" and statuses["bad"][0] == "failed"
    assert statuses["bad"][1].startswith("lost 3 times: ")


@pytest.mark.slow
def test_a_killed_driver_is_resumed_by_the_same_command(nodes, submissions, monkeypatch):
    write(submissions, "m", SLEEPS)
    monkeypatch.setenv("RETOUCH_STORE", str(submissions.parent / "store"))
    verb = ["run", "m", "--instance", INSTANCE, "--engine", "ray", "--address", nodes.address]
    command = [sys.executable, "-m", "retouch.benchmark.cli.main", *verb]
    first = subprocess.Popen(command, cwd=submissions.parent, stdout=subprocess.DEVNULL)
    folder, until = submissions / f"m/records/tiny/{INSTANCE}", time.monotonic() + 120
    while not list(folder.glob("*.json")) and time.monotonic() < until:
        time.sleep(0.05)
    first.kill()
    first.wait()
    stamps = {file.stem: records.read(file).provenance.time for file in folder.glob("*.json")}
    assert 1 <= len(stamps) < 3
    shutil.rmtree(folder)  # another machine has none of them
    subprocess.run(command, cwd=submissions.parent, check=True, stdout=subprocess.DEVNULL)
    made = {file.stem: records.read(file) for file in folder.glob("*.json")}
    assert len(made) == 3 and all(made[name].provenance.time == stamp for name, stamp in stamps.items())
