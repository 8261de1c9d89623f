"""Accuracy and speed of an exported file beside what it was made from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from fractura.evaluation.detection import Matches, match, pooled_average_precision
from fractura.reading.decode import DecodedBoxes, decode, score_logits
from fractura.reading.model import ModelDescription

Array = NDArray[np.float32]
Network = Callable[[Array], Mapping[str, Array]]
"""From a fitted radiograph ``[1, 1, H, W]`` to outputs by name."""


@dataclass(frozen=True, eq=False)
class Example:
    """A fitted radiograph and what is known of it.

    Attributes:
        images: ``[1, 1, H, W]``.
        truth: number of its class, for boxes 1 with a fracture and 0 without; -1 unknown.
        boxes: ``[n, 4]`` around its fractures, in input pixels.
    """

    images: Array
    truth: int = -1
    boxes: Array = field(default_factory=lambda: np.zeros((0, 4), np.float32))


@dataclass(frozen=True)
class Measured:
    """Figures and median milliseconds a radiograph, of a file and of what it was made from.

    ``figures`` are ``AUROC`` for two classes, ``accuracy`` for more, ``AUROC`` and ``AP50`` for
    networks that give boxes; empty where the radiographs do not tell.
    """

    radiographs: int
    figures: Mapping[str, float]
    figures_before: Mapping[str, float]
    milliseconds: float
    milliseconds_before: float


def measure(
    after: Network, before: Network, description: ModelDescription, examples: Iterable[Example]
) -> Measured:
    """Run both on every example, in turns, after one run to warm up."""
    clocks: tuple[list[float], list[float]] = ([], [])
    answers: tuple[list[_Answer], list[_Answer]] = ([], [])
    remaining = iter(examples)
    first = list(islice(remaining, 1))
    for example in first:
        after(example.images), before(example.images)
    for number, example in enumerate(chain(first, remaining)):
        for side in (0, 1) if number % 2 else (1, 0):
            start = perf_counter()
            outputs = (after, before)[side](example.images)
            clocks[side].append(1000 * (perf_counter() - start))
            answers[side].append(_Answer.of(outputs, example, description))
    return Measured(
        len(clocks[0]),
        _figures(answers[0], description),
        _figures(answers[1], description),
        *(float(np.median(clock)) for clock in clocks),
    )


@dataclass(frozen=True, eq=False)
class _Answer:
    truth: int
    logits: NDArray[np.float64]
    matches: Matches | None = None

    @classmethod
    def of(
        cls, outputs: Mapping[str, Array], example: Example, description: ModelDescription
    ) -> _Answer:
        if description.classifies:
            return cls(example.truth, outputs["logits"][0].astype(np.float64))
        if description.task == "detection":
            found = DecodedBoxes(outputs["boxes"], score_logits(outputs["scores"]))
            image = found.best
        else:
            found = decode(outputs["scores"][0], outputs["boxes"][0])
            image = float(outputs["image"][0])
        matches = match(found.boxes, found.logits, example.boxes)
        return cls(example.truth, np.array([0.0, image]), matches)


def _figures(answers: Sequence[_Answer], description: ModelDescription) -> dict[str, float]:
    known = [answer for answer in answers if answer.truth >= 0]
    truth = np.array([answer.truth for answer in known])
    if len(np.unique(truth)) < 2:
        return {}
    logits = np.array([answer.logits for answer in known])
    if logits.shape[1] > 2:
        return {"accuracy": float((logits.argmax(1) == truth).mean())}
    figures = {"AUROC": float(roc_auc_score(truth, logits[:, 1] - logits[:, 0]))}
    if not description.classifies:
        figures["AP50"] = pooled_average_precision(
            [answer.matches for answer in known if answer.matches]
        )
    return figures


def one_thread() -> None:
    """Let torch use one processor thread, as the other runtimes do when they are timed."""
    torch.set_num_threads(1)
