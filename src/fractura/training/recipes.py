"""The recipes and pipelines that ship."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from fractura.errors import FracturaError


def shipped_recipes() -> list[str]:
    """Names of the recipes and pipelines in the package."""
    return [path.stem for path in _files()]


def recipe_path(name: str) -> Path:
    """The file of a shipped recipe's name, or the path itself if it is a file.

    Raises:
        FracturaError: it is neither.
    """
    shipped = {path.stem: path for path in _files()}
    if name in shipped:
        return shipped[name]
    if Path(name).is_file():
        return Path(name)
    raise FracturaError(
        f"{name} is neither a shipped recipe nor a file; shipped: {', '.join(shipped)}"
    )


def _files() -> list[Path]:
    return sorted(Path(str(files("fractura") / "recipes")).glob("*.yaml"))
