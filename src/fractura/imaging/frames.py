"""Choose the frame of a file that may hold several."""

from __future__ import annotations

from fractura.errors import LoadError, SeveralFramesError


def choose_frame(frame: int | None, count: int) -> int:
    """The index from 0 of the one frame to read; ``frame`` counts from 1, as DICOM does.

    Raises:
        SeveralFramesError: there are several and none is chosen.
        LoadError: the chosen one does not exist.
    """
    if frame is None and count > 1:
        raise SeveralFramesError(
            f"it holds {count} frames; choose one with --frame N (in Python: frame=N), 1 to {count}"
        )
    if frame is not None and not 1 <= frame <= count:
        raise LoadError(f"there is no frame {frame}; it holds {count}, numbered from 1")
    return (frame or 1) - 1
