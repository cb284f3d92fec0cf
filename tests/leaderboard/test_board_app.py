"""Every page with Streamlit's own AppTest: the quick paths."""

from html import unescape
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from retouch.leaderboard import views
from retouch.leaderboard.views.shell import SOURCE

VIEWS = Path(views.__file__).parent
PAGES = list(views.TITLES)


def page(name: str, source: Path, monkeypatch: pytest.MonkeyPatch, /, **query: str) -> AppTest:
    """A page that has run once."""
    monkeypatch.setenv(SOURCE, str(source))
    pages = [f"st.Page({str(VIEWS / one)!r} + '.py', default={one == name})" for one in PAGES]
    script = f"import streamlit as st\nst.navigation([{', '.join(pages)}]).run()"
    made = AppTest.from_string(script, default_timeout=120)
    for key, value in query.items():
        made.query_params[key] = value
    return made.run()


def html(of: AppTest) -> str:
    """All HTML of a page."""
    return "".join(element.proto.body for element in of.get("html"))


@pytest.mark.parametrize("name", PAGES)
def test_page_opens(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not page(name, folder, monkeypatch).exception


@pytest.mark.parametrize("name", PAGES)
def test_page_opens_without_any_record(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = page(name, tmp_path, monkeypatch)
    assert not found.exception and "No records yet" in html(found)
    assert ("Submit" in html(found) and len(found.file_uploader) == 1) == (name == "submit")
    assert ("How are ranks made?" in {e.label for e in found.expander}) == (name == "questions")


@pytest.mark.parametrize("name", PAGES)
def test_page_opens_where_every_record_is_rejected(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "mine/records/tiny/category_redaction/digits-gan/default.0.json"
    file.parent.mkdir(parents=True)
    file.write_text("{")
    found = page(name, tmp_path, monkeypatch)
    assert not found.exception and "Rejected: 1;" in html(found)


def test_dropped_records_bring_their_own_columns(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from retouch.leaderboard.read.upload import pack

    names = folder.glob("rejection/records/*/*/digits-gan/default.*.json")
    content = pack({str(name.relative_to(folder)): name.read_bytes() for name in names})
    found = page("submit", tmp_path, monkeypatch)
    found.file_uploader[0].set_value(("mine.zip", content, "application/zip")).run()
    assert not found.exception and "<h3>Category redaction, GANs</h3>" in html(found)


@pytest.mark.parametrize("name", PAGES)
def test_hostile_address_is_no_markup(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = "<script>alert(1)</script>"
    keys = (
        "track",
        "task",
        "tasks",
        "name",
        "instance",
        "point",
        "seed",
        "family",
        "families",
        "cost",
        "order",
        "x",
        "y",
        "page",
        "with",
        "show",
        "raw",
        "find",
        "access",
    )
    found = page(name, folder, monkeypatch, **dict.fromkeys(keys, odd))
    assert not found.exception and odd not in html(found)


def test_address_sets_the_filter_and_the_filter_the_address(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = page("overview", folder, monkeypatch, family="gan", task="category_redaction")
    assert html(found).count('<table class="cohort"') == 1 and "Data redaction" in html(found)
    found.toggle(key="raw").set_value(True).run()
    query = {name: "".join(value) for name, value in found.query_params.items()}
    assert query == {"raw": "1", "family": "gan", "task": "category_redaction"}


def test_columns_and_profiles_come_when_asked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    query = {"family": "gan", "task": "category_redaction"}
    plain, more = (page("overview", folder, monkeypatch, **query, **extra) for extra in ({}, {"columns": "score,fd"}))
    heads = [html(found).split('<table class="cohort"')[1].count('scope="col"') for found in (plain, more)]
    assert not more.exception and heads[1] == heads[0] + 2
    figures = page("tradeoffs", folder, monkeypatch, **query, profiles="1")
    assert not figures.exception and len(figures.get("plotly_chart")) == 2
    assert "Diversity weights" in html(figures)  # which ran other tasks alone: a key of the profiles' own


def test_the_order_across_tasks_stands_below_the_controls(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = page("overview", folder, monkeypatch, task="all")
    below = [part.proto.body for part in found.main.children.values() if part.type == "html"]
    assert not found.exception and any("no order across them" in text for text in below)


@pytest.mark.parametrize(
    ("name", "query"),
    [("method", {"name": "nobody"}), ("method", {"name": "rejection", "seed": "77"}), ("task", {"task": "no_task"}),
     ("overview", {"family": "transformer"}), ("compare", {"with": "rejection/default,nobody/default"}),
     ("overview", {"track": "vast"})],
)  # fmt: skip
def test_an_unknown_name_shows_nothing_else(name: str, query: dict[str, str], folder: Path,
                                            monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    found = page(name, folder, monkeypatch, **query)
    unknown = list(query.values())[-1].split(",")[-1]
    assert (
        not found.exception and f"“{unknown}”" in html(found) and "<table" not in html(found).split(f"“{unknown}”")[1]
    )
    assert {key: "".join(value) for key, value in found.query_params.items()} == query  # the address stays


def test_a_task_leads_to_the_method_within_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for instance in ("output_diversity/digits-flow", "category_redaction/digits-diffusion"):
        task, family = instance.split("/")[0], instance.split("-")[1]
        text = html(page("overview", folder, monkeypatch, task=task, family=family))
        start = 'href="method?name=finetune_retain&amp;point=steps-200'
        (rest,) = {part.split('"')[0] for part in text.split(start)[1:]}
        query = dict(pair.split("=") for pair in unescape(rest).split("&") if pair)
        found = page("method", folder, monkeypatch, name="finetune_retain", point="steps-200", **query)
        assert found.selectbox(key="instance").value == instance and found.selectbox(key="point").value == "steps-200"


def test_records_of_an_older_version_have_their_own_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import invented

    from retouch.benchmark import records

    root = invented.make(tmp_path / "submissions", (0,), False, names=("unchanged", "retrained", "rejection"))
    for file in (root / "rejection/records").rglob("*.json"):
        file.write_text(file.read_text().replace('"instance": "1"', '"instance": "0"'))
        assert records.read(file).provenance.versions["instance"] == "0"
    query = {"task": "category_redaction", "family": "gan"}
    found = page("overview", root, monkeypatch, **query)
    (older,) = found.selectbox(key="version").options[1:]
    assert older == "retouch unknown, tiny 1, metrics unknown" and "Rejection by the guide" not in html(found)
    found.selectbox(key="version").select(older).run()
    assert "Rejection by the guide" in html(found) and "Retrained" not in html(found)
    assert f"Records of {older}." in html(found)
    found = page("task", root, monkeypatch, **query, version=older)
    assert any("Rejection by the guide" in chart.proto.spec for chart in found.get("plotly_chart"))


def test_chooser_marks_incomplete_rows(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = html(page("chooser", folder, monkeypatch, task="output_diversity", family="flow"))
    (row,) = [row for row in text.split("<tr") if "beta-0.5" in row]
    assert "beta-0.5 · 2 of 3 runs; 1 missing" in row


def test_images_alone_are_said_to_be_images_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import json

    import invented

    root = invented.make(tmp_path / "submissions", (0,), False, names=("unchanged", "retrained", "rejection"))
    for file in (root / "rejection/records").rglob("*.json"):
        file.write_text(json.dumps({**json.loads(file.read_text()), "status": "samples_only", "cost": None}))
    text = html(page("overview", root, monkeypatch))
    rows = [row for row in text.split("<tr") if 'data-v="rejection by the guide"' in row]
    assert rows and all("samples only" in row and ">0.2%<" not in row for row in rows)
    assert text.count("samples only") == len(rows)


def test_claimed_stands_beside_verified(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, verified in (("rejection", True), ("finetune_retain", False)):
        text = html(page("method", folder, monkeypatch, name=name))
        assert ("second run" in text) == verified and ("not verified yet" in text) != verified


def test_rejected_records_are_listed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = html(page("questions", folder, monkeypatch))
    assert "Rejected records: 8" in text and "../../../etc/passwd" in text and "<img src=x" not in text


def test_method_page_gives_command_and_record(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = page(
        "method",
        folder,
        monkeypatch,
        name="taming_flows",
        instance="category_redaction/digits-flow",
        point="delta-2",
        seed="1",
    )
    assert found.code[0].value == (
        "retouch run taming_flows --track tiny --instance category_redaction/digits-flow --point delta-2 --seed 1"
    )
    assert found.code[1].value == "retouch verify taming_flows --track tiny --instance category_redaction/digits-flow"
    assert html(found).split('class="sheet"')[-1].count('class="pic"') == 20


def test_parquet_as_source(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from retouch.leaderboard.read import load

    load.read_folder(folder).runs.to_parquet(tmp_path / "runs.parquet")
    for name in ("overview", "task", "wall", "method", "compare"):  # the others look at the table of runs alone
        assert not page(name, tmp_path / "runs.parquet", monkeypatch).exception


def test_figures_are_saved_as_the_address_says(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, wanted in (("png", "png"), ("exe", "svg")):
        found = page("compare", folder, monkeypatch, figure=kind)
        charts = found.get("plotly_chart")
        assert not found.exception and charts
        assert all(f'"format": "{wanted}"' in chart.proto.config for chart in charts)
