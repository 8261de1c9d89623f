"""Figures of confusion matrices ``[..., C, C]``: rows are the truth, columns what was called.

Averages over classes leave out the classes that do not occur in the truth. A class that occurs
and is never called has precision 0. What is still undefined is ``nan``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def cells(truth: NDArray[np.integer], called: NDArray[np.integer], classes: int) -> Floats:
    """Which cell of the matrix each case falls in, ``[n, C * C]`` of 0 and 1.

    ``(counts @ cells).reshape(-1, C, C)`` are the matrices of bootstrap samples ``[s, n]``.
    """
    found = np.zeros((len(truth), classes * classes))
    found[np.arange(len(truth)), truth * classes + called] = 1
    return found


def _ratio(above: Floats, below: Floats) -> Floats:
    found = np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
    return np.asarray(found)


def accuracy(matrix: Floats) -> Floats:
    """Share of the cases called right, ``[...]``."""
    return _ratio(matrix.trace(axis1=-2, axis2=-1), matrix.sum((-2, -1)))


def sensitivities(matrix: Floats) -> Floats:
    """Share of each class that is called it (recall), ``[..., C]``."""
    return _ratio(_hits(matrix), matrix.sum(-1))


def specificities(matrix: Floats) -> Floats:
    """Share of what is not of each class that is not called it, ``[..., C]``."""
    others = matrix.sum((-2, -1))[..., None] - matrix.sum(-1)
    return _ratio(others - matrix.sum(-2) + _hits(matrix), others)


def precisions(matrix: Floats) -> Floats:
    """Share of what is called each class that is it, ``[..., C]``."""
    called = matrix.sum(-2)
    missing = (called == 0) & (matrix.sum(-1) > 0)
    return np.where(missing, 0.0, _ratio(_hits(matrix), called))


def f1s(matrix: Floats) -> Floats:
    """Harmonic mean of precision and sensitivity of each class, ``[..., C]``."""
    return _ratio(2 * _hits(matrix), matrix.sum(-1) + matrix.sum(-2))


def over_classes(values: Floats, matrix: Floats) -> Floats:
    """Mean of a figure ``[..., C]`` over the classes that occur and for which it is defined."""
    use = (matrix.sum(-1) > 0) & ~np.isnan(values)
    return _ratio(np.where(use, values, 0.0).sum(-1), use.sum(-1).astype(np.float64))


def kappa(matrix: Floats) -> Floats:
    """Agreement beyond chance (Cohen 1960, Educ. Psychol. Meas. 20(1), 37-46), ``[...]``."""
    total = matrix.sum((-2, -1))
    observed = matrix.trace(axis1=-2, axis2=-1)
    expected = _ratio((matrix.sum(-1) * matrix.sum(-2)).sum(-1), total)
    return _ratio(observed - expected, total - expected)


def matthews(matrix: Floats) -> Floats:
    """Matthews' correlation of truth and call, for any number of classes, ``[...]``.

    0 if everything is called one class; ``nan`` if the truth is one class.

    Source: Gorodkin 2004, Comput. Biol. Chem. 28(5-6), 367-374.
    """
    total = matrix.sum((-2, -1))
    truth, called = matrix.sum(-1), matrix.sum(-2)
    together = matrix.trace(axis1=-2, axis2=-1) * total - (truth * called).sum(-1)
    of_truth = total**2 - (truth**2).sum(-1)
    of_called = total**2 - (called**2).sum(-1)
    found = _ratio(together, np.sqrt(of_truth * of_called))
    return np.where((of_called == 0) & (of_truth > 0), 0.0, found)


def _hits(matrix: Floats) -> Floats:
    return np.asarray(matrix.diagonal(axis1=-2, axis2=-1))
