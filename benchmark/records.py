"""Records: one JSON file a run. This module documents every field; `schema()` is the published JSON schema."""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from retouch.benchmark.support.files import read_bytes, write_json

SCHEMA: Literal[1] = 1
UNSANDBOXED = "unsandboxed"
Status = Literal[
    "ok",
    "samples_only",
    "below_floor",
    "over_budget",
    "over_sampling",
    "uncounted",
    "copies",
    "borrowed",
    "replaced",
    "imperceptible_change",
    "failed",
]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
InstanceName = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}/[a-z0-9][a-z0-9_.-]{0,63}$")]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Unit = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Sandbox = Annotated[str, StringConstraints(pattern=rf"^({UNSANDBOXED}|bubblewrap \d+(\.\d+)+)$")]


def _plain(value: dict[str, Any]) -> dict[str, Any]:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"not plain JSON: {error}") from None
    return value


Plain = Annotated[dict[str, Any], AfterValidator(_plain)]  # whatever JSON can hold: no NaN, no infinity, no date


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The pairs of a JSON object as a dict; a ValueError for a key that stands twice."""
    table = dict(pairs)
    if len(table) < len(pairs):
        twice = next(key for key in table if sum(key == other for other, _ in pairs) > 1)
        raise ValueError(f"the key {twice[:80]!r} stands twice in one object")
    return table


def _utc(text: str) -> str:
    if datetime.fromisoformat(text).utcoffset() != timedelta(0):
        raise ValueError("wanted a time in UTC, as in 2026-01-31T12:00:00+00:00")
    return text


Time = Annotated[str, AfterValidator(_utc)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Measured(_Model):
    """A number with its 95% interval."""

    value: Finite
    low: Finite
    high: Finite
    n: int = Field(0, ge=0, description="images, pairs or draws that it rests on")

    @model_validator(mode="after")
    def _ordered(self) -> Measured:
        if not self.low <= self.high:
            raise ValueError(f"low {self.low} is above high {self.high}")
        return self


class Scaled(_Model):
    """Goal or quality on the track's scale, with its 95% interval; nothing is clipped."""

    value: Finite
    low: Finite
    high: Finite

    @model_validator(mode="after")
    def _ordered(self) -> Scaled:
        if not self.low <= self.value <= self.high:
            raise ValueError(f"value {self.value} is not between low {self.low} and high {self.high}")
        return self


class Quality(Scaled):
    """Quality, with the part that decides it."""

    binds: str = Field("", max_length=20, description="the smallest ratio to the base: fd, precision, recall, coverage")


class Cost(_Model):
    """What the edit took, and what a sample costs now."""

    operations: int = Field(
        0, ge=0, description="floating-point operations from the import of the method to the return of `edit`"
    )
    share: Finite | None = Field(ge=0, description="operations over those of the base's pre-training; null: not known")
    step_operations: int = Field(0, ge=0, description="operations of one train_step of the base")
    sample_operations: int = Field(0, ge=0, description="operations of one image of the edited generator")
    sampling_cost: Finite = Field(0.0, ge=0, description="sample_operations over those of the base")
    seconds: Finite = Field(ge=0, description="wall-clock seconds inside `edit`, and what it charged")
    charged_seconds: Finite = Field(0.0, ge=0, description="of these, for training that was done before the run")
    yardstick_seconds: Finite = Field(
        ge=0, description="seconds of one train_step of the base, measured before the edit"
    )
    processor_seconds: Finite = Field(
        0.0, ge=0, description="of all the worker's processes, from the import to the return, measured from outside"
    )
    explained_seconds: Finite = Field(
        0.0, ge=0, description="of the processor, for the counted operations at the pace of the base's training"
    )
    sampling_processor_seconds: Finite = Field(
        0.0, ge=0, description="of all the worker's processes while it sampled, measured from outside"
    )
    sampling_explained_seconds: Finite = Field(
        0.0, ge=0, description="of the processor, for the samples' operations at the pace of the base's sampling"
    )
    bytes_added: int = Field(0, ge=0, description="of arrays that the edited generator holds, beyond the base's own")
    gradient_steps: int = Field(ge=0, description="steps counted by budget.steps")
    peak_memory_mb: Finite = Field(ge=0, description="of the worker; of the accelerator where one was used")
    device: str = Field(max_length=200)
    sampling_relative: Finite = Field(ge=0, description="images per second of the edited generator over the base's")
    sampling_seconds: Finite = Field(0.0, ge=0, description="wall-clock seconds that the answers took")
    base_seconds: Finite = Field(0.0, ge=0, description="wall-clock seconds of the base's own answers, to compare with")
    harness_seconds: Finite = Field(0.0, ge=0, description="the rest of the run: start, yardstick, scoring")
    cut: bool = Field(False, description="the clock ended the edit, so another machine may give another result")

    @property
    def work_seconds(self) -> float:
        """What the run took beside the harness: the edit itself, its answers and the base's."""
        return self.seconds - self.charged_seconds + self.sampling_seconds + self.base_seconds


