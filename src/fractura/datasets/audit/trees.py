"""Boosted trees over metadata, for baselines that see no pixel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def held_out(
    positive: NDArray[np.bool_], groups: NDArray[np.integer], folds: int, seed: int
) -> NDArray[np.int64]:
    """The fold, from 0, that holds out each case, ``[n]``; groups stay whole, classes alike."""
    from sklearn.model_selection import StratifiedGroupKFold

    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    found = np.zeros(len(positive), dtype=np.int64)
    split = splitter.split(np.zeros((len(positive), 1)), positive, groups)
    for fold, (_, chosen) in enumerate(split):
        found[chosen] = fold
    return found


def probabilities(
    table: NDArray[Any],
    positive: NDArray[np.bool_],
    asked: NDArray[Any],
    categorical: Sequence[bool],
) -> Floats:
    """Train trees and ask them.

    Args:
        table: columns of what is learnt from, ``[n, c]``; ``nan`` is a value.
        positive: ``[n]``.
        asked: of the cases that are asked about, ``[m, c]``.
        categorical: whether a column holds categories, ``[c]``.

    Returns:
        Probability that each of them is positive, ``[m]``.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        learning_rate=0.05,
        max_leaf_nodes=8,
        categorical_features=list(categorical),
        early_stopping=False,
        random_state=0,
    )
    model.fit(table, positive)
    return np.asarray(model.predict_proba(asked)[:, 1], dtype=np.float64)


def mid_ranks(scores: Floats) -> Floats:
    """Mid-ranks in 0..1: scores of models of different folds are not on one scale."""
    _, index, counts = np.unique(scores, return_inverse=True, return_counts=True)
    return np.asarray(((np.cumsum(counts) - counts / 2) / len(scores))[index])
