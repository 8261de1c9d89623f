"""Figures of the page that are curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fractura.datasets.report.charts import Drawing, drawing, short
from fractura.evaluation.report.table_cells import number, value_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, GREY = "#1f8ad0", "#d55e00", "#009e73", "#8c8c8c"
COLOURS = (BLUE, ORANGE, GREEN, "#cc79a7", "#e69f00", "#56b4e9", GREY, "#b8a800")
STYLES = ("-", "--", "-.", ":")
_SQUARE = (5.2, 4.9)
_WIDE = (5.2, 4.2)

Points = Sequence[Sequence[float]]


def unit_square(axis: Axes) -> None:
    """Both axes from 0 to 1."""
    axis.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")


def draw_roc(points: Points, marked: Sequence[tuple[str, float, float]], about: str) -> Drawing:
    """The receiver operating characteristic.

    Args:
        points: of 1 - specificity and sensitivity.
        marked: operating points: name, 1 - specificity, sensitivity.
        about: whose and of how many cases.
    """

    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        axis.plot([0, 1], [0, 1], color=GREY, linewidth=0.8)
        axis.plot(*zip(*points, strict=True), color=BLUE)
        for place, (name, wrong, right) in enumerate(marked):
            axis.scatter(
                wrong, right, 40, color=COLOURS[1 + place % 7], zorder=3, label=short(name, 28)
            )
        unit_square(axis)
        axis.set(xlabel="1 - specificity", ylabel="sensitivity")
        if marked:
            axis.legend(loc="lower right", fontsize=8)

    return drawing(
        "roc",
        "Receiver operating characteristic",
        f"Sensitivity against 1 - specificity, {about}; the diagonal is chance."
        + (" Dots are operating points." if marked else ""),
        _SQUARE,
        draw,
    )


def draw_precision_recall(
    points: Points, base: float | None, about: str, title: str = "Precision and recall"
) -> Drawing:
    """Precision against recall; ``base`` is the precision of calling everything."""

    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        if base is not None:
            axis.axhline(base, color=GREY, linestyle="--", linewidth=1)
        axis.plot(*zip(*points, strict=True), color=BLUE)
        unit_square(axis)
        axis.set(xlabel="recall (sensitivity)", ylabel="precision")

    line = "" if base is None else f" The broken line, {base:.3f}, calls everything positive."
    return drawing(
        "precision-recall", title, f"Precision against recall, {about}.{line}", _SQUARE, draw
    )


def draw_scores(scores: Mapping[str, Any], names: Sequence[str], about: str) -> Drawing:
    """Histogram of the probabilities of positives and of negatives."""
    edges, negative, positive = scores["edges"], scores["negative"], scores["positive"]

    def shares(counts: Sequence[float]) -> list[float]:
        return [count / max(sum(counts), 1) for count in counts]

    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        axis.stairs(
            shares(negative), edges, color=BLUE, fill=True, alpha=0.45, label=short(names[0])
        )
        axis.stairs(shares(positive), edges, color=ORANGE, linewidth=2, label=short(names[1]))
        axis.set(xlabel=f"probability of “{short(names[1], 24)}”", ylabel="share of the class")
        axis.legend(fontsize=9)

    return drawing(
        "scores",
        "Distribution of the probabilities",
        f"Share of each class in bins of probability, {about}: “{names[0]}” filled "
        f"({sum(negative):,} cases), “{names[1]}” as a line ({sum(positive):,} cases).",
        _WIDE,
        draw,
    )


def draw_reliability(bins: Sequence[Mapping[str, Any]], about: str) -> Drawing | None:
    """Share of positives against mean probability, with intervals and a histogram below."""
    filled = [one for one in bins if one["n"] and one["share"] is not None]
    if not filled:
        return None

    def draw(figure: Figure) -> None:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        upper.plot([0, 1], [0, 1], color=GREY, linewidth=0.8)
        for one in filled:
            if one["share_low"] is not None and one["share_high"] is not None:
                ends = [one["share_low"], one["share_high"]]
                upper.plot([one["mean"]] * 2, ends, color=BLUE, linewidth=1.6)
        means = [one["mean"] for one in filled]
        upper.plot(means, [one["share"] for one in filled], "o-", color=BLUE, markersize=5)
        upper.set(ylabel="share of positives", ylim=(-0.02, 1.02), xlim=(-0.01, 1.01))
        edges = [bins[0]["low"], *(one["high"] for one in bins)]
        lower.stairs([one["n"] for one in bins], edges, fill=True, color=BLUE, alpha=0.5)
        lower.set(xlabel="probability", ylabel="cases")

    return drawing(
        "reliability",
        "Reliability diagram",
        f"Share of positives against the mean probability of each bin with 95 % intervals, "
        f"{about}; on the diagonal a probability is what it says. Below: cases in each bin.",
        (5.2, 5.4),
        draw,
    )


def draw_froc(points: Points, about: str) -> Drawing:
    """Share of boxes found against false boxes an image."""

    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        axis.plot(*zip(*points, strict=True), color=BLUE, drawstyle="steps-post")
        axis.set_xscale("symlog", linthresh=0.05, linscale=0.5)
        ticks = [0, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10]
        last = max(2.0, *(float(one[0]) for one in points))
        axis.set_xticks(ticks, [f"{one:g}" for one in ticks])
        axis.set_xticks([], minor=True)
        axis.set(xlim=(0, min(last, 10)), ylim=(-0.01, 1.01))
        axis.set(xlabel="false boxes an image (normals counted)", ylabel="share of boxes found")

    return drawing(
        "froc",
        "Free-response ROC",
        f"Share of the true boxes found against false boxes an image, {about}; "
        "the lower axis is logarithmic from 0.05 on.",
        _WIDE,
        draw,
    )


def draw_f1(points: Points, about: str) -> Drawing:
    """Precision, recall and F1 of boxes against the threshold."""

    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        threshold, *curves = zip(*points, strict=True)
        for curve, colour, style, name in zip(
            curves, (ORANGE, GREEN, BLUE), ("--", "-.", "-"), ("precision", "recall", "F1"),
            strict=True,
        ):  # fmt: skip
            axis.plot(threshold, curve, color=colour, linestyle=style, label=name)
        axis.set(xlabel="threshold of a box's score", ylim=(-0.01, 1.01))
        axis.legend(fontsize=9)

    best = max(points, key=lambda one: one[3] or 0)
    return drawing(
        "f1",
        "F1 against the threshold",
        f"Precision, recall and F1 of boxes, {about}; F1 is best ({number(best[3])}) at a "
        f"threshold of {number(best[0])}, chosen on these very cases.",
        _WIDE,
        draw,
    )


def draw_risk_coverage(points: Points, about: str) -> Drawing:
    """Error among those answered against the share answered."""

    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        axis.plot(*zip(*points, strict=True), color=BLUE)
        axis.set(xlabel="share of cases answered, the surest first", ylabel="error among them")
        axis.set(xlim=(-0.01, 1.01))
        axis.set_ylim(bottom=0)

    return drawing(
        "risk-coverage",
        "Risk and coverage",
        f"Error among the cases that the model answers when it leaves the least sure ones to a "
        f"reader, {about}.",
        _WIDE,
        draw,
    )


def draw_corruptions(
    series: Mapping[str, Sequence[tuple[float, float]]], clean: float | None, title: str, about: str
) -> Drawing | None:
    """A figure against severity, a line for each corruption; 0 is the clean radiograph."""
    if not series:
        return None

    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        for place, (name, points) in enumerate(series.items()):
            whole = [*([(0, clean)] if clean is not None else []), *points]
            axis.plot(
                *zip(*whole, strict=True), marker="os^Dvx"[place // 8 % 6], markersize=4,
                color=COLOURS[place % 8], linestyle=STYLES[place // 2 % 4], label=short(name, 24),
            )  # fmt: skip
        axis.set(xlabel="severity (0 is clean)", ylabel=title)
        axis.set_xticks(range(6))
        figure.legend(loc="outside right upper", fontsize=8)

    worst = min(series.items(), key=lambda item: min(value for _, value in item[1]))
    low = min(value for _, value in worst[1])
    return drawing(
        "robustness",
        f"{title} under corruption",
        f"{title} against severity, {about}. The lowest is {number(low)} under {worst[0]}.",
        (8, 4.6),
        draw,
    )


def draw_forest(
    rows: Sequence[tuple[str, Mapping[str, Any]]], figures: Sequence[tuple[str, str]], about: str
) -> Drawing | None:
    """Figures of subgroups with their intervals; a broken line is the whole.

    Args:
        rows: a name and its figures; the first is the whole.
        figures: keys and titles of those drawn, a panel each.
        about: of how many.
    """
    panels = [
        (key, title)
        for key, title in figures
        if sum(value_of(one.get(key)) is not None for _, one in rows) > 1
    ]
    if not panels:
        return None

    def draw(figure: Figure) -> None:
        axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for axis, (key, title) in zip(axes, panels, strict=True):
            whole = value_of(rows[0][1].get(key))
            if whole is not None:
                axis.axvline(whole, color=GREY, linestyle="--", linewidth=1)
            for row, (_, found) in enumerate(rows):
                figure_there = found.get(key)
                value = value_of(figure_there)
                if value is None:
                    continue
                assert isinstance(figure_there, Mapping)
                if figure_there.get("low") is not None and figure_there.get("high") is not None:
                    ends = [figure_there["low"], figure_there["high"]]
                    axis.plot(ends, [row, row], color=BLUE, linewidth=2)
                axis.scatter(value, row, 36, color=ORANGE if row == 0 else BLUE, zorder=3)
            axis.set_xlabel(title)
            axis.grid(visible=False, axis="y")
        axes[0].set_yticks(range(len(rows)), [short(name, 56) for name, _ in rows])
        axes[0].set_ylim(len(rows) - 0.4, -0.6)

    return drawing(
        "forest",
        "Subgroups",
        f"{' and '.join(title for _, title in panels)} of each subgroup with 95 % intervals, "
        f"{about}; the broken line is the whole.",
        (9, 1.2 + 0.28 * len(rows)),
        draw,
    )