class Provenance(_Model):
    """What produced the record; a record whose versions or hashes are no longer current is stale."""

    versions: dict[str, str] = Field(description="track, instance, judge, metrics, retouch")
    sha256: dict[str, Sha256] = Field(
        description="by content: base, judge, guide and retrained (where revealed), scale, instance, method; data, "
        "answers and picture are noted and make nothing stale"
    )
    packages: dict[str, str] = Field(description="name -> version of what computed it")
    sandbox: Sandbox = Field(UNSANDBOXED, description="what the worker was locked into")
    host: dict[str, str] = Field(
        default_factory=dict, description="what made it: processor, cores, memory, system, accelerator"
    )
    git_commit: str = ""
    time: Time = Field(description="UTC, ISO 8601; the only field that two equal runs do not share, with the costs")


class Claim(_Model):
    """What is known of a record beyond its own word; maintainers alone write it."""

    status: Literal["claimed", "verified", "disputed", "withdrawn"] = "claimed"
    by: str = Field("", max_length=100, description="who ran it again, disputed or withdrew it")
    when: Time | None = Field(None, description="UTC, ISO 8601")
    goal: Scaled | None = Field(None, description="of the second run, under seeds drawn for it")
    quality: Quality | None = None
    cost: Cost | None = Field(None, description="as the host measured it in the second run")
    note: str = Field("", max_length=1000, description="what differed, or why it is disputed or withdrawn")
    superseded_by: Name | None = Field(None, description="the submission that takes its place")

    @model_validator(mode="after")
    def _signed(self) -> Claim:
        if self.status != "claimed" and not (self.by and self.when):
            raise ValueError(f"{self.status}, but not by whom and when: `retouch verify --claim` writes both")
        if self.status in ("disputed", "withdrawn") and not self.note:
            raise ValueError(f"{self.status} without a note that says why")
        return self


