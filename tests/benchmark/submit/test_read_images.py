"""Images made elsewhere, in every form that people have them in; what is wrong with them is said."""

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from toy import png, zipped

from retouch.benchmark.submit import read_images

SHAPE, N = (1, 8, 8), 2000


def test_every_form_gives_the_same_array(tmp_path, images):
    few = images[:12]
    (tmp_path / "folder" / "deeper").mkdir(parents=True)
    for i, one in enumerate(few):
        (tmp_path / "folder" / ("deeper" if i > 5 else ".") / f"{i:02}.png").write_bytes(png(one[0]))
    (tmp_path / "folder" / "notes.txt").write_text("not an image")
    np.save(tmp_path / "first.npy", few)
    np.save(tmp_path / "last.npy", few.transpose(0, 2, 3, 1))
    np.save(tmp_path / "grey.npy", few[:, 0])
    np.savez_compressed(tmp_path / "packed.npz", images=few)
    zipped(tmp_path / "pictures.zip", {f"a/{i:02}.png": png(one[0]) for i, one in enumerate(few)})
    for name in ("first.npy", "last.npy", "grey.npy", "packed.npz", "pictures.zip"):
        found, count = read_images.read(tmp_path / name, 10, SHAPE)
        assert count == 12 and found.dtype == np.uint8 and np.array_equal(found, few[:10]), name
    found, _ = read_images.read(tmp_path / "folder", 12, SHAPE)
    assert sorted(map(bytes, found)) == sorted(map(bytes, few))


def test_colour_and_size(tmp_path, images):
    colour = np.repeat(images[:4], 3, axis=1)
    colour[:, 0] //= 2
    np.save(tmp_path / "rgb.npy", colour)
    np.save(tmp_path / "rgb_last.npy", colour.transpose(0, 2, 3, 1))
    zipped(tmp_path / "rgb.zip", {f"{i}.png": png(one.transpose(1, 2, 0)) for i, one in enumerate(colour)})
    for name in ("rgb.npy", "rgb_last.npy", "rgb.zip"):
        assert np.array_equal(read_images.read(tmp_path / name, 4, (3, 8, 8))[0], colour)
        with pytest.raises(ValueError, match="the instance wants grey"):
            read_images.read(tmp_path / name, 4, SHAPE)
    zipped(tmp_path / "large.zip", {f"{i}.png": png(one[0], size=(32, 32)) for i, one in enumerate(images[:4])})
    np.save(tmp_path / "large.npy", images[:4].repeat(4, 2).repeat(4, 3))
    for name in ("large.zip", "large.npy"):
        with pytest.raises(ValueError, match=r"32×32; the instance wants 8×8.*--resize"):
            read_images.read(tmp_path / name, 4, SHAPE)
        found, _ = read_images.read(tmp_path / name, 4, SHAPE, resize=True)
        assert np.abs(found.astype(float) - images[:4]).mean() < 12  # averaged over 4×4, not one pixel in 16


def test_resizing_has_no_aliases(tmp_path):
    """A fine checkerboard is grey from afar; picking every fourth pixel would make it black or white."""
    board = np.indices((32, 32)).sum(0) % 2 * 255
    np.save(tmp_path / "board.npy", board[None].astype(np.uint8))
    found, _ = read_images.read(tmp_path / "board.npy", 1, SHAPE, resize=True)
    assert found.min() > 90 and found.max() < 165


def test_hostile_archives_are_refused_unopened(tmp_path, images):
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
            read_images.read(zipped(tmp_path / "hostile.zip", entries), 4, SHAPE)
    assert not (tmp_path.parent / "9.png").exists()


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


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n(MARK) (w) file closefile\nshowpage\n%%EOF\n"


@pytest.mark.parametrize("name", ["0.png", "0.tif", "0.gif"])
def test_no_name_hides_a_program_for_another_program(tmp_path, monkeypatch, name):
    """An EPS would start Ghostscript, whatever its name: nothing is started, and the file is no image."""
    started = []
    monkeypatch.setattr("subprocess.check_call", lambda *of, **more: started.append(of))
    monkeypatch.setattr("subprocess.run", lambda *of, **more: started.append(of))
    monkeypatch.setattr("PIL.EpsImagePlugin.gs_binary", "gs")
    file = zipped(tmp_path / "images.zip", {name: EPS.replace(b"MARK", str(tmp_path / "mark").encode())})
    with pytest.raises(ValueError, match="is no image that can be read"):
        read_images.read(file, 1, (3, 8, 8))
    assert not started and not (tmp_path / "mark").exists()
