"""`retouch score`: images made elsewhere, in every form that people have them in; what is wrong with them is said."""

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from submitting import INSTANCE, ran, write

from retouch.benchmark import records, setup, tracks, versions
from retouch.benchmark.cli.main import main
from retouch.benchmark.submit import check, read_images, rescore
from retouch.benchmark.tasks import look_up

SHAPE, N = (1, 8, 8), 2000


@pytest.fixture(scope="module")
def images():
    """Digits but for eights, as many as the instance asks for: what a perfect redaction would make."""
    track = tracks.load("tiny")
    instance = look_up(track, track.instance(INSTANCE))
    kept = instance.task.reveal(instance)["retain"].images
    return np.resize(np.random.default_rng(0).permutation(kept), (N, *SHAPE))


@pytest.fixture
def here(tmp_path, cache, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "submissions").mkdir()
    return tmp_path


def png(array, mode=None, size=None):
    out = io.BytesIO()
    picture = Image.fromarray(array)
    picture = picture.convert(mode) if mode else picture
    (picture.resize(size, Image.Resampling.NEAREST) if size else picture).save(out, "PNG")
    return out.getvalue()


def zipped(file, entries):
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in entries.items():
            packed.writestr(name, content)
    return file


def test_every_form_gives_the_same_array(here, images):
    few = images[:12]
    (here / "folder" / "deeper").mkdir(parents=True)
    for i, one in enumerate(few):
        (here / "folder" / ("deeper" if i > 5 else ".") / f"{i:02}.png").write_bytes(png(one[0]))
    (here / "folder" / "notes.txt").write_text("not an image")
    np.save(here / "first.npy", few)
    np.save(here / "last.npy", few.transpose(0, 2, 3, 1))
    np.save(here / "grey.npy", few[:, 0])
    np.savez_compressed(here / "packed.npz", images=few)
    zipped(here / "pictures.zip", {f"a/{i:02}.png": png(one[0]) for i, one in enumerate(few)})
    for name in ("first.npy", "last.npy", "grey.npy", "packed.npz", "pictures.zip"):
        found, count = read_images.read(here / name, 10, SHAPE)
        assert count == 12 and found.dtype == np.uint8 and np.array_equal(found, few[:10]), name
    found, _ = read_images.read(here / "folder", 12, SHAPE)
    assert sorted(map(bytes, found)) == sorted(map(bytes, few))


def test_colour_and_size(here, images):
    colour = np.repeat(images[:4], 3, axis=1)
    colour[:, 0] //= 2
    np.save(here / "rgb.npy", colour)
    np.save(here / "rgb_last.npy", colour.transpose(0, 2, 3, 1))
    zipped(here / "rgb.zip", {f"{i}.png": png(one.transpose(1, 2, 0)) for i, one in enumerate(colour)})
    for name in ("rgb.npy", "rgb_last.npy", "rgb.zip"):
        assert np.array_equal(read_images.read(here / name, 4, (3, 8, 8))[0], colour)
        with pytest.raises(ValueError, match="the instance wants grey"):
            read_images.read(here / name, 4, SHAPE)
    zipped(here / "large.zip", {f"{i}.png": png(one[0], size=(32, 32)) for i, one in enumerate(images[:4])})
    np.save(here / "large.npy", images[:4].repeat(4, 2).repeat(4, 3))
    for name in ("large.zip", "large.npy"):
        with pytest.raises(ValueError, match=r"32×32; the instance wants 8×8.*--resize"):
            read_images.read(here / name, 4, SHAPE)
        found, _ = read_images.read(here / name, 4, SHAPE, resize=True)
        assert np.abs(found.astype(float) - images[:4]).mean() < 12  # averaged over 4×4, not one pixel in 16


def test_resizing_has_no_aliases(here):
    """A fine checkerboard is grey from afar; picking every fourth pixel would make it black or white."""
    board = np.indices((32, 32)).sum(0) % 2 * 255
    np.save(here / "board.npy", board[None].astype(np.uint8))
    found, _ = read_images.read(here / "board.npy", 1, SHAPE, resize=True)
    assert found.min() > 90 and found.max() < 165


