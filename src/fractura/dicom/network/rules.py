"""Which objects are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from fractura.dicom.network.received import Received
from fractura.dicom.results.common import MANUFACTURER
from fractura.dicom.results.source import CAPTURES, MODALITIES, RADIOGRAPHS


class Rule(Protocol):
    """All that is not empty must fit.

    Attributes:
        read: whether such objects are read.
        modalities, body_parts: upper case.
        titles: calling application entities.
        to: names of the destinations of the results; empty takes all.
    """

    @property
    def read(self) -> bool:
        """Whether images that fit are read."""

    @property
    def modalities(self) -> tuple[str, ...]:
        """Modalities that fit; empty fits all."""

    @property
    def body_parts(self) -> tuple[str, ...]:
        """Values of Body Part Examined that fit; empty fits all."""

    @property
    def titles(self) -> tuple[str, ...]:
        """Calling application entity titles that fit; empty fits all."""

    @property
    def to(self) -> tuple[str, ...]:
        """Names of the destinations of the results."""


@dataclass(frozen=True)
class Verdict:
    """Whether an object is read, why, and where its results go (empty: to all destinations)."""

    read: bool
    reason: str
    to: tuple[str, ...] = ()


def decide(received: Received, rules: Sequence[Rule]) -> Verdict:
    """The first rule that fits decides; what is no radiograph from a detector is never read."""
    if reason := _never(received):
        return Verdict(False, reason)
    for number, rule in enumerate(rules, 1):
        if _fits(received, rule):
            said = "reads" if rule.read else "does not read"
            return Verdict(rule.read, f"rule {number} {said} it", rule.to if rule.read else ())
    return Verdict(False, "no rule reads it")


def _never(received: Received) -> str | None:
    if received.manufacturer.lower() == MANUFACTURER:
        return "it is a result of this software"
    if received.sop_class_uid in CAPTURES:
        if received.modality not in MODALITIES:
            return "it is a secondary capture that is no radiograph"
    elif received.sop_class_uid not in RADIOGRAPHS:
        return "it is no radiograph"
    # PS3.3, C.7.6.1.1.2; digital radiographs for presentation may be DERIVED and PRIMARY.
    if received.image_type[:2] == ("DERIVED", "SECONDARY"):
        return "it is a derived image"
    if "LOCALIZER" in received.image_type[2:]:
        return "it is a localiser"
    return None


def _fits(received: Received, rule: Rule) -> bool:
    return all(
        not wanted or value in wanted
        for wanted, value in (
            (rule.modalities, received.modality),
            (rule.body_parts, received.body_part),
            (rule.titles, received.calling_title),
        )
    )
