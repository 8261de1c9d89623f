"""A label or a box goes to the one picture that it was made for, or to none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fractura.cli.data.requests import find_requests
from fractura.datasets.record import Record
from fractura.datasets.sources import coco, table, voc, yolo
from fractura.datasets.sources.marks import to_upright, turned
from fractura.datasets.sources.words import find_split
from fractura.findings import Box
from tests.datasets.sources.trees import draw, read, remarks

CLASSES = [{"id": 1, "name": "fracture"}]
BOX = [10, 20, 30, 40]


def write_coco(path: Path, images: list[Any], marks: list[Any], classes: Any = CLASSES) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"images": images, "annotations": marks, "categories": classes}
    path.write_text(json.dumps(content), encoding="utf-8")


def listed(number: Any, name: str) -> dict[str, Any]:
    return {"id": number, "file_name": name}


def mark(number: Any, category: Any = 1, **more: Any) -> dict[str, Any]:
    return {"id": 5, "image_id": number, "category_id": category, "bbox": BOX, **more}


def corners(record: Record) -> list[float]:
    (found,) = record.fractures
    return found.box.as_list()


@pytest.mark.parametrize(
    ("of_image", "of_mark", "category"),
    [(1, "1", 1), ("1", 1, "1"), (1.0, 1, 1.0), ("a", "a ", 1), (0, "0", 1)],
)
def test_ids_in_any_form_mean_the_same(tmp_path, of_image, of_mark, category) -> None:
    draw(tmp_path / "a.png")
    write_coco(tmp_path / "c.json", [listed(of_image, "a.png")], [mark(of_mark, category)])
    records, dropped = read(coco.SOURCE, tmp_path)
    assert corners(records["a.png"]) == [10, 20, 40, 60]
    assert not dropped


def test_what_carries_a_shared_id_is_unknown(tmp_path) -> None:
    for name in "abc":
        draw(tmp_path / f"{name}.png")
    images = [listed(1, "a.png"), listed("1", "b.png"), listed(2, "c.png")]
    write_coco(tmp_path / "c.json", images, [mark(1), mark(2)])
    records, dropped = read(coco.SOURCE, tmp_path)
    assert {name: record.label for name, record in records.items()} == {
        "a.png": "unknown",
        "b.png": "unknown",
        "c.png": "fracture",
    }
    assert list(dropped) == ["annotations of an id of several images"]


def test_where_a_mark_lost_its_image_no_picture_is_free_of_fractures(tmp_path) -> None:
    for name in "ab":
        draw(tmp_path / f"{name}.png")
    images = [listed(1, "a.png"), listed(2, "b.png")]
    write_coco(tmp_path / "c.json", images, [mark(1), mark(77)])
    records, _ = read(coco.SOURCE, tmp_path)
    assert [records["a.png"].label, records["b.png"].label] == ["fracture", "unknown"]
    assert "does not list" in records["b.png"].notes[0]


@pytest.mark.parametrize(
    ("name", "near"), [("0001.png", "train"), ("train/0001.png", "x"), ("p1/0001.png", "x")]
)
def test_a_picture_of_the_same_name_elsewhere_is_another(tmp_path, name, near) -> None:
    draw(tmp_path / "valid" / "0001.png")
    write_coco(tmp_path / f"{near}.json", [listed(1, name)], [mark(1)])
    records, dropped = read(coco.SOURCE, tmp_path)
    assert not any(record.label != "unknown" for record in records.values())
    assert dropped["listed images that are missing"] == [f"{near}.json, image 1: {name}"]


@pytest.mark.parametrize("name", ["/home/me/data/0001.png", "C:\\data\\0001.png", "0001.png"])
def test_a_path_of_another_machine_still_finds_its_picture(tmp_path, name) -> None:
    draw(tmp_path / "valid" / "0001.png")
    write_coco(tmp_path / "c.json", [listed(1, name)], [mark(1)])
    records, _ = read(coco.SOURCE, tmp_path)
    assert records["valid/0001.png"].label == "fracture"


def test_a_turned_box_is_the_upright_one_around_it(tmp_path) -> None:
    draw(tmp_path / "a.png")
    turned_by_90 = mark(1, bbox=[30, 50, 40, 20], attributes={"rotation": 90.0})
    write_coco(tmp_path / "c.json", [listed(1, "a.png")], [turned_by_90])
    records, _ = read(coco.SOURCE, tmp_path)
    assert corners(records["a.png"]) == pytest.approx([40, 40, 60, 80])


@given(
    degrees=st.floats(-720, 720), box=st.tuples(*[st.floats(1, 100)] * 2, *[st.floats(1, 50)] * 2)
)
def test_a_turned_box_holds_all_its_corners(degrees: float, box: tuple[float, ...]) -> None:
    x, y, width, height = box
    around = turned(Box(x, y, x + width, y + height), degrees)
    angle = np.deg2rad(degrees)
    offsets = np.array([[a, b] for a in (-1, 1) for b in (-1, 1)]) * [width / 2, height / 2]
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = offsets @ turn.T + [x + width / 2, y + height / 2]
    np.testing.assert_allclose([*points.min(0), *points.max(0)], around.as_list(), atol=1e-6)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
@pytest.mark.parametrize("says_stored", [True, False])
def test_marks_of_the_stored_picture_are_turned_with_it(tmp_path, orientation, says_stored) -> None:
    """The truth is where Pillow, turning the picture, shows the marked square."""
    pixels = np.zeros((60, 100), np.uint8)
    pixels[10:20, 70:90] = 255
    exif = Image.Exif()
    exif[274] = orientation
    path = tmp_path / "a.png"
    Image.fromarray(pixels).save(path, exif=exif)
    from PIL import ImageOps

    rows, columns = np.nonzero(np.asarray(ImageOps.exif_transpose(Image.open(path))) > 128)
    truth = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    stated = (100, 60) if says_stored else (60, 100)
    (found,) = to_upright([Box(70, 10, 90, 20)], path, stated)
    assert found.as_list() == truth


@pytest.mark.parametrize("orientation", [2, 3, 4])
def test_of_other_turns_nobody_knows(tmp_path, orientation) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(np.zeros((60, 100), np.uint8)).save(tmp_path / "a.png", exif=exif)
    write_coco(tmp_path / "c.json", [{**listed(1, "a.png"), "width": 100}], [mark(1)])
    records, _ = read(coco.SOURCE, tmp_path)
    assert (records["a.png"].label, records["a.png"].annotations) == ("fracture", ())
    assert "turned by EXIF" in records["a.png"].notes[0]


def test_key_points_are_no_polygon(tmp_path) -> None:
    draw(tmp_path / "images" / "a.png")
    (tmp_path / "labels").mkdir()
    line = "0 0.5 0.5 0.25 0.5 0.52 0.48 2 0.47 0.53 2\n"
    (tmp_path / "labels" / "a.txt").write_text(line)
    (tmp_path / "data.yaml").write_text("names: [fracture]\nkpt_shape: [2, 3]\n")
    records, _ = read(yolo.SOURCE, tmp_path)
    record = records["images/a.png"]
    assert corners(record) == [36, 32, 60, 96]
    assert record.fractures[0].outlines == ()


XML = (
    "<annotation><filename>{name}</filename><size><width>96</width><height>128</height></size>"
    "<object><name>fracture</name>{more}<bndbox><xmin>{0}</xmin><ymin>{1}</ymin><xmax>{2}</xmax>"
    "<ymax>{3}</ymax></bndbox></object></annotation>"
)


EMPTY_XML = "<annotation><filename>a.png</filename></annotation>"


def xml(*edges: float, name: str = "a.png", more: str = "") -> str:
    return XML.format(*edges, name=name, more=more)


def test_an_xml_file_that_names_another_picture_labels_neither(tmp_path) -> None:
    for name in ("a.png", "b.png"):
        draw(tmp_path / name)
    (tmp_path / "a.xml").write_text(xml(10, 20, 40, 60, name="b.png"))
    records, dropped = read(voc.SOURCE, tmp_path)
    assert {record.label for record in records.values()} == {"unknown"}
    assert list(dropped) == ["XML files that name another image than their own name does"]


def test_a_stale_name_in_an_xml_file_is_noted(tmp_path) -> None:
    draw(tmp_path / "a.png")
    (tmp_path / "a.xml").write_text(xml(10, 20, 40, 60, name="before.png"))
    records, _ = read(voc.SOURCE, tmp_path)
    assert records["a.png"].label == "fracture"
    assert "calls its image before.png" in records["a.png"].notes[0]


def test_an_xml_file_of_one_split_is_not_of_another(tmp_path) -> None:
    draw(tmp_path / "valid" / "a.png")
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "a.xml").write_text(xml(10, 20, 40, 60))
    records, _ = read(voc.SOURCE, tmp_path)
    assert records["valid/a.png"].label == "unknown"


@pytest.mark.parametrize("edges", [(0.1, 0.2, 0.4, 0.6), (0, 0, 1, 1)])
def test_fractions_are_no_pixels(tmp_path, edges) -> None:
    draw(tmp_path / "a.png")
    (tmp_path / "a.xml").write_text(xml(*edges))
    records, _ = read(voc.SOURCE, tmp_path)
    assert (records["a.png"].label, records["a.png"].annotations) == ("fracture", ())
    assert "fractions" in records["a.png"].notes[0]


@pytest.mark.parametrize("kind", ["xml", "json"])
@pytest.mark.parametrize("place", ["{0}", "images/{0}", "{0}/images"])
def test_a_picture_of_the_same_name_in_another_folder_is_another(tmp_path, kind, place) -> None:
    """The first patient's picture is missing; its mark does not go to the second's."""
    marks = "annotations".join(place.split("images"))
    for patient in ("p2", "p3"):
        draw(tmp_path / place.format(patient) / "a.png")
    for patient in ("p1", "p2", "p3"):
        file = tmp_path / marks.format(patient) / f"a.{kind}"
        file.parent.mkdir(parents=True, exist_ok=True)
        if kind == "json":
            found = [mark(2)] if patient == "p2" else [mark(1)]
            write_coco(file, [listed(1, "a.png"), listed(2, "b.png")], found)
        else:
            file.write_text(EMPTY_XML if patient == "p2" else xml(10, 20, 40, 60))
    records, _ = read(coco.SOURCE if kind == "json" else voc.SOURCE, tmp_path)
    assert {name: record.label for name, record in records.items()} == {
        f"{place.format('p2')}/a.png": "no fracture",
        f"{place.format('p3')}/a.png": "fracture",
    }


def test_a_turn_in_an_xml_file(tmp_path) -> None:
    draw(tmp_path / "a.png")
    more = "<attributes><attribute><name>rotation</name><value>90</value></attribute></attributes>"
    (tmp_path / "a.xml").write_text(xml(30, 50, 70, 70, more=more))
    records, _ = read(voc.SOURCE, tmp_path)
    assert corners(records["a.png"]) == pytest.approx([40, 40, 60, 80])


@pytest.mark.parametrize(
    "head",
    [
        "filename,class,xmin,ymin,xmax,ymax",
        "image,label,x1,y1,x2,y2",
        "path,class,x_min,y_min,x_max,y_max",
    ],
)
def test_usual_names_of_columns(tmp_path, head) -> None:
    draw(tmp_path / "a.png")
    (tmp_path / "t.csv").write_text(f"{head}\na.png,fracture,10,20,40,60\n")
    records, _ = read(table.SOURCE, tmp_path / "t.csv")
    assert corners(records["a.png"]) == [10, 20, 40, 60]


@pytest.mark.parametrize("words", ["x_min=xmin,label=class", "path=filename,x_max=xmax"])
def test_the_command_maps_every_column_that_tables_know(tmp_path, words) -> None:
    draw(tmp_path / "a.png")
    head = "filename,class,xmin,ymin,xmax,ymax"
    (tmp_path / "t.csv").write_text(f"{head}\na.png,fracture,10,20,40,60\n")
    (request,) = find_requests(["table", str(tmp_path / "t.csv")], [], [], [words], [])
    records, _ = read(table.SOURCE, request.folder, columns=request.options.columns)
    assert corners(records["a.png"]) == [10, 20, 40, 60]


@pytest.mark.parametrize("lists", [("train", "valid"), ("train", "val"), ("test", "validation")])
def test_lists_of_splits_beside_the_names_of_classes(tmp_path, lists) -> None:
    """Darknet's layout, as CVAT exports it."""
    for name, text in zip(lists, ("0 0.5 0.5 0.1 0.1\n", ""), strict=True):
        place = tmp_path / f"obj_{name}_data"
        draw(place / "a.png")
        (place / "a.txt").write_text(text)
        (tmp_path / f"{name}.txt").write_text(f"data/obj_{name}_data/a.png\ndata/gone.png\n")
    (tmp_path / "obj.names").write_text("fracture\n")
    records, dropped = read(yolo.SOURCE, tmp_path)
    assert [records[f"obj_{name}_data/a.png"].official_split for name in lists] == [
        find_split(name) for name in lists
    ]
    assert [records[f"obj_{name}_data/a.png"].label for name in lists] == [
        "fracture",
        "no fracture",
    ]
    (missing,) = dropped.values()
    assert set(missing) == {f"{name}.txt, line 2" for name in lists}


