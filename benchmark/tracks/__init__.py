"""Tracks: named, versioned lists of instances, seeds and budgets. A track is a folder: track.toml, recipes, scale.

A track file has the tables
    [track]             fields of `Track`;
    [common]            fields of all its instances;
    [bases.NAME]        fields of all instances on the base NAME: family, judge, guide, ...;
    [[instance]]        fields of one instance, or of one on each of `bases` for each of the table `targets`: `name` is
                        then a pattern, "{base}" or "{base}-{target}" unless stated, and `retrained` a table from base
                        to control.
"""

from __future__ import annotations

import json
import os
import tomllib
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from retouch.benchmark.records import InstanceName, Name
from retouch.benchmark.submission import Family, Task
from retouch.benchmark.support import plugins

FOLDER = Path(__file__).parent
OWN_SEEDS = 2**16  # seeds below this may be a track's own; the host draws its seeds above
ATTACKS = "attack.json"  # in a track's folder


class Instance(BaseModel):
    """A task made concrete: base, target, judge, budget."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: InstanceName
    version: str = "1"
    task: Task
    family: Family
    base: Name = Field(description="weights of the base")
    retrained: Name | None = Field(None, description="weights of the positive control, where there is one")
    retrained_again: list[Name] = Field([], description="weights of further trainings of it, which show their spread")
    judge: Name
    encoder: Name = Field(description="weights of the label-free encoder in whose space quality is measured")
    second_encoder: Name | None = Field(None, description="another, for diversity and for a second look at quality")
    guide: Name
    target: dict[str, Any] = Field(description="what must change; its form is the task's")
    samples: int = Field(gt=0, description="images that are generated for the scores")
    share: float | None = Field(None, gt=0, description="budget, as a share of the base's pre-training")
    steps: int | None = Field(None, gt=0, description="budget in training steps of the base, in the place of a share")
    core: bool = Field(True, description="ranked; other instances, of ladders and divisions, inform")
    unranked: str = Field("", description="why it is not ranked although it is of the core, as in 'one judge'")
    attacks: bool = Field(False, description="default points are attacked with the first seed, where it is a removal")
    tuning: bool = Field(False, description="for choosing parameters; run only when asked for, not scored on the board")
    source: str = Field("", description="where a base from outside is published")
    licence: str = Field("", description="of a base from outside and of its data")
    gpu_memory_mb: int | None = Field(None, description="of the GPU that an edit was measured to take")
    gpu_seconds: dict[str, float] = Field({}, description="seconds of the base's pre-training on a device, by its name")

    @property
    def rank(self) -> str:
        """Its part in the ranking: "core", "ladder", "tuning", or why it has none."""
        return "tuning" if self.tuning else self.unranked or ("core" if self.core else "ladder")

    @property
    def gpu_budget(self) -> str:
        """The budget in GPU seconds on each device on which the base was timed, or "not measured"."""
        times = [f"{(self.share or 0) * seconds:.3g} s on {device}" for device, seconds in self.gpu_seconds.items()]
        return ", ".join(times) or "not measured"

    @property
    def budget(self) -> str:
        """The budget in words."""
        return f"{self.steps:,} training steps" if self.steps else f"{self.share:.0%} of pre-training"

    @model_validator(mode="after")
    def _limited(self) -> Instance:
        if self.share is None and self.steps is None:
            raise ValueError(f"{self.name}: states neither share nor steps, one of which is its budget")
        return self


class Track(BaseModel):
    """A track file."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: Name
    version: str
    summary: str
    seeds: list[int] = Field(min_length=1)
    floor: float = Field(ge=0, le=1, description="quality below which a run has no goal")
    max_minutes: float = Field(gt=0, description="cap on one edit, whatever its share")
    max_memory_mb: int = Field(gt=0)
    ships: bool = Field(True, description="weights and scale come with the package; others are made with `pretrain`")
    gate: dict[str, float] = Field({}, description="the least of balanced_accuracy, auc, true_accepts of every judge")
    instances: list[Instance]

    def instance(self, name: str) -> Instance:
        """The instance called `name`; an error names the nearest."""
        names = [instance.name for instance in self.instances]
        if name not in names:
            near = get_close_matches(name, names, n=3, cutoff=0.3) or names
            raise ValueError(f"track {self.name} has no instance {name!r}; did you mean {', '.join(near)}?")
        return self.instances[names.index(name)]


def folders() -> dict[str, Path]:
    """All known tracks with their folders: the package's own, and those from outside."""
    own = [file.parent for file in sorted(FOLDER.glob("*/track.toml"))]
    return {folder.name: folder for folder in reversed([*own, *plugins.tracks()])}


