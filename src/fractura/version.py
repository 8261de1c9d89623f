"""The version of the installed distribution; ``pyproject.toml`` is the one place that states it."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("fractura")
except PackageNotFoundError:  # run from a source tree that nobody installed
    __version__ = "0+unknown"
