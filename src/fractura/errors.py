"""The errors that reach a person: one sentence each, with the file and what to do."""

from __future__ import annotations

from pathlib import Path


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


class RecipeError(FracturaError):
    """A recipe has a field that is unknown, missing or wrong."""


class NotARunError(FracturaError):
    """A folder is no run that training wrote."""


class RunExistsError(FracturaError):
    """A folder for a new run holds one already.

    Attributes:
        folder: that holds it.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(f"{folder} already holds a run")
        self.folder = folder


class OtherManifestError(FracturaError):
    """A manifest is not the one that a run was trained on."""


class ResumableError(FracturaError):
    """A run ended early, and can go on from its last checkpoint."""


class AccuracyLossError(FracturaError):
    """A smaller file of a model is less accurate than the model, and was not written."""


class DeviceError(FracturaError):
    """The machine has no such devices to train on.

    Attributes:
        accelerator, devices: that were asked for.
    """

    def __init__(self, accelerator: str, devices: str, reason: str) -> None:
        super().__init__(
            f"training on accelerator {accelerator}, devices {devices} does not work here: {reason}"
        )
        self.accelerator, self.devices = accelerator, devices
