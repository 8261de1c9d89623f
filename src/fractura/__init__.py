"""Find, locate and characterise bone fractures in radiographs.

For research and education; not a certified medical device.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Box", "Finding", "FracturaError", "Radiograph", "Reader", "Reading", "load"]

if TYPE_CHECKING:
    from fractura.errors import FracturaError
    from fractura.findings import Box, Finding, Reading
    from fractura.imaging.load import load
    from fractura.imaging.radiograph import Radiograph
    from fractura.reading.reader import Reader

_HOMES = {
    "Box": "fractura.findings",
    "Finding": "fractura.findings",
    "FracturaError": "fractura.errors",
    "Radiograph": "fractura.imaging.radiograph",
    "Reader": "fractura.reading.reader",
    "Reading": "fractura.findings",
    "load": "fractura.imaging.load",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'fractura' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
