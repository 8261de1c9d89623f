"""The words for parts of the body: which a model tells apart, and what lies outside its scope."""

from __future__ import annotations

from collections.abc import Iterable

REGIONS = (
    "hand",
    "finger",
    "wrist",
    "forearm",
    "elbow",
    "upper arm",
    "shoulder",
    "clavicle",
    "hip",
    "pelvis",
    "thigh",
    "knee",
    "lower leg",
    "ankle",
    "foot",
)
"""Regions of the appendicular skeleton that the shipped model names."""

OUTSIDE = "outside"
"""What a multi-task network says, beside :data:`REGIONS`, of films of the rest of the body."""

OUTSIDE_REGIONS = frozenset(
    {"abdomen", "chest", "face", "rib", "skull", "spine", "sternum", "trunk"}
)
"""Regions that count as :data:`OUTSIDE`, as manifests name them."""

CLASSES = (*REGIONS, OUTSIDE)
"""Names of a multi-task network's region outputs, in order."""

COARSE = {
    "upper limb": ("hand", "finger", "wrist", "forearm", "elbow", "upper arm"),
    "lower limb": ("thigh", "knee", "lower leg", "ankle", "foot"),
    "shoulder girdle": ("shoulder", "clavicle", "upper arm"),
    "pelvic girdle": ("hip", "pelvis"),
}
"""Words for several regions at once, of which each may be the right one."""


def is_outside(regions: Iterable[str]) -> bool:
    """Whether these words name parts of the body that are outside, and nothing else."""
    words = set(regions)
    return bool(words) and words <= OUTSIDE_REGIONS


def are_near(first: str, second: str) -> bool:
    """Whether two regions are one, or neighbours that one film may show together."""
    return first == second or any(first in some and second in some for some in COARSE.values())


def possible_classes(regions: Iterable[str]) -> set[str]:
    """Which of :data:`CLASSES` a manifest's words leave possible; empty where they tell none."""
    possible: set[str] = set()
    for word in regions:
        if word in OUTSIDE_REGIONS:
            possible.add(OUTSIDE)
        elif word in REGIONS:
            possible.add(word)
        else:
            possible |= set(COARSE.get(word, ()))
    return possible
