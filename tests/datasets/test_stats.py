"""Statistics: exact counts of a manifest written by hand."""

import json
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fractura.datasets.manifest import Intake, Manifest
from fractura.datasets.record import LABELS, SPLITS, Annotation, Record
from fractura.datasets.report.statistics_tables import statistics_tables
from fractura.datasets.stats import NOT_GIVEN, Size, Spread, StatisticsCell, spread, statistics
from fractura.findings import Box


def mark(x_min, y_min, x_max, y_max, label="fracture", **options):
    return Annotation(label, Box(x_min, y_min, x_max, y_max), **options)


@pytest.fixture
def manifest():
    """Six images of two sources, with something of everything."""
    common = {"path": Path("x.png"), "width": 100, "height": 200, "bits": 8, "format": "PNG"}
    return Manifest(
        (
            Record(
                **common,
                id="a/1",
                source="a",
                label="fracture",
                split="train",
                regions=("wrist",),
                views=("frontal",),
                patient="p1",
                study="s1",
                age=7,
                sex="female",
                cast=True,
                licence="CC BY 4.0",
                fracture_types=("oblique",),
                ao=("23r-M/3.1", "23u-E/7"),
                notes=("The folder contradicts the table.",),
                annotations=(
                    mark(0, 0, 20, 20, kind="oblique"),
                    mark(0, 0, 10, 20, outlines=(((0, 0), (10, 0), (10, 20)),)),
                    mark(0, 0, 50, 100, label="metal"),
                ),
            ),
            Record(
                **common,
                id="a/2",
                source="a",
                label="fracture",
                split="test",
                official_split="test",
                regions=("wrist", "elbow"),
                views=("lateral",),
                patient="p1",
                age=7.5,
                sex="female",
                annotations=(mark(0, 0, 10, 10),),
            ),
            Record(
                **common,
                id="a/3",
                source="a",
                label="no fracture",
                split="train",
                regions=("wrist",),
                views=("frontal",),
                patient="p2",
                age=60,
                sex="male",
                cast=False,
                annotations=(),
            ),
            Record(
                id="b/1",
                path=Path("y.jpg"),
                source="b",
                label="abnormal",
                patient="p1",
                width=300,
                height=100,
                bits=16,
                format="PNG",
            ),
            Record(id="b/2", path=Path("z.jpg"), source="b", label="normal", group="g"),
            Record(id="b/3", path=Path("u.jpg"), source="b", label="unknown", group="g"),
        ),
        (Intake("a", "yolo", "", None, 4, 3, {"empty file": 1}),),
    )


def test_every_count_of_a_small_manifest(manifest):
    found = statistics(manifest)
    assert found.records == 6
    assert found.content_hash == manifest.content_hash
    assert found.intakes == tuple(intake.sentence() for intake in manifest.intakes)
    assert found.cells == (
        StatisticsCell("abnormal", NOT_GIVEN, NOT_GIVEN, "b", NOT_GIVEN, 1),
        StatisticsCell("fracture", "wrist", "frontal", "a", "train", 1),
        StatisticsCell("fracture", "wrist + elbow", "lateral", "a", "test", 1),
        StatisticsCell("no fracture", "wrist", "frontal", "a", "train", 1),
        StatisticsCell("normal", NOT_GIVEN, NOT_GIVEN, "b", NOT_GIVEN, 1),
        StatisticsCell("unknown", NOT_GIVEN, NOT_GIVEN, "b", NOT_GIVEN, 1),
    )
    assert found.labels == LABELS
    assert list(found.count("split").items()) == [("train", 2), ("test", 1), (NOT_GIVEN, 3)]
    assert found.cross("source", "label") == {
        "a": {"fracture": 2, "no fracture": 1},
        "b": {"abnormal": 1, "normal": 1, "unknown": 1},
    }
    assert found.official_splits == {NOT_GIVEN: 5, "test": 1}
    assert found.fracture_types == {"oblique": 1}
    assert found.ao == {"23r-M/3.1": 1, "23u-E/7": 1}
    assert found.kinds == {"oblique": 1}
    assert found.sexes == {
        "female": {"fracture": 2},
        "male": {"no fracture": 1},
        NOT_GIVEN: {"abnormal": 1, "normal": 1, "unknown": 1},
    }
    assert found.flags["cast"] == {"yes": 1, "no": 1, NOT_GIVEN: 4}
    assert found.licences == {NOT_GIVEN: 5, "CC BY 4.0": 1}
    assert found.noted == 1


