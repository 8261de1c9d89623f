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
    one, other = possible_classes([first]), possible_classes([second])
    together = any(one & set(some) and other & set(some) for some in COARSE.values())
    return first == second or bool(one & other) or together


def agree(said: str, shown: str) -> bool:
    """Whether a word for a region is right of a film, one of the two perhaps being coarser."""
    return said == shown or said in COARSE.get(shown, ()) or shown in COARSE.get(said, ())


def limbs_of(region: str) -> set[str]:
    """The words of :data:`COARSE` that a region belongs to; a coarse word belongs to itself."""
    if region in COARSE:
        return {region}
    return {name for name, members in COARSE.items() if region in members}


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
