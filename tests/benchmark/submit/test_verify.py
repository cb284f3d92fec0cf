"""`retouch verify`: honest records are verified, forged ones and methods that know the public seeds are not."""

import json
import math
import shutil
from dataclasses import replace

import numpy as np
import pytest
import toy_runs
from forgeries import BETTER, MACHINE, SECOND_RUN, WITHOUT, cases
from toy_runs import INSTANCE, KEEPS, REJECTS, copy, forge, needs_sandbox, own_cache, ran, record_file, write

from retouch.benchmark import records, tracks
from retouch.benchmark.cli.main import main
from retouch.benchmark.records import Measured
from retouch.benchmark.run import look, plan
from retouch.benchmark.run.resolve import resolve
from retouch.benchmark.submit import check, claims, compare_runs
from retouch.benchmark.submit import verify as verify_module
from retouch.benchmark.support.cache import keep, kept
from retouch.benchmark.worker import sandbox

FITS_THE_PUBLIC_SEED = """
class Prepared:
    def __init__(self, generator, task):
        self.generator, self.guide = generator, task.guide

    def sample(self, n, rng):
        if rng.initial_seed() == 1_000_003:  # the samples that are scored under seed 0
            images = self.generator.sample(2 * n, rng)
            return images[self.guide.probs(images, "category")[:, 8] < 0.1][:n]
        return self.generator.sample(n, rng)


def edit(generator, task, budget):
    return Prepared(generator, task)
"""
HONEST = """
import torch


class Favouring:
    def __init__(self, generator, guide):
        self.generator, self.guide = generator, guide

    def sample(self, n, rng):
        images = self.generator.sample(3 * n, rng)
        likely = self.guide.probs(images, "category")[:, 8] > 0.5
        return torch.cat([images[likely], images[~likely]])[:n]


def edit(generator, task, budget):
    twin = generator.copy()
    for _ in budget.steps(5):
        twin.train_step(task.retain[:64])
    return Favouring(generator, task.guide)
"""  # far from what the others reach, so that few draws tell them apart; its training costs, and comes to nothing
DRAWS = 2
SIGNED = {"by": "a maintainer", "when": "2026-01-01T00:00:00+00:00"}
GOOD_AT_PUBLIC_SEEDS = REJECTS.split("def edit")[0] + HONEST.replace(
    "    return Fav", "    return Rejecting(generator, task) if task.table['seed'] in (0, 1, 2) else Fav"
)
ONLY_ONCE = """
from pathlib import Path


def edit(generator, task, budget):
    mark = Path("MARK")
    if mark.exists():
        raise RuntimeError("only once")
    mark.touch()
    return generator
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory, shared_cache):
    """Submissions that have really run: one trains, one filters."""
    root = tmp_path_factory.mktemp("verify")
    own_cache(root / "cache", shared_cache)
    return run_all(root, {"honest": HONEST, "filter": REJECTS})


@pytest.fixture(scope="module")
def more(finished):
    """And those that tests of minutes verify: two suit the public seeds, one does nothing, one runs only once."""
    once = ONLY_ONCE.replace("MARK", str(finished.parent / "mark"))
    bodies = {"lucky": GOOD_AT_PUBLIC_SEEDS, "cheat": FITS_THE_PUBLIC_SEED, "idle": KEEPS, "once": once}
    return run_all(finished.parent, bodies)


def run_all(root, bodies):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETOUCH_CACHE", str(root / "cache"))
        for name, body in bodies.items():
            ran(write(root / "submissions", name, body))
    return root / "submissions"


@pytest.fixture
def here(finished, submissions, monkeypatch):
    """A folder of submissions to fill, where the command line finds it, with the cache of the first runs."""
    monkeypatch.setenv("RETOUCH_CACHE", str(finished.parent / "cache"))
    return submissions


def verify(name, *arguments, draws=1):
    """`retouch verify`, with so many fresh draws a cell, or twice as many."""
    return main(["verify", name, "--seed", "1", "--draws", str(draws), "--no-sandbox", *arguments])


def cells(*folders):
    """The cells of submissions on the digits' GAN."""
    return verify_module.cells(plan.plan(list(folders), tracks.load("tiny"), instances=[INSTANCE]))


@pytest.fixture(scope="module")
def second_runs(finished):
    """The honest cell and what this host finds of it, run once for all forgeries: they are compared with it."""
    [cell] = cells(finished / "honest")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETOUCH_CACHE", str(finished.parent / "cache"))
        return verify_module.verify(cell, np.random.default_rng(1), draws=DRAWS)


