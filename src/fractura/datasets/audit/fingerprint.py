"""Vectors that make like pictures neighbours, and a picture's local features on disk.

Two vectors describe a picture as a whole. The *outline* is the perceptual hash of Zauner (2010,
"Implementation and benchmarking of perceptual image hash functions", pHash) before it is cut to
bits: its lowest cosine frequencies. The *embedding* is the shipped model's.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterator
from threading import Lock

import cv2
import numpy as np
from numpy.typing import NDArray

from fractura.datasets.audit.keypoints import (
    INVERTED,
    MIRRORED,
    Features,
    changed_picture,
)
from fractura.datasets.audit.pictures import Picture
from fractura.imaging.preprocess import PreprocessConfig, preprocess
from fractura.reading.model import Model

_FREQUENCIES = 8
_HASHED_SIDE = 32
_SIGNS = (-1.0) ** np.arange(_FREQUENCIES)


def outline(picture: Picture) -> NDArray[np.float32]:
    """The lowest cosine frequencies of a picture, float32 ``[8, 8]`` of length one, mean zero."""
    small = cv2.resize(picture, (_HASHED_SIDE, _HASHED_SIDE), interpolation=cv2.INTER_AREA)
    lowest = cv2.dct(small.astype(np.float32))[:_FREQUENCIES, :_FREQUENCIES].copy()
    lowest[0, 0] = 0
    return np.asarray(lowest / max(float(np.linalg.norm(lowest)), 1e-6), dtype=np.float32)


def changed_outlines(
    outlines: NDArray[np.float32],
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """What eight turns and mirrorings and inversion make of outlines ``[n, 8, 8]``.

    Yields the variant and the changed outlines. Mirroring changes the sign of the odd
    frequencies, inversion that of all, a quarter turn is a transposition and a mirroring.
    """
    for transposed in (False, True):
        turned = outlines.transpose(0, 2, 1) if transposed else outlines
        for flipped in (False, True):
            rows = turned * _SIGNS[:, None] if flipped else turned
            for mirrored in (False, True):
                both = rows * _SIGNS if mirrored else rows
                variant = MIRRORED * (transposed ^ flipped ^ mirrored)
                yield variant, np.asarray(both, dtype=np.float32)
                yield variant | INVERTED, np.asarray(-both, dtype=np.float32)


def embed(model: Model, parameters: PreprocessConfig, picture: Picture) -> NDArray[np.float32]:
    """The embeddings ``[2, D]`` of a picture as it is and mirrored."""
    return np.stack(
        [
            model.embed(preprocess(seen.astype(np.float32) / np.float32(255), parameters)[0])
            for seen in (picture, changed_picture(picture, MIRRORED))
        ]
    )


class FeatureFile:
    """The local features of many pictures in a temporary file, which closing removes."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._starts: list[int] = []
        self._lock = Lock()

    def __enter__(self) -> FeatureFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, features: Features) -> None:
        """Add the next picture's."""
        self._starts.append(self._file.tell())
        self._file.write(struct.pack("<III", len(features.places), *features.shape))
        for part in (features.places, features.sizes, features.descriptors):
            self._file.write(part.tobytes())

    def __getitem__(self, position: int) -> Features:
        with self._lock:
            self._file.seek(self._starts[position])
            count, rows, columns = struct.unpack("<III", self._file.read(12))
            data = self._file.read(count * 144)
        return Features(
            np.frombuffer(data, np.complex64, count),
            np.frombuffer(data, np.complex64, count, 8 * count),
            np.frombuffer(data, np.uint8, 128 * count, 16 * count).reshape(count, 128),
            (rows, columns),
        )
