"""Families of augmented copies, by file name, checked by pixels."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import PurePath

from fractura.datasets.audit.grouping import listed, places_of, plural
from fractura.datasets.audit.result import AuditProblem, Check
from fractura.datasets.record import Record

ALL_PAIRS = 24
"""Largest family of which every pair is compared; in larger ones each member is compared with as
many of its neighbours by name, so that the work grows with the family and not with its square."""

_CHANGE = (
    "rot(?:at(?:ed?|ion))?|aug(?:mented|mentation)?|flip(?:ped)?|[hv]flip|mirror(?:ed)?|"
    "crop(?:ped)?|zoom(?:ed)?|blur(?:red)?|noisy?|noise|bright(?:ness)?|contrast|clahe|gamma|"
    "invert(?:ed)?|shear(?:ed)?|shift(?:ed)?|scaled?|copy|copie|kopie"
)
_SUFFIXES = re.compile(
    rf"(?:\.rf\.[0-9a-z]{{16,}}|[-_. ]+(?:{_CHANGE})[-_. ]*-?\d*|[-_ ]*\(\d+\))$", re.IGNORECASE
)
"""What tools append: Roboflow's ``.rf.<hash>``, ``-rotated1``, ``_aug_3``, `` - Copy``, ``(1)``."""


def base_name(name: str) -> str:
    """A file's name without its extension and without what augmentation appended to it."""
    stem = PurePath(name).stem.lower()
    while (match := _SUFFIXES.search(stem)) and match.start():
        stem = stem[: match.start()]
    return stem


def find_families(records: Sequence[Record]) -> list[list[int]]:
    """Positions of two or more records of one source whose names have one base.

    Records that merely have the same name in different folders make no family: at least one name
    must say that it was augmented or copied.
    """
    named: dict[tuple[str, str], list[int]] = {}
    for position, record in enumerate(records):
        named.setdefault((record.source, base_name(record.path.name)), []).append(position)
    return [
        sorted(family, key=lambda position: (records[position].path.name, position))
        for (_, base), family in sorted(named.items())
        if len(family) > 1
        and any(records[position].path.stem.lower() != base for position in family)
    ]


def candidates(families: Sequence[Sequence[int]]) -> Iterator[tuple[int, int]]:
    """Pairs to compare by pixels, first < second."""
    for family in families:
        for near, far in combinations(range(len(family)), 2):
            if len(family) <= ALL_PAIRS or far - near <= ALL_PAIRS:
                first, second = sorted((family[near], family[far]))
                yield first, second


def check(
    records: Sequence[Record], families: Sequence[Sequence[int]], copies: Sequence[Sequence[int]]
) -> Check:
    """How many members of each family are copies of another member by their pixels.

    Args:
        records: of the manifest.
        families: as :func:`find_families` finds them.
        copies: groups of positions whose pictures are the same, identical or verified.
    """
    picture = {position: number for number, group in enumerate(copies) for position in group}
    problems, confirmed = [], 0
    for family in families:
        counts = Counter(picture[position] for position in family if position in picture)
        linked = [position for position in family if counts[picture.get(position, -1)] > 1]
        confirmed += len(linked)
        if len(linked) == len(family):
            continue
        members = [records[position] for position in family]
        places = places_of(members)
        where = f"; by name the family lies in {listed(places)}" if places else ""
        problems.append(
            AuditProblem(
                "warning" if places else "note",
                f"family {base_name(members[0].path.name)}: the pixels confirm {len(linked)} of "
                f"{len(family)} members as copies, the others were not merged{where}",
                tuple(record.id for record in members),
                {
                    "confirmed": [records[position].id for position in sorted(linked)],
                    "splits": places,
                },
            )
        )
    members_in_all = sum(map(len, families))
    return Check(
        name="families",
        title="Families of augmented copies by file name",
        explanation=(
            "Names such as 10-rotated1.jpg or x_jpg.rf.<hash>.jpg tell of augmentation. A name is "
            "no proof: every family was compared by pixels, and only what they confirm was put "
            "into one group. What they do not confirm is another picture, or one changed too much "
            "to tell."
        ),
        summary=(
            f"{len(families):,} families by name with {plural(members_in_all, 'member')}: the "
            f"pixels confirm {confirmed:,}"
        ),
        problems=tuple(
            sorted(problems, key=lambda problem: (problem.severity == "note", problem.records))
        ),
        figures={
            "families": len(families),
            "members": members_in_all,
            "confirmed_by_pixels": confirmed,
            "not_confirmed": members_in_all - confirmed,
        },
    )
