"""The workflows: what they may do, and a pull request played through with their own steps on this machine."""

import os
import re
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
import yaml
from toy_runs import KEEPS, REJECTS, REPOSITORY, TRAINS, copy, forge, needs_sandbox, write
from workflow import Play, git

from retouch.benchmark import records, tracks

FOLDER = REPOSITORY / ".github/workflows"
VERIFIED = {"status": "verified", "by": "me", "when": "2026-01-01T00:00:00+00:00", "note": "by sample: all"}
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
    assert any("bubblewrap" in line for line in lines) and lines.index("USER 1000") < lines.index(
        'ENTRYPOINT ["retouch"]'
    )


@pytest.mark.slow
def test_the_hosts_image_is_built_where_a_builder_is():
    docker = shutil.which("docker")
    if not docker or subprocess.run([docker, "info"], capture_output=True).returncode:
        pytest.skip("no builder of images here")
    subprocess.run([docker, "build", "--quiet", "--tag", "retouch-test", str(REPOSITORY)], check=True)
    subprocess.run([docker, "run", "--rm", "retouch-test", "tasks"], check=True, capture_output=True)


def linter(name):
    """A linter's program, where it is installed beside Python or on the path."""
    found = shutil.which(name, path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    return found or pytest.skip(f"{name} is not installed")


def test_a_linter_of_workflows_finds_nothing():
    """But for the trigger that the design rests on: pull_request_target, with the main branch's own steps."""
    done = subprocess.run([linter("zizmor"), "--offline", "--no-progress", "--format", "plain", str(FOLDER)],
                          capture_output=True, text=True)  # fmt: skip
    found = re.findall(r"^(?:error|warning)\[([\w-]+)\]", done.stdout, re.MULTILINE)
    assert set(found) <= {"dangerous-triggers"}, done.stdout


def test_a_linter_of_images_finds_nothing():
    done = subprocess.run([linter("hadolint"), str(REPOSITORY / "Dockerfile")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.fixture
def origin(tmp_path, monkeypatch, committer):
    """The repository: one submission on main, and a function that proposes files in a pull request."""
    monkeypatch.setenv("RETOUCH_CACHE", str(tmp_path / "cache"))
    git(tmp_path, "init", "-q", "-b", "main", "main")
    write(tmp_path / "main/submissions", "known", KEEPS)
    commit(tmp_path / "main", "main")
    git(tmp_path, "clone", "-q", "--bare", "main", "origin")
    return tmp_path / "origin"


def commit(where, what):
    git(where, "add", "--all")
    git(where, "commit", "-qm", what)
    return git(where, "rev-parse", "HEAD")


def pull_request(origin, propose):
    """Events of a pull request with what `propose` writes into a checkout: action, and a label for `labeled`."""
    place = origin.parent / "proposal"
    git(origin.parent, "clone", "-q", str(origin), str(place))
    base, head = git(place, "rev-parse", "HEAD"), (propose(place), commit(place, "mine"))[1]
    git(place, "push", "-q", "origin", "HEAD:refs/heads/from-a-fork")
    ends = {"base": {"sha": base}, "head": {"sha": head, "ref": "mine", "repo": {"full_name": "me/fork"}}}

    def play(action, label="", **changes):
        event = {"action": action, "label": {"name": label}, "pull_request": {"number": 7, **ends, **changes}}
        return Play(FOLDER / "submission.yml", origin, origin.parent / f"{action}{label}", event)

    return play


def of_the_host(origin):
    """The records on the host's branch, empty without one, and the files that it changes."""
    if not git(origin, "branch", "--list", "host/7"):
        return [], []
    place = origin.parent / "host"
    git(origin.parent, "clone", "-q", "-b", "host/7", str(origin), str(place))
    changed = git(place, "diff", "--name-only", "origin/main", "HEAD").split("\n")
    return records.read_all(place / "submissions")[0], changed


def unharmed(origin):
    """Whether the main branch is as it was."""
    return git(origin, "log", "--format=%s", "main") == "main"


@pytest.mark.slow
def test_a_forged_pull_request_ends_at_the_check(honest, origin):
    """Records that say that they are verified, and files of the harness: nothing runs, nothing is written."""

    def propose(place):
        folder = copy(honest, place / "submissions")
        (folder / "records/tiny").rename(folder / "records/faces")
        for file in folder.glob("records/**/*.json"):
            forge(file, track="faces", claim=VERIFIED)
        (place / "benchmark").mkdir()

    play = pull_request(origin, propose)
    opened = play("opened")
    assert opened.results["check"] == "failure" and opened.results["make"] == "skipped"
    assert "only a maintainer may" in opened.log and "### Not yet" in opened.comment
    assert of_the_host(origin) == ([], []) and unharmed(origin)


def test_what_the_host_proposes_is_not_checked_as_a_strangers(origin):
    play = pull_request(origin, lambda place: write(place / "submissions", "mine"))
    own = {"head": {"sha": "none", "ref": "host/7", "repo": {"full_name": "o/r"}}}
    assert set(play("opened", **own).results.values()) == {"skipped"}


@needs_sandbox
@pytest.mark.slow
@pytest.mark.parametrize("verified", [False, True])
def test_the_weekly_draw_proposes_what_it_found(honest, origin, verified):
    """Of submissions without a verified record nothing; of others their claims, and a line of the public log."""
    place = origin.parent / "main"
    folder = copy(honest, place / "submissions")
    for file in folder.glob("records/**/*.json") if verified else ():
        raw = records.read(file).model_dump(mode="json")
        forge(file, claim=VERIFIED | {"goal": raw["goal"], "quality": raw["quality"]})
    (place / "docs").mkdir()
    (place / "docs/reverified.md").write_text("| day |\n")
    commit(place, "records")
    git(place, "push", "-q", str(origin), "HEAD:main")
    play = Play(FOLDER / "reverify.yml", origin, origin.parent / "week", {})
    assert set(play.results.values()) == {"success"}, play.log
    assert len(play.calls) == verified and bool(git(origin, "branch", "--list", "reverified/1")) == verified
    if verified:
        assert "| mine |" in git(origin, "show", "reverified/1:docs/reverified.md")
        assert git(origin, "log", "-1", "--format=%s", "main") == "records"


@needs_sandbox
@pytest.mark.slow
def test_an_honest_pull_request_becomes_records_of_the_host(origin):
    play = pull_request(origin, lambda place: write(place / "submissions", "mine", TRAINS))
    opened = play("opened")
    assert {opened.results[name] for name in ("check", "comment")} == {"success"}, opened.log
    assert "### In order" in opened.comment and opened.results["make"] == "skipped"
    assert play("synchronize").calls[0].endswith("--remove-label run")
    labeled = play("labeled", "run")
    assert set(labeled.results.values()) == {"success", "skipped"}, labeled.log
    assert labeled.results["unlabel"] == "skipped"
    made, changed = of_the_host(origin)
    tiny = tracks.load("tiny")
    core = [one for one in tiny.instances if one.core and not one.tuning]
    due = [one.name for one in core if (one.task, one.family) == ("category_redaction", "gan")]
    assert sorted((record.instance, record.seed) for record in made) == sorted(product(due, tiny.seeds))
    assert all(record.status == "ok" and record.claim.status == "verified" for record in made)
    assert {record.claim.by for record in made} == {"the host, run 1"}
    assert all(record.provenance.sandbox.startswith("bubblewrap") for record in made)
    assert all(file.startswith("submissions/mine/") for file in changed) and unharmed(origin)
    assert "pr create --head host/7" in "\n".join(labeled.calls) and "**Runs of the host**" in labeled.comment
    assert (labeled.place / "attested.json").exists()


HOSTILE = """
import os
def edit(generator, task, budget):
    print("::add-path::/tmp\\n```\\n@everybody")
    os.listdir("/root")
"""


@needs_sandbox
@pytest.mark.slow
def test_a_hostile_pull_request_harms_nobody(origin):
    """A method that looks around and prints commands, beside a link out of its folder and an unreadable record."""

    def propose(place):
        folder = write(place / "submissions", "mine", HOSTILE)
        (folder / "records/tiny").mkdir(parents=True)
        (folder / "records/tiny/x.json").write_text("[" * 100_000)
        (folder / "weights.npz").symlink_to("/etc/passwd")

    labeled = pull_request(origin, propose)("labeled", "run")
    assert labeled.results["check"] == labeled.results["make"] == "failure"
    assert labeled.results["commit"] == "skipped" and of_the_host(origin) == ([], []) and unharmed(origin)
    assert "is a link" in labeled.comment and "@everybody" not in labeled.comment.replace("\\@everybody", "")


@needs_sandbox
@pytest.mark.slow
def test_a_prepared_pull_request_is_not_committed(origin):
    """Good at the public seeds alone: the sample under other seeds finds it, and nothing is proposed."""
    body = REJECTS.replace("    return Rejecting(generator, task)", "    return Rejecting(generator, task) "
                           "if task.table['seed'] in (0, 1, 2) else generator")  # fmt: skip
    labeled = pull_request(origin, lambda place: write(place / "submissions", "mine", body))("labeled", "run")
    assert labeled.results["check"] == "success" and labeled.results["make"] == "failure"
    assert "NOT verified" in labeled.comment and of_the_host(origin) == ([], []) and unharmed(origin)


def test_code_owners_own_what_is_there():
    lines = (REPOSITORY / ".github/CODEOWNERS").read_text().splitlines()
    paths = [line.split()[0] for line in lines if line and not line.startswith("#")]
    assert len(paths) > 5 and all((REPOSITORY / path.lstrip("/")).exists() for path in paths)
