"""A submission: a folder with a submission.toml that names a method, its parameters and what it needs."""

from __future__ import annotations

import shutil
import tomllib
from difflib import get_close_matches
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from retouch.benchmark.records import Name, Plain
from retouch.benchmark.support import places
from retouch.benchmark.support.files import read_bytes


def _known(kind: str, value: str) -> str:
    """Return the name of a task or family unchanged; a ValueError lists the known names."""
    names = import_module(f"retouch.benchmark.{kind}").names()  # imported late: a sandboxed worker sees no tasks
    if value not in names:
        raise ValueError(f"{value!r} is none of {', '.join(names)}")
    return value


Family = Annotated[str, AfterValidator(partial(_known, "generators"))]
Task = Annotated[str, AfterValidator(partial(_known, "tasks"))]
Need = Literal[
    "weights",
    "gradients",
    "discriminator",
    "training_data",
    "forget_images",
    "labelled_images",
    "classifier",
    "retraining",
    "retrained",
    "outside_data",
    "outside_weights",
]
ABILITIES: dict[str, str] = {  # word of `needs` -> the member of a generator that it stands for
    "training": "train_step",
    "latents": "decode",
    "likelihood": "log_prob",
    "discriminator": "discriminator.forward",
    "discriminator_features": "discriminator.features",
    "first_layer": "module.first",
    "first_weights": "module.linear.weight",
    "middle_block": "module.mid_block",
    "noise_prediction": "h_space",
}
NEEDS = {  # field of a task -> the word in a submission's `access` that asks for it
    "forget": "forget_images",
    "retain": "training_data",
    "labelled": "labelled_images",
    "guide": "classifier",
    "retrained": "retrained",
}
Entry = Annotated[str, StringConstraints(pattern=r"^(images|[A-Za-z_][\w.]*:[A-Za-z_]\w*)$")]


class Point(BaseModel):
    """An operating point: a named set of parameters over the submission's own."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: Name
    params: Plain = Field(default_factory=dict)


class Submission(BaseModel):
    """The contents of a submission.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    title: str = Field(min_length=1, max_length=120)
    authors: list[str] = Field(min_length=1)
    paper: str = Field("", max_length=300, description="citation or address")
    licence: str = Field("", max_length=60)
    summary: str = Field("", max_length=600, description="what it does, in a sentence or two")
    control: bool = Field(False, description="anchors the scale; drawn apart from the methods")
    families: list[Family] = Field(min_length=1)
    tasks: list[Task] = Field(min_length=1)
    entry: Entry = Field(description="module:function; a .py beside the manifest comes first")
    access: list[Need] = Field(
        default_factory=list,
        description="what it needs, data and guide are revealed by it; `retraining` trains anew, `outside_data` "
        "and `outside_weights` come with the submission, `retrained` is the finished control, for controls alone",
    )
    needs: list[str] = Field(
        default_factory=list, description="what a base must be able to do, in the words of spec.ABILITIES"
    )
    params: Plain = Field(default_factory=dict)
    points: list[Point] = Field(default_factory=lambda: [Point(name="default")], min_length=1)
    tuning: str = Field("", max_length=2000, description="how parameters were chosen, and on which instances")

    @field_validator("needs")
    @classmethod
    def _abilities(cls, needs: list[str]) -> list[str]:
        if unknown := [word for word in needs if word not in ABILITIES]:
            raise ValueError(f"{unknown[0]!r} is none of {', '.join(ABILITIES)}")
        return needs

    @field_validator("points")
    @classmethod
    def _each_once(cls, points: list[Point]) -> list[Point]:
        names = [point.name for point in points]
        if len(set(names)) < len(names):
            raise ValueError(f"two points have the same name: {', '.join(sorted(names))}")
        return points

    @model_validator(mode="after")
    def _within_rules(self) -> Submission:
        if "retrained" in self.access and not self.control:
            raise ValueError("access: 'retrained', the finished control, is for controls alone")
        if "retraining" in self.access and "training_data" not in self.access:
            raise ValueError("access: who trains from scratch, 'retraining', names 'training_data', too")
        return self

    def point(self, name: str) -> Point:
        """The operating point called `name`; an error lists the submission's points."""
        for point in self.points:
            if point.name == name:
                return point
        raise ValueError(f"no operating point {name!r}; there are {', '.join(p.name for p in self.points)}")


def read(folder: Path) -> Submission:
    """Read FOLDER/submission.toml; a ValueError names the file and every wrong field."""
    file = folder / "submission.toml"
    try:
        return Submission.model_validate(tomllib.loads(read_bytes(file, 1_000_000).decode()))
    except FileNotFoundError:
        raise ValueError(f"{file} does not exist; `retouch new {folder.name}` writes one") from None
    except RecursionError:
        raise ValueError(f"{file} is not TOML that can be read: nested too deeply") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} is not TOML: {error}; mend that line: docs/writing.md has every field") from None
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None


def find(name: str, root: Path) -> Path:
    """The folder of a submission: a path to it, or its name below `root`, else among those that come with the package.

    Raises:
        ValueError: no such submission, with the nearest names.
    """
    for folder in (Path(name), root / name, places.folder("submissions") / name):
        if (folder / "submission.toml").is_file():
            return folder.resolve()
    roots = (root, places.folder("submissions"))
    known = sorted({file.parent.name for above in roots for file in above.glob("*/submission.toml")})
    near = get_close_matches(name, known, n=3) or known
    raise ValueError(f"no submission {name!r} here or in {root}; did you mean {', '.join(near) or 'another folder'}?")


def at_hand(folder: Path) -> Path:
    """The folder itself, or a copy in ./submissions of one that comes with the package, whose records would lie there.

    A copy that is there already stays as it is. In a checkout, ./submissions is the package's own.
    """
    here = Path("submissions", folder.name).resolve()
    if folder.parent != places.folder("submissions").resolve() or folder == here:
        return folder
    if not (here / "submission.toml").exists():
        shutil.copytree(folder, here, ignore=shutil.ignore_patterns("records", "__pycache__"), dirs_exist_ok=True)
        print(f"{folder.name} comes with the package: its manifest is now in {here}, and its records go there")
    return here
