"""`import retouch`: costs nothing, offers five names, and gives the records as tables."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import retouch
from retouch import metrics
from retouch.benchmark import records

REPOSITORY = Path(__file__).parents[1]
HEAVY = ("torch", "numpy", "pandas", "scipy", "pydantic", "retouch.benchmark", "retouch.metrics")
CELL = "category_redaction/digits-gan"


def test_importing_it_imports_nothing_else():
    code = "import sys, retouch; dir(retouch); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "retouch" in loaded and not set(HEAVY) & set(loaded)


@pytest.mark.parametrize("package", [retouch, metrics])
def test_type_checkers_see_the_names_that_there_are(package):
    """The imports under TYPE_CHECKING are those that `__getattr__` makes."""
    tree = ast.parse(Path(package.__file__).read_text())
    [block] = [node for node in tree.body if isinstance(node, ast.If) and not isinstance(node.test, ast.UnaryOp)]
    seen = {alias.asname: f"{node.module}.{alias.name}" for node in block.body for alias in node.names}
    assert sorted(seen) == dir(package)
    for name, place in seen.items():
        module, _, own = place.rpartition(".")
        assert getattr(package, name) is getattr(sys.modules[module], own)


def test_an_unknown_name_is_an_error_that_names_the_known():
    with pytest.raises(
        AttributeError, match="no attribute 'laod'; it has check_generator, compare, load, load_edited, load_results"
    ):
        _ = retouch.laod


@pytest.fixture(scope="module")
def results():
    pytest.importorskip("pandas")
    return retouch.load_results(REPOSITORY / "submissions")


def test_results_are_the_records(results):
    files = list(REPOSITORY.glob("submissions/*/records/**/*.json"))
    assert len(results) == len(files) > 100
    one = records.read(REPOSITORY / f"submissions/finetune_retain/records/tiny/{CELL}/default.0.json")
    cell = (results["submission"] == "finetune_retain") & (results["instance"] == CELL) & (results["seed"] == 0)
    [row] = results[cell].to_dict("records")
    assert (row["goal"], row["goal_low"], row["goal_high"]) == (one.goal.value, one.goal.low, one.goal.high)
    assert (row["metric.fd"], row["metric.fd_high"]) == (one.metrics["fd"].value, one.metrics["fd"].high)
    assert (row["family"], row["task"], row["tuning"]) == ("gan", "category_redaction", False)
    assert json.loads(row["params"]) == one.params and row["access"].split() == one.access
    assert "Malnick" in results.groupby("submission")["paper"].first()["taming_flows"]


def test_one_submissions_folder_will_do(results):
    own = retouch.load_results(REPOSITORY / "submissions/rejection")
    assert set(own["submission"]) == {"rejection"} and own["paper"].equals(own["paper"].fillna(""))
    assert len(own) == (results["submission"] == "rejection").sum()


def test_a_file_that_is_no_record_is_warned_of(tmp_path):
    file = tmp_path / f"mine/records/tiny/{CELL}/default.0.json"
    file.parent.mkdir(parents=True)
    good = REPOSITORY / f"submissions/unchanged/records/tiny/{CELL}/default.0.json"
    file.write_text(good.read_text().replace('"unchanged"', '"mine"'))
    file.with_name("default.1.json").write_text("{}")
    with pytest.warns(UserWarning, match=r"left out .*default\.1\.json"):
        assert len(retouch.load_results(tmp_path)) == 1
    with pytest.raises(ValueError, match="no records below"):
        retouch.load_results(tmp_path / "nothing")
