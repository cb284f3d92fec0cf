"""The board in a real Chromium: pages without errors, filters, addresses, downloads, pictures, phones."""

import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from invented import MARKUP

PATIENCE = 90_000  # milliseconds: how slow a loaded machine may be before it counts as broken
DESK, PHONE = {"width": 1400, "height": 900}, {"width": 390, "height": 844}
DONE = '[data-testid="stApp"][data-test-script-state="notRunning"]'
PAGES = {  # address -> the window's title; a submission whose title is markup is on each but the last two of MORE
    "?task=attribute_rebalancing": "Leaderboard",
    "tradeoffs?task=attribute_rebalancing": "Trade-offs",
    "method?name=self_conditioned_gan": MARKUP,
}
MORE = {  # pages whose parts are on others, or that other tests open
    "wall?task=attribute_rebalancing&instance=attribute_rebalancing/faces-gan": "Wall",
    "task?task=attribute_rebalancing&family=gan": "Attribute rebalancing",
    "compare?with=self_conditioned_gan/default,rejection/default": "Compare",
    "?raw=1&task=attribute_rebalancing&family=gan": "Leaderboard",
    "chooser?task=attribute_rebalancing&family=gan": "Chooser",
    "submit": "Submit",
    "questions": "Questions",
}


class Visit:
    """A page of the board in the browser's one context, with every error that it logged."""

    def __init__(self, context: Any, server: str, scheme: str = "light") -> None:
        self.server, self.page, self.errors = server, context.new_page(), []
        self.page.set_default_timeout(PATIENCE)
        self.page.emulate_media(color_scheme=scheme)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on(
            "console", lambda m: self.errors.append(m.text) if m.type == "error" and "404" not in m.text else None
        )
        self.page.on(
            "response",
            lambda r: self.errors.append(f"{r.status} {r.url}") if r.status >= 400 and self._ours(r.url) else None,
        )

    @staticmethod
    def _ours(url: str) -> bool:
        """Streamlit looks for its base below a deep address first; downloads go with the session that offered them."""
        return "/_stcore/" not in url and "/media/" not in url

    def open(self, address: str) -> "Visit":
        """Open an address and wait until the page stands."""
        self.page.goto(f"{self.server}/{address}")
        self.page.wait_for_selector("#root .rt h1")
        self.page.wait_for_selector(DONE)
        return self

    def settle(self) -> "Visit":
        """Wait until nothing runs."""
        self.page.wait_for_timeout(250)
        self.page.wait_for_selector(DONE)
        return self

    def rows(self) -> list[str]:
        """The methods in the overview's tables, from top to bottom."""
        return self.page.locator(".cohort tbody tr:first-child th").all_inner_texts()

    def shows(self, rows: list[str]) -> None:
        """Wait until the overview has these rows."""
        self.page.wait_for_function(
            "rows => [...document.querySelectorAll('.cohort tbody tr:first-child th')].map(e => e.innerText).join() "
            "=== rows.join()", arg=rows,
        )  # fmt: skip

    def check(self) -> None:
        """No exception on the page, no error in the console."""
        assert self.page.locator('[data-testid="stException"]').count() == 0
        assert self.errors == []


@pytest.fixture(scope="module")
def context(browser: Any) -> Iterator[Any]:
    """A desk whose browser has seen the scripts before."""
    desk = browser.new_context(viewport=DESK)
    yield desk
    desk.close()


@pytest.fixture
def visit(context: Any, server: str) -> Iterator[Visit]:
    """A fresh page at a desk, by day."""
    fresh = Visit(context, server)
    yield fresh
    fresh.page.close()


def ink(of: Visit) -> int:
    """How bright the text is, 0 to 765."""
    colour = of.page.eval_on_selector("#root .rt", "e => getComputedStyle(e).color")
    return sum(int(c) for c in colour[4:-1].split(","))


@pytest.mark.parametrize("address", [*PAGES, *(pytest.param(address, marks=pytest.mark.slow) for address in MORE)])
def test_page_is_dark_titled_safe_and_fits_a_phone(context: Any, server: str, address: str) -> None:
    dark = Visit(context, server, "dark").open(address)
    assert ink(dark) > 500
    dark.page.wait_for_function("title => document.title === title", arg=f"{(PAGES | MORE)[address]} · Retouch")
    dark.page.set_viewport_size(PHONE)
    dark.page.wait_for_timeout(200)
    wide = dark.page.evaluate("""() => [document.documentElement, document.querySelector('[data-testid="stMain"]')]
        .map(e => e.scrollWidth - e.clientWidth)""")
    assert max(wide) <= 1
    assert dark.page.locator('img[src="x"], a[href="https://example.org"], .rt strong, .rt .katex').count() == 0
    assert (MARKUP in dark.page.inner_text("#root")) == (address not in ("submit", "questions"))
    dark.check()
    dark.page.close()


