"""Pairs of pictures that show the same thing."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

THUMBNAIL = 24
SAME_PICTURE = 0.97
"""Normalised cross-correlation of thumbnails from which two radiographs count as one picture."""


def thumbnail(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """A zero-mean, unit-norm ``[24, 24]`` version of a radiograph."""
    small = cv2.resize(pixels, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
    centred = small - small.mean()
    return np.asarray(centred / (np.linalg.norm(centred) + 1e-6), dtype=np.float32)


def near_duplicates(
    thumbnails: Sequence[NDArray[np.float32]], others: Sequence[NDArray[np.float32]]
) -> NDArray[np.bool_]:
    """Whether each of ``thumbnails`` shows a picture of ``others``, mirrored or not: ``[n]``."""
    ours = np.reshape(np.stack(thumbnails), (len(thumbnails), -1))
    theirs = np.stack(others)
    plain = ours @ theirs.reshape(len(theirs), -1).T
    mirrored = ours @ theirs[:, :, ::-1].reshape(len(theirs), -1).T
    return np.asarray(np.maximum(plain, mirrored).max(axis=1) > SAME_PICTURE)
