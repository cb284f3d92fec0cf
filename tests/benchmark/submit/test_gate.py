"""What the pull request's workflow does with a submission before it looks at it: .github/changed.py."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from toy_runs import REPOSITORY, copy, forge, record_file

VERIFIED = {"status": "verified", "goal": None, "quality": None}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A checkout of the main branch, and beside it `proposed`, what a pull request brings."""
    monkeypatch.chdir(tmp_path)
    for folder in ("submissions", "proposed/submissions"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def gate(*arguments):
    command = [sys.executable, str(REPOSITORY / ".github/changed.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_other_files_and_odd_names_are_refused(here):
    paths = ["submissions/mine/submission.toml", "submissions/mine/records/x.json", "submissions/.odd/a", "README.md"]
    Path("changed").write_bytes("\0".join(paths).encode())
    done = gate("changed")
    assert done.returncode == 1 and done.stdout.split() == ["mine"]
    assert "README.md" in done.stderr and ".odd" in done.stderr
    Path("changed").write_bytes(b"submissions/mine/submission.toml\0")
    assert gate("changed").returncode == 0


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("indent", [None, 1])
def test_no_pull_request_calls_its_record_verified(honest, here, known, indent):
    proposed = copy(honest, here / "proposed/submissions")
    if known:
        copy(honest, here / "submissions")
    Path("names").write_text("mine\n")
    assert gate("--copy", "proposed", "names").returncode == 0
    told = forge(record_file(proposed), claim=VERIFIED)
    record_file(proposed).write_text(json.dumps(told, indent=indent))
    done = gate("--copy", "proposed", "names")
    assert done.returncode == 1 and "only a maintainer may" in done.stderr


def test_a_verified_claim_stays_unless_the_record_changes(honest, here):
    for root in ("submissions", "proposed/submissions"):
        folder = copy(honest, here / root)
        forge(record_file(folder), claim=VERIFIED)
    Path("names").write_text("mine\n")
    assert gate("--copy", "proposed", "names").returncode == 0
    forge(record_file(folder), reason="another one")
    assert gate("--copy", "proposed", "names").returncode == 1


def test_where_no_sandbox_starts_nothing_is_said_to_agree(here, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    done = gate("--rerun", "mine")
    assert done.returncode == 1 and "bubblewrap" in done.stderr
