"""What the pull request's workflow does with the submissions that it changes; runs the main branch's own code.

changed.py CHANGED               names of the submissions among NUL-separated paths; exit 1 if other files change too
changed.py --copy PROPOSED NAMES put the proposed folders beside the others, as plain files
changed.py --rerun NAME...       run one cell of each again in the sandbox, and compare
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")


def names(changed: Path) -> int:
    """Print the submissions that are touched."""
    paths = [p for p in changed.read_bytes().decode(errors="replace").split("\0") if p]
    found = {p.split("/")[1] for p in paths if p.startswith("submissions/") and p.count("/") > 1}
    print("\n".join(sorted(name for name in found if NAME.fullmatch(name))))
    other = [p for p in paths if not (p.startswith("submissions/") and NAME.fullmatch(p.split("/")[1]))]
    for path in other[:20]:
        print(f"not part of a submission: {path!r}; put it into a pull request of its own", file=sys.stderr)
    return int(bool(other))


def copy(proposed: Path, listed: Path) -> int:
    """Replace the folders by the proposed ones; links stay links, which `retouch check` names and never opens."""
    for name in listed.read_text().split():
        shutil.rmtree(Path("submissions", name), ignore_errors=True)
        if (proposed / "submissions" / name).is_dir():
            shutil.copytree(proposed / "submissions" / name, Path("submissions", name), symlinks=True)
    claims = subprocess.run(["git", "diff", "--unified=0", "--", "submissions"], capture_output=True, text=True)
    if re.search(r'^\+\s*"status": "verified"', claims.stdout, re.MULTILINE):
        print("a record says that it was verified: only a maintainer's `retouch verify` may", file=sys.stderr)
        return 1
    return 0


def rerun(chosen: list[str]) -> int:
    """One cell of each submission again, inside the sandbox; what has nothing to run (code 2) is no mismatch (1)."""
    commands = [["retouch", "verify", name, "--sample", "1", "--sandbox"] for name in chosen]
    return int(any([subprocess.run(command).returncode == 1 for command in commands]))


if __name__ == "__main__":
    first, *rest = sys.argv[1:]
    if first == "--copy":
        sys.exit(copy(Path(rest[0]), Path(rest[1])))
    sys.exit(rerun(rest) if first == "--rerun" else names(Path(first)))
