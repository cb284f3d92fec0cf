"""A dropped zip, read with care: nothing is stored, nothing is unpacked outside a folder that is deleted at once."""

import tempfile
import zipfile
import zlib
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from retouch.benchmark import records, submission
from retouch.leaderboard.read import frame, load

FILES = 20_000
BYTES = 50_000_000  # unpacked, all files together
RATIO = 200  # of unpacked to packed, for one file: JSON reaches 30


@dataclass(frozen=True)
class Dropped:
    """The contents of a zip: runs, manifests, and the files that are neither."""

    runs: pd.DataFrame
    rejected: dict[str, str]
    manifests: dict[str, submission.Submission] = field(default_factory=dict)


def read(content: bytes) -> Dropped:
    """Records and manifests of a zip; a ValueError says why it was not opened at all."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as packed:
            entries = _checked(packed)
            with tempfile.TemporaryDirectory(prefix="retouch-") as folder:
                return _read(packed, entries, Path(folder))
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"this is no zip that can be read: {error}") from None


def pack(files: dict[str, bytes]) -> bytes:
    """Loose files as a zip, so that a dropped folder goes the same way as a dropped zip."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return out.getvalue()


def place_among(dropped: Dropped, runs: pd.DataFrame) -> pd.DataFrame:
    """All runs with the dropped ones in the place of those that they repeat."""
    keys = [pd.MultiIndex.from_frame(t[list(frame.KEYS)].astype(str)) for t in (runs, dropped.runs)]
    return frame.table(pd.concat([runs[~keys[0].isin(keys[1])], dropped.runs], ignore_index=True))


def _checked(packed: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    entries = [e for e in packed.infolist() if not e.is_dir()]
    if len(entries) > FILES:
        raise ValueError(f"the zip holds {len(entries):,} files; {FILES:,} at most")
    if sum(e.file_size for e in entries) > BYTES:
        raise ValueError(
            f"the zip unpacks to {sum(e.file_size for e in entries) / 1e6:,.0f} MB; {BYTES / 1e6:.0f} MB at most"
        )
    for entry in entries:
        if entry.file_size > RATIO * max(1, entry.compress_size) and entry.file_size > 100_000:
            raise ValueError(
                f"{entry.filename[:80]!r} is packed {entry.file_size // max(1, entry.compress_size)} to 1: "
                "no record is, so nothing was unpacked"
            )
    return entries


def _trouble(entry: zipfile.ZipInfo) -> str:
    parts = PurePosixPath(entry.filename.replace("\\", "/")).parts
    if ".." in parts or entry.filename.startswith(("/", "\\")) or ":" in entry.filename:
        return "its path climbs out of the folder"
    if (entry.external_attr >> 16) & 0o170000 == 0o120000:
        return "a link, not a file"
    return ""


def _read(packed: zipfile.ZipFile, entries: list[zipfile.ZipInfo], folder: Path) -> Dropped:
    rows: list[dict[str, Any]] = []
    rejected: dict[str, str] = {}
    manifests: dict[str, submission.Submission] = {}
    left = BYTES
    for i, entry in enumerate(entries):
        name = entry.filename[:300]
        if not name.endswith((".json", "submission.toml")) or "__MACOSX" in name:
            continue
        place = folder / str(i) / ("submission.toml" if name.endswith(".toml") else PurePosixPath(name).name[:200])
        try:
            if _trouble(entry):
                raise ValueError(_trouble(entry))
            left -= _unpack(packed, entry, place, left)
            if name.endswith(".toml"):
                manifests[PurePosixPath(name).parent.name] = submission.read(place.parent)
            else:
                rows.append(_row(records.read(place), name))
        except (ValueError, OSError, RecursionError, zipfile.BadZipFile, zlib.error, EOFError) as error:
            rejected[name] = load.reason(error)
    return Dropped(frame.table(rows), rejected, manifests)


def _unpack(packed: zipfile.ZipFile, entry: zipfile.ZipInfo, place: Path, left: int) -> int:
    """Write one entry to a name of our own, however large it claims to be; returns its bytes."""
    with packed.open(entry) as source:
        content = source.read(min(left, 1_000_001) + 1)
    if len(content) > min(left, 1_000_000):
        raise ValueError("larger than 1 MB, or than what is left of the zip’s share")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    return len(content)


def _row(record: records.Record, name: str) -> dict[str, Any]:
    row = frame.row(record)
    wanted = "/".join(frame.relative(row).parts[2:])
    if not name.replace("\\", "/").endswith(wanted):
        raise ValueError(f"lies where another run’s record belongs; this one belongs at {wanted}")
    return row
