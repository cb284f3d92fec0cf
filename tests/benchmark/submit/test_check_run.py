"""`retouch check --run`: a short run in the worker, and the laws of what comes back."""

import pytest
from toy_runs import REJECTS, TRAINS, write

from retouch.benchmark import tracks
from retouch.benchmark.cli.main import main
from retouch.benchmark.submit.check import check
from retouch.benchmark.submit.check_run import SHARE, check_run

FLOATS = """
def edit(generator, task, budget):
    draw = generator.sample
    generator.sample = lambda n, rng: draw(n, rng) / 255
    return generator
"""
COPIES = """
class Same:
    def __init__(self, generator):
        self.images = generator.sample(8, __import__("torch").Generator().manual_seed(0))

    def sample(self, n, rng):
        return self.images[:n]


def edit(generator, task, budget):
    return Same(generator)
"""
RAISES = "def edit(generator, task, budget):\n    raise RuntimeError(f'{budget.train_steps} steps')\n"


def broken(root, name, body):
    """What `check_run` adds to the findings of a submission, and its line."""
    checked = check(write(root, name, body))
    before = len(checked.findings)
    line = check_run(checked, tracks.load("tiny"))
    return [finding.what for finding in checked.findings[before:]], line


@pytest.mark.parametrize("body", [TRAINS, REJECTS], ids=["a generator", "a filter"])
def test_an_honest_edit_keeps_all_laws(tmp_path, body):
    findings, line = broken(tmp_path, "honest", body)
    assert not findings and "category_redaction/digits-gan with 25% of its budget" in line
    assert line.endswith("its generator keeps all laws")


@pytest.mark.parametrize(
    ("body", "law", "seen"),
    [(FLOATS, "samples_are_images", "float32 (8, 1, 8, 8)"), (COPIES, "samples_follow_the_rng", "the same")],
)
def test_a_broken_law_is_an_error_with_its_remedy(tmp_path, body, law, seen):
    findings, line = broken(tmp_path, "faulty", body)
    [what] = [what for what in findings if f"budget: {law}: expected" in what]
    assert seen in what and law in line


def test_an_edit_that_fails_is_an_error_with_its_line(tmp_path):
    findings, line = broken(tmp_path, "raises", RAISES)
    steps = round(4000 * tracks.load("tiny").instance("category_redaction/digits-gan").share * SHARE)
    assert len(findings) == 1 and f"RuntimeError: {steps} steps (method.py, line 2" in findings[0]
    assert line.endswith("failed")


def test_the_command_line_runs_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "submissions", "mine", COPIES)
    assert main(["check", "mine", "--run"]) == 1
    out = capsys.readouterr().out
    assert "breaks samples_follow_the_rng" in out and "error: mine: default on category_redaction/digits-gan" in out
