"""The package in a stranger's project: beside modules of the same names, and installed from its wheel."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from toy_runs import INSTANCE, REPOSITORY, record_file

from retouch.benchmark import records

SOURCES = ("retouch", "benchmark", "methods", "metrics", "leaderboard", "submissions")
FILES = ("pyproject.toml", "README.md", "LICENSE")


def test_modules_of_the_same_names_do_no_harm(tmp_path):
    for name in ("metrics.py", "benchmark/__init__.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("raise ImportError('the project has modules of these names, too')\n")
    code = f"import retouch; task = retouch.load('tiny/{INSTANCE}'); print(task.kind, len(task.retain))"
    output = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert output.stdout.split() == ["category_redaction", "900"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `retouch` of a new environment: the wheel is installed there, its dependencies are this environment's."""
    root = tmp_path_factory.mktemp("wheel")
    ignore = shutil.ignore_patterns("records", "training", "__pycache__")
    for name in SOURCES:  # a copy, since setuptools leaves its traces where it builds
        shutil.copytree(REPOSITORY / name, root / "source" / name, ignore=ignore)
    for name in FILES:
        shutil.copy(REPOSITORY / name, root / "source")
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", root, root / "source"], check=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", root / "venv"], check=True)
    python = root / "venv" / "bin" / "python"
    subprocess.run([*pip, "--python", python, "install", "--no-deps", *root.glob("*.whl")], check=True)
    [packages] = (root / "venv").glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python.with_name("retouch")


@pytest.mark.skipif(sys.platform == "win32", reason="environments have another layout there")
def test_a_wheel_runs_a_submission_from_an_empty_folder(installed, tmp_path):
    command = [installed, "run", "unchanged", "--seed", "1", "--instance", INSTANCE]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run(command, cwd=tmp_path, check=True, env=environment)
    record = records.read(record_file(tmp_path / "submissions" / "unchanged", 1))
    assert record.status == "ok" and record.metrics["drift"].value == 0
