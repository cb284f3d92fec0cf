"""`retouch score`: images made elsewhere are scored as a run's are."""

import numpy as np
from toy import png, zipped
from toy_runs import INSTANCE, ran, record_file, write

from retouch.benchmark import records, setup
from retouch.benchmark.cli.main import main
from retouch.benchmark.submit import check

SHAPE, N = (1, 8, 8), 2000


def test_what_is_wrong_is_said_with_the_remedy(submissions, tmp_path, images, capsys):
    np.save(tmp_path / "few.npy", images[:10])
    np.save(tmp_path / "float.npy", images / 255)
    np.save(tmp_path / "wide.npy", np.zeros((N, 8, 16), np.uint8))
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}] * N), allow_pickle=True)
    np.savez(tmp_path / "two.npz", a=images, b=images)
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 and no more")
    np.save(tmp_path / "short.npy", images)
    (tmp_path / "short.npy").write_bytes((tmp_path / "short.npy").read_bytes()[:5000])
    zipped(tmp_path / "torn.zip", {f"{i}.png": png(images[0, 0])[:40] for i in range(N)})
    zipped(tmp_path / "alpha.zip", {f"{i}.png": png(images[0, 0], "RGBA") for i in range(N)})
    for name, message in {
        "few.npy": "1,990 more are needed", "empty": "2,000 more are needed", "float.npy": "wanted uint8",
        "wide.npy": "crop it first", "objects.npy": "wanted uint8", "two.npz": "wanted one array",
        "broken.zip": "that can be read", "nowhere": "does not exist", "short.npy": "in the middle of image",
        "torn.zip": "is no image that can be read", "alpha.zip": "PIL's mode RGBA",
    }.items():  # fmt: skip
        assert main(["score", name, "--instance", INSTANCE]) == 2, name
        assert message in capsys.readouterr().err, name
    assert main(["score", "few.npy", "--instance", "category_redaction/digit-gan"]) == 2
    assert INSTANCE in capsys.readouterr().err


def test_scored_images_become_a_record_that_can_be_rescored(submissions, tmp_path, images, capsys, monkeypatch):
    np.save(tmp_path / "images.npy", images)
    assert main(["score", "images.npy", "--instance", INSTANCE]) == 0
    said = capsys.readouterr().out
    assert "invalidity" in said and "quality" in said
    assert not list((submissions).iterdir())
    folder = write(submissions, "closed", entry="images")
    write(submissions, "open")
    assert main(["score", "images.npy", "--instance", INSTANCE, "--submission", "open"]) == 2
    assert 'entry = "images"' in capsys.readouterr().err
    assert main(["run", "closed"]) == 2
    assert "retouch score IMAGES" in capsys.readouterr().err
    assert main(["score", "images.npy", "--instance", INSTANCE, "--submission", "closed", "--seed", "1"]) == 0
    file = record_file(folder, 1)
    made = records.read(file)
    assert made.status == "samples_only" and made.goal.value > 0.9 and made.cost is None and made.method == "images"
    assert not [f for f in check.check(folder).findings if f.level == "error"]
    assert main(["verify", "closed"]) == 1
    assert "NOT verified: images that were made elsewhere cannot be made again" in capsys.readouterr().out

    before = setup.METRICS
    monkeypatch.setattr(setup, "METRICS", "next")  # the metrics move on: stale, and scored again without the images
    assert any(f"stale: metrics version {before}, now next" in f.what for f in check.check(folder).findings)
    (tmp_path / "images.npy").unlink()
    assert main(["rescore", "closed"]) == 0
    again = records.read(file)
    assert again.provenance.versions["metrics"] == "next" and again.score == made.score
    assert not [f for f in check.check(folder).findings if f.level == "error"]


def test_the_base_made_elsewhere_scores_as_unchanged_does(submissions, cache, tmp_path):
    """The same images through the front door and through `score` give the same numbers."""
    folder = write(submissions, "unchanged", entry="retouch.methods.unchanged:edit")
    first = records.read(ran(folder))
    answers = next((cache / "answers").glob("*.npz"))
    with np.load(answers) as kept:
        np.save(tmp_path / "again.npy", kept["samples"])
    write(submissions, "elsewhere", entry="images")
    assert main(["score", "again.npy", "--instance", INSTANCE, "--submission", "elsewhere"]) == 0
    second = records.read(record_file(submissions / "elsewhere"))
    assert (second.goal, second.quality, second.score) == (first.goal, first.quality, first.score)
    assert {k: v for k, v in first.metrics.items() if k != "drift"} == second.metrics
