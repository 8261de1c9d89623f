"""Small pictures inside a page, within a budget of bytes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fractura.datasets.record import FRACTURE, Record
from fractura.datasets.report.page import data_uri

PictureOf = Callable[[str], NDArray[np.uint8] | None]

_JPEG_QUALITY = 85


@dataclass(frozen=True, slots=True)
class AlbumOutline:
    """A box in pixels of the source image, ready to be drawn; ``title`` says what it marks."""

    x: float
    y: float
    width: float
    height: float
    title: str
    fracture: bool


@dataclass(frozen=True, slots=True)
class AlbumPicture:
    """A thumbnail of ``width`` by ``height`` pixels and the boxes of its record."""

    uri: str
    width: int
    height: int
    outlines: tuple[AlbumOutline, ...]


class Album:
    """Hands out pictures until their text has reached ``limit`` bytes.

    Args:
        picture_of: uint8 grey ``[height, width]`` for a record's id; ``None`` if unreadable.
        limit: bytes of all pictures together, as they stand in the page.
    """

    def __init__(self, picture_of: PictureOf, limit: int) -> None:
        self._picture_of = picture_of
        self._left = limit

    @property
    def full(self) -> bool:
        """Whether no further picture has room."""
        return self._left <= 0

    def picture(self, name: str, record: Record | None) -> AlbumPicture | None:
        """The picture of a record's id; ``None`` if it is unreadable or the album is full."""
        pixels = None if self.full else self._picture_of(name)
        if pixels is None or not pixels.size:
            return None
        _, data = cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY))
        uri = data_uri(data.tobytes(), "image/jpeg")
        self._left -= len(uri)
        height, width = pixels.shape
        return AlbumPicture(uri, width, height, outlines_of(record, width / height))


def outlines_of(record: Record | None, aspect: float) -> tuple[AlbumOutline, ...]:
    """A record's boxes; none if its size is unknown or a picture of this aspect is not of it."""
    if record is None or not record.width or not record.height:
        return ()
    if abs(math.log(aspect * record.height / record.width)) > 0.2:
        return ()
    found = []
    for mark in record.annotations or ():
        x = sorted((mark.box.x_min, mark.box.x_max))
        y = sorted((mark.box.y_min, mark.box.y_max))
        fracture = mark.label == FRACTURE
        found.append(AlbumOutline(x[0], y[0], x[1] - x[0], y[1] - y[0], mark.label, fracture))
    return tuple(found)
