"""Manifests: what is wrong with one is said with its file and field."""

import pytest
from toy_runs import write

from retouch.benchmark import submission
from retouch.benchmark.cli.main import main


def test_a_broken_manifest_names_file_and_field(submissions, capsys):
    folder = write(submissions, "m", "")
    (folder / "submission.toml").write_text("title = \n")
    assert main(["run", "m"]) == 2
    assert "submission.toml is not TOML" in capsys.readouterr().err
    (folder / "submission.toml").write_text('title = "x"\nauthors = []\nfamilies = ["vae"]\ntasks = []\nentry = "x"\n')
    with pytest.raises(ValueError) as error:
        submission.read(folder)
    for field in ("authors", "families", "tasks", "entry"):
        assert field in str(error.value)
