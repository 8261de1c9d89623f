"""The parts of an audit, each against a value or a rule that is known."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fractura.datasets.audit import agreement, families, files, labels, leaks, marks
from fractura.datasets.audit.duplicates import DuplicatePair
from fractura.datasets.audit.examine import BORDER_DEPTHS, Examination, border, examine_bytes
from fractura.datasets.audit.families import ALL_PAIRS, base_name, candidates, find_families
from fractura.datasets.audit.grouping import connect, places_of
from fractura.datasets.manifest import Intake
from fractura.datasets.record import Annotation, Record
from fractura.findings import Box

SIZES = st.integers(1, 40)


def record(name, label="unknown", **more):
    return Record(id=name, path=Path(name), source="s", label=label, **more)


def encoded(array, kind, **options):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("image1_1015_png.rf.3b7320c3c40771fa5532bf713a728b83.jpg", "image1_1015_png"),
        ("10-rotated1-rotated2-rotated3-rotated1.jpg", "10"),
        ("wrist_aug_3.png", "wrist"),
        ("hand (1).png", "hand"),
        ("hand - Copy (2).png", "hand"),
        ("IMG0001_flip.jpg", "img0001"),
        ("carrot.png", "carrot"),
        ("IMG0001.jpg", "img0001"),
        ("(1).png", "(1)"),
        ("study-12.png", "study-12"),
        ("_copy.png", "_copy"),
    ],
)
def test_base_names(name, base):
    assert base_name(name) == base


def test_families_need_a_name_that_tells_of_a_change():
    names = ["a/1.png", "b/1.png", "a/2.png", "b/2_aug_1.png", "a/3.png"]
    assert find_families([record(name) for name in names]) == [[2, 3]]


@given(SIZES)
def test_candidates_grow_with_the_family_and_not_with_its_square(size):
    pairs = list(candidates([list(range(100, 100 + size))]))
    assert len(set(pairs)) == len(pairs) <= size * ALL_PAIRS
    assert all(100 <= first < second < 100 + size for first, second in pairs)
    if size <= ALL_PAIRS:
        assert len(pairs) == size * (size - 1) // 2


@given(st.lists(st.lists(st.integers(0, 29), max_size=4), max_size=12))
def test_connected_groups_are_those_of_repeated_merging(groups):
    sets = [{member} for member in range(30)]
    for group in groups:
        touched = [found for found in sets if found & set(group)]
        sets = [found for found in sets if not found & set(group)]
        sets += [set().union(*touched)] if touched else []
    expected = sorted(sorted(found) for found in sets if len(found) > 1)
    found = [group for group in connect(groups, 30) if len(group) > 1]
    assert found == expected


def test_uneven_spread_has_fishers_probability():
    # Fisher's lady tasting tea (The Design of Experiments, 1935): 34 of 70 arrangements.
    assert files.probability([3, 1], [4, 4]) == pytest.approx(34 / 70)
    # Pearson's statistic of this table is 20 with two degrees of freedom.
    assert files.probability([20, 10, 0], [20, 20, 20]) == pytest.approx(np.exp(-20), rel=1e-9)
    assert files.probability([3, 0], [10, 0]) is None
    assert files.probability([0, 0], [10, 10]) is None


@pytest.mark.parametrize(
    ("words", "severity"),
    [
        (["fracture", "no fracture"], "error"),
        (["fracture", "normal"], "error"),
        (["abnormal", "normal"], "error"),
        (["fracture", "abnormal"], "note"),
        (["abnormal", "no fracture"], "note"),
        (["normal", "no fracture"], "note"),
        (["fracture", "unknown"], None),
        (["fracture", "fracture"], None),
    ],
)
def test_which_labels_contradict_each_other(words, severity):
    records = [record(f"r{number}", word) for number, word in enumerate(words)]
    found = labels.contradictions(records, [[0, 1]]).problems
    assert [problem.severity for problem in found] == ([severity] if severity else [])


def test_intakes_and_notes_are_told_alike_by_kind():
    intake = Intake("s", "table", "", None, 5, 3, {"files are empty": 2})
    notes = [("box 3 was cut to 10.5",), ("box 12 was cut to 9",), ("no view",), ()]
    records = [record(f"r{number}", notes=note) for number, note in enumerate(notes)]
    found = labels.remarks(records, [intake])
    assert [(item.severity, item.records) for item in found.problems] == [
        ("warning", ("r0", "r1")),
        ("warning", ("r2",)),
        ("note", ()),
    ]
    assert found.problems[-1].sentence == intake.sentence()
    assert found.figures == {"left_out": 2, "records_with_notes": 3}


def test_near_duplicates_leave_out_what_is_identical():
    records = [
        record("a", split="train"),
        record("b", split="train"),
        record("c", split="test"),
        record("d", split="test"),
        record("e", split="test"),
    ]
    exact = DuplicatePair(0, 1, 1.0, False, False, 0.0, 1.0)
    turned = DuplicatePair(1, 2, 0.95, False, True, -12.0, 1.1)
    within = DuplicatePair(3, 4, 0.97, True, False, 0.0, 1.0)
    found = leaks.near_duplicates(records, [exact, turned, within], [[0, 1, 2], [3, 4]], [[0, 1]])
    assert [(item.severity, item.records) for item in found.problems] == [
        ("leak", ("a", "b", "c")),
        ("warning", ("d", "e")),
    ]
    assert found.figures["pairs"] == 2
    assert found.figures["pairs_across_splits"] == 1
    assert found.figures["groups_across_splits"] == {"train and test": 1}
    assert found.figures["records_with_a_copy_in_another_split"] == {"train": 2, "test": 1}
    assert leaks.near_duplicates(records, [exact], [[0, 1]], [[0, 1]]).problems == ()


def test_patients_count_within_their_source_and_series_are_only_warned_of():
    one = record("one", patient="1", split="train")
    other = Record(id="x", path=Path("x"), source="t", label="unknown", patient="1", split="test")
    assert leaks.patients([one, other]).problems == ()
    torn = [record(f"i{at}", split="train" if at < 2 else "test", order=at) for at in range(4)]
    problem, unknown = leaks.patients(torn).problems
    assert unknown.severity == "note"
    assert problem.severity == "warning"
    assert problem.records == ("i0", "i1", "i2", "i3")


def test_a_fold_and_no_split_are_one_place():
    assert places_of([record("a", split="train", fold=1), record("b", split="train")]) == {}
    assert places_of([record("a", fold=2), record("b", fold=10)]) == {"fold 2": 1, "fold 10": 1}


def marked(name, *boxes):
    marks = tuple(Annotation("fracture", Box(*box)) for box in boxes)
    return record(name, "fracture", annotations=marks)


def sized(width, height):
    return Examination(problem=None, sha256="0", size=1, width=width, height=height)


def test_marks_of_copies_are_laid_upon_each_other():
    mirrored = ((-1.0, 0.0, 1.0), (0.0, 1.0, 0.0))
    left_half = ((2.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    records = [
        marked("a", (10, 20, 30, 60), (70, 10, 90, 30)),
        marked("mirrored, twice as wide", (140, 20, 180, 60), (20, 20, 60, 40)),
        marked("left half", (20, 20, 60, 60), (float("nan"), 0, 10, float("inf"))),
        marked("alone", (0, 0, 10, 10)),
        record("unmarked", "fracture"),
    ]
    found = [sized(100, 100), sized(200, 100), *[sized(100, 100)] * 3]
    pairs = [
        DuplicatePair(0, 1, 1.0, True, False, 0.0, 1.0, mirrored),
        DuplicatePair(0, 2, 1.0, False, False, 0.0, 1.0, left_half),
        DuplicatePair(3, 4, 1.0, False, False, 0.0, 1.0),
    ]
    told = agreement.check(records, found, pairs, [[0, 1, 2], [3, 4]])
    assert told.figures["pairs"] == 2
    assert told.figures["marks"] == 4 + 2
    assert told.figures["median_overlap"] == 1
    assert told.figures["agreement"]["0.3"]["value"] == 1
    assert told.figures["agreement"]["0.5"] == {"value": 0.667, "low": 0.667, "high": 0.667}
    assert [problem.records for problem in told.problems] == [("a", "mirrored, twice as wide")]
    shifted = marked("shifted", (140, 45, 180, 85), (20, 20, 60, 40))
    (problem,) = agreement.check([records[0], shifted], found, pairs[:1], [[0, 1]]).problems
    assert problem.records == ("a", "shifted")
    assert problem.evidence["overlaps"] == [0.333, 0.231]
    assert agreement.check(records, found, pairs[2:], [[3, 4]]).figures["agreement"] == {}


@given(
    st.lists(st.floats(0, 200, allow_nan=False), min_size=4, max_size=4),
    st.integers(1, 150),
    st.integers(1, 150),
)
def test_marks_that_any_tool_would_accept_pass(corners, width, height):
    x_min, x_max = sorted(corners[:2])
    y_min, y_max = sorted(corners[2:])
    item = marked("a", (x_min, y_min, x_max, y_max))
    found = marks.check([item], [sized(width, height)]).problems
    good = (
        x_max - x_min >= 1
        and y_max - y_min >= 1
        and x_max <= width
        and y_max <= height
        and (x_max - x_min) * (y_max - y_min) <= marks.LARGE * width * height
    )
    if good:
        assert found == ()
    if 0 < x_max - x_min < 1 and y_max > y_min:
        assert "less than a pixel" in found[0].sentence
    if x_min >= width or y_max <= y_min:
        assert [problem.severity for problem in found] == ["error"]


def test_border_of_a_framed_picture():
    pixels = np.full((100, 200), 0.5, np.float32)
    pixels[:1] = 1
    figures = np.reshape(border(pixels), (len(BORDER_DEPTHS), 4, 2))
    assert figures[0, 0] == pytest.approx([1, 0], abs=1e-6)
    assert figures[0, 1] == pytest.approx([0.5, 0], abs=1e-6)
    assert figures[0, 2] == pytest.approx([0.505, 0.0497], abs=1e-3)
    assert figures[1, 0] == pytest.approx([0.6, 0.2], abs=1e-6)


def test_examination_of_known_files():
    grey = np.tile(np.arange(0, 240, 4, dtype=np.uint8), (50, 1))
    png, picture = examine_bytes(encoded(grey, "PNG"))
    assert (png.format, png.width, png.height, png.bits, png.channels) == ("PNG", 60, 50, 8, 1)
    assert (png.colourfulness, png.coloured) == (0, 0)
    assert png.mean == pytest.approx(grey.mean() / 255, abs=1e-5)
    assert png.contrast == pytest.approx(grey.std() / 255, abs=1e-5)
    assert png.black == pytest.approx(1 / 60)
    assert picture is not None
    assert picture.dtype == np.uint8

    wide = encoded(grey.astype(np.uint16) * 257, "PNG")
    other_wrapping = [examine_bytes(data)[0] for data in (wide, encoded(grey, "BMP"))]
    assert [item.pixels_sha256 for item in other_wrapping] == [png.pixels_sha256] * 2
    assert len({png.sha256, *(item.sha256 for item in other_wrapping)}) == 3

    red = np.zeros((40, 40, 3), np.uint8)
    red[:20, :, 0] = 200
    for kind in ("PNG", "JPEG", "WEBP", "TIFF"):
        found, _ = examine_bytes(encoded(red, kind))
        assert found.format == kind
        assert found.channels == 3
        assert found.coloured == pytest.approx(0.5, abs=0.06)
        # Hasler and Süsstrunk by hand: spread (100, 50), offset (100, 50).
        assert found.colourfulness == pytest.approx(1.3 * np.hypot(100, 50), rel=0.05)


def test_truncated_and_broken_files():
    noise = np.random.default_rng(0).integers(0, 255, (80, 80), dtype=np.uint8)
    whole = encoded(noise, "JPEG")
    assert not examine_bytes(whole)[0].truncated
    cut = examine_bytes(whole[: len(whole) // 2])[0]
    assert cut.readable
    assert cut.truncated
    assert cut.format == "JPEG"
    for data, reason in ((b"", "it is empty"), (b"text", "it is not a PNG, JPEG")):
        found, picture = examine_bytes(data)
        assert picture is None
        assert found.problem is not None
        assert found.problem.startswith(reason)


def test_groups_by_name_are_not_merged_without_pixels():
    names = ["7.png", "7_aug_1.png", "7_aug_2.png"]
    records = [
        record(name, split=split)
        for name, split in zip(names, ("train", "train", "test"), strict=True)
    ]
    (family,) = find_families(records)
    found = families.check(records, [family], [[0, 1]])
    assert found.figures["confirmed_by_pixels"] == 2
    assert found.problems[0].severity == "warning"
    assert found.problems[0].evidence["confirmed"] == ["7.png", "7_aug_1.png"]
    assert families.check(records, [family], [[0, 1, 2]]).problems == ()
