"""`retouch submit`: a branch, a commit and a pull request in a real checkout, with a `gh` that writes down its call."""

import os
import shutil

import pytest
from toy_runs import write
from workflow import git

from retouch.benchmark.cli.main import main

GH = "#!/bin/sh\nprintf '%s\\n' \"$@\" > calls\necho https://example.org/pull/1\n"


@pytest.fixture
def checkout(tmp_path, monkeypatch, committer):
    """A checkout with a remote of its own and one submission that is not committed; no `gh` on the path."""
    git(tmp_path, "init", "-q", "--bare", "remote.git")
    git(tmp_path, "clone", "-q", "remote.git", "checkout")
    where = tmp_path / "checkout"
    (where / "README.md").write_text("a benchmark\n")
    git(where, "add", "README.md")
    git(where, "commit", "-qm", "first")
    write(where / "submissions", "mine")
    monkeypatch.chdir(where)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/git").symlink_to(shutil.which("git"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return where


def test_without_gh_the_commands_are_printed(checkout, capsys):
    (checkout / "unrelated.txt").write_text("not part of it")
    assert main(["submit", "mine"]) == 0
    said = capsys.readouterr().out
    assert "git push --set-upstream origin submission/mine" in said and "open the pull request" in said
    assert git(checkout, "branch", "--show-current") == "submission/mine"
    files = git(checkout, "show", "--name-only", "--format=", "HEAD").split()
    assert files == ["submissions/mine/method.py", "submissions/mine/submission.toml"]
    assert not git(checkout.parent / "remote.git", "branch", "--list", "submission/*")


def test_with_gh_the_pull_request_is_made(checkout, capsys):
    gh = checkout.parent / "bin/gh"
    gh.write_text(GH)
    gh.chmod(0o755)
    assert main(["submit", "mine"]) == 0
    assert "https://example.org/pull/1" in capsys.readouterr().out
    assert git(checkout.parent / "remote.git", "branch", "--list", "submission/*").strip() == "submission/mine"
    assert (checkout / "calls").read_text().split("\n")[:4] == ["pr", "create", "--title", "submission: mine"]


def test_print_starts_nothing(checkout, capsys):
    before = git(checkout, "status", "--porcelain", "--branch")
    assert main(["submit", "mine", "--print"]) == 0
    assert "git switch --create submission/mine" in capsys.readouterr().out
    assert git(checkout, "status", "--porcelain", "--branch") == before


def test_what_the_check_refuses_is_not_submitted(checkout, capsys):
    (checkout / "submissions/mine/method.py").write_text("def other():\n    pass\n")
    assert main(["submit", "mine"]) == 1
    assert "no function edit in it" in capsys.readouterr().out
    assert git(checkout, "branch", "--show-current") != "submission/mine"


def test_outside_a_checkout_it_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    write(tmp_path / "submissions", "mine")
    assert main(["submit", "mine"]) == 2
    assert "git rev-parse --show-toplevel` failed" in capsys.readouterr().err and os.path.isdir("submissions")
