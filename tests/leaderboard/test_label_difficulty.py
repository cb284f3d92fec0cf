"""Labels by how much of them is left: over the base's own share, means over seeds, the hardest first."""

import pandas as pd
import pytest

from retouch.benchmark import tracks
from retouch.leaderboard.tools import label_difficulty


def test_the_hardest_label_comes_first():
    base = {name: share for name, (of, _, share) in label_difficulty.labels("tiny").items() if of == "digits-gan"}
    assert set(base) == {f"category_redaction/digits-gan{end}" for end in ("", "-1", "-5")}
    left = {"": [0.4, 0.6], "-1": [0.1, 0.1], "-5": [0.9, 0.9]}  # of the base's share, by seed
    run = {"track": "tiny", "submission": "m", "point": "p", "status": "ok", "stale": False, "quality": 0.9}
    rows = [
        {**run, "instance": name, "seed": seed,
         "m:invalidity": left[name.removeprefix("category_redaction/digits-gan")][seed] * share}
        for name, share in base.items() for seed in (0, 1)
    ]  # fmt: skip
    lines = list(label_difficulty.table(pd.DataFrame(rows), "tiny"))
    shown = [line.split(" | ") for line in lines if line.startswith("| category")]
    assert [line[0] for line in shown] == ["| category: 5", "| category: 8", "| category: 1"]
    assert [line[3] for line in shown] == ["0.900", "0.500", "0.100"]
    scale = tracks.scale("tiny")["category_redaction/digits-gan"]["unchanged"]["invalidity"]["value"]
    assert shown[1][1:3] == [f"{scale:.3f}", f"{scale / 2:.3f}"]
    with pytest.raises(ValueError, match="retouch run NAME --track tiny --task category_redaction"):
        list(label_difficulty.table(pd.DataFrame(rows).assign(stale=True), "tiny"))
