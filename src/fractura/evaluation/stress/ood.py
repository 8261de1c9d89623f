"""Whether a model notices pictures that are no bone radiographs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import beta

from fractura.errors import LoadError
from fractura.evaluation.cases import Cases, cluster_numbers
from fractura.evaluation.interval import Figure, json_figure
from fractura.evaluation.stress.reread import Read
from fractura.imaging.load import load
from fractura.imaging.radiograph import Radiograph
from fractura.ood.synthetic import NON_RADIOGRAPHS, make_non_radiograph
from fractura.parallel import map_in_order
from fractura.progress import Progress

Picture = Radiograph | Path

MADE = 40
"""Made-up pictures of each kind."""
FIRST_SEED = 10_000
"""Of the made-up pictures; those that a model's own statistics were fitted to have smaller ones."""
OWN = "bone radiographs of the manifest"


def foreign(
    read: Read,
    kinds: Mapping[str, Sequence[Picture]] | None = None,
    *,
    cases: Cases | None = None,
    limit: int | None = None,
    workers: int = 1,
    samples: int = 2000,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Share of each kind of picture that is not evaluated.

    Made-up pictures (:mod:`fractura.ood.synthetic`) are always read. They are of the kinds that
    models' statistics are fitted to, so that they tell less than ``kinds``. Files that cannot be
    loaded are left out.

    Args:
        read: called from ``workers`` threads.
        kinds: pictures by the name of their kind: radiographs or files. Those with one path, such
            as parts of one photograph, count as one picture for the interval.
        cases: their radiographs are bone radiographs: what is flagged of them is a false alarm.
        limit: radiographs of ``cases`` at most, drawn at random; all if ``None``.
        workers: threads.
        samples: not used: the interval is exact.
        seed: of the draw.
        progress: see :data:`fractura.progress.Progress`.

    Returns:
        ``kind``, ``n``, ``flagged`` and ``source`` of each kind; see :func:`share` for the figure.
    """
    found = []
    if cases is not None:
        chosen = np.random.default_rng(seed).permutation(len(cases))[:limit]
        some = cases.of(np.sort(chosen))
        paths = [record.path for record in some.records]
        clusters: Sequence[Any] = cluster_numbers(some.records).tolist()
        flags = _flags(read, paths, workers, progress, OWN)
        found.append(_row(OWN, flags, clusters, "the manifest"))
    for kind in NON_RADIOGRAPHS:
        made = [_made(kind, FIRST_SEED + number) for number in range(MADE)]
        flags = _flags(read, made, workers, progress, kind)
        found.append(_row(kind, flags, range(MADE), "made up"))
    for kind, pictures in (kinds or {}).items():
        flags = _flags(read, pictures, workers, progress, kind)
        names = [_name(picture, place) for place, picture in enumerate(pictures)]
        found.append(_row(kind, flags, names, "given"))
    return found


def share(flags: Sequence[bool], clusters: Sequence[Any]) -> Figure:
    """Share of pictures that are flagged, with its interval.

    The interval is Clopper's and Pearson's (Biometrika 26, 404-413, 1934), exact for ``k`` of
    ``n`` independent pictures, with the number of clusters as ``n`` and the share of it as ``k``:
    it stays wide where few pictures were cut into many, and where none or all are flagged.

    Args:
        flags: one a picture.
        clusters: what each picture is drawn together with.
    """
    if not flags:
        return Figure(float("nan"), float("nan"), float("nan"), 0)
    value, n = float(np.mean(flags)), len(set(clusters))
    k = value * n
    low = float(beta.ppf(0.025, k, n - k + 1)) if k > 0 else 0.0
    high = float(beta.ppf(0.975, k + 1, n - k)) if k < n else 1.0
    return Figure(value, low, high, len(flags))


def _flags(
    read: Read,
    pictures: Sequence[Picture | Callable[[], Radiograph]],
    workers: int,
    progress: Progress | None,
    name: str,
) -> list[bool | None]:
    """Whether each is flagged; ``None`` where it cannot be loaded."""

    def one(picture: Picture | Callable[[], Radiograph]) -> bool | None:
        try:
            radiograph = load(picture) if isinstance(picture, Path) else picture
        except LoadError:
            return None
        shown = radiograph if isinstance(radiograph, Radiograph) else radiograph()
        return not read(shown).reliable

    flags: Iterable[bool | None] = map_in_order(one, pictures, workers)
    if progress is not None:
        flags = progress(flags, len(pictures), name)
    return list(flags)


def _row(
    kind: str, flags: Sequence[bool | None], clusters: Sequence[Any], source: str
) -> dict[str, Any]:
    kept = [(flag, one) for flag, one in zip(flags, clusters, strict=True) if flag is not None]
    figure = share([flag for flag, _ in kept], [one for _, one in kept])
    return {"kind": kind, "n": figure.n, "flagged": json_figure(figure), "source": source}


def _made(kind: str, seed: int) -> Callable[[], Radiograph]:
    return lambda: Radiograph(make_non_radiograph(kind, seed), sha256="")


def _name(picture: Picture, place: int) -> str:
    path = picture if isinstance(picture, Path) else picture.path
    return str(place) if path is None else str(path)
