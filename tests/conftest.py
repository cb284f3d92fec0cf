"""What all tests share: steady examples, one cache, and which tests may run side by side."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# the same examples on every run, and no deadline: a slow machine is no fault of the code
settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")

os.environ.setdefault("OMP_NUM_THREADS", "1")
TRAINED = ("prompted", "trained_gan")
LONGEST = ("undisturbed", "test_board_browser", "test_grid", "test_questions", "test_score", "test_contract",
           "test_verify", "trained_gan", "test_board_app", "test_laws", "test_attacks", "test_bring", "test_installed",
           "test_edit", "test_cluster", "test_data_redaction", "test_saliency", "test_self_cond", "test_distribution",
           "test_site", "test_pretrain", "test_diversity")  # fmt: skip


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """A file's tests share its fixtures: with pytest-xdist they stay on one worker, unless a test names its group.

    So do files that use the same model of `toy`, which every process trains once. Groups are handed out in the order of
    the items: what takes longest comes first, so that no worker is left alone with it.
    """
    for item in items:
        if not item.get_closest_marker("xdist_group"):
            trained = next((name for name in TRAINED if hasattr(item.module, name)), str(item.path))
            item.add_marker(pytest.mark.xdist_group(trained))
    items.sort(key=_rank)


def _rank(item: pytest.Function) -> int:
    group = next(item.iter_markers("xdist_group")).args[0]
    return next((i for i, name in enumerate(LONGEST) if name in group), len(LONGEST))


def pytest_collection_finish() -> None:
    """What is imported stays until the end: the garbage collector need not look at it again and again."""
    gc.collect()
    gc.freeze()


def pytest_xdist_auto_num_workers() -> int:
    """For `-n auto`: one worker more than cores, as many tests wait for a browser, a process or a clock."""
    return min(6, (os.cpu_count() or 1) + 1)


@pytest.fixture(scope="session", autouse=True)
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One cache for the session and all its workers, empty at its start: whatever lies there is named by its content.

    No test reads what an earlier session or the user left.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared-cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETOUCH_CACHE", str(folder))
        yield folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of this test's own, empty."""
    monkeypatch.setenv("RETOUCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="session", autouse=True)
def unattacked() -> Iterator[None]:
    """Runs without attacks, which cost seconds each: the tests of attacks put them back."""
    from retouch.benchmark.run import attack

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attack, "attacked", lambda run: False)
        yield
