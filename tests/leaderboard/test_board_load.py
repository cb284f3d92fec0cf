"""Records in: what is accepted, what is rejected and why, and that nothing stale survives in the cache."""

import json
import shutil
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import invented
import pandas as pd
import pytest

from retouch.benchmark import records, tracks
from retouch.benchmark.run import scale
from retouch.leaderboard.draw import answers, sheets
from retouch.leaderboard.rank import board
from retouch.leaderboard.read import frame, load
from retouch.leaderboard.site import extras


def test_every_valid_record_is_a_row(folder: Path, view: board.View) -> None:
    found, _ = records.read_all(folder)
    mine = {
        (r.submission, r.point, r.instance, r.seed)
        for r in found
        if all(abs(m.value) < frame.LIMIT for m in r.metrics.values())
    }
    rows = set(view.runs[["submission", "point", "instance", "seed"]].itertuples(index=False, name=None))
    assert rows == mine


@pytest.mark.parametrize(
    ("file", "says"),
    [("broken", "Invalid JSON"), ("nan", "finite number"), ("old", "should be 1"),
     ("markup", "point String should match"),
     ("climbs", "instance String should match"), ("huge", "beyond"), ("deep", "recursion"), ("elsewhere", "belongs")],
)  # fmt: skip
def test_rejected_with_the_reason(view: board.View, file: str, says: str) -> None:
    (reason,) = [why for name, why in view.records.rejected.items() if name.endswith(f"/{file}.0.json")]
    assert says in reason and len(reason) <= 400 and "pydantic" not in reason


def test_row_holds_what_the_record_says(folder: Path, view: board.View) -> None:
    for row in view.runs.sample(20, random_state=0).to_dict("records"):
        found = records.read(folder / frame.relative(row))
        assert (
            row["status"] == found.status and row["family"] == tracks.load(found.track).instance(found.instance).family
        )
        for name, value in found.metrics.items():
            assert (row[f"m:{name}"], row[f"m:{name}.low"], row[f"m:{name}.high"]) == (
                value.value,
                value.low,
                value.high,
            )
        assert (found.goal is None) == pd.isna(row["goal"])


def test_changed_added_and_deleted_files_are_seen(tmp_path: Path) -> None:
    root = invented.make(tmp_path / "submissions", seeds=(0,), pictures=False)
    first = load.read_folder(root)
    file = next((root / "rejection/records").rglob("*.json"))
    content = json.loads(file.read_text())
    content["cost"]["seconds"] = 12.5
    file.write_text(json.dumps(content))
    second = load.read_folder(root)
    assert len(second.runs) == len(first.runs) and (second.runs["seconds"] == 12.5).sum() == 1
    file.write_text("{")
    assert len(load.read_folder(root).runs) == len(first.runs) - 1
    file.unlink()
    third = load.read_folder(root)
    assert len(third.runs) == len(first.runs) - 1 and not third.rejected


