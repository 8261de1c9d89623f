"""One split of one scorecard, and what every section asks of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from fractura.datasets.report.page import plural
from fractura.evaluation.scorecard import Scorecard, Split


@dataclass(frozen=True)
class Subject:
    """What a report is of.

    Attributes:
        scorecard: the whole of it; see ``docs/evaluation/scorecard.md``.
        name: of the split.
        pictures: the folder that files of the gallery are named from; ``None`` if there are none.
    """

    scorecard: Scorecard
    name: str
    pictures: Path | None = None

    def __post_init__(self) -> None:
        self.scorecard.of(self.name)

    @cached_property
    def split(self) -> Split:
        """The part of the scorecard."""
        return self.scorecard.of(self.name)

    @property
    def model(self) -> str:
        """The model's name."""
        return str(self.split.model or self.scorecard.model)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return tuple(map(str, self.scorecard.classes))

    @property
    def names(self) -> tuple[str, str] | None:
        """Names of the negative and of the positive class; ``None`` with several classes."""
        found = tuple(map(str, self.split.names or self.classes))
        return (found[0], found[1]) if len(found) == 2 else None

    @property
    def level(self) -> str:
        """What one case is: image, study or patient."""
        return str(self.split.level or "image")

    @property
    def positives(self) -> int | None:
        """Cases that show what is looked for; ``None`` where that makes no sense."""
        for count in (self.split.positives, self.split.fractured):
            if count is not None:
                return count
        classes = self.split.classes or {}
        if self.names and self.names[1] in classes:
            return int(classes[self.names[1]]["n"])
        return None

    @property
    def prevalence(self) -> float | None:
        """Share of positives."""
        if self.positives is None or not self.split.cases:
            return None
        return self.positives / int(self.split.cases)

    @property
    def counted(self) -> str:
        """The cases in words: ``391 images, 82 positive``."""
        many = {"image": "images", "study": "studies", "patient": "patients"}
        found = plural(self.split.cases, self.level, many.get(self.level))
        return found if self.positives is None else f"{found}, {self.positives:,} positive"

    @property
    def about(self) -> str:
        """For captions: of what and of how many."""
        return f"split “{self.name}”, {self.counted}"

    @property
    def leak(self) -> str | None:
        """The sentence that every table repeats if the cases are not new to the model."""
        found = self.split.leak
        if not found:
            return None
        sentence = found.get("sentence")
        return str(sentence or f"the split leaks: {found['cases']:,} of {found['of']:,} cases")
