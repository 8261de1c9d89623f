"""Age and body part of a header withdraw what is outside, and nothing else."""

from __future__ import annotations

import pytest

from fractura.imaging.dicom_file.subject import read_subject
from fractura.ood.scope import Scope
from fractura.reading.intended_use import INSIDE_PARTS, OUTSIDE_PARTS, excluded, region_of
from fractura.regions import REGIONS, are_near

SCOPE = Scope(REGIONS, 16, ("CR", "DX"), ("frontal",), ("a",), ("chest",))


@pytest.mark.parametrize("age", [None, 16.0, 45.0, 15.9, 6.0, 0.02])
@pytest.mark.parametrize("part", [None, "ELSEWHERE", *INSIDE_PARTS, *OUTSIDE_PARTS])
def test_every_age_with_every_part(age, part) -> None:
    reason = excluded(SCOPE, age, part)
    outside = part in OUTSIDE_PARTS
    young = age is not None and age < 16
    assert (reason is not None) == (outside or young)
    if reason:
        assert reason.code == "outside-scope"
        assert ("younger than 16" in reason.sentence) == (not outside)
    assert region_of(part) == INSIDE_PARTS.get(part or "")


def test_all_regions_are_ours_and_the_lists_are_apart() -> None:
    assert set(INSIDE_PARTS.values()) == set(REGIONS)
    assert not INSIDE_PARTS.keys() & OUTSIDE_PARTS.keys()


@pytest.mark.parametrize(
    ("stated", "born", "studied", "age"),
    [
        ("034Y", "", "", 34),
        ("034Y", "19900101", "20240601", 34.4),
        ("034Y", "20150101", "20240601", None),
        ("000Y", "20150101", "20240601", None),
        ("000Y", "20240101", "20240601", 0.4),
        ("000Y", "", "", None),
        ("010D", "", "", 10 / 365.25),
        ("018M", "", "", 1.5),
        ("34", "", "", None),
        ("", "19900101", "", None),
        ("", "20300101", "20240601", None),
        ("", "notadate", "20240601", None),
    ],
)
def test_the_age_is_known_or_left_out(stated, born, studied, age) -> None:
    subject = read_subject(stated, born, studied, ("HAND",))
    assert subject.age == (None if age is None else pytest.approx(age, abs=0.05))
    doubtful = born == "20150101" or (stated == "000Y" and not born)
    assert bool(subject.warnings) == doubtful


@pytest.mark.parametrize(
    ("parts", "found"),
    [
        (("Hand",), "HAND"),
        (("TIBIA FIBULA",), "TIBIAFIBULA"),
        (("",), None),
        (("HAND", "FOOT"), None),
    ],
)
def test_one_body_part_or_none(parts, found) -> None:
    subject = read_subject("", "", "", parts)
    assert subject.body_part == found
    assert bool(subject.warnings) == (len(parts) > 1)


def test_neighbours_are_no_contradiction() -> None:
    assert are_near("hand", "wrist")
    assert are_near("knee", "lower leg")
    assert not are_near("hand", "foot")
    assert not are_near("hip", "knee")
