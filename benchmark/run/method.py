"""Hash a method: its code, what that imports from the package's own methods, and the submission's own files."""

from __future__ import annotations

import ast
import os
from functools import lru_cache
from pathlib import Path
from threading import Lock

from retouch.benchmark.support.cache import json_key
from retouch.benchmark.support.files import State, check_plain, sha256, state
from retouch.benchmark.support.places import PREFIX, method_file

OWN_FILE = 1_000_000_000  # bytes of a submission's own file, weights for one, at most
_parsing = Lock()  # Python 3.11 may lose count of its depth when two threads parse at once (python/cpython#106905)


def method_sha256(folder: Path, entry: str) -> str:
    """Hash of the method that `entry` names in a submission's folder.

    Every file that a worker sees is part of it; records and the manifest are not, and a worker sees neither.

    Raises:
        ValueError: the module that `entry` names does not exist.
    """
    files, module = own_files(folder), entry.split(":")[0]
    code = [file for file in files if file.suffix == ".py"]
    if entry != "images" and not (folder / f"{module}.py").exists():
        ours = method_file(module) or folder / f"{module}.py"
        if not ours.exists():
            raise ValueError(f"{ours} does not exist; `entry` in submission.toml names module:function")
        code.append(ours)
    imported = set().union(*map(_imports, code)) - set(files)
    hashes = [(file.relative_to(folder).as_posix(), _file_sha256(file)) for file in files]
    return json_key([*hashes, *((file.name, _file_sha256(file)) for file in sorted(imported))])


def _file_sha256(file: Path) -> str:
    check_plain(file, OWN_FILE)
    return sha256(file)


def own_files(folder: Path) -> list[Path]:
    """The plain files of a submission that its method may read, texts included: code may lie in any."""
    files: list[Path] = []
    for inner, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in ("records", "__pycache__", ".git")]
        files += [Path(inner, name) for name in names]
    files = [file for file in files if file != folder / "submission.toml"]
    return sorted(file for file in files if file.is_file() and not file.is_symlink())


def _imports(file: Path) -> set[Path]:
    """A module's file and, recursively, those that it imports from the package's own methods."""
    check_plain(file, OWN_FILE)
    files = {file}
    for path in map(method_file, _modules(state(file))):
        if path and path.exists() and path not in files:
            files |= _imports(path)
    return files


@lru_cache(maxsize=4096)
def _modules(of: State) -> tuple[str, ...]:
    """The modules that a file may import; none where it is no Python: it does not even run."""
    try:
        with _parsing:
            tree = ast.parse(Path(of[0]).read_bytes())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    return tuple(name for node in ast.walk(tree) for name in _imported(node))


def _imported(node: ast.AST) -> list[str]:
    """The modules that a statement may import."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        module = f"{PREFIX}.{node.module or ''}".rstrip(".") if node.level else str(node.module)
        return [module, *(f"{module}.{alias.name}" for alias in node.names)]
    return []
