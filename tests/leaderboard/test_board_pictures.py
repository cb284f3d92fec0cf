"""Figures, HTML, contact sheets, dropped zips and the static page: what they hold, and that nothing becomes markup."""

import io
import json
import re
import zipfile
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from invented import MARKUP
from PIL import Image

from retouch.benchmark import records
from retouch.benchmark.support import plugins
from retouch.leaderboard.draw import method_card, overview, portraits, sheets, wall
from retouch.leaderboard.draw.differences import differences
from retouch.leaderboard.draw.scale import scale
from retouch.leaderboard.draw.tradeoff import tradeoff
from retouch.leaderboard.look import labels, markup, numbers, submission_text, theme, words
from retouch.leaderboard.rank import board, tables
from retouch.leaderboard.read import upload

TAGS = {"section", "h2", "p", "button", "div", "table", "thead", "tbody", "tr", "th", "td", "span", "a", "i", "b", "br",
        "code", "caption", "sup"}  # fmt: skip


class Tags(HTMLParser):
    """Every tag and attribute of a text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def table(view: board.View, dark: bool = False) -> str:
    """The overview's HTML, all tasks."""
    marks = theme.marks(view.by_age(), view.records.controls, theme.look(dark))
    families = view.families("tiny")
    return "".join(overview.sections(view, view.scores, task, families, marks) for task in view.tasks("tiny"))


def test_overview_renders_no_markup_from_names(view: board.View) -> None:
    found = Tags()
    found.feed(table(view))
    assert found.tags <= TAGS and not {a for a in found.attributes if a.startswith("on")}
    assert markup.esc(MARKUP) in table(view)


def test_a_line_above_rows_spans_all_columns(view: board.View) -> None:
    for text in table(view).split('<table class="cohort">')[1:]:
        head, body = text.split("</thead>")
        wide = set(re.findall(r'colspan="(\d+)"', body.split("</table>")[0]))
        assert wide == {str(head.count('scope="col"'))}


def test_escaping_for_labels() -> None:
    assert markup.plain("a*b_[c](d):red[x]$y$") == r"a\*b\_\[c\]\(d\)\:red\[x\]\$y\$"
    assert "<" not in submission_text.paper('<script>"')
    assert 'href="https://arxiv.org/abs/2211.16488"' in submission_text.paper("Malnick et al., arXiv 2211.16488")
    assert "<a" not in submission_text.paper("javascript:alert(1)")


@pytest.mark.parametrize("dark", [False, True])
def test_tradeoff_draws_rows_front_and_controls(view: board.View, dark: bool) -> None:
    part = view.scores[(view.scores["task"] == "attribute_rebalancing") & (view.scores["family"] == "gan")]
    figure = tradeoff(part, "goal", "quality", view.records.controls, titles=view.titles(), dark=dark)
    drawn = [t for t in figure.data if t.customdata is not None]
    assert sum(len(t.x) for t in drawn) == part["goal"].notna().sum()
    assert any(t.name == "Pareto front" for t in figure.data)
    texts = "".join(str(t.hovertext) for t in drawn) + "".join(a.text for a in figure.layout.annotations)
    assert "<img" not in texts and "&lt;img" in texts
    (control,) = [t for t in drawn if t.customdata[0][0] == "retrained"]
    assert set(control.marker.symbol) == {"star-diamond-open"}


def test_lines_join_sweeps_in_their_order(view: board.View) -> None:
    part = view.scores[(view.scores["task"] == "category_redaction") & (view.scores["family"] == "flow")]
    order = ["delta-4", "delta-1"]  # delta-2 is a variant
    figure = tradeoff(part, "goal", "quality", view.records.controls, sweeps={"taming_flows": order})
    (line,) = [t for t in figure.data if t.name == "sweep"]
    (points,) = [t for t in figure.data if t.customdata is not None and t.customdata[0][0] == "taming_flows"]
    place = {point: (x, y) for (_, point, _), x, y in zip(points.customdata, points.x, points.y, strict=True)}
    assert list(zip(line.x, line.y, strict=True)) == [place[name] for name in order]
    symbols = dict(zip(place, points.marker.symbol, strict=True))
    assert symbols["delta-2"] == symbols["delta-1"] + "-open"


