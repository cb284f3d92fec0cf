"""`retouch table` and `retouch compare`: the board's numbers, in forms that papers take."""

import io
import json
from pathlib import Path

import pandas as pd
import pytest

from retouch.benchmark.cli.main import main
from retouch.leaderboard.draw import papers
from retouch.leaderboard.rank import board, paired, tables


@pytest.fixture
def retouch(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> object:
    """The command line on the invented records: what it printed, or its error."""
    monkeypatch.chdir(folder.parent)

    def run(*arguments: str) -> str:
        code = main(list(arguments))
        out, err = capsys.readouterr()
        return out if code == 0 else err

    return run


def test_every_form_holds_the_rows_of_the_board(retouch, view: board.View) -> None:
    asks = ("table", "--task", "category_redaction", "--family", "gan")
    rows = tables.cohort(tables.add_ties(view.scores), "category_redaction", "gan")
    frames = pd.read_csv(io.StringIO(retouch(*asks, "--csv"))), pd.DataFrame(json.loads(retouch(*asks, "--json")))
    for frame in frames:
        assert list(frame["submission"]) == list(rows["submission"])
        assert list(frame["goal"]) == pytest.approx(list(rows["goal"]), nan_ok=True)
    lines = [line for line in retouch(*asks, "--md").splitlines() if line.startswith("| ")][2:]
    latex = [line for line in retouch(*asks, "--latex").splitlines() if line.endswith(r"\\")]
    assert len(latex) == len(rows) + 1 and len(lines) == len(rows)
    best = rows.iloc[0]
    wanted = f"{best['goal']:.2f} [{best['goal.low']:.2f}, {best['goal.high']:.2f}]"
    assert wanted in lines[0] and wanted in latex[1]


def test_latex_takes_every_text() -> None:
    cells = pd.DataFrame({"a_b": ["50% & $x$ {y} #1 \\~^"], "c": ["0.1×"]})
    text = papers.text(cells, "latex", "100%")
    assert r"50\% \& \$x\$ \{y\} \#1 \textbackslash{}\textasciitilde{}\textasciicircum{} & 0.1$\times$ \\" in text
    assert r"a\_b & c" in text and r"\caption{100\%}" in text
    assert papers.text(pd.DataFrame({"a": ["x|y"]}), "md").splitlines()[-1] == r"| x\|y |"


def test_compare_says_what_many_differences_mean(retouch, view: board.View) -> None:
    frame = pd.DataFrame(json.loads(retouch("compare", "rejection", "taming_flows:delta-4", "--json")))
    a, b = ("rejection", "default"), ("taming_flows", "delta-4")
    goal = paired.pairs(view.runs, "tiny", a, b, "goal", view.tasks("tiny"))
    assert list(frame.loc[frame["axis"] == "goal", "value"]) == pytest.approx(list(goal["value"]))
    both = (frame["low"] > 0) | (frame["high"] < 0)
    assert not ((frame["clear"] == "yes") & ~both).any() and both.sum() > (frame["clear"] == "yes").sum()
    text = retouch("compare", "rejection", "taming_flows:delta-4")
    assert f"{len(frame)} differences" in text and "Rejection by the guide minus Taming" in text


def test_an_unknown_name_is_answered_with_those_there_are(retouch) -> None:
    assert "there are identity_removal, " in retouch("table", "--task", "none")
    assert "there are flow, gan, diffusion" in retouch("table", "--task", "category_redaction", "--family", "x")
    assert "did you mean rejection" in retouch("compare", "rejections", "taming_flows")
