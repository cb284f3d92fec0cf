"""Draws cartoon faces from numbers: signed-distance shapes in float32, painted back to front, any size, any batch.

Coordinates run from -1 to 1, x to the right and y downwards, so that a face is the same at every size. No sin,
exp or matrix product is used, so that the bytes are the same on every machine (see `shapes`).
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from retouch.benchmark.data.shapes import Canvas, blend, box, ellipse, rgb

PERSON = {  # parameter of the person: lowest, highest, weight when two people are compared
    "skin": (0.0, 1.0, 2),
    "hair": (0.0, 1.0, 5),
    "hair_volume": (0.05, 0.24, 3),
    "hairline": (-0.45, -0.24, 2),
    "parting": (-0.55, 0.55, 2),
    "face_width": (0.50, 0.68, 3),
    "face_height": (0.58, 0.72, 2),
    "jaw": (-0.30, 0.22, 2),
    "eye_gap": (0.05, 0.14, 2),
    "eye_size": (0.13, 0.20, 3),
    "eye_colour": (0.0, 1.0, 3),
    "brow_thickness": (0.025, 0.065, 2),
    "brow_slope": (-0.40, 0.40, 2),
    "brow_height": (0.06, 0.13, 1),
    "nose_length": (0.05, 0.13, 1),
    "nose_width": (0.05, 0.12, 2),
    "mouth_width": (0.23, 0.36, 2),
    "mouth_height": (0.44, 0.52, 1),
    "lips": (0.0, 1.0, 1),
    "ear_size": (0.08, 0.18, 2),
}
SHOT = {  # parameter of the image: lowest, highest
    "shift_x": (-0.08, 0.08),
    "shift_y": (-0.05, 0.05),
    "tilt": (-0.07, 0.07),  # tan of half the angle: 8 degrees to either side
    "yaw": (-0.10, 0.10),
    "zoom": (0.94, 1.08),
    "brightness": (0.86, 1.06),
    "side_light": (-0.12, 0.12),
    "expression": (0.0, 1.0),  # how broad the smile is, or how glum the mouth
    "mouth_open": (0.0, 1.0),
    "eye_open": (0.72, 1.0),
    "gaze": (-0.025, 0.025),
    "background": (0.0, 1.0),
    "background_fade": (-0.12, 0.12),
    "clothes": (0.0, 1.0),
    "cap": (0.0, 1.0),
}
SKIN = [  # light, medium, dark; each from cool to warm
    [(252, 208, 192), (250, 212, 166)],
    [(216, 152, 110), (208, 152, 84)],
    [(122, 73, 54), (107, 71, 36)],
]
LIGHT_HAIR = [(184, 196, 220), (238, 234, 226), (250, 206, 60), (240, 128, 30), (240, 120, 150)]
DARK_HAIR = [(24, 22, 28), (54, 30, 18), (104, 30, 24), (74, 24, 74), (28, 36, 92)]
EYES = [(30, 110, 220), (30, 160, 150), (60, 150, 50), (150, 120, 20), (110, 60, 20), (120, 60, 190)]
LIPS = [(226, 74, 92), (190, 40, 60), (200, 80, 60), (150, 40, 90)]
BRIGHT = [(226, 50, 60), (250, 150, 30), (60, 170, 80), (20, 150, 180), (50, 80, 210), (160, 60, 190), (226, 50, 60)]
PASTEL = [(150, 200, 240), (180, 226, 196), (244, 226, 170), (246, 190, 170), (206, 180, 236), (150, 200, 240)]
INK, WHITE, FRAME, THROAT = (34, 24, 34), (255, 255, 255), (22, 22, 40), (110, 20, 36)
CHUNK = 1 << 16  # pixels in one batch: small enough for the processor's cache


def render(people: dict[str, np.ndarray], shots: dict[str, np.ndarray], size: int) -> np.ndarray:
    """Pictures, uint8 (N, 3, size, size).

    `people` holds PERSON and the person's attributes, each (K,); `shots` holds SHOT, the image's attributes and
    "identity", the index of the person, each (N,).
    """
    if not 16 <= size <= 128:
        raise ValueError(f"faces are drawn at sizes from 16 to 128, not {size}")
    who = shots["identity"]
    images = np.empty((len(who), 3, size, size), dtype=np.uint8)
    step = max(1, CHUNK // size**2)
    for start in range(0, len(who), step):
        part = slice(start, start + step)
        values = {name: v[who[part]] for name, v in people.items()} | {name: v[part] for name, v in shots.items()}
        images[part] = _draw(SimpleNamespace(**values), size)
    return images


def _draw(p: SimpleNamespace, size: int) -> np.ndarray:
    """One batch, back to front. `p` has every parameter as (n,)."""
    colours = _colours(p)
    p = SimpleNamespace(**{name: v.astype(np.float32)[:, None, None] for name, v in vars(p).items()}, **colours)
    canvas = Canvas(len(p.skin), size)
    _place(p, *canvas.grid)
    head = (_back_hair, _head, _beard, _fringe, _eyes, _brows, _nose, _mouth, _glasses, _hat)
    for layer in (_background, _shoulders, *head, _light):
        layer(canvas, p)
    return (np.clip(canvas.rgb, 0, 255) + 0.5).astype(np.uint8)


def _colours(p: SimpleNamespace) -> dict[str, np.ndarray]:
    """Every colour, float32 (n, 3, 1, 1)."""
    tones = [blend(stops, p.skin) for stops in SKIN]
    skin = np.choose(p.skin_tone[:, None, None, None], tones)
    hair = np.where(p.dark_hair[:, None, None, None] == 1, blend(DARK_HAIR, p.hair), blend(LIGHT_HAIR, p.hair))
    return {
        "skin_rgb": skin,
        "shade_rgb": skin * np.array([0.80, 0.70, 0.68], np.float32).reshape(1, 3, 1, 1),
        "blush_rgb": skin * np.array([1.0, 0.72, 0.70], np.float32).reshape(1, 3, 1, 1),
        "hair_rgb": hair,
        "hair_back_rgb": hair * 0.82,
        "beard_rgb": hair * 0.62,
        "brow_rgb": hair * 0.72,
        "eye_rgb": blend(EYES, p.eye_colour),
        "lips_rgb": blend(LIPS, p.lips),
        "background_rgb": blend(PASTEL, p.background),
        "clothes_rgb": blend(BRIGHT, p.clothes),
        "cap_rgb": blend(BRIGHT, p.cap),
        "band_rgb": blend(BRIGHT, p.cap) * 0.62,
    }


def _place(p: SimpleNamespace, x: np.ndarray, y: np.ndarray) -> None:
    """Add the coordinates of the picture, body, head and inner face, float32 (n, H, W), and where the features lie."""
    p.screen_x, p.screen_y = x, y
    p.body_x, p.body_y = x - p.shift_x, y - p.shift_y
    t2 = p.tilt * p.tilt
    cos, sin = (1 - t2) / (1 + t2) / p.zoom, 2 * p.tilt / (1 + t2) / p.zoom
    from_neck = p.body_y - 0.5
    p.x = cos * p.body_x + sin * from_neck
    p.y = cos * from_neck - sin * p.body_x + 0.5
    p.inner_x = p.x - p.yaw
    p.mirror_x = np.abs(p.inner_x)  # the face is symmetric: both eyes are drawn at once
    p.side = np.copysign(np.float32(1), p.inner_x)
    p.eye_x, p.eye_y = p.eye_size + p.eye_gap, 0.06
    p.face_y = 0.14
    p.face = _face(p, 0)


def _face(p: SimpleNamespace, grow: float) -> np.ndarray:
    """The outline of the face: an ellipse whose lower half the jaw narrows or widens."""
    down = p.y - p.face_y
    t = np.clip(down / p.face_height, 0, 1)
    return ellipse(p.x / (1 + p.jaw * t), down, p.face_width + grow, p.face_height + grow)


def _background(canvas: Canvas, p: SimpleNamespace) -> None:
    fade = 1 + p.background_fade * (p.screen_y + p.screen_x)
    canvas.rgb[:] = p.background_rgb * np.clip(fade, 0, 1.2)[:, None]


def _shoulders(canvas: Canvas, p: SimpleNamespace) -> None:
    canvas.paint(ellipse(p.body_x, p.body_y - 1.25, 0.92, 0.48), p.clothes_rgb)


def _back_hair(canvas: Canvas, p: SimpleNamespace) -> None:
    """Behind the head: a crown for everyone, and for long hair a curtain down to the shoulders."""
    p.crown = ellipse(p.x, p.y + 0.02, p.face_width + p.hair_volume, 0.56 + p.hair_volume)
    width = p.face_width + 0.10 + p.hair_volume * 0.7
    curtain = box(p.x, p.y - 0.38, width, 0.54, 0.2)
    canvas.paint(np.maximum(p.crown, p.y - 0.1), p.hair_back_rgb)
    canvas.paint(curtain, p.hair_back_rgb, p.long_hair)
    canvas.paint(box(p.x, p.y - 0.85, 0.2, 0.25, 0.1), p.shade_rgb)


def _head(canvas: Canvas, p: SimpleNamespace) -> None:
    ear = ellipse(np.abs(p.x) - p.face_width, p.y - 0.12, p.ear_size * 0.75, p.ear_size)
    canvas.paint(ear, p.shade_rgb, 1 - p.long_hair)
    canvas.paint(p.face, p.skin_rgb)
    canvas.paint(ellipse(p.mirror_x - 0.36, p.y - 0.34, 0.12, 0.08), p.blush_rgb, 0.7)


def _beard(canvas: Canvas, p: SimpleNamespace) -> None:
    """The jaw from below the nose, rising to the ears."""
    top = p.mouth_height - 0.12 - 0.45 * p.mirror_x * p.mirror_x
    canvas.paint(np.maximum(_face(p, 0.05), top - p.y), p.beard_rgb, p.beard)


def _fringe(canvas: Canvas, p: SimpleNamespace) -> None:
    """Hair over the forehead, down to a hairline that the parting tilts and that falls towards the temples."""
    x = p.x - 0.5 * p.yaw
    hairline = p.hairline + p.parting * x * 0.5 + 1.15 * x * x
    fringe = np.maximum(np.minimum(_face(p, 0.05), p.crown), (p.y - hairline) * 0.8)
    canvas.paint(np.maximum(fringe, p.y - 0.16), p.hair_rgb)
    canvas.paint(np.maximum(p.crown, p.y - np.minimum(hairline, -0.3)), p.hair_rgb)


def _eyes(canvas: Canvas, p: SimpleNamespace) -> None:
    x, y = p.mirror_x - p.eye_x, p.y - p.eye_y
    height = p.eye_size * p.eye_open * 1.1
    white = ellipse(x, y, p.eye_size, height)
    canvas.paint(ellipse(x, y + 0.02, p.eye_size + 0.02, height + 0.015), rgb(INK))
    canvas.paint(white, rgb(WHITE))
    centre = np.sqrt(np.square(x - p.side * (p.gaze + p.yaw * 0.2)) + y * y)
    canvas.paint(np.maximum(centre - p.eye_size * 0.72, white), p.eye_rgb)
    canvas.paint(centre - p.eye_size * 0.36, rgb(INK))
    glint = np.sqrt(np.square(x + p.side * p.eye_size * 0.3) + np.square(y + p.eye_size * 0.35))
    canvas.paint(glint - p.eye_size * 0.2, rgb(WHITE), 0.9)


def _brows(canvas: Canvas, p: SimpleNamespace) -> None:
    x = p.mirror_x - p.eye_x
    y = p.y - (p.eye_y - p.eye_size * 1.1 - p.brow_height) - p.brow_slope * x
    canvas.paint(box(x, y, p.eye_size + 0.01, p.brow_thickness, 0.025), p.brow_rgb)


def _nose(canvas: Canvas, p: SimpleNamespace) -> None:
    x, y = p.inner_x - 0.4 * p.yaw, p.y - 0.26
    canvas.paint(ellipse(x, y, p.nose_width, p.nose_length), p.shade_rgb)


def _mouth(canvas: Canvas, p: SimpleNamespace) -> None:
    """A band around a parabola: lips, then the open mouth, then teeth. A smile bends up and opens, else it is flat."""
    width = np.minimum(p.mouth_width * 1.15, p.face_width * (0.56 + 0.3 * p.jaw))
    width = width * (0.7 + 0.3 * p.smile)
    bend = p.smile * width * (0.36 + 0.16 * p.expression) - (1 - p.smile) * 0.05 * p.expression
    height = p.smile * (0.15 + 0.06 * p.mouth_open) + (1 - p.smile) * 0.05 * p.mouth_open
    u = (p.inner_x - 0.1 * p.yaw) / width
    q = np.minimum(u * u, 1)
    below = p.y - p.mouth_height + bend * (q - 0.3)  # distance below the upper lip's line
    slope = np.sqrt(1 + np.square(2 * bend * u / width))
    room = height * (1 - q)
    inside = np.maximum(np.maximum(-below, below - room) / slope, (np.abs(u) - 1) * width)
    canvas.paint(inside - 0.04, p.lips_rgb)
    canvas.paint(inside, rgb(THROAT))
    canvas.paint(np.maximum(inside, (below - room * 0.75) / slope), rgb(WHITE), p.smile)


def _glasses(canvas: Canvas, p: SimpleNamespace) -> None:
    x, y = p.mirror_x - p.eye_x, p.y - p.eye_y
    lens = box(x, y, p.eye_size + 0.05, p.eye_size + 0.06, 0.12)
    bridge = np.maximum(box(p.mirror_x, y + 0.03, p.eye_x, 0.04, 0.0), -lens)
    temple = np.maximum(box(x - 0.4, y + 0.03, 0.4, 0.04, 0.0), np.maximum(p.face, -lens))
    canvas.paint(lens, rgb((226, 242, 255)), p.glasses * 0.36)
    rim = np.abs(lens - 0.01) - 0.045
    canvas.paint(np.minimum(rim, np.minimum(bridge, temple)), rgb(FRAME), p.glasses)


def _hat(canvas: Canvas, p: SimpleNamespace) -> None:
    """A cap well above the brows, so that hair shows below it at the sides."""
    brim = -0.34
    width = np.maximum(p.face_width + 0.08, p.face_width + p.hair_volume * 0.9)
    dome = np.maximum(ellipse(p.x, p.y - brim, width, 0.62), p.y - brim)
    canvas.paint(dome, p.cap_rgb, p.hat)
    canvas.paint(box(p.x - p.yaw, p.y - brim, width + 0.08, 0.08, 0.06), p.band_rgb, p.hat)


def _light(canvas: Canvas, p: SimpleNamespace) -> None:
    canvas.rgb *= (p.brightness * (1 + p.side_light * p.screen_x))[:, None]
