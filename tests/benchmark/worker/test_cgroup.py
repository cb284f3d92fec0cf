"""Groups of processes: limits are the kernel's where it gives any, nothing is left behind where it gives none."""

import secrets
import subprocess

import psutil
import pytest
import toy_runs
from toy_attacks import HUNGRY
from toy_runs import both, run

from retouch.benchmark.worker import cgroup, limits, process

pytestmark = toy_runs.undisturbed


def bare():
    """A group that limits nothing, beside this process's own; None where this user may make none."""
    try:
        folder = cgroup._above() / f"retouch-test-{secrets.token_hex(4)}"
        folder.mkdir()
        (folder / "cgroup.kill").stat()
    except (OSError, TypeError):
        return None
    return folder


@pytest.fixture
def group():
    if (folder := bare()) is None:
        pytest.skip("no cgroup v2 in which this user may make groups")
    yield folder
    cgroup.end(folder)


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Plain files where a system with cgroup v2 has its own; the caller's group is /user/session."""
    (tmp_path / "tables").mkdir()
    (tmp_path / "mounted/user/session").mkdir(parents=True)
    (tmp_path / "tables/cgroup").write_text("1:cpu:/elsewhere\n0::/user/session\n")
    (tmp_path / "tables/mountinfo").write_text(
        f"31 23 0:26 / /sys rw - sysfs sysfs rw\n41 31 0:38 / {tmp_path}/mounted rw,relatime - cgroup2 cgroup2 rw\n"
    )
    monkeypatch.setattr(cgroup, "TABLES", tmp_path / "tables")
    return tmp_path / "mounted"


def test_a_group_lies_beside_the_callers_with_its_limits(tree):
    folder = cgroup.make(900, 133)
    assert folder.parent == tree / "user" and folder.name.startswith("retouch-")
    said = {file.name: file.read_text() for file in folder.iterdir()}
    assert said == {"memory.max": str(900 * 2**20), "pids.max": "133", "memory.swap.max": "0", "memory.oom.group": "1"}


def test_at_the_root_a_group_lies_below(tree):
    (cgroup.TABLES / "cgroup").write_text("0::/\n")
    assert cgroup.make(900, 133).parent == tree


@pytest.mark.parametrize("own", ["1:cpu:/elsewhere\n", "0::/../outside\n", ""])
def test_without_a_tree_there_is_no_group(tree, own):
    (cgroup.TABLES / "cgroup").write_text(own)
    (cgroup.TABLES / "mountinfo").write_text("31 23 0:26 / /sys rw - sysfs sysfs rw\n")
    assert cgroup.make(900, 133) is None and cgroup._above() is None


def test_this_kernel_gives_a_limit_or_keeps_nothing():
    folder, above = cgroup.make(900, 133), cgroup._above()
    if folder:
        assert (folder / "memory.max").read_text().strip() == str(900 * 2**20)
        cgroup.end(folder)
    assert not folder or not folder.exists()
    assert not above or not list(above.glob("retouch-[0-9]*"))


def test_out_of_memory_is_what_the_kernel_counts(tmp_path):
    assert not cgroup.out_of_memory(tmp_path)
    for count in (0, 1):
        (tmp_path / "memory.events").write_text(f"low 0\nmax 7\noom 3\noom_kill {count}\n")
        assert cgroup.out_of_memory(tmp_path) == bool(count)


def test_a_group_ends_with_all_that_left_their_session(group):
    command = ["sh", "-c", 'echo 0 > "$0/cgroup.procs" && setsid sleep 98 & wait', str(group)]
    process = subprocess.Popen(command)
    while not (group / "cgroup.procs").read_text():
        pass
    cgroup.end(group)
    assert not group.exists() and process.wait(5) is not None


TELLS = "def edit(g, task, budget):\n    raise RuntimeError(open('/proc/self/cgroup').read())\n"


@pytest.mark.slow
@both
def test_a_worker_works_in_its_group(group, tmp_path, monkeypatch, sandboxed):
    """Inside the sandbox it sees a tree of its own; the coordinator sees it in the group."""
    seen = []
    monkeypatch.setattr(cgroup, "make", lambda *_: group)
    monkeypatch.setattr(process.Session, "_read_log", lambda _: seen.append((group / "cgroup.procs").read_text()))
    tmp_path.chmod(0o755)
    record = run(toy_runs.write(tmp_path, "tells", TELLS), sandboxed=sandboxed)
    assert record.status == "failed" and any(seen) and not group.exists()
    assert (group.name in record.reason) != sandboxed


@pytest.mark.slow
@both
def test_the_kernel_ends_what_takes_too_much(tmp_path, monkeypatch, sandboxed):
    if (folder := cgroup.make(900, 133)) is None:
        pytest.skip("no cgroup v2 whose memory this user may limit")
    cgroup.end(folder)
    monkeypatch.setattr(limits.Watch, "look", lambda _: None)  # the coordinator's own count, five times a second
    tmp_path.chmod(0o755)
    record = run(toy_runs.write(tmp_path, "hungry", HUNGRY), sandboxed=sandboxed, max_memory_mb=900)
    assert record.status == "over_budget" and "900 MB that the track allows" in record.reason


def test_the_hosts_own_files_are_no_memory_of_a_worker(monkeypatch):
    """bubblewrap's first process sees the host's /tmp, however full that is."""
    monkeypatch.setattr(limits, "DISK_MB", 1)
    assert limits._files_in_memory([psutil.Process()]) == 0.0
