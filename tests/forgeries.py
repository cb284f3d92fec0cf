"""The corpus of forged records: what each changes of a record that a run wrote, what it breaks, and who must name it.

ONE_FIELD: found by `retouch check`, which runs nothing; SECOND_RUN: by `retouch verify`; GATE: in tests of their own.
Each has the changes as `toy_runs.forge` takes them, and words of the finding. They are grouped by the assumption that
they break, by which docs/isolation.md counts them.
"""

from __future__ import annotations

from typing import Any

import pytest

Forgeries = dict[str, tuple[dict[str, Any], str]]
NOBODY = "0" * 64

SCORES: Forgeries = {  # goal, quality and score follow from the metrics
    "a better goal": (
        {"goal__value": 0.9, "goal__high": 1.0, "goal__low": 0.8},
        "goal.value is 0.9000; its metrics and the track's scale give",
    ),
    "a better quality": ({"quality__value": 0.5, "quality__low": 0.4, "quality__high": 0.6}, "quality.value is 0.5000"),
    "another interval": ({"quality__low": 0.0, "quality__high": 9.0}, "quality.low is"),
    "a score of its own": ({"score": 0.99}, "not the harmonic mean"),
    "good quality called bad": ({"status": "below_floor", "goal": None, "score": None}, "status below_floor with qual"),
    "a goal without its metric": ({"metrics": {}}, "metrics lack"),
    "a metric without images": ({"metrics__fd__n": 0}, "rests on no image"),
    "ends the wrong way round": ({"metrics__fd__low": 9.0, "metrics__fd__high": 1.0}, "is above high"),
    "a goal without a run": ({"status": "failed"}, "has no goal and no score"),
}
PLACE: Forgeries = {  # a record lies where its run belongs
    "another seed": ({"seed": 2}, "belongs elsewhere"),
    "another name": ({"submission": "other"}, "belongs elsewhere"),
    "another place": ({"instance": "../../etc/passwd"}, "instance"),
    "an unknown track": ({"track": "tinny"}, "belongs elsewhere"),
    "a negative seed": ({"seed": -1}, "seed"),
    "a task that is none": ({"instance": "digit_redaction/digits-gan"}, "belongs elsewhere"),
}
MANIFEST: Forgeries = {  # a record was made as the manifest says
    "other parameters": ({"params": {"lr": 2}}, "params"),
    "another method": ({"method": "retouch.methods.rejection:edit"}, "not the manifest's entry"),
    "less access": ({"access": []}, "made with access to nothing"),
    "more access": ({"access": ["training_data", "classifier", "retraining"]}, "made with access"),
    "a method called images": ({"method": "images"}, "not the manifest's entry"),
    "images from a method": ({"status": "samples_only", "cost": None}, "status samples_only of the entry 'method:edit"),
    "parameters that are no JSON": ({"params": {"lr": float("nan")}}, "not plain JSON"),
}
ORIGIN: Forgeries = {  # a record names what made it
    "other code": ({"provenance__sha256__method": NOBODY}, "other code"),
    "another base": ({"provenance__sha256__base": NOBODY}, "stale: another base"),
    "another judge": ({"provenance__sha256__judge": NOBODY}, "stale: another judge"),
    "another guide": ({"provenance__sha256__guide": NOBODY}, "stale: another guide"),
    "another scale": ({"provenance__sha256__scale": NOBODY}, "stale: another scale"),
    "another instance": ({"provenance__sha256__instance": NOBODY}, "stale: another instance"),
    "other data": ({"provenance__sha256__data": NOBODY}, "other training data"),
    "older metrics": ({"provenance__versions__metrics": "0"}, "stale: metrics version 0, now"),
    "an older track": ({"provenance__versions__track": "0"}, "stale: track version 0"),
    "no hashes": ({"provenance__sha256": {}}, "provenance lacks base"),
    "no versions": ({"provenance__versions": {}}, "provenance lacks"),
    "a hash that is none": ({"provenance__sha256__answers": "yes"}, "sha256.answers"),
    "a hash in capitals": ({"provenance__sha256__answers": "A" * 64}, "sha256.answers"),
    "a hash of one's own": ({"provenance__sha256__approval": NOBODY}, "which no record names"),
    "another picture": ({"provenance__sha256__picture": NOBODY}, "another one than the record names"),
    "a version to come": ({"provenance__versions__retouch": "99.0"}, "of this package, which is at"),
    "a version that is none": ({"provenance__versions__retouch": "the best"}, "made by version 'the best'"),
    "no packages": ({"provenance__packages": {}}, "packages lack"),
    "a package's version that is none": ({"provenance__packages__torch": "new"}, "the version of 'torch' is none"),
    "a package without a version": ({"provenance__packages__torch": ""}, "the version of 'torch' is none"),
    "a sandbox that is none": ({"provenance__sandbox": "very safe"}, "sandbox"),
    "a sandbox without a version": ({"provenance__sandbox": "bubblewrap"}, "sandbox"),
    "a day that is none": ({"provenance__time": "9999-99-99"}, "time"),
    "a time without a zone": ({"provenance__time": "2026-01-01T00:00:00"}, "wanted a time in UTC"),
    "a time to come": ({"provenance__time": "2999-01-01T00:00:00+00:00"}, "still to come"),
    "another schema": ({"schema": 7}, "schema"),
    "a field that no record has": ({"approved": True}, "approved"),
}
COST: Forgeries = {  # cost is counted
    "no cost": ({"cost": None}, "without its cost"),
    "an edit for free": ({"cost__operations": 0}, "share"),
    "a share for free": ({"cost__share": 0.0}, "share"),
    "beyond the budget": ({"cost__operations": 10688328192000, "cost__share": 1.0}, "for a budget of"),
    "beyond the clock": ({"cost__seconds": 9e4}, "minutes are allowed"),
    "a dearer base": (
        {"cost__step_operations": 10**13, "cost__share": 0.0, "cost__operations": 0},
        "in a training step of the base",
    ),
    "work in no time": ({"cost__seconds": 0.0}, "s for the work of"),
    "sampling like lightning": ({"cost__sampling_relative": 50.0}, "times as fast as the base"),
    "memory of a wristwatch": ({"cost__peak_memory_mb": 1.0}, "less than torch itself takes"),
    "work that is not counted": ({"cost__processor_seconds": 900.0}, "of the processor"),
    "a negative cost": ({"cost__operations": -1}, "cost.operations"),
}
CLAIM: Forgeries = {  # maintainers alone verify
    "verified by nobody": ({"claim": {"status": "verified"}}, "but not by whom and when"),
    "verified without values": (
        {"claim": {"status": "verified", "by": "me", "when": "2026-01-01T00:00:00+00:00"}},
        "second run's values are missing",
    ),
    "disputed without a note": (
        {"claim": {"status": "disputed", "by": "me", "when": "2026-01-01T00:00:00+00:00"}},
        "without a note",
    ),
    "a claim that is none": ({"claim": {"status": "peer reviewed"}}, "claim.status"),
}
FORM: Forgeries = {  # two readers read the same
    "a number in quotes": ({"score": "0.9"}, "score"),
    "a seed in quotes": ({"seed": "0"}, "seed"),
    "a truth for a number": ({"cost__share": True}, "cost.share"),
    "one for true": ({"cost__cut": 1}, "cost.cut"),
    "a fraction of an image": ({"metrics__fd__n": 20.5}, "metrics.fd.n"),
    "infinite": ({"metrics__fd__high": float("inf")}, "metrics.fd.high"),
    "not a number": ({"goal__value": float("nan")}, "goal.value"),
}
ONE_FIELD: dict[str, Forgeries] = {
    "goal, quality and score follow from the metrics": SCORES,
    "a record lies where its run belongs": PLACE,
    "a record was made as the manifest says": MANIFEST,
    "a record names what made it": ORIGIN,
    "cost is counted, and possible": COST,
    "maintainers alone verify": CLAIM,
    "two readers read the same": FORM,
}