@pytest.mark.parametrize("name", ["goal", "quality", "invalidity", "fd", "share", "precision"])
def test_better_is_further_along_every_axis(view: board.View, name: str) -> None:
    part = view.scores[(view.scores["task"] == "category_redaction") & (view.scores["family"] == "gan")]
    part = tables.with_numbers(part, view.runs, [name])
    axis = scale(part, name)
    values = np.sort(part[name].dropna().to_numpy())
    places = axis.place(values) * (1 if numbers.entry(name).direction == "up" else -1)
    assert (np.diff(places) >= 0).all() and places[-1] > places[0]
    ends = [axis.place(part[name + end].dropna()) for end in ("", ".low", ".high") if name + end in part]
    assert all(((axis.low <= end) & (end <= axis.high)).all() for end in ends)  # no whisker leaves the plot
    ticks, texts = axis.ticks()
    assert len(ticks) == len(texts) >= 2 and all(axis.low <= tick <= axis.high for tick in ticks)


def test_values_near_the_best_are_told_apart() -> None:
    rows = pd.DataFrame({"quality": [0.5, 0.95, 0.98, 1.0, 1.02]})
    axis = scale(rows, "quality")
    places = axis.place(rows["quality"])
    assert places[2] - places[1] > 0.3 * (places[3] - places[0]) / 5 and places[3] == places[4]
    assert axis.ticks()[1] == ["0.5", "0.9", "0.98", "≥0.995"]
    cost = scale(pd.DataFrame({"share": [0.0, 0.02, 1.0]}), "share")
    assert cost.ticks() == (pytest.approx([1, 0, 2]), ["10%", "100%", "≤1%"])  # what costs nothing stands at the end
    near = scale(pd.DataFrame({"quality": [0.79, 0.795]}), "quality")
    assert len(near.ticks()[1]) > 2 and "0.79" in near.ticks()[1]  # an axis always has numbers


def test_an_empty_tradeoff_is_a_figure(view: board.View) -> None:
    assert tradeoff(view.scores.head(0), "goal", "quality").to_json()


def test_a_difference_lies_on_the_side_of_who_is_ahead() -> None:
    pairs = pd.DataFrame({"row": ["x · y"], "axis": ["goal"], "value": [0.3], "low": [0.1], "high": [0.5]})  # A - B
    figure = differences(pairs, ("A", "B"))
    assert {(note.x, note.text) for note in figure.layout.annotations} == {(1, "A is ahead →"), (0, "← B is ahead")}
    assert list(figure.data[0].marker.symbol) == ["circle"] and figure.data[0].x[0] == 0.3
    open_ = differences(pairs.assign(low=-0.1), ("A", "B"))
    assert list(open_.data[0].marker.symbol) == ["circle-open"]


def test_a_point_says_its_cost_once(view: board.View) -> None:
    part = view.scores[(view.scores["task"] == "category_redaction") & (view.scores["family"] == "gan")]
    for pair in (("goal", "share"), ("goal", "quality")):
        drawn = [trace for trace in tradeoff(part, *pair).data if trace.customdata is not None]
        assert {text.lower().count("cost") for trace in drawn for text in trace.hovertext} == {1}


def test_labels_keep_clear_of_each_other() -> None:
    points = [(100.0, 100.0), (104.0, 101.0), (108.0, 99.0), (110.0, 96.0), (300.0, 20.0)]
    texts = ["first method", "second method", "third method", "fourth method", "far"]
    placed = labels.place([[p] for p in points], texts, points, (400, 300))
    anchors = [next(i for i in range(len(labels.ANCHORS)) if labels._annotation(i) == how) for _, how in placed]
    boxes = np.array([labels._boxes(p, t)[a] for p, t, a in zip(points, texts, anchors, strict=True)])
    for i in range(len(boxes)):
        assert labels._covered(boxes[i : i + 1], np.delete(boxes, i, axis=0))[0] == 0


