"""Check one record: its place, its agreement with the manifest, its versions and hashes, and its arithmetic.

Goal and quality are computed again from the raw metrics and the track's scale, so that an edited score is found here;
edited metrics are found by `retouch.benchmark.submit.verify`, which runs the method again.
"""

from __future__ import annotations

import hashlib
import math
from functools import partial
from pathlib import Path

from retouch.benchmark import records, setup, tasks, tracks, versions
from retouch.benchmark.records import Record, Scaled
from retouch.benchmark.run import scale
from retouch.benchmark.submission import NEEDS
from retouch.benchmark.submit import check_cost, check_origin
from retouch.benchmark.submit.audit import AddFinding, Audit, brief
from retouch.benchmark.support.files import read_bytes
from retouch.benchmark.tracks import Instance, Track

TOLERANCE = 1e-4  # of a goal computed again from recorded numbers, which have six decimals


def check_record(audit: Audit, file: Path) -> None:
    """Add all that is wrong with a record to `audit`; the record too, if it can be read and lies in its place."""
    try:
        record = records.read(file)
    except (ValueError, OSError, RecursionError) as unreadable:
        audit.error(file, brief(unreadable, audit.folder), f"`retouch run {audit.folder.name}` writes it anew")
        return
    error, warn = partial(audit.error, file), partial(audit.warn, file)
    if file != records.path(audit.folder, record) or record.submission != audit.folder.name:
        error(f"is the record of {record.label}, which belongs elsewhere", "records are written by `retouch run` alone")
        return
    audit.records.append(record)
    audit.cells.append((record.track, record.instance, record.point, record.seed, record.status))
    _check_manifest(audit, record, error, warn)
    if record.status == "failed":
        warn(f"the run failed: {record.reason[:200]}", "mend the method; `retouch run` tries it again")
    _check_picture(record, file, error)
    try:
        track = tracks.load(record.track)
        instance = track.instance(record.instance)
    except ValueError as unknown:
        error(str(unknown), "remove the record, or update the package")
        return
    if record.seed not in track.seeds:
        warn(f"seed {record.seed} is none of the track's ({', '.join(map(str, track.seeds))})", "it is not ranked")
    if audit.manifest and instance.family not in audit.manifest.families:
        error(f"family {instance.family} is not in submission.toml", "add it to `families`, or remove the record")
    check_origin.check_origin(record, error)
    if not _check_provenance(audit, record, error):
        return  # today's scale says nothing about a score of another version
    check_origin.check_data(record, error)
    _check_scores(record, track, instance, error)
    check_cost.check_cost(record, track, instance, bool(audit.manifest and audit.manifest.control), error)


def _check_manifest(audit: Audit, record: Record, error: AddFinding, warn: AddFinding) -> None:
    manifest = audit.manifest
    if manifest is None:
        return
    point = next((point for point in manifest.points if point.name == record.point), None)
    remedy = f"`retouch run {audit.folder.name}` makes it anew, or remove the record"
    if point is None:
        error(f"operating point {record.point!r} is not in submission.toml", "add it there, or remove the record")
    elif record.params != (params := {**manifest.params, **point.params}):
        error(f"params {record.params} are not those of point {record.point!r}: {params}", remedy)
    if record.method != manifest.entry:
        error(f"method {record.method!r} is not the manifest's entry {manifest.entry!r}", remedy)
    if record.access != manifest.access:
        error(f"made with access {', '.join(record.access) or 'to nothing'}, not that of submission.toml", remedy)
    if (record.status == "samples_only") != (record.method == "images"):
        error(f"status {record.status} of the entry {record.method!r}", "`retouch score` writes images' records alone")
    if record.task not in manifest.tasks:
        warn(f"task {record.task} is not in submission.toml", "add it to `tasks`, or remove the record")


