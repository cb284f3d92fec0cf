"""Private instances: bound by a hash, drawn from the secret alone, published by the next release."""

import json
import stat
from types import SimpleNamespace

import pytest

from retouch.benchmark import tracks, weights
from retouch.benchmark.cli.main import main
from retouch.benchmark.submit import release
from retouch.benchmark.tasks import look_up

KINDS = {"values", "shares"}
SECRETS = [f"{k:064x}" for k in range(1, 30)]


@pytest.fixture
def tiny():
    return tracks.load("tiny")


def test_the_draw_follows_from_the_secret(tiny):
    assert release.draw(tiny, SECRETS[0], "r1") == release.draw(tiny, SECRETS[0], "r1")
    others = [release.draw(tiny, SECRETS[1], "r1"), release.draw(tiny, SECRETS[0], "r2")]
    assert all(other.seeds != release.draw(tiny, SECRETS[0], "r1").seeds for other in others)


def test_no_private_target_or_seed_is_public(tiny):
    """But for people: those with more than their share are all public here, and of anybody else nothing is seen."""

    def wishes(track):
        return {json.dumps(release._wish(one.target)) for one in track.instances if one.target.keys() & KINDS}

    drawn = [release.draw(tiny, secret, "r1") for secret in SECRETS]
    private = {wish for track in drawn for wish in wishes(track)}
    assert all('"identity"' in wish for wish in private & wishes(tiny)) and len(private) > 20
    assert all(seed > 2**16 for track in drawn for seed in track.seeds)
    ranked = [one.name for one in tiny.instances if one.core and not one.tuning]
    assert all([one.name for one in track.instances] == ranked for track in drawn)


def test_people_are_drawn_among_the_over_represented(tiny, monkeypatch):
    """Five of them, of whom two are public, one with other images to forget than the instance shows."""
    faces = next(one for one in tiny.instances if one.task == "identity_removal" and one.core)
    find, base = weights.find, SimpleNamespace(recipe={"data": {"shares": [0.1, 0.09, 0.08, 0.07, 0.07]}})
    monkeypatch.setattr(release.weights, "find", lambda name: base if name == faces.base else find(name))
    other = faces.model_copy(update={"target": faces.target | {"values": [3], "forget_images": 4}})
    public = tiny.model_copy(update={"instances": [faces, other]})
    drawn = {tuple(release.draw(public, secret, "r1").instances[0].target["values"]) for secret in SECRETS}
    assert drawn == {(person,) for person in range(5) if [person] != faces.target["values"] and person != 3}


def test_a_private_track_is_one_that_loads(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    secret, into = tmp_path / "home/secret", tmp_path / "host"
    command = ["release", "r1", "--secret", str(secret), "--into", str(into)]
    assert main(command) == 0
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    monkeypatch.setenv("RETOUCH_PATH", str(into))
    private = tracks.load("tiny-private-r1")
    tracks.load.cache_clear()
    assert private == release.draw(tiny, secret.read_text().strip(), "r1")
    (into / "tracks/tiny-private-r1/scale.json").write_text("{}")  # which `retouch scale` measures, on the host
    setup = look_up(private, next(one for one in private.instances if one.base == "digits-gan"))
    assert setup.retrained is None and setup.task.reveal(setup)
    said = json.loads((tmp_path / "releases.json").read_text())
    assert secret.read_text().strip() not in json.dumps(said) and len(said[0]["commitment"]) == 64


def test_the_next_release_publishes_the_last_ones_secret(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    first = ["release", "r1", "--secret", "one", "--into", "host"]
    second = ["release", "r2", "--secret", "two", "--into", "host"]
    assert main(first) == 0
    assert main(second) == 2 and "--previous" in capsys.readouterr().err
    (tmp_path / "forged").write_text(SECRETS[3])
    assert main([*second, "--previous", "forged"]) == 2
    assert "is not the secret that r1 was drawn from" in capsys.readouterr().err
    assert main([*second, "--previous", "one"]) == 0
    entries = json.loads((tmp_path / "releases.json").read_text())
    assert release.commitment(entries[0]["secret"]) == entries[0]["commitment"] and "secret" not in entries[1]
    assert main([*second, "--previous", "one"]) == 2 and "released already" in capsys.readouterr().err


def test_a_file_that_holds_no_secret_is_named(tmp_path):
    (tmp_path / "file").write_text("password\n")
    with pytest.raises(ValueError, match="holds no secret"):
        release.secret_of(tmp_path / "file")
