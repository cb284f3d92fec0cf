"""What an audit of a submission finds, each with its remedy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from retouch.benchmark.records import Record
from retouch.benchmark.submission import Submission

Cell = tuple[str, str, str, int, str]
AddFinding = Callable[[str, str], None]  # what is wrong, and the remedy


@dataclass(frozen=True)
class Finding:
    """What is wrong, where, and what to do about it."""

    level: str  # error | warning
    where: str
    what: str
    remedy: str


@dataclass
class Audit:
    """What `check` knows of a submission.

    Attributes:
        manifest: None if it cannot be read; records: those that were read and lie in their place; cells: track,
            instance, point, seed and status of all that do, also where they are known from an earlier audit.
        method_sha256: hash of the method's code, empty if it cannot be hashed.
    """

    folder: Path
    manifest: Submission | None = None
    records: list[Record] = field(default_factory=list)
    cells: list[Cell] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    method_sha256: str = ""

    def error(self, where: Path | str, what: str, remedy: str) -> None:
        """Add an error; `where` is shown from the submission's folder on."""
        self.add("error", where, what, remedy)

    def warn(self, where: Path | str, what: str, remedy: str) -> None:
        """Add a warning."""
        self.add("warning", where, what, remedy)

    def add(self, level: str, where: Path | str, what: str, remedy: str) -> None:
        """Add a finding."""
        where = where.relative_to(self.folder.parent) if isinstance(where, Path) else where
        self.findings.append(Finding(level, printable(str(where)), printable(what), printable(remedy)))


def printable(text: str, most: int = 600) -> str:
    """Text of unknown origin as one line of at most `most` characters, without control characters."""
    text = text[:most]
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in " ".join(text.split()))


def brief(error: Exception, folder: Path) -> str:
    """An error's message without the submission's path and without pydantic's link to its own site."""
    lines = [line for line in str(error).splitlines() if "errors.pydantic.dev" not in line]
    return " ".join(lines).replace(f"{folder}/", "")
