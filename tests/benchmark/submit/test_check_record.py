"""Records that tell something else than a run did: every forgery is named, and no bytes take the check down."""

import json
import shutil
from types import SimpleNamespace

import pytest
from forgeries import BY_NOBODY, ONE_FIELD, cases
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


CASES = cases(ONE_FIELD)


@pytest.mark.parametrize(("changes", "message"), CASES)
def test_every_forgery_is_found(mine, changes, message):
    table = forge(record_file(mine), **changes)
    if "goal__value" in changes or "quality__value" in changes:
        score = harmonic(table["goal"]["value"], table["quality"]["value"])  # as a careful forger does
        forge(record_file(mine), score=score)
    assert any(message in error for error in errors(mine)), errors(mine)


def test_forgeries_are_told_apart_by_name():
    assert len({case.id for case in CASES}) == len(CASES) >= 60


@pytest.mark.parametrize("name", BY_NOBODY)
def test_what_nobody_finds_is_still_found_by_nobody(mine, name):
    """Once somebody does, it belongs into the other tables."""
    forge(record_file(mine), **BY_NOBODY[name][0])
    assert not errors(mine)


def test_a_forgery_ends_the_command_with_an_error(mine):
    assert main(["check", "mine"]) == 0
    forge(record_file(mine), score=0.99)
    assert main(["check", "mine"]) == 1


def test_no_key_may_stand_twice(mine):
    text = record_file(mine).read_text().rstrip()
    record_file(mine).write_text(text[:-1] + ', "score": 0.99}')  # the false value last, which most readers take
    assert any("the key 'score' stands twice" in error for error in errors(mine))


def test_a_family_that_the_manifest_lacks_is_found(mine):
    manifest = mine / "submission.toml"
    manifest.write_text(manifest.read_text().replace('families = ["gan"]', 'families = ["flow"]'))
    assert any("family gan is not in submission.toml" in error for error in errors(mine))


def test_images_have_no_cost(mine):
    manifest = mine / "submission.toml"
    manifest.write_text(manifest.read_text().replace('"method:edit"', '"images"'))
    forge(record_file(mine), method="images", status="samples_only")
    assert any("images that were made elsewhere, with a cost" in error for error in errors(mine))


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
