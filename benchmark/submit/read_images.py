"""Read images that were made elsewhere, from a folder, a zip, an .npy or an .npz, into an array of an instance's form.

Pictures are read one at a time, and no more of an array than is needed. Nothing is unpacked to disk, nothing is
unpickled, and sizes are checked before a picture is decoded.
"""

from __future__ import annotations

import lzma
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import IO

import numpy as np
from PIL import Image

from retouch.benchmark.support.files import read_bytes

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".ppm", ".tif", ".tiff")
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "PPM", "TIFF")  # whatever a name says: an EPS would start Ghostscript
MOST_FILES = 1_000_000
LARGEST = 64_000_000  # bytes of a picture's file, and pixels of a picture, at most
BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError, OSError)
BAD_HEADER = (ValueError, EOFError, TypeError, SyntaxError, tokenize.TokenError, RecursionError, MemoryError)
MODES = {1: "grey (PIL's mode L)", 3: "RGB"}


def read(path: Path, n: int, shape: tuple[int, int, int], resize: bool = False) -> tuple[np.ndarray, int]:
    """The first n images, in order of name or of the array, and how many there are.

    Args:
        shape: (C, H, W) as the instance wants it; resize: bring other sizes to it, with anti-aliasing.

    Returns:
        uint8 (n, C, H, W), and the number of images found.

    Raises:
        ValueError: too few images, another size or number of channels, a file that is no image; names file and remedy.
    """
    if path.is_dir():
        names = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES)
        pictures: Iterator[tuple[str, bytes]] = ((str(p), read_bytes(p, LARGEST)) for p in names)
        return _collect(pictures, len(names), path, n, shape, resize)
    if not path.is_file():
        raise ValueError(f"{path} does not exist; give a folder of images, a zip, an .npy or an .npz")
    if path.suffix == ".npy":
        with path.open("rb") as stream:
            return _from_npy(stream, path, n, shape, resize)
    try:
        with zipfile.ZipFile(path) as archive:
            return _from_zip(archive, path, n, shape, resize)
    except BROKEN as error:
        raise ValueError(f"{path} is no folder of images, zip, .npy or .npz that can be read: {error}") from None


def _from_zip(
    archive: zipfile.ZipFile, path: Path, n: int, shape: tuple[int, int, int], resize: bool
) -> tuple[np.ndarray, int]:
    entries = sorted((e for e in archive.infolist() if not e.is_dir()), key=lambda e: e.filename)
    arrays = [e for e in entries if e.filename.endswith(".npy")]
    if arrays:
        if len(arrays) > 1:
            names = ", ".join(e.filename.removesuffix(".npy")[:40] for e in arrays[:5])
            raise ValueError(f"{path} holds {len(arrays)} arrays ({names}); wanted one array of images")
        with archive.open(arrays[0]) as stream:
            return _from_npy(stream, path, n, shape, resize)
    if len(entries) > MOST_FILES:
        raise ValueError(f"{path} holds {len(entries):,} files; {MOST_FILES:,} at most")
    images = [e for e in entries if PurePosixPath(e.filename).suffix.lower() in SUFFIXES and not _hidden(e.filename)]
    for entry in images:
        _check_entry(entry, path)
    pictures = ((f"{path}: {e.filename[:200]}", archive.read(e)) for e in images)
    return _collect(pictures, len(images), path, n, shape, resize)


def _hidden(name: str) -> bool:
    return name.startswith("__MACOSX") or PurePosixPath(name).name.startswith(".")


def _check_entry(entry: zipfile.ZipInfo, path: Path) -> None:
    name = entry.filename.replace("\\", "/")
    if ".." in PurePosixPath(name).parts or name.startswith("/") or ":" in name:
        raise ValueError(f"{path}: the path of {entry.filename[:80]!r} climbs out of the zip; nothing was read")
    if (entry.external_attr >> 16) & 0o170000 == 0o120000:
        raise ValueError(f"{path}: {entry.filename[:80]!r} is a link, not a picture; nothing was read")
    if entry.file_size > LARGEST or entry.file_size > 200 * max(1, entry.compress_size) + 100_000:
        raise ValueError(
            f"{path}: {entry.filename[:80]!r} would unpack to {entry.file_size / 1e6:,.0f} MB; nothing was read"
        )


