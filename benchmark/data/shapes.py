"""What a renderer paints with: a canvas, signed distances to simple shapes, colours between colours.

All in float32 on whole batches, and by operations that IEEE 754 rounds correctly (+ - * / sqrt, comparisons), one array
operation at a time: the results are the same bytes on every machine.
"""

from __future__ import annotations

import numpy as np

TINY = 1e-6  # keeps the middle of an ellipse inside it


class Canvas:
    """Pixels, float32 (n, 3, size, size) in 0..255, and the coordinates of their centres, (1, size, 1) and so on."""

    def __init__(self, n: int, size: int) -> None:
        centres = ((2 * np.arange(size) + 1 - size) / size).astype(np.float32)
        self.grid = centres[None, None, :], centres[None, :, None]
        self.softness = size / 2  # an edge is one pixel wide
        self.rgb = np.empty((n, 3, size, size), dtype=np.float32)

    def paint(self, distance: np.ndarray, colour: np.ndarray, opacity: np.ndarray | float = 1.0) -> None:
        """Lay `colour` (n, 3, 1, 1) over where the signed distance (n, H, W) is negative."""
        cover = 0.5 - distance * self.softness
        cover = np.clip(cover, 0, 1, out=cover) * opacity
        self.rgb += cover[:, None] * (colour - self.rgb)


def ellipse(x: np.ndarray, y: np.ndarray, rx: np.ndarray | float, ry: np.ndarray | float) -> np.ndarray:
    """Signed distance to an ellipse, exact on its edge to first order."""
    u, v = x / rx, y / ry
    k = np.sqrt(u * u + v * v + TINY)
    u, v = u / rx, v / ry
    return k * (k - 1) / np.sqrt(u * u + v * v + TINY)


def box(x: np.ndarray, y: np.ndarray, rx: np.ndarray | float, ry: np.ndarray | float, corner: float) -> np.ndarray:
    """Signed distance to a box with rounded corners."""
    u, v = np.abs(x) - rx + corner, np.abs(y) - ry + corner
    a, b = np.maximum(u, 0), np.maximum(v, 0)
    return np.sqrt(a * a + b * b) + np.minimum(np.maximum(u, v), 0) - corner


def blend(stops: list[tuple[int, int, int]], t: np.ndarray) -> np.ndarray:
    """The colour at t in [0, 1] on the line through the stops, float32 (n, 3, 1, 1)."""
    table = np.array(stops, dtype=np.float64)
    at = t * (len(stops) - 1)
    low = np.minimum(at.astype(np.int64), len(stops) - 2)
    colour = table[low] + (at - low)[:, None] * (table[low + 1] - table[low])
    return colour.astype(np.float32)[:, :, None, None]


def rgb(colour: tuple[int, int, int]) -> np.ndarray:
    """A colour as a layer, float32 (1, 3, 1, 1)."""
    return np.array(colour, np.float32).reshape(1, 3, 1, 1)
