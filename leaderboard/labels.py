"""Where direct labels go: beside their points, clear of each other and of what is drawn."""

from collections.abc import Sequence

Box = tuple[float, float, float, float]  # left, bottom, right, top in pixels
LETTER, LINE, GAP = 6.0, 15.0, 10.0  # pixels: mean width of a letter, height of a line, distance from the point
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
Anchor = tuple[str, str, float, float]


def _box(x: float, y: float, text: str, anchor: Anchor) -> Box:
    across, up, dx, dy = anchor
    width = LETTER * len(text)
    left = x + GAP * dx - {"left": 0.0, "center": width / 2, "right": width}[across]
    bottom = y + GAP * dy - {"bottom": 0.0, "middle": LINE / 2, "top": LINE}[up]
    return left, bottom, left + width, bottom + LINE


def _overlap(a: Box, b: Box) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def place(points: Sequence[tuple[float, float]], texts: Sequence[str], obstacles: Sequence[tuple[float, float]],
          size: tuple[float, float]) -> list[dict[str, object]]:  # fmt: skip
    """Where to write labels of points in pixels, as arguments of a Plotly annotation.

    Greedy from the top: each label takes the place that covers least; one far from its point gets a line to it.

    Args:
        obstacles: what is drawn, as points; size: the plot's width and height.
    """
    drawn: list[Box] = [(x - 5, y - 5, x + 5, y + 5) for x, y in obstacles]
    written: list[Box] = []
    made: list[dict[str, object]] = [{} for _ in points]
    for i in sorted(range(len(points)), key=lambda i: -points[i][1]):

        def cost(anchor: Anchor, i: int = i) -> float:
            box = _box(*points[i], texts[i], anchor)
            outside = max(0.0, -box[0]) + max(0.0, box[2] - size[0]) + max(0.0, -box[1]) + max(0.0, box[3] - size[1])
            covered = sum(_overlap(box, other) for other in drawn) + 4 * sum(_overlap(box, other) for other in written)
            return covered + 60 * outside + 25 * max(0.0, abs(anchor[3]) - 1) + 8 * abs(anchor[2])

        best = min((*NEAR, *FAR), key=cost)
        written.append(_box(*points[i], texts[i], best))
        made[i] = _annotation(best)
    return made


def _annotation(anchor: Anchor) -> dict[str, object]:
    across, up, dx, dy = anchor
    shift = {"xanchor": across, "yanchor": up}
    if abs(dy) <= 1:
        return {**shift, "showarrow": False, "xshift": GAP * dx, "yshift": GAP * dy}
    return {
        **shift,
        "showarrow": True,
        "ax": GAP * dx,
        "ay": -GAP * dy,
        "arrowhead": 0,
        "arrowwidth": 0.8,
        "standoff": 7,
    }
