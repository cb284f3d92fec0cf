"""The site: its pages lead to each other, its pictures are there, its numbers are the board's, it works from files."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html import escape, unescape
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import pandas as pd
import pytest
from invented import MARKUP

from retouch.leaderboard.look import theme
from retouch.leaderboard.rank import board, paired, tables
from retouch.leaderboard.read import frame
from retouch.leaderboard.site import extras, links
from retouch.leaderboard.site import pages as pages_of
from retouch.leaderboard.site.write import write


@pytest.fixture(scope="module")
def part(view: board.View) -> board.View:
    """Two of the four tasks of the invented records."""
    tasks = ("category_redaction", "attribute_rebalancing")
    runs = frame.table(view.runs[view.runs["task"].isin(tasks)].reset_index(drop=True))
    return board.View(replace(view.records, runs=runs), view.scores[view.scores["task"].isin(tasks)])


@pytest.fixture(scope="module")
def site(part: board.View, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Their site."""
    return write(part, tmp_path_factory.mktemp("site"), "https://example.org/board/").parent


def pages(site: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in site.glob("*.html")}


def test_every_link_of_the_site_leads_somewhere(site: Path) -> None:
    texts = pages(site)
    anchors = {name: set(re.findall(r'\bid="([^"]+)"', text)) for name, text in texts.items()}
    assert len(texts) > 20
    for name, text in texts.items():
        for address in map(unescape, re.findall(r'(?:href|src)="([^"]+)"', text)):
            if address.startswith("data:"):
                continue
            if address.startswith("http"):
                assert f'"{address}" rel="noopener' in text
                continue
            file, _, fragment = address.partition("#")
            assert (site / (file or name)).is_file(), (name, address)
            known = anchors.get(file or name, set())
            assert not fragment or fragment in known or file.startswith("method."), (name, address)
        for picture in re.findall(r"url\('([^']+)'\)", text):
            assert (site / unquote(picture)).is_file(), (name, picture)


def test_the_site_holds_no_markup_from_names(site: Path) -> None:
    for name, text in pages(site).items():
        assert "<img src=x" not in text and "<strong" not in text, name
    assert 'href="https://example.org"' not in "".join(pages(site).values())
    assert escape(MARKUP) in (site / "overview.tiny.attribute_rebalancing.html").read_text()


def test_results_and_feed_are_the_boards_rows(site: Path, part: board.View) -> None:
    rows = json.loads((site / "results.json").read_text())["rows"]
    table = tables.flat(part.scores, part.runs)
    assert [row["submission"] for row in rows] == list(table["submission"])
    assert [row["goal"] for row in rows] == pytest.approx([None if v != v else v for v in table["goal"]], nan_ok=True)
    entries = ElementTree.parse(site / "feed.xml").getroot().findall("{http://www.w3.org/2005/Atom}entry")
    assert len(entries) == min(extras.NEWEST, int((~part.scores["control"]).sum()))
    text = (site / "cite.bib").read_text()
    assert text.count("{") == text.count("}") and "@misc{taming_flows," in text


def test_comparisons_are_paired_differences(site: Path, part: board.View) -> None:
    text = (site / "compare.js").read_text()
    found = json.loads(text.removeprefix("const comparisons = ").rstrip(";"))
    rows = dict(extras.compared(part))
    a, b = ("rejection", rows["rejection"]), ("taming_flows", rows["taming_flows"])
    wanted = paired.pairs(part.runs, "tiny", a, b, "goal", part.tasks("tiny"))
    given = [row for row in found["rejection|taming_flows"]["rows"] if row[3] == "goal"]
    assert [row[4] for row in given] == pytest.approx(list(wanted["value"]))
    assert len(found) == len(rows) * (len(rows) - 1) // 2


@pytest.mark.parametrize(
    ("href", "wanted"),
    [("method?name=a&amp;instance=x/y", "method.a.html#x.y"), ("wall?track=t&amp;instance=x/y", "wall.t.x.y.html"),
     ("questions#rejected", "questions.html#rejected"), ("task?track=t&amp;task=x&amp;family=gan", "task.t.x.html#gan"),
     ("method?name=../../etc", "method.......etc.html")],
)  # fmt: skip
def test_addresses_of_the_app_become_files(href: str, wanted: str) -> None:
    assert links.localised(f'<a href="{href}">') == f'<a href="{wanted}">'