def test_the_first_table_is_the_one_that_stays(visit: Visit, browser: Any, server: str) -> None:
    plain = browser.new_context(java_script_enabled=False).new_page()
    plain.goto(server)
    first = plain.locator(".cohort").all_inner_texts()
    assert len(first) > 1 and plain.locator('img[src="x"]').count() == 0
    visit.open("").page.locator("#rt-first").wait_for(state="detached", timeout=30_000)
    visit.page.locator("#root .cohort").first.wait_for(timeout=30_000)
    assert visit.page.locator("#root .cohort").all_inner_texts() == first and ink(visit) < 300
    visit.check()
    plain.context.close()


def press(visit: Visit, *names: str) -> None:
    """Press buttons of the controls one after the other."""
    for name in names:
        visit.page.locator('[data-testid="stButtonGroup"] button', has_text=name).first.click()
        visit.settle()


def test_a_filter_narrows_and_its_address_opens_the_same(visit: Visit, context: Any, server: str) -> None:
    before = visit.open("?task=identity_removal").rows()
    press(visit, "GANs")
    visit.page.get_by_role("button", name="Columns").click()
    visit.page.get_by_text("Raw values").click()
    visit.page.wait_for_selector(".cohort >> text=Identity share")
    after, address = visit.settle().rows(), visit.page.url
    assert 0 < len(after) < len(before) and "family=gan" in address and "raw=1" in address
    again = Visit(context, server).open(address.removeprefix(server + "/"))
    assert again.rows() == after
    assert again.page.inner_text(".cohort") == visit.page.inner_text(".cohort")
    again.page.close()
    visit.check()


def test_back_undoes_one_choice_and_forward_redoes_it(visit: Visit) -> None:
    visit.open("?family=gan")
    seen = [(visit.page.url, visit.rows())]
    for name in ("Category redaction", "Flows", "Output diversity"):
        press(visit, name)
        seen.append((visit.page.url, visit.rows()))
    assert len({url for url, _ in seen}) == 4
    for url, rows in seen[-2::-1]:
        visit.page.go_back()
        visit.shows(rows)
        assert visit.page.url == url
    for url, rows in seen[1:]:
        visit.page.go_forward()
        visit.shows(rows)
        assert visit.page.url == url
    visit.page.locator(".cohort tbody th a").first.click()
    visit.page.wait_for_selector("text=One run: before and after")
    visit.settle().page.go_back()
    visit.shows(seen[-1][1])
    assert visit.settle().page.url == seen[-1][0]
    visit.page.locator("[data-testid=stPageLink] a", has_text="wall").click()  # keeps the task, and loads nothing anew
    visit.page.wait_for_selector(":is(.wall, .empty)")
    assert "task=output_diversity" in visit.settle().page.url
    visit.page.go_back()
    visit.shows(seen[-1][1])
    visit.check()


def test_an_unknown_permalink_says_so_and_keeps_its_address(visit: Visit) -> None:
    visit.page.goto(f"{visit.server}/method?name=nobody&track=tiny")
    visit.page.wait_for_selector("text=There is no method called “nobody” here.")
    assert "name=nobody" in visit.settle().page.url and visit.page.locator("table").count() == 0
    visit.check()


@pytest.fixture(scope="module")
def flows(context: Any, server: str) -> Iterator[Visit]:
    """A table that several tests look at, one after the other."""
    page = Visit(context, server).open("?family=flow&task=category_redaction")
    yield page
    page.page.close()


def test_a_download_is_the_table_shown(flows: Visit) -> None:
    shown = flows.page.locator(".cohort tbody:not(.rt-why) tr")
    cells = [shown.nth(i).locator("td.n").all_text_contents() for i in range(shown.count())]
    for name, read in (("CSV", pd.read_csv), ("Parquet", pd.read_parquet)):
        with flows.page.expect_download() as download:
            flows.page.get_by_role("button", name=name).click()
        table = read(io.BytesIO(Path(download.value.path()).read_bytes()))
        assert len(table) == len(cells)
        for row, texts in zip(table.to_dict("records"), cells, strict=True):
            wanted = ["–" if pd.isna(row[axis]) else f"{row[axis]:.2f}" for axis in ("goal", "quality")]
            assert [text.split("[")[0] for text in texts[:2]] == wanted or pd.isna(row["goal"])
    flows.check()


PARTS = """() => {
  const parts = [[]];  // quality of what is ranked, and below each line that says why the rest is not
  for (const body of document.querySelector(".cohort").tBodies)
    body.matches(".rt-why") ? parts.push([]) : parts.at(-1).push(Number(body.rows[0].cells[5].dataset.v));
  return parts;
}"""


