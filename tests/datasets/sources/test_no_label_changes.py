"""Random small data sets in every layout, their names, ids and splits drawn to collide.

Each picture has a truth that only its pixels know: its grey value. Whatever is missing, listed
twice or called alike, a record has its own picture's truth, or is unknown.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fractura.datasets.build import Request, build
from fractura.datasets.record import Record
from fractura.datasets.sources import SOURCES
from fractura.datasets.sources.bone_break import TYPES
from fractura.datasets.sources.fracatlas import COCO
from fractura.datasets.sources.source import Options
from tests.datasets.sources.test_fracatlas import HEAD as FRACATLAS
from tests.datasets.sources.test_grazpedwri import HEAD as GRAZPEDWRI
from tests.dicom.test_deidentify import radiograph

SIDE = 32
BOX = (8, 8, 16, 16)
"""x, y, width and height."""
BRIGHT, DARK = 200, 60


class Item(NamedTuple):
    """A picture: split, ward, name, id in lists, truth, and whether its file is there.

    ``again``: it is listed once more with the opposite truth, or under a name without a folder.
    """

    split: str
    ward: str
    name: str
    number: object
    fractured: bool
    there: bool
    again: bool


def picture(path: Path, item: Item) -> None:
    """A picture whose grey value is its truth."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if item.there and not path.exists():
        pixels = np.full((SIDE, SIDE), BRIGHT if item.fractured else DARK, np.uint8)
        assert cv2.imwrite(str(path), pixels)


def truth(record: Record) -> bool:
    pixels = cv2.imread(str(record.path), cv2.IMREAD_GRAYSCALE)
    assert pixels is not None
    return bool(pixels.mean() > (BRIGHT + DARK) / 2)


