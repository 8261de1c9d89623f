"""COCO's layout: one or several files, boxes, polygons, masks in runs, and hostile content."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fractura.datasets.record import FRACTURE
from fractura.datasets.sources.coco import SOURCE
from fractura.datasets.sources.rle import decode_mask, mask_box, mask_outlines
from fractura.datasets.sources.source import SourceError
from fractura.findings import Box
from tests.datasets.sources.trees import draw, read

CLASSES = [{"id": 3, "name": "fracture"}, {"id": 5, "name": "metal"}]


def write(path: Path, images: list[Any], marks: list[Any], classes: Any = CLASSES) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"images": images, "annotations": marks, "categories": classes}
    path.write_text(json.dumps(content), encoding="utf-8")


def image(number: int, name: str) -> dict[str, Any]:
    return {"id": number, "file_name": name, "width": 96, "height": 128}


def mark(number: int, **more: Any) -> dict[str, Any]:
    return {"id": 100 + number, "image_id": number, "category_id": 3, **more}


def test_boxes_polygons_and_splits_of_several_files(tmp_path: Path) -> None:
    for name in ("train2017/ü.png", "train2017/b.png", "val2017/b.png", "other.png"):
        draw(tmp_path / "images" / name)
    triangle = [10, 20, 30, 20, 30, 60]
    write(
        tmp_path / "annotations" / "instances_train2017.json",
        [image(1, "ü.png"), image(2, "b.png")],
        [
            mark(1, bbox=[10, 20, 30, 40.5], segmentation=[triangle, [1, 1, 2, 1, 2, 2]]),
            mark(1, segmentation=[triangle]),
            mark(2, bbox=[0, 0, 5, 5], category_id=5),
            mark(9, bbox=[0, 0, 5, 5]),
        ],
    )
    listed = [image(1, "b.png"), image(2, "gone.png"), image(1, "other.png"), {"id": 4}]
    write(tmp_path / "annotations" / "instances_val2017.json", listed, [])
    write(tmp_path / "annotations" / "all.json", [image(1, "train2017/b.png")], [])
    (tmp_path / "annotations" / "captions.json").write_text("{}")
    records, dropped = read(SOURCE, tmp_path)
    val = "annotations/instances_val2017.json"
    assert dropped == {
        "JSON files without COCO's lists": ["annotations/captions.json"],
        "annotations of images not listed": ["annotations/instances_train2017.json, annotation 4"],
        "listed images that are missing": [f"{val}, image 2: gone.png"],
        "images without a file name": [f"{val}, image 4"],
        "images that were listed before": ["annotations/all.json, image 1: images/train2017/b.png"],
    }
    first, metal, shared, other = (
        records[f"images/{name}"]
        for name in ("train2017/ü.png", "train2017/b.png", "val2017/b.png", "other.png")
    )
    assert [r.label for r in (first, metal, shared, other)] == ["fracture", *["unknown"] * 3]
    assert [r.official_split for r in (first, metal, shared)] == ["train", "train", "valid"]
    assert all("the id 1 to several images" in r.notes[0] for r in (shared, other))
    boxed, outlined = first.fractures
    assert boxed.box == Box(10, 20, 40, 60.5)
    assert boxed.outlines[0] == ((10, 20), (30, 20), (30, 60))
    assert len(boxed.outlines) == 2
    assert outlined.box == Box(10, 20, 30, 60)
    assert (first.width, first.height) == (96, 128)


def test_roboflow_export_and_one_file(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        draw(tmp_path / split / "a.jpg")
        file = tmp_path / split / "_annotations.coco.json"
        classes = [{"id": 0, "name": "bones", "supercategory": "none"}, *CLASSES]
        write(file, [image(0, "a.jpg")], [mark(0, bbox=[1, 2, 3, 4])], classes)
    records, dropped = read(SOURCE, tmp_path)
    assert not dropped
    assert {name: record.official_split for name, record in records.items()} == {
        "train/a.jpg": "train",
        "valid/a.jpg": "valid",
    }
    single, _ = read(SOURCE, tmp_path / "train" / "_annotations.coco.json")
    assert list(single) == ["a.jpg"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"bbox": [1, 2, 3]},
        {"bbox": [1, 2, -3, 4]},
        {"bbox": [1, 2, float("nan"), 4]},
        {"bbox": "abcd"},
        {"bbox": [1, 2, 10**400, 4]},
        {"segmentation": [[1, 2, 3, 4]]},
        {"segmentation": [[1, 2, 3, 4, 5, 6, 7]]},
        {"segmentation": {"size": [10**6, 10**6], "counts": [10**12]}},
        {"segmentation": {"size": [2, 2], "counts": "~~~"}},
        {"segmentation": {"size": [2, 2], "counts": [4]}},
        {"segmentation": {"counts": [4]}},
        {"segmentation": 7},
        {"category_id": 8, "bbox": [1, 2, 3, 4]},
        {"category_id": [], "bbox": [1, 2, 3, 4]},
        {},
    ],
)
def test_a_bad_annotation_is_noted_and_nothing_follows_from_it(
    tmp_path: Path, wrong: dict[str, Any]
) -> None:
    draw(tmp_path / "a.png")
    draw(tmp_path / "b.png")
    marks = [mark(1, **wrong), mark(2, bbox=[1, 2, 3, 4])]
    write(tmp_path / "x.json", [image(1, "a.png"), image(2, "b.png")], marks)
    records, _ = read(SOURCE, tmp_path)
    assert records["a.png"].label == "unknown"
    assert records["a.png"].annotations == ()
    assert records["a.png"].notes == ("x.json, annotation 101 is not understood and left out",)
    assert records["b.png"].label == "fracture"


@pytest.mark.parametrize("text", ["[", "[]", "[" * 100_000, '{"images": 1}', "\udcff"])
def test_no_usable_file(tmp_path: Path, text: str) -> None:
    draw(tmp_path / "a.png")
    (tmp_path / "a.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(SourceError, match="a JSON file with images, annotations, categories"):
        read(SOURCE, tmp_path)


MASKS = arrays(
    np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 1)
)


def runs_of(mask: np.ndarray[Any, Any]) -> list[int]:
    flat = np.concatenate([[0], mask.T.ravel(), [2]])
    edges = np.flatnonzero(np.diff(flat))
    return [int(run) for run in np.diff(np.concatenate([[0], edges]))]


def pack(runs: list[int]) -> str:
    """The COCO API's ``rleToString``, written from its description."""
    text = ""
    for position, run in enumerate(runs):
        value = run - runs[position - 2] if position > 2 else run
        more = True
        while more:
            bits = value & 0x1F
            value >>= 5
            more = value != (-1 if bits & 0x10 else 0)
            text += chr(48 + (bits | 0x20 if more else bits))
    return text


