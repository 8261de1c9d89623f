"""What can go wrong on the network. No sentence names a patient or a file."""

from __future__ import annotations

from collections.abc import Sequence

from fractura.errors import FracturaError


class NodeError(FracturaError):
    """The DICOM node cannot start."""


class DeliveryError(FracturaError):
    """Objects did not reach their destination.

    Attributes:
        statuses: for each object that was to be sent, the answer of C-STORE (PS3.4, B.2.3) or the
            failure reason of STOW-RS (PS3.18, I.2.2), 0 for success, ``None`` where there was no
            answer.
    """

    def __init__(self, message: str, statuses: Sequence[int | None] = ()) -> None:
        super().__init__(message)
        self.statuses = tuple(statuses)


class ArchiveError(FracturaError):
    """A DICOMweb archive cannot be asked, or its answer cannot be used."""