def at(name: str) -> str:
    """The name of a track that is named, or whose folder or track.toml is given; that folder is then searched, too.

    Raises:
        ValueError: a folder without a track.toml.
    """
    folder = Path(name).parent if name.endswith("track.toml") else Path(name)
    if name in folders() and not (folder / "track.toml").is_file():
        return name
    if (folder / "track.toml").is_file():
        plugins.add(folder)
        return folder.resolve().name
    if os.sep in name or folder.is_dir():
        raise ValueError(f"{folder} holds no track.toml; docs/own.md shows one")
    return name


def names() -> list[str]:
    """The names of all known tracks."""
    return sorted(folders())


def recipes() -> dict[str, dict[str, Any]]:
    """The recipes of all tracks by name: how each base, control, judge and guide is trained.

    Raises:
        ValueError: a file that is not TOML, or two recipes of one name.
    """
    recipes: dict[str, dict[str, Any]] = {}
    folders = [*(file.parent for file in sorted(FOLDER.glob("*/recipes.toml"))), *plugins.tracks()]
    for file in (folder / "recipes.toml" for folder in folders):
        if not file.is_file():
            continue
        try:
            more = tomllib.loads(file.read_text())
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"{file} is not TOML: {error}; mend that line, or restore it from the release") from None
        if twice := sorted(recipes.keys() & more.keys()):
            raise ValueError(f"{file}: {', '.join(twice)} is a recipe of another track already; rename it")
        recipes |= more
    return recipes


def recipes_of(track: str) -> list[str]:
    """The names of a track's recipes, in the order of its file: judges before the bases that they measure."""
    file = folders()[track] / "recipes.toml"
    return list(tomllib.loads(file.read_text())) if file.is_file() else []


@cache
def load(name: str) -> Track:
    """The track called `name`; an error lists the known tracks."""
    if name not in folders():
        raise ValueError(f"no track {name!r}; there are {', '.join(folders())}")
    file = folders()[name] / "track.toml"
    try:
        table = tomllib.loads(file.read_text())
        return Track.model_validate({**table["track"], "instances": _instances(table)})
    except (tomllib.TOMLDecodeError, KeyError, ValueError) as error:
        raise ValueError(f"{file}: {error}") from None


def _instances(table: dict[str, Any]) -> list[dict[str, Any]]:
    """The instances of a track file with all fields that they share filled in."""
    shared, instances = table.get("bases", {}), []
    for entry in table["instance"]:
        bases, controls = entry.pop("bases", [entry.get("base")]), entry.pop("retrained", {})
        controls = controls if isinstance(controls, dict) else dict.fromkeys(bases, controls)
        pattern = entry.pop("name", "{base}-{target}" if "targets" in entry else "{base}")
        if stray := sorted(controls.keys() - set(bases)):
            raise ValueError(f"{entry.get('task')}/{pattern}: a control for {stray[0]}, which is none of its bases")
        for target, more in entry.pop("targets", {"": {}}).items():
            for base in bases:
                name = pattern.replace("{base}", str(base)).replace("{target}", target)
                own = {"base": base, "name": f"{entry.get('task')}/{name}"} | _trainings(controls.get(base))
                aim = {"target": {**entry.get("target", {}), **more}}
                instances.append({**table.get("common", {}), **shared.get(base, {}), **entry, **aim, **own})
    if unused := sorted(shared.keys() - {entry["base"] for entry in instances}):
        raise ValueError(f"bases.{unused[0]} is the base of no instance")
    return instances


def _trainings(control: str | list[str] | None) -> dict[str, Any]:
    """The fields of a control, of which an entry may name several trainings."""
    first, *again = control if isinstance(control, list) else [control]
    return {"retrained": first, "retrained_again": again}


def scale_file(track: str) -> Path:
    """Where a track's scale lies: in its folder, or with the weights that are made here."""
    return folders()[track] / "scale.json" if load(track).ships else plugins.home() / "scales" / f"{track}.json"


def attacks(track: str) -> dict[str, dict[str, Any]]:
    """What an attack on the judge would reach: instance -> point -> goal, quality, status; of those that were tried.

    `python tests/cheats/run.py attack --attack` writes the file.
    """
    file = folders()[track] / ATTACKS
    return json.loads(file.read_text()) if file.exists() else {}


@cache
def scale(track: str) -> dict[str, Any]:
    """The track's scale: what base, ideal and control measure on each instance (see train/anchors.py)."""
    file = scale_file(track)
    if not file.exists():
        raise ValueError(f"{file} is missing; `python -m retouch.benchmark.train.anchors {track}` measures it")
    try:
        return json.loads(file.read_text())
    except ValueError as error:
        raise ValueError(f"{file} is not JSON ({error}); restore it from the release") from None