def _check_picture(record: Record, file: Path, error: AddFinding) -> None:
    sha256 = record.provenance.sha256.get("picture")
    picture = file.with_suffix(".png")
    if sha256 is None:
        if record.metrics:
            error("names no picture's sha256", "`retouch run` writes record and picture together")
        return
    try:
        same = not picture.is_symlink() and hashlib.sha256(read_bytes(picture)).hexdigest() == sha256
    except FileNotFoundError:
        error("its picture is missing", "add the .png beside it; `retouch run` writes both")
        return
    except (OSError, ValueError) as trouble:
        error(f"its picture cannot be read: {trouble}", "`retouch run` writes both")
        return
    if not same:
        error("the picture beside it is another one than the record names", "`retouch run` writes both together")


def _check_provenance(audit: Audit, record: Record, error: AddFinding) -> bool:
    """Whether the record was made with today's versions and hashes."""
    revealed = [name for name in ("guide", "retrained") if NEEDS[name] in record.access]
    needed = {"base", "judge", "encoder", "scale", "instance", "method", *revealed, *["data"] * bool(record.metrics)}
    absent = needed - record.provenance.sha256.keys() | {"track", "metrics"} - record.provenance.versions.keys()
    if absent:
        error(f"provenance lacks {', '.join(sorted(absent))}", "records are written by `retouch run` alone")
        return False
    name = audit.folder.name
    moved = versions.moved(record)
    if moved:
        error(f"stale: {'; '.join(moved)}", f"`retouch rescore {name}`; what that cannot do, `retouch run {name}`")
    if audit.method_sha256 and record.provenance.sha256["method"] != audit.method_sha256:
        error("made by other code than the submission's", f"`retouch run {name}` runs it again")
    unproven = None in (record.claim.goal, record.claim.quality) and not record.claim.note.startswith("by sample: ")
    if record.claim.status == "verified" and unproven and record.goal:
        error("verified, but the second run's values are missing", "maintainers' `retouch verify --claim` writes them")
    return not moved


def _check_scores(record: Record, track: Track, instance: Instance, error: AddFinding) -> None:
    """Compute goal and quality again from the raw metrics and the track's scale, and compare."""
    remedy = "goal and quality follow from the metrics: `retouch run` writes them, nobody edits them"
    if record.status in ("ok", "samples_only", "below_floor") and record.quality is not None:
        anchors = tracks.scale(track.name)[instance.name]
        goal, _ = setup.goal(tasks.module(instance.task), instance.target)
        absent = [name for name in (goal, *scale.PARTS) if name not in record.metrics]
        if absent:
            error(f"metrics lack {', '.join(absent)}", remedy)
            return
        if record.goal is not None:
            recomputed = scale.on_scale(record.metrics[goal], anchors["unchanged"][goal], anchors["ideal"])
            _compare("goal", record.goal, recomputed, error, remedy)
        quality = scale.quality(record.metrics, anchors)
        if quality is not None:
            _compare("quality", record.quality, quality, error, remedy)
            if record.quality.binds != quality.binds:
                error(f"quality.binds is {record.quality.binds!r}; the smallest ratio is {quality.binds!r}", remedy)
        below = record.quality.value < track.floor
        if below != (record.status == "below_floor"):
            error(f"status {record.status} with quality {record.quality.value:.3f}, floor {track.floor}", remedy)
    n = record.metrics["fd"].n if "fd" in record.metrics else 1
    if n < 1 or any(abs(metric.value) > 1e9 for metric in record.metrics.values()):
        error("a metric that rests on no image, or that no measurement can give", remedy)


def _compare(name: str, recorded: Scaled, recomputed: Scaled, error: AddFinding, remedy: str) -> None:
    for end in ("value", "low", "high"):
        a, b = getattr(recorded, end), getattr(recomputed, end)
        if not math.isclose(a, b, abs_tol=TOLERANCE):
            error(f"{name}.{end} is {a:.4f}; its metrics and the track's scale give {b:.4f}", remedy)
