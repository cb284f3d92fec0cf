"""Files of unknown origin, spoiled at random: an error that says so; no process starts, no file is written."""

import json
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from toy import png, zipped
from toy_runs import record_file

from retouch.benchmark import records, submission
from retouch.benchmark.submit import check, read_images, report

SHAPE, N = (1, 8, 8), 4
STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.spawn", "pty.spawn")
WRITES = ("w", "a", "x", "+")
TOKENS = [
    *(b"null", b"1e999", b"-1", b"[" * 5000, b'{"a":' * 3000, b"\xff\xfe", b"\x00", b"9" * 5000, b"../../", b"NaN"),
    *(b"true", b'""', b"\xed\xa0\x80", b"0x41", b"%!PS-Adobe", b"PK\x05\x06", b"!!python/object", b"cos\nsystem\n"),
]
_events: list[str] = []
_watching: list[bool] = []


def _hook(event: str, arguments: tuple) -> None:
    if not _watching:
        return
    if event in STARTS:
        _events.append(event)
    elif event == "open" and isinstance(arguments[1], str) and any(letter in arguments[1] for letter in WRITES):
        _events.append(f"writes {arguments[0]}")
    elif event in ("os.remove", "os.rename", "os.mkdir", "os.symlink", "socket.connect", "ctypes.dlopen"):
        _events.append(event)


sys.addaudithook(_hook)


@pytest.fixture(scope="module")
def whole(honest, tmp_path_factory):
    """Sound files of every kind: name -> content."""
    folder = tmp_path_factory.mktemp("whole")
    images = np.random.default_rng(0).integers(0, 256, (N, *SHAPE), dtype=np.uint8)
    pictures = {f"{i}.png": png(one[0]) for i, one in enumerate(images)}
    plain, packed = BytesIO(), BytesIO()
    np.save(plain, images)
    np.savez_compressed(packed, images=images)
    return {
        "record": record_file(honest).read_bytes(),
        "manifest": (honest / "submission.toml").read_bytes(),
        "code": (honest / "method.py").read_bytes(),
        "images.npy": plain.getvalue(),
        "images.npz": packed.getvalue(),
        "images.zip": zipped(folder / "images.zip", pictures).read_bytes(),
        "0.png": pictures["0.png"],
    }


def spoiled(content: bytes, rng: np.random.Generator) -> bytes:
    """Some bytes changed, cut out, doubled, exchanged, or replaced by what parsers stumble over."""
    out = bytearray(content)
    for _ in range(int(rng.integers(1, 5))):
        at, length = int(rng.integers(len(out) + 1)), int(rng.integers(1, 40))
        match int(rng.integers(6)):
            case 0:
                out[at : at + length] = rng.bytes(length)
            case 1:
                del out[at : at + length]
            case 2:
                out[at:at] = out[at : at + length] * int(rng.integers(1, 4))
            case 3:
                out[at : at + 1] = bytes([(out[at] if at < len(out) else 0) ^ (1 << int(rng.integers(8)))])
            case 4:
                out[at : at + length] = TOKENS[int(rng.integers(len(TOKENS)))]
            case _:
                del out[at:]
    return bytes(out)


def read(kind: str, file: Path) -> None:
    """Read a file as what its kind is."""
    if kind == "record":
        records.read(file)
    elif kind == "manifest":
        submission.read(file.parent)
    elif kind == "0.png":
        read_images.read(file.parent, 1, SHAPE)
    elif kind != "code":
        read_images.read(file, N, SHAPE)


def fuzz(whole, place, count, seed):
    """Spoil `count` files, read each alone; every hundredth goes with a submission through the check and its report."""
    rng, names = np.random.default_rng(seed), {"record": "r.json", "manifest": "submission.toml", "code": "method.py"}
    kinds, refused = sorted(whole), 0
    check.check(_submission(whole, place / "sound" / "mine"))  # what it reads of the package is then in the cache
    for number in range(count):
        kind = kinds[number % len(kinds)]
        folder = place / kind.replace(".", "-")
        folder.mkdir(exist_ok=True)
        file = folder / names.get(kind, kind)
        file.write_bytes(spoiled(whole[kind], rng))
        _watching.append(True)
        try:
            read(kind, file)
        except ValueError as error:
            refused += 1
            assert str(error)
        finally:
            _watching.clear()
        if number % 100 < 3 and kind in names:
            _audit(whole, place / str(number) / "mine", {kind: file.read_bytes()})
        assert not _events, (kind, _events)
    return refused / count


def _submission(content, folder):
    file = record_file(folder)
    file.parent.mkdir(parents=True)
    file.write_bytes(content["record"])
    (folder / "submission.toml").write_bytes(content["manifest"])
    (folder / "method.py").write_bytes(content["code"])
    return folder


def _audit(whole, folder, changed):
    """The whole submission with one spoiled file: findings, and a comment, whatever it holds."""
    _submission(whole | changed, folder)
    _watching.append(True)
    try:
        audit = check.check(folder)
        report.markdown([audit], audit.records)
    finally:
        _watching.clear()
    assert all(finding.what.isprintable() for finding in audit.findings)


def test_a_few_spoiled_files(whole, tmp_path):
    assert fuzz(whole, tmp_path, 210, 1) > 0.5


@pytest.mark.slow
def test_ten_thousand_spoiled_files(whole, tmp_path):
    assert fuzz(whole, tmp_path, 10_000, 2) > 0.5


def test_spoiling_spoils(whole):
    rng = np.random.default_rng(0)
    different = [spoiled(whole["record"], rng) != whole["record"] for _ in range(50)]
    assert np.mean(different) > 0.9 and json.loads(whole["record"])["schema"] == 1
