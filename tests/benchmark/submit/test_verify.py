"""`retouch verify`: honest records are verified, forged ones and methods that know the public seeds are not."""

import pytest
from toy_runs import INSTANCE, KEEPS, REJECTS, TRAINS, copy, forge, needs_sandbox, ran, record_file, write

from retouch.benchmark import records, tracks
from retouch.benchmark.cli.main import main
from retouch.benchmark.records import Claim
from retouch.benchmark.run import plan
from retouch.benchmark.submit import check, verify

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
def finished(tmp_path_factory):
    """Submissions that have really run: one trains, one filters, one knows the public seed, one runs only once."""
    root = tmp_path_factory.mktemp("verify")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETOUCH_CACHE", str(root / "cache"))
        bodies = {"honest": TRAINS, "filter": REJECTS, "cheat": FITS_THE_PUBLIC_SEED}
        for name, body in (bodies | {"once": ONLY_ONCE.replace("MARK", str(root / "mark"))}).items():
            ran(write(root / "submissions", name, body))
    return root / "submissions"


@pytest.fixture
def here(finished, submissions, monkeypatch):
    """A folder of submissions to fill, where the command line finds it, with the cache of the first runs."""
    monkeypatch.setenv("RETOUCH_CACHE", str(finished.parent / "cache"))
    return submissions


@pytest.mark.parametrize("name", ["honest", "filter"])
def test_an_honest_record_is_verified_and_keeps_both_values(finished, here, name, capsys):
    folder = copy(finished / name, here)
    before = records.read(record_file(folder))
    assert main(["verify", name, "--seed", "1", "--claim"]) == 0
    assert "verified, repeated to the last digit" in capsys.readouterr().out
    after = records.read(record_file(folder))
    assert after.claim.status == "verified" and after.goal == before.goal
    fresh, claimed = (after.claim.goal, after.claim.quality), (before.goal, before.quality)
    assert fresh != claimed  # other evaluation seeds, other samples
    assert after.model_copy(update={"claim": before.claim}) == before
    assert not [f for f in check.check(folder).findings if f.level == "error"]


@needs_sandbox
def test_a_strangers_code_is_run_again_inside_the_sandbox(finished, here, capsys):
    folder = copy(finished / "honest", here)
    assert main(["verify", "honest", "--seed", "1", "--sandbox", "--claim"]) == 0
    assert "verified, repeated to the last digit" in capsys.readouterr().out
    assert records.read(record_file(folder)).claim.status == "verified"


def verified_on_paper(finished, here, name):
    """A copy of a submission whose record says, completely and falsely, that a maintainer has verified it."""
    folder = copy(finished / name, here)
    raw = records.read(record_file(folder)).model_dump(mode="json", by_alias=True)
    forge(record_file(folder), claim={"status": "verified", "goal": raw["goal"], "quality": raw["quality"]})
    assert main(["check", name]) == 0
    return folder


def test_a_method_that_fits_the_public_seed_is_not_verified(finished, here, capsys):
    folder = verified_on_paper(finished, here, "cheat")
    assert records.read(record_file(folder)).goal.value > 0.6
    assert main(["verify", "cheat", "--seed", "1", "--claim"]) == 1
    said = capsys.readouterr().out
    assert "NOT verified" in said and "differs, fresh seeds, invalidity" in said and "differs, public" not in said
    assert records.read(record_file(folder)).claim == Claim()  # taken back


def test_a_method_that_fails_the_second_time_is_not_verified(finished, here, capsys):
    folder = verified_on_paper(finished, here, "once")
    assert main(["verify", "once", "--seed", "1", "--claim"]) == 1
    said = capsys.readouterr().out
    assert "NOT verified the second run is failed: RuntimeError: only once" in said and "0 of 1 verified" in said
    assert records.read(record_file(folder)).claim == Claim()


def test_digits_have_to_repeat_on_the_same_parts(finished):
    record = records.read(record_file(finished / "honest"))
    cost, provenance = record.cost, record.provenance
    other = [
        {"cost": cost.model_copy(update={"cut": True})},
        {"cost": cost.model_copy(update={"device": "another"})},
        {"cost": None},
        {"provenance": provenance.model_copy(update={"packages": provenance.packages | {"torch": "1.0"}})},
    ]
    assert verify.repeatable(record, record)
    for changes in other:
        changed = record.model_copy(update=changes)
        assert not verify.repeatable(changed, record) and not verify.repeatable(record, changed), changes


