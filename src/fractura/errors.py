"""The errors that reach a person: one sentence each, with the file and what to do."""

from __future__ import annotations


class FracturaError(Exception):
    """Base of every error that this package raises on purpose."""


class LoadError(FracturaError):
    """A file could not be read as a radiograph."""


class UnsupportedFileError(LoadError):
    """The file is not an image that holds a radiograph (text, DICOMDIR, structured report, …)."""


class DamagedFileError(LoadError):
    """The file claims a known format but its content contradicts it or ends too early."""


class TooLargeError(LoadError):
    """Reading the file would take more memory than the limits allow."""


class SeveralFramesError(LoadError):
    """The file holds several frames and none was chosen."""


class SaveError(FracturaError):
    """A file could not be written."""


class ModelError(FracturaError):
    """A model file is missing, damaged or was not exported for this reader."""


class InUseError(FracturaError):
    """Another process writes to the folder."""


class WrongUsageError(FracturaError):
    """What was asked for leaves nothing to do, or contradicts itself."""
