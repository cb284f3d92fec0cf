"""`retouch check`: an honest submission passes, every mistake is named, and no file takes it down."""

import os
import shutil
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_runs import INSTANCE, copy, forge, record_file, write

from retouch.benchmark.cli.main import main
from retouch.benchmark.submit import check, check_record, report
from retouch.benchmark.support import memo


@pytest.fixture
def mine(honest, submissions):
    """A copy to spoil, where the command line finds it."""
    return copy(honest, submissions)


def errors(folder):
    return [f"{f.where}: {f.what}" for f in check.check(folder).findings if f.level == "error"]


def test_an_honest_submission_passes_and_says_what_is_missing(mine, capsys):
    assert main(["check", "mine"]) == 0
    said = capsys.readouterr().out
    assert "2 records: 0 errors, 2 warnings" in said  # of this instance, and of the others
    assert f"seeds 2, on tiny: {INSTANCE}" in said and "retouch run mine" in said


def test_a_record_that_has_not_changed_is_not_read_again(mine, monkeypatch, capsys):
    monkeypatch.setattr(memo, "FRESH", -1)
    read, whole = [], check_record.check_record
    monkeypatch.setattr(check_record, "check_record", lambda audit, file: read.append(file.name) or whole(audit, file))
    said = []
    for again in (1, 2):
        forge(record_file(mine, 1), provenance__sha256__method=f"{again}" * 64)
        assert main(["check", "mine"]) == 1 and len(read) == again + 1
        said.append(capsys.readouterr().out)
    assert said[0] == said[1] and "made by other code" in said[0] and "2 records" in said[0]
    assert read == ["default.0.json", "default.1.json", "default.1.json"]
    (mine / "method.py").write_text("def edit(generator, task, budget):\n    return generator\n")
    assert main(["check", "mine"]) == 1 and len(read) == 5


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
    record_file(mine, 1).unlink()
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


def test_the_comment_defuses_a_strangers_text(mine, capsys):
    copy(mine, mine.parent, "unchanged")
    copy(mine, mine.parent, "rival")
    (mine / "records" / "@everyone <img src=x> | `x`.txt").write_text("")
    forge(record_file(mine), reason="\x1b[2J gone")
    assert main(["check", "mine", "--markdown"]) == 0
    said = capsys.readouterr().out
    rows = [line for line in said.splitlines() if line.startswith("| ")]
    assert any(row.startswith("| **mine** | 0.") for row in rows)
    assert any(row.startswith("| unchanged | 0.") for row in rows) and any(row.startswith("| rival |") for row in rows)
    hostile = next(row for row in rows if "everyone" in row)
    assert hostile.count("|") == 4 and "`mine/records/@everyone <img src=x> ¦ 'x'.txt`" in hostile
    assert "\x1b" not in said


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
    source = record_file(honest)
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
