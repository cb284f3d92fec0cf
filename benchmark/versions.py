"""What a score rests on, by version and by content: whether a record still stands, and a track's fingerprint.

`python -m retouch.benchmark.versions CHANGELOG.md` writes the fingerprints of all tracks into its unreleased
section, where a test wants them; say there, too, what has changed and why.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any

from retouch.benchmark import tracks, weights
from retouch.benchmark.records import Record
from retouch.benchmark.submission import NEEDS
from retouch.benchmark.support.files import write_atomically
from retouch.benchmark.tracks import Instance, Track

WEIGHTS = ("base", "judge", "guide", "retrained")  # of an instance
METRICS = "2"  # of the metrics and of the scale's form; a change makes older records stale


def digest(value: Any) -> str:
    """Hash of anything that JSON can hold."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def versions(track: Track, instance: Instance) -> dict[str, str]:
    """The versions that a record of today names."""
    return {"track": track.version, "instance": instance.version, "metrics": METRICS}


def hashes(track: Track, instance: Instance, access: Collection[str] | None = None) -> dict[str, str]:
    """The hashes that a record of today names, but for those of the data, the method and its answers.

    access: the words of a submission's; of guide and retrained generator only what they reveal counts. None: both.
    """
    seen = [name for name in WEIGHTS if access is None or NEEDS.get(name) in (None, *access)]
    return {
        **{one: weights.card(weights.folder(of))["sha256"] for one in seen if (of := getattr(instance, one))},
        "scale": digest(tracks.scale(track.name).get(instance.name)),
        "instance": digest(instance.model_dump(mode="json") | {"budget": track.max_minutes}),
    }


@cache
def today(track: str, instance: str) -> tuple[dict[str, str], dict[str, str]]:
    """Versions and hashes as they are now, looked up once; a ValueError where track or instance is not known here."""
    known = tracks.load(track)
    found = known.instance(instance)
    return versions(known, found), hashes(known, found)


def moved(record: Record) -> list[str]:
    """What has moved since the record was made, in words; none: it stands. What the record does not name is not held
    against it, and neither is a track that is not known here.
    """
    try:
        tracks.load(record.track)
    except ValueError:
        return []
    try:
        numbers, contents = today(record.track, record.instance)
    except ValueError as gone:
        return [str(gone)]
    numbers = numbers | {"metrics": METRICS}
    said, hashed = record.provenance.versions, record.provenance.sha256
    found = [f"{name} version {said[name]}, now {now}" for name, now in numbers.items() if said.get(name, now) != now]
    return found + [f"another {name}" for name, now in contents.items() if hashed.get(name, now) != now]


def fingerprint(name: str) -> str:
    """Twelve digits of the hash of all that a track's scores rest on: its file, its scale, the weights, METRICS."""
    track = tracks.load(name)
    return digest([track.model_dump(mode="json"), METRICS, [hashes(track, one) for one in track.instances]])[:12]


def line(name: str) -> str:
    """The line with which CHANGELOG.md names a track's fingerprint."""
    version = tracks.load(name).version
    return f"- Scores of `{name}`: version {version}, metrics version {METRICS}, fingerprint `{fingerprint(name)}`."


def scaled() -> list[str]:
    """The tracks that have scores: those with a scale."""
    return [name for name in tracks.names() if tracks.scale_file(name).exists()]


def section(changes: str) -> str:
    """The newest section of a change log: from its heading to the next one."""
    return "## " + changes.split("\n## ")[1]


def written(changes: str) -> str:
    """The change log with today's fingerprints at the head of its unreleased section."""
    newest = section(changes)
    if "unreleased" not in newest.splitlines()[0]:
        raise ValueError("the newest section is released; begin one with `## VERSION (unreleased)` above it")
    heading, *rest = newest.splitlines()
    kept = "\n".join(one for one in rest if not one.startswith("- Scores of `")).strip("\n")
    lines = "\n".join(line(name) for name in scaled())
    end = "\n" if newest.endswith("\n") else ""
    return changes.replace(newest, f"{heading}\n\n{lines}\n{kept}{end}")


if __name__ == "__main__":
    file = Path(sys.argv[1])
    write_atomically(file, written(file.read_text()).encode())
