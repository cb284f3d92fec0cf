"""A task and its instances as HTML: question, data, base, the judge's error, the smallest difference."""

import base64
from collections.abc import Mapping, Sequence
from functools import cache
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from retouch.benchmark import data, joint, weights
from retouch.leaderboard.draw import sheets, wall
from retouch.leaderboard.look import markup, words
from retouch.leaderboard.look.markup import esc
from retouch.leaderboard.look.numbers import number, percent
from retouch.leaderboard.rank import scores
from retouch.leaderboard.rank.board import View
from retouch.leaderboard.read import frame

PICTURES = 24  # training images shown


def task(name: str) -> str:
    """What a task asks, what it reveals, how its goal is scaled; empty for a task that is not known here."""
    if not words.question(name):
        return ""
    return (f'<div class="rt"><p>{words.question(name)}</p><p class="dim">A method sees {words.reveals(name)}; '
            f"{words.goal_scale(name)}.</p></div>")  # fmt: skip


@cache
def card(name: str) -> dict[str, Any]:
    """The card of a base, judge or guide; empty where it is not here or its weights are not those it describes."""
    try:
        return weights.card(weights.folder(name))
    except (ValueError, OSError, KeyError):
        return {}


@cache
def training_images(base: str) -> tuple[str, ...]:
    """The first training images of a base as data addresses; empty where the data are not on this machine."""
    spec = dict(card(base).get("recipe", {}).get("data", {}))
    if not spec:
        return ()
    if "n" in spec:
        spec["n"] = PICTURES
    try:
        images = data.load(spec, "train").images
    except Exception:  # a data set that is not here, in whichever way its loader says so: the page stands without it
        return ()
    rows = np.random.default_rng(0).permutation(len(images))[:PICTURES]
    return tuple(_address(image) for image in images[rows])


def _address(image: np.ndarray) -> str:
    """A uint8 image (C, H, W) as a data address."""
    out = BytesIO()
    Image.fromarray(np.repeat(image, 3 // len(image), 0).transpose(1, 2, 0)).save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def _strip(addresses: Sequence[str]) -> str:
    """Training images in one line that wraps."""
    images = (f'<img src="{a}" alt="training image {i}">' for i, a in enumerate(addresses, 1))
    return f'<div class="rt strip">{"".join(images)}</div>'


def instance(view: View, track: str, name: str) -> str:
    """An instance: target, budget, data, base with samples, judge with its measured error."""
    spec = frame.instance(track, name)
    if spec is None:
        return (
            '<div class="rt dim">This track or instance is not part of this version of Retouch; its records '
            "stand as they are.</div>"
        )
    images, first = training_images(spec.base), _first(view, track, name)
    parts, samples = [wall.asked(track, name, first)], sheets.base_row(first)
    if images:
        parts.append('<div class="rt dim">Training data of the base</div>' + _strip(images))
    if samples:
        parts.append('<div class="rt dim">The base’s own images</div>' + samples)
    pairs = [("budget", esc(spec.budget)),
             ("images scored", f"{spec.samples:,}"), ("base", _line(spec.base)),
             ("the base’s own quality", _place(track, name)),
             ("retrained control", _line(spec.retrained) if spec.retrained else "none: nobody has trained it"),
             ("judge", _judge(spec.judge, spec.target)),
             ("guide", esc(spec.guide)), ("version", esc(spec.version))]  # fmt: skip
    return "".join(parts) + markup.definitions(pairs)


def _first(view: View, track: str, name: str) -> sheets.Sheet | None:
    """The first contact sheet of the instance that has the base's own images."""
    runs = view.runs
    runs = runs[(runs["track"] == track) & (runs["instance"] == name) & runs["status"].isin(scores.COUNTED)]
    for keys in runs[list(frame.KEYS)].head(3).to_dict("records"):
        found = sheets.sheet(view.records, keys)
        if found and found.rows[0] == "base":
            return found
    return None


def _line(name: str) -> str:
    """A generator in a line: steps, seconds, what its card measured."""
    known = card(name)
    if not known:
        return f'{esc(name)} <span class="dim">(weights not here)</span>'
    recipe = known.get("recipe", {})
    facts = [f"{recipe['steps']:,} steps"] if isinstance(recipe.get("steps"), int) else []
    facts.append(f"{known.get('seconds', 0):,.0f} s on {known.get('device', '')}")
    facts += [f"{key.replace('_', ' ')} {number(float(value), 3)}" for key, value in known.get("measured", {}).items()
              if isinstance(value, float) and key != "seconds_per_image"]  # fmt: skip
    return f'{esc(name)} <span class="dim">{esc(", ".join(facts))}</span>'


def _place(track: str, name: str) -> str:
    """The base between noise and real images, as the track's scale has it."""
    place = frame.place(track, name)
    if not place:
        return "not measured"
    base, gaussians, noise = (place[part]["value"] for part in ("base", "gaussians", "noise"))
    beside = f"1 is real images; a mixture of Gaussians has {gaussians:.2f}, noise {noise:.2f}"
    return f'{base:.2f} <span class="dim">{esc(beside)}</span>'


def _judge(name: str, target: Mapping[str, Any]) -> str:
    """The judge's measured error on the target's attributes."""
    measured = card(name).get("measured", {})
    attributes = joint.names(target.get("attribute", "identity"))
    confusion = measured.get("confusion", {})
    tables = {name: np.array(confusion[name]) for name in attributes if name in confusion}
    several = len(attributes) > 1
    facts = [_errors(table) + (f" for {name}" if several else "") for name, table in tables.items()]
    if facts:
        facts[-1] += f" of {measured.get('images', 0):,} held-out images"
    if attributes == ["identity"] and "true_accepts" in measured:
        facts.append(
            f"recognises the person on {percent(measured['true_accepts'])}, takes another for the person on "
            f"{100 * measured.get('false_accepts', 0):.2g}% of {measured.get('images', 0):,} held-out images"
        )
    if attributes == ["identity"] and "together" in measured:
        rates = (
            "all of its judges recognise the person on {true:.1%}, another as the person on {false:.2%}, and disagree "
        )
        facts.append((rates + "on {unclear:.1%} of held-out images").format(**measured["together"]))
    text = "; ".join(facts) or "error not on its card"
    return f'{esc(name)} <span class="dim">{esc(text)}; shares are corrected for it</span>'


def _errors(confusion: np.ndarray) -> str:
    """A judge's errors from its counts (C, C), or an ensemble's from (C, C + 1), whose last column is unclear."""
    total, unclear = confusion.sum(), confusion[:, len(confusion) :].sum()
    text = f"errs on {1 - (np.trace(confusion) + unclear) / total:.1%}"
    return text + (f", is unclear on {unclear / total:.1%}" if confusion.shape[1] > len(confusion) else "")
