"""Where direct labels go: beside their points, clear of each other and of the other points."""

from collections.abc import Sequence

Box = tuple[float, float, float, float]  # left, bottom, right, top in pixels
LETTER, LINE, GAP = 6.0, 15.0, 10.0  # pixels: mean width of a letter, height of a line, distance from the point
ANCHORS = (("left", "middle", 1, 0), ("right", "middle", -1, 0), ("center", "bottom", 0, 1), ("center", "top", 0, -1),
           ("left", "bottom", 0.7, 0.8), ("left", "top", 0.7, -0.8), ("right", "bottom", -0.7, 0.8),
           ("right", "top", -0.7, -0.8), ("center", "bottom", 0, 2.2), ("center", "top", 0, -2.2),
           ("left", "bottom", 0.9, 2.4), ("right", "bottom", -0.9, 2.4), ("left", "top", 0.9, -2.4),
           ("right", "top", -0.9, -2.4))  # fmt: skip


def _box(x: float, y: float, text: str, anchor: tuple[str, str, float, float]) -> Box:
    across, up, dx, dy = anchor
    width = LETTER * len(text)
    left = x + GAP * dx - {"left": 0.0, "center": width / 2, "right": width}[across]
    bottom = y + GAP * dy - {"bottom": 0.0, "middle": LINE / 2, "top": LINE}[up]
    return left, bottom, left + width, bottom + LINE


def _overlap(a: Box, b: Box) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def place(points: Sequence[tuple[float, float]], texts: Sequence[str], obstacles: Sequence[tuple[float, float]],
          size: tuple[float, float]) -> list[dict[str, float | str]]:  # fmt: skip
    """Anchors and shifts for labels of points in pixels; `obstacles` are all points drawn, `size` is the plot's.

    Greedy from the top: each label takes the first of fourteen places with the least overlap.
    """
    taken: list[Box] = [(x - 6, y - 6, x + 6, y + 6) for x, y in obstacles]
    made: list[dict[str, float | str]] = [{} for _ in points]
    for i in sorted(range(len(points)), key=lambda i: -points[i][1]):
        def cost(anchor: tuple[str, str, float, float], i: int = i) -> float:
            box = _box(*points[i], texts[i], anchor)
            outside = max(0.0, -box[0]) + max(0.0, box[2] - size[0]) + max(0.0, -box[1]) + max(0.0, box[3] - size[1])
            return sum(_overlap(box, other) for other in taken) + 40 * outside + 2 * (abs(anchor[3]) > 2)

        best = min(ANCHORS, key=cost)
        taken.append(_box(*points[i], texts[i], best))
        made[i] = {"xanchor": best[0], "yanchor": best[1], "xshift": GAP * best[2], "yshift": GAP * best[3]}
    return made
