"""Which of another system's classes, columns or categories is the one that is looked for."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from fractura.datasets.sources.words import find_class, squeeze
from fractura.datasets.target import ABNORMAL, FRACTURE
from fractura.errors import FracturaError
from fractura.evaluation.predictions.errors import PredictionError

_WORDS = {FRACTURE: "fractured?|fractures|broken", ABNORMAL: "abnormal|abnormality"}
_NUMBER = "probability|prob|proba|p|score|confidence"
_MEANT = {FRACTURE: {FRACTURE}, ABNORMAL: {FRACTURE, ABNORMAL}}


def is_named(column: str, looked_for: str) -> bool:
    """Whether a column's name says what it holds: ``fracture``, ``P(fracture)``, ``prob_broken``.

    Only what is looked for and a word for probability may be in it: ``fracture_type`` is another.
    """
    pattern = f"({_NUMBER})?(of)?({_WORDS[looked_for]})({_NUMBER})?"
    return re.fullmatch(pattern, squeeze(column)) is not None


def find_column(columns: Iterable[str], looked_for: str) -> str | None:
    """The only column named for what is looked for; ``None`` if there is none.

    Raises:
        PredictionError: several are.
    """
    found = [column for column in columns if is_named(column, looked_for)]
    if len(found) > 1:
        raise PredictionError(
            f"{found[0]!r} and {found[1]!r} may both be the probability of {looked_for}; keep one"
        )
    return found[0] if found else None


class Classes:
    """Tells the boxes that count from those of other classes (metal, text), which it counts."""

    def __init__(
        self, source: str, names: Mapping[Any, str] | None, looked_for: str, remedy: str
    ) -> None:
        """Begin.

        Args:
            source: for messages.
            names: of the classes by number; ``None`` if nothing tells.
            looked_for: ``"fracture"`` or ``"abnormal"``.
            remedy: what to do where nothing tells.

        Raises:
            FracturaError: of several names none means what is looked for.
        """
        self._names, self._looked_for, self._remedy = names, looked_for, remedy
        self._wanted: set[Hashable] = set()
        self._others: Counter[Hashable] = Counter()
        if names is not None:
            meanings = {key: find_class(name, {}) for key, name in names.items()}
            wanted = {key for key, label in meanings.items() if label in _MEANT[looked_for]}
            if not wanted and len(names) > 1:
                raise FracturaError(
                    f"{source}: none of the classes {', '.join(map(repr, names.values()))} means "
                    f"{looked_for}; rename the one that does"
                )
            self._wanted = wanted or set(names)

    def counts(self, key: Hashable) -> bool:
        """Whether boxes of a class count.

        Raises:
            PredictionError: it is a second class, and nothing tells what they mean; or it is none
                of those that are listed, so that the others may be shifted, too.
        """
        if self._names is None:
            if self._wanted and key not in self._wanted:
                first = next(iter(self._wanted))
                raise PredictionError(
                    f"there are boxes of classes {first!r} and {key!r}, and nothing tells which "
                    f"is {self._looked_for}; {self._remedy}"
                )
            self._wanted.add(key)
            return True
        if key not in self._names:
            listed = ", ".join(f"{number!r} ({name})" for number, name in self._names.items())
            raise PredictionError(
                f"class {key!r} is none of those listed: {listed}; perhaps one side counts from 0 "
                "and the other from 1. Write the listed numbers"
            )
        if key in self._wanted:
            return True
        self._others[key] += 1
        return False

    def notes(self) -> list[str]:
        """Sentences about what was left out or taken for granted."""
        names = self._names or {}
        if self._others:
            counted = ", ".join(
                f"{names.get(key, str(key))!r} ({count:,})" for key, count in self._others.items()
            )
            return [f"boxes of classes other than {self._looked_for} are left out: {counted}"]
        if len(self._wanted) == 1 and not self._others:
            (key,) = self._wanted
            name = names.get(key)
            if name is None:
                return [f"boxes of the only class, {key!r}, are taken for {self._looked_for}"]
            if find_class(name, {}) is None:
                return [f"boxes of the only class, {name!r}, are taken for {self._looked_for}"]
        return []
