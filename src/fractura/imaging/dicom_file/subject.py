"""Who and what an image shows, by its header: the patient's age, and the part of the body."""

from __future__ import annotations

import re
from datetime import date
from typing import NamedTuple

APART = 1.5
"""Years by which the stated age may differ from the dates of birth and study."""
_DAYS = {"D": 1.0, "W": 7.0, "M": 30.44, "Y": 365.25}


class Subject(NamedTuple):
    """What the header says; ``None`` where it is silent, contradicts itself or is not understood.

    Attributes:
        age: in years.
        body_part: of Body Part Examined (PS3.3 C.7.6.1; terms of PS3.16 annex L), in upper case
            without blanks.
        warnings: sentences about what was left out.
    """

    age: float | None = None
    body_part: str | None = None
    warnings: tuple[str, ...] = ()


def read_subject(stated_age: str, born: str, studied: str, parts: tuple[str, ...]) -> Subject:
    """Put together what the header's texts say.

    Args:
        stated_age: Patient's Age (``"034Y"``, PS3.5 6.2). Zero years is what many devices write
            for an unknown age, so only days, weeks or months tell of a newborn.
        born, studied: dates (``"19870214"``).
        parts: values of Body Part Examined, one by the standard.
    """
    warnings = []
    stated, counted = _age(stated_age), _between(born, studied)
    age = stated if counted is None else counted
    if stated is not None and counted is not None and abs(stated - counted) > APART:
        age = None
        warnings.append("the patient's age contradicts the date of birth; neither was used")
    elif stated == 0 and counted is None:
        age = None
        warnings.append("the patient's age is 000Y, which many devices write for an unknown age")
    named = {squeezed for part in parts if (squeezed := re.sub(r"[\s_]+", "", part).upper())}
    if len(named) > 1:
        warnings.append("the header names several body parts; none was used")
    return Subject(age, named.pop() if len(named) == 1 else None, tuple(warnings))


def _age(text: str) -> float | None:
    found = re.fullmatch(r"(\d{1,3})([DWMY])", text.strip().upper())
    return None if found is None else int(found[1]) * _DAYS[found[2]] / 365.25


def _between(born: str, studied: str) -> float | None:
    try:
        first, last = (
            date(int(text[:4]), int(text[4:6]), int(text[6:8])) for text in (born, studied)
        )
    except ValueError:
        return None
    years = (last - first).days / 365.25
    return years if 0 <= years <= 125 else None
