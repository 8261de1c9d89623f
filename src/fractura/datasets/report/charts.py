"""Figures of statistics, drawn with Matplotlib.

Colours follow Okabe and Ito (2008), which people with any colour vision can tell apart.
"""

from __future__ import annotations

import io
import math
import warnings
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from fractura.datasets.record import FRACTURE
from fractura.datasets.report.page import data_uri
from fractura.datasets.stats import AGE_BIN, AREA_EXPONENTS, NOT_GIVEN, Statistics
from fractura.errors import FracturaError
from fractura.text import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

COLOURS: Mapping[str, str] = {
    "fracture": "#d55e00",
    "no fracture": "#0072b2",
    "abnormal": "#e69f00",
    "normal": "#56b4e9",
    "unknown": "#8c8c8c",
}
_MARKERS = {"fracture": "o", "no fracture": "s", "abnormal": "^", "normal": "D", "unknown": "v"}
_ROWS_SHOWN = 16
_INK = "#010203"
"""Stands for the colour of text, which follows the page's in an embedded figure."""
_THEME = (
    "<style>svg{color:#1b1f24}@media(prefers-color-scheme:dark){svg{color:#e8eaed}}"
    "@media print{svg{color:#1b1f24}}</style>"
)
_STYLE: Any = {
    "axes.edgecolor": _INK,
    "axes.grid": True,
    "axes.labelcolor": _INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.axisbelow": True,
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "grid.alpha": 0.35,
    "grid.color": "#8c8c8c",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "savefig.transparent": False,
    "svg.hashsalt": "fractura",
    "text.color": _INK,
    "text.parse_math": False,
    "xtick.color": _INK,
    "ytick.color": _INK,
}


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure.

    Attributes:
        name: for a file, without its ending.
        title: for people.
        description: what it shows, for those who cannot see it.
        png: makes the file's bytes, on white.
        uri: the same for a page; its text follows the page's light or dark colours.
    """

    name: str
    title: str
    description: str
    png: Callable[[], bytes]
    uri: str


def draw_figures(stats: Statistics) -> list[Drawing]:
    """Every figure for which the statistics hold anything.

    Raises:
        FracturaError: Matplotlib is not installed.
    """
    found = [_composition(stats), _image_sizes(stats), _box_sizes(stats), _ages(stats)]
    return [one for one in found if one]


def matplotlib_figure(draw: Callable[[Figure], None], size: tuple[float, float]) -> Figure:
    """A figure of ``size`` inches in the house style, without Matplotlib's global state.

    Raises:
        FracturaError: Matplotlib is not installed.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise FracturaError('figures need Matplotlib: pip install "fractura[data]"') from error
    with matplotlib.rc_context({"backend": "agg", **_STYLE}):
        figure = Figure(figsize=size)
        draw(figure)
    return figure


def saved(figure: Figure, **options: Any) -> bytes:
    """The bytes of a figure's file; letters that the font lacks become boxes without a word."""
    import matplotlib

    data = io.BytesIO()
    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.savefig(data, **options)
    return data.getvalue()


def short(text: str, length: int = 44) -> str:
    """Text that fits beside an axis."""
    text = printable(text)
    return text if len(text) <= length else text[: length - 1] + "…"


