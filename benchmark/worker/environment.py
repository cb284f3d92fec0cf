"""A submission's own packages: requirements.txt beside its manifest, laid over the harness's own in its worker.

Each line names one wheel by version and hash, as `pip-compile --generate-hashes` or `uv pip compile --generate-hashes`
writes it: `name==1.2.3 --hash=sha256:...`. They are installed once, without their dependencies, into the cache; no code
of theirs runs before the worker imports it. Where there is a sandbox pip works inside it, and reaches the package index
alone: RETOUCH_INDEX, by default https://pypi.org/simple.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from threading import Lock
from urllib.parse import urlsplit

from retouch.benchmark.support.cache import cache_folder, json_key
from retouch.benchmark.worker import sandbox
from retouch.benchmark.worker.index import Gate

FILE = "requirements.txt"
PYPI = "https://pypi.org/simple"
LINE = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)==(?P<version>[\w.!+-]+)(\s+--hash=sha256:[0-9a-f]{64})+")
PACKAGES = "site-packages"  # a worker keeps what ends on "-packages" in its search path
SECONDS = 1800
_one_at_a_time = Lock()


def requirements(submission: Path) -> list[str]:
    """The lines of a submission's requirements.txt, without comments; none where it has no such file.

    Raises:
        ValueError: a line that is not one wheel with its hashes: an option, an address, a range of versions.
    """
    file = submission / FILE
    if not file.is_file():
        return []
    text = re.sub(r"\\\n", " ", file.read_text())
    lines = [line.split(" #")[0].split("\t#")[0].strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if wrong := [line for line in lines if not LINE.fullmatch(line)]:
        raise ValueError(f"{file}: {wrong[0][:80]!r} is not name==version --hash=sha256:...; "
                         "`uv pip compile --generate-hashes` writes such lines")  # fmt: skip
    return sorted(" ".join(line.split()) for line in lines)


def versions(submission: Path) -> dict[str, str]:
    """What a submission brings along, as its records name it: "own NAME" -> version."""
    found = [LINE.fullmatch(line) for line in requirements(submission)]
    return {f"own {one['name']}": one["version"] for one in found if one}


def build(submission: Path, sandboxed: bool) -> Path | None:
    """The folder of a submission's own packages, installed now if it is not in the cache; None where it has none.

    Raises:
        ValueError: wrong lines, a package that is not there as a wheel for this Python, or has another hash.
    """
    lines = requirements(submission)
    if not lines:
        return None
    key = json_key([lines, sys.version_info[:2], sysconfig.get_platform()])
    packages = cache_folder() / "environments" / key / PACKAGES
    with _one_at_a_time:
        if not packages.is_dir():
            packages.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=packages.parent) as draft:
                _install(lines, Path(draft), sandboxed, submission / FILE)
                try:
                    (Path(draft) / PACKAGES).rename(packages)
                except OSError:
                    if not packages.is_dir():  # else another process was faster
                        raise
    return packages


def _install(lines: list[str], draft: Path, sandboxed: bool, named: Path) -> None:
    """Fill DRAFT/site-packages."""
    target, file = draft / PACKAGES, draft / FILE
    target.mkdir()
    file.write_text("\n".join(lines) + "\n")
    index, place = os.environ.get("RETOUCH_INDEX", PYPI), Path("/tmp/draft") if sandboxed else draft
    pip = [sys.executable, "-P", "-s", "-m", "pip", "install", "--isolated", "--quiet", "--no-cache-dir",
           "--no-input", "--disable-pip-version-check", "--no-compile", "--no-deps", "--require-hashes",
           "--only-binary", ":all:", "--index-url", index, "--target", str(place / PACKAGES),
           "-r", str(place / FILE)]  # fmt: skip
    if sandboxed:
        short = tempfile.TemporaryDirectory(prefix="retouch-")  # a socket's path has 107 characters at most
        with short, Gate(Path(short.name) / "index", _hosts(index)) as gate:
            outcome = sandbox.run_with_index(draft, place, gate.place, pip, SECONDS)
    else:
        outcome = subprocess.run(pip, capture_output=True, text=True, timeout=SECONDS, stdin=subprocess.DEVNULL)
    if outcome.returncode:
        errors = [line for line in outcome.stderr.splitlines() if line.startswith("ERROR")] or [outcome.stderr[-300:]]
        raise ValueError(f"{named}: pip: {errors[0].removeprefix('ERROR: ')}; mend that line (RETOUCH_INDEX: {index})")


def _hosts(index: str) -> set[tuple[str, int]]:
    """The hosts that an index is read from: PyPI keeps its files apart."""
    address = urlsplit(index)
    host, port = address.hostname or "", address.port or (443 if address.scheme == "https" else 80)
    return {(host, port)} | ({("files.pythonhosted.org", 443)} if host == "pypi.org" else set())
