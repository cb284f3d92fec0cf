"""The cache: what is read is what was kept there, or nothing."""

import importlib
import shutil
import stat

import numpy as np

from retouch.benchmark.support.cache import cache_folder, code_key, keep, kept

ARRAYS = {"features": np.arange(12.0).reshape(3, 4), "cost_wall": np.array(1.5)}


def test_what_is_kept_comes_back(cache):
    keep(cache / "references/a.npz", ARRAYS)
    back = kept(cache / "references/a.npz")
    assert back.keys() == ARRAYS.keys() and all(np.array_equal(back[name], ARRAYS[name]) for name in ARRAYS)


def test_a_rewritten_or_moved_entry_is_none(cache):
    file = cache / "references/a.npz"
    keep(file, ARRAYS)
    packed = dict(np.load(file))
    np.savez(file, **(packed | {"features": packed["features"] * 0}))  # as a method without a sandbox did
    assert kept(file) is None
    np.savez(file, **ARRAYS)  # without a hash
    assert kept(file) is None
    keep(cache / "references/b.npz", ARRAYS)
    shutil.copy(cache / "references/b.npz", file)  # another entry's content
    assert kept(file) is None and kept(cache / "references/b.npz") is not None


def test_nobody_else_reads_the_cache(cache):
    keep(cache / "answers/a.npz", ARRAYS)
    assert stat.S_IMODE(cache_folder().stat().st_mode) == 0o700


def test_the_key_of_a_package_follows_the_code_below_it(tmp_path, monkeypatch):
    """What an older sampler drew is not read again."""
    (tmp_path / "drawers" / "inner").mkdir(parents=True)
    for name in ("__init__", "inner/__init__", "inner/flow"):
        (tmp_path / "drawers" / f"{name}.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    package = importlib.import_module("drawers")
    before = code_key(package)
    (tmp_path / "drawers/inner/flow.py").write_text("SEED = 1\n")
    code_key.cache_clear()
    assert code_key(package) != before
