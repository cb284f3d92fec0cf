"""The verbs: what they show, and that a wrong name gets the nearest."""

import itertools
import subprocess
import sys

import pytest
from toy_runs import INSTANCE, REPOSITORY, write

from retouch.benchmark import tracks
from retouch.benchmark.cli.main import main
from retouch.benchmark.run import plan
from retouch.benchmark.run.resolve import current_record


def test_help_answers_at_once():
    code = "import sys; from retouch.benchmark.cli.main import _parser; _parser(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, check=True)
    assert not {"torch", "numpy", "pydantic", "rich"} & set(done.stdout.split())


def test_unknown_names_get_the_nearest(submissions, capsys):
    write(submissions, "mine", "")
    for arguments, hint in (
        (["run", "mien"], "mine"),
        (["run", "mine", "--track", "tinny"], "tiny"),
        (["run", "mine", "--instance", "category_redaction/digit-gan"], INSTANCE),
        (["run", "mine", "--task", "redaction"], "category_redaction"),
        (["run", "mine", "--point", "strong"], "default"),
        (["pretrain", "digits-gun"], "digits-gan"),
    ):
        assert main(arguments) == 2
        assert hint in capsys.readouterr().err


def test_plan_lists_and_starts_nothing(submissions, capsys):
    write(submissions, "m", "def edit(g, task, budget):\n    return g\n")
    assert main(["run", "m", "--plan", "--instance", "category_redaction/digits-gan"]) == 0
    assert "3 of 3 runs are missing" in capsys.readouterr().out
    assert not (submissions / "m/records").exists()


def test_a_track_without_its_data_is_planned_but_not_run(submissions, tmp_path, monkeypatch, capsys):
    write(submissions, "m", "def edit(g, task, budget):\n    return g\n", task="category_redaction")
    monkeypatch.setenv("RETOUCH_DATA", str(tmp_path))
    command = ["run", "m", "--track", "small", "--instance", "category_redaction/mnist-gan-8", "--seed", "0"]
    assert main([*command, "--plan"]) == 0
    assert "1 of 1 runs are missing" in capsys.readouterr().out
    assert main(command) == 2
    assert "point RETOUCH_DATA to a folder with MNIST/raw" in capsys.readouterr().err
    assert not (submissions / "m/records").exists()


def test_tasks_lists_every_instance_of_a_track(capsys):
    for arguments in ([], ["tiny"]):
        assert main(["tasks", *arguments]) == 0
        said = capsys.readouterr().out
        assert all(one.name in said for one in tracks.load("tiny").instances)
    lines = said[said.index("attribute_rebalancing/faces-gan ") :].splitlines()  # cells wrap: a row ends at a name
    row = lines[:1] + list(itertools.takewhile(lambda line: line.startswith("│  "), lines[1:]))
    assert "edits" in " ".join(row) and "core" in row[0]  # the question that only GANs are asked
    assert main(["tasks", "tinny"]) == 2 and "tiny" in capsys.readouterr().err


def test_run_again_status_and_export(submissions, capsys):
    log = submissions / "log"  # of edits
    write(submissions, "m", f"def edit(g, task, budget):\n    open('{log}', 'a').write('x')\n    return g\n")
    assert main(["status"]) == 0
    assert "nothing has run yet" in capsys.readouterr().out
    command = ["run", "m", "--no-sandbox", "--instance", INSTANCE, "--seed", "0"]
    for more, edits in (([], "x"), ([], "x"), (["--again"], "xx")):
        assert main([*command, *more]) == 0 and log.read_text() == edits
    capsys.readouterr()
    main(["status"])
    assert "1 done, 0 not ok, 0 left" in capsys.readouterr().out
    done, other = plan.plan([submissions / "m"], tracks.load("tiny"), instances=[INSTANCE], seeds=[0, 1])
    cost = current_record(done).cost
    assert plan.estimate(other)["minutes"] == pytest.approx((cost.work_seconds + cost.harness_seconds) / 60)
    assert cost.base_seconds > 0
    pandas = pytest.importorskip("pandas")
    assert main(["export", "out"]) == 0
    table = pandas.read_parquet("out/records.parquet")
    assert table.loc[0, "submission"] == "m" and 0 <= table.loc[0, "metric.invalidity"] <= 1
    assert len(pandas.read_csv("out/records.csv")) == 1
