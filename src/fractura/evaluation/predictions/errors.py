"""What is wrong with one answer."""

from __future__ import annotations

from fractura.errors import FracturaError


class PredictionError(FracturaError):
    """An answer cannot be used: why, and what to do. Its reader adds the file and the line."""
