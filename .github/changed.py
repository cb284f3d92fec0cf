"""What the pull request's workflow does with the submissions that it changes; runs the main branch's own code.

changed.py CHANGED               names of the submissions among NUL-separated paths; exit 1 if other files change too
changed.py --copy PROPOSED NAMES put the proposed folders in place of ours; exit 1 if one calls itself verified
changed.py --rerun NAME...       run one cell of each again in the sandbox, and compare
"""

import shutil
import subprocess
import sys
from pathlib import Path

from retouch.benchmark import records
from retouch.benchmark.worker import sandbox


def names(changed: Path) -> int:
    """Print the submissions that are touched."""
    paths = [p for p in changed.read_bytes().decode(errors="replace").split("\0") if p]
    found = {p.split("/")[1] for p in paths if p.startswith("submissions/") and p.count("/") > 1}
    print("\n".join(sorted(name for name in found if records.is_name(name))))
    other = [p for p in paths if not (p.startswith("submissions/") and records.is_name(p.split("/")[1]))]
    for path in other[:20]:
        print(f"not part of a submission: {path!r}; put it into a pull request of its own", file=sys.stderr)
    return int(bool(other))


def copy(proposed: Path, listed: Path) -> int:
    """Replace the folders by the proposed ones; links stay links, which `retouch check` names and never opens."""
    forged = []
    for name in listed.read_text().split():
        ours, theirs = Path("submissions", name), proposed / "submissions" / name
        for file in _records(theirs):
            record = _verified(file)
            forged += [file] * (record is not None and record != _verified(ours / file.relative_to(theirs)))
        shutil.rmtree(ours, ignore_errors=True)
        if theirs.is_dir():
            shutil.copytree(theirs, ours, symlinks=True)
    for file in forged[:20]:
        print(f"{file.relative_to(proposed)} says that it was verified: only a maintainer may", file=sys.stderr)
    return int(bool(forged))


def _records(folder: Path) -> list[Path]:
    return [file for file in folder.glob("records/**/*.json") if file.is_file() and not file.is_symlink()]


def _verified(file: Path) -> records.Record | None:
    """A record that says that it is verified; None of any other, and of what `retouch check` refuses."""
    try:
        record = records.read(file)
    except (OSError, ValueError, RecursionError):
        return None
    return record if record.claim.status == "verified" else None


def rerun(chosen: list[str]) -> int:
    """One cell of each submission again, inside the sandbox; what has nothing to run (code 2) is no mismatch (1)."""
    sandbox.name()  # raises where no sandbox starts: that nothing could be run is no success
    commands = [["retouch", "verify", name, "--sample", "1", "--sandbox"] for name in chosen]
    return int(any([subprocess.run(command).returncode == 1 for command in commands]))


if __name__ == "__main__":
    first, *rest = sys.argv[1:]
    if first == "--copy":
        sys.exit(copy(Path(rest[0]), Path(rest[1])))
    sys.exit(rerun(rest) if first == "--rerun" else names(Path(first)))
