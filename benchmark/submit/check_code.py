"""What a submission's code says of itself: read as text, never imported."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from retouch.benchmark.submission import Submission
from retouch.benchmark.support.files import read_bytes
from retouch.benchmark.support.places import METHODS, method_file

Found = tuple[str, Path | str, str, str]  # level, where, what, remedy
GIVEN = 3  # generator, task, budget
LOADED = {"retouch", "numpy", "torch", "torchvision", "diffusers", "PIL", "scipy"}  # by the worker, before the method


def findings(folder: Path, manifest: Submission) -> Iterator[Found]:
    """Is there such a module, such a function, and does it take what the manifest sets?"""
    yield from _shadows(folder)
    if manifest.entry == "images":
        return
    module, function = manifest.entry.split(":")
    file = folder / f"{module}.py"
    if not file.exists():
        file = method_file(module)
        if file is None or not file.exists():
            what = f"entry: no {module}.py beside the manifest, and no module of that name in retouch.methods"
            yield "error", folder / "submission.toml", what, "put the file there, or mend `entry`"
            return
    try:
        tree = ast.parse(read_bytes(file, 1_000_000))
    except (SyntaxError, ValueError, RecursionError, MemoryError, OSError) as error:
        yield "error", _shown(file, folder), f"is no Python that can be read: {error}", "mend the file"
        return
    yield from _function(tree, function, _shown(file, folder), manifest)


def _shown(file: Path, folder: Path) -> Path | str:
    return file if file.is_relative_to(folder) else f"methods/{file.relative_to(METHODS)}"


def _function(tree: ast.Module, name: str, where: Path | str, manifest: Submission) -> Iterator[Found]:
    defined = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    if name not in defined:
        if name not in _bound(tree):
            remedy = f"define `def {name}(generator, task, budget)` there, or mend `entry`"
            yield "error", where, f"entry: no function {name} in it", remedy
        return
    takes = defined[name].args
    positional = [one.arg for one in takes.posonlyargs + takes.args]
    if len(positional) < GIVEN and takes.vararg is None:
        yield "error", where, f"{name} takes {len(positional)} positional arguments", "take generator, task and budget"
    named = set(positional[GIVEN:]) | {one.arg for one in takes.kwonlyargs}
    for point in manifest.points:
        for unknown in sorted({**manifest.params, **point.params}.keys() - named) if takes.kwarg is None else ():
            what = f"{name} takes no parameter {unknown!r}, which point {point.name!r} of submission.toml sets"
            yield "error", where, what, "take it as a keyword argument, or remove it from submission.toml"


def _bound(tree: ast.Module) -> set[str]:
    """Names that a module binds at its top otherwise: imports and assignments."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


def _shadows(folder: Path) -> Iterator[Found]:
    """Helpers whose name means another module already, which an import would find instead."""
    for file in sorted(folder.glob("*.py")):
        if file.stem in sys.stdlib_module_names or file.stem in LOADED:
            what = f"`import {file.stem}` finds another module of that name, which the worker has loaded already"
            yield "warning", file, what, "call the helper something else"
