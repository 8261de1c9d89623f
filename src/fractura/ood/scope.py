"""What a model is meant for, and whether a picture shows something else.

The scope is data in the model's file, for whoever enforces it. The network itself tells two things
that end it: the rest of the body, and open growth plates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fractura.findings import Reason

OUTSIDE = Reason("outside-scope", "it does not seem to show a limb, a shoulder or a hip")
CHILD = Reason(
    "outside-scope",
    "its growth plates seem open, and children and adolescents are outside what the model knows",
)

LIMITS = ("outside", "growth_plates", "region", "limb")
"""Fields of :class:`Scope` that are probabilities, chosen with the thresholds."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a model is meant for.

    Attributes:
        regions: that it names, and whose fractures it looks for.
        youngest: age in years from which on it may be used; a policy, where the training data give
            no ages.
        modalities: DICOM's (PS3.3, C.7.3.1.1.1).
        projections: in the training data.
        learnt_from: names of the sources.
        never_seen: what was in none of them, for people.
        outside: probability in 0..1 from which on a picture counts as no limb.
        growth_plates: probability in 0..1 from which on growth plates count as open.
        region: probability in 0..1 from which on the region is said.
        limb: where it is not, probability from which on the limb is
            (:data:`fractura.regions.COARSE`); below both, the region is unsure.
    """

    regions: tuple[str, ...]
    youngest: float
    modalities: tuple[str, ...]
    projections: tuple[str, ...]
    learnt_from: tuple[str, ...]
    never_seen: tuple[str, ...]
    outside: float = 2.0
    growth_plates: float = 2.0
    region: float = 0.0
    limb: float = 0.0

    def ends_at(self, outside: float | None, growth_plates: float | None) -> Reason | None:
        """Why a picture with these probabilities is outside; ``None`` where it is not.

        Args:
            outside: that it shows no limb, shoulder or hip; ``None`` where the network is silent.
            growth_plates: that growth plates are open; likewise.
        """
        if outside is not None and outside >= self.outside:
            return OUTSIDE
        if growth_plates is not None and growth_plates >= self.growth_plates:
            return CHILD
        return None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Scope:
        """The inverse of :meth:`to_dict`; raises ``TypeError`` where it is damaged."""
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list | tuple) else value
            for name, value in stored.items()
        }
        return cls(**values)
