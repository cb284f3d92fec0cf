"""Check what a record says of where it comes from: time, packages, version, hashes and data."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import cache

from retouch.benchmark import setup, tracks
from retouch.benchmark.records import Record
from retouch.benchmark.submit.audit import AddFinding
from retouch.benchmark.support import machine
from retouch.benchmark.tasks import look_up

REMEDY = "records are written by `retouch run` alone"
HASHES = {*setup.WEIGHTS, "scale", "instance", "method", "data", "answers", "picture"}
VERSION = re.compile(r"\d+(\.\d+)*[\w.+-]*")
AHEAD = timedelta(days=1)  # by which a machine's clock may be wrong


def check_origin(record: Record, error: AddFinding) -> None:
    """Report a time to come, packages that are none, a version of this package that does not exist yet."""
    provenance = record.provenance
    if datetime.fromisoformat(provenance.time) > datetime.now(UTC) + AHEAD:
        error(f"made at {provenance.time}, which is still to come", REMEDY)
    absent = machine.packages().keys() - provenance.packages.keys()
    if absent:
        error(f"packages lack {', '.join(sorted(absent))}", REMEDY)
    odd = [name for name, version in provenance.packages.items() if name != "processor" and not _is_version(version)]
    if odd:
        error(f"packages: the version of {', '.join(map(repr, odd))} is none", REMEDY)
    own, here = provenance.versions.get("retouch", ""), machine.own_version()["retouch"]
    if not _is_version(own) or _numbers(own) > _numbers(here):
        error(f"made by version {own!r} of this package, which is at {here}", REMEDY)
    if unknown := provenance.sha256.keys() - HASHES:
        error(f"hashes of {', '.join(map(repr, sorted(unknown)))}, which no record names", REMEDY)


def _is_version(text: str) -> bool:
    return len(text) < 40 and VERSION.fullmatch(text) is not None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d{1,9}", version)[:3]))


def check_data(record: Record, error: AddFinding) -> None:
    """Report the hash of other training data than the instance's, where those are at hand."""
    if "data" not in record.provenance.sha256:
        return  # a run without scores names none
    here = _data_sha256(record.track, record.instance)
    if here and record.provenance.sha256["data"] != here:
        error("made with other training data than the instance's", REMEDY)


@cache
def _data_sha256(track: str, instance: str) -> str:
    """Hash of an instance's training data; empty for a track whose data everybody brings."""
    known = tracks.load(track)
    try:
        return look_up(known, known.instance(instance)).data_sha256()
    except (ValueError, OSError, ImportError):
        return ""