def _collect(
    pictures: Iterator[tuple[str, bytes]], count: int, path: Path, n: int, shape: tuple[int, int, int], resize: bool
) -> tuple[np.ndarray, int]:
    _check_count(count, n, path)
    out = np.empty((n, *shape), np.uint8)
    for i, (name, content) in zip(range(n), pictures, strict=False):
        out[i] = _picture(name, content, shape, resize)
    return out, count


def _check_count(count: int, n: int, path: Path) -> None:
    if count < n:
        raise ValueError(
            f"{path} holds {count:,} images; the instance is scored on {n:,}, so that every method has the same "
            f"number: {n - count:,} more are needed"
        )


def _picture(name: str, content: bytes, shape: tuple[int, int, int], resize: bool) -> np.ndarray:
    """One picture as uint8 (C, H, W)."""
    try:
        with Image.open(BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > LARGEST:
                raise ValueError(f"{image.width}×{image.height} pixels, more than any image here may have")
            plain = image.convert("RGB") if image.mode == "P" and "transparency" not in image.info else image
            if plain.mode != ("L" if shape[0] == 1 else "RGB"):
                raise ValueError(f"has PIL's mode {image.mode}; the instance wants {MODES[shape[0]]}: convert it first")
            array = np.asarray(_resized(plain, shape, resize))
    except Image.DecompressionBombError:
        raise ValueError(f"{name}: more pixels than any image here may have") from None
    except (OSError, SyntaxError) as error:
        raise ValueError(f"{name} is no image that can be read: {error}") from None
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    return array[None] if shape[0] == 1 else array.transpose(2, 0, 1)


def _resized(image: Image.Image, shape: tuple[int, int, int], resize: bool) -> Image.Image:
    """The image at the instance's size: bicubic with anti-aliasing if it has another and `resize` is set."""
    height, width = shape[1:]
    if image.size == (width, height):
        return image
    if image.width * height != image.height * width:
        raise ValueError(f"is {image.width}×{image.height}; the instance wants {width}×{height}: crop it first")
    if not resize:
        raise ValueError(
            f"is {image.width}×{image.height}; the instance wants {width}×{height}: make them at that size, "
            "or give --resize to have them resized with anti-aliasing"
        )
    return image.resize((width, height), Image.Resampling.BICUBIC)


def _from_npy(
    stream: IO[bytes], path: Path, n: int, shape: tuple[int, int, int], resize: bool
) -> tuple[np.ndarray, int]:
    """The first n images of an .npy: its header is checked first, then their bytes alone are read."""
    try:
        version = np.lib.format.read_magic(stream)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        form, fortran, kind = read_header(stream)
    except BAD_HEADER as error:
        raise ValueError(f"{path} holds no plain array: {error}") from None
    if kind != np.uint8 or fortran or len(form) not in (3, 4):
        raise ValueError(f"{path} holds {kind} {form}; wanted uint8 (N, H, W), (N, H, W, C) or (N, C, H, W), 0 to 255")
    _check_count(form[0], n, path)
    size = int(np.prod(form[1:], dtype=object))
    if not 0 < size <= LARGEST:
        raise ValueError(f"{path} holds images of {size:,} values each; no image here has")
    return np.stack([_row(stream, form[1:], i, path, shape, resize) for i in range(n)]), form[0]


def _row(
    stream: IO[bytes], form: tuple[int, ...], i: int, path: Path, shape: tuple[int, int, int], resize: bool
) -> np.ndarray:
    size = int(np.prod(form))
    content = stream.read(size)
    if len(content) < size:
        raise ValueError(f"{path} ends in the middle of image {i}, before what its header says")
    image = np.frombuffer(content, np.uint8).reshape(form)
    if image.ndim == 2:
        image = image[:, :, None]
    elif (form[0] in (1, 3) and form[2] not in (1, 3)) or form == shape:
        image = image.transpose(1, 2, 0)
    if image.shape == (*shape[1:], shape[0]):
        return image.transpose(2, 0, 1)
    if image.shape[2] != shape[0]:
        raise ValueError(f"{path} holds images {form}; the instance wants {MODES[shape[0]]}: {shape} (C, H, W)")
    try:
        array = np.asarray(_resized(Image.fromarray(image.squeeze(2) if shape[0] == 1 else image), shape, resize))
    except ValueError as error:
        raise ValueError(f"{path}: image {i} {error}") from None
    return array[None] if shape[0] == 1 else array.transpose(2, 0, 1)