def test_cached_and_fresh_are_equal(folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = load.read_folder(folder)
    monkeypatch.setattr(load, "read_one", None)  # no file is read again
    cached = load.read_folder(folder)
    pd.testing.assert_frame_equal(cached.runs, fresh.runs)  # values, dtypes and order
    assert len(cached.runs) > 100 and cached.rejected == fresh.rejected and cached.stamps == fresh.stamps


def test_board_follows_the_folder(tmp_path: Path) -> None:
    root = invented.make(tmp_path / "submissions", seeds=(0,), pictures=False)
    mine = board.Board(root)
    before = len(mine.view.runs)
    next((root / "rejection/records").rglob("*.json")).unlink()
    assert len(mine.newest().runs) == before - 1
    (root / "rejection" / "submission.toml").unlink()
    assert "rejection" not in mine.newest().records.manifests
    shutil.rmtree(root / "rejection")  # what has gone leaves no name behind
    assert "rejection" not in mine.newest().runs["submission"].cat.categories


def test_links_are_not_followed(tmp_path: Path) -> None:
    root = invented.make(tmp_path / "submissions", seeds=(0,), pictures=False)
    file = next((root / "rejection/records").rglob("*.json"))
    outside = tmp_path / "outside.json"
    outside.write_text(file.read_text())
    file.unlink()
    file.symlink_to(outside)
    assert "link" in next(iter(load.read_folder(root).rejected.values()))


def test_a_single_submission_and_a_parent_folder(folder: Path) -> None:
    assert set(load.read_folder(folder / "rejection").runs["submission"]) == {"rejection"}
    assert len(load.read_folder(folder.parent).runs) == len(load.read_folder(folder).runs)


def test_parquet_gives_the_same_board(tmp_path: Path, view: board.View) -> None:
    file = tmp_path / "runs.parquet"
    view.runs.to_parquet(file)
    again = board.read(file)
    columns = ["submission", "point", "task", "family", "goal", "quality", "rank"]
    pd.testing.assert_frame_equal(again.scores[columns], view.scores[columns], check_categorical=False)


def test_export_gives_the_same_board(tmp_path: Path, folder: Path, view: board.View) -> None:
    from retouch.benchmark.submit.export import export

    file = export(folder / "taming_flows", tmp_path)[0]
    found = load.read_parquet(file).runs.sort_values(list(frame.KEYS)).reset_index(drop=True)
    mine = view.runs[view.runs["submission"] == "taming_flows"].sort_values(list(frame.KEYS)).reset_index(drop=True)
    for name in ("goal", "goal.low", "quality.high", "score", "share", "m:fd", "m:identity_share.low", "m:vendi_inf"):
        if name in found:
            assert found[name].equals(mine[name]), name
    assert {"m:fd.high", "share", "goal.high"} <= set(found.columns) and found["family"].eq("flow").all()


def test_export_keeps_what_is_stale_or_for_tuning(tmp_path: Path) -> None:
    from retouch.benchmark.submit.export import export

    root = invented.make(tmp_path / "submissions", seeds=(0,), pictures=False)
    for file in (root / "rejection/records").rglob("*-gan/*.json"):
        file.write_text(file.read_text().replace('"instance": "1"', '"instance": "0"'))
    one = next((root / "rejection/records").rglob("*-flow/*.json"))  # of images that were made elsewhere
    one.write_text(json.dumps({**json.loads(one.read_text()), "status": "samples_only", "cost": None}))
    mine, again = board.read(root), board.read(export(root, tmp_path)[0])
    assert mine.runs["stale"].any() and mine.runs["tuning"].any()
    columns = ["stale", "tuning", "cut", "status", "reason", "method", "goal.low", "share"]
    first, second = (of.runs.sort_values(list(frame.KEYS)).reset_index(drop=True)[columns] for of in (mine, again))
    pd.testing.assert_frame_equal(first, second, check_categorical=False)
    columns = ["submission", "point", "task", "family", "goal", "quality", "rank", "problems"]
    pd.testing.assert_frame_equal(again.scores[columns], mine.scores[columns], check_categorical=False)
    (root / "_releases").mkdir()  # the same rows as those of a release
    (tmp_path / "records.parquet").rename(root / "_releases/0.1.0.parquet")
    both = board.read(root)
    assert {*both.editions("tiny")} == {*mine.editions("tiny"), "release 0.1.0"} and both.stamp != mine.stamp
    assert len(both.at("release 0.1.0").runs) == len(mine.runs) and len(both.at("").runs) == len(mine.at("").runs)


@pytest.fixture(scope="module")
def released(folder: Path, view: board.View, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A submission with pictures, and three releases: its own records of today among others', and two that are none."""
    root = tmp_path_factory.mktemp("released")
    for name in (names := ("rejection", "unchanged")):
        shutil.copytree(folder / name / "records/tiny/category_redaction/digits-gan",
                        root / name / "records/tiny/category_redaction/digits-gan")  # fmt: skip
    (root / "_releases").mkdir()
    mine = view.runs[view.runs["submission"].isin(names) & (view.runs["instance"] == "category_redaction/digits-gan")]
    mine.to_parquet(root / "_releases/0.1.0.parquet")
    (root / "_releases/0.2.0.parquet").write_bytes(b"none")
    pd.DataFrame({"a": [1]}).to_parquet(root / "_releases/0.3.0.parquet")
    return root


def test_a_release_that_cannot_be_read_is_named_and_skipped(released: Path) -> None:
    found = load.read_folder(released)
    assert set(found.runs["edition"]) == {"", "release 0.1.0"}
    assert "Parquet" in found.rejected["_releases/0.2.0.parquet"]
    assert "no column submission" in found.rejected["_releases/0.3.0.parquet"]


def test_one_submission_has_its_own_part_of_a_release(released: Path) -> None:
    found = load.read_folder(released / "rejection").runs
    assert set(found["submission"].cat.categories) == {"rejection"} and found["edition"].nunique() == 2


def test_a_release_repeats_no_row_and_has_no_picture(released: Path) -> None:
    both = board.read(released)
    now, then = both.at(""), both.at("release 0.1.0")
    verified = int((now.runs["claim"] == "verified").sum())
    assert verified and f"verified, disputed or withdrawn: {verified}<" in answers.log(both.runs)
    made = datetime(2026, 1, 1, tzinfo=UTC)
    assert extras.feed(both, made).count("<entry>") == int((~now.scores["control"]).sum())
    run = now.runs[now.runs["submission"] == "rejection"].iloc[0].to_dict()
    assert sheets.html(now.records, run) and not sheets.html(then.records, run) and then.records.record(run) is None


def test_two_visitors_make_a_part_once(view: board.View) -> None:
    made = []
    fresh = board.View(view.records, view.scores)

    def ask() -> None:
        fresh.memo("part", lambda: (time.sleep(0.02), made.append(1), fresh.memo("inner", lambda: "inner")))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for step in (threading.Thread.start, threading.Thread.join):
        for thread in threads:
            step(thread)
    assert made == [1]


def test_a_goal_after_attack_stands_on_the_tracks_scale(view: board.View) -> None:
    found = invented.record(
        "rejection", "default", tracks.load("tiny").instance("category_redaction/digits-gan"), 0, 1.0
    )
    anchors = tracks.scale("tiny")[found.instance]
    base = anchors["unchanged"]["invalidity"]["value"]
    share = records.Measured(value=base / 4, low=0.0, high=base, n=200)
    attacked = found.model_copy(update={"metrics": {**found.metrics, "relearned_early": share}})
    value, low, high = (frame.after_attack(attacked)[name] for name in frame.with_ends(frame.AFTER))
    goal = scale.on_scale(share, anchors["unchanged"]["invalidity"], anchors["ideal"])
    assert value == pytest.approx(0.75) and (low, high) == (goal.low, goal.high) and low < 0 < 1 < high
    assert frame.after_attack(found) == {}
    assert frame.after_attack(attacked.model_copy(update={"track": "elsewhere"})) == {}


def test_hostile_parquet_rows_are_rejected(tmp_path: Path, view: board.View) -> None:
    runs = view.runs.head(6).copy()
    for name in ("submission", "instance"):
        runs[name] = runs[name].astype(object)
    runs.loc[0, "submission"] = "../../etc"
    runs.loc[1, "instance"] = "<b>x</b>"
    runs.loc[2, "score"] = 7.0
    runs.loc[3, "m:fd"] = 1e300
    pd.concat([runs, runs.tail(1)]).to_parquet(tmp_path / "bad.parquet", index=False)
    found = load.read_parquet(tmp_path / "bad.parquet")
    assert len(found.runs) == 2 and len(found.rejected) == 5
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "none.parquet")
    with pytest.raises(ValueError, match="no column submission"):
        load.read_parquet(tmp_path / "none.parquet")


def test_another_version_is_stale(folder: Path) -> None:
    found = records.read(folder / "rejection/records/tiny/category_redaction/digits-gan/default.0.json")
    assert not frame.row(found)["stale"]
    older = found.model_copy(update={"provenance": found.provenance.model_copy(update={"versions": {"instance": "0"}})})
    assert frame.row(older)["stale"] and frame.row(older)["reason"] == "instance version 0, now 1"
    long = {"instance": "0", "retouch": "<b>" + "x" * 9999}  # a name of a file and of an option
    longer = found.model_copy(update={"provenance": found.provenance.model_copy(update={"versions": long})})
    assert len(frame.row(longer)["edition"]) == 80
    gone = found.model_copy(update={"instance": "category_redaction/letters-gan"})
    assert frame.row(gone)["stale"]


def test_an_empty_folder_is_a_board(tmp_path: Path) -> None:
    found = board.read(tmp_path)
    assert len(found.runs) == 0 and len(found.scores) == 0
