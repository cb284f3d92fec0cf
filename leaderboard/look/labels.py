"""Where direct labels go: beside their points, clear of each other, of what is drawn and of each other's lines."""

from collections.abc import Sequence

import numpy as np

Point = tuple[float, float]
LETTER, LINE, GAP = 5.8, 15.0, 10.0  # pixels: mean width of a letter, height of a line, distance from the point
NEAR = (("left", "middle", 1, 0), ("right", "middle", -1, 0), ("center", "bottom", 0, 0.9), ("center", "top", 0, -0.9),
        ("left", "bottom", 0.7, 0.7), ("left", "top", 0.7, -0.7), ("right", "bottom", -0.7, 0.7),
        ("right", "top", -0.7, -0.7))  # fmt: skip
FAR = tuple(
    (across, up, dx * side, dy * sign)
    for dy in (2.6, 4.4, 6.2, 8.0)
    for sign, up in ((1, "bottom"), (-1, "top"))
    for dx in (0, 1.6, 4)
    for side, across in ((1, "left"), (-1, "right"))
)
ANCHORS = (*NEAR, *FAR)
SHIFT = {"left": 0.0, "center": 0.5, "right": 1.0, "bottom": 0.0, "middle": 0.5, "top": 1.0}  # of the box's own size
TAILS = np.array([(GAP * dx, GAP * dy) for *_, dx, dy in ANCHORS])  # (A, 2): from the point to the text
STEPS = np.array([0.25, 0.45, 0.65, 0.85])  # places along a line from a point to its label
PRICE = np.array([25 * max(0.0, abs(dy) - 1) + 8 * abs(dx) for *_, dx, dy in ANCHORS])  # (A,): of being far


def _boxes(point: Point, text: str) -> np.ndarray:
    """The text's box at every anchor: (A, 4) as left, bottom, right, top."""
    size = np.array([LETTER * len(text), LINE])
    shift = np.array([(SHIFT[across], SHIFT[up]) for across, up, *_ in ANCHORS])
    corner = np.array(point) + TAILS - shift * size
    return np.hstack([corner, corner + size])


def _lines(point: Point) -> np.ndarray:
    """The line to the text at every anchor, as small boxes along it: (A, S, 4); empty boxes where there is no line."""
    centre = np.array(point) + TAILS[:, None] * STEPS[:, None]
    half = np.where(np.arange(len(ANCHORS)) < len(NEAR), 0.0, 2.5)[:, None, None]
    return np.concatenate([centre - half, centre + half], axis=2)


def _covered(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """How much of `others` (M, 4) each of `boxes` (N, 4) covers, in square pixels: (N,)."""
    both = [np.minimum(boxes[:, None, i + 2], others[:, i + 2]) - np.maximum(boxes[:, None, i], others[:, i])
            for i in (0, 1)]  # fmt: skip
    return (both[0].clip(0) * both[1].clip(0)).sum(1)


def _cost(point: Point, text: str, drawn: np.ndarray, written: np.ndarray, size: Point) -> np.ndarray:
    """What a label costs at every anchor, (A,): text on text or on a line is worse than text on a mark."""
    boxes, lines = _boxes(point, text), _lines(point).reshape(-1, 4)
    reach = np.array([LETTER * len(text), LINE]) + np.abs(TAILS).max(0)
    apart = np.maximum(drawn[:, :2] - point, point - drawn[:, 2:])  # what is further away is never covered
    drawn = drawn[(apart <= reach).all(1)]
    outside = (-boxes[:, :2]).clip(0).sum(1) + (boxes[:, 2:] - np.array(size)).clip(0).sum(1)
    crossed = (_covered(lines, drawn) / 4 + 8 * _covered(lines, written)).reshape(len(ANCHORS), -1).sum(1)
    return _covered(boxes, drawn) + 4 * _covered(boxes, written) + crossed + 60 * outside + PRICE


def place(points: Sequence[Sequence[Point]], texts: Sequence[str], obstacles: Sequence[Point],
          size: Point) -> list[tuple[int, dict[str, object]]]:  # fmt: skip
    """Which of its points each label stands at, and where, as arguments of a Plotly annotation.

    Greedy from the top, then once more with all others in place; one that is far from its point gets a line to it.

    Args:
        points: for each label the points that it may stand at, in pixels, the preferred first.
        obstacles: what is drawn, as points; size: the plot's width and height.
    """
    marks = np.array(obstacles, dtype=float).reshape(-1, 2)
    drawn = np.hstack([marks - 7, marks + 7])
    taken: dict[int, np.ndarray] = {}
    chosen: dict[int, tuple[int, int]] = {}
    order = sorted(range(len(points)), key=lambda i: -points[i][0][1])
    for i in (*order, *order):
        written = np.concatenate([box for j, box in taken.items() if j != i] or [np.empty((0, 4))])
        costs = [_cost(p, texts[i], drawn, written, size) + 6 * k for k, p in enumerate(points[i])]
        which, anchor = (int(n) for n in np.unravel_index(np.argmin(costs), (len(costs), len(ANCHORS))))
        chosen[i] = which, anchor
        point = points[i][which]
        taken[i] = np.vstack([_boxes(point, texts[i])[anchor], _lines(point)[anchor]])
    return [(chosen[i][0], _annotation(chosen[i][1])) for i in range(len(points))]


def _annotation(anchor: int) -> dict[str, object]:
    across, up, dx, dy = ANCHORS[anchor]
    shift = {"xanchor": across, "yanchor": up}
    if anchor < len(NEAR):
        return {**shift, "showarrow": False, "xshift": GAP * dx, "yshift": GAP * dy}
    line = {"showarrow": True, "arrowhead": 0, "arrowwidth": 0.8, "standoff": 7}
    return {**shift, **line, "ax": GAP * dx, "ay": -GAP * dy}
