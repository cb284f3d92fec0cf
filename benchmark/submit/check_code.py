"""Check a submission's code as text, without importing it: its entry function and its modules' names."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from retouch.benchmark.submission import Submission
from retouch.benchmark.support.files import read_bytes
from retouch.benchmark.support.places import METHODS, method_file

Problem = tuple[str, Path | str, str, str]  # level, where, what, remedy
ARGUMENTS = 3  # of `edit`, by position: generator, task, budget
PRELOADED = {"retouch", "numpy", "torch", "torchvision", "diffusers", "PIL", "scipy"}  # when the method is imported


def findings(folder: Path, manifest: Submission) -> Iterator[Problem]:
    """Yield what is wrong with the entry's module and function, and with the parameters that the manifest sets."""
    yield from _shadows(folder)
    if manifest.entry == "images":
        return
    module, function = manifest.entry.split(":")
    file: Path | None = folder / f"{module}.py"
    if not file or not file.exists():
        file = method_file(module)
        if file is None or not file.exists():
            what = f"entry: no {module}.py beside the manifest, and no module of that name in retouch.methods"
            yield "error", folder / "submission.toml", what, "put the file there, or mend `entry`"
            return
    try:
        tree = ast.parse(read_bytes(file, 1_000_000))
    except (SyntaxError, ValueError, RecursionError, MemoryError, OSError) as error:
        yield "error", _display_path(file, folder), f"is no Python that can be read: {error}", "mend the file"
        return
    yield from _function(tree, function, _display_path(file, folder), manifest)


def _display_path(file: Path, folder: Path) -> Path | str:
    return file if file.is_relative_to(folder) else f"methods/{file.relative_to(METHODS)}"


def _function(tree: ast.Module, name: str, where: Path | str, manifest: Submission) -> Iterator[Problem]:
    defined = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    if name not in defined:
        if name not in _bound_names(tree):
            remedy = f"define `def {name}(generator, task, budget)` there, or mend `entry`"
            yield "error", where, f"entry: no function {name} in it", remedy
        return
    signature = defined[name].args
    positional = [arg.arg for arg in signature.posonlyargs + signature.args]
    if len(positional) < ARGUMENTS and signature.vararg is None:
        yield "error", where, f"{name} takes {len(positional)} positional arguments", "take generator, task and budget"
    keywords = set(positional[ARGUMENTS:]) | {arg.arg for arg in signature.kwonlyargs}
    for point in manifest.points:
        for param in sorted({**manifest.params, **point.params}.keys() - keywords) if signature.kwarg is None else ():
            what = f"{name} takes no parameter {param!r}, which point {point.name!r} of submission.toml sets"
            yield "error", where, what, "take it as a keyword argument, or remove it from submission.toml"


def _bound_names(tree: ast.Module) -> set[str]:
    """Names that a module binds at its top level by imports and assignments."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names


def _shadows(folder: Path) -> Iterator[Problem]:
    """Warn of files that have the name of a module that is loaded before them: an import would find that module."""
    for file in sorted(folder.glob("*.py")):
        if file.stem in sys.stdlib_module_names or file.stem in PRELOADED:
            what = f"`import {file.stem}` finds another module of that name, which the worker has loaded already"
            yield "warning", file, what, "call the helper something else"