def test_ages_sizes_boxes_and_units(manifest):
    found = statistics(manifest)
    assert set(found.ages) == {"fracture", "no fracture"}
    assert found.ages["fracture"].median == 7.25
    assert found.age_histogram["fracture"] == (0, 2, *[0] * 11)
    assert found.age_histogram["no fracture"] == (*[0] * 12, 1)
    assert found.sizes == (
        Size(100, 200, "fracture", 2),
        Size(100, 200, "no fracture", 1),
        Size(300, 100, "abnormal", 1),
    )
    expected = (4, 0.02, 0.02, 0.02, 0.02, 0.0225, 0.0285, 0.03)
    assert astuple(found.megapixels) == pytest.approx(expected)
    assert found.formats["PNG, 8 bit"] == {"fracture": 2, "no fracture": 1}
    assert found.formats["not given, not given"] == {"normal": 1, "unknown": 1}
    assert found.boxes_per_image == {0: 1, 1: 1, 3: 1}
    fractures = found.marks["fracture"]
    assert (fractures.count, fractures.images, fractures.outlined) == (3, 2, 1)
    assert fractures.areas.median == 0.01
    assert (fractures.areas.minimum, fractures.areas.maximum) == (0.005, 0.02)
    assert sum(fractures.histogram) == 3
    assert found.marks["metal"].areas.maximum == 0.25
    # The patient p1 of source b is another person than the p1 of source a.
    assert (found.units["patients"].count, found.units["patients"].images) == (3, 4)
    assert found.units["patients"].size.maximum == 2
    assert (found.units["groups"].count, found.units["groups"].images) == (1, 2)


def test_what_is_missing(manifest):
    found = statistics(manifest)
    assert found.missing["age"] == 0.5
    assert found.missing["regions"] == 0.5
    assert found.missing["annotations"] == 0.5, "no annotation is not a missing annotation"
    assert found.missing["ao"] == 0.5, "of the two images with a fracture"
    assert found.missing_by_source["a"]["age"] == 0
    assert found.missing_by_source["b"]["age"] == 1


def test_an_abnormal_image_is_never_counted_as_a_fracture(manifest):
    tables = {table.title: table for table in statistics_tables(statistics(manifest))}
    sources = tables["Sources"]
    assert sources.columns == ("source", *LABELS, "all")
    assert sources.rows == (("a", 2, 1, 0, 0, 0, 3), ("b", 0, 0, 1, 1, 1, 3))
    assert sources.sums == ("all", 2, 1, 1, 1, 1, 6)


def test_the_json_form_is_json_and_complete(manifest):
    data = json.loads(json.dumps(statistics(manifest).as_dict(), allow_nan=False))
    assert data["schema"] == 1
    assert data["counts"]["label"] == dict(zip(LABELS, (2, 1, 1, 1, 1), strict=True))
    assert data["marks"]["fracture"]["areas"]["median"] == 0.01


@pytest.mark.parametrize(
    "records", [(), (Record(id="a", path=Path("a.png"), source="s", label="unknown"),)]
)
def test_nothing_at_all_and_nothing_optional(records):
    found = statistics(Manifest(records))
    assert found.records == len(records)
    assert found.widths is None
    assert found.marks == {}
    assert set(found.missing.values()) <= {0.0, 1.0}
    json.dumps(found.as_dict(), allow_nan=False)
    assert [table.title for table in statistics_tables(found)] == (
        [
            "Splits",
            "Sources",
            "File formats",
            "Empty columns, % of images",
            "Label × region × view × source × split",
        ]
        if records
        else []
    )


def test_boxes_that_cannot_be_measured_are_counted_but_not_measured():
    boxes = (mark(5, 5, 5, 9), mark(9, 0, 1, 5), mark(0, 0, 400, 400))
    record = Record(
        id="a",
        path=Path("a"),
        source="s",
        label="fracture",
        width=100,
        height=100,
        annotations=boxes,
    )
    marks = statistics(Manifest((record,))).marks["fracture"]
    assert marks.count == 3
    assert marks.areas == Spread(1, *[16.0] * 7)
    assert marks.histogram[-1] == 1


@given(
    st.lists(
        st.tuples(
            st.sampled_from(LABELS),
            st.sampled_from((None, *SPLITS)),
            st.sampled_from(((), ("hand",), ("hand", "hip"))),
            st.sampled_from(("a", "b")),
        ),
        max_size=30,
    )
)
def test_every_cross_table_adds_up_to_the_number_of_images(rows):
    manifest = Manifest(
        tuple(
            Record(
                id=str(number),
                path=Path("x"),
                source=source,
                label=label,
                split=split,
                regions=regions,
            )
            for number, (label, split, regions, source) in enumerate(rows)
        )
    )
    found = statistics(manifest)
    for field in ("label", "region", "view", "source", "split"):
        assert sum(found.count(field).values()) == len(rows)
        for other in ("label", "split"):
            table = found.cross(field, other)
            assert sum(sum(counts.values()) for counts in table.values()) == len(rows)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1))
def test_spread_is_in_order_and_within_the_values(values):
    found = spread(values)
    numbers = [found.minimum, found.q05, found.q25, found.median, found.q75, found.q95]
    assert sorted(numbers) == pytest.approx(numbers)
    assert (found.minimum, found.maximum) == (min(values), max(values))
    assert found.median == pytest.approx(float(np.median(values)))
