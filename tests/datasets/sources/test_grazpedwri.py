"""GRAZPEDWRI-DX: every column of its table, and both editions of its marks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fractura.datasets.record import Annotation
from fractura.datasets.sources.grazpedwri import CLASSES, SOURCE, TABLE
from fractura.datasets.sources.source import SourceError
from fractura.findings import Box
from tests.datasets.sources.trees import HEIGHT, WIDTH, draw, read

HEAD = (
    "filestem,patient_id,study_number,timehash,gender,age,laterality,projection,initial_exam,"
    "ao_classification,cast,diagnosis_uncertain,osteopenia,fracture_visible,metal,pixel_spacing,"
    "device_manufacturer"
)
FRONTAL, LATERAL = "0001_1297860395_01_WRI-L1_M014", "0001_1297860435_01_WRI-L2_M014"
LATER, UNSURE = "0003_0662359226_02_WRI-R1_F011", "0005_0073601946_01_WRI-R3_F009"
ROWS = (
    f"{FRONTAL},1,1,1297860395,M,14.1,L,1,1,23r-M/2.1,,,,,,0.144,Siemens",
    f"{LATERAL},1,1,1297860435,M,14.1,L,2,1,23r-M/2.1; 23u-E/7,,,,1,,0.144,Siemens",
    f"{LATER},3,2,0662359226,F,11.2,R,1,,23-M/3.1,1,,1,1,1,0.143,Agfa",
    f"{UNSURE},5,1,0073601946,F,9,R,3,1,,,1,,,,,",
)
ANN, LABELS = "folder_structure/supervisely/wrist/ann", "folder_structure/yolov5/labels"


def thing(name: str, *corners: tuple[float, float]) -> dict[str, Any]:
    return {"classTitle": name, "points": {"exterior": corners, "interior": []}}


OBJECTS = {
    FRONTAL: [thing("axis", (5, 9), (5, 90)), thing("text", (2, 3), (20, 12))],
    LATERAL: [thing("fracture", (48, 64), (24, 96))],
    LATER: [
        thing("fracture", (30, 40), (60, 50)),
        thing("metal", (10, 10), (20, 10), (15, 40)),
    ],
    UNSURE: [],
}


@pytest.fixture
def graz(tmp_path: Path) -> Path:
    (tmp_path / TABLE).write_text("\n".join([HEAD, *ROWS]) + "\n")
    (tmp_path / ANN).mkdir(parents=True)
    (tmp_path / LABELS).mkdir(parents=True)
    for part, (stem, objects) in enumerate(OBJECTS.items(), 1):
        draw(tmp_path / f"images_part{part}" / f"{stem}.png", part)
        content = {"tags": [], "size": {"width": WIDTH, "height": HEIGHT}, "objects": objects}
        (tmp_path / ANN / f"{stem}.json").write_text(json.dumps(content))
        lines = [yolo_line(item) for item in objects if item["classTitle"] != "axis"]
        (tmp_path / LABELS / f"{stem}.txt").write_text("".join(lines))
    return tmp_path


def yolo_line(item: dict[str, Any]) -> str:
    xs, ys = zip(*item["points"]["exterior"], strict=True)
    centre = (min(xs) + max(xs)) / 2 / WIDTH, (min(ys) + max(ys)) / 2 / HEIGHT
    size = (max(xs) - min(xs)) / WIDTH, (max(ys) - min(ys)) / HEIGHT
    values = " ".join(f"{value:.8f}" for value in (*centre, *size))
    return f"{CLASSES.index(item['classTitle'])} {values}\n"


def test_every_column_is_translated(graz: Path) -> None:
    records, dropped = read(SOURCE, graz)
    assert dropped == {}
    assert list(records) == [FRONTAL, LATERAL, LATER, UNSURE]
    frontal, lateral, later, unsure = records.values()
    assert [record.label for record in records.values()] == [
        *("no fracture", "fracture", "fracture", "no fracture")
    ]
    assert (frontal.patient, frontal.study) == ("1", "1/1")
    assert [record.views for record in records.values()] == [
        *(("frontal",), ("lateral",), ("frontal",), ("oblique",))
    ]
    assert (frontal.sex, frontal.age, frontal.laterality) == ("male", 14.1, "left")
    assert (later.sex, later.age, later.laterality) == ("female", 11.2, "right")
    assert (frontal.cast, frontal.hardware, frontal.follow_up) == (False, False, False)
    assert (later.cast, later.hardware, later.follow_up) == (True, True, True)
    assert lateral.ao == ("23r-M/2.1", "23u-E/7")
    assert frontal.ao == ()
    assert frontal.extra == {
        "timehash": "1297860395",
        "pixel_spacing": "0.144",
        "device_manufacturer": "Siemens",
        "ao_classification": "23r-M/2.1",
    }
    assert later.extra["osteopenia"] == "1"
    assert unsure.extra == {"timehash": "0073601946", "diagnosis_uncertain": "1"}
    assert unsure.notes == ("the source calls the diagnosis uncertain",)
    assert frontal.notes == lateral.notes == later.notes == ()


def test_supervisely_marks_are_pixels_and_the_axis_is_none(graz: Path) -> None:
    records, _ = read(SOURCE, graz)
    assert records[FRONTAL].annotations == (Annotation("text", Box(2, 3, 20, 12)),)
    assert records[LATERAL].fractures == (Annotation("fracture", Box(24, 64, 48, 96)),)
    metal = Annotation("metal", Box(10, 10, 20, 40), (((10, 10), (20, 10), (15, 40)),))
    assert (records[LATER].annotations or ())[1] == metal
    assert records[UNSURE].annotations == ()


def test_yolo_marks_are_the_same_boxes(graz: Path) -> None:
    expected, _ = read(SOURCE, graz)
    (graz / "folder_structure" / "supervisely").rename(graz / "elsewhere")
    records, _ = read(SOURCE, graz)
    for stem, record in records.items():
        marks, wanted = record.annotations or (), expected[stem].annotations or ()
        assert [mark.label for mark in marks] == [mark.label for mark in wanted]
        for mark, other in zip(marks, wanted, strict=True):
            assert mark.box.as_list() == pytest.approx(other.box.as_list(), abs=1e-4)
    (graz / "folder_structure").rename(graz / "nowhere")
    assert {record.annotations for record in read(SOURCE, graz)[0].values()} == {None}


@pytest.mark.parametrize("line", ["9 .5 .5 .1 .1", "-1 .5 .5 .1 .1", "3 .5 nan .1 .1", "3 .5 .5"])
def test_a_line_that_is_no_box_costs_the_marks_of_its_image_alone(graz: Path, line: str) -> None:
    (graz / "folder_structure" / "supervisely").rename(graz / "elsewhere")
    (graz / LABELS / f"{LATERAL}.txt").write_text(line)
    records, _ = read(SOURCE, graz)
    assert records[LATERAL].annotations is None
    assert records[LATERAL].notes == ("the file of annotations is missing or damaged",)
    assert len(records[LATER].annotations or ()) == 2


def test_contradictions_become_notes_and_the_rest_is_counted(graz: Path) -> None:
    (graz / ANN / f"{FRONTAL}.json").write_text(json.dumps({"objects": OBJECTS[LATERAL]}))
    (graz / ANN / f"{LATERAL}.json").write_text("{")
    (graz / ANN / f"{LATER}.json").write_text(json.dumps({"objects": []}))
    rows = [*ROWS[:3], ROWS[3].replace(",F,9,R,3,", ",X,nine,,4,"), ROWS[0], f"absent{ROWS[0]}"]
    (graz / TABLE).write_text("\n".join([HEAD, *rows]))
    draw(graz / "images" / f"{LATER}.png", 3)
    draw(graz / "images" / "stray.png")
    records, dropped = read(SOURCE, graz)
    assert records[FRONTAL].notes == (
        "dataset.csv says fracture_visible 'empty', but 1 fractures are boxed",
    )
    assert records[LATERAL].notes == ("the file of annotations is missing or damaged",)
    assert records[LATERAL].annotations is None
    assert records[LATER].notes == (
        "dataset.csv says fracture_visible '1', but 0 fractures are boxed",
    )
    assert records[UNSURE].notes[:3] == (
        "dataset.csv says gender 'X', which is not known",
        "dataset.csv says age 'nine', which is not known",
        "dataset.csv says projection '4', which is not known",
    )
    assert (records[UNSURE].sex, records[UNSURE].age, records[UNSURE].views) == (None, None, ())
    assert dropped == {
        "further copies of an image": [f"images_part3/{LATER}.png"],
        "lines that list an image again": [f"{graz / TABLE}, line 6"],
        "files are missing": [f"absent{FRONTAL}.png"],
        "files that dataset.csv does not list": ["images/stray.png"],
    }


def test_a_name_of_different_images_labels_none(graz: Path) -> None:
    draw(graz / "images" / f"{LATER}.png", 9)
    rows = [*ROWS, ROWS[0].replace(",,,,,,0.144", ",,,,1,,0.144")]
    (graz / TABLE).write_text("\n".join([HEAD, *rows]))
    records, dropped = read(SOURCE, graz)
    assert set(records) == {LATERAL, UNSURE}
    assert dropped["names that different images have"] == [f"images/{LATER}.png"]
    assert dropped["images of lines that contradict each other"] == [f"images_part1/{FRONTAL}.png"]


def test_says_what_is_missing_and_where_to_get_it(graz: Path) -> None:
    (graz / TABLE).write_text(HEAD.replace("gender", "sex"))
    with pytest.raises(SourceError, match=r"dataset\.csv: the column 'gender' is missing"):
        read(SOURCE, graz)
    for image in graz.glob("images_part*/*"):
        image.unlink()
    with pytest.raises(SourceError, match=r"every image is missing.*14825193 \(CC BY 4\.0, 20,327"):
        read(SOURCE, graz)
    (graz / TABLE).unlink()
    with pytest.raises(SourceError, match=r"dataset\.csv is missing"):
        read(SOURCE, graz)
