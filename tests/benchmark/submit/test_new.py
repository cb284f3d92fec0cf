"""`retouch new`: what it writes runs as it is, for every task and family, from any folder."""

import re
import tomllib
from typing import get_args

import pytest
from toy_runs import INSTANCE, REPOSITORY, record_file

from retouch.benchmark import generators, records, submission, tasks
from retouch.benchmark.cli.main import main
from retouch.benchmark.submit import check
from retouch.benchmark.task import NEEDS, Guide


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A folder that knows nothing of the repository."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("task", tasks.names())
def test_every_start_is_a_sound_submission_of_20_lines(elsewhere, task, capsys):
    assert main(["new", "mine", "--task", task, "--family", "flow", "--family", "gan"]) == 0
    said = capsys.readouterr().out
    assert "retouch run mine --seed 0" in said and "retouch check mine" in said
    folder = elsewhere / "submissions" / "mine"
    manifest = submission.read(folder)
    assert manifest.tasks == [task] and manifest.families == ["flow", "gan"] and "discriminator" in manifest.access
    assert len((folder / "mine.py").read_text().splitlines()) <= 25
    found = check.check(folder).findings
    assert not [f for f in found if f.level == "error"]
    assert {"authors are those of the template", "no licence"} <= {f.what for f in found}
    file = folder / "submission.toml"
    file.write_text(re.sub("^# (.* = |\\[\\[)", r"\1", file.read_text(), flags=re.MULTILINE))
    assert [point.name for point in submission.read(folder).points] == ["default", "strong"]


@pytest.mark.parametrize(
    ("task", "family", "instance"),
    [
        ("category_redaction", "gan", f"{INSTANCE}-at-10"),
        pytest.param("attribute_rebalancing", "gan", "attribute_rebalancing/faces-gan", marks=pytest.mark.slow),
    ],
)
def test_a_start_runs_anywhere_and_improves_on_the_base(elsewhere, task, family, instance):
    """In a folder of its own, with a helper beside the method."""
    assert main(["new", "deep/down/my-method.2", "--task", task, "--family", family]) == 0
    folder = elsewhere / "deep/down/my-method.2"
    method = folder / "my_method_2.py"
    (folder / "helper.py").write_text("SHARE = 0.25\n")
    method.write_text(method.read_text().replace("import torch\n", "import torch\nfrom helper import SHARE\n").replace(
        "budget.train_steps // 2", "int(budget.train_steps * SHARE)"))  # fmt: skip
    assert main(["run", str(folder), "--instance", instance, "--seed", "0", "--no-sandbox"]) == 0
    found = records.read(record_file(folder, instance=instance))
    assert found.status == "ok" and found.goal.value > 0.2 and found.quality.value > 0.5
    assert found.cost.gradient_steps > 20
    assert not [f for f in check.check(folder).findings if f.level == "error"]


def test_new_never_overwrites_and_refuses_impossible_names(elsewhere, capsys):
    assert main(["new", "mine"]) == 0
    before = {file: file.read_bytes() for file in (elsewhere / "submissions/mine").iterdir()}
    assert main(["new", "mine", "--task", "output_diversity"]) == 2
    assert "holds something already" in capsys.readouterr().err
    assert {file: file.read_bytes() for file in (elsewhere / "submissions/mine").iterdir()} == before
    for name in ("Mine", "my method", ".hidden", "x" * 65, "ümlaut"):
        assert main(["new", name]) == 2, name
        assert "lower-case" in capsys.readouterr().err


def test_the_page_on_writing_has_every_field_and_word():
    page = (REPOSITORY / "docs/writing.md").read_text()
    example = tomllib.loads(page.split("```toml\n")[1].split("```")[0])
    manifest = submission.Submission.model_validate(example)
    assert set(example) == set(submission.Submission.model_fields) - {"control"} and len(manifest.points) == 2
    words = [*NEEDS, *NEEDS.values()]
    words += [*get_args(submission.Need), *tasks.names(), *generators.names()]
    words += [name for name in dir(Guide) if name[0] != "_"] + ["train_step", "log_prob", "edit_attribute", "h_space"]
    assert not [word for word in words if not re.search(rf"\b{word}\b", page)]
