"""Croissant and model cards: what they say is what the files hold."""

import hashlib
import json
from pathlib import Path

import pandas as pd
import pytest

from retouch.benchmark.submit import croissant


@pytest.fixture
def frame() -> pd.DataFrame:
    """Two runs that count and one that does not."""
    return pd.DataFrame({"submission": "mine", "point": "default", "track": "tiny", "instance": "category_redaction/x",
                         "seed": [0, 1, 2], "status": ["ok", "ok", "failed"], "stale": False, "tuning": False,
                         "goal": [0.5, 0.7, None], "quality": [0.9, 1.0, None]})  # fmt: skip


def test_every_column_and_file_is_described(frame: pd.DataFrame, tmp_path: Path) -> None:
    file = tmp_path / "records.csv"
    frame.to_csv(file, index=False)
    found = json.loads(croissant.write(frame, [file]).read_text())
    fields = {field["name"]: field["dataType"] for field in found["recordSet"][0]["field"]}
    assert list(fields) == list(frame) and fields["goal"] == "sc:Float" and fields["seed"] == "sc:Integer"
    assert found["distribution"][0]["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_model_card_has_means_of_what_counts(frame: pd.DataFrame) -> None:
    text = croissant.model_index(frame, "mine")
    (result,) = json.loads(text.removeprefix("---\n").removesuffix("---\n"))["model-index"][0]["results"]
    assert [metric["value"] for metric in result["metrics"]] == pytest.approx([0.6, 0.95])
    with pytest.raises(ValueError, match="no run of 'none'"):
        croissant.model_index(frame, "none")
