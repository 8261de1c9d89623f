"""One radiograph in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Radiograph:
    """A single grey image, ready to be looked at or read by a model.

    Attributes:
        pixels: float32 ``[height, width]`` in 0..1, bone bright.
        sha256: hexadecimal SHA-256 of the file's bytes (of the pixels' bytes where no file is).
        path: where it came from, if from a file.
        spacing_mm: millimetres between neighbouring pixels ``(row, column)``, where known.
        bits: bits a pixel that the source stored.
        warnings: sentences about anything that was repaired or assumed while reading.
        age: of the patient in years, where the file's header tells.
        body_part: that the header names, in upper case without blanks (``"TIBIAFIBULA"``).
        in_colour: whether the file holds a picture in colour, beyond a tint or marks: no radiograph
            (:mod:`fractura.imaging.colour`). Of DICOM objects it is not asked.
        polarity_doubtful: whether bone may be dark after all, since a DICOM object's header and the
            air around contradict each other, or neither tells.
    """

    pixels: NDArray[np.float32]
    sha256: str
    path: str | None = None
    spacing_mm: tuple[float, float] | None = None
    bits: int = 8
    warnings: tuple[str, ...] = ()
    age: float | None = None
    body_part: str | None = None
    in_colour: bool = False
    polarity_doubtful: bool = False

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.pixels.shape[1])
