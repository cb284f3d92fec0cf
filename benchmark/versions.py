"""What a score depends on, by version and by content: whether a record is stale, and a track's fingerprint.

`python -m retouch.benchmark.versions CHANGELOG.md` writes the fingerprints of all tracks into its unreleased
section, where a test looks for them; describe there, too, what has changed and why.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

from retouch.benchmark import setup, tracks
from retouch.benchmark.records import Record
from retouch.benchmark.support.cache import json_key
from retouch.benchmark.support.files import write_atomically
from retouch.benchmark.tasks import look_up


@cache
def hashes(track: str, instance: str) -> dict[str, str]:
    """An instance's hashes as they are now, looked up once; a ValueError if there is no such track or instance."""
    loaded = tracks.load(track)
    return look_up(loaded, loaded.instance(instance)).hashes()


def moved(record: Record) -> list[str]:
    """What has changed since the record was made, in words; an empty list if it is current.

    A version or hash that the record does not name does not count, nor does a track that is not known here.
    """
    try:
        track = tracks.load(record.track)
    except ValueError:
        return []
    try:
        versions = setup.current_versions(track, track.instance(record.instance))
        contents = hashes(record.track, record.instance)
    except ValueError as error:
        return [str(error)]
    recorded, recorded_hashes = record.provenance.versions, record.provenance.sha256
    newer = {name: now for name, now in versions.items() if recorded.get(name, now) != now}
    changes = [f"{name} version {recorded[name]}, now {now}" for name, now in newer.items()]
    return changes + [f"another {name}" for name, now in contents.items() if recorded_hashes.get(name, now) != now]


def edition(record: Record) -> str:
    """The release and the versions that a record was made with, in a line: records of one edition can be compared."""
    made = record.provenance.versions
    release, track, metrics = (made.get(name, "unknown") for name in ("retouch", "track", "metrics"))
    return f"retouch {release}, {record.track} {track}, metrics {metrics}"


def fingerprint(name: str) -> str:
    """Twelve digits of the hash of all that a track's scores rest on: its file, scale, weights and METRICS."""
    track = tracks.load(name)
    hashes = [look_up(track, instance).hashes() for instance in track.instances]
    return json_key([track.model_dump(mode="json"), setup.METRICS, hashes])[:12]


def line(name: str) -> str:
    """The line with which CHANGELOG.md names a track's fingerprint."""
    version = tracks.load(name).version
    return (
        f"- Scores of `{name}`: version {version}, metrics version {setup.METRICS}, fingerprint `{fingerprint(name)}`."
    )


def scaled() -> list[str]:
    """The tracks that have scores: those with a scale that ships."""
    return [name for name in tracks.names() if tracks.load(name).ships and tracks.scale_file(name).exists()]


def section(changes: str) -> str:
    """The newest section of a change log: from its heading to the next one."""
    return "## " + changes.split("\n## ")[1]


def written(changes: str) -> str:
    """The change log with today's fingerprints at the head of its unreleased section."""
    newest = section(changes)
    if "unreleased" not in newest.splitlines()[0]:
        raise ValueError("the newest section is released; begin one with `## VERSION (unreleased)` above it")
    heading, *rest = newest.splitlines()
    body = "\n".join(text for text in rest if not text.startswith("- Scores of `")).strip("\n")
    lines = "\n".join(line(name) for name in scaled())
    end = "\n" if newest.endswith("\n") else ""
    return changes.replace(newest, f"{heading}\n\n{lines}\n{body}{end}")


if __name__ == "__main__":
    file = Path(sys.argv[1])
    write_atomically(file, written(file.read_text()).encode())
