"""A handful of the planted cheats, run for real: each fails with the status of its kind. `run.py` runs them all."""

import pytest
from cheats.run import HERE, NAMES, caught

from retouch.benchmark import submission, tracks
from retouch.benchmark.support.places import folder

INSTANCE = "category_redaction/digits-gan"


@pytest.fixture(scope="module")
def track():
    tiny = tracks.load("tiny")
    few = tiny.instance(INSTANCE).model_copy(update={"samples": 1000})
    return tiny.model_copy(update={"instances": [few]})


@pytest.mark.parametrize(
    ("name", "point", "status"),
    [
        ("replay", "nearest", "copies"),
        ("mixture", "filtered", "replaced"),
        ("control", "permuted", "borrowed"),
        ("attack", "levels-13-shuffled", "imperceptible_change"),
        ("handed_out", "", "refused"),
    ],
)
def test_a_planted_cheat_fails_and_is_told_why(name, point, status, track):
    ((_, _, fate, record),) = caught([name], track, INSTANCE, [point])
    assert fate.startswith(f"{status}: ") and len(fate) > 80
    assert record is None or record.goal is None


def test_no_cheat_lies_where_submissions_are_ranked():
    assert not set(NAMES) & {file.parent.name for file in folder("submissions").glob("*/submission.toml")}


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"handed_out"}))
def test_a_cheat_has_a_valid_manifest(name):
    assert submission.read(HERE / name).points
