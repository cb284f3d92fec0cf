"""The real data sets: sizes, splits that do not meet, and clear errors."""

import os
import struct
from pathlib import Path

import numpy as np
import pytest

from retouch.benchmark import data
from retouch.benchmark.data import cifar10, mnist
from retouch.benchmark.data.digits import SPLITS, digits


def test_digits_are_split_without_overlap_and_keep_all_1797():
    sizes = {split: len(digits(split)) for split in SPLITS}
    assert sizes == {"train": 1000, "judge": 400, "heldout": 397}
    assert digits("train").images.shape == (1000, 1, 8, 8) and digits("train").images.max() == 255
    assert np.bincount(digits("train").labels["category"]).tolist() == [100] * 10


def test_digits_without_a_category_and_unevenly_filled():
    assert 8 not in digits("train", without=(8,)).labels["category"]
    counts = [100, 77, 60, 46, 36, 28, 21, 17, 13, 10]
    assert np.bincount(digits("train", counts=counts).labels["category"]).tolist() == counts


def test_unknown_sets_and_splits_are_named():
    with pytest.raises(ValueError, match="fashion_mnist"):
        data.load({"name": "minst"}, "train")
    with pytest.raises(ValueError, match="heldout"):
        data.load({"name": "digits"}, "test")


def test_missing_mnist_says_what_to_do(cache, monkeypatch, tmp_path):
    monkeypatch.setenv("RETOUCH_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="--download"):
        data.load({"name": "mnist"}, "train")


def test_unpacked_files_in_torchvisions_layout_are_read(cache, monkeypatch, tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for part, n in (("train", 60), ("t10k", 10)):
        pixels = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        (raw / f"{part}-images-idx3-ubyte").write_bytes(struct.pack(">4i", 2051, n, 28, 28) + pixels.tobytes())
        labels = (np.arange(n) % 10).astype(np.uint8)
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 2049, n) + labels.tobytes())
    monkeypatch.setenv("RETOUCH_DATA", str(tmp_path))
    held = data.load({"name": "mnist"}, "heldout")
    assert held.images.shape == (10, 1, 32, 32) and held.labels["category"].tolist() == list(range(10))
    assert not held.images[:, :, :2].any()
    monkeypatch.setattr(mnist, "SPLITS", {"train": (0, 40), "heldout": (0, 10)})
    some = data.load({"name": "mnist", "counts": [4, 3, 2, 1, 0, 0, 0, 0, 9, 1], "without": [9]}, "train")
    assert np.bincount(some.labels["category"]).tolist() == [4, 3, 2, 1, 0, 0, 0, 0, 4]


def packed():
    """The files of RETOUCH_DATA's two sets with their times; none where they lie there unpacked."""
    found = sorted(Path(os.environ.get("RETOUCH_DATA") or "?").glob("*MNIST/raw/*"))
    unpacked = any(file.name.endswith("ubyte") for file in found)
    return {} if unpacked else {file: file.stat().st_mtime_ns for file in found}


def test_a_damaged_file_is_named_and_nothing_is_downloaded(cache, monkeypatch, tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in ("t10k-images-idx3", "t10k-labels-idx1", "train-images-idx3", "train-labels-idx1"):
        (raw / f"{name}-ubyte.gz").write_bytes(b"cut short")
    monkeypatch.setenv("RETOUCH_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"t10k-images-idx3-ubyte\.gz is damaged.*--download"):
        data.load({"name": "mnist"}, "heldout")
    monkeypatch.setenv("RETOUCH_DOWNLOAD", "1")
    monkeypatch.setattr("torchvision.datasets.MNIST.mirrors", [(tmp_path / "nowhere").as_uri() + "/"])
    with pytest.raises(FileNotFoundError, match="mnist could not be downloaded"):
        data.load({"name": "mnist"}, "heldout")


@pytest.mark.skipif(not packed(), reason="needs the packed files in RETOUCH_DATA")
@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_real_packed_files_are_unpacked_into_the_cache(cache, name):
    before = packed()
    held = data.load({"name": name, "n": 100, "without": [3]}, "heldout")
    assert len(held) == 100 and 3 not in held.labels["category"]
    assert packed() == before  # and nothing beside them
    images, labels = sorted((cache / "data").glob("*/raw/t10k-*-ubyte"))
    assert images.read_bytes()[:8] == struct.pack(">2i", 2051, 10_000)
    assert labels.read_bytes()[:8] == struct.pack(">2i", 2049, 10_000)


def test_cifar_is_split_without_overlap(monkeypatch, tmp_path):
    monkeypatch.setenv("RETOUCH_DATA", str(tmp_path))
    monkeypatch.setattr(cifar10, "SPLITS", {"train": (0, 6), "guide": (6, 10), "judge": (0, 5), "heldout": (5, 10)})
    (tmp_path / "cifar10_subset").mkdir()
    for number, file in enumerate(cifar10.FILES.values()):
        images = np.zeros((10, 3, 32, 32), np.uint8) + np.arange(10, dtype=np.uint8)[:, None, None, None] + 10 * number
        names = [f"kind {k}" for k in range(10)]
        np.savez(tmp_path / "cifar10_subset" / file, images=images, labels=np.arange(10), class_names=names)
    parts = [data.load({"name": "cifar10"}, split).images for split in ("train", "guide", "judge", "heldout")]
    assert np.concatenate(parts)[:, 0, 0, 0].tolist() == list(range(20))
    some = data.load({"name": "cifar10", "without": [7], "n": 2}, "heldout")
    assert some.labels["category"].tolist() == [5, 6] and some.names["category"][7] == "kind 7"
    (tmp_path / "cifar10_subset" / cifar10.FILES["train"]).write_bytes(b"cut")
    cifar10._read.cache_clear()
    with pytest.raises(ValueError, match="damaged"):
        data.load({"name": "cifar10"}, "train")