def test_a_label_moves_to_the_point_that_has_room() -> None:
    crowd = [(100.0 + 7 * i, 100.0 + 7 * j) for i in range(-14, 15) for j in range(-9, 10)]
    ((which, how),) = labels.place([[(100.0, 100.0), (350.0, 250.0)]], ["method"], crowd, (500, 300))
    assert which == 1 and not how["showarrow"]


def test_every_mark_is_its_own() -> None:
    names = [f"m{i}" for i in range(40)]
    found = theme.marks(names, {"unchanged"}, theme.look())
    assert len({(m.colour, m.shape) for m in found.values()}) == 41
    assert found.items() <= theme.marks([*names, "newer"], {"unchanged"}, theme.look()).items()
    assert theme.marks(["a", "b"], set(), theme.look())["b"] == theme.marks(["b"], set(), theme.look())["b"]
    assert set(theme.SHAPES) <= set(markup.SYMBOLS)


def luminance(colour: str) -> float:
    """Relative luminance by WCAG 2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


@pytest.mark.parametrize("dark", [False, True])
def test_marks_stand_out_three_to_one(dark: bool) -> None:
    of = theme.look(dark)
    for colour in (*of.series, of.faint):
        low, high = sorted((luminance(colour), luminance(of.ground)))
        assert (high + 0.05) / (low + 0.05) >= 3, colour


@pytest.mark.parametrize(
    "details",
    [{}, {"shares": 3}, {"shares": {"values": ["a"]}}, {"shares": {"values": [float("nan")]}},
     {"shares": {"values": []}},
     {"shares": {"values": [0.5, 0.5], "names": "x", "base": [1], "target": None}}, {"sheet": {"columns": "x"}},
     {"identity_curve": {"change": [1], "identity": "no"}}, {"identity_curve": {"change": [1, 2], "identity": [1]}},
     {"identity_curve": {"change": [1], "identity": [None]}},
     {"identity_curve": {"change": [1], "identity": [1e300]}},
     {"shares": {"values": [0.5], "names": [{"a": 1}]}},
     {"prompts": [1]}, {"prompts": {"<b>a</b>": None}}, {"prompts": {"a": ["x", {}], "b": [1e300, None]}}],
)  # fmt: skip
def test_details_of_any_form_stand(details: dict[str, object]) -> None:
    portraits.shares(details), portraits.identity_curve(details)
    assert portraits.prompts(details) is None
    assert sheets.layout_of(details) is None


def test_identity_curve_leaves_empty_bins_out() -> None:
    curve = {"change": [0.1, 0.3, 0.5], "identity": [0.9, None, 0.5], "low": [0.8, None, None],
             "high": [0.95, None, None], "count": [40, 0, 1]}  # fmt: skip
    band, line = portraits.identity_curve({"identity_curve": curve}).data
    assert list(line.x) == [0.1, 0.5] and list(line.y) == [0.9, 0.5] and list(band.x) == [0.1, 0.1]
    assert line.marker.size[0] > line.marker.size[1] and "40 images" in line.hovertext[0]
    marks = theme.marks(["a", "b"], set(), theme.look())
    both = portraits.identity_curves([(n, marks[n], {"identity_curve": curve}) for n in marks])
    assert [t.name for t in both.data if t.name] == ["a", "b"] and both.layout.showlegend
    moved = portraits.identity_curve({"moved_curve": curve}, kind="moved_curve")
    assert list(moved.data[1].y) == [0.9, 0.5] and portraits.identity_curve({"moved_curve": curve}) is None


def test_prompts_stand_with_their_metric_and_fidelity() -> None:
    table = {"a person with hat": [0.9, None], "a <b>person</b> in winter": [0.8, 0.95]}
    metric, fidelity = portraits.prompts({"prompts": table}).data
    assert list(metric.x) == [0.9, 0.8] and list(fidelity.x) == [0.95]
    assert list(fidelity.y) == ["a &lt;b&gt;person&lt;/b&gt; in winter"] == list(metric.y)[1:]


def test_shares_of_a_pair_are_named() -> None:
    cells = ["no glasses, no smile", "no glasses, smile", "glasses, no smile", "glasses, smile"]
    even = {"values": [0.25] * 4}
    assert list(portraits.shares({"shares": {**even, "attribute": "glasses, smile"}}).data[0].x) == cells
    named = {**even, "attribute": "glasses, smile", "names": ["neither", "smile", "glasses", "both"]}
    assert list(portraits.shares({"shares": named}).data[0].x) == named["names"]


def test_targets_are_words() -> None:
    pair = {"attribute": ["glasses", "smile"], "shares": [[0.5, 0.3], [0.2, 0.0]]}
    assert (
        words.target(pair)
        == "no glasses, no smile 50%; no glasses, smile 30%; glasses, no smile 20%; glasses, smile 0%"
    )
    assert words.target({"attribute": "identity", "values": [0], "forget_images": 15}) == "person 0, from 15 images"
    assert words.target({"attribute": "category", "values": [8]}) == "category: 8"


def test_tasks_speak_for_themselves_and_unknown_ones_are_named() -> None:
    from retouch.benchmark import tasks

    assert [words.primary(name) for name in tasks.names()] == [tasks.module(name).GOAL for name in tasks.names()]
    assert words.task_title("super_resolution") == "Super resolution" and words.question("super_resolution") == ""


def run_of(view: board.View, name: str, instance: str) -> dict[str, object]:
    """The keys of a submission's first run on an instance."""
    runs = view.runs[(view.runs["submission"] == name) & (view.runs["instance"] == instance)]
    return runs.iloc[0].to_dict()


