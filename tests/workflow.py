"""Play a workflow of `.github` on this machine: every `run` step as it stands there, in the order of the jobs' needs.

Actions are played by what they do: a checkout clones, artifacts are folders, an attestation is the hash of a file. On
the path lie a `gh` that writes down its call, a `sudo` and a `pip` that do nothing: the packages are there.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

SHIMS = {
    "gh": '#!/bin/sh\n[ "$2" = view ] && exit 1\nprintf "%s\\n" "$*" >> "$GH_CALLS"\n'
    'for file; do case "$file" in *.md) cp "$file" "$GH_CALLS.md";; esac; done\n',
    "sudo": "#!/bin/sh\nexit 0\n",
    "pip": "#!/bin/sh\nexit 0\n",
}
ORDER = {r"always\(\)": "True", "&&": " and ", r"\|\|": " or ", "!(?!=)": " not "}  # patterns of theirs, and ours
RUN = 1  # the number of the workflow's run


def git(where: Path, *arguments: str) -> str:
    """What git says in a folder; an error where it fails."""
    done = subprocess.run(["git", *arguments], cwd=where, check=True, capture_output=True, text=True)
    return done.stdout.strip()


class Play:
    """One event of a workflow.

    Args:
        file: the workflow; origin: the bare repository; place: an empty folder; event: the event's payload.

    Attributes:
        results: job -> success | failure | skipped; calls: what `gh` was called with; comment: the file it was given.
    """

    def __init__(self, file: Path, origin: Path, place: Path, event: dict[str, Any]) -> None:
        self.flow, self.origin, self.place, self.event = yaml.safe_load(file.read_text()), origin, place, event
        self.results, self.log = dict[str, str](), ""
        for name, text in SHIMS.items():
            shim = place / "bin" / name
            shim.parent.mkdir(parents=True, exist_ok=True)
            shim.write_text(text)
            shim.chmod(0o755)
        for name, job in sorted(self.flow["jobs"].items(), key=lambda item: self._depth(item[0])):
            self.results[name] = self._job(name, job)

    @property
    def calls(self) -> list[str]:
        """The calls of `gh`, in order."""
        file = self.place / "calls"
        return file.read_text().splitlines() if file.exists() else []

    @property
    def comment(self) -> str:
        """What was last commented."""
        file = self.place / "calls.md"
        return file.read_text() if file.exists() else ""

    def _depth(self, name: str) -> int:
        return 1 + max((self._depth(other) for other in self._needs(name)), default=0)

    def _needs(self, name: str) -> list[str]:
        needs = self.flow["jobs"][name].get("needs", [])
        return [needs] if isinstance(needs, str) else needs

    def _job(self, name: str, job: dict[str, Any]) -> str:
        condition, folder = str(job.get("if", "True")), self.place / name
        wanted = "always()" in condition or all(self.results[other] == "success" for other in self._needs(name))
        if not wanted or not self._value(condition, name):
            return "skipped"
        (folder / "checkout").mkdir(parents=True)
        result = "success"
        for step in job["steps"]:
            if result == "success" or step.get("if") == "always()":
                outcome = self._step(step, name, folder)
                result = outcome if result == "success" else result
        return result

    def _step(self, step: dict[str, Any], job: str, folder: Path) -> str:
        if "uses" in step:
            action = step["uses"].split("@")[0].split("/")[1].replace("-", "_")
            given = {name: self._filled(value, job) for name, value in step.get("with", {}).items()}
            return getattr(self, f"_{action}")(folder, given) or "success"
        words = self.flow.get("env", {}) | step.get("env", {})
        own = {name: self._filled(value, job) for name, value in words.items()}
        runner = {"RUNNER_TEMP": folder / "temp", "GITHUB_SERVER_URL": "https://example.org", "GITHUB_RUN_ID": RUN,
                  "GITHUB_REPOSITORY": "o/r", "GH_CALLS": self.place / "calls"}  # fmt: skip
        (folder / "temp").mkdir(exist_ok=True)
        path = os.pathsep.join([str(self.place / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
        environment = os.environ | {name: str(value) for name, value in (runner | own | {"PATH": path}).items()}
        done = subprocess.run(["bash", "-e", "-c", self._filled(step["run"], job)], cwd=folder / "checkout",
                              env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip
        self.log += f"{job}: {done.stdout}"
        return "failure" if done.returncode else "success"

    def _filled(self, text: Any, job: str) -> str:
        return re.sub(r"\${{(.*?)}}", lambda match: str(self._value(match[1], job)), str(text))

    def _value(self, expression: str, job: str) -> Any:
        """The value of an expression; of GitHub's functions it knows `always` and `startsWith`."""
        names = {"github.job": job, "github.token": "t", "github.run_id": RUN, "github.repository": "o/r",
                 "runner.temp": str(self.place / job / "temp")}  # fmt: skip

        def look_up(match: re.Match[str]) -> str:
            path = match[0]
            if path in names:
                return repr(names[path])
            parts = path.split(".")
            if parts[0] == "needs":
                return repr(self.results[parts[1]])
            value: Any = self.event
            for part in parts[2:]:
                value = value.get(part, {})
            return repr(value)

        for theirs, ours in ORDER.items():
            expression = re.sub(theirs, ours, expression)
        filled = re.sub(r"\b(github|needs|runner)(\.\w+)+", look_up, expression)
        return eval(filled, {"startsWith": lambda text, head: str(text).startswith(head)})

    def _checkout(self, folder: Path, given: dict[str, str]) -> None:
        target = folder / "checkout" / given.get("path", "")
        git(self.place, "clone", "-q", str(self.origin), str(target))
        git(target, "switch", "-q", "--detach", given.get("ref", "HEAD"))

    def _setup_python(self, folder: Path, given: dict[str, str]) -> None:
        pass

    def _upload_artifact(self, folder: Path, given: dict[str, str]) -> str | None:
        source = folder / "checkout" / given["path"]
        if not source.exists():
            return "failure"
        target = self.place / "artifacts" / given["name"]
        target.mkdir(parents=True)
        for file in source.iterdir() if source.is_dir() else [source]:
            shutil.copy(file, target)
        return None

    def _download_artifact(self, folder: Path, given: dict[str, str]) -> None:
        target = folder / "checkout" / given.get("path", "")
        for source in (self.place / "artifacts").glob(given.get("name", given.get("pattern", ""))):
            shutil.copytree(source, target / ("" if "name" in given else source.name), dirs_exist_ok=True)

    def _attest_build_provenance(self, folder: Path, given: dict[str, str]) -> None:
        content = (folder / "checkout" / given["subject-path"]).read_bytes()
        (self.place / "attested.json").write_text(json.dumps({"sha256": hashlib.sha256(content).hexdigest()}))
