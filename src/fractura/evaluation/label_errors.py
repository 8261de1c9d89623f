"""Cases whose label is suspected to be wrong."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def suspects(probability: NDArray[np.float64], positive: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Indices of the cases whose label is suspected to be wrong, the most suspicious first.

    The threshold of a class is its mean probability over the cases that are labelled so. A case is
    suspected where the other class reaches its threshold and the label does not, or both do and
    the other class is the more probable. Suspects are ranked by their margin: the probability of
    the label less that of the other class.

    Args:
        probability: of the positive class, in 0..1, ``[n]``; by a model that was not trained on
            these cases, or labels that it has learnt by heart will look right.
        positive: whether it is labelled so, ``[n]``. With one class alone nothing is suspected.

    Source: Northcutt, Jiang and Chuang 2021, arXiv 1911.00068: the off-diagonal of the confident
    joint, ranked by the normalised margin.
    """
    if positive.all() or not positive.any():
        return np.zeros(0, dtype=np.intp)
    sure_of_positive = probability >= probability[positive].mean()
    sure_of_negative = 1 - probability >= (1 - probability)[~positive].mean()
    margin = np.where(positive, 2 * probability - 1, 1 - 2 * probability)
    sure_of_label = np.where(positive, sure_of_positive, sure_of_negative)
    sure_of_other = np.where(positive, sure_of_negative, sure_of_positive)
    suspected = sure_of_other & (~sure_of_label | (margin < 0))
    order = np.argsort(margin, kind="stable")
    return np.asarray(order[suspected[order]])
