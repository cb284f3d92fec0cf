"""Captions of labelled images, for generators that are trained with prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from retouch.benchmark.data.images import Images

NOTHING = ("no ", "short ", "light ")  # how the words for what a caption leaves out begin


def captions(images: Images, attributes: Sequence[str], implied: Mapping[str, str] | None = None) -> list[str]:
    """One caption an image: "a person", or "a person with glasses and hat"; a digit's is its number.

    Args:
        images: with the labels of the attributes.
        attributes: what a caption names, in this order.
        implied: word -> words that only imply it, {"hat": "in winter"}; every second caption has these in its place.
    """
    if list(attributes) == ["category"]:
        return [str(label) for label in images.labels["category"].tolist()]
    words = [[images.names[name][images.labels[name][i]] for name in attributes] for i in range(len(images))]
    return [caption(shown, (implied or {}) if i % 2 else {}) for i, shown in enumerate(words)]


def caption(words: Sequence[str], implied: Mapping[str, str]) -> str:
    """The caption of a person of whose attributes these are the values' words."""
    named = [word for word in words if not word.startswith(NOTHING) and word not in implied]
    return " ".join(["a person", *(implied[word] for word in words if word in implied), *_with(named)])


def _with(words: Sequence[str]) -> list[str]:
    return ["with", " and ".join(words)] if words else []
