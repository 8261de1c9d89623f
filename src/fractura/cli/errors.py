"""What to tell a person, and the shell, of an error."""

from __future__ import annotations

from fractura.errors import FracturaError, InUseError, ModelError, WrongUsageError
from fractura.text import printable


def sentence(error: Exception) -> str:
    """The error in one sentence; faults of the program say how to learn more."""
    if isinstance(error, FracturaError):
        return printable(str(error))
    if isinstance(error, OSError) and error.filename is not None:
        return printable(f"{error.filename}: {error.strerror}")
    return printable(
        f"a fault in the program ({type(error).__name__}: {error}); "
        "run fractura --debug … for the place and please report it"
    )


def exit_status(error: Exception) -> int:
    """2 for wrong usage, else 1."""
    return 2 if isinstance(error, WrongUsageError | ModelError | InUseError) else 1
