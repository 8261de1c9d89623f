"""Pairs of pictures that are one and the same exposure, however it was changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from fractura.datasets.audit.fingerprint import FeatureFile
from fractura.datasets.audit.grouping import connect
from fractura.datasets.audit.keypoints import INVERTED, MIRRORED, VARIANTS
from fractura.datasets.audit.neighbours import Candidates
from fractura.datasets.audit.pictures import Picture
from fractura.datasets.audit.search import search
from fractura.datasets.audit.spread import spread
from fractura.datasets.audit.verify import SAME_EXPOSURE, Onto, compare
from fractura.progress import Progress

__all__ = ["DuplicatePair", "Picture", "Progress", "find_duplicates", "groups_of"]


@dataclass(frozen=True, slots=True)
class DuplicatePair:
    """Two pictures that pixels prove to be one exposure.

    Attributes:
        first, second: positions of the pictures, ``first < second``.
        similarity: 0..1, see :func:`fractura.datasets.audit.verify.similarity`.
        mirrored, inverted: whether the first has to be mirrored, inverted to become the second.
        rotation: degrees by which it is then turned, counter-clockwise, -180..180.
        scale: by which it is then magnified.
        onto: where a point of the first lies in the second, both as shares of width and height.
    """

    first: int
    second: int
    similarity: float
    mirrored: bool
    inverted: bool
    rotation: float
    scale: float
    onto: Onto = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))


def find_duplicates(
    pictures: Sequence[Picture | None],
    *,
    candidates: Iterable[tuple[int, int]] = (),
    progress: Progress = lambda items, total, name: items,
) -> list[DuplicatePair]:
    """Every pair of pictures that was found and that its pixels confirm, in order.

    Candidates come from three searches (local features, outlines, embeddings), so that neither
    time nor memory grows with the number of pairs. Pictures that are equal in every pixel are
    paired with the first of them alone. Constant pictures, and pictures without detail, match
    nothing.

    Args:
        pictures: from :func:`fractura.datasets.audit.pictures.shrink`, in memory or on disk;
            ``None`` for what could not be read.
        candidates: further pairs to look at.
        progress: hands items on and shows how many of a total have gone by, under a name.

    Raises:
        OSError: the folder for temporary files (``TMPDIR``) is full: it needs about 40 kB a
            picture.
    """
    leaders = _leaders(pictures)
    distinct = np.flatnonzero(leaders == np.arange(len(leaders)))
    pairs = [
        DuplicatePair(int(leader), position, 1.0, False, False, 0.0, 1.0)
        for position, leader in enumerate(leaders)
        if 0 <= leader < position
    ]
    given = leaders[np.array(list(candidates), dtype=np.int64).reshape(-1, 2)]
    given = given[(given >= 0).all(axis=1)]
    places = np.searchsorted(distinct, given).repeat(len(VARIANTS), axis=0)
    every_variant = np.tile(VARIANTS, len(given))
    seen = _Chosen(pictures, distinct)
    with FeatureFile() as features:
        searched = search(seen, features, progress)
        rows = np.concatenate([*searched.values(), np.column_stack([places, every_variant])])

        def confirm(candidate: tuple[int, int, tuple[int, ...]]) -> DuplicatePair | None:
            first, second, variants = candidate
            match = compare(seen[first], seen[second], features[first], features[second], variants)
            if match is None or match.similarity < SAME_EXPOSURE:
                return None
            return DuplicatePair(
                int(distinct[first]),
                int(distinct[second]),
                match.similarity,
                bool(match.variant & MIRRORED),
                bool(match.variant & INVERTED),
                match.rotation,
                match.scale,
                match.in_shares(features[first].shape, features[second].shape),
            )

        todo = _by_pair(rows)
        found = progress(spread(confirm, todo), len(todo), "Comparing pictures")
        pairs += [pair for pair in found if pair is not None]
    return sorted(pairs, key=lambda pair: (pair.first, pair.second))


def groups_of(pairs: Iterable[DuplicatePair], count: int) -> list[list[int]]:
    """The pictures that pairs connect, in groups of two or more, of ``count`` pictures in all."""
    return connect([(pair.first, pair.second) for pair in pairs], count)


def _leaders(pictures: Sequence[Picture | None]) -> NDArray[np.int64]:
    """The first picture that is equal to each; -1 for what is unreadable or constant."""
    first: dict[bytes, int] = {}
    leaders = np.full(len(pictures), -1, dtype=np.int64)
    for position, picture in enumerate(pictures):
        if picture is not None and picture.size and picture.min() < picture.max():
            content = repr(picture.shape).encode() + np.ascontiguousarray(picture).tobytes()
            leaders[position] = first.setdefault(blake2b(content).digest(), position)
    return leaders


def _by_pair(rows: Candidates) -> list[tuple[int, int, tuple[int, ...]]]:
    """Every pair of pictures once, ``first < second``, with the variants to try."""
    rows = rows[rows[:, 0] != rows[:, 1]]
    rows = np.unique(np.column_stack([np.sort(rows[:, :2], axis=1), rows[:, 2]]), axis=0)
    starts = np.flatnonzero(np.diff(rows[:, :2], axis=0, prepend=-1).any(axis=1))
    return [
        (int(part[0, 0]), int(part[0, 1]), tuple(part[:, 2].tolist()))
        for part in np.split(rows, starts[1:])
        if len(part)
    ]


class _Chosen(Sequence[Picture]):
    """Some of the pictures, wherever they lie."""

    def __init__(self, pictures: Sequence[Picture | None], places: NDArray[np.int64]) -> None:
        self._pictures = pictures
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, position: int) -> Picture:  # type: ignore[override]
        picture = self._pictures[int(self._places[position])]
        assert picture is not None
        return picture
