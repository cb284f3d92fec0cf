"""The hash of a method: all that its code is made of, and nothing else."""

import gc
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from toy_runs import TRAINS, planned, write

from retouch.benchmark.run.method import _imports, method_sha256
from retouch.benchmark.run.resolve import resolve
from retouch.benchmark.support import files


def test_a_methods_hash_covers_its_data_and_imports(tmp_path):
    mine = write(tmp_path, "mine")
    hashed = lambda: method_sha256(mine, "method:edit")  # noqa: E731
    first = hashed()
    (mine / "records").mkdir()
    (mine / "records/note.npy").write_bytes(b"1")
    assert hashed() == first
    (mine / "notes.md").write_text("what it does")  # or code that `exec` runs
    assert hashed() != first
    first = hashed()
    (mine / "weights").mkdir()
    (mine / "weights/directions.npy").write_bytes(b"1")
    second = hashed()
    (mine / "weights/directions.npy").write_bytes(b"2")
    assert len({first, second, hashed()}) == 3
    (mine / "method.py").write_text(TRAINS + "\n")
    plain = hashed()
    (mine / "method.py").write_text("from retouch.methods.training import continue_training\n" + TRAINS)
    assert {file.stem for file in _imports(mine / "method.py")} >= {"method", "training"} and hashed() != plain
    (mine / "method.py").write_text("def edit(:\n")
    assert hashed() != plain  # the run says what is wrong with it


def test_methods_are_hashed_by_several_threads_at_once():
    before = gc.get_threshold()
    gc.callbacks.append(yields := lambda *_: time.sleep(0))  # threads change in the middle of parsing
    gc.set_threshold(5)
    try:
        with ThreadPoolExecutor(4) as pool:
            found = pool.map(lambda _: method_sha256(Path("none"), "retouch.methods.rejection:edit"), range(24))
            assert len(set(found)) == 1
    finally:
        gc.set_threshold(*before)
        gc.callbacks.remove(yields)


def test_cached_answers_belong_to_one_entry_and_its_access(tmp_path):
    for name, entry, access in (("a", "edit_data", "forget_images"), ("b", "edit_validity", "forget_images"),
                                ("c", "edit_data", "classifier")):  # fmt: skip
        write(tmp_path, name, entry=f"retouch.methods.data_redaction:{entry}", access=[access])
    assert len({resolve(planned(tmp_path / name)).key for name in "abc"}) == 3


def test_a_file_is_hashed_once_and_again_when_it_changed(tmp_path, monkeypatch):
    mine = write(tmp_path, "mine")
    file = mine / "weights.npy"
    file.write_bytes(b"1" * 100)
    reads, digest = [], files.hashlib.file_digest
    monkeypatch.setattr(files.hashlib, "file_digest", lambda *of: reads.append(of) or digest(*of))
    first = method_sha256(mine, "method:edit")
    assert method_sha256(mine, "method:edit") == first and len(reads) == 2  # the code and its weights
    times = file.stat().st_atime_ns, file.stat().st_mtime_ns
    file.write_bytes(b"2" * 100)
    os.utime(file, ns=times)  # of the same size, and with the time of its last change put back
    assert method_sha256(mine, "method:edit") != first and len(reads) == 3
