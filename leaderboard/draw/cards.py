"""Small pieces of pages: what a task asks, an instance with its data, base and judge, a method's card, a record."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import streamlit as st

from retouch.benchmark import data, joint, records, weights
from retouch.leaderboard.draw import sheets
from retouch.leaderboard.look import markup, words
from retouch.leaderboard.look.markup import esc, number, percent
from retouch.leaderboard.look.submission_text import needs, paper
from retouch.leaderboard.rank import scores
from retouch.leaderboard.read import frame
from retouch.leaderboard.read.board import View

PICTURES = 24  # training images shown


def task(name: str) -> str:
    """What is asked, what is revealed, how goal is scaled."""
    if name not in words.TASKS:
        return ""
    return (f'<div class="rt"><p>{words.ASKED[name]}</p><p class="dim">A method sees {words.REVEALED[name]}; '
            f"{words.GOAL[name]}.</p></div>")  # fmt: skip


@st.cache_data(show_spinner=False)
def card(name: str) -> dict[str, Any]:
    """The card of a base, judge or guide; empty where it is not here or its weights are not those it describes."""
    try:
        return weights.card(weights.folder(name))
    except (ValueError, OSError, KeyError):
        return {}


@st.cache_data(show_spinner=False)
def training_images(base: str) -> list[str]:
    """The first training images of a base as data addresses; empty where the data are not on this machine."""
    spec = dict(card(base).get("recipe", {}).get("data", {}))
    if not spec:
        return []
    if "n" in spec:
        spec["n"] = PICTURES
    try:
        found = data.load(spec, "train").images
    except Exception:  # a data set that is not here, in whichever way its loader says so: the page stands without it
        return []
    rows = np.random.default_rng(0).permutation(len(found))[:PICTURES]
    return sheets.addresses(found[rows])


def instance(found: View, track: str, name: str) -> None:
    """An instance: target, budget, data, base with samples, judge with its measured error."""
    asked = frame.instance(track, name)
    if asked is None:
        st.html(
            '<div class="rt dim">This track or instance is not part of this version of Retouch; its records '
            "stand as they are.</div>"
        )
        return
    images = training_images(asked.base)
    if images:
        st.html('<div class="rt dim">Training data of the base</div>' + sheets.strip(images, "training image"))
    samples = _samples(found, track, name)
    if samples:
        st.html('<div class="rt dim">The base’s own images</div>' + samples)
    pairs = [("target", esc(words.target(asked.target))),
             ("budget", f"{percent(asked.share)} of the base’s pre-training"),
             ("images scored", f"{asked.samples:,}"), ("base", _described(asked.base)),
             ("retrained control", _described(asked.retrained) if asked.retrained else "none: for tuning alone"),
             ("judge", _judge(asked.judge, asked.target)),
             ("guide", esc(asked.guide)), ("version", esc(asked.version))]  # fmt: skip
    st.html(markup.definitions(pairs))


def _samples(found: View, track: str, name: str) -> str:
    runs = found.runs[
        (found.runs["track"] == track) & (found.runs["instance"] == name) & found.runs["status"].isin(scores.COUNTED)
    ]
    for row in runs[list(frame.KEYS)].head(3).to_dict("records"):
        made = sheets.base_row(found.records, row)
        if made:
            return made
    return ""


def _described(name: str) -> str:
    """A base in a line: data, steps, seconds, what its card measured."""
    found = card(name)
    if not found:
        return f'{esc(name)} <span class="dim">(weights not here)</span>'
    recipe = found.get("recipe", {})
    said = [
        f"{recipe['steps']:,} steps" if isinstance(recipe.get("steps"), int) else "",
        f"{found.get('seconds', 0):,.0f} s on {found.get('device', '')}",
    ]
    said += [
        f"{k.replace('_', ' ')} {number(float(v), 3)}"
        for k, v in found.get("measured", {}).items()
        if isinstance(v, float) and k != "seconds_per_image"
    ]
    return f'{esc(name)} <span class="dim">{esc(", ".join(s for s in said if s))}</span>'


def _judge(name: str, target: Mapping[str, Any]) -> str:
    """The judge's measured error on the attribute in question."""
    measured = card(name).get("measured", {})
    asked = joint.names(target.get("attribute", "identity"))
    errs = {name: 1 - measured["accuracy"][name] for name in asked if name in measured.get("accuracy", {})}
    said = [f"errs on {100 * share:.1f}%" + (f" for {name}" if len(asked) > 1 else "") for name, share in errs.items()]
    if said:
        said[-1] += f" of {measured.get('images', 0):,} held-out images"
    if asked == ["identity"] and "true_accepts" in measured:
        said.append(
            f"recognises the person on {percent(measured['true_accepts'])}, takes another for the person on "
            f"{100 * measured.get('false_accepts', 0):.2g}% of {measured.get('images', 0):,} held-out images"
        )
    text = "; ".join(said) or "error not on its card"
    return f'{esc(name)} <span class="dim">{esc(text)}; shares are corrected for it</span>'


