"""Data of one's own: read from where people have them, split for good, and brought to a target distribution."""

import json

import numpy as np
import own_files
import pytest
from PIL import Image

from retouch.benchmark import data
from retouch.benchmark.data import outside, sources
from retouch.benchmark.support import plugins

ENTRY = 'source = "npz"\npath = "a.npz"\nsize = 8\nlicence = "CC0"\n'


@pytest.fixture
def track(tmp_path, monkeypatch):
    """A track with 400 images of 8x8 pixels, a quarter of them brighter on the right; returns its folder."""
    outside._everything.cache_clear()
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "track.toml").write_text("")
    monkeypatch.setenv(plugins.PATH, str(folder))
    images, sides, people = own_files.pictures(400, 0.25, size=8)
    np.savez(folder / "a.npz", images=images, side=sides, who=people)
    table(folder, 'attributes = ["side"]')
    return folder


def table(folder, more, entry=ENTRY):
    """Write data.toml with one set of data, "own"."""
    (folder / "data.toml").write_text(f"[own]\n{entry}{more}\n")


def load(split, **choice):
    return data.load({"name": "own", **choice}, split)


def test_a_target_is_met_by_leaving_out_weights_or_repeats(track):
    held = load("heldout")
    rare = int(held.labels["side"].sum())
    left = load("heldout", target={"side": [0.5, 0.5]})
    assert np.bincount(left.labels["side"]).tolist() == [rare, rare]
    weighted = load("heldout", weighted={"side": [0.5, 0.5]})
    assert len(weighted) == len(held) and weighted.weights.sum() == pytest.approx(1)
    assert weighted.weights[weighted.labels["side"] == 1].sum() == pytest.approx(0.5)
    assert weighted[:10].weights.sum() == pytest.approx(1) and held.weights is None
    train, more = load("train"), load("train", resampled={"side": [0.5, 0.5]})
    assert len(more) == len(train) and abs(more.labels["side"].mean() - 0.5) < 0.01
    common = {image.tobytes() for image in train.images[train.labels["side"] == 0]}
    seen = [image.tobytes() for image in more.images[more.labels["side"] == 0]]
    assert len(set(seen)) == len(seen) < len(common)  # what is frequent is thinned out, and never repeated
    assert {image.tobytes() for image in train.images[train.labels["side"] == 1]} <= {i.tobytes() for i in more.images}


def test_people_stay_in_one_split_where_that_is_asked_for(track):
    table(track, 'identity = "who"\nstrangers = 0.0\nsplit_by = "identity"\nsplits = { train = 0.5, heldout = 0.5 }')
    people = [set(load(split).labels["identity"].tolist()) for split in ("train", "heldout")]
    assert people[0] and people[1] and not people[0] & people[1]
    assert people[0] | people[1] == set(range(own_files.PEOPLE))


@pytest.mark.parametrize(
    ("more", "choice", "error"),
    [
        ("", {"target": {"hat": [1, 1]}}, "no attribute 'hat' in the table; there are side, who"),
        ("", {"target": {"side": [1, 1, 1]}}, r"a table \(3,\) of shares, but the attributes have \(2,\) values"),
        ("", {"only": [99]}, "no attribute 'identity' in the table"),
        ('identity = "who"\n', {"only": [99]}, "no image of split 'train' is left"),
        ("", {"hue": 3}, "no choice 'hue' of images; there are n, start, weighted, exclude"),
        ('attributes = ["hat"]\n', {}, r"a\.npz: no column 'hat'; there are side, who"),
        ("sizes = 3\n", {}, r"data\.toml: \[own\] sizes: Extra inputs are not permitted"),
        ('split_by = "identity"\n', {}, "needs `identity`, the column that says who it is"),
        ('[digits]\npath = "a.npz"\n', {}, r"data\.toml: \[digits\] is a data set of the package; call yours"),
        ("splits = { heldout = 1.0 }\n", {}, "own has no split 'train'; it has heldout"),
    ],
)
def test_what_is_wrong_names_file_field_and_remedy(track, more, choice, error):
    table(track, more)
    with pytest.raises(ValueError, match=error):
        load("train", **choice)


def test_a_target_without_images_says_which_are_missing(track):
    arrays = dict(np.load(track / "a.npz"))
    np.savez(track / "a.npz", **arrays, hat=1 - arrays["side"])
    table(track, 'attributes = ["side", "hat"]')
    with pytest.raises(ValueError, match="too few images of the target: none with side = 0, hat = 0; bring some"):
        load("train", weighted={"side,hat": [[1, 1], [1, 1]]})
    assert np.ptp(np.bincount(load("train", target={"hat": [1, 1]}).labels["hat"])) == 0


