"""Photographs of people with identities and attributes: CelebA, brought by the user; nothing of it ships.

Liu, Luo, Wang and Tang, "Deep Learning Face Attributes in the Wild", ICCV 2015. Its agreement allows non-commercial
research and forbids passing images on; weights trained on it stay on the user's machine. Read from RETOUCH_DATA:
    celeba          torchvision's layout: celeba/img_align_celeba/*.jpg, list_attr_celeba.txt, identity_CelebA.txt;
    celeba_faces    celeba_faces_64/celeba_faces_64.npz: images uint8 (N, 64, 64, 3), identity, attributes with
                    attribute_names, near_duplicate_of (-1, or the row of an earlier image almost the same).
"""

from __future__ import annotations

import os
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from retouch.benchmark.data.images import Images
from retouch.benchmark.data.people import matched, rows_of, split_table
from retouch.benchmark.support.cache import cache_folder, json_key, remembered
from retouch.benchmark.support.files import sha256

ATTRIBUTES = {"male": "Male", "smiling": "Smiling", "eyeglasses": "Eyeglasses", "hat": "Wearing_Hat"}
PLACES = {"celeba": "celeba", "celeba_faces": "celeba_faces_64/celeba_faces_64.npz"}
CROP = (15, 35, 163, 183)  # the centred 148x148 of an aligned picture of 178x218
Raw = tuple[np.ndarray, np.ndarray, np.ndarray]  # uint8 (N, 3, S, S), identity (N,), attributes (N, A)


def celeba(
    name: str, split: str, *, size: int = 64, people: int = 1000, repeat: int = 1, n: int | None = None,
    only: list[int] | None = None, exclude: list[int] | None = None, target: dict[str, Any] | None = None,
) -> Images:  # fmt: skip
    """A split of "celeba" or "celeba_faces", uint8 (N, 3, size, size), labelled with ATTRIBUTES and identity.

    Args:
        split: of `people.SPLITS`; size: 64 or 32; people: of CelebA, those with the most images.
        repeat: how often each image of a target is in "train"; n: the first n images only.
        only, exclude: people by number, 0..19 the targets; target: {"male,smiling": table of shares}.

    Raises:
        FileNotFoundError: the files are not in RETOUCH_DATA; ValueError: damaged files, no such split, a target that
            no image meets.
    """
    if size not in (32, 64):
        raise ValueError(f"{name} comes in sizes 64 and 32, not {size}")
    images, number, splits, attributes = _table(name, size, people, os.environ.get("RETOUCH_DATA", ""))
    rows = rows_of(split, number, splits, repeat)
    rows = rows[~np.isin(number[rows], exclude or [])]
    rows = rows[np.isin(number[rows], only)] if only else rows
    labels = {key: attributes[rows, column] for column, key in enumerate(ATTRIBUTES)} | {"identity": number[rows]}
    if target:
        [(names, table)] = target.items()
        shares = np.asarray(table, dtype=float)
        kept = matched(np.ravel_multi_index([labels[key] for key in names.split(",")], shares.shape), shares.ravel())
        rows, labels = rows[kept], {key: values[kept] for key, values in labels.items()}
    words = {key: [f"not {key}", key] for key in ATTRIBUTES}
    words["identity"] = [f"person {k}" for k in range(number.max() + 1)]
    return Images(images[rows], labels, words)[:n]


@cache
def _table(name: str, size: int, people: int, root: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Images, numbers of people, splits and attributes of a data set."""
    place = Path(root) / PLACES[name]
    if not root or not place.exists():
        raise FileNotFoundError(f"{name} is not in RETOUCH_DATA ({root or 'not set'}): it looks for {PLACES[name]} "
                                "there; docs/bases.md says where CelebA comes from")  # fmt: skip
    images, identity, attributes = _packed(place) if name == "celeba_faces" else _pictures(place, size, people)
    if images.shape[-1] > size:  # means over squares
        squares = images.reshape(len(images), 3, size, images.shape[-1] // size, size, -1)
        images = np.round(squares.mean((3, 5), dtype=np.float32)).astype(np.uint8)
    return images, *split_table(identity), attributes


def _packed(file: Path) -> Raw:
    """The npz, without images that are almost those of an earlier row."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            new = arrays["near_duplicate_of"] < 0
            column = {name: k for k, name in enumerate(arrays["attribute_names"])}
            wanted = [column[name] for name in ATTRIBUTES.values()]
            images = np.ascontiguousarray(arrays["images"][new].transpose(0, 3, 1, 2))
            return images, arrays["identity"][new], arrays["attributes"][new][:, wanted].astype(np.int64)
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{file} is damaged or no set of faces ({error}); replace it") from None


def _pictures(folder: Path, size: int, people: int) -> Raw:
    """The pictures of the people with the most images, cut and shrunk; from the cache after the first time."""
    whose = {row[0]: int(row[1]) for row in _rows(folder / "identity_CelebA.txt", 2)}
    table = folder / "list_attr_celeba.txt"
    marks = {row[0]: [int(word == "1") for word in row[1:]] for row in _rows(table, 41)}
    names = table.read_text().splitlines()[1].split()
    identities, counts = np.unique(list(whose.values()), return_counts=True)
    chosen = set(identities[np.lexsort((identities, -counts))][:people].tolist())
    files = sorted(file for file, person in whose.items() if person in chosen and file in marks)
    key = json_key([size, files, sha256(folder / "identity_CelebA.txt")])
    pictures = remembered(
        cache_folder() / "celeba" / f"{key}.npz",
        lambda: {"images": np.stack([_picture(folder / "img_align_celeba" / file, size) for file in files])},
    )["images"]
    columns = [names.index(name) for name in ATTRIBUTES.values()]
    return pictures, np.array([whose[file] for file in files]), np.array([marks[file] for file in files])[:, columns]


def _rows(file: Path, width: int) -> list[list[str]]:
    """The words of each line of a table of pictures, which begin with a picture's name.

    Raises:
        FileNotFoundError: no such file; ValueError: a line with another number of words.
    """
    if not file.is_file():
        raise FileNotFoundError(f"{file} is missing: torchvision.datasets.CelebA lists the files of the data set")
    rows = [(number, line.split()) for number, line in enumerate(file.read_text().splitlines(), start=1)]
    rows = [(number, row) for number, row in rows if row and row[0].endswith(".jpg")]
    if wrong := [(number, len(row)) for number, row in rows if len(row) != width]:
        raise ValueError(f"{file}, line {wrong[0][0]}: {wrong[0][1]} words, not {width}; replace the file")
    return [row for _, row in rows]


def _picture(file: Path, size: int) -> np.ndarray:
    """An aligned picture as uint8 (3, size, size)."""
    from PIL import Image

    try:
        with Image.open(file) as picture:
            square = picture.convert("RGB").crop(CROP).resize((size, size), Image.Resampling.BICUBIC)
    except OSError as error:
        raise ValueError(f"{file} cannot be read ({error}); replace it") from None
    return np.asarray(square).transpose(2, 0, 1)
