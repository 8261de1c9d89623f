"""What to tell a person, and the shell, of an error."""

from __future__ import annotations

from fractura.errors import (
    AccuracyLossError,
    DeviceError,
    FracturaError,
    InUseError,
    ModelError,
    NotARunError,
    OtherManifestError,
    RecipeError,
    ResumableError,
    RunExistsError,
    WrongUsageError,
)
from fractura.text import printable

ADVICE: dict[type[FracturaError], str] = {
    AccuracyLossError: "--accept-loss writes it all the same",
    DeviceError: "change --accelerator {accelerator} or --devices {devices}",
    NotARunError: "give a folder that fractura train wrote",
    OtherManifestError: "give that one with --manifest",
    RecipeError: "fractura recipes --fields lists all fields",
    ResumableError: "go on with --resume",
    RunExistsError: "go on with --resume or choose another --out",
}
"""Which option or command helps, by type of error; takes the error's facts by name."""


def sentence(error: Exception) -> str:
    """The error in one sentence; faults of the program say how to learn more."""
    if isinstance(error, FracturaError):
        return printable("; ".join([str(error), *_advice(error)]))
    if isinstance(error, OSError) and error.filename is not None:
        return printable(f"{error.filename}: {error.strerror}")
    return printable(
        f"a fault in the program ({type(error).__name__}: {error}); "
        "run fractura --debug … for the place and please report it"
    )


def exit_status(error: Exception) -> int:
    """2 for wrong usage, else 1."""
    return 2 if isinstance(error, WrongUsageError | ModelError | InUseError) else 1


def _advice(error: FracturaError) -> list[str]:
    return [
        advice.format(**vars(error)) for kind, advice in ADVICE.items() if isinstance(error, kind)
    ]