BETTER, WITHOUT = "another method's scores", "without metrics"  # changes that depend on the record
MACHINE = {"provenance__packages__processor": "another"}
INVENTED: Forgeries = {
    "another method's scores": ({BETTER: True}, "differs, public seeds, invalidity"),
    "they, on another processor": ({BETTER: True, **MACHINE}, "differs, fresh seeds, invalidity"),
    "they, with other packages": (
        {BETTER: True, "provenance__packages__torch": "1.0"},
        "differs, fresh seeds, invalidity",
    ),
    "they, from another device": (
        {BETTER: True, "cost__device": "arm64 CPU, one thread"},
        "differs, fresh seeds, invalidity",
    ),
    "they, cut by the clock": ({BETTER: True, "cost__cut": True}, "differs, fresh seeds, invalidity"),
    "one metric, a little": ({"metrics__precision__value": 0.9}, "differs, public seeds, precision"),
    "one interval, a little": ({"metrics__fd__low": -0.1}, "differs, public seeds, fd.low"),
    "a metric more": (
        {"metrics__beauty": {"value": 1.0, "low": 1.0, "high": 1.0, "n": 1}},
        "differs, public seeds, beauty, in one",
    ),
    "a metric fewer": ({WITHOUT: ["kd"]}, "differs, public seeds, kd, in one"),
    "other shares": ({"details__kept": 1}, "differs, public seeds, details"),
    "no details": ({"details": {}}, "differs, public seeds, details"),
    "other verdicts on the sheet": ({"details__sheet__verdicts": [[0] * 10] * 2}, "differs, public seeds, details"),
    "other answers": ({"provenance__sha256__answers": NOBODY}, "differs, public seeds, sha256 of the answers"),
    "cut by the clock, which did not": ({"cost__cut": True}, "differs, public seeds, cut"),
}
CHEAPER: Forgeries = {
    "an edit for free, consistently": (
        {"cost__operations": 0, "cost__share": 0.0, "cost__seconds": 0.0, "cost__gradient_steps": 0},
        "differs, public seeds, cost.operations",
    ),
    "an edit for free, elsewhere": (
        {"cost__operations": 0, "cost__share": 0.0, "cost__seconds": 0.0, **MACHINE},
        "differs, public seeds, cost.operations",
    ),
    "cheaper samples": (
        {"cost__sample_operations": 10, "cost__sampling_cost": 0.01},
        "differs, public seeds, cost.sample_operations",
    ),
    "faster samples": ({"cost__sampling_relative": 15.0}, "differs, public seeds, log of cost.sampling_relative"),
    "less memory": ({"cost__peak_memory_mb": 101.0}, "differs, public seeds, log of cost.peak_memory_mb"),
    "fewer steps": ({"cost__gradient_steps": 1}, "differs, public seeds, cost.gradient_steps"),
    "fewer steps, elsewhere": ({"cost__gradient_steps": 1, **MACHINE}, "differs, public seeds, cost.gradient_steps"),
}
SECOND_RUN: dict[str, Forgeries] = {  # found by `retouch verify`, which runs the method again
    "numbers are those of a run": INVENTED,
    "costs are those of a run": CHEAPER,
}
GATE = {  # found by the gate or the second run in tests of their own: name -> test
    "a verified mark in a pull request": "test_no_pull_request_says_more_than_claimed",
    "a disputed mark taken off": "test_no_pull_request_says_more_than_claimed",
    "a perfect record on a track of the host": "test_records_that_the_host_makes_are_not_taken",
    "a file of the harness beside the submission": "test_other_files_and_odd_names_are_refused",
    "a method good at the public seeds of the edit alone": "test_a_method_good_at_the_public_seeds_alone_is_disputed",
    "a method that knows the seed of the evaluation": "test_a_method_that_knows_the_evaluations_seed_is_disputed",
    "a method that works once": "test_a_method_that_fails_the_second_time_is_disputed",
    "a goal of 0.40 for doing nothing, elsewhere": "test_an_idle_methods_invented_goal_is_found",
    "another method's picture": "test_another_methods_picture_is_found",
    "the best of many seeds under another's number": "test_a_changed_seed_is_found",
    "references rewritten in the cache": "test_a_rewritten_cache_moves_no_verification",
    "code exchanged in notes.md": "test_a_methods_hash_covers_its_data_and_imports",
    "a family that the manifest lacks": "test_a_family_that_the_manifest_lacks_is_found",
    "a key that stands twice": "test_no_key_may_stand_twice",
    "images with a cost": "test_images_have_no_cost",
    "a destroyed generator called ok": "test_quality_below_the_floor_is_never_ok",
    "a picture exchanged": "test_pictures_are_compared_by_content",
}
BY_NOBODY = {  # name -> (changes that neither check nor verify names, why it does no harm)
    "another host in words": (
        {"provenance__host": {"processor": "a supercomputer"}},
        "a note for people; the host's own records carry the host's",
    ),
    "another commit": ({"provenance__git_commit": "f" * 40}, "hashes of content decide; the commit is a note"),
    "an earlier hour": ({"provenance__time": "2026-01-01T00:00:00+00:00"}, "no rank rests on the time"),
    "a sandbox that was none": (
        {"provenance__sandbox": "bubblewrap 0.8.0"},
        "ranked rows are run again by the host, inside its own",
    ),
    "a third fewer seconds": ({"cost__yardstick_seconds": 0.001}, "ranks and budgets rest on counted operations"),
}
ELSEWHERE = "images that were made elsewhere, invented whole"  # no code to run: they stay claimed and unranked


def cases(groups: dict[str, Forgeries]) -> list[Any]:
    """The parameters of a test: changes and words of the finding, by the forgery's name."""
    return [pytest.param(*forgery, id=name) for group in groups.values() for name, forgery in group.items()]
