"""A published score cannot move unseen: what it rests on has a fingerprint in the change log, and what computes it has
numbers here. `PYTHONPATH=tests python tests/benchmark/test_versions.py` writes these anew, for a new METRICS version.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from toy_runs import REPOSITORY

from retouch.benchmark import setup, tracks, versions
from retouch.benchmark.records import Measured
from retouch.benchmark.run import scale, score
from retouch.benchmark.tasks import look_up

SCORES = Path(__file__).with_name("scores.json")
INSTANCES = ("identity_removal/faces-gan", "category_redaction/digits-gan", "attribute_rebalancing/faces-gan",
             "output_diversity/digits-gan")  # fmt: skip


def numbers() -> dict[str, dict[str, list[float]]]:
    """Every raw metric of an instance's own training images, in the place of generated ones."""
    found = {}
    for name in INSTANCES:
        instance = look_up(tracks.load("tiny"), tracks.load("tiny").instance(name))
        images = instance.training().images
        half = np.random.default_rng(0).integers(0, len(images), 1000)
        answers = {"samples": images[half], "paired": images[:64], "base_paired": images[1:65]}
        raw, _ = score.measure(instance, answers, instance.anchors["counts"], instance.anchors["kept"])
        found[name] = {key: [float(one.value), float(one.low), float(one.high)] for key, one in raw.items()}
    m = [Measured(value=v, low=v - 0.02, high=v + 0.03) for v in (0.01, 0.1, 0.3)]
    ends = {"value": 0.2, "se": 0.01}, {"value": 0.02, "se": 0.005}
    anchors = {"units": {"fd": 0.1}, "unchanged": dict.fromkeys(scale.PARTS, ends[0])}
    goals = [scale.on_scale(one, *ends) for one in m]
    qualities = [scale.quality(dict.fromkeys(scale.PARTS, one), anchors) for one in m]
    found["axes"] = {
        "goal": [*(one.value for one in goals), *(one.low for one in goals)],
        "quality": [*(one.value for one in qualities), *(one.high for one in qualities)],
    }
    return found


@pytest.mark.parametrize("name", versions.scaled())
def test_the_change_log_names_the_fingerprint_of_every_track(name):
    newest = versions.section((REPOSITORY / "CHANGELOG.md").read_text())
    told = "python -m retouch.benchmark.versions CHANGELOG.md writes it; say there what has changed and why"
    assert versions.line(name) in newest, f"CHANGELOG.md lacks {versions.line(name)!r}: {told}"


def test_the_fingerprint_moves_with_all_that_a_score_rests_on(monkeypatch):
    before = versions.fingerprint("tiny")
    scale = tracks.scale("tiny")
    moved = scale | {INSTANCES[0]: scale[INSTANCES[0]] | {"units": {"fd": 1.0}}}
    for where, name, value in ((setup, "METRICS", "next"), (tracks, "scale", lambda _: moved)):
        with monkeypatch.context() as patch:
            patch.setattr(where, name, value)
            assert versions.fingerprint("tiny") != before
    track = tracks.load("tiny")
    with monkeypatch.context() as patch:
        patch.setattr(tracks, "load", lambda _: track.model_copy(update={"floor": 0.5}))
        assert versions.fingerprint("tiny") != before
    assert versions.fingerprint("tiny") == before


def test_writing_into_the_change_log_keeps_everything_else():
    text = "# Changes\n\n## 2 (unreleased)\n\n- Scores of `tiny`: old.\n- More.\n\n## 1\n\n- Scores of `tiny`: older.\n"
    new = versions.written(text)
    assert versions.line("tiny") in versions.section(new) and "- More.\n" in new
    assert new.endswith("## 1\n\n- Scores of `tiny`: older.\n") and "old.\n- More" not in new
    assert versions.written(new) == new
    with pytest.raises(ValueError, match="begin one"):
        versions.written(text.replace(" (unreleased)", ""))


def test_metrics_give_the_numbers_of_their_version():
    kept = json.loads(SCORES.read_text())
    assert kept["metrics"] == setup.METRICS, "a new version: write its numbers, and name it in CHANGELOG.md"
    for instance, found in numbers().items():
        assert found.keys() == kept[instance].keys()
        for name, values in found.items():
            told = f"{instance}: {name} has moved; if that is meant, raise retouch.benchmark.setup.METRICS"
            assert values == pytest.approx(kept[instance][name], rel=2e-4, abs=2e-4), told


if __name__ == "__main__":
    SCORES.write_text(json.dumps({"metrics": setup.METRICS} | numbers(), indent=1) + "\n")
