"""Imports go one way: which room may know which, held against every import statement of every module."""

import ast
import os
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
LOW = (  # of benchmark: what everything else stands on
    "support records submission generators weights trunks networks purify judges ensemble encoders joint question setup"
)
ROOMS = {  # room: the rooms whose modules its own may import; from the ground upwards
    "metrics": "",
    "metrics/tools": "metrics",
    "benchmark/support": "",
    "benchmark/joint": "",
    "benchmark/generators": "support operations",
    "benchmark/spec": "",
    "benchmark/laws": "spec",
    "benchmark/attacks": "generators",
    "benchmark/question": "generators laws attacks",
    "benchmark/records": "support",
    "benchmark/submission": "support records",
    "benchmark/weights": "support generators",
    "benchmark/trunks": "",
    "benchmark/purify": "",
    "benchmark/features": "support",
    "benchmark/networks": "support features",
    "benchmark/judges": "generators weights trunks networks",
    "benchmark/ensemble": "metrics generators weights purify judges",
    "benchmark/encoders": "generators weights trunks networks",
    "benchmark/operations": "",
    "benchmark/budget": "generators operations",
    "benchmark/tracks": "support records submission",
    "benchmark/data": "support",
    "benchmark/task": "submission generators weights judges joint",
    "benchmark/setup": "support joint submission weights data tracks",
    "benchmark/tasks": "metrics support submission joint question judges ensemble weights data tracks setup",
    "benchmark/versions": "support records tracks setup tasks",
    "benchmark/worker": f"{LOW} operations budget task",
    "benchmark/run": f"metrics {LOW} attacks operations budget data tracks tasks versions worker",
    "benchmark/train": f"metrics {LOW} operations budget data tracks tasks versions worker run",
    "benchmark/submit": f"metrics {LOW} operations task budget data tracks tasks versions worker run",
    "benchmark/notebook": f"{LOW} operations budget task tasks tracks worker run",
    "benchmark/tools": f"{LOW} tracks tasks run train notebook",
    "benchmark/cli": f"{LOW} tasks tracks versions worker run submit train",
    "methods": "metrics generators joint budget task",
    "leaderboard/read": "support run records submission generators tasks tracks versions",
    "leaderboard/rank": "metrics support tasks read",
    "leaderboard/look": "metrics joint data generators tasks rank",
    "leaderboard/draw": "records joint data weights tasks look read rank",
    "leaderboard/views": "records support look read rank draw",
    "leaderboard/site": "support look read rank draw",
    "leaderboard/serve": "support look read rank draw views site",
    "leaderboard/tools": "metrics records submission tasks tracks read rank look draw views serve",
    "leaderboard/host": "views serve retouch",
    "retouch": "support laws submit notebook read rank",
}
APART = {  # package: what none of its modules may import from outside either
    "metrics": ("torch.nn", "torchvision", "diffusers"),
    "leaderboard": ("torch", "torchvision", "diffusers", "retouch.methods"),
}


def names(room: str) -> set[str]:
    """The rooms that it may import, which ROOMS calls by their last names."""
    full = {one.split("/")[-1]: one for one in ROOMS}
    return {full[name] for name in ROOMS[room].split()}


def file_of(module: str) -> Path | None:
    """The repository's file of a module, relative to it; None for anything else, a function, say."""
    top, *rest = module.split(".")
    path = Path(*rest) if rest else Path("retouch")
    files = [path / "__init__.py", *([path.with_suffix(".py")] if rest else [])]
    return next((file for file in files if top == "retouch" and (REPOSITORY / file).is_file()), None)


def imports(file: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in it."""
    for node in ast.walk(ast.parse((REPOSITORY / file).read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}:{node.lineno} is a relative import: write the name in full"
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (module if file_of(module) else node.module for module in inner)


def room(file: Path) -> str:
    """The room that a file lies in: itself, its folder or its package."""
    places = [file.with_suffix(""), *file.parents]
    return next((str(place) for place in places if str(place) in ROOMS), str(file))


def modules(package: str = ".") -> list[Path]:
    """The files of a package, relative to the repository."""
    tops = {name.split("/")[0] for name in ROOMS} if package == "." else {package}
    return sorted(file.relative_to(REPOSITORY) for top in tops for file in (REPOSITORY / top).rglob("*.py"))


def arrows() -> dict[tuple[str, str], str]:
    """Every pair of rooms of which one imports the other, and a file that does."""
    known = [(file, target) for file in modules() for module in imports(file) if (target := file_of(module))]
    return {(room(file), room(target)): str(file) for file, target in known if room(file) != room(target)}


def test_no_allowed_arrow_runs_back_up():
    list(TopologicalSorter({one: names(one) for one in ROOMS}).static_order())  # raises on a cycle


def test_imports_go_only_where_they_may():
    allowed = {(one, name) for one in ROOMS for name in names(one)}
    wrong = {arrow: file for arrow, file in arrows().items() if arrow not in allowed}
    assert not wrong, "of `room, what it imports: an example`"


def test_no_module_imports_itself_by_way_of_others():
    graph = {file: {file_of(module) for module in imports(file)} - {None, file} for file in modules()}
    list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("package", APART)
def test_a_package_stays_apart_from(package):
    for file in modules(package):
        for module in imports(file):
            assert not any(f"{module}.".startswith(f"{name}.") for name in APART[package]), f"{file}: {module}"


def test_the_map_names_every_room_and_what_it_may_import():
    lines = [line.strip("| ").split(" | ") for line in (REPOSITORY / "ARCHITECTURE.md").read_text().splitlines()]
    table = {line[0].strip("`"): line[2] for line in lines if len(line) == 3 and line[0].strip("`") in ROOMS}
    assert table.keys() == ROOMS.keys()
    text = (REPOSITORY / "ARCHITECTURE.md").read_text()
    assert set(re.search(r"\*low\*: ([a-z ]+)\.", text)[1].split()) == set(LOW.split())
    for one, cell in table.items():
        words = set(cell.replace("*low*", LOW).replace("–", "").split())
        assert words == set(ROOMS[one].split()), f"ARCHITECTURE.md, {one}: should list {ROOMS[one]}"


def test_names_of_tests_are_short():
    """Under 60 characters, so that a line of a log holds them."""
    files = (REPOSITORY / "tests").rglob("test_*.py")
    nodes = (node for file in files for node in ast.walk(ast.parse(file.read_text())))
    assert not [node.name for node in nodes if isinstance(node, ast.FunctionDef) and len(node.name) >= 60]


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="one process has no groups")
def test_a_files_tests_stay_on_one_worker(request):
    assert request.node.nodeid.endswith(f"@{request.path}")  # with pytest 9.2 groups fell apart unnoticed
