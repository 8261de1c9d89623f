"""Three searches for pictures that may show the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fractura.datasets.audit.fingerprint import FeatureFile, changed_outlines, embed, outline
from fractura.datasets.audit.keypoints import MIRRORED, Features, find_features
from fractura.datasets.audit.neighbours import (
    BLOCK,
    HEADS,
    Candidates,
    elected,
    nearest,
    whitened,
)
from fractura.datasets.audit.pictures import PICTURE_SIDE, Picture
from fractura.datasets.audit.spread import spread
from fractura.progress import Progress
from fractura.reading.model import DEFAULT_MODEL, Model

_LIKE_OUTLINE = 0.9
_LIKE_EMBEDDING = 0.3
_SAMPLES = 20_000
_NONE = np.zeros((0, 3), dtype=np.int64)


def search(
    pictures: Sequence[Picture], features: FeatureFile, progress: Progress
) -> dict[str, Candidates]:
    """Candidates that agree in their outline, their embedding, or in local features.

    Args:
        pictures: none of them constant.
        features: an empty file, to which the pictures' local features are added in order.
        progress: see :func:`fractura.datasets.audit.duplicates.find_duplicates`.
    """
    if len(pictures) < 2:
        return {}
    model = Model(DEFAULT_MODEL, threads=1)
    parameters = replace(model.description.preprocess, long_side=PICTURE_SIDE)

    def look(position: int) -> tuple[Features, NDArray[np.float32], NDArray[np.float32]]:
        picture = pictures[position]
        return find_features(picture), outline(picture), embed(model, parameters, picture)

    heads, outlines, embeddings = [], [], []
    seen = spread(look, range(len(pictures)))
    for found, lowest, vectors in progress(seen, len(pictures), "Fingerprints"):
        features.append(found)
        heads.append((found.descriptors[:HEADS], found.sizes[:HEADS]))
        outlines.append(lowest)
        embeddings.append(vectors)
    plain, mirrored = np.stack(embeddings, axis=1)
    return {
        "outline": _alike(np.stack(outlines)),
        "embedding": _embedded(plain, mirrored),
        "local features": _elected(heads, progress),
    }


def _alike(outlines: NDArray[np.float32]) -> Candidates:
    flat = outlines.reshape(len(outlines), -1)
    probes = (
        (variant, changed.reshape(flat.shape)) for variant, changed in changed_outlines(outlines)
    )
    return nearest(flat, probes, _LIKE_OUTLINE)


def _embedded(plain: NDArray[np.float32], mirrored: NDArray[np.float32]) -> Candidates:
    samples = plain[:: 1 + len(plain) // _SAMPLES]
    vectors = whitened(plain, samples)
    probes = [(0, vectors), (MIRRORED, whitened(mirrored, samples))]
    return nearest(vectors, probes, _LIKE_EMBEDDING)


def _elected(
    heads: list[tuple[NDArray[np.uint8], NDArray[np.complex64]]], progress: Progress
) -> Candidates:
    owners = np.repeat(np.arange(len(heads)), [len(sizes) for _, sizes in heads])
    descriptors = np.concatenate([descriptor for descriptor, _ in heads])
    sizes = np.concatenate([size for _, size in heads])
    blocks = elected(descriptors, sizes, owners)
    return np.concatenate([_NONE, *progress(blocks, -(-len(heads) // BLOCK), "Searching")])
