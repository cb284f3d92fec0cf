"""Where the package's own folders lie, in a checkout and in a wheel, and where submissions are looked for."""

from pathlib import Path

BENCHMARK = Path(__file__).parent.parent
PREFIX = "retouch.methods"  # of the modules that any method may import, and whose hashes then count


def folder(package: str) -> Path:
    """The folder of `retouch.PACKAGE`: beside `benchmark`, in a checkout as in a wheel."""
    return BENCHMARK.parent / package


METHODS = folder("methods")


def checkout() -> Path | None:
    """The checkout that this package runs from; None for an installed wheel."""
    return BENCHMARK.parent if (BENCHMARK.parent / "pyproject.toml").is_file() else None


FACE = folder("retouch") if checkout() else BENCHMARK.parent  # of the package `retouch` itself


def method_file(module: str) -> Path | None:
    """Where `retouch.methods.NAME` lies; None for a module of another package."""
    return METHODS / f"{module.removeprefix(PREFIX + '.')}.py" if module.startswith(PREFIX + ".") else None


def submissions_folder() -> Path:
    """./submissions, else the one that comes with the package."""
    here = Path("submissions")
    return here if here.is_dir() else folder("submissions")
