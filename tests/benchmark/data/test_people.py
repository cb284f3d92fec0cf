"""Photographed people: splits that do not meet, both layouts read alike, clear errors, the set at hand."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retouch.benchmark import data
from retouch.benchmark.data import celeba, people

IDENTITY = np.random.default_rng(0).permutation(np.repeat(np.arange(100, 160), np.r_[[25] * 25, [9] * 35]))
ALL = [f"Mark_{k}" for k in range(36)] + list(celeba.ATTRIBUTES.values())  # as many as CelebA has
HAVE = Path(os.environ.get("RETOUCH_DATA") or "?") / "celeba_faces_64"


def test_people_who_are_no_targets_are_in_one_split_alone():
    number, split = people.split_table(IDENTITY)
    sets = {name: set(number[split == name]) for name in people.PEOPLE}
    targets = set(range(people.TARGETS))
    for name, whom in sets.items():
        assert targets <= whom  # their images are divided
        for other in sets.keys() - {name}:
            assert whom & sets[other] == targets
    shots = [np.bincount(number[split == name])[: people.TARGETS] for name in people.SHOTS]
    assert [set(counts) for counts in shots] == [{15}, {4}, {2}]
    assert set(number[people.rows_of("strangers", number, split)]) == sets["heldout"] - targets
    assert set(np.unique(IDENTITY[number < people.TARGETS], return_counts=True)[1]) == {25}


def test_the_split_of_a_person_does_not_hang_on_numbers():
    number, split = people.split_table(IDENTITY)
    again, split_again = people.split_table(IDENTITY - 100)
    assert (number == again).all() and (split == split_again).all()
    assert len(set(zip(number.tolist(), IDENTITY.tolist(), strict=True))) == 60


def test_targets_repeat_in_training_after_everybody():
    number, split = people.split_table(IDENTITY)
    once, thrice = (people.rows_of("train", number, split, repeat) for repeat in (1, 3))
    assert (thrice[: len(once)] == once).all() and (number[thrice[len(once) :]] < people.TARGETS).all()
    assert (np.bincount(number[thrice])[: people.TARGETS] == 45).all()


def test_matched_rows_have_the_shares_and_none_could_be_added():
    cells = np.random.default_rng(0).choice(3, 1000, p=[0.7, 0.2, 0.1])
    rows = people.matched(cells, np.array([0.25, 0.5, 0.25]))
    counts = np.bincount(cells[rows])
    assert counts / len(rows) == pytest.approx([0.25, 0.5, 0.25], abs=0.01)
    assert counts[1] == (cells == 1).sum() or counts[2] == (cells == 2).sum()
    assert len(np.unique(rows)) == len(rows)
    with pytest.raises(ValueError, match="cell 3"):
        people.matched(cells, np.array([0.5, 0, 0, 0.5]))


def test_too_few_people_or_images_are_refused():
    with pytest.raises(ValueError, match="needs 40"):
        people.split_table(np.repeat(np.arange(39), 30))
    with pytest.raises(ValueError, match="more than 21 images"):
        people.split_table(np.repeat(np.arange(60), 20))


@pytest.fixture
def layouts(tmp_path, monkeypatch):
    """A folder with the same pictures of four people in both layouts: each has its grey, who smiles is lit below."""
    monkeypatch.setattr(people, "TARGETS", 2)
    identity = np.repeat([7, 3, 9, 5], [24, 23, 22, 22])
    smiling = np.arange(len(identity)) % 3 == 0
    big = np.zeros((len(identity), 218, 178, 3), np.uint8)
    big += (identity * 20).astype(np.uint8)[:, None, None, None]
    big[smiling, 120:, :, 0] = 255
    files = [f"{k:06d}.jpg" for k in range(1, len(identity) + 1)]
    folder = tmp_path / "celeba/img_align_celeba"
    folder.mkdir(parents=True)
    for file, picture in zip(files, big, strict=True):
        Image.fromarray(picture).save(folder / file, quality=95)
    marks = np.full((len(identity), 40), -1)
    marks[smiling, ALL.index("Smiling")] = 1
    rows = [" ".join([file, *map(str, row)]) for file, row in zip(files, marks, strict=True)]
    head = [str(len(files)), " ".join(ALL)]
    (tmp_path / "celeba/list_attr_celeba.txt").write_text("\n".join([*head, *rows]) + "\n")
    (tmp_path / "celeba/identity_CelebA.txt").write_text(
        "".join(f"{file} {person}\n" for file, person in zip(files, identity, strict=True))
    )
    small = np.stack([celeba._picture(folder / file, 64) for file in files])
    (tmp_path / "celeba_faces_64").mkdir()
    np.savez(
        tmp_path / "celeba_faces_64/celeba_faces_64.npz", images=small.transpose(0, 2, 3, 1), identity=identity,
        attributes=(marks > 0).astype(np.uint8), attribute_names=ALL,
        near_duplicate_of=np.full(len(identity), -1),
    )  # fmt: skip
    monkeypatch.setenv("RETOUCH_DATA", str(tmp_path))
    return tmp_path


def test_both_layouts_give_the_same_images_and_labels(cache, layouts):
    for split in people.SPLITS:
        a, b = (data.load({"name": name, "size": 64}, split) for name in ("celeba", "celeba_faces"))
        assert (a.images == b.images).all() and all((a.labels[key] == b.labels[key]).all() for key in a.labels)
    again = data.load({"name": "celeba", "size": 64}, "train")  # now from the cache
    assert len(again) == 30 + 22 and again.images.shape[1:] == (3, 64, 64)
    lit = again.images[:, 0, 50:].mean((1, 2)) > 200
    assert (lit == (again.labels["smiling"] == 1)).all() and not again.labels["male"].any()
    small = data.load({"name": "celeba_faces", "size": 32, "repeat": 2}, "train")
    assert len(small) == 82 and small.images.shape[1:] == (3, 32, 32)


def test_people_and_shares_are_chosen(cache, layouts):
    spec = {"name": "celeba_faces", "size": 32}
    held = data.load(spec, "heldout")
    assert set(data.load(spec | {"exclude": [0]}, "heldout").labels["identity"]) == set(held.labels["identity"]) - {0}
    assert set(data.load(spec | {"only": [1], "n": 2}, "train").labels["identity"]) == {1}
    even = data.load(spec | {"target": {"smiling": [0.5, 0.5]}}, "train").labels["smiling"]
    assert even.mean() == 0.5 and even.sum() == data.load(spec, "train").labels["smiling"].sum()


def test_missing_and_damaged_files_are_named(cache, layouts, monkeypatch):
    table = layouts / "celeba/list_attr_celeba.txt"
    table.write_text(table.read_text().replace("000005.jpg -1", "000005.jpg"))
    with pytest.raises(ValueError, match=r"list_attr_celeba\.txt, line 7: 40 words"):
        data.load({"name": "celeba", "size": 64}, "train")
    (layouts / "celeba_faces_64/celeba_faces_64.npz").write_bytes(b"cut")
    with pytest.raises(ValueError, match="damaged"):
        data.load({"name": "celeba_faces", "size": 64}, "train")
    monkeypatch.setenv("RETOUCH_DATA", str(layouts / "nothing"))
    for name in ("celeba", "celeba_faces", "cifar10"):
        with pytest.raises(FileNotFoundError, match=f"{name} is not in RETOUCH_DATA"):
            data.check({"name": name})


@pytest.mark.skipif(not HAVE.exists(), reason="needs celeba_faces_64 in RETOUCH_DATA")
def test_the_faces_at_hand_fill_every_split():
    parts = {split: data.load({"name": "celeba_faces", "size": 64}, split) for split in people.SPLITS}
    assert sum(len(parts[split]) for split in people.PEOPLE) == 5676  # 77 near duplicates are left out
    assert min(map(len, parts.values())) > 500
    for person in range(people.TARGETS):
        assert (parts["train"].labels["identity"] == person).sum() == 15
        assert (parts["heldout"].labels["identity"] == person).sum() >= 4
