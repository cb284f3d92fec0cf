"""Captions of labelled images, for generators that are trained with prompts."""

from __future__ import annotations

from collections.abc import Sequence

from retouch.benchmark.data.images import Images

NOTHING = ("no ", "short ", "light ")  # how the words for what a caption leaves out begin


def captions(images: Images, attributes: Sequence[str]) -> list[str]:
    """One caption an image: "a person", or "a person with glasses and hat"; a digit's is its number."""
    if list(attributes) == ["category"]:
        return [str(label) for label in images.labels["category"].tolist()]
    return [caption([images.names[name][images.labels[name][i]] for name in attributes]) for i in range(len(images))]


def caption(words: Sequence[str]) -> str:
    """The caption of a person of whose attributes these are the values' words."""
    shown = [word for word in words if not word.startswith(NOTHING)]
    return " with ".join(["a person", " and ".join(shown)]) if shown else "a person"
