"""What the workflow on a pull request does: its steps, and what its files state."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import corpus
import forgeries
import hostile
import pytest
import yaml
from toy_runs import REJECTS, REPOSITORY, TRAINS, copy, forge, needs_sandbox, record_file, write

from retouch.benchmark import records
from retouch.benchmark.cli.main import main
from retouch.benchmark.run.plan import Run
from retouch.benchmark.submit import gate as gate_module
from retouch.benchmark.submit import verify
from retouch.benchmark.worker import sandbox

SIGNED = {"by": "a maintainer", "when": "2026-01-01T00:00:00+00:00"}
VERIFIED = {"status": "verified", **SIGNED, "goal": None, "quality": None}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A checkout of the main branch, and beside it `proposed`, what a pull request brings."""
    monkeypatch.chdir(tmp_path)
    for folder in ("submissions", "proposed/submissions"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def gate(*arguments):
    """A step of the workflow: its exit code."""
    return gate_module.main([str(argument) for argument in arguments])


def test_other_files_and_odd_names_are_refused(here, capsys):
    paths = ["submissions/mine/submission.toml", "submissions/mine/records/x.json", "submissions/.odd/a", "README.md"]
    Path("changed").write_bytes("\0".join(paths).encode())
    assert gate("names", "changed") == 1
    said = capsys.readouterr()
    assert said.out.split() == ["mine"] and "README.md" in said.err and ".odd" in said.err
    Path("changed").write_bytes(b"submissions/mine/submission.toml\0")
    assert gate("names", "changed") == 0


@pytest.fixture
def proposed(honest, here, monkeypatch):
    """A pull request with a submission whose records lie on a track that no host runs."""
    monkeypatch.setattr(gate_module, "HOST_TRACKS", ())
    Path("names").write_text("mine\n")
    return copy(honest, here / "proposed/submissions")


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("indent", [None, 1])
def test_no_pull_request_says_more_than_claimed(proposed, honest, here, capsys, known, indent):
    if known:
        copy(honest, here / "submissions")
    assert gate("copy", "proposed", "names") == 0
    for status in ("verified", "disputed", "withdrawn"):
        table = forge(record_file(proposed), claim=VERIFIED | {"status": status, "note": "a note"})
        record_file(proposed).write_text(json.dumps(table, indent=indent))
        assert gate("copy", "proposed", "names") == 1
        assert "only a maintainer may" in capsys.readouterr().err


def test_a_verified_claim_stays_unless_the_record_changes(proposed, honest, here):
    copy(honest, here / "submissions")
    for root in ("submissions", "proposed/submissions"):
        forge(record_file(here / root / "mine"), claim=VERIFIED)
    assert gate("copy", "proposed", "names") == 0
    forge(record_file(proposed), reason="another one")
    assert gate("copy", "proposed", "names") == 1


def test_records_that_the_host_makes_are_not_taken(honest, here):
    """However perfect they are: a forged record, a withdrawn one and one of another entry go the same way."""
    proposed = copy(honest, here / "proposed/submissions")
    shutil.copytree(proposed / "records/tiny", proposed / "records/large")
    Path("names").write_text("mine\n")
    assert gate("copy", "proposed", "names") == 0
    ours = here / "submissions/mine"
    assert (ours / "method.py").exists() and not (ours / "records/tiny").exists() and (ours / "records/large").exists()


def test_where_no_sandbox_starts_nothing_is_made(honest, here, monkeypatch):
    copy(honest, here / "submissions")
    Path("names").write_text("mine\n")
    monkeypatch.setenv("PATH", "/nonexistent")
    sandbox.name.cache_clear()
    with pytest.raises(ValueError, match="bubblewrap"):
        gate("make", "names", "--by", "the host")
    sandbox.name.cache_clear()


def test_every_number_that_moved_is_listed(honest, here):
    for root in ("submissions", "before"):
        (here / root).mkdir(exist_ok=True)
        folder = copy(honest, here / root)
    assert gate_module.moved(Path("before"), ["mine"]) == []
    file = record_file(here / "submissions/mine")
    forge(file, metrics__fd__value=5.0, cost__operations=7, provenance__time="2026-02-01T00:00:00+00:00")
    record_file(here / "submissions/mine", seed=1).unlink()
    lines = gate_module.moved(Path("before"), ["mine"])
    assert len(lines) == 3 and any("gone" in line for line in lines)
    assert any("metrics.fd.value" in line and "-> 5.0" in line for line in lines)
    assert any("cost.operations" in line for line in lines) and folder


PLAYS = {  # a pull request played through with the workflow's own steps: body -> (exit code of `make`, what it says)
    "honest": (TRAINS, 0, "verified"),
    "hostile": ("import os\ndef edit(g, task, budget):\n    os.listdir('/root')\n    return g\n", 0, "failed"),
    "prepared": (REJECTS.replace("    return Rejecting(generator, task)", "    return Rejecting(generator, task) "
                                 "if task.table['seed'] in (0, 1, 2) else generator"),
        1, "NOT verified"),
}  # fmt: skip


@needs_sandbox
@pytest.mark.slow
@pytest.mark.parametrize("name", PLAYS)
def test_a_pull_request_played_through(here, capsys, name):
    body, code, words = PLAYS[name]
    write(here / "proposed/submissions", name, body)
    Path("changed").write_bytes(f"submissions/{name}/method.py\0".encode())
    Path("names").write_text(f"{name}\n")
    assert gate("names", "changed") == 0 and gate("copy", "proposed", "names") == 0
    assert gate("make", "names", "--by", "the host, run 1") == code
    assert words in capsys.readouterr().out
    made = [records.read(file) for file in (here / f"submissions/{name}").glob("records/**/*.json")]
    assert len(made) == 3 and all(record.provenance.sandbox.startswith("bubblewrap") for record in made)
    assert {record.claim.by for record in made} == {"the host, run 1"}
    assert main(["check", name]) == 0
    assert gate("moved", "submissions", "names") == 0


def test_the_draw_writes_its_log(honest, here, monkeypatch, capsys):
    folder = copy(honest, here / "submissions")
    monkeypatch.setattr(Run, "foreign", False)
    (here / "docs").mkdir()
    (here / "docs/reverified.md").write_text("| day |\n")
    assert gate("again", "--by", "the draw", "--seed", "1") == 0 and capsys.readouterr().out == ""  # none is verified
    raw = records.read(record_file(folder)).model_dump(mode="json")
    for seed in (0, 1):
        forge(record_file(folder, seed), claim=VERIFIED | {"goal": raw["goal"], "quality": raw["quality"]})
    monkeypatch.setattr(verify, "DRAWS", 1)
    assert gate("again", "--by", "the draw", "--seed", "1", "--cells", "1") == 0
    assert "| mine | category_redaction/digits-gan | default | agrees |" in Path("docs/reverified.md").read_text()
    assert records.read(record_file(folder)).claim.by == "the draw"


WORKFLOWS = {file.name: yaml.safe_load(file.read_text()) for file in (REPOSITORY / ".github/workflows").glob("*.yml")}


def test_actions_are_pinned_by_hash():
    steps = [step for one in WORKFLOWS.values() for job in one["jobs"].values() for step in job["steps"]]
    used = [step["uses"] for step in steps if "uses" in step]
    assert len(used) > 10 and all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", one) for one in used)


def test_the_job_that_runs_strangers_code_may_write_nothing():
    flow = WORKFLOWS["submission.yml"]
    assert set(flow[True]) == {"pull_request_target"} and flow["permissions"] == {}  # YAML reads `on` as true
    jobs = flow["jobs"]
    runs = [name for name, job in jobs.items() if any("gate make" in step.get("run", "") for step in job["steps"])]
    assert runs == ["make"] and jobs["make"]["permissions"] == {"contents": "read"}
    assert "label.name == 'run'" in jobs["make"]["if"] and "labeled" in jobs["make"]["if"]
    for name, job in jobs.items():
        checkouts = [step for step in job["steps"] if "checkout" in step.get("uses", "")]
        for step in checkouts:  # the harness is the main branch's, the pull request lies beside it as data
            head = "head.sha" in step["with"]["ref"]
            assert head == (step["with"].get("path") == "proposed"), name
            assert name == "commit" or step["with"]["persist-credentials"] is False
        if "write" in job["permissions"].values():
            assert not any("proposed" in str(step) or "pip install" in str(step) for step in job["steps"]), name


def test_what_a_stranger_says_reaches_no_shell():
    """Titles, names and branches of a pull request come as environment variables or not at all."""
    for name, flow in WORKFLOWS.items():
        for job in flow["jobs"].values():
            for step in job["steps"]:
                for word in re.findall(r"\${{(.*?)}}", step.get("run", "")):
                    assert re.fullmatch(r" (matrix\.\w+.*|github\.token) ", word), (name, word)


def test_the_hosts_packages_have_hashes():
    lines = (REPOSITORY / ".github/constraints.txt").read_text().replace("\\\n", " ").splitlines()
    pins = [line for line in lines if line and not line.lstrip().startswith("#")]
    assert len(pins) > 20 and all("==" in line and "--hash=sha256:" in line for line in pins)
    exact = dict(line.split("==") for line in (REPOSITORY / "constraints.txt").read_text().splitlines() if "==" in line)
    hashed = dict(re.match(r"([\w.-]+)==(\S+)", line).groups() for line in pins)
    norm = lambda text: text.lower().replace("_", "-")  # noqa: E731
    exact = {norm(name): version for name, version in exact.items()}
    assert all(exact.get(norm(name), version) == version for name, version in hashed.items())


def test_the_hosts_image_installs_by_hash_and_runs_as_a_user():
    lines = (REPOSITORY / "Dockerfile").read_text().splitlines()
    assert any("--require-hashes -r /src/.github/constraints.txt" in line for line in lines)
    assert any("bubblewrap" in line for line in lines) and lines.index("USER host") < lines.index(
        'ENTRYPOINT ["retouch"]'
    )
    builder = shutil.which("docker") and subprocess.run(["docker", "buildx", "version"], capture_output=True)
    if builder and builder.returncode == 0:
        assert subprocess.run(["docker", "buildx", "build", "--check", str(REPOSITORY)]).returncode == 0


def test_the_document_lists_the_whole_corpus():
    text = corpus.DOCUMENT.read_text()
    assert corpus.written(text) == text, "python tests/corpus.py writes the tables"
    tests = "".join(file.read_text() for file in (REPOSITORY / "tests/benchmark").rglob("test_*.py"))
    assert all(f"def {test}(" in tests for test in forgeries.GATE.values())


def test_the_corpus_is_as_large_as_promised():
    kinds = [*forgeries.ONE_FIELD.values(), *forgeries.SECOND_RUN.values()]
    assert sum(map(len, kinds)) + len(forgeries.GATE) >= 100
    assert sum(map(len, hostile.ATTEMPTS.values())) + len(hostile.RUNS) >= 50
