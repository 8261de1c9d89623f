"""Find, locate and characterise bone fractures in radiographs.

For research and education; not a certified medical device.

Read: :func:`read`, :func:`read_many`, :func:`find_radiographs`, :func:`load`, :func:`from_array`.
Models: :func:`list_models`, :func:`load_model`, :class:`Reader`.
Results: :class:`Reading`, :class:`Finding`, :class:`Box`, :class:`Failure`, :class:`Radiograph`.
Data sets: :func:`list_sources`, :func:`build_manifest`, :func:`read_manifest`,
:func:`audit_manifest`, :func:`split_manifest`, :class:`Manifest`, :class:`Record`.
Models of one's own: :func:`train`, :func:`evaluate`, :func:`export`.
Errors: :class:`FracturaError` and what derives from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = [
    "Box",
    "DamagedFileError",
    "Failure",
    "Finding",
    "FracturaError",
    "InUseError",
    "LoadError",
    "Manifest",
    "ModelError",
    "Radiograph",
    "Reader",
    "Reading",
    "Record",
    "SaveError",
    "SeveralFramesError",
    "TooLargeError",
    "UnsupportedFileError",
    "__version__",
    "audit_manifest",
    "build_manifest",
    "evaluate",
    "export",
    "find_radiographs",
    "from_array",
    "list_models",
    "list_sources",
    "load",
    "load_model",
    "read",
    "read_manifest",
    "read_many",
    "split_manifest",
    "train",
]

if TYPE_CHECKING:
    from fractura.api import (
        audit_manifest,
        build_manifest,
        evaluate,
        export,
        find_radiographs,
        from_array,
        list_models,
        list_sources,
        load_model,
        read,
        read_manifest,
        read_many,
        split_manifest,
        train,
    )
    from fractura.datasets.manifest import Manifest
    from fractura.datasets.record import Record
    from fractura.errors import (
        DamagedFileError,
        FracturaError,
        InUseError,
        LoadError,
        ModelError,
        SaveError,
        SeveralFramesError,
        TooLargeError,
        UnsupportedFileError,
    )
    from fractura.findings import Box, Failure, Finding, Reading
    from fractura.imaging.load import load
    from fractura.imaging.radiograph import Radiograph
    from fractura.reading.reader import Reader
    from fractura.version import __version__

_HOMES = {
    "Box": "fractura.findings",
    "Failure": "fractura.findings",
    "Finding": "fractura.findings",
    "Manifest": "fractura.datasets.manifest",
    "Radiograph": "fractura.imaging.radiograph",
    "Reader": "fractura.reading.reader",
    "Reading": "fractura.findings",
    "Record": "fractura.datasets.record",
    "__version__": "fractura.version",
    "load": "fractura.imaging.load",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'fractura' has no attribute {name!r}")
    from importlib import import_module

    home = _HOMES.get(name) or ("fractura.errors" if name.endswith("Error") else "fractura.api")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
