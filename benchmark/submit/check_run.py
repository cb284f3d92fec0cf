"""`retouch check --run`: one run of a submission on a small budget, and the laws that its generator has to keep."""

from __future__ import annotations

import json

import numpy as np

from retouch.benchmark.question import Question
from retouch.benchmark.run import edit, plan
from retouch.benchmark.run.resolve import resolve
from retouch.benchmark.submit.audit import Audit
from retouch.benchmark.tracks import Track
from retouch.benchmark.worker import fork
from retouch.benchmark.worker.process import RunFailed

SHARE = 0.25  # of the instance's budget
IMAGES, LATENTS = 32, 8  # images to train on for a moment, and latents to edit: both noise


def check_run(audit: Audit, track: Track) -> str:
    """Run the submission's first cell with a quarter of its budget and try its generator's laws.

    Adds what is wrong to `audit` as errors; returns a line that says what was run, empty where nothing can be.
    """
    if audit.manifest is None or audit.manifest.entry == "images":
        return ""  # a manifest that cannot be read is reported already; images made elsewhere have no generator
    runs = plan.plan([audit.folder], _small(track))
    if not runs:
        return f"{audit.folder.name}: no instance of track {track.name} fits its tasks and families"
    run = runs[0]
    fork.start(plan.families([run]))
    where = f"{run.point} on {run.instance.name} with {SHARE:.0%} of its budget"
    try:
        resolved = resolve(run)
        latents = resolved.setup.base.config.get("latent", 1)
        answer = edit.answers(resolved, [_question(resolved.setup.shape, latents)]).arrays["laws"]
        violations = json.loads(answer.tobytes())
    except (RunFailed, ValueError, OSError) as error:
        audit.error(audit.folder, f"{where}: {error}", "mend the method: docs/writing.md")
        return f"{audit.folder.name}: {where} failed"
    for law, reason in violations.items():
        audit.error(audit.folder, f"{where}: {law}: {reason}", "retouch.check_generator tries it in a notebook")
    outcome = f"breaks {', '.join(violations)}" if violations else "keeps all laws"
    return f"{audit.folder.name}: {where}: its generator {outcome}"


def _small(track: Track) -> Track:
    small = [
        instance.model_copy(update={"share": SHARE * (instance.share or 1), "steps": instance.steps and 1})
        for instance in track.instances
    ]
    return track.model_copy(update={"instances": small})


def _question(shape: tuple[int, int, int], latent: int) -> Question:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (IMAGES, *shape), dtype=np.uint8)
    return Question.laws("laws", images, rng.standard_normal((LATENTS, latent), dtype=np.float32))
