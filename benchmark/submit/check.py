"""`retouch check`: everything that can be known about submissions without running a line of theirs.

All findings at once, each with its remedy. An error keeps a submission off the board; a warning is worth a look.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from retouch.benchmark import records, submission, tracks
from retouch.benchmark.run import plan
from retouch.benchmark.run.method import method_sha256
from retouch.benchmark.submission import Submission
from retouch.benchmark.submit import check_code, check_record
from retouch.benchmark.submit.check_record import Checked

SHOWN = 6  # seeds that one line lists


def folders_in(names: list[str], root: Path) -> list[Path]:
    """The folders of submissions that are asked for: names, paths, folders of submissions; none: all below `root`.

    Raises:
        ValueError: a name that nothing is called.
    """
    found: list[Path] = []
    for name in names or [str(root)]:
        path = Path(name)
        inner = [p for p in sorted(path.iterdir()) if p.is_dir() and p.name[0] not in "._"] if path.is_dir() else []
        if path.is_dir() and not any((path / sign).exists() for sign in ("submission.toml", "records")) and inner:
            found += [p.resolve() for p in inner]
        else:
            found.append(path.resolve() if path.is_dir() else submission.find(name, root))
    return found


def check(folder: Path) -> Checked:
    """Everything that is wrong with one submission."""
    found = Checked(folder)
    if not records.is_name(folder.name):
        found.error(folder, "no submission can be called that", "lower-case letters, digits, _ . - (64 at most)")
    files = list(_files(found, folder))
    try:
        found.manifest = submission.read(folder)
    except (ValueError, OSError) as error:
        found.error(folder / "submission.toml", check_record.brief(error, folder), "mend these fields: docs/writing.md")
    if found.manifest is not None:
        _check_placeholders(found, found.manifest)
        for level, where, what, remedy in check_code.findings(folder, found.manifest):
            found.add(level, where, what, remedy)
        try:
            found.method_sha256 = method_sha256(folder, found.manifest.entry)
        except (ValueError, OSError, SyntaxError, RecursionError):
            found.method_sha256 = ""  # said above
    _check_records(found, files)
    if found.manifest is not None:
        _check_completeness(found)
    return found


def _check_placeholders(found: Checked, manifest: Submission) -> None:
    """What `retouch new` left to be filled in."""
    file = found.folder / "submission.toml"
    if "Your name" in manifest.authors:
        found.warn(file, "authors are those of the template", "name who made it")
    if not manifest.licence:
        found.warn(file, "no licence", "say under which licence others may use it, say MIT")


def _files(found: Checked, folder: Path) -> Iterator[Path]:
    """Every plain file below a folder; links, pipes and devices are errors, and are never opened."""
    try:
        entries = sorted(os.scandir(folder), key=lambda e: e.name)
    except OSError as error:
        found.error(folder, f"cannot be read: {error.strerror}", "make it readable")
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from () if entry.name in ("__pycache__", ".git") else _files(found, Path(entry.path))
        elif entry.is_file(follow_symlinks=False):
            yield Path(entry.path)
        else:
            found.error(Path(entry.path), "is a link or no plain file", "put the file itself there")


def _check_records(found: Checked, files: list[Path]) -> None:
    root = found.folder / "records"
    ours = [file for file in files if file.is_relative_to(root)]
    pictures = {file for file in ours if file.suffix == ".png"}
    for file in ours:
        if file.suffix == ".json":
            pictures.discard(file.with_suffix(".png"))
            check_record.check_record(found, file)
        elif file.suffix != ".png":
            found.warn(file, "is neither a record nor a picture", "remove it")
    for file in sorted(pictures):
        found.warn(file, "a picture without a record", "remove it, or run again what it belongs to")


def _check_completeness(found: Checked) -> None:
    """Which instances, operating points and seeds have no record yet; tuning instances need none."""
    done = {(r.track, r.instance, r.point, r.seed) for r in found.records if r.status != "failed"}
    for name in sorted({record.track for record in found.records}) or ["tiny"]:
        try:
            track = tracks.load(name)
        except ValueError:
            continue  # an unknown track, said above
        asked = [one.name for one in track.instances if plan.fits(found.manifest, one) and not one.tuning]
        points = [point.name for point in found.manifest.points]
        missing = {
            (point, one): [seed for seed in track.seeds if (name, one, point, seed) not in done]
            for point in points
            for one in asked
        }
        _say_missing(found, name, {cell: seeds for cell, seeds in missing.items() if seeds})


def _say_missing(found: Checked, track: str, missing: dict[tuple[str, str], list[int]]) -> None:
    """One warning for all instances that lack the same seeds of a point."""
    own = found.folder.name
    how = f"`retouch run {own} --track {track}`"
    if found.manifest.entry == "images":
        how = f"`retouch score IMAGES --instance I --submission {own}`"
    alike: dict[tuple[str, ...], list[str]] = {}
    for (point, instance), seeds in missing.items():
        alike.setdefault((point, *map(str, seeds[:SHOWN])), []).append(instance)
    for (point, *seeds), instances in alike.items():
        found.warn(
            own, f"no record of point {point}, seeds {', '.join(seeds)}, on {track}: {', '.join(instances)}", how
        )