def test_unreadable_images_and_columns_are_named(tmp_path, monkeypatch):
    folder = tmp_path / "bad"
    (folder / "pictures").mkdir(parents=True)
    (folder / "track.toml").write_text("")
    monkeypatch.setenv(plugins.PATH, str(folder))
    (folder / "pictures/a.png").write_bytes(b"no picture")
    entry = '[bad]\nsource = "folder"\npath = "pictures"\nsize = 8\nlicence = "CC0"\n'
    (folder / "data.toml").write_text(entry)
    with pytest.raises(ValueError, match=r"a\.png is no image that can be read"):
        data.load({"name": "bad"}, "train")
    (folder / "data.toml").write_text(entry + 'table = "t.csv"\nattributes = ["hat"]\n')
    (folder / "t.csv").write_text("file_name,glasses\nb.png,1\n")
    with pytest.raises(ValueError, match=r"b\.png is in the table and not in"):
        data.load({"name": "bad"}, "train")
    (folder / "t.csv").write_text("file,glasses\nb.png,1\n")
    with pytest.raises(ValueError, match=r"t\.csv: no column 'file_name'"):
        data.load({"name": "bad"}, "train")
    (folder / "data.toml").write_text(entry.replace("size = 8\n", ""))
    with pytest.raises(ValueError, match=r"\[bad\] size: Field required"):
        data.load({"name": "bad"}, "train")


