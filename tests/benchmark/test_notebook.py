"""The notebook form scores as a run does, and refuses what a run would."""

import pytest
from toy_runs import INSTANCE, record_file, run, write

import retouch


def test_the_notebook_form_scores_like_the_harness(cache, tmp_path):
    folder = write(tmp_path, "unchanged", entry="retouch.methods.unchanged:edit")
    record = run(folder)
    task = retouch.load(f"tiny/{INSTANCE}")
    scores = task.score(task.generator)
    assert scores.metrics == record.metrics and scores.goal == record.goal and scores.quality == record.quality
    assert task.picture(task.generator).startswith(b"\x89PNG")
    assert run(folder).metrics == record.metrics
    assert record_file(folder).with_suffix(".png").stat().st_size <= 60_000


def test_the_notebook_form_refuses_what_a_run_would(cache):
    task = retouch.load(f"tiny/{INSTANCE}")
    destroyed = task.generator
    for parameter in destroyed.module.parameters():
        parameter.data.zero_()
    found = task.score(destroyed)
    assert found.goal is None and found.score is None and "floor" in found.reason

    class Floats:
        def sample(self, n, rng):
            return task.generator.sample(n, rng).float() / 255

    with pytest.raises(ValueError, match=r"samples: the generator gave float32 .*; wanted uint8"):
        task.score(Floats())
