"""A picture of what a network says of a few radiographs, beside the truth."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from torch import nn

from fractura.atomic_write import write_whole
from fractura.datasets.record import Record
from fractura.imaging.preprocess import PreprocessConfig
from fractura.training.data.loader import EvaluationImage
from fractura.training.recipe import Recipe
from fractura.training.tasks.adapter import TaskAdapter, UncalibratedPrediction
from fractura.training.validation_metrics import probabilities, true_classes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = 4
SHOWN = 12
BOXES = 3
TRUE, FOUND = "#1a9850", "#e66101"


def choose(records: Sequence[Record], truth: Sequence[int], count: int = SHOWN) -> list[int]:
    """Indices of about equally many radiographs of each class, the first of each."""
    places: dict[int, list[int]] = {}
    for index, one in enumerate(truth):
        places.setdefault(int(one), []).append(index)
    rounds = [
        place[turn]
        for turn in range(max(map(len, places.values())))
        for place in places.values()
        if turn < len(place)
    ]
    return sorted(rounds[:count])


def draw_samples(
    network: nn.Module,
    adapter: TaskAdapter,
    recipe: Recipe,
    records: Sequence[Record],
    samples: Sequence[EvaluationImage],
    classes: Sequence[str],
    path: Path,
) -> None:
    """Read the radiographs and write a sheet of them as PNG.

    True boxes are green, the three best found ones orange; a title is red where the class is
    wrong.
    """
    from matplotlib.figure import Figure

    network.eval()
    predictions = adapter.read(network, samples)
    share = probabilities(predictions)
    truth = true_classes(records, recipe.task, classes)
    rows = -(-len(records) // COLUMNS)
    figure = Figure(figsize=(3.2 * COLUMNS, 3.6 * rows), layout="constrained")
    panels = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for panel in panels:
        panel.set_axis_off()
    for panel, prediction, sample, one, shares in zip(
        panels, predictions, samples, truth, share, strict=False
    ):
        _panel(panel, prediction, sample, recipe.data.preprocess)
        called = int(shares.argmax())
        panel.set_title(
            f"truth: {classes[one]}\n{classes[called]} {shares[called]:.2f}",
            fontsize=9,
            color="black" if called == one else "#b2182b",
        )
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=90, format="png")
    write_whole(path, buffer.getvalue())


def _panel(
    panel: Axes,
    prediction: UncalibratedPrediction,
    sample: EvaluationImage,
    config: PreprocessConfig,
) -> None:
    from matplotlib.patches import Rectangle

    pixels = np.clip(sample.image[0, 0].numpy() * config.std + config.mean, 0, 1)
    panel.imshow(pixels, cmap="gray", vmin=0, vmax=1)
    for boxes, colour in ((prediction.boxes[:BOXES], FOUND), (prediction.truths, TRUE)):
        for x_min, y_min, x_max, y_max in np.asarray(boxes, float).tolist():
            size = (x_max - x_min, y_max - y_min)
            panel.add_patch(Rectangle((x_min, y_min), *size, fill=False, color=colour, lw=1.2))
