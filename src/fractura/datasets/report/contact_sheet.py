"""Sample radiographs of each label and region on one sheet."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fractura.datasets.manifest import Manifest
from fractura.datasets.record import LABELS, Record
from fractura.datasets.report.album import outlines_of
from fractura.datasets.report.charts import COLOURS, Drawing, matplotlib_figure, saved, short
from fractura.datasets.report.page import data_uri, plural
from fractura.datasets.stats import NOT_GIVEN
from fractura.errors import LoadError
from fractura.imaging.load import load
from fractura.imaging.preprocess import resize_long_side

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

REGIONS_SHOWN = 6
COLUMNS = 6
THUMBNAIL_SIDE = 256
"""Pixels of a thumbnail's longer side."""
SEED = 0

_BLACK, _WHITE, _MARK = "#101214", "#e8eaed", "#ff7a28"
_ON_BLACK = {"fracture": _MARK, "no fracture": "#4da6e0"}


def sample(manifest: Manifest) -> dict[tuple[str, str], list[Record]]:
    """Up to :data:`COLUMNS` records drawn at random, the same each time, for region and label.

    The :data:`REGIONS_SHOWN` most frequent regions come in that order, each with the labels that
    it has.
    """
    members: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in sorted(manifest.records, key=lambda record: record.id):
        members[_region(record), record.label].append(record)
    regions = Counter(map(_region, manifest.records))
    ranked = sorted(regions, key=lambda region: (-regions[region], region))[:REGIONS_SHOWN]
    chosen: dict[tuple[str, str], list[Record]] = {}
    for place in ((region, label) for region in ranked for label in LABELS):
        if place in members:
            generator = random.Random(f"{SEED} {' '.join(place)}")
            count = min(COLUMNS, len(members[place]))
            chosen[place] = generator.sample(members[place], count)
    return chosen


def draw_contact_sheet(
    manifest: Manifest, progress: Callable[[Sequence[Record]], Iterable[Record]] = iter
) -> Drawing | None:
    """Sample radiographs with their fractures' boxes; ``None`` of an empty manifest.

    A file that cannot be read leaves a place that says so.

    Args:
        manifest: whose images to show.
        progress: hands on the records that are read, one by one.

    Raises:
        FracturaError: Matplotlib is not installed.
    """
    chosen = sample(manifest)
    if not chosen:
        return None
    records = [record for some in chosen.values() for record in some]
    thumbnails = {record.id: _thumbnail(record) for record in progress(records)}

    def draw(figure: Figure) -> None:
        rows = figure.subplots(len(chosen), COLUMNS, squeeze=False)
        for axis in rows.flat:
            axis.axis("off")
            axis.set_box_aspect(1)
        for row, ((region, label), some) in zip(rows, chosen.items(), strict=True):
            for axis, record in zip(row, some, strict=False):
                _show(axis, record, thumbnails[record.id])
            _write(row[0], -0.22, short(region, 20), _WHITE)
            _write(row[0], -0.06, label, _ON_BLACK.get(label, COLOURS[label]))

    figure = matplotlib_figure(draw, (1.55 * COLUMNS + 0.6, 1.6 * len(chosen)))
    png = saved(figure, format="png", dpi=110, facecolor=_BLACK)
    jpeg = saved(figure, format="jpeg", dpi=110, facecolor=_BLACK, pil_kwargs={"quality": 88})
    failed = sum(thumbnail is None for thumbnail in thumbnails.values())
    return Drawing(
        name="contact-sheet",
        title="Sample radiographs",
        description=f"{plural(len(records), 'radiograph')} drawn at random (seed {SEED}), a row "
        "for each label of the most frequent regions; marked fractures are framed."
        + (f" {failed} of them could not be read." if failed else ""),
        png=lambda: png,
        uri=data_uri(jpeg, "image/jpeg"),
    )


def _region(record: Record) -> str:
    return " + ".join(record.regions) or NOT_GIVEN


def _thumbnail(record: Record) -> NDArray[np.float32] | None:
    try:
        pixels = load(record.path, frame=1).pixels
    except LoadError:
        return None
    return resize_long_side(pixels, THUMBNAIL_SIDE)


def _write(axis: Axes, x: float, text: str, colour: str) -> None:
    axis.text(
        x, 0.5, text, rotation=90, ha="right", va="center", color=colour, transform=axis.transAxes
    )


def _show(axis: Axes, record: Record, thumbnail: NDArray[np.float32] | None) -> None:
    if thumbnail is None:
        axis.text(0.5, 0.5, "cannot be read", ha="center", va="center", color=_WHITE, fontsize=8)
        return
    from matplotlib.patches import Rectangle

    height, width = thumbnail.shape
    axis.imshow(thumbnail, cmap="gray", vmin=0, vmax=1, interpolation="antialiased", aspect="auto")
    axis.set_xlim((width - THUMBNAIL_SIDE) / 2, (width + THUMBNAIL_SIDE) / 2)
    axis.set_ylim((height + THUMBNAIL_SIDE) / 2, (height - THUMBNAIL_SIDE) / 2)
    for box in outlines_of(record, width / height):
        if box.fracture and record.width:
            scale = width / record.width
            corner = (box.x * scale - 0.5, box.y * scale - 0.5)
            sides = (box.width * scale, box.height * scale)
            axis.add_patch(Rectangle(corner, *sides, fill=False, edgecolor=_MARK, linewidth=1.2))
