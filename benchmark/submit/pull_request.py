"""`retouch submit`: branch, commit and pull request with one submission's folder."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

from retouch.benchmark.submit import report
from retouch.benchmark.submit.check import check
from retouch.benchmark.support.console import console

BODY = "One submission. `retouch check` has no errors; the host makes the records."


def submit(folder: Path, dry: bool = False) -> int:
    """Make branch and commit, and the pull request where `gh` is there; print the commands that are left.

    Args:
        folder: the submission's, in a checkout; dry: print all commands and run none.

    Returns: the exit code, 1 where the check finds errors.

    Raises:
        ValueError: no checkout, or a command that fails, with what it said.
    """
    errors = [finding for finding in check(folder).findings if finding.level == "error"]
    if errors:
        report.show_findings(errors)
        return 1
    root = Path(_run(["git", "rev-parse", "--show-toplevel"], folder).strip())
    hub, (local, remote) = shutil.which("gh"), commands(folder, root)
    run, left = (local + remote, []) if hub else (local, remote[:1])
    if dry:
        run, left = [], run + left
    for command in run:
        said = _run(command, root).strip()
        console.print(said or shlex.join(command), markup=False, soft_wrap=True)
    if left:
        console.print("It would run:" if dry else "Left to do:")
        for command in left:
            console.print(f"    {shlex.join(command)}", markup=False, soft_wrap=True)
    if not hub:
        console.print("then open the pull request on the site; with `gh` installed this command does both")
    return 0


def commands(folder: Path, root: Path) -> tuple[list[list[str]], list[list[str]]]:
    """The commands of git for branch and commit, and those that reach the network: push, and the pull request."""
    name, branch = folder.name, f"submission/{folder.name}"
    place = folder.resolve().relative_to(root.resolve()).as_posix()
    local = [["git", "switch", "--create", branch], ["git", "add", "--", place],
             ["git", "commit", "--message", f"submission: {name}", "--", place]]  # fmt: skip
    title = ["--title", f"submission: {name}", "--body", BODY]
    return local, [["git", "push", "--set-upstream", "origin", branch], ["gh", "pr", "create", *title]]


def _run(command: list[str], where: Path) -> str:
    process = subprocess.run(command, cwd=where, capture_output=True, text=True)
    if process.returncode:
        cause = (process.stderr or process.stdout).strip()
        raise ValueError(f"`{shlex.join(command)}` failed: {cause}")
    return process.stdout
