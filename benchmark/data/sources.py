"""Read images from where people have them: a folder with a table, an npz, torchvision's sets, Arrow files."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
SPLITS = {"train": 0.6, "guide": 0.1, "judge": 0.15, "heldout": 0.15}
Read = tuple[list[str], np.ndarray, dict[str, list[Any]]]  # names, uint8 (N, C, H, W), columns of labels


def _pairs(value: Any) -> Any:
    return tuple(value.items()) if isinstance(value, dict) else value


class Entry(BaseModel):
    """A table of data.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    source: str = Field(description="folder, npz, torchvision or arrow")
    path: Path
    size: int = Field(gt=0)
    channels: int = 3
    set: str = Field("", description="class of torchvision.datasets")
    table: Path | None = None
    file: str = "file_name"
    attributes: tuple[str, ...] = ()
    identity: str = ""
    strangers: float = Field(0.1, ge=0, lt=1, description="share of the people that are kept apart")
    splits: Annotated[tuple[tuple[str, float], ...], BeforeValidator(_pairs)] = tuple(SPLITS.items())
    split_by: Literal["image", "identity"] = Field("image", description="what is kept in one split: people, or images")
    licence: str = Field(min_length=1, description="under which the images may be used; stands in the card")

    @model_validator(mode="after")
    def _with_people(self) -> Entry:
        if self.split_by == "identity" and not self.identity:
            raise ValueError('split_by = "identity" needs `identity`, the column that says who it is')
        return self


def read(entry: Entry) -> Read:
    """The images of an entry by name, with their labels' columns; see `SOURCES` for the kinds.

    Raises:
        ValueError: an unknown source, or an image that cannot be read; FileNotFoundError: what is not there.
    """
    if entry.source not in SOURCES:
        raise ValueError(f"source {entry.source!r} is none of {', '.join(SOURCES)}")
    if not entry.path.exists():
        raise FileNotFoundError(
            f"{entry.path} does not exist; `path` in data.toml is counted from the file's own folder"
        )
    names, images, columns = SOURCES[entry.source](entry)
    if not len(images):
        raise ValueError(f"{entry.path} holds no images; wanted {', '.join(SUFFIXES)}")
    return names, images, columns


def fitted(picture: Image.Image, entry: Entry) -> np.ndarray:
    """A picture as uint8 (C, S, S): its middle square, brought to size with anti-aliasing."""
    picture = picture.convert("L" if entry.channels == 1 else "RGB")
    if picture.size != (entry.size, entry.size):
        picture = ImageOps.fit(picture, (entry.size, entry.size), Image.Resampling.LANCZOS)
    return np.asarray(picture).reshape(entry.size, entry.size, entry.channels).transpose(2, 0, 1)


def opened(content: bytes | Path, entry: Entry, name: str) -> np.ndarray:
    """`fitted` of an image file; a ValueError names one that cannot be read."""
    try:
        with Image.open(io.BytesIO(content) if isinstance(content, bytes) else content) as picture:
            return fitted(picture, entry)
    except FileNotFoundError:
        raise ValueError(f"{name} is in the table and not in {entry.path}; take out its row") from None
    except (UnidentifiedImageError, OSError, ValueError) as error:
        raise ValueError(f"{name} is no image that can be read ({error}); mend it, or take it out") from None


def folder(entry: Entry) -> Read:
    """A folder of images: those of a table's rows, else all, their folders being their categories.

    A table called metadata.csv, .jsonl or .parquet among the images is found: an imagefolder of Hugging Face has one.
    """
    beside = (entry.path / f"metadata.{kind}" for kind in ("csv", "jsonl", "parquet"))
    rows = entry.table or next((file for file in beside if file.is_file()), None)
    if rows:
        columns = table(rows)
        if entry.file not in columns:
            raise ValueError(f"{rows}: no column {entry.file!r} (`file`); there are {', '.join(columns)}")
        names = [str(name) for name in columns.pop(entry.file)]
    else:
        files = sorted(file for file in entry.path.rglob("*") if file.suffix.lower() in SUFFIXES)
        names = [file.relative_to(entry.path).as_posix() for file in files]
        columns = {"category": [Path(name).parent.name for name in names]}
    return names, np.array([opened(entry.path / name, entry, name) for name in names]), columns