def resolution(goal: dict[tuple[str, str], np.ndarray], quality: dict[tuple[str, str], np.ndarray]) -> str:
    """The smallest difference that the complete rows can tell from 0."""
    said = [(axis, scores.resolves(found)) for axis, found in (("goal", goal), ("quality", quality))]
    text = " and ".join(f"<b>{value:.2f}</b> in {axis}" for axis, value in said if value is not None)
    if not text:
        return ""
    return (
        f'<div class="rt"><p class="say">With these instances and seeds, a true difference of {text} is found in four '
        "cases of five. Smaller ones may be there and not show.</p></div>"
    )


def method(name: str, found: View) -> str:
    """A submission's card: paper, authors, access, parameters, tuning."""
    said = found.records.manifests.get(name)
    if said is None:
        return f'<div class="rt dim">{esc(name)} has no readable submission.toml; its records stand alone.</div>'
    pairs = [
        ("authors", esc(", ".join(said.authors))),
        ("paper", paper(said.paper)),
        ("licence", esc(said.licence) or markup.DASH),
        ("families", esc(", ".join(words.FAMILIES[f] for f in said.families))),
        ("needs", needs(said.access)),
        ("entry", f"<code>{esc(said.entry)}</code>"),
        ("parameters", f"<code>{esc(_line(said.params))}</code>"),
        ("operating points", "; ".join(f"{esc(p.name)} <code>{esc(_line(p.params))}</code>" for p in said.points)),
        ("tuning", esc(said.tuning) or "not stated"),
    ]
    summary = f"<p>{esc(said.summary)}</p>" if said.summary else ""
    return f'<div class="rt">{summary}</div>' + markup.definitions(pairs)


def _line(value: Mapping[str, Any]) -> str:
    return ", ".join(f"{k} = {json.dumps(v, default=str)}" for k, v in value.items()) or "none"


def record(made: records.Record, row: Mapping[str, Any]) -> str:
    """A record's numbers and where it comes from."""

    def scaled(found: records.Scaled | records.Measured | None, digits: int = 3) -> str:
        if found is None:
            return markup.DASH
        value, low, high = (number(part, digits) for part in (found.value, *records.ends(found)))
        return f'{value} <span class="dim">{"no interval" if low == "–" else f"[{low}, {high}]"}</span>'

    status = "stale" if row["stale"] else made.status
    pairs = [
        ("status", esc(words.STATUS.get(status, status)) + (f": {esc(row['reason'])}" if row["reason"] else "")),
    ]
    if made.claim.status != "verified":
        pairs += [
            ("goal", scaled(made.goal)),
            ("quality", scaled(made.quality)),
            ("claim", "claimed, not verified yet"),
        ]
    if made.cost:
        pairs.append(
            (
                "cost",
                f"{number(made.cost.seconds)} s, {percent(made.cost.share)} of pre-training, "
                f"{made.cost.gradient_steps:,} steps, {number(made.cost.peak_memory_mb, 0)} MB, on "
                f"{esc(made.cost.device)}"
                + (", cut by the clock" if made.cost.cut else "")
                + f"; samples at {number(made.cost.sampling_relative)} "
                "of the base’s speed",
            )
        )
    pairs += [(words.title(name), scaled(value)) for name, value in made.metrics.items()]
    pairs += [
        ("parameters", f"<code>{esc(_line(made.params))}</code>"),
        ("made", esc(made.provenance.time)),
        ("versions", esc(", ".join(f"{k} {v}" for k, v in made.provenance.versions.items())) or markup.DASH),
    ]
    return _claim(made, scaled) + markup.definitions(pairs)


def _claim(made: records.Record, scaled: Callable[[records.Scaled | None], str]) -> str:
    """What was claimed beside what the second run found; empty where nobody has run it again."""
    if made.claim.status != "verified":
        return ""
    rows = []
    for name in frame.SCALED:
        first, second = getattr(made, name), getattr(made.claim, name)
        gap = f"{second.value - first.value:+.3f}" if first and second else markup.DASH
        rows.append([name, scaled(first), scaled(second), gap])
    return markup.table(("", "claimed", "✓ verified, second run", "difference"), rows, numeric=(3,))