def test_what_is_wrong_is_said_with_the_remedy(here, images, capsys):
    np.save(here / "few.npy", images[:10])
    np.save(here / "float.npy", images / 255)
    np.save(here / "wide.npy", np.zeros((N, 8, 16), np.uint8))
    np.save(here / "objects.npy", np.array([{"a": 1}] * N), allow_pickle=True)
    np.savez(here / "two.npz", a=images, b=images)
    (here / "empty").mkdir()
    (here / "broken.zip").write_bytes(b"PK\x03\x04 and no more")
    np.save(here / "short.npy", images)
    (here / "short.npy").write_bytes((here / "short.npy").read_bytes()[:5000])
    zipped(here / "torn.zip", {f"{i}.png": png(images[0, 0])[:40] for i in range(N)})
    zipped(here / "alpha.zip", {f"{i}.png": png(images[0, 0], "RGBA") for i in range(N)})
    for name, message in {
        "few.npy": "1,990 more are needed", "empty": "2,000 more are needed", "float.npy": "wanted uint8",
        "wide.npy": "crop it first", "objects.npy": "wanted uint8", "two.npz": "wanted one array",
        "broken.zip": "that can be read", "nowhere": "does not exist", "short.npy": "in the middle of image",
        "torn.zip": "is no image that can be read", "alpha.zip": "PIL's mode RGBA",
    }.items():  # fmt: skip
        assert main(["score", name, "--instance", INSTANCE]) == 2, name
        assert message in capsys.readouterr().err, name
    assert main(["score", "few.npy", "--instance", "category_redaction/digit-gan"]) == 2
    assert INSTANCE in capsys.readouterr().err


def test_hostile_archives_are_refused_before_they_are_unpacked(here, images):
    good = {f"{i}.png": png(images[0, 0]) for i in range(4)}
    huge = io.BytesIO()
    np.lib.format.write_array_header_1_0(huge, {"descr": "|u1", "fortran_order": False, "shape": (10**15, 8, 8)})
    negative = io.BytesIO()
    np.lib.format.write_array_header_1_0(negative, {"descr": "|u1", "fortran_order": False, "shape": (9, -8, 8)})
    enormous = io.BytesIO()
    Image.new("L", (9000, 9000)).save(enormous, "PNG")
    link = zipfile.ZipInfo("link.png")
    link.external_attr = 0o120777 << 16
    for entries, message in (
        (good | {"../../9.png": png(images[0, 0])}, "climbs out"),
        (good | {"/etc/9.png": png(images[0, 0])}, "climbs out"),
        (good | {"9.png": b"\0" * 50_000_000}, "would unpack to 50 MB"),
        ({"a.npy": huge.getvalue()}, "ends in the middle"),
        ({"a.npy": negative.getvalue()}, "no image here has"),
        ({f"{i}.png": enormous.getvalue() for i in range(4)}, "more than any image"),
        (good | {link: "/etc/passwd"}, "a link"),
    ):
        with pytest.raises(ValueError, match=message):
            read_images.read(zipped(here / "hostile.zip", entries), 4, SHAPE)
    assert not (here.parent / "9.png").exists()


@given(data=st.data())
@settings(max_examples=60)
def test_no_bytes_take_the_reader_down(data, tmp_path_factory):
    """Whatever the file says, the reader answers with an array of the right form or a ValueError."""
    base = tmp_path_factory.mktemp("bytes")
    out = io.BytesIO()
    np.save(out, np.zeros((5, 8, 8), np.uint8))
    pictures = {f"{i}.png": png(np.zeros((8, 8), np.uint8)) for i in range(5)}
    sound = {
        "x.npy": out.getvalue(),
        "x.npz": zipped(base / "z", {"a.npy": out.getvalue()}).read_bytes(),
        "x.zip": zipped(base / "z", pictures).read_bytes(),
    }
    name = data.draw(st.sampled_from(sorted(sound)))
    content = bytearray(sound[name])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    (base / name).write_bytes(bytes(content[: cut or None]) if data.draw(st.booleans()) else bytes(content))
    try:
        found, count = read_images.read(base / name, 5, SHAPE)
    except ValueError as error:
        assert str(error)
    else:
        assert found.shape == (5, *SHAPE) and found.dtype == np.uint8 and count >= 5