@given(MASKS)
def test_masks_survive(mask: np.ndarray[Any, Any]) -> None:
    runs = runs_of(mask)
    for counts in (runs, pack(runs)):
        decoded = decode_mask({"size": list(mask.shape), "counts": counts})
        np.testing.assert_array_equal(decoded, mask)


def test_long_runs_as_the_coco_api_packs_them() -> None:
    runs = [100_000, 50_000, 3, 1, 49_996]
    packed = "PeQ3`j`13aU_NYj`1"  # by faster-coco-eval's copy of the COCO API
    assert pack(runs) == packed
    assert runs_of(decode_mask({"size": [400, 500], "counts": packed})) == runs


def test_a_mask_becomes_a_polygon(tmp_path: Path) -> None:
    mask = np.zeros((128, 96), np.uint8)
    mask[20:40, 10:30] = 1
    mask[60:70, 50:60] = 1
    draw(tmp_path / "a.png")
    runs = {"size": [128, 96], "counts": pack(runs_of(mask))}
    write(tmp_path / "x.json", [image(1, "a.png")], [mark(1, segmentation=runs)])
    records, _ = read(SOURCE, tmp_path)
    (found,) = records["a.png"].fractures
    assert found.label == FRACTURE
    assert found.box == mask_box(mask) == Box(10, 20, 60, 70)
    assert found.outlines == mask_outlines(mask)
    square = {(10.5, 20.5), (10.5, 39.5), (29.5, 39.5), (29.5, 20.5)}
    assert square in [set(outline) for outline in found.outlines]
