"""How large a file may be before it is refused, so that memory and time stay bounded."""

from __future__ import annotations

from fractura.errors import DamagedFileError, TooLargeError

MAX_PIXELS = 100_000_000
"""Most pixels an image may have; a long-leg radiograph has some 40 million."""

MAX_FILE_BYTES = 512 * 1024**2
"""Most bytes a file may have, as stored and (deflated DICOM) inflated."""


def check_size(width: int, height: int) -> None:
    """Raise :class:`DamagedFileError` for an empty and :class:`TooLargeError` for a vast image."""
    if width < 1 or height < 1:
        raise DamagedFileError(f"the header says the image is {width} x {height} pixels")
    if width * height > MAX_PIXELS:
        raise TooLargeError(
            f"{width} x {height} pixels are more than the {MAX_PIXELS:,} that will be read; "
            "scale the image down first"
        )