def test_scores_are_printed_or_become_a_record_that_can_be_checked_and_rescored(here, images, capsys, monkeypatch):
    np.save(here / "images.npy", images)
    assert main(["score", "images.npy", "--instance", INSTANCE]) == 0
    said = capsys.readouterr().out
    assert "invalidity" in said and "quality" in said
    assert not list((here / "submissions").iterdir())
    folder = write(here / "submissions", "closed", entry="images")
    write(here / "submissions", "open")
    assert main(["score", "images.npy", "--instance", INSTANCE, "--submission", "open"]) == 2
    assert 'entry = "images"' in capsys.readouterr().err
    assert main(["run", "closed"]) == 2
    assert "retouch score IMAGES" in capsys.readouterr().err
    assert main(["score", "images.npy", "--instance", INSTANCE, "--submission", "closed", "--seed", "1"]) == 0
    file = folder / f"records/tiny/{INSTANCE}/default.1.json"
    made = records.read(file)
    assert made.status == "samples_only" and made.goal.value > 0.9 and made.cost is None and made.method == "images"
    assert not [f for f in check.check(folder).findings if f.level == "error"]
    assert main(["verify", "closed"]) == 2
    assert "cannot be made again" in capsys.readouterr().err

    before = setup.METRICS
    monkeypatch.setattr(setup, "METRICS", "next")  # the metrics move on: stale, and scored again without the images
    assert any(f"stale: metrics version {before}, now next" in f.what for f in check.check(folder).findings)
    (here / "images.npy").unlink()
    assert main(["rescore", "closed"]) == 0
    again = records.read(file)
    assert again.provenance.versions["metrics"] == "next" and again.score == made.score
    assert not [f for f in check.check(folder).findings if f.level == "error"]


def test_the_base_made_elsewhere_scores_as_unchanged_does(here, capsys):
    """The same images through the front door and through `score` give the same numbers."""
    folder = write(here / "submissions", "unchanged", entry="retouch.methods.unchanged:edit")
    first = records.read(ran(folder))
    answers = next((here / "cache" / "answers").glob("*.npz"))
    with np.load(answers) as kept:
        np.save(here / "again.npy", kept["samples"])
    write(here / "submissions", "elsewhere", entry="images")
    assert main(["score", "again.npy", "--instance", INSTANCE, "--submission", "elsewhere"]) == 0
    second = records.read(here / f"submissions/elsewhere/records/tiny/{INSTANCE}/default.0.json")
    assert (second.goal, second.quality, second.score) == (first.goal, first.quality, first.score)
    assert {k: v for k, v in first.metrics.items() if k != "drift"} == second.metrics


def test_rescore_starts_no_worker_and_lists_what_it_cannot(here, capsys, monkeypatch):
    folder = write(here / "submissions", "mine")
    first = records.read(ran(folder))
    assert not list(rescore.stale(folder))
    monkeypatch.setattr(setup, "METRICS", "next")
    monkeypatch.setattr("retouch.benchmark.run.edit.answers", lambda *_: pytest.fail("a worker was started"))
    assert main(["rescore", "mine"]) == 0
    again = records.read(folder / f"records/tiny/{INSTANCE}/default.0.json")
    assert again.metrics == first.metrics and again.cost == first.cost and not versions.moved(again)
    monkeypatch.setattr(setup, "METRICS", "after next")
    with np.load(file := next((here / "cache" / "answers").glob("*.npz"))) as kept:
        arrays = dict(kept)
    arrays["samples"] = arrays["samples"][::-1]  # answers that are not this record's own
    np.savez(file, **arrays)
    assert main(["rescore", "mine"]) == 1
    assert "no cached answers of its own" in capsys.readouterr().out
    file.unlink()
    assert main(["rescore", "mine"]) == 1
    assert records.read(folder / f"records/tiny/{INSTANCE}/default.0.json") == again