def test_a_sheet_shows_its_images_and_verdicts(view: board.View) -> None:
    row = run_of(view, "rejection", "category_redaction/digits-gan")
    found, text = sheets.sheet(view.records, row), sheets.html(view.records, row)
    before, after = view.records.record(row).details["sheet"]["verdicts"]
    changed = [a != b for a, b in zip(before, after, strict=True)]
    assert text.count('class="pic"') == 20 and text.count('class="bad"') == sum(changed) > 0
    assert text.count("url(") == 1 and (view.records.root / found.address.removeprefix("pictures/")).is_file()
    assert [found.changed(1, c) for c in range(10)] == changed
    assert found.telling([before[3]]) == before.index(before[3]) and found.telling() == changed.index(True)


def test_what_has_moved_is_told_apart_from_what_went_wrong(view: board.View) -> None:
    row = run_of(view, "rejection", "category_redaction/digits-gan")
    run = view.records.record(row)
    card = method_card.record(run, {**row, "reason": "instance version 1, now 2"})
    assert "<dd>ok</dd>" in card and "<dt>what has moved since</dt><dd>instance version 1, now 2</dd>" in card
    failed = run.model_copy(update={"status": "failed", "reason": "loss became NaN"})
    assert "failed: loss became NaN" in method_card.record(failed, {**row, "reason": "loss became NaN"})


def test_a_picture_that_is_none_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"<svg onload=alert(1)>                         ")
    square = Image.fromarray(np.zeros((9, 12), np.uint8))
    square.save(tmp_path / "c.png")
    square.save(tmp_path / "d.png", format="BMP")
    (tmp_path / "e.png").symlink_to(tmp_path / "c.png")
    Image.fromarray(np.zeros((1, 9999), np.uint8)).save(tmp_path / "f.png")
    sizes = [sheets.size(tmp_path / f"{name}.png") for name in "abcdef"]
    assert sizes == [None, None, (12, 9), None, None, None]


def test_a_wall_begins_with_base_retrained_and_who_is_sought(view: board.View) -> None:
    instance = "category_redaction/digits-gan"
    text = wall.wall(view, "tiny", instance, 0, loud=[("data_redaction", "weak")])
    heads = [part.split("</th>")[0] for part in text.split('<th scope="row">')[1:]]
    assert heads[0].startswith("Base") and "Retrained" in heads[1] and "weak" in heads[2]
    assert len(heads) == 2 + len({"rejection", "finetune_retain", "gradient_ascent", "data_redaction"}) + 1
    assert text.count('class="pic"') >= 10 * len(heads) and "<b>Category redaction</b>: category: 8" in text
    two = wall.wall(view, "tiny", instance, 0, only=[("rejection", "default")])
    assert two.count('<th scope="row">') == 3
    assert "No run" in wall.wall(view, "tiny", instance, 99)


