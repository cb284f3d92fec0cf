"""`retouch release`: private instances from a secret; its hash is published now, itself at the next release.

Which over-represented person, which category, which attributes in which mix, and which seeds: everything follows from
the secret and the public track. Goals go to the ideal, so that nothing has to be trained. Nobody can tune on what
nobody knows; once the secret is out, everybody can draw the instances again and see that nothing was chosen.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from retouch.benchmark import joint, tracks, weights
from retouch.benchmark.data.faces import Design
from retouch.benchmark.support.files import write_atomically, write_json
from retouch.benchmark.tracks import Instance, Track

MIXES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)  # shares of an attribute's value that may be asked for
SEEDS = 3


def draw(track: Track, secret: str, version: str) -> Track:
    """The private track of a release: each core instance with another target, and other seeds."""
    taken = [_wish(instance.target) for instance in track.instances]
    ranked = [instance for instance in track.instances if instance.core and not instance.tuning]
    private = [_redrawn(instance, _rng(secret, version, instance.name), taken) for instance in ranked]
    seeds = _rng(secret, version, "seeds").integers(tracks.OWN_SEEDS, 2**30, SEEDS).tolist()
    named = {"name": f"{track.name}-private-{version}", "summary": f"private instances of {track.name}, {version}"}
    return track.model_copy(update={**named, "seeds": seeds, "instances": private})


def _rng(secret: str, version: str, purpose: str) -> np.random.Generator:
    digest = hmac.digest(bytes.fromhex(secret), f"{version}/{purpose}".encode(), "sha256")
    return np.random.default_rng(np.frombuffer(digest, np.uint32))


def _redrawn(instance: Instance, rng: np.random.Generator, taken: list[dict[str, Any]]) -> Instance:
    """The instance with another target of its kind; with its own where there is none that is not public.

    There, seeds alone are private: what is asked of diversity has no target beside the attribute, and nobody would see
    whether a person who has a share like everybody else's is gone.
    """
    targets = [target for target in _targets(instance) if _wish(target) not in taken]
    target = targets[int(rng.integers(len(targets)))] if targets else instance.target
    return instance.model_copy(update={"target": target, "retrained": None, "retrained_again": [],
                                       "version": f"{instance.version}-private"})  # fmt: skip


def _wish(target: dict[str, Any]) -> dict[str, Any]:
    """What a target asks for, whatever is shown for it."""
    return {name: target[name] for name in ("attribute", "values", "shares") if name in target}


def _targets(instance: Instance) -> list[dict[str, Any]]:
    """The targets that an instance could have, the public ones among them; none where it states no target."""
    target, heads = instance.target, weights.find(instance.judge).config["heads"]
    if "values" in target:
        values = range(joint.size(target["attribute"], heads))
        if target["attribute"] == "identity":  # those who have more than their share of the training images
            values = range(len(weights.find(instance.base).recipe["data"].get("shares", Design.shares)))
        return [target | {"values": [value]} for value in values]
    if "shares" in target:
        binary = sorted(name for name, classes in heads.items() if classes == 2)
        if isinstance(target["attribute"], list):
            n = len(target["attribute"])
            even = np.full([2] * n, 0.5**n).tolist()
            return [{"attribute": list(some), "shares": even} for some in combinations(binary, n)]
        return [
            {"attribute": name, "shares": [round(1 - share, 2), share]}
            for name in binary for share in MIXES
        ]  # fmt: skip
    return []


def commitment(secret: str) -> str:
    """What is published of a secret before itself: its sha256."""
    return hashlib.sha256(bytes.fromhex(secret)).hexdigest()


def secret_of(file: Path) -> str:
    """The secret in a file, 64 hexadecimal digits; a missing file is written, for its owner's eyes alone."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(handle, "w") as stream:
            stream.write(secrets.token_hex(32) + "\n")
    text = file.read_text().strip()
    if len(text) != 64 or not set(text) <= set("0123456789abcdef"):
        raise ValueError(
            f"{file} holds no secret: wanted 64 hexadecimal digits; a file that is missing is written anew"
        )
    return text


def release(version: str, track: Track, secret: Path, releases: Path, into: Path, previous: Path | None) -> Path:
    """Publish a release's commitment and the previous release's secret; write the private track for the host alone.

    Args:
        releases: the public list, a JSON file; into: a folder for RETOUCH_PATH; previous: the last release's secret.

    Returns: the private track's file.

    Raises:
        ValueError: a version that was released, or a previous secret that is not the one that was committed to.
    """
    entries = json.loads(releases.read_text()) if releases.exists() else []
    if version in [entry["version"] for entry in entries]:
        raise ValueError(f"{releases}: {version} is released already")
    last = next((entry for entry in reversed(entries) if entry["track"] == track.name), None)
    if last and "secret" not in last:
        if previous is None:
            raise ValueError(f"{last['version']} is replaced: name the file of its secret with --previous")
        old = secret_of(previous)
        if commitment(old) != last["commitment"]:
            raise ValueError(f"{previous} is not the secret that {last['version']} was drawn from")
        last["secret"] = old
    own = secret_of(secret)
    day = datetime.now(UTC).date().isoformat()
    entries.append({"version": version, "track": track.name, "day": day, "commitment": commitment(own)})
    private = draw(track, own, version)
    file = into / "tracks" / private.name / "track.toml"
    write_atomically(file, toml(private).encode())
    write_json(releases, entries)
    return file


def toml(track: Track) -> str:
    """A track as the text of its file."""
    table = track.model_dump(mode="json", exclude={"instances"})
    lines = ["[track]", *(f"{name} = {_value(value)}" for name, value in table.items())]
    for instance in track.instances:
        fields = instance.model_dump(mode="json", exclude_none=True)
        fields["name"] = fields["name"].split("/", 1)[1]
        lines += ["", "[[instance]]", *(f"{name} = {_value(value)}" for name, value in fields.items())]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(name)} = {_value(inner)}" for name, inner in value.items()) + " }"
    return "[" + ", ".join(map(_value, value)) + "]" if isinstance(value, list) else json.dumps(value)