def test_a_category_id_of_two_names_marks_nothing(tmp_path) -> None:
    draw(tmp_path / "a.png")
    classes = [{"id": 1, "name": "metal"}, {"id": "1", "name": "fracture"}]
    classes.append({"id": 2, "name": "fracture"})
    marks = [mark(1, 2), mark(2, 1)]
    draw(tmp_path / "b.png")
    write_coco(tmp_path / "c.json", [listed(1, "a.png"), listed(2, "b.png")], marks, classes)
    records, _ = read(coco.SOURCE, tmp_path)
    assert [records["a.png"].label, records["b.png"].label] == ["fracture", "unknown"]


@pytest.mark.parametrize("source", [coco.SOURCE, voc.SOURCE, yolo.SOURCE])
def test_what_became_of_each_class_is_said(tmp_path, source) -> None:
    draw(tmp_path / "a.png")
    names = ["elbow fracture", "line"]
    edges = (10, 20, 40, 60)
    if source is voc.SOURCE:
        objects = "".join(xml(*edges).replace("fracture", name) for name in names)
        objects = objects.replace("</annotation><annotation>", "")
        (tmp_path / "a.xml").write_text(objects)
    elif source is coco.SOURCE:
        classes = [{"id": number, "name": name} for number, name in enumerate(names)]
        write_coco(tmp_path / "c.json", [listed(1, "a.png")], [mark(1, 0), mark(1, 1)], classes)
    else:
        (tmp_path / "classes.txt").write_text("\n".join(names))
        (tmp_path / "a.txt").write_text("0 0.5 0.5 0.1 0.1\n1 0.5 0.5 0.1 0.1\n")
    records, _ = read(source, tmp_path)
    assert records["a.png"].regions == ("elbow",)
    assert remarks(source, tmp_path) == [
        "'elbow fracture' (1): fracture, region elbow",
        "'line' (1): says nothing of fractures; kept under its own name",
    ]