def test_pictures_of_data_that_do_not_ship_stay_where_they_are(view: board.View, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(plugins, "home", lambda: tmp_path)
    row = {**run_of(view, "rejection", "category_redaction/digits-gan"), "track": "faces"}
    held = replace(view.records, root=tmp_path)
    file = held.sheet(row)
    file.parent.mkdir(parents=True)
    for end in (".png", ".json"):
        mine = view.records.sheet({**row, "track": "tiny"}).with_suffix(end)
        file.with_suffix(end).write_bytes(mine.read_bytes().replace(b'"track": "tiny"', b'"track": "faces"'))
    assert sheets.sheet(held, row) is None
    assert "do not ship" in wall.wall(view, "faces", "identity_removal/celeba64-gan-0", 0)
    (tmp_path / "scales").mkdir()
    (tmp_path / "scales/faces.json").write_text("{}")
    assert sheets.sheet(held, row).columns == 10


def test_every_number_of_the_shipped_records_is_explained() -> None:
    files = (Path(__file__).parents[2] / "submissions").glob("*/records/**/*.0.json")
    names = {name for file in files for name in json.loads(file.read_text())["metrics"]}
    assert "edited_identity" in names
    for name in names:
        assert numbers.entry(name).meaning != "A raw number that the record carries.", name


def packed(files: dict[str, bytes]) -> bytes:
    """A zip."""
    return upload.pack(files)


def test_zip_is_read_and_judged(folder: Path) -> None:
    file = folder / "rejection/records/tiny/category_redaction/digits-gan/default.0.json"
    name = "rejection/records/tiny/category_redaction/digits-gan/default.0.json"
    good = file.read_bytes()
    found = upload.read(
        packed(
            {
                name: good,
                "rejection/submission.toml": (folder / "rejection/submission.toml").read_bytes(),
                "../../escape/default.0.json": good,
                "a/records/tiny/x.0.json": b"{",
                "elsewhere.json": good,
            }
        )
    )
    assert len(found.runs) == 1 and list(found.manifests) == ["rejection"]
    assert len(found.rejected) == 3 and any("climbs" in why for why in found.rejected.values())


def test_zip_bombs_are_not_unpacked() -> None:
    with pytest.raises(ValueError, match="to 1"):
        upload.read(packed_deflated({"a.json": b"0" * 30_000_000}))
    with pytest.raises(ValueError, match="at most"):
        upload.read(packed_deflated({f"{i}.json": b"0" * 1000 for i in range(upload.FILES + 1)}))
    with pytest.raises(ValueError, match="MB at most"):
        upload.read(packed_deflated({f"{i}.json": bytes(9_000_000) for i in range(6)}))
    with pytest.raises(ValueError, match="no zip"):
        upload.read(b"PK but not really")


def packed_deflated(files: dict[str, bytes]) -> bytes:
    """A zip that is compressed."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            made.writestr(name, content)
    return out.getvalue()


def test_dropped_runs_take_the_place_of_their_own(folder: Path, view: board.View) -> None:
    name = "rejection/records/tiny/category_redaction/digits-gan/default.0.json"
    dropped = upload.read(packed({name: (folder / name).read_bytes()}))
    assert len(upload.place_among(dropped, view.runs)) == len(view.runs)


def test_figures_can_be_imported_without_streamlit() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from retouch.leaderboard.draw import differences, overview, portraits, seeds, tradeoff\n"
        "assert not {'streamlit', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_perturbed_records_are_valid(folder: Path) -> None:
    from retouch.leaderboard.tools.load_times import perturbed

    rng = np.random.default_rng(0)
    for file in sorted((folder / "taming_flows/records").rglob("*.json"))[:9]:
        import json

        records.Record.model_validate(perturbed(json.loads(file.read_text()), rng))