def test_arrays_parquet_arrow_and_category_folders_are_read(tmp_path, monkeypatch):
    pa = pytest.importorskip("pyarrow")
    images, sides, _ = own_files.pictures(40, 0.5, size=8)
    folder = tmp_path / "kinds"
    folder.mkdir()
    (folder / "track.toml").write_text("")
    monkeypatch.setenv(plugins.PATH, str(folder))
    np.savez(folder / "a.npz", images=images, side=sides)
    rows = []
    for i, image in enumerate(images):
        place = folder / f"by-side/{sides[i]}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{i}.png")
        rows.append({"bytes": (place / f"{i}.png").read_bytes(), "path": None})
    table = pa.table({"image": rows, "side": sides})
    (folder / "hf").mkdir()
    with pa.OSFile(str(folder / "hf/data.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    import pyarrow.parquet

    names = [f"{s}/{i}.png" for i, s in enumerate(sides)]
    pyarrow.parquet.write_table(pa.table({"file_name": names, "side": sides}), folder / "t.parquet")
    common = 'size = 8\nlicence = "CC0"\nsplits = { train = 1.0 }\n'
    entries = {
        "npz": 'source = "npz"\npath = "a.npz"', "arrow": 'source = "arrow"\npath = "hf"',
        "parquet": 'source = "folder"\npath = "by-side"\ntable = "t.parquet"',
        "folders": 'source = "folder"\npath = "by-side"',
    }  # fmt: skip
    (folder / "data.toml").write_text("".join(f"[{name}]\n{text}\n{common}\n" for name, text in entries.items()))
    for name in entries:
        read = data.load({"name": name}, "train")
        labels = read.labels["category" if name == "folders" else "side"]
        bright = read.images[..., 4:].mean((1, 2, 3)) > read.images[..., :4].mean((1, 2, 3))
        assert len(read) == 40 and (bright.astype(int) == labels).all(), name


def test_sets_of_torchvision_that_are_on_disk_are_read(track):
    raw = track / "MNIST/raw"
    raw.mkdir(parents=True)
    images, labels = np.arange(20 * 784, dtype=np.uint32).astype(np.uint8).reshape(20, 28, 28), np.arange(20) % 10
    head = b"".join(number.to_bytes(4, "big") for number in (0x803, 20, 28, 28))
    (raw / "train-images-idx3-ubyte").write_bytes(head + images.tobytes())
    (raw / "train-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01" + (20).to_bytes(4, "big") + bytes(labels.tolist()))
    for name in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
        (raw / name).write_bytes(b"")  # that it is there is all that torchvision asks for
    entry = 'source = "torchvision"\nset = "MNIST"\npath = "."\nsize = 28\nchannels = 1\nlicence = "CC BY-SA 3.0"\n'
    table(track, "splits = { train = 1.0 }", entry)
    read = load("train")
    assert np.array_equal(read.images[:, 0], images) and read.labels["category"].tolist() == labels.tolist()
    table(track, "splits = { train = 1.0 }", entry.replace("MNIST", "MNISTY"))
    with pytest.raises(ValueError, match=r"set 'MNISTY' is no class of torchvision\.datasets"):
        load("train")


def test_celeba_comes_with_attributes_and_identities(track, monkeypatch):
    from torchvision.datasets import CelebA

    monkeypatch.setattr(CelebA, "_check_integrity", lambda self: True)  # the sums are of the 200,000 pictures
    folder = track / "celeba"
    (folder / "img_align_celeba").mkdir(parents=True)
    names = [f"{i:06d}.jpg" for i in range(1, 13)]
    for i, name in enumerate(names):
        Image.new("RGB", (178, 218), (20 * i, 0, 0)).save(folder / "img_align_celeba" / name)
    headed = {"list_attr_celeba.txt": ("Smiling Male", lambda i: f"{[-1, 1][i % 2]} {[-1, 1][i % 3 == 0]}"),
              "list_bbox_celeba.txt": ("image_id x_1 y_1 width height", lambda i: "1 2 3 4"),
              "list_landmarks_align_celeba.txt": ("lefteye_x lefteye_y", lambda i: "1 2")}  # fmt: skip
    for file, (head, row) in headed.items():
        lines = [str(len(names)), head, *(f"{name} {row(i)}" for i, name in enumerate(names))]
        (folder / file).write_text("\n".join(lines) + "\n")
    for file, row in {"identity_CelebA.txt": lambda i: i // 3 + 7, "list_eval_partition.txt": lambda i: i % 3}.items():
        (folder / file).write_text("".join(f"{name} {row(i)}\n" for i, name in enumerate(names)))
    entry = 'source = "torchvision"\nset = "CelebA"\npath = "."\nsize = 16\nlicence = "research"\n'
    more = 'attributes = ["Male", "Smiling"]\nidentity = "identity"\nstrangers = 0.0\nsplits = { train = 1.0 }'
    table(track, more, entry)
    read = load("train")
    assert len(read) == 12 and read.labels["Smiling"].tolist() == [i % 2 for i in range(12)]
    assert read.labels["Male"].tolist() == [int(i % 3 == 0) for i in range(12)]
    assert read.names["identity"] == ["7", "8", "9", "10"] and read.labels["identity"].tolist() == [
        i // 3 for i in range(12)
    ]
    assert np.abs(read.images[:, 0].mean((1, 2)) - 20 * np.arange(12)).max() < 3


def test_an_imagefolder_of_hugging_face_finds_its_metadata(track):
    images, sides, _ = own_files.pictures(12, 0.5, size=8)
    folder = track / "hf"
    folder.mkdir()
    for i, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{i}.png")
    rows = [{"file_name": f"{i}.png", "side": int(side)} for i, side in enumerate(sides)]
    (folder / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    entry = 'source = "folder"\npath = "hf"\nsize = 8\nlicence = "CC0"\n'
    table(track, "splits = { train = 1.0 }", entry)
    assert load("train").labels["side"].tolist() == sides.tolist()
    for rows, number in {'{"a": 1, "b": 2}\n{"a": 1}': 2, '{"a": null}\n{"a": 1}': 1, "[1]\n[2]": 1}.items():
        (folder / "metadata.jsonl").write_text(rows)
        with pytest.raises(ValueError, match=rf"metadata\.jsonl: row {number} has not a value for each name"):
            sources.table(folder / "metadata.jsonl")
    (folder.parent / "more.csv").write_text("a,b\n1,2,3\n1,2,3\n")
    with pytest.raises(ValueError, match=r"more\.csv: row 1 has not a value"):
        sources.table(folder.parent / "more.csv")
    (folder / "metadata.jsonl").write_text("{broken\n")
    outside._everything.cache_clear()
    with pytest.raises(ValueError, match=r"metadata\.jsonl is no table that can be read"):
        load("train")


def test_no_plugin_takes_a_shipped_name(monkeypatch):
    before = data.load({"name": "digits"}, "heldout").images
    monkeypatch.setattr(plugins, "installed", lambda kind: {"digits": "nowhere:images"} if kind == "data" else {})
    assert (data.load({"name": "digits"}, "heldout").images == before).all()
