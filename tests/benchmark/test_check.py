"""`retouch check`: an honest submission passes, every forgery and every mistake is named, and no file takes it down."""

import json
import os
import shutil
import time
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from submitting import INSTANCE, copy, forge, write

from retouch.benchmark import records, tracks, versions
from retouch.benchmark.cli.main import main
from retouch.benchmark.records import harmonic
from retouch.benchmark.run import scale
from retouch.benchmark.submit import check, report


@pytest.fixture
def mine(honest, tmp_path, monkeypatch):
    """A copy to spoil, where the command line finds it."""
    monkeypatch.chdir(tmp_path)
    return copy(honest, tmp_path / "submissions")


def record_of(folder, seed=0):
    return folder / f"records/tiny/{INSTANCE}/default.{seed}.json"


def errors(folder):
    return [f"{f.where}: {f.what}" for f in check.check(folder).findings if f.level == "error"]


def test_an_honest_submission_passes_and_says_what_is_missing(mine, capsys):
    assert main(["check", "mine"]) == 0
    said = capsys.readouterr().out
    assert "2 records: 0 errors, 1 warning" in said
    assert f"seeds 2, on tiny: {INSTANCE}" in said and "retouch run mine" in said


FORGED = {
    "a better score": (
        {"goal__value": 0.9, "goal__high": 1.0, "goal__low": 0.8},
        "goal.value is 0.9000; its metrics and the track's scale give",
    ),
    "a better quality": ({"quality__value": 0.5, "quality__low": 0.4, "quality__high": 0.6}, "quality.value is 0.5000"),
    "a narrower interval": ({"quality__low": 0.99999, "quality__high": 1.0}, "quality.low is"),
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
    told = forge(record_of(mine), **changes)
    if "goal__value" in changes or "quality__value" in changes:
        told = forge(record_of(mine), score=harmonic(told["goal"]["value"], told["quality"]["value"]))
    assert any(message in one for one in errors(mine)), errors(mine)
    assert main(["check", "mine"]) == 1


def test_quality_below_the_floor_is_never_ok(mine):
    """A forger who has recomputed everything, but calls a destroyed generator ok."""
    anchors = tracks.scale("tiny")[INSTANCE]
    fd = {"value": 90.0, "low": 85.0, "high": 95.0, "n": 2000}
    quality = scale.relative_quality(SimpleNamespace(**fd), anchors["unchanged"]["fd"], anchors["unit"]).model_dump()
    goal = records.read(record_of(mine)).goal.value
    told = {"metrics__fd": fd, "quality": quality, "score": harmonic(goal, quality["value"])}
    forge(record_of(mine), **told)
    assert [one for one in errors(mine) if f"status ok with quality {quality['value']:.3f}, floor 0.3" in one]
    assert len(errors(mine)) == 1
    forge(record_of(mine), status="below_floor", goal=None, score=None)
    assert not errors(mine)


@pytest.mark.parametrize(
    ("file", "changes", "level", "message"),
    [
        ("default.7", {"seed": 7}, "warning", "seed 7 is none of the track's (0, 1, 2)"),
        ("strong.0", {"point": "strong"}, "error", "operating point 'strong' is not in submission.toml"),
    ],
)
def test_a_seed_that_the_track_lacks_and_a_point_that_the_manifest_lacks(mine, file, changes, level, message):
    forge(record_of(mine), **changes)
    for suffix in (".json", ".png"):
        old = record_of(mine).with_suffix(suffix)
        old.rename(old.with_name(file + suffix))
    assert [(f.level, f.what) for f in check.check(mine).findings if f.where.endswith(f"{file}.json")] == [
        (level, message)
    ]


def test_pictures_are_compared_by_content(mine):
    picture = record_of(mine).with_suffix(".png")
    shutil.copy(record_of(mine, 1).with_suffix(".png"), picture)
    assert any("another one than the record names" in one for one in errors(mine))
    picture.unlink()
    assert any("picture is missing" in one for one in errors(mine))


MANIFESTS = {
    'authors = ["the tests"]': ("authors = []", "authors"),
    'entry = "method:edit"': ('entry = "other:edit"', "no other.py beside the manifest"),
    'families = ["gan"]': ('families = ["vae"]', "families"),
    'tasks = ["category_redaction"]': ("tasks = 3", "tasks"),
    'title = "A test\'s method"': ("title = ", "not TOML"),
    'access = ["training_data", "classifier"]': ("[params]\nsteps = 3", "takes no parameter 'steps'"),
}


@pytest.mark.parametrize("line", MANIFESTS)
def test_every_mistake_in_a_manifest_is_named(mine, line):
    file = mine / "submission.toml"
    assert line in file.read_text()
    file.write_text(file.read_text().replace(line, MANIFESTS[line][0]))
    assert any(MANIFESTS[line][1] in one for one in errors(mine)), errors(mine)


def test_code_is_read_and_never_run(mine):
    method = mine / "method.py"
    for body, message in (
        ("raise SystemExit('run!')\n", "no function edit"),
        ("def edit(generator):\n    pass\n", "takes 1 positional"),
        ("def edit(:\n", "no Python that can be read"),
        ("x = " + "(" * 5000 + ")" * 5000 + "\n", "no Python that can be read"),
    ):
        method.write_text(body)
        assert any(message in one for one in errors(mine)), (body[:20], errors(mine))
    method.write_text("import nothing_there\nfrom elsewhere import edit\n")
    assert not any("entry" in one for one in errors(mine))
    (mine / "random.py").write_text("")
    assert any("another module of that name" in f.what for f in check.check(mine).findings)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_links_pipes_and_litter_are_named_and_never_opened(mine):
    os.mkfifo(mine / "pipe.py")
    os.mkfifo(mine / "records" / "pipe.json")
    (mine / "records" / "link.json").symlink_to("/etc/passwd")
    (mine / "records" / "loop").symlink_to(mine)
    record_of(mine, 1).unlink()
    (mine / "records" / "notes.txt").write_text("x")
    said = [f"{f.level} {f.where} {f.what}" for f in check.check(mine).findings]
    for name in ("mine/pipe.py", "records/pipe.json", "records/link.json", "records/loop"):
        assert any(name in one and "no plain file" in one for one in said), name
    assert any("notes.txt is neither" in one for one in said)
    assert any("default.1.png a picture without a record" in one for one in said)


def test_a_whole_folder_and_unknown_names(mine, capsys):
    copy(mine, mine.parent, "other")
    assert main(["check"]) == 0 and main(["check", "submissions", "mine"]) == 0
    assert "2 submissions, 4 records" in capsys.readouterr().out
    assert main(["check", "mien"]) == 2
    assert "did you mean mine" in capsys.readouterr().err


def test_the_comment_compares_and_defuses_a_strangers_text(mine, capsys):
    copy(mine, mine.parent, "unchanged")
    copy(mine, mine.parent, "rival")
    (mine / "records" / "@everyone <img src=x> | `x`.txt").write_text("")
    forge(record_of(mine), reason="\x1b[2J gone")
    assert main(["check", "mine", "--markdown"]) == 0
    said = capsys.readouterr().out
    rows = [line for line in said.splitlines() if line.startswith("| ")]
    assert any(row.startswith("| **mine** | 0.") for row in rows)
    assert any(row.startswith("| unchanged | 0.") for row in rows) and any(row.startswith("| rival |") for row in rows)
    hostile = next(row for row in rows if "everyone" in row)
    assert hostile.count("|") == 4 and "`mine/records/@everyone <img src=x> ¦ 'x'.txt`" in hostile
    assert "\x1b" not in said


def test_a_stale_record_is_moved_by_whatever_moved(mine):
    record = records.read(record_of(mine))
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
    file = record_of(folder)
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
    assert file.read_bytes() == content and record_of(folder, 1).exists()
    if content != text:
        assert any(f.level == "error" for f in found.findings)
    shutil.rmtree(folder)


@given(data=st.data())
@settings(max_examples=60)
def test_no_manifest_takes_it_down(honest, data, tmp_path_factory):
    folder = copy(honest, tmp_path_factory.mktemp("junk"))
    file = folder / "submission.toml"
    lines = file.read_text().splitlines()
    hostile = st.sampled_from([
        "[params]\nx = nan", "[params]\nx = 1979-05-27", "params = " + "[" * 5000, "x = " + "9" * 5000, "[[points]]",
        "[params.a.b.c]\nx = " + "{a=" * 500 + "1" + "}" * 500, "entry = '../../x:edit'", "entry = 'a' ", "seed = 0x1",
        "[[points]]\nname = 'a'\n[[points]]\nname = 'a'", "title = '\\u0000'", "tasks = ['\x1b[2J']",
    ])  # fmt: skip
    extra = data.draw(hostile | st.text(max_size=60))
    at = data.draw(st.integers(0, len(lines)))
    drop = data.draw(st.integers(0, len(lines)))
    content = data.draw(
        st.just(
            "\n".join(line for i, line in enumerate([*lines[:at], extra, *lines[at:]]) if i != drop).encode(
                errors="replace"
            )
        )
        | st.binary(max_size=200)
    )
    file.write_bytes(content)
    report.markdown([check.check(folder)], [])
    assert file.read_bytes() == content and len(list(folder.glob("records/**/*.json"))) == 2
    shutil.rmtree(folder)


@pytest.mark.slow
def test_ten_thousand_records_in_ten_seconds(honest, tmp_path):
    """100 submissions with 100 operating points each, a record and a picture for every one."""
    source = record_of(honest)
    text, picture = source.read_text(), source.with_suffix(".png").read_bytes()
    points = "".join(f'\n[[points]]\nname = "p{i}"\n' for i in range(100))
    for i in range(100):
        folder = write(tmp_path, f"s{i}")
        with (folder / "submission.toml").open("a") as manifest:
            manifest.write(points)
        target = folder / f"records/tiny/{INSTANCE}"
        target.mkdir(parents=True)
        for j in range(100):
            told = text.replace('"submission": "mine"', f'"submission": "s{i}"')
            (target / f"p{j}.0.json").write_text(told.replace('"point": "default"', f'"point": "p{j}"'))
            (target / f"p{j}.0.png").write_bytes(picture)
    began = time.process_time()  # of this process: what else the machine does is no fault of the code
    checked = [check.check(folder) for folder in check.folders_in([], tmp_path)]
    seconds = time.process_time() - began
    assert sum(len(one.records) for one in checked) == 10_000
    assert not [f for one in checked for f in one.findings if f.level == "error"]
    assert seconds < 10, f"{seconds:.1f} s"
    print(f"{seconds:.1f} s")