def test_metrics_forged_with_their_score_are_not_verified(finished, here, capsys):
    """A forger who knows the scale and recomputes goal and score; and one who takes another method's whole record."""
    folder = copy(finished / "honest", here)
    better = records.read(record_file(finished / "filter"))
    raw = better.model_dump(mode="json", by_alias=True)
    forge(record_file(folder), goal=raw["goal"], quality=raw["quality"], score=raw["score"], metrics=raw["metrics"])
    assert not [f for f in check.check(folder).findings if f.level == "error"]
    assert main(["verify", "honest", "--seed", "1"]) == 1
    assert "differs, public seeds, invalidity" in capsys.readouterr().out


def test_another_methods_images_are_found(finished, here, capsys):
    """Scores as they were, but the picture and the answers' hash are another method's."""
    folder = copy(finished / "honest", here)
    other = record_file(finished / "filter")
    hashes = records.read(other).provenance.sha256
    picture = record_file(folder).with_suffix(".png")
    picture.write_bytes(other.with_suffix(".png").read_bytes())
    assert any("another one than the record names" in f.what for f in check.check(folder).findings)
    forge(record_file(folder), provenance__sha256__picture=hashes["picture"])
    forge(record_file(folder), provenance__sha256__answers=hashes["answers"])
    assert main(["check", "honest"]) == 0
    assert main(["verify", "honest", "--seed", "1"]) == 1
    assert "pixels of the picture" in capsys.readouterr().out


def test_a_record_cannot_set_its_own_tolerance(finished, here, capsys):
    """Perfect numbers with intervals that span everything, from an edit that says the clock cut it."""
    folder = copy(finished / "honest", here)
    raw = records.read(record_file(folder)).model_dump(mode="json", by_alias=True)
    score = records.harmonic(1, raw["quality"]["value"])
    forge(record_file(folder), goal={"value": 1, "low": 0, "high": 1}, score=score,
          metrics__invalidity={"value": 0, "low": 0, "high": 0.5, "n": 2000}, cost__cut=True)  # fmt: skip
    assert main(["check", "honest"]) == 0
    assert main(["verify", "honest", "--seed", "1"]) == 1
    assert "differs, fresh seeds, invalidity" in capsys.readouterr().out


def test_a_changed_seed_is_found(finished, here, capsys):
    """The best of many seeds under the number of another: the run with that seed gives other digits."""
    folder = copy(finished / "honest", here)
    for suffix in (".json", ".png"):
        file = record_file(folder).with_suffix(suffix)
        file.rename(file.with_name(f"default.1{suffix}"))
    forge(record_file(folder).with_name("default.1.json"), seed=1)
    assert main(["check", "honest"]) == 0
    assert main(["verify", "honest", "--seed", "1"]) == 1
    assert "differs, public seeds" in capsys.readouterr().out


def test_other_packages_digits_are_held_to_the_seeds_spread(finished, here, capsys):
    """Another version of torch may round differently: within the noise that is verified, beyond it never."""
    folder = copy(finished / "filter", here)
    forge(record_file(folder), provenance__packages__torch="1.0")
    assert main(["verify", "filter", "--seed", "1"]) == 0
    assert "within the seeds' spread" in capsys.readouterr().out
    assert records.read(record_file(folder)).claim.status == "claimed"  # without --claim nothing is written
    raw = records.read(record_file(finished / "honest")).model_dump(mode="json", by_alias=True)
    forge(record_file(folder), goal=raw["goal"], quality=raw["quality"], score=raw["score"], metrics=raw["metrics"])
    assert main(["verify", "filter", "--seed", "1"]) == 1


def test_a_method_that_has_changed_is_not_verified(finished, here, capsys):
    folder = copy(finished / "honest", here)
    forge(record_file(folder), claim={"status": "verified", "goal": None, "quality": None})
    assert any("second run's values are missing" in f.what for f in check.check(folder).findings)
    (folder / "method.py").write_text(KEEPS)
    assert main(["verify", "honest"]) == 2  # other code than the record's: there is nothing current to verify
    assert "no current record" in capsys.readouterr().err


def test_the_choice_is_repeatable_and_random(finished):
    runs = plan.plan(sorted(finished.iterdir()), tracks.load("tiny"), instances=[INSTANCE])
    assert len(runs) == 12  # of which four have a record
    assert [one.name for one in verify.choose(runs, 0, None)] == ["cheat", "filter", "honest", "once"]
    picked = [tuple(one.name for one in verify.choose(runs, 2, seed)) for seed in range(12)]
    assert picked == [tuple(one.name for one in verify.choose(runs, 2, seed)) for seed in range(12)]
    assert set(map(len, picked)) == {2} and len(set(picked)) > 3
