"""Axes on which better is always up and to the right, and losses are logarithmic, so that the best are told apart.

What is 1 at its best (goal, quality) is drawn by what it lacks to 1, all beyond as if it were there; a number that
should be small by its logarithm.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from retouch.leaderboard.draw.axes import UNIT
from retouch.leaderboard.look import numbers
from retouch.leaderboard.read import frame

NEAREST = 0.005  # the smallest loss that is drawn; what is nearer to 1 stands there
LOSSES = (1.0, 0.5, 0.1, 0.02, NEAREST)  # ticks


@dataclass(frozen=True)
class Scale:
    """Where the values of a number stand on its axis.

    Attributes:
        kind: "loss" (distance to 1, logarithmic), "log" (small is better), "down" (small is better, with values at or
            below 0), "up".
        floor: the smallest value, or loss, that a logarithmic axis shows.
        low, high: the ends of the axis, as places.
    """

    name: str
    kind: str
    floor: float
    low: float
    high: float

    def place(self, values: "pd.Series[float] | np.ndarray") -> np.ndarray:
        """Places on the axis; larger is better unless the number has no better direction."""
        values = np.asarray(values, dtype=float)
        if self.kind == "loss":
            return -np.log10(np.clip(1 - values, self.floor, None))
        if self.kind == "log":
            return -np.log10(np.clip(values, self.floor, None))
        return -values if self.kind == "down" else values

    def ticks(self) -> tuple[list[float], list[str]]:
        """Places and texts of the ticks."""
        if self.kind == "loss":
            values = [1 - loss for loss in LOSSES]
            texts = [f"{value:g}" for value in values[:-1]] + [f"≥{values[-1]:g}"]
            ends = [1 - 10 ** -min(end, -np.log10(NEAREST)) for end in (self.low, self.high)]
            if sum(ends[0] <= value <= ends[1] for value in values) < 2:  # all of them close together
                values = _even(*ends)
                texts = [f"{value:.3g}" for value in values]
        elif self.kind == "log":
            values = [value for value in _decades(10**-self.high, 10**-self.low) if value > 1.5 * self.floor]
            texts = [*(_text(self.name, value) for value in values), f"≤{_text(self.name, self.floor)}"]
            values.append(self.floor)
        else:
            values = _even(*sorted((self.low, self.high)))
            values = [-value for value in values] if self.kind == "down" else values
            texts = [_text(self.name, value) for value in values]
        places = self.place(np.array(values))
        inside = [(place, text) for place, text in zip(places, texts, strict=True) if self.low <= place <= self.high]
        return [float(place) for place, _ in inside], [text for _, text in inside]


def scale(rows: pd.DataFrame, name: str) -> Scale:
    """The axis of a number over these rows and their intervals, with air around them."""
    values = pd.concat([rows[column] for column in frame.with_ends(name) if column in rows])
    known = values.replace([np.inf, -np.inf], np.nan).dropna().to_numpy(float)
    direction = numbers.entry(name).direction
    points = rows[name].dropna().to_numpy(float)
    if name in UNIT:
        kind, floor = "loss", NEAREST
    elif direction == "down" and len(points) and (points > 0).sum() > 1 and points.min() >= 0:
        kind, floor = "log", float(points[points > 0].min()) / 2
    else:
        kind, floor = "down" if direction == "down" else "up", 0.0
    bare = Scale(name, kind, floor, -np.inf, np.inf)
    places = bare.place(known) if len(known) else np.array([0.0, 1.0])
    low, high = float(places.min()), float(places.max())
    air = 0.08 * (high - low) or 0.1 * abs(high) or 0.5
    return Scale(name, kind, floor, low - air, high + air)


def _text(name: str, value: float) -> str:
    return numbers.percent(value) if name == "share" else f"{value:.3g}"


def _decades(low: float, high: float) -> list[float]:
    """1, 2 and 5 of each power of ten from low to high; the powers alone where these are many."""
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    steps = (1, 2, 5) if len(powers) <= 3 else (1,)
    return [step * 10.0**power for power in powers for step in steps]


def _even(low: float, high: float) -> list[float]:
    """About five round values from low to high."""
    raw = (high - low) / 5
    power = 10.0 ** np.floor(np.log10(raw))
    step = power * next(m for m in (1, 2, 5, 10) if m * power >= raw)
    return [float(v) for v in np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step]
