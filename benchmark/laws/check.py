"""`retouch.check_generator`: try every law that a generator has to keep."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from retouch.benchmark import spec
from retouch.benchmark.laws.capabilities import CAPABILITY, FAMILY
from retouch.benchmark.laws.case import Broken, Case, Law
from retouch.benchmark.laws.sampling import NOISE, SAMPLER
from retouch.benchmark.laws.training import WEIGHTS

IMAGES = 32  # to train on, where none are given: noise


class BrokenContract(ValueError):
    """A generator that breaks laws; `broken`: law -> what was expected, what was seen, what to do."""

    def __init__(self, name: str, broken: dict[str, str], kept: int) -> None:
        lines = "".join(f"\n  {law}: {what}" for law, what in broken.items())
        super().__init__(f"{name} breaks {len(broken)} of {len(broken) + kept} laws:{lines}")
        self.broken = broken


def check_generator(generator: Any, images: Tensor | None = None, latents: Tensor | None = None) -> list[str]:
    """Try every law that fits a generator, or whatever object `edit` returns; the laws that it keeps.

    An object with `sample` alone has four laws; one with `family` those of training, copying and saving too, and its
    family's own; `log_prob`, `edit_attribute` and `conditions` bring theirs. The generator is left as it was, and so
    is torch's own source of randomness.

    Args:
        images: uint8 (N, C, H, W) like the training data, on the CPU; by default 32 of noise.
        latents: z (N, Z) for the `edit_attribute` of an object that has no `latent`.

    Raises:
        BrokenContract: with every broken law, what was expected, what was seen, and what to do.
    """
    broken = broken_laws(generator, images, latents)
    laws = [law.__name__ for law in laws_of(generator)]
    if broken:
        raise BrokenContract(type(generator).__name__, broken, len(set(laws) - set(broken)))
    return laws


def broken_laws(generator: Any, images: Tensor | None = None, latents: Tensor | None = None) -> dict[str, str]:
    """The laws that a generator breaks, with the reason; as `check_generator`, but it raises nothing."""
    shape = getattr(generator, "shape", None if images is None else images.shape[1:])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if images is None:
            images = torch.randint(0, 256, (IMAGES, *(shape or (1, 8, 8))), dtype=torch.uint8)
        case = Case(generator, images, shape and tuple(shape), latents)
        trials = {law.__name__: _trial(law, case) for law in laws_of(generator)}
    return {name: reason for name, reason in trials.items() if reason}


def laws_of(generator: Any) -> Iterator[Law]:
    """The laws that fit a generator. One that lacks members of its family is tried as a sampler alone."""
    yield from SAMPLER
    if hasattr(generator, "family"):
        yield members_are_there
        if missing(generator):
            return
        yield from (*NOISE, *WEIGHTS, *FAMILY.get(generator.family, ()))
    for word in sorted(spec.capabilities(generator)):
        yield from CAPABILITY[word]


def missing(generator: Any) -> list[str]:
    """The members of its family's protocol that a generator lacks."""
    protocol = spec.FAMILIES.get(generator.family, spec.Generator)
    return sorted(name for name in spec.members(protocol) if not hasattr(generator, name))


def members_are_there(case: Case) -> None:
    """A generator that names a family has every member of that family's protocol."""
    if lacking := missing(case.generator):
        family, names = case.generator.family, ", ".join(f"`{name}`" for name in lacking)
        raise Broken(f"every member of a {family} generator", f"no {names}", "retouch.benchmark.spec describes each")


def _trial(law: Law, case: Case) -> str:
    """Why a law does not hold; empty where it does."""
    try:
        law(case)
    except Broken as broken:
        return str(broken)
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(last.filename).name}, line {last.lineno}: {last.line}"
        return str(Broken("no error", f"{type(error).__name__}: {error} ({where})", f"The law: {law.__doc__}"))
    return ""
