"""Contact sheets as PNG bytes."""

from io import BytesIO

import numpy as np
from PIL import Image


def sheet(images: np.ndarray, columns: int, zoom: int = 3, gap: int = 1) -> bytes:
    """PNG of uint8 images (N, C, H, W), row by row, enlarged `zoom` times without smoothing.

    Args:
        images: grey (C = 1) or RGB (C = 3); columns: pictures in a row; gap: white pixels between them.
    """
    n, channels, height, width = images.shape
    rows = -(-n // columns)
    cell_h, cell_w = height * zoom + gap, width * zoom + gap
    canvas = np.full((rows * cell_h + gap, columns * cell_w + gap, channels), 255, np.uint8)
    for i, image in enumerate(images):
        top, left = gap + i // columns * cell_h, gap + i % columns * cell_w
        large = image.transpose(1, 2, 0).repeat(zoom, 0).repeat(zoom, 1)
        canvas[top : top + height * zoom, left : left + width * zoom] = large
    out = BytesIO()
    Image.fromarray(canvas.squeeze(-1) if channels == 1 else canvas).save(out, "PNG", optimize=True)
    return out.getvalue()