def drawing(
    name: str,
    title: str,
    description: str,
    size: tuple[float, float],
    draw: Callable[[Figure], None],
) -> Drawing:
    """Draw a figure of ``size`` inches for a file and for a page.

    Raises:
        FracturaError: Matplotlib is not installed.
    """
    figure = matplotlib_figure(draw, size)
    png = partial(saved, figure, format="png", dpi=130, facecolor="white")
    svg = saved(figure, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = svg.decode().replace(_INK, "currentColor")
    head, body = text.split("<defs>", 1)
    themed = f"{head}{_THEME}<defs>{body}".encode()
    return Drawing(name, title, printable(description), png, data_uri(themed, "image/svg+xml"))


def _composition(stats: Statistics) -> Drawing | None:
    if not stats.cells:
        return None
    panels = [(source, _bars(stats, source)) for source in stats.cross("source", "label")]

    def draw(figure: Figure) -> None:
        heights = [len(bars) + 1.2 for _, bars in panels]
        axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
        for axis, (source, bars) in zip(axes, panels, strict=True):
            _stack(axis, bars, stats.labels)
            axis.set_title(short(source, 60), loc="left", fontweight="bold", fontsize=11)
        axes[-1].set_xlabel("images")
        _legend(figure, axes[0], len(stats.labels))

    height = 1.0 + sum(0.27 * len(bars) + 0.7 for _, bars in panels)
    return drawing(
        "composition",
        "Label × region × view × source",
        "Stacked bars: the number of images of each label for every region and view of each "
        f"source. The longest bar of {panels[0][0]}, the largest source, is {panels[0][1][0][0]} "
        f"with {sum(panels[0][1][0][1].values()):,} images.",
        (9, min(height, 60)),
        draw,
    )


def _bars(stats: Statistics, source: str) -> list[tuple[str, Mapping[str, int]]]:
    bars: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for cell in stats.cells:
        if cell.source == source:
            bars[cell.region, cell.view][cell.label] += cell.images
    ranked = sorted(bars.items(), key=lambda item: -sum(item[1].values()))
    named = [(_place(*place), counts) for place, counts in ranked]
    rest = named[_ROWS_SHOWN:]
    if len(rest) > 1:
        others: dict[str, int] = defaultdict(int)
        for _, counts in rest:
            for label, count in counts.items():
                others[label] += count
        named = [*named[:_ROWS_SHOWN], (f"{len(rest)} other combinations", others)]
    return list(named)


def _place(region: str, view: str) -> str:
    if view == NOT_GIVEN:
        return "region not given" if region == NOT_GIVEN else region
    return f"{'region not given' if region == NOT_GIVEN else region} · {view}"


def _stack(
    axis: Axes, bars: Sequence[tuple[str, Mapping[str, int]]], labels: Sequence[str]
) -> None:
    left = np.zeros(len(bars))
    for label in labels:
        counts = np.array([counts.get(label, 0) for _, counts in bars])
        axis.barh(range(len(bars)), counts, left=left, color=COLOURS[label], label=label)
        left += counts
    for row, total in enumerate(left):
        axis.annotate(
            f"{total:,.0f}", (total, row), (4, 0), textcoords="offset points", va="center", size=9
        )
    axis.set_yticks(range(len(bars)), [short(name) for name, _ in bars])
    axis.invert_yaxis()
    axis.grid(visible=False, axis="y")
    axis.margins(y=0.6 / len(bars))
    axis.set_xlim(0, 1.1 * left.max())
    _count_along(axis.xaxis)


def _count_along(direction: Axis) -> None:
    from matplotlib.ticker import MaxNLocator

    direction.set_major_locator(MaxNLocator(integer=True))
    direction.set_major_formatter("{x:,.0f}")


def _legend(figure: Figure, axis: Axes, columns: int) -> None:
    handles, names = axis.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper left", ncols=columns)


def _image_sizes(stats: Statistics) -> Drawing | None:
    if not stats.sizes:
        return None
    largest = max(size.images for size in stats.sizes)

    def draw(figure: Figure) -> None:
        from matplotlib.ticker import LogLocator, NullFormatter

        axis = figure.subplots()
        for label in stats.labels:
            sizes = [size for size in stats.sizes if size.label == label]
            axis.scatter(
                [size.width for size in sizes],
                [size.height for size in sizes],
                [10 + 250 * math.sqrt(size.images / largest) for size in sizes],
                facecolors="none",
                edgecolors=COLOURS[label],
                linewidths=1.3,
                alpha=0.8,
                marker=_MARKERS[label],
            )
            axis.scatter(
                [],
                [],
                45,
                marker=_MARKERS[label],
                facecolors="none",
                edgecolors=COLOURS[label],
                label=label,
            )
        axis.set(xscale="log", yscale="log", xlabel="width, pixels", ylabel="height, pixels")
        for direction in (axis.xaxis, axis.yaxis):
            direction.set_major_locator(LogLocator(subs=(1, 2, 5)))
            direction.set_major_formatter("{x:,.0f}")
            direction.set_minor_formatter(NullFormatter())
        _legend(figure, axis, len(stats.labels))

    different = len({(size.width, size.height) for size in stats.sizes})
    top = stats.sizes[0]
    return drawing(
        "image-sizes",
        "Image sizes",
        f"Width against height of {stats.widths.count if stats.widths else 0:,} images in "
        f"{different:,} sizes; the larger a mark, the more images (its area grows with their "
        f"root). The most frequent is {top.width} × {top.height} pixels. Sizes that "
        "only one label has tell a model the answer.",
        (7.5, 6),
        draw,
    )


def _box_sizes(stats: Statistics) -> Drawing | None:
    shown = {label: marks for label, marks in stats.marks.items() if marks.areas}
    if not shown:
        return None
    several = len(shown) > 1
    main = FRACTURE if FRACTURE in shown else next(iter(shown))
    areas = shown[main].areas
    assert areas is not None

    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        edges = [10**exponent * 100 for exponent in AREA_EXPONENTS]
        names = [label for label in shown if label != main][:5]
        axis.stairs(
            shown[main].histogram, edges, fill=True, color=COLOURS["fracture"], label=short(main)
        )
        others = ("#0072b2", "#56b4e9", "#e69f00", "#009e73", "#cc79a7")
        for name, colour in zip(names, others, strict=False):
            axis.stairs(
                shown[name].histogram, edges, color=colour, linewidth=1.6, label=short(name)
            )
        axis.axvline(areas.median * 100, color=_INK, linestyle="--", linewidth=1.2)
        axis.annotate(
            f"median {areas.median:.2%}",
            (areas.median * 100, 1),
            (5, -4),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            va="top",
        )
        axis.set(xscale="log", xlabel="area of the box in % of its image", ylabel="boxes")
        axis.set_ylim(top=1.15 * max(map(max, (marks.histogram for marks in shown.values()))))
        axis.set_xlim(*_limits(shown[main].histogram, edges))
        axis.xaxis.set_major_formatter("{x:g}")
        _count_along(axis.yaxis)
        if several:
            _legend(figure, axis, min(len(shown), 6))

    return drawing(
        "box-sizes",
        "Box sizes",
        f"Histogram of the areas of {areas.count:,} boxes marked {short(main)}, in per cent of "
        f"their image, on a logarithmic axis. Half of them cover less than {areas.median:.2%}, "
        f"the largest {areas.maximum:.0%}.",
        (8, 4.2),
        draw,
    )


def _limits(histogram: Sequence[int], edges: Sequence[float]) -> tuple[float, float]:
    filled = np.flatnonzero(histogram)
    return edges[max(filled[0] - 2, 0)], edges[min(filled[-1] + 3, len(edges) - 1)]


def _ages(stats: Statistics) -> Drawing | None:
    if not stats.age_histogram:
        return None
    bins = max(map(len, stats.age_histogram.values()))

    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        bottom = np.zeros(bins)
        for label, counts in stats.age_histogram.items():
            axis.bar(
                np.arange(bins) * AGE_BIN,
                counts,
                AGE_BIN * 0.92,
                bottom,
                align="edge",
                color=COLOURS[label],
                label=label,
            )
            bottom += counts
        axis.set(xlabel="age, years", ylabel="images")
        axis.grid(visible=False, axis="x")
        _count_along(axis.yaxis)
        _legend(figure, axis, len(stats.age_histogram))

    medians = "; ".join(
        f"{label} {found.median:g} ({found.count:,} images)" for label, found in stats.ages.items()
    )
    return drawing(
        "ages",
        "Age by label",
        f"Stacked bars: the number of images of each label in bins of {AGE_BIN} years. "
        f"Median ages: {medians}.",
        (8, 4.2),
        draw,
    )
