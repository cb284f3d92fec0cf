"""Records that tell something else than a run did: every forgery is named, and no bytes take the check down."""

import json
import shutil
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_runs import INSTANCE, copy, forge, record_file

from retouch.benchmark import records, tracks, versions
from retouch.benchmark.cli.main import main
from retouch.benchmark.records import harmonic
from retouch.benchmark.run import scale
from retouch.benchmark.submit import check, report


@pytest.fixture
def mine(honest, submissions):
    """A copy to spoil, where the command line finds it."""
    return copy(honest, submissions)


def errors(folder):
    return [f"{f.where}: {f.what}" for f in check.check(folder).findings if f.level == "error"]


FORGED = {
    "a better score": (
        {"goal__value": 0.9, "goal__high": 1.0, "goal__low": 0.8},
        "goal.value is 0.9000; its metrics and the track's scale give",
    ),
    "a better quality": ({"quality__value": 0.5, "quality__low": 0.4, "quality__high": 0.6}, "quality.value is 0.5000"),
    "another interval": ({"quality__low": 0.0, "quality__high": 9.0}, "quality.low is"),
    "another seed": ({"seed": 2}, "belongs elsewhere"),
    "another name": ({"submission": "other"}, "belongs elsewhere"),
    "another place": ({"instance": "../../etc/passwd"}, "instance"),
    "other parameters": ({"params": {"lr": 2}}, "params"),
    "another method": ({"method": "retouch.methods.rejection:edit"}, "not the manifest's entry"),
    "other code": ({"provenance__sha256__method": "0" * 64}, "other code"),
    "another base": ({"provenance__sha256__base": "0" * 64}, "stale: another base"),
    "another judge": ({"provenance__sha256__judge": "0" * 64}, "stale: another judge"),
    "another scale": ({"provenance__sha256__scale": "0" * 64}, "stale: another scale"),
    "older metrics": ({"provenance__versions__metrics": "0"}, "stale: metrics version 0, now"),
    "no hashes": ({"provenance__sha256": {}}, "provenance lacks base"),
    "another picture": ({"provenance__sha256__picture": "0" * 64}, "another one than the record names"),
    "an unknown track": ({"track": "tinny"}, "belongs elsewhere"),
    "an edit for free": ({"cost__operations": 0}, "share"),
    "a share for free": ({"cost__share": 0.0}, "share"),
    "beyond the budget": ({"cost__operations": 10688328192000, "cost__share": 1.0}, "for a budget of"),
    "beyond the clock": ({"cost__seconds": 9e4}, "minutes are allowed"),
    "work that is not counted": ({"cost__processor_seconds": 900.0}, "of the processor"),
    "no cost": ({"cost": None}, "without its cost"),
    "a metric without images": ({"metrics__fd__n": 0}, "rests on no image"),
    "good quality called bad": ({"status": "below_floor", "goal": None, "score": None}, "status below_floor with qual"),
    "another schema": ({"schema": 7}, "schema"),
    "not a number": ({"params": {"lr": float("nan")}}, "not plain JSON"),
}


@pytest.mark.parametrize("forgery", FORGED)
def test_every_forgery_is_found(mine, forgery):
    changes, message = FORGED[forgery]
    told = forge(record_file(mine), **changes)
    if "goal__value" in changes or "quality__value" in changes:
        told = forge(record_file(mine), score=harmonic(told["goal"]["value"], told["quality"]["value"]))
    assert any(message in one for one in errors(mine)), errors(mine)
    assert main(["check", "mine"]) == 1


def test_quality_below_the_floor_is_never_ok(mine):
    """A forger who has recomputed everything, but calls a destroyed generator ok."""
    anchors = tracks.scale("tiny")[INSTANCE]
    record, recall = records.read(record_file(mine)), {"value": 0.1, "low": 0.08, "high": 0.12, "n": 2000}
    quality = scale.quality(record.metrics | {"recall": SimpleNamespace(**recall)}, anchors).model_dump()
    goal = record.goal.value
    told = {"metrics__recall": recall, "quality": quality, "score": harmonic(goal, quality["value"])}
    forge(record_file(mine), **told)
    assert [one for one in errors(mine) if f"status ok with quality {quality['value']:.3f}, floor 0.3" in one]
    assert len(errors(mine)) == 1
    forge(record_file(mine), status="below_floor", goal=None, score=None)
    assert not errors(mine)


@pytest.mark.parametrize(
    ("file", "changes", "level", "message"),
    [
        ("default.7", {"seed": 7}, "warning", "seed 7 is none of the track's (0, 1, 2)"),
        ("strong.0", {"point": "strong"}, "error", "operating point 'strong' is not in submission.toml"),
    ],
)
def test_a_seed_or_point_that_does_not_exist_is_found(mine, file, changes, level, message):
    forge(record_file(mine), **changes)
    for suffix in (".json", ".png"):
        old = record_file(mine).with_suffix(suffix)
        old.rename(old.with_name(file + suffix))
    assert [(f.level, f.what) for f in check.check(mine).findings if f.where.endswith(f"{file}.json")] == [
        (level, message)
    ]


def test_pictures_are_compared_by_content(mine):
    picture = record_file(mine).with_suffix(".png")
    shutil.copy(record_file(mine, 1).with_suffix(".png"), picture)
    assert any("another one than the record names" in one for one in errors(mine))
    picture.unlink()
    assert any("picture is missing" in one for one in errors(mine))


def test_a_record_of_an_instance_that_is_gone_is_stale(mine):
    record = records.read(record_file(mine))
    assert versions.moved(record) == []
    gone = record.model_copy(update={"instance": "category_redaction/gone"})
    assert "no instance 'category_redaction/gone'" in versions.moved(gone)[0]


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just(10**4000),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
DEEP = ["[" * 100_000, '{"a":' * 20_000, '{"schema": 1, "params": ' + '{"a":' * 5000 + "1" + "}" * 5001]


@given(data=st.data())
@settings(max_examples=60)
def test_no_record_takes_it_down_or_is_lost(honest, data, tmp_path_factory):
    """A real record with one value in it replaced, or bytes that are none: a finding or none, the file untouched."""
    folder = copy(honest, tmp_path_factory.mktemp("junk"))
    file = record_file(folder)
    told = json.loads(file.read_text())
    inner, key = told, data.draw(st.sampled_from(sorted(told)))
    while isinstance(inner[key], dict) and inner[key] and data.draw(st.booleans()):
        inner = inner[key]
        key = data.draw(st.sampled_from(sorted(inner)))
    inner[key] = data.draw(junk)
    text = json.dumps(told).encode(errors="replace")
    content = data.draw(st.sampled_from([text, *map(str.encode, DEEP)]) | st.binary(max_size=300))
    file.write_bytes(content)
    found = check.check(folder)
    report.markdown([found], found.records)
    assert file.read_bytes() == content and record_file(folder, 1).exists()
    if content != text:
        assert any(f.level == "error" for f in found.findings)
    shutil.rmtree(folder)