def lines(path: Path, head: str, rows: Sequence[Sequence[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        file.write(head + "\n")
        csv.writer(file).writerows(rows)


def listed(items: Sequence[Item]) -> list[tuple[Item, bool]]:
    """What a table says: each item with its truth, and again with the opposite where drawn."""
    return [(one, said) for one in items for said in _said(one)]


def _said(item: Item) -> list[bool]:
    return [item.fractured, not item.fractured] if item.again else [item.fractured]


def class_folders(root: Path, items: Sequence[Item]) -> None:
    for one in items:
        kind = "fractured" if one.fractured else "normal"
        picture(root / one.split / kind / one.ward / f"{one.name}.png", one)


def yolo(root: Path, items: Sequence[Item], names: str = "[fracture]") -> None:
    for one in items:
        place = root / one.split
        picture(place / "images" / one.ward / f"{one.name}.png", one)
        label = place / "labels" / one.ward / f"{one.name}.txt"
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text("0 0.5 0.5 0.5 0.5\n" if one.fractured else "")
    (root / "data.yaml").write_text(f"names: {names}\n")


def coco(root: Path, items: Sequence[Item]) -> None:
    for split in {one.split for one in items}:
        chosen = [one for one in items if one.split == split]
        images, marks = [], []
        for one in chosen:
            picture(root / split / one.ward / f"{one.name}.png", one)
            name = f"{one.name}.png" if one.again else f"{one.ward}/{one.name}.png"
            images.append({"id": one.number, "file_name": name})
            if one.fractured:
                marks.append({"image_id": str(one.number), "category_id": 1.0, "bbox": BOX})
        content = {"images": images, "annotations": marks}
        content["categories"] = [{"id": "1", "name": "fracture"}]
        place = root / ("annotations" if len(items) % 2 else split)
        place.mkdir(parents=True, exist_ok=True)
        (place / f"instances_{split}.json").write_text(json.dumps(content))


def voc(root: Path, items: Sequence[Item]) -> None:
    x, y, width, height = BOX
    edges = (("xmin", x), ("ymin", y), ("xmax", x + width), ("ymax", y + height))
    box = "".join(f"<{edge}>{value}</{edge}>" for edge, value in edges)
    mark = f"<object><name>fracture</name><bndbox>{box}</bndbox></object>"
    for one in items:
        picture(root / "JPEGImages" / one.split / one.ward / f"{one.name}.png", one)
        sheet = root / "Annotations" / one.split / one.ward / f"{one.name}.xml"
        sheet.parent.mkdir(parents=True, exist_ok=True)
        name = f"{one.name}.png" if not one.again else "1.png"
        objects = mark if one.fractured else ""
        sheet.write_text(f"<annotation><filename>{name}</filename>{objects}</annotation>")


def table(root: Path, items: Sequence[Item]) -> None:
    rows = []
    for one, said in listed(items):
        place = f"{one.split}/{one.ward}/{one.name}.png"
        picture(root / place, one)
        rows.append(
            [
                place,
                "fracture" if said else "no fracture",
                *([8, 8, 24, 24] if said else ["", "", "", ""]),
            ]
        )
    lines(root / "t.csv", "filename,class,xmin,ymin,xmax,ymax", rows)


def rsna(root: Path, items: Sequence[Item]) -> None:
    for one in items:
        picture(root / one.ward / f"{one.name}.png", one)
    rows = [[one.name, *(BOX if said else [""] * 4), int(said)] for one, said in listed(items)]
    lines(root / "labels.csv", "patientId,x,y,width,height,Target", rows)


def mura(root: Path, items: Sequence[Item]) -> None:
    for split in ("train", "valid"):
        (root / split).mkdir(exist_ok=True)
        studies = []
        for one in items:
            sign = "positive" if one.fractured else "negative"
            place = f"{split}/XR_HAND/patient{one.name}/study1_{sign}"
            if one.split == split:
                picture(root / place / "image1.png", one)
                studies.append(place)
        lines(root / f"{split}_image_paths.csv", "", [[f"{one}/image1.png"] for one in studies])
        lines(root / f"{split}_labeled_studies.csv", "", [[one, 1] for one in studies])


def fracatlas(root: Path, items: Sequence[Item]) -> None:
    rows, images, marks = [], [], []
    for number, (one, said) in enumerate(listed(items)):
        name = f"IMG{int(one.name):07d}.png"
        picture(root / "images" / ("Fractured" if one.fractured else "Non_fractured") / name, one)
        rows.append([name, 1, 0, 0, 0, 0, 0, 0, int(said), int(said), 1, 0, 0])
        images.append({"id": number, "file_name": name})
        if said:
            marks.append({"image_id": number, "bbox": BOX, "segmentation": []})
    lines(root / "dataset.csv", FRACATLAS, rows)
    (root / COCO).parent.mkdir(parents=True)
    (root / COCO).write_text(json.dumps({"images": images, "annotations": marks}))


def grazpedwri(root: Path, items: Sequence[Item]) -> None:
    rows = []
    for one, said in listed(items):
        picture(root / f"images_{one.ward}" / f"{one.name}.png", one)
        flag = "1" if said else ""
        rows.append([one.name, 1, 1, 1, "M", 9, "L", 1, 1, "", "", "", "", flag, "", 0.1, "x"])
    lines(root / "dataset.csv", GRAZPEDWRI, rows)


def kaggle(root: Path, items: Sequence[Item]) -> None:
    for split in ("train", "val", "test"):
        for kind in ("fractured", "not fractured"):
            (root / split / kind).mkdir(parents=True, exist_ok=True)
    for one in items:
        kind = "fractured" if one.fractured else "not fractured"
        picture(root / one.split.replace("valid", "val") / kind / f"{one.name}.png", one)


def bone_break(root: Path, items: Sequence[Item]) -> None:
    for kind in TYPES:
        for split in ("Train", "Test"):
            (root / kind / split).mkdir(parents=True)
    for one in items:
        picture(root / TYPES[0] / "Train" / f"{one.name}.png", one._replace(fractured=True))


def dicom(root: Path, items: Sequence[Item]) -> None:
    for one in items:
        path = root / one.split / one.ward / f"{one.name}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        radiograph(path, SOPInstanceUID=f"1.2.{one.name}")


LAYOUTS: dict[str, Callable[[Path, Sequence[Item]], None]] = {
    "class-folders": class_folders,
    "yolo": yolo,
    "hbfmid": lambda root, items: yolo(root, items, "[Spiral, Healthy]"),
    "roboflow": lambda root, items: yolo(root, items, "['wrist positive']"),
    "coco": coco,
    "voc": voc,
    "table": table,
    "rsna": rsna,
    "mura": mura,
    "fracatlas": fracatlas,
    "grazpedwri": grazpedwri,
    "kaggle-multi-region": kaggle,
    "bone-break": bone_break,
    "dicom": dicom,
}

MEANT = {
    "fracture": True,
    "abnormal": True,
    "no fracture": False,
    "normal": False,
}

ITEMS = st.lists(
    st.builds(
        Item,
        split=st.sampled_from(["train", "valid", "test"]),
        ward=st.sampled_from(["p1", "p2"]),
        name=st.sampled_from(["1", "2", "01"]),
        number=st.sampled_from([1, "1", 1.0, 2, "2", "01", 3, 4, 5]),
        fractured=st.booleans(),
        there=st.sampled_from([True, True, True, False]),
        again=st.sampled_from([False, False, True]),
    ),
    min_size=1,
    max_size=7,
    unique_by=lambda one: (one.split, one.ward, one.name),
)


ANCHORS = (
    Item("train", "p3", "98", 98, True, True, False),
    Item("valid", "p3", "99", 99, False, True, False),
)
"""Pictures that collide with nothing, so that something is always left."""


def test_all_layouts_are_here() -> None:
    assert set(LAYOUTS) == set(SOURCES)


@pytest.mark.parametrize("layout", LAYOUTS)
@given(items=ITEMS)
@settings(max_examples=30, deadline=None)
def test_no_label_ever_changes(
    layout: str, items: list[Item], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("set")
    LAYOUTS[layout](root, [*items, *ANCHORS])
    manifest = build([Request(SOURCES[layout], root, Options(layout))], root.with_suffix(".csv"))
    (intake,) = manifest.intakes
    for record in manifest.records:
        if record.label != "unknown":
            assert MEANT[record.label] == truth(record)
        for mark in record.fractures:
            assert truth(record)
            assert mark.box.as_list() == [8, 8, 24, 24]
    kept = {record.path.stem for record in manifest.records}
    assert kept >= {"98", "99"} or layout in ("mura", "fracatlas")
    unknown = sum(record.label == "unknown" for record in manifest.records)
    labelled = len(manifest.records) - unknown
    assert intake.unknown == unknown
    assert intake.read == labelled + sum(intake.dropped.values()) + unknown
