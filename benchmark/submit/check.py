"""`retouch check`: audit submissions without running a line of their code.

All findings are listed at once, each with its remedy. An error keeps a submission off the board; a warning does not.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path
from typing import Any

from retouch.benchmark import records, submission, tracks
from retouch.benchmark.run import plan
from retouch.benchmark.run.method import method_sha256
from retouch.benchmark.submission import Submission
from retouch.benchmark.submit import check_code, check_record
from retouch.benchmark.submit.audit import Audit, Finding, brief
from retouch.benchmark.support.console import progress
from retouch.benchmark.support.memo import Memo

MOST_SEEDS = 6  # seeds that a warning lists


def folders_in(names: list[str], root: Path) -> list[Path]:
    """The submissions' folders.

    Args:
        names: names of submissions, paths to them, or paths to folders of submissions; none: all below `root`.

    Raises:
        ValueError: no submission has that name.
    """
    folders: list[Path] = []
    for name in names or [str(root)]:
        path = Path(name)
        inner = [p for p in sorted(path.iterdir()) if p.is_dir() and p.name[0] not in "._"] if path.is_dir() else []
        if path.is_dir() and not any((path / sign).exists() for sign in ("submission.toml", "records")) and inner:
            folders += [p.resolve() for p in inner]
        else:
            folders.append(path.resolve() if path.is_dir() else submission.find(name, root))
    return folders


def check(folder: Path, again: bool = True) -> Audit:
    """Audit one submission: its manifest, code and records, and which records are missing.

    again: read every record; else those that an earlier audit has seen as they are, with all that it held them against,
    are taken from its memory, and are not among `records`.
    """
    audit = Audit(folder)
    if not records.is_name(folder.name):
        audit.error(folder, "no submission can be called that", "lower-case letters, digits, _ . - (64 at most)")
    files = list(_files(audit, folder))
    try:
        audit.manifest = submission.read(folder)
    except (ValueError, OSError) as error:
        audit.error(folder / "submission.toml", brief(error, folder), "mend these fields: docs/writing.md")
    if audit.manifest is not None:
        _check_placeholders(audit, audit.manifest)
        for level, where, what, remedy in check_code.findings(folder, audit.manifest):
            audit.add(level, where, what, remedy)
        try:
            audit.method_sha256 = method_sha256(folder, audit.manifest.entry)
        except (ValueError, OSError, SyntaxError, RecursionError):
            audit.method_sha256 = ""  # check_code has reported it
    _check_records(audit, files, again)
    if audit.manifest is not None:
        _check_completeness(audit)
    return audit


def _check_placeholders(audit: Audit, manifest: Submission) -> None:
    """Warn of what `retouch new` left to be filled in."""
    file = audit.folder / "submission.toml"
    if "Your name" in manifest.authors:
        audit.warn(file, "authors are those of the template", "name who made it")
    if not manifest.licence:
        audit.warn(file, "no licence", "say under which licence others may use it, say MIT")


def _files(audit: Audit, folder: Path) -> Iterator[Path]:
    """Yield every plain file below a folder; report links, pipes and devices as errors and never open them."""
    try:
        entries = sorted(os.scandir(folder), key=lambda e: e.name)
    except OSError as error:
        audit.error(folder, f"cannot be read: {error.strerror}", "make it readable")
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from () if entry.name in ("__pycache__", ".git") else _files(audit, Path(entry.path))
        elif entry.is_file(follow_symlinks=False):
            yield Path(entry.path)
        else:
            audit.error(Path(entry.path), "is a link or no plain file", "put the file itself there")


def _check_records(audit: Audit, files: list[Path], again: bool) -> None:
    root = audit.folder / "records"
    own = [file for file in files if file.is_relative_to(root)]
    pictures = {file for file in own if file.suffix == ".png"}
    manifest = audit.manifest.model_dump(mode="json") if audit.manifest else None
    memo = None if again else Memo("check", str(audit.folder), manifest, audit.method_sha256)
    for file in progress(own, f"checking {audit.folder.name}"):
        if file.suffix == ".json":
            pictures.discard(file.with_suffix(".png"))
            _check_record(audit, file, memo)
        elif file.suffix != ".png":
            audit.warn(file, "is neither a record nor a picture", "remove it")
    if memo:
        memo.keep()
    for file in sorted(pictures):
        audit.warn(file, "a picture without a record", "remove it, or run again what it belongs to")


def _check_record(audit: Audit, file: Path, memo: Memo | None) -> None:
    """Add a record's cell and what is wrong with it, from memory where it is known."""
    if memo is None:
        check_record.check_record(audit, file)
        return

    def make() -> list[Any]:
        own = Audit(audit.folder, audit.manifest, method_sha256=audit.method_sha256)
        check_record.check_record(own, file)
        return [own.cells, [astuple(finding) for finding in own.findings]]

    cells, findings = memo.of([file, file.with_suffix(".png")], make)
    audit.cells += [tuple(cell) for cell in cells]
    audit.findings += [Finding(*finding) for finding in findings]


def _check_completeness(audit: Audit) -> None:
    """Warn of instances, operating points and seeds without a record; tuning instances need none."""
    if (manifest := audit.manifest) is None:
        return
    cells = {cell[:4] for cell in audit.cells if cell[4] != "failed"}
    for name in sorted({cell[0] for cell in audit.cells}) or ["tiny"]:
        try:
            track = tracks.load(name)
        except ValueError:
            continue  # an unknown track: check_record has reported it
        missing = {
            (point, instance.name): [seed for seed in track.seeds if (name, instance.name, point, seed) not in cells]
            for instance in track.instances
            if plan.fits(manifest, instance) and not instance.tuning
            for point in plan.due(manifest, instance)
        }
        _warn_missing(audit, name, {cell: seeds for cell, seeds in missing.items() if seeds})


def _warn_missing(audit: Audit, track: str, missing: dict[tuple[str, str], list[int]]) -> None:
    """Add one warning for all instances that lack the same seeds of a point."""
    name = audit.folder.name
    remedy = f"`retouch run {name} --track {track}`"
    if audit.manifest and audit.manifest.entry == "images":
        remedy = f"`retouch score IMAGES --instance I --submission {name}`"
    groups: dict[tuple[str, ...], list[str]] = {}
    for (point, instance), seeds in missing.items():
        groups.setdefault((point, *map(str, seeds[:MOST_SEEDS])), []).append(instance)
    for (point, *shown), instances in groups.items():
        audit.warn(
            name, f"no record of point {point}, seeds {', '.join(shown)}, on {track}: {', '.join(instances)}", remedy
        )
