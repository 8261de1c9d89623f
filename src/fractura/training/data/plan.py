"""Which images an epoch shows, in which order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fractura.errors import FracturaError
from fractura.training.data.batch import Label
from fractura.training.data.store import ImageStore
from fractura.training.recipe import Recipe

Indices = NDArray[np.int64]


class SampleDraw(NamedTuple):
    """A sample of the store, and its place in the epoch."""

    sample: int
    position: int


class Plan:
    """The batches of every epoch, for all processes together.

    Everything random follows from the seed and the epoch alone. With ``world`` processes, process
    ``r`` takes ``batch[r::world]`` of each batch.
    """

    def __init__(self, labels: Sequence[Label], store: ImageStore, recipe: Recipe) -> None:
        """Plan over the samples of a store.

        Args:
            labels: of the store's records, in its order; phantoms are labelled by their outlines.
            store: the images.
            recipe: sampling, images a step of all processes together, and the seed.

        Raises:
            FracturaError: there is nothing to show.
        """
        phantoms = [
            Label(target=int(fractured), fractured=float(fractured))
            for fractured in (
                len(store.outlines(index)) > 0 for index in range(len(labels), len(store))
            )
        ]
        self.labels = (*labels, *phantoms)
        self.data = recipe.data
        self.batch = recipe.trainer.batch_size
        self.seed = recipe.trainer.seed
        self._fractured = np.array([label.fractured for label in self.labels], dtype=np.float64)
        self._targets = np.array([label.target for label in self.labels], dtype=np.int64)
        copies = np.array([label.copies for label in labels], dtype=np.int64)
        self._shown = np.repeat(np.arange(len(labels)), copies)
        self._phantoms = np.arange(len(labels), len(store))
        if not len(self._shown) and not len(self._phantoms):
            raise FracturaError("there is no radiograph to train on")

    def epoch(self, number: int) -> list[list[SampleDraw]]:
        """The batches of an epoch, counted from 0.

        All are full: what is over is left out, images without a fracture first. An epoch of less
        than one batch is one smaller batch.
        """
        random = np.random.default_rng((self.seed, number))
        chosen = self._natural(random)
        if self.data.sampling == "balanced":
            chosen = self._balanced(chosen, random)
        elif self.data.sampling == "balanced-sources":
            chosen = self._by_source(len(chosen), random)
        phantoms = random.permutation(self._phantoms)[: self.data.phantoms]
        order = self._whole_batches(random.permutation(np.concatenate([chosen, phantoms])))
        draws = [SampleDraw(int(sample), position) for position, sample in enumerate(order)]
        return [draws[start : start + self.batch] for start in range(0, len(draws), self.batch)]

    def _natural(self, random: np.random.Generator) -> Indices:
        """Every record by its copies; of the normals a new draw where their number is limited."""
        ratio = self.data.normals_per_fracture
        if ratio is None:
            return self._shown
        normal = self._fractured[self._shown] == 0
        count = round(int((self._fractured[self._shown] == 1).sum()) * ratio)
        normals = random.permutation(self._shown[normal])[:count]
        return np.concatenate([self._shown[~normal], normals])

    def _balanced(self, chosen: Indices, random: np.random.Generator) -> Indices:
        """As many draws as before, with replacement, equally many of each class.

        Classes are the targets, or fractured and not where there are none.
        """
        values = self._targets if (self._targets[chosen] >= 0).any() else self._fractured
        classes = [chosen[values[chosen] == value] for value in np.unique(values[chosen])]
        classes = [members for members in classes if len(members)]
        if not classes:
            return chosen
        sizes = np.bincount(np.arange(len(chosen)) % len(classes))
        return np.concatenate(
            [random.choice(group, size) for group, size in zip(classes, sizes, strict=False)]
        )

    def _by_source(self, count: int, random: np.random.Generator) -> Indices:
        """``count`` draws: sources by the square root of their size, their classes equally often.

        What tells of no fracture is a class of its own.
        """
        cells: dict[tuple[str, str], list[int]] = {}
        for index in self._shown.tolist():
            cells.setdefault((self.labels[index].source, str(self._fractured[index])), []).append(
                index
            )
        sizes = Counter(self.labels[index].source for index in self._shown.tolist())
        classes = Counter(source for source, _ in cells)
        total = sum(np.sqrt(size) for size in sizes.values())
        drawn = []
        for (source, _), members in cells.items():
            number = round(count * np.sqrt(sizes[source]) / total / classes[source])
            drawn.append(random.choice(members, number, replace=number > len(members)))
        return np.concatenate(drawn).astype(np.int64)

    def _whole_batches(self, order: Indices) -> Indices:
        over = len(order) % self.batch
        if len(order) < self.batch or not over:
            return order
        leave = np.argsort(self._fractured[order] == 1, kind="stable")[:over]
        return np.delete(order, leave)
