"""What the Basic Application Level Confidentiality Profile does to each attribute.

The table is DICOM PS3.15 2026c, Table E.1-1, as ``dicom-anonymizer`` carries it (BSD-3).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Literal

from fractura.errors import FracturaError

Action = Literal["keep", "remove", "empty", "replace", "map"]
TABLE = "dicomfields_2026c"
OVERLAYS = 0x60
"""Upper half of the groups 60xx. The table removes their data; without them the rest, a free text
among it, describes nothing (PS3.3, C.9.2)."""

# Where the standard leaves a choice ("X unless Z is required"), the one that keeps an object valid
# whatever the attribute's type is taken; sequences of references are kept with their UIDs mapped.
_ACTIONS: dict[str, Action] = {
    "X_TAGS": "remove",
    "Z_TAGS": "empty",
    "D_TAGS": "replace",
    "U_TAGS": "map",
    "Z_D_TAGS": "replace",
    "X_Z_TAGS": "empty",
    "X_D_TAGS": "replace",
    "X_Z_D_TAGS": "replace",
    "X_Z_U_STAR_TAGS": "map",
}


@cache
def action_of() -> Callable[[int], Action]:
    """The function that gives an attribute's action from its tag as one number.

    Private attributes and overlays are removed. Other attributes that the table does not name are
    kept.

    Raises:
        FracturaError: ``dicom-anonymizer`` is not installed.
    """
    try:
        from dicomanonymizer.dicomfields_selector import dicom_anonymization_database_selector
    except ImportError as error:
        raise FracturaError(
            'de-identification needs dicom-anonymizer: pip install "fractura[data]"'
        ) from error
    database = dicom_anonymization_database_selector(TABLE)
    single: dict[int, Action] = {}
    repeating: list[tuple[int, int, Action]] = []
    for category, action in _ACTIONS.items():
        for group, element, *masks in database[category]:
            tag = group << 16 | element
            if masks:
                mask = masks[0] << 16 | masks[1]
                repeating.append((tag & mask, mask, action))
            else:
                single[tag] = action

    def find(tag: int) -> Action:
        if tag >> 16 & 1 or tag >> 24 == OVERLAYS:
            return "remove"
        found = single.get(tag)
        if found is not None:
            return found
        return next((act for value, mask, act in repeating if tag & mask == value), "keep")

    return find
