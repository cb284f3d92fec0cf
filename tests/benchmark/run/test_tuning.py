"""Runs on tuning instances are counted, run again or not, and stand in every record of their task."""

import toy_runs

from retouch.benchmark import records, tracks
from retouch.benchmark.run.plan import plan
from retouch.benchmark.run.record import failed
from retouch.benchmark.run.tuning import tuning_runs


def test_runs_on_tuning_instances_are_counted(tmp_path):
    folder, tiny = toy_runs.write(tmp_path, "method"), tracks.load("tiny")
    tuned, scored = (plan([folder], tiny, instances=[f"category_redaction/{name}"])[0]
                     for name in ("tune-digits-gan", "digits-gan"))  # fmt: skip
    assert tuning_runs(scored) == 0
    for count in (1, 2):
        record = failed(tuned, None, "a stand-in")
        records.write(folder, record)
        assert record.tuning_runs == count and failed(scored, None, "another").tuning_runs == count
    other = toy_runs.write(tmp_path, "other", task="output_diversity")
    assert tuning_runs(plan([other], tiny, instances=["output_diversity/digits-gan"])[0]) == 0