class Record(_Model):
    """One run: one method at one operating point on one instance with one seed."""

    schema_: Literal[1] = Field(SCHEMA, alias="schema")
    submission: Name
    point: Name
    method: str = Field(max_length=200, description="module:function, or images")
    access: list[str] = Field(default_factory=list, description="the words of submission.toml's access at the time")
    params: Plain = Field(description="what `edit` was called with")
    track: Name
    instance: InstanceName = Field(description="task/base name, unique in the track")
    seed: int = Field(ge=0, lt=2**31)
    status: Status
    reason: str = Field("", max_length=4000, description="why it is not ok, and what to do")
    goal: Scaled | None = Field(None, description="0 = unchanged, 1 = the request wholly met; only of ok, samples_only")
    quality: Quality | None = Field(None, description="1 = the base's own quality on what must stay")
    score: Unit | None = Field(None, description="harmonic mean of goal and quality, each cut to 0 and 1 for it")
    metrics: dict[Name, Measured] = Field(default_factory=dict, description="every raw number")
    details: Plain = Field(default_factory=dict, description="shares by class, curves: what the task pictures")
    cost: Cost | None = None
    tuning_runs: int = Field(0, ge=0, description="of the submission on the tuning instances of this task")
    provenance: Provenance
    claim: Claim = Claim()

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @model_validator(mode="after")
    def _consistent(self) -> Record:
        ranked = self.status in ("ok", "samples_only")
        if not ranked:
            if self.goal is not None or self.score is not None:
                raise ValueError(f"status {self.status} has no goal and no score")
        elif self.goal is None or self.quality is None or self.score is None:
            raise ValueError(f"status {self.status} needs goal, quality and score")
        elif abs(self.score - harmonic(self.goal.value, self.quality.value)) > 1e-4:
            raise ValueError(f"score {self.score} is not the harmonic mean of goal and quality")
        return self

    @property
    def task(self) -> str:
        """The task's name, the first part of the instance's."""
        return self.instance.split("/")[0]

    @property
    def label(self) -> str:
        """For people: what ran where; equal to its run's."""
        return f"{self.submission} {self.point} on {self.instance} seed {self.seed}"


def ends(of: Measured | Scaled) -> tuple[float, float]:
    """A number's interval, NaN where it rests on one image: that has none, though a record must name two ends."""
    return (math.nan, math.nan) if isinstance(of, Measured) and of.n == 1 else (of.low, of.high)


def is_name(text: str) -> bool:
    """Whether a record could carry this as the name of its submission or operating point."""
    try:
        TypeAdapter(Name).validate_python(text)
    except ValidationError:
        return False
    return True


def harmonic(goal: float, quality: float) -> float:
    """Harmonic mean of two numbers, each cut to 0 and 1; 0 where either is 0."""
    goal, quality = (min(max(number, 0.0), 1.0) for number in (goal, quality))
    return 0.0 if goal + quality == 0 else round(2 * goal * quality / (goal + quality), 6)


def path(folder: Path, record: Record) -> Path:
    """Where a record lies below its submission's folder; its picture has the suffix .png."""
    return folder / f"records/{record.track}/{record.instance}/{record.point}.{record.seed}.json"


def write(folder: Path, record: Record) -> Path:
    """Write a record atomically below a submission's folder; returns its path."""
    target = path(folder, record)
    write_json(target, record.model_dump(mode="json", by_alias=True))
    return target


def _check_json(content: bytes) -> None:
    """Raise a ValueError for what is no JSON, or has a key twice."""
    try:
        json.loads(content, object_pairs_hook=_each_once)
    except json.JSONDecodeError as error:
        raise ValueError(f"Invalid JSON: {error}") from None


def read(file: Path) -> Record:
    """Read one record; a ValueError names the file and each field that is wrong.

    Numbers in quotes and keys that stand twice are errors: two readers could take them for different records.
    """
    content = read_bytes(file, 1_000_000)
    try:
        _check_json(content)
        return Record.model_validate_json(content, strict=True)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file}: {error}") from None


def files(root: Path) -> list[Path]:
    """The files below a folder of submissions that ought to be records."""
    return sorted(root.glob("**/records/**/*.json"))


def read_all(root: Path, chosen: list[Path] | None = None) -> tuple[list[Record], dict[Path, str]]:
    """All records below a folder of submissions, or those among `chosen`; the files that are none, with the reason."""
    from retouch.benchmark.support.console import progress  # rich takes a while to import, and few read all

    records, rejected = [], {}
    for file in progress(files(root) if chosen is None else chosen, "reading records"):
        try:
            record = read(file)
            if file.name != f"{record.point}.{record.seed}.json" or record.submission not in file.parts:
                raise ValueError(f"{file}: lies where the record of another run belongs")
            records.append(record)
        except (ValueError, OSError, RecursionError) as error:
            rejected[file] = str(error)
    return records, rejected


def schema() -> str:
    """The JSON schema of a record."""
    return json.dumps(Record.model_json_schema(by_alias=True), indent=1) + "\n"