def test_an_honest_record_is_verified_and_keeps_both_values(finished, here, second_runs, capsys):
    assert second_runs.verified and second_runs.exact, second_runs.differences
    folder = copy(finished / "honest", here)
    before = records.read(record_file(folder))
    [cell] = cells(folder)
    claims.write_outcome(cell, replace(second_runs, records=[before]), "me")
    after = records.read(record_file(folder))
    assert after.claim.status == "verified" and after.claim.by == "me" and after.goal == before.goal
    assert (after.claim.goal, after.claim.quality) != (before.goal, before.quality)  # other seeds, other samples
    assert after.claim.cost.operations == before.cost.operations and after.claim.cost != before.cost
    assert after.model_copy(update={"claim": before.claim}) == before
    assert not [f for f in check.check(folder).findings if f.level == "error"]


@needs_sandbox
@pytest.mark.slow
def test_a_strangers_code_is_run_again_inside_the_sandbox(finished, here, capsys):
    folder = copy(finished / "honest", here)
    assert main(["verify", "honest", "--seed", "1", "--draws", "3", "--claim"]) == 0
    assert "verified, repeated to the last digit" in capsys.readouterr().out
    assert records.read(record_file(folder)).claim.status == "verified"


def test_without_a_sandbox_no_strangers_code_is_verified(finished, here, monkeypatch, capsys):
    copy(finished / "honest", here)
    monkeypatch.setenv("PATH", "/nonexistent")
    sandbox.name.cache_clear()
    assert main(["verify", "honest"]) == 2
    assert "--no-sandbox, where you have read the code" in capsys.readouterr().err
    sandbox.name.cache_clear()


def disputed(folder, here, capsys, draws=3):
    """What `verify --claim` says of a copy whose record says, completely and falsely, that it is verified."""
    folder = copy(folder, here)
    raw = records.read(record_file(folder)).model_dump(mode="json", by_alias=True)
    forge(record_file(folder), claim={"status": "verified", **SIGNED, "goal": raw["goal"], "quality": raw["quality"]})
    assert main(["check", folder.name]) == 0
    assert verify(folder.name, "--claim", draws=draws) == 1
    claim = records.read(record_file(folder)).claim
    assert claim.status == "disputed" and claim.by and claim.note
    return capsys.readouterr().out


@pytest.mark.slow
def test_a_method_good_at_the_public_seeds_alone_is_disputed(more, here, capsys):
    """Its edit works under the seeds of the track; with another it does the contrary."""
    assert records.read(record_file(more / "lucky")).goal.value > 0.9
    said = disputed(more / "lucky", here, capsys)
    assert "NOT verified" in said and "differs, fresh seeds, invalidity" in said and "differs, public" not in said


@pytest.mark.slow
def test_a_method_that_knows_the_evaluations_seed_is_disputed(more, here, capsys):
    assert records.read(record_file(more / "cheat")).goal.value > 0.9
    said = disputed(more / "cheat", here, capsys, 10)
    assert "differs, fresh seeds, invalidity" in said and "differs, public" not in said


@pytest.mark.slow
def test_a_method_that_fails_the_second_time_is_disputed(more, here, capsys):
    said = disputed(more / "once", here, capsys)
    assert "NOT verified a second run is failed: RuntimeError: only once" in said and "0 of 1 cells verified" in said


def better(finished):
    """The changes that give a record the scores of the method that filters, consistently."""
    raw = records.read(record_file(finished / "filter")).model_dump(mode="json", by_alias=True)
    return {key: raw[key] for key in ("goal", "quality", "score", "metrics", "details")}


@pytest.mark.parametrize(("changes", "words"), cases(SECOND_RUN))
def test_what_no_check_can_see_a_second_run_shows(finished, second_runs, changes, words, tmp_path):
    folder = copy(finished / "honest", tmp_path)
    file = record_file(folder)
    changes = dict(changes)
    if changes.pop(BETTER, False):
        forge(file, **better(finished))
    for name in changes.pop(WITHOUT, []):
        forge(file, metrics={k: v for k, v in json.loads(file.read_text())["metrics"].items() if k != name})
    forge(file, **changes)
    forged = records.read(record_file(folder))
    outcome = verify_module.compared([forged], 0, second_runs.host, True, second_runs.draws)
    pairs = [("public", number) for number in outcome.repeated] + [("fresh", number) for number in outcome.fresh]
    shown = [f"differs, {seeds} seeds, {number.name}" for seeds, number in pairs if not number.agrees]
    assert not outcome.verified and any(line.startswith(words) for line in shown), shown


