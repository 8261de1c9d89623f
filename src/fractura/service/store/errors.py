"""What the store refuses."""

from __future__ import annotations

from fractura.errors import FracturaError


class StoreError(FracturaError):
    """The database or the image store cannot be opened or does not answer."""


class QueueFullError(StoreError):
    """As many readings wait as may; ``retry_after`` says in seconds when to ask again."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class DiskFullError(StoreError):
    """The disk has less space left than is to stay free, or none."""


class UnknownIdError(StoreError):
    """Nothing has this id."""


class ImageGoneError(StoreError):
    """The image is not in the store, no longer, or damaged."""
