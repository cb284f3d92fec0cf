"""The table over people: who counts, means over seeds first, the published rows beside."""

import pandas as pd
import pytest

from retouch.benchmark.tasks.identity_removal import PUBLISHED
from retouch.leaderboard.tools import forget_many


def runs(values, images, **more):
    """Rows of a method on the faces track: person -> the drop of each seed."""
    place = "identity_removal/celeba32-flow"
    return [
        {"track": "faces", "instance": f"{place}-{person}-{images}", "submission": "taming_flows", "point": "default",
         "seed": seed, "status": "ok", "stale": False, "share": 0.01,
         "m:quantile_drop_forget": drop} | more
        for person, drops in values.items() for seed, drop in enumerate(drops)
    ]  # fmt: skip


def test_the_published_people_are_in_the_track():
    asked = forget_many.people("faces")
    ladder = {
        images: {p for name, (p, n) in asked.items() if n == images and "flow" in name} for images in (1, 4, 8, 15)
    }
    assert all(people == set(range(20)) for people in ladder.values()) and set(ladder) == set(PUBLISHED)


def test_the_spread_is_over_people_not_over_seeds():
    """Persons at 0.2 and 0.6 by their means over seeds: 0.4, standard deviation 0.283."""
    rows = (
        runs({3: [0.1, 0.3], 7: [0.5, 0.7]}, 4) + runs({5: [0.9]}, 4, status="failed") + runs({6: [0.9]}, 4, stale=True)
    )
    lines = [line for line in forget_many.table(pd.DataFrame(rows), "faces") if line.startswith("| 4")]
    assert lines[0] == "| 4 | published | 20 | 0.41 | – |"
    assert lines[1] == "| 4 | taming_flows default | 2 | 0.400 ± 0.283 | 0.010 ± 0.000 |"


def test_without_records_the_command_is_named():
    with pytest.raises(ValueError, match="retouch run NAME --track faces"):
        list(forget_many.table(pd.DataFrame(runs({0: [0.1]}, 15)).assign(track="tiny"), "faces"))