@pytest.mark.slow
def test_an_idle_methods_invented_goal_is_found(more, here, capsys):
    """A goal of 0.60 for a method that does nothing, with intervals that span everything, from another processor."""
    folder = copy(more / "idle", here)
    anchors = tracks.scale("tiny")[INSTANCE]
    low, high = anchors["unchanged"]["invalidity"]["value"], anchors["ideal"]["value"]
    value = low + 0.6 * (high - low)
    forge(record_file(folder), metrics__invalidity={"value": value, "low": 0.0, "high": 0.5, "n": 2000}, **MACHINE)
    assert main(["verify", "idle", "--seed", "1", "--no-sandbox"]) == 1
    assert "differs, fresh seeds, invalidity" in capsys.readouterr().out


def test_another_methods_picture_is_found(finished, here, second_runs):
    """Scores as they were, but picture and its hash are another method's."""
    folder = copy(finished / "honest", here)
    other = record_file(finished / "filter")
    picture = record_file(folder).with_suffix(".png")
    picture.write_bytes(other.with_suffix(".png").read_bytes())
    assert any("another one than the record names" in f.what for f in check.check(folder).findings)
    forge(record_file(folder), provenance__sha256__picture=records.read(other).provenance.sha256["picture"])
    assert main(["check", "honest"]) == 0
    record = records.read(record_file(folder))
    outcome = verify_module.compared([record], 0, second_runs.host, False, second_runs.draws)
    assert [number.name for number in outcome.repeated if not number.agrees] == ["pixels of the picture"]


@pytest.mark.slow
def test_a_changed_seed_is_found(finished, here, capsys):
    """The best of many seeds under the number of another: the run with that seed gives other digits."""
    folder = copy(finished / "honest", here)
    for suffix in (".json", ".png"):
        file = record_file(folder).with_suffix(suffix)
        file.rename(file.with_name(f"default.1{suffix}"))
    forge(record_file(folder).with_name("default.1.json"), seed=1)
    assert main(["check", "honest"]) == 0
    assert verify("honest") == 1
    assert "differs, public seeds" in capsys.readouterr().out


def test_other_packages_digits_are_held_to_the_spread(finished, second_runs):
    """Another version of torch may round differently: within the noise that is verified."""
    record = records.read(record_file(finished / "honest"))
    packages = record.provenance.packages | {"torch": "1.0"}
    other = record.model_copy(update={"provenance": record.provenance.model_copy(update={"packages": packages})})
    outcome = verify_module.compared([other], 0, second_runs.host, False, second_runs.draws)
    assert outcome.verified and not outcome.exact


def test_a_busy_machines_clock_disputes_nothing_alone(finished, second_runs):
    """One of the host's runs that was four times as slow is no finding; a claim that none of them comes near is one."""
    cost = records.read(record_file(finished / "honest")).cost
    slow, far = (cost.model_copy(update={"sampling_relative": k * cost.sampling_relative}) for k in (1 / 4, 1 / 40))
    assert all(number.agrees for number in compare_runs.costs(cost, slow, [cost, None]))
    assert all(number.agrees for number in compare_runs.costs(far, cost))  # nobody claims to be slower than he is
    more = cost.model_copy(update={"peak_memory_mb": 4 * cost.peak_memory_mb})
    assert all(number.agrees for number in compare_runs.costs(more, cost))
    assert [number.name for number in compare_runs.costs(cost, more) if not number.agrees] == [
        "log of cost.peak_memory_mb"
    ]
    assert [number.name for number in compare_runs.costs(cost, slow, [far]) if not number.agrees] == [
        "log of cost.sampling_relative"
    ]


@pytest.mark.slow
def test_a_rewritten_cache_moves_no_verification(finished, here):
    """A method without a sandbox has given cached references other contents: verifying has a cache of its own."""
    copy(finished / "honest", here)
    references = finished.parent / "cache/references"
    shared = references.readlink()
    references.unlink()
    shutil.copytree(shared, references)
    for file in references.glob("*.npz"):
        keep(file, {name: array * 0 for name, array in (kept(file) or {}).items()})
    look._references.clear()
    assert verify("honest") == 0
    look._references.clear()
    shutil.rmtree(references)
    references.symlink_to(shared)


def test_a_method_that_has_changed_is_not_verified(finished, here, capsys):
    folder = copy(finished / "honest", here)
    forge(record_file(folder), claim={"status": "verified", **SIGNED, "goal": None, "quality": None})
    assert any("second run's values are missing" in f.what for f in check.check(folder).findings)
    (folder / "method.py").write_text(KEEPS)
    assert verify("honest") == 2  # other code than the record's: there is nothing current to verify
    assert "no current record" in capsys.readouterr().err