def test_a_method_is_shown_on_each_track_as_it_is_there(part: board.View) -> None:
    runs, rows = (of[(of["submission"] == "rejection") & (of["family"] == "gan")] for of in (part.runs, part.scores))
    old = {"track": "elsewhere", "edition": "old"}  # no record of today there
    both = frame.table(pd.concat([runs, runs.assign(**old, stale=True)], ignore_index=True))
    view = board.View(replace(part.records, runs=both), pd.concat([rows, rows.assign(**old)], ignore_index=True))
    text = pages_of._method(view, "rejection", theme.marks(["rejection"], set(), theme.look())).body
    heads = re.findall("<h2>Results on ([a-z]+)", text)
    assert sorted(heads) == ["elsewhere", "tiny"] and text.count('<table class="cohort"') == 4


@pytest.fixture(scope="module")
def page(browser: Any) -> Iterator[Any]:
    """A phone by night, with the errors that it logged."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, is_mobile=True, color_scheme="dark")
    phone = context.new_page()
    phone.errors = []
    phone.on("pageerror", lambda error: phone.errors.append(str(error)))
    phone.on("console", lambda message: phone.errors.append(message.text) if message.type == "error" else None)
    yield phone
    context.close()


def test_the_site_works_from_a_file_on_a_phone(site: Path, page: Any) -> None:
    for name in ("index", "methods", "method.self_conditioned_gan", "compare", "questions",
                 *(f"{kind}.tiny.attribute_rebalancing" for kind in ("overview", "task")),
                 "wall.tiny.attribute_rebalancing.faces-gan"):  # fmt: skip
        page.goto((site / f"{name}.html").as_uri(), wait_until="domcontentloaded")
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 1, name
    page.goto((site / "tradeoffs.tiny.category_redaction.html").as_uri())
    page.wait_for_selector(".panel .scatterlayer .points path", state="attached")
    assert "Taming normalizing flows" in page.locator(".key").first.inner_text()
    page.locator(".panel .scatterlayer .points path").first.click(force=True)
    page.wait_for_url("**/wall.tiny.category_redaction.*#*.*")  # a point leads to its place on the wall
    page.wait_for_selector("table.wall tr:target")
    assert page.errors == []


def test_the_site_finds_sorts_and_compares(site: Path, page: Any) -> None:
    page.goto((site / "overview.tiny.category_redaction.html").as_uri() + "#find=gradients, classifier")
    shown = page.locator(".cohort tbody:not(.hidden, .rt-control, .rt-why)")
    texts = [text.lower() for text in shown.all_text_contents()]
    assert texts and all("gradients" in text or "classifier" in text for text in texts)
    page.locator("#find").fill("no rank")  # of the lines between rows, which are none
    assert page.locator("#left").inner_text().startswith("0 of") and not page.locator(".rt-why").first.is_visible()
    page.locator("#find").fill("taming")
    assert shown.count() == 1 and page.url.endswith("#find=taming")
    page.locator(".cohort tbody:not(.hidden) a:has(.duo)").first.click()
    page.wait_for_selector("table.wall tr:target")
    page.goto((site / "compare.html").as_uri())
    assert page.locator(".pick select").nth(0).input_value() == "rejection"  # who leads most often
    page.goto("about:blank")
    page.goto((site / "compare.html").as_uri() + "#taming_flows|rejection")
    says = page.locator("#pair .say").inner_text()
    assert "Taming" in says and page.locator("#pair tbody tr").count() > 2
    first = page.locator("#pair tbody td").nth(1).inner_text()
    page.locator(".pick select").nth(0).select_option("rejection")
    page.locator(".pick select").nth(1).select_option("taming_flows")
    assert float(page.locator("#pair tbody td").nth(1).inner_text()) == -float(first)
    assert page.errors == []
