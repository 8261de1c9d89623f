"""Which pictures may show the same: a few candidates for each, found without trying every pair."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractura.datasets.audit.keypoints import INVERTED, MIRRORED, ORDERS, VARIANTS, unit

Candidates = NDArray[np.int64]
"""Rows of first picture, second picture, variant of the first; ``[n, 3]``."""

HEADS = 48
"""The strongest local features of a picture, which vote."""
BLOCK = 512
"""Pictures that vote at a time."""
FEWEST_VOTES = 3
MOST_VOTED = 10
MOST_NEAREST = 3

_SEED = 1
_EXACT = 10_000
_PROBED = 4
_TRAINED = 64
_LIKE = 6
_ADDED = 1 << 18
_ANGLES = 12
_SCALES = 10


def index_of(vectors: NDArray[Any]) -> Any:
    """A faiss index by inner product of vectors float32 ``[n, D]``, or of uint8 descriptors.

    Exact up to 10,000 vectors; beyond, an inverted file of 2 √n lists, of which a search looks
    at four, so that n searches take n √n steps. There, a descriptor takes 32 bytes.
    """
    import faiss

    index: Any
    count, length = vectors.shape
    stored = vectors.dtype == np.uint8
    if count <= _EXACT:
        index = faiss.IndexFlatIP(length)
    else:
        lists = int(2 * count**0.5)
        kind = f"PQ{length // 2}x4fs" if stored else "Flat"
        index = faiss.index_factory(length, f"IVF{lists},{kind}", faiss.METRIC_INNER_PRODUCT)
        index.cp.seed = _SEED
        index.nprobe = _PROBED
        chosen = np.random.default_rng(_SEED).permutation(count)[: _TRAINED * lists]
        sample = vectors[np.sort(chosen)]
        index.train(unit(sample) if stored else sample)
    for start in range(0, count, _ADDED):
        part = vectors[start : start + _ADDED]
        index.add(unit(part) if stored else part)
    return index


def nearest(
    vectors: NDArray[np.float32],
    probes: Iterable[tuple[int, NDArray[np.float32]]],
    least: float,
) -> Candidates:
    """The three nearest others of each picture, by the cosine of vectors of length one.

    Args:
        vectors: ``[n, D]``, one a picture.
        probes: a variant, and what it makes of the vectors.
        least: cosine from which pictures are neighbours.
    """
    index = index_of(vectors)
    firsts = np.repeat(np.arange(len(vectors)), MOST_NEAREST + 1)
    rows, cosines = [np.zeros((0, 3), np.int64)], [np.zeros(0, np.float32)]
    for variant, changed in probes:
        cosine, found = index.search(np.ascontiguousarray(changed), MOST_NEAREST + 1)
        kept = (found.ravel() != firsts) & (found.ravel() >= 0) & (cosine.ravel() >= least)
        seconds = found.ravel()[kept]
        rows.append(np.stack([firsts[kept], seconds, np.full_like(seconds, variant)], axis=1))
        cosines.append(cosine.ravel()[kept])
    return _best(np.concatenate(rows), np.concatenate(cosines), MOST_NEAREST)


def whitened(vectors: NDArray[np.float32], samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Vectors ``[n, D]`` centred, decorrelated as ``samples`` are, and of length one.

    Jégou and Chum (2012, ECCV) show why neighbours are better found so.
    """
    mean = samples.mean(axis=0)
    variances, axes = np.linalg.eigh(np.cov(samples - mean, rowvar=False))
    kept = variances > 1e-6 * max(float(variances[-1]), 1e-12)
    scaled = (vectors - mean) @ (axes[:, kept] / np.sqrt(variances[kept])).astype(np.float32)
    lengths = np.linalg.norm(scaled, axis=1, keepdims=True)
    return np.asarray(scaled / np.maximum(lengths, 1e-6), dtype=np.float32)


def elected(
    descriptors: NDArray[np.uint8], sizes: NDArray[np.complex64], owners: NDArray[np.int64]
) -> Iterator[Candidates]:
    """For each picture the ten others for which most of its local features vote.

    A feature votes for the owners of its nearest neighbours. Votes count together where they
    imply nearly the same rotation and magnification (weak geometric consistency, Jégou, Douze
    and Schmid 2008, ECCV), and three are needed.

    Args:
        descriptors: uint8 ``[n, 128]`` of all pictures' features, one picture after the other.
        sizes: complex64 ``[n]``, see :class:`~fractura.datasets.audit.keypoints.Features`.
        owners: int64 ``[n]``, positions of the pictures, increasing.

    Yields:
        The candidates of some hundred pictures at a time.
    """
    if not len(owners):
        return
    index = index_of(descriptors)
    pictures = int(owners[-1]) + 1
    for first in range(0, pictures, BLOCK):
        start, end = np.searchsorted(owners, [first, first + BLOCK])
        if start == end:
            continue
        rows, votes = [], []
        for variant in VARIANTS:
            asked = unit(descriptors[start:end][:, ORDERS[variant]])
            _, found = index.search(asked, min(_LIKE, len(owners)))
            turned = sizes[start:end]
            turned = -turned.conj() if variant & MIRRORED else turned
            turned = -turned if variant & INVERTED else turned
            asking, place = np.nonzero((found >= 0) & (owners[found] != owners[start:end, None]))
            elected_feature = found[asking, place]
            pairs = owners[start + asking] * pictures + owners[elected_feature]
            pairs, counts = _count(pairs, asking, sizes[elected_feature] / turned[asking])
            rows.append(
                np.stack([*np.divmod(pairs, pictures), np.full_like(pairs, variant)], axis=1)
            )
            votes.append(counts)
        all_rows, all_votes = np.concatenate(rows), np.concatenate(votes)
        enough = all_votes >= FEWEST_VOTES
        yield _best(all_rows[enough], all_votes[enough], MOST_VOTED)


def _count(
    pairs: NDArray[np.int64], voters: NDArray[np.int64], turns: NDArray[np.complex64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each pair the most voters that agree in the angle and length of their turns."""
    angle = np.angle(turns) / (2 * np.pi) * _ANGLES
    scale = 1.5 * np.log2(np.abs(turns)) + _SCALES / 2
    found_pairs, found_counts = [], []
    for offset in (0.0, 0.5):
        for other in (0.0, 0.5):
            angles = np.floor(angle + offset).astype(np.int64) % _ANGLES
            scales = np.clip(np.floor(scale + other), 0, _SCALES - 1).astype(np.int64)
            bins = (pairs * _ANGLES + angles) * _SCALES + scales
            many = int(voters.max(initial=0)) + 1
            cast = np.unique(bins * many + voters) // many
            agreed, counts = np.unique(cast, return_counts=True)
            found_pairs.append(agreed // (_ANGLES * _SCALES))
            found_counts.append(counts)
    every, counts = np.concatenate(found_pairs), np.concatenate(found_counts)
    order = np.lexsort((-counts, every))
    unique, first = np.unique(every[order], return_index=True)
    return unique, counts[order][first]


def _best(rows: Candidates, scores: NDArray[Any], most: int) -> Candidates:
    """The ``most`` best-scored rows of each first picture."""
    order = np.lexsort((rows[:, 2], rows[:, 1], -scores, rows[:, 0]))
    rows = rows[order]
    starts = np.searchsorted(rows[:, 0], rows[:, 0])
    return np.asarray(rows[np.arange(len(rows)) - starts < most], dtype=np.int64)
