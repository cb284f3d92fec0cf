"""What the server itself answers: the first table of deep links, and contact sheets, and nothing else of the folder."""

import shutil
from pathlib import Path

import pytest
from starlette.requests import Request

from retouch.leaderboard.rank import board
from retouch.leaderboard.serve import first_table, pictures
from retouch.leaderboard.views.shell import SOURCE

GAN = "category_redaction/digits-gan"


@pytest.mark.parametrize(
    ("path", "query", "holds", "lacks"),
    [("", "task=category_redaction&family=gan", 'id="gan"', 'id="flow"'),
     ("overview", "track=tiny", 'id="flow"', "Diversity weights</a>"),
     ("wall", f"instance={GAN}&row=data_redaction/weak", 'class="rt-loud"', "Self-conditioned"),
     ("method", "name=rejection", "Rejection by the guide</h2>", "Taming")],
)  # fmt: skip
def test_a_deep_link_shows_its_table_at_once(path: str, query: str, holds: str, lacks: str, view: board.View) -> None:
    shown = first_table.page(view, path, query).split('id="rt-first"')[1]
    assert holds in shown and lacks not in shown


@pytest.mark.parametrize(
    ("path", "query"),
    [("", "task=none"), ("", "raw=1"), ("", "family=none"), ("", "track=none"), ("wall", "instance=none"),
     ("wall", f"instance={GAN}&seed=x"), ("wall", f"instance={GAN}&seed=99"), ("method", "name=nobody"),
     ("method", ""), ("", "version=none")],
)  # fmt: skip
def test_what_the_server_cannot_draw_is_the_apps(path: str, query: str, view: board.View) -> None:
    assert "rt-first" not in first_table.page(view, path, query)
    assert set(view._parts) <= set(view.editions("tiny"))  # an address alone makes nothing that is kept


def status(path: str) -> int:
    """What the server answers to pictures/PATH."""
    return pictures.answer(Request({"type": "http", "path_params": {"path": path}})).status_code


def test_contact_sheets_alone_are_served(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(folder / "rejection", tmp_path / "rejection")
    monkeypatch.setenv(SOURCE, str(tmp_path))
    good = f"rejection/records/tiny/{GAN}/default.0.png"
    assert status(good) == 200
    content, records = (tmp_path / good).read_bytes(), tmp_path / "rejection/records"
    (tmp_path / "rejection/elsewhere.png").write_bytes(content)
    (records / "link.png").symlink_to(tmp_path / good)
    (records / "text.png").write_text("<svg>")
    outside = ("rejection/elsewhere.png", f"rejection/../{good}", "../../etc/passwd", "/etc/passwd", "none.png")
    of_people = shutil.copytree(records / "tiny", records / "faces") / GAN / "default.0.png"
    assert status(str(of_people.relative_to(tmp_path))) == 404
    for bad in (*outside, "rejection/records/link.png", "rejection/records/text.png", "rejection", f"{good[:-3]}json"):
        assert status(bad) == 404, bad
