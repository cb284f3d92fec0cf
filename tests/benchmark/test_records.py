"""Records: they survive a round trip, refuse what contradicts itself, and never take a reader down."""

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from toy_runs import REPOSITORY

from retouch.benchmark import records
from retouch.benchmark.records import Measured, Provenance, Quality, Record, Scaled, harmonic

unit = st.floats(-1, 2).map(lambda x: round(x, 6))


@st.composite
def valid(draw):
    goal, quality = ({"low": a, "value": b, "high": c} for a, b, c in
                     (sorted(draw(st.tuples(unit, unit, unit))) for _ in range(2)))  # fmt: skip
    value = draw(st.floats(-1e6, 1e6))
    return Record(
        submission=draw(st.from_regex(r"[a-z][a-z0-9_]{0,10}", fullmatch=True)), point="default", method="m:edit",
        params={"lr": 0.1}, track="tiny", instance="category_redaction/digits-gan", status="ok",
        seed=draw(st.integers(0, 2**31 - 1)), goal=Scaled(**goal), quality=Quality(**quality),
        score=harmonic(goal["value"], quality["value"]),
        metrics={"fd": Measured(value=value, low=value - 1, high=value + 1, n=10)},
        provenance=Provenance(versions={}, sha256={}, packages={}, time="2026-01-01T00:00:00+00:00"),
    )  # fmt: skip


@given(valid())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_round_trip(tmp_path, record):
    assert records.read(records.write(tmp_path / record.submission, record)) == record


@given(valid(), st.sampled_from(["goal", "quality", "score"]), unit)
def test_a_score_that_is_not_the_harmonic_mean_is_refused(record, field, value):
    told = record.model_dump(mode="json", by_alias=True)
    told[field] = min(max(value, 0), 1) if field == "score" else {"value": value, "low": -1, "high": 2}
    honest = harmonic(told["goal"]["value"], told["quality"]["value"])
    if abs(honest - told["score"]) > 1e-3:
        with pytest.raises(ValidationError, match="harmonic"):
            Record.model_validate(told)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"status": "failed"}, "no goal"),
        ({"goal": None}, "needs goal"),
        ({"submission": "<b>x</b>"}, "submission"),
        ({"instance": "../../etc/passwd"}, "instance"),
        ({"seed": -1}, "seed"),
        ({"metrics": {"fd": {"value": float("nan"), "low": 0, "high": 1}}}, "fd"),
        ({"metrics": {"fd": {"value": 1, "low": 2, "high": 1}}}, "above"),
        ({"surprise": 1}, "surprise"),
        ({"schema": 2}, "schema"),
    ],
)
def test_each_wrong_field_is_named(change, message):
    told = {
        "schema": 1, "submission": "m", "point": "default", "method": "m:edit", "params": {}, "track": "tiny",
        "instance": "category_redaction/digits-gan", "seed": 0, "status": "ok", "score": 1.0,
        "goal": {"value": 1, "low": 1, "high": 1}, "quality": {"value": 1, "low": 1, "high": 1},
        "provenance": {"versions": {}, "sha256": {}, "packages": {}, "time": "2026-01-01T00:00:00+00:00"},
    }  # fmt: skip
    Record.model_validate(told)
    with pytest.raises(ValidationError, match=message):
        Record.model_validate(told | change)


@given(st.one_of(st.binary(max_size=200), st.recursive(st.none() | st.floats() | st.text(), st.lists).map(
    lambda value: json.dumps(value).encode())))  # fmt: skip
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_no_file_takes_the_reader_down(tmp_path, content):
    file = tmp_path / "m" / "records" / "tiny" / "x.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    found, rejected = records.read_all(tmp_path)
    assert not found and set(rejected) == {file}


@given(valid())
@settings(max_examples=10)
def test_a_record_in_the_place_of_another_is_rejected(record):
    with tempfile.TemporaryDirectory() as root:
        good = records.write(Path(root) / record.submission, record)
        moved = good.with_name(f"default.{(record.seed + 1) % 2**31}.json")
        moved.write_bytes(good.read_bytes())
        found, rejected = records.read_all(Path(root))
        assert found == [record] and set(rejected) == {moved}


def test_the_published_schema_documents_every_field():
    schema = json.loads(records.schema())
    assert set(schema["required"]) >= {"submission", "instance", "seed", "status", "provenance"}
    published = REPOSITORY / "docs" / "record.schema.json"
    assert json.loads(published.read_text()) == schema, (
        "write retouch.benchmark.records.schema() to docs/record.schema.json"
    )
