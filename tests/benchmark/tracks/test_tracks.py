"""Track files: what instances share is stated once, and a slip is named with its file."""

import numpy as np
import pytest

from retouch.benchmark import setup, tasks, tracks, versions

TRACK = """
[track]
name = "own"
version = "1"
summary = "a track of a test"
seeds = [0]
floor = 0.3
max_minutes = 1
max_memory_mb = 4000

[common]
share = 0.01
samples = 100

[bases.a-flow]
family = "flow"
judge = "a-judge"
encoder = "a-encoder"
guide = "a-guide"
gpu_seconds = { "a card" = 250 }

[bases.a-gan]
family = "gan"
judge = "a-judge"
encoder = "a-encoder"
guide = "a-guide"
samples = 50

[[instance]]
name = "{base}-8"
task = "category_redaction"
bases = ["a-flow", "a-gan"]
retrained = { a-flow = "a-flow-without-8" }
target = { attribute = "category", values = [8] }

[[instance]]
task = "category_redaction"
bases = ["a-gan"]
target = { attribute = "category", values = [1] }
samples = 70
core = false
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Load a track file of this text from a folder on RETOUCH_PATH."""
    file = tmp_path / "tracks/own/track.toml"
    file.parent.mkdir(parents=True)
    monkeypatch.setenv("RETOUCH_PATH", str(tmp_path))

    def read(text):
        file.write_text(text)
        tracks.load.cache_clear()
        return tracks.load("own")

    yield read
    tracks.load.cache_clear()


def test_an_entry_makes_an_instance_on_each_base(load):
    eights, more, one = load(TRACK).instances
    assert [eights.name, more.name, one.name] == [
        "category_redaction/a-flow-8", "category_redaction/a-gan-8", "category_redaction/a-gan",
    ]  # fmt: skip
    assert (eights.family, eights.samples, eights.share, eights.retrained) == ("flow", 100, 0.01, "a-flow-without-8")
    assert (more.family, more.samples, more.judge, more.retrained) == ("gan", 50, "a-judge", None)
    assert (one.samples, one.base) == (70, "a-gan")  # an instance's own field before its base's


def test_an_entry_makes_an_instance_for_each_target(load):
    targets = 'target = { attribute = "category" }\ntargets = { 1 = { values = [1] }, pair = { values = [1, 7] } }'
    made = load(TRACK.replace('target = { attribute = "category", values = [1] }', targets)).instances[2:]
    assert {one.name: one.target["values"] for one in made} == {
        "category_redaction/a-gan-1": [1], "category_redaction/a-gan-pair": [1, 7],
    }  # fmt: skip
    assert {one.target["attribute"] for one in made} == {"category"}


def test_rank_and_gpu_budget_are_said_in_words(load):
    eights, more, one = load(TRACK).instances
    assert (eights.rank, one.rank) == ("core", "ladder")
    assert load(TRACK.replace("core = false", "tuning = true")).instances[2].rank == "tuning"
    assert eights.gpu_budget == "2.5 s on a card" and more.gpu_budget == "not measured"


@pytest.mark.parametrize(
    ("before", "after", "hint"),
    [
        ("retrained = { a-flow", "retrained = { a-flw", "control for a-flw"),
        ("[bases.a-gan]", "[bases.a-gun]", r"bases\.a-gun is the base of no instance"),
        ('bases = ["a-gan"]', "", r"(?s)base\n.*valid string"),
        ('family = "gan"', "", r"(?s)family\n.*required"),
        ("[track]", "[track", "track.toml"),
    ],
)
def test_a_slip_is_named_with_its_file(load, before, after, hint):
    with pytest.raises(ValueError, match=hint) as error:
        load(TRACK.replace(before, after))
    assert "own/track.toml" in str(error.value)


@pytest.mark.parametrize("name", versions.scaled())
def test_bases_are_ten_standard_errors_from_the_ideal(name):
    scale, near = tracks.scale(name), {}
    for instance in tracks.load(name).instances:
        goal, _ = setup.goal(tasks.module(instance.task), instance.target)
        unchanged, ideal = scale[instance.name]["unchanged"][goal], scale[instance.name]["ideal"]
        errors = abs(unchanged["value"] - ideal["value"]) / np.hypot(unchanged["se"], ideal["se"])
        if errors < 10 and not instance.tuning and tasks.module(instance.task).IDEAL is not None:
            near[instance.name] = round(errors, 1)
    assert not near, "what a method can gain there is lost in noise: more samples, or another target"