def test_a_column_sorts_what_is_ranked_and_claimed_apart(flows: Visit) -> None:
    before = flows.rows()
    for order in (1, -1):
        flows.page.locator(".cohort button.sort", has_text="quality").click()
        parts = flows.page.evaluate(PARTS)
        assert [len(part) for part in parts] == [2, 2, 2]  # verified, claims, controls
        assert all(part == sorted(part, reverse=order < 0) for part in parts)
        assert sorted(flows.rows()) == sorted(before) and set(flows.rows()[-2:]) == set(before[-2:])
    assert flows.page.locator("th[aria-sort=descending]").inner_text().startswith("quality")
    flows.check()


def test_the_head_of_a_table_stays_in_sight(flows: Visit) -> None:
    flows.page.set_viewport_size({**DESK, "height": 500})
    flows.page.locator(".cohort tbody").last.scroll_into_view_if_needed()
    flows.page.mouse.move(600, 300)
    flows.page.mouse.wheel(0, 200)
    flows.page.wait_for_timeout(200)
    head, body = (flows.page.locator(f".cohort {part}").first.bounding_box()["y"] for part in ("thead th", "tbody"))
    assert abs(head - 60) < 3 and body < 60
    flows.page.set_viewport_size(DESK)


def test_a_row_unfolds_into_its_points_by_keyboard(flows: Visit) -> None:
    points = flows.page.locator(".cohort tr.rt-point", has_text="delta-")
    assert points.count() == 2 and not points.first.is_visible()
    button = flows.page.locator("tbody", has_text="Taming").locator("button.fold")
    button.focus()
    flows.page.keyboard.press("Enter")
    assert points.first.is_visible() and button.get_attribute("aria-expanded") == "true"
    flows.page.keyboard.press("Enter")
    assert not points.first.is_visible()
    flows.check()


def test_keyboard_reaches_the_table(flows: Visit) -> None:
    flows.page.locator("body").press("Home")
    flows.page.evaluate("document.activeElement.blur()")
    for _ in range(80):
        flows.page.keyboard.press("Tab")
        if flows.page.evaluate("document.activeElement.matches('.cohort th a')"):
            break
    flows.page.keyboard.press("Enter")
    flows.page.wait_for_url("**/method?**")


def test_a_number_leads_to_its_records(visit: Visit) -> None:
    visit.open("?task=category_redaction&family=gan")
    visit.page.locator(".cohort tbody td.n a").first.click()
    visit.page.wait_for_selector(".rt h2 >> text=Every run")
    visit.settle().page.locator("a", has_text="open").first.click()
    visit.page.wait_for_selector("text=The command that makes it again")
    assert "seed=" in visit.page.url
    visit.check()


LOADED = """async () => {
  const address = getComputedStyle(document.querySelector(".pic")).backgroundImage.slice(5, -2);
  const image = new Image(); image.src = address; await image.decode(); return [address, image.naturalWidth];
}"""


def test_a_number_leads_to_pictures_with_verdicts(visit: Visit) -> None:
    visit.open("?task=category_redaction&family=gan").page.locator(".cohort .duo").first.click()
    visit.page.wait_for_selector("table.wall")
    address, width = visit.page.evaluate(LOADED)
    assert "/pictures/" in address and width > 500
    rows = visit.page.locator("table.wall tbody tr")
    assert rows.count() > 4 and rows.nth(2).get_attribute("class") == "rt-loud"
    visit.page.locator("table.wall tr.rt-loud th a").click()
    visit.page.wait_for_selector("text=One run: before and after")
    visit.page.wait_for_selector(".sheet .pic >> nth=19")
    assert visit.page.locator(".sheet .pic").count() == 20 and visit.page.locator(".sheet figure.bad").count() > 0
    visit.settle().check()


def test_a_click_on_a_point_shows_its_images(visit: Visit) -> None:
    visit.open("tradeoffs?task=category_redaction&family=gan")
    point = ".js-plotly-plot .scatterlayer .trace .points path"
    visit.page.wait_for_selector(point, state="attached")  # click() alone looks for it at growing intervals
    visit.page.locator(point).first.click(force=True)
    visit.page.wait_for_selector(".sheet .pic")
    assert visit.page.evaluate(LOADED)[1] > 100
    visit.settle().check()


def test_a_dropped_zip_is_placed_among_the_others(visit: Visit, folder: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    shutil.copytree(folder / "rejection", mine / "rejection")
    packed = shutil.make_archive(str(tmp_path / "mine"), "zip", mine)
    visit.open("submit").page.set_input_files('input[type="file"]', packed)
    visit.page.wait_for_selector("text=records are valid")
    visit.page.wait_for_selector("tbody.rt-loud")
    visit.settle().check()