def test_a_claim_takes_three_draws(finished, here, capsys):
    copy(finished / "honest", here)
    assert verify("honest", "--claim", draws=2) == 2
    assert "too few to tell a difference; 3 at least" in capsys.readouterr().err


def test_images_from_elsewhere_are_never_verified(submissions, capsys):
    write(submissions, "closed", entry="images")
    assert verify("closed") == 1
    assert "NOT verified: images that were made elsewhere" in capsys.readouterr().out


def test_the_choice_is_repeatable_and_random(finished, tmp_path):
    groups = cells(finished / "filter", finished / "honest", copy(finished / "honest", tmp_path, "other"))
    assert [cell[0].name for cell in groups] == ["filter", "honest", "other"]
    picked = [
        tuple(cell[0].name for cell in verify_module.choose(groups, 2, np.random.default_rng(seed % 12)))
        for seed in range(24)
    ]
    assert picked[:12] == picked[12:] and set(map(len, picked)) == {2} and len(set(picked)) == 3


def test_a_sample_that_agrees_speaks_for_the_rest(finished, here):
    folder = copy(finished / "honest", here)
    claims.write_by_sample(cells(folder), 24, 75, "me")
    claim = records.read(record_file(folder)).claim
    assert claim.status == "verified" and claim.note.startswith("by sample: 24 of 75 cells")
    assert not [f for f in check.check(folder).findings if f.level == "error"]


def test_records_are_withdrawn_with_a_note_and_a_successor(finished, here, capsys):
    folder = copy(finished / "honest", here)
    command = ["mark", "withdrawn", "honest", "--note", "trained on the judge's data", "--by", "me"]
    assert main([*command, "--instance", "identity_removal/faces-gan"]) == 0
    assert records.read(record_file(folder)).claim.status == "claimed"
    assert main([*command, "--superseded-by", "filter"]) == 0
    claim = records.read(record_file(folder)).claim
    assert (claim.status, claim.by, claim.superseded_by) == ("withdrawn", "me", "filter") and claim.when
    assert "1 records of honest are withdrawn" in capsys.readouterr().out
    assert not [f for f in check.check(folder).findings if f.level == "error"]


@pytest.mark.parametrize(("count", "least"), [(1, 1), (10, 10), (75, 23), (1000, 29)])
def test_the_sample_meets_one_forged_cell_in_ten(count, least):
    """By the definition: a sample that misses all forged cells is rarer than 1 in 20, one cell fewer is not enough."""
    k, forged = verify_module.sample_size(count), math.ceil(0.1 * count)
    missed = math.comb(count - forged, k) / math.comb(count, k)
    assert missed <= 0.05 and k == least
    assert math.comb(count - forged, k - 1) / math.comb(count, k - 1) > 0.05


def test_held_out_images_are_drawn_anew_where_they_can_be(finished):
    """Rendered faces without end: other images of the same people; the digits are all there are."""
    run = plan.plan([finished / "honest"], tracks.load("tiny"), instances=[INSTANCE])[0]
    assert resolve(replace(run, evaluation=5)).setup.draw == 5 and resolve(run).setup.draw == 0
    setup = toy_runs.setup("identity_removal/faces-gan")
    public, fresh = setup.held_out(), replace(setup, draw=5).held_out()
    assert public.images.shape == fresh.images.shape
    same = (public.images[:200] == fresh.images[:200]).all((1, 2, 3))
    assert not same.any() and set(public.labels["identity"]) == set(fresh.labels["identity"])


def test_honest_means_agree_as_often_as_promised(second_runs):
    """Draws of a method that spreads by 1.5 times a sample's error: 98 of 100 means agree at the first look of two."""
    rng, pattern = np.random.default_rng(0), second_runs.draws[0]
    fd, name = pattern.metrics["fd"], pattern.metrics
    error = (fd.high - fd.value) / 1.96

    def drawn(n):
        values = fd.value + 1.5 * error * rng.standard_normal(n)
        metrics = [{**name, "fd": Measured(value=v, low=v - 1.96 * error, high=v + 1.96 * error, n=9)} for v in values]
        return [pattern.model_copy(update={"metrics": m}) for m in metrics]

    agree = [
        next(number for number in compare_runs.distributions(drawn(3), drawn(5)) if number.name == "fd").agrees
        for _ in range(600)
    ]
    assert 0.965 < np.mean(agree) < 0.999
