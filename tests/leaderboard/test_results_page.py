"""The page of results: the papers' side, the records' side, and nothing that neither holds."""

from pathlib import Path

import pandas as pd

from retouch.benchmark import tracks
from retouch.leaderboard.rank.claims import CLAIMS
from retouch.leaderboard.read import load
from retouch.leaderboard.tools.published import PAPERS
from retouch.leaderboard.tools.results_page import binned, mean, report


def test_the_page_of_results_is_that_of_the_shipped_records():
    repository = Path(__file__).parents[2]
    folder = load.read_folder(repository / "submissions")
    details = lambda run: getattr(folder.record(run), "details", {})  # noqa: E731
    text = "\n".join(report(folder.runs, details, folder.manifests)) + "\n"
    told = "`python -m retouch.leaderboard.tools.results_page > docs/results.md` writes it"
    assert text == (repository / "docs/results.md").read_text(), told


def test_the_report_says_what_the_records_hold():
    keys = {"instance": "identity_removal/faces-flow", "submission": "taming_flows", "point": "default"}
    rows = [keys | {"status": "ok", "stale": False, "tuning": False, "share": 0.06, "sampling_relative": 1.0,
                    "m:quantile_drop_forget": value, "m:quantile_drop_forget.low": value - 0.01,
                    "m:quantile_drop_forget.high": value + 0.01} for value in (0.3, 0.4, 0.5)]  # fmt: skip
    runs = pd.DataFrame(rows)
    assert mean(runs, "m:quantile_drop_forget") == "0.400 ± 0.248"  # the seeds' spread is the wider: 4.303 * 0.1 / √3
    assert mean(runs, "share") == "6.0%" and mean(runs, "m:fd") == "–"
    text = "\n".join(report(runs))
    assert (
        "| 15 | taming_flows default, faces | 0.400 ± 0.248 |" in text
        and "| 15 | published, CelebA 128 | 0.37 |" in text
    )


def test_the_report_compares_identity_at_equal_change():
    """Two seeds: 30 and 10 images in the first bin, 0 and 20 in the second, all of the second's identity 0.5."""
    curves = [
        {"identity": [0.9, None, 0.1] + [None] * 7, "count": [30, 0, 5] + [0] * 7},
        {"identity": [0.7, 0.5, 0.2] + [None] * 7, "count": [10, 20, 5] + [0] * 7},
    ]
    assert binned(curves, 0, 2) == "0.73" and binned(curves, 2, 4) == "–" == binned([], 0, 2)
    keys = {"instance": "attribute_rebalancing/rendered-gan", "submission": "boundary_walk", "point": "far"}
    runs = pd.DataFrame(
        [keys | {"status": "ok", "stale": False, "tuning": False, "share": 0.0, "seed": s} for s in (0, 1)]
    )
    text = "\n".join(report(runs, lambda run: {"identity_curve": curves[run["seed"]]}))
    assert "| boundary_walk | far | edits | 0.73 | – | – | – | – |" in text and "same noise" not in text


def test_every_paper_says_what_was_read_of_it():
    known = {instance.name for instance in tracks.load("tiny").instances}
    assert [paper.method for paper in PAPERS] == list(dict.fromkeys(name for name, *_ in CLAIMS))
    assert all(set(paper.instances) <= known and paper.numbers for paper in PAPERS)
    columns = ("status", "stale", "tuning", "instance", "submission", "point", "share")
    none = pd.DataFrame({name: [] for name in columns}).astype({"stale": bool, "tuning": bool})
    text = "\n".join(report(none))
    assert text.count("No current record") == len(CLAIMS) + len(PAPERS)
    assert "| 8 | published, CelebA 128 | 0.32 |" in text