def table(file: Path) -> dict[str, list[Any]]:
    """The columns of a CSV, JSON-lines or Parquet file."""
    if not file.is_file():
        raise FileNotFoundError(f"{file} does not exist; `table` in data.toml names it")
    if file.suffix == ".parquet":
        return _parquet(file)
    with file.open(newline="", encoding="utf-8-sig") as stream:
        try:
            rows = list(map(json.loads, stream) if file.suffix == ".jsonl" else csv.DictReader(stream))
        except (ValueError, csv.Error) as error:
            raise ValueError(f"{file} is no table that can be read: {error}; mend that line") from None
    if not rows:
        raise ValueError(f"{file} has no rows")
    ragged = [
        i
        for i, row in enumerate(rows)
        if not isinstance(row, dict) or row.keys() != rows[0].keys() or None in (*row, *row.values())
    ]  # csv's None: a name without a value, or a value without a name
    if ragged:
        raise ValueError(f"{file}: row {ragged[0] + 1} has not a value for each name of the first; mend it")
    return {name: [row[name] for row in rows] for name in rows[0]}


def _parquet(file: Path) -> dict[str, list[Any]]:
    try:
        import pyarrow.parquet
    except ImportError:
        raise ValueError(f"{file} needs pyarrow: pip install 'retouch-bench[board]', or write a CSV") from None
    return pyarrow.parquet.read_table(file).to_pydict()


def npz(entry: Entry) -> Read:
    """An npz: `images`, uint8 (N, C, H, W) or (N, H, W, C) of the size stated, and an array (N,) for each label."""
    with np.load(entry.path, allow_pickle=False) as arrays:
        columns = {name: arrays[name].tolist() for name in arrays.files if name != "images"}
        if "images" not in arrays.files:
            raise ValueError(f"{entry.path}: no array 'images'; there are {', '.join(arrays.files)}")
        images = arrays["images"]
    shape = (entry.channels, entry.size, entry.size)
    if images.ndim == 4 and images.shape[1:] == (*shape[1:], shape[0]):
        images = images.transpose(0, 3, 1, 2)
    if images.dtype != np.uint8 or images.shape[1:] != shape:
        raise ValueError(f"{entry.path}: images are {images.dtype} {images.shape}, wanted uint8 (N, {shape})")
    return [str(i) for i in range(len(images))], images, columns


def torchvision(entry: Entry) -> Read:
    """A set of torchvision's that is on disk; nothing is downloaded. Its target is the category."""
    import torchvision.datasets

    kind = getattr(torchvision.datasets, entry.set, None)
    if kind is None:
        raise ValueError(f"set {entry.set!r} is no class of torchvision.datasets")
    if entry.set == "CelebA":
        return _celeba(kind(str(entry.path), "all", ["attr", "identity"], download=False), entry)
    rows = list(kind(str(entry.path), download=False))
    names = [str(i) for i in range(len(rows))]
    return names, np.array([fitted(picture, entry) for picture, _ in rows]), {"category": [int(t) for _, t in rows]}


def _celeba(dataset: Any, entry: Entry) -> Read:
    labels = {name: dataset.attr[:, k].tolist() for k, name in enumerate(dataset.attr_names) if name}
    images = np.array([fitted(dataset[i][0], entry) for i in range(len(dataset))])
    return list(dataset.filename), images, labels | {"identity": dataset.identity[:, 0].tolist()}


def arrow(entry: Entry) -> Read:
    """A data set that Hugging Face's `save_to_disk` wrote: *.arrow with a column of images, {bytes, path}."""
    try:
        import pyarrow as pa
    except ImportError:
        raise ValueError(f"{entry.path} needs pyarrow: pip install 'retouch-bench[board]'") from None
    files = sorted(entry.path.rglob("*.arrow"))
    if not files:
        raise FileNotFoundError(f"{entry.path} holds no .arrow file; `save_to_disk` writes them")
    rows = [row for file in files for row in pa.ipc.open_stream(pa.memory_map(str(file))).read_all().to_pylist()]
    picture = next((name for name, value in rows[0].items() if isinstance(value, dict) and "bytes" in value), None)
    if picture is None:
        raise ValueError(f"{entry.path}: no column holds images; there are {', '.join(rows[0])}")
    names = [str(i) for i in range(len(rows))]
    images = np.array([opened(row[picture]["bytes"], entry, f"row {i}") for i, row in enumerate(rows)])
    return names, images, {name: [row[name] for row in rows] for name in rows[0] if name != picture}


SOURCES: dict[str, Callable[[Any], Read]] = {
    "folder": folder, "npz": npz, "torchvision": torchvision, "arrow": arrow,
}  # fmt: skip
