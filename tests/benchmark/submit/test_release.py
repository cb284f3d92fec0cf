"""Private instances: bound by a hash, drawn from the secret alone, published by the next release."""

import json
import stat

import pytest

from retouch.benchmark import tracks
from retouch.benchmark.cli.main import main
from retouch.benchmark.submit import release
from retouch.benchmark.tasks import look_up

SECRETS = [f"{k:064x}" for k in range(1, 30)]


@pytest.fixture
def tiny():
    return tracks.load("tiny")


def test_the_draw_follows_from_the_secret(tiny):
    assert release.draw(tiny, SECRETS[0], "r1") == release.draw(tiny, SECRETS[0], "r1")
    others = [release.draw(tiny, SECRETS[1], "r1"), release.draw(tiny, SECRETS[0], "r2")]
    assert all(other.seeds != release.draw(tiny, SECRETS[0], "r1").seeds for other in others)


def test_no_private_target_or_seed_is_public(tiny):
    public = {json.dumps(instance.target) for instance in tiny.instances if "values" in instance.target
              or "shares" in instance.target}  # fmt: skip
    drawn = [release.draw(tiny, secret, "r1") for secret in SECRETS]
    targets = {json.dumps(instance.target) for track in drawn for instance in track.instances}
    assert not targets & public and len(targets) > 20
    assert all(seed > 2**16 for track in drawn for seed in track.seeds)
    assert {"identity_removal", "category_redaction", "attribute_rebalancing"} <= {
        instance.task for instance in drawn[0].instances}  # fmt: skip


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
