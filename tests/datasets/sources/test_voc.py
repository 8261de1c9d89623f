"""Pascal VOC's layout: boxes, splits, and what is wrong in single files."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fractura.datasets.record import FRACTURE
from fractura.datasets.sources.source import Options, SourceError
from fractura.datasets.sources.voc import SOURCE, _read_sheet, _Sheet
from fractura.findings import Box
from tests.datasets.sources.trees import draw, read


def sheet(objects: list[tuple[str, tuple[object, ...]]], image: str = "") -> str:
    parts = "".join(
        f"<object><name>{escape(name)}</name><bndbox><xmin>{a}</xmin><ymin>{b}</ymin>"
        f"<xmax>{c}</xmax><ymax>{d}</ymax></bndbox></object>"
        for name, (a, b, c, d) in objects
    )
    return (
        f"<annotation><filename>{escape(image)}</filename>"
        f"<size><width>96</width><height>128</height></size>{parts}</annotation>"
    )


def write(root: Path, name: str, text: str | None, seed: int = 0) -> None:
    draw(root / "JPEGImages" / f"{name}.jpg", seed)
    if text is not None:
        (root / "Annotations").mkdir(exist_ok=True)
        (root / "Annotations" / f"{name}.xml").write_text(text, encoding="utf-8")


def test_reads_boxes_labels_and_splits(tmp_path: Path) -> None:
    write(tmp_path, "a ü", sheet([("fracture", (1, 2, 30, 40)), ("metal", (5, 5, 9, 9))]))
    write(tmp_path, "b", sheet([]))
    write(tmp_path, "c", None)
    write(tmp_path, "d", sheet([("metal", (1.5, 2, 3, 4))]))
    lists = tmp_path / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_bytes("a ü\r\nb\r\ngone\r\n".encode())
    (lists / "val.txt").write_text("c\nb\n")
    (lists / "fracture_train.txt").write_text("d 1\n")
    records, dropped = read(SOURCE, tmp_path)
    assert dropped == {"listed images that are missing": ["ImageSets/Main/train.txt, line 3"]}
    first, second, third, fourth = (
        records[f"JPEGImages/{name}.jpg"] for name in ("a ü", "b", "c", "d")
    )
    assert [mark.label for mark in first.annotations or ()] == [FRACTURE, "metal"]
    assert (first.width, first.height) == (96, 128)
    assert first.fractures[0].box == Box(1, 2, 30, 40)
    labels = [record.label for record in (first, second, third, fourth)]
    assert labels == ["fracture", "no fracture", "unknown", "unknown"]
    assert (second.annotations, third.annotations) == ((), None)
    assert [record.official_split for record in (first, third, fourth)] == ["train", "valid", None]
    assert second.official_split is None
    assert "several splits" in second.notes[0]


def test_bad_sheets_are_named_and_the_others_read(tmp_path: Path) -> None:
    write(tmp_path, "good", sheet([("fracture", (1, 2, 3, 4))]))
    write(tmp_path, "half", sheet([("fracture", (1, 2, 3, 4)), ("fracture", ("x", 2, 3, 4))]))
    write(tmp_path, "turned", sheet([("fracture", (9, 2, 3, 4))]))
    write(tmp_path, "cut", "<annotation><object>")
    bomb = '<!DOCTYPE a [<!ENTITY b "bb">]><annotation><filename>&b;</filename></annotation>'
    write(tmp_path, "bomb", bomb)
    write(tmp_path, "page", "<html/>")
    (tmp_path / "Annotations" / "lonely.xml").write_text(sheet([], "nowhere.jpg"))
    (tmp_path / "Annotations" / "second.xml").write_text(sheet([], "good.jpg"))
    records, dropped = read(SOURCE, tmp_path)
    assert dropped == {
        "XML files that cannot be read": ["Annotations/bomb.xml", "Annotations/cut.xml"],
        "XML files that are no annotations": ["Annotations/page.xml"],
        "XML files without an image": ["Annotations/lonely.xml"],
        "XML files of an image that has another": ["Annotations/second.xml"],
    }
    assert len(records["JPEGImages/half.jpg"].fractures) == 1
    assert "object 2" in records["JPEGImages/half.jpg"].notes[0]
    assert records["JPEGImages/turned.jpg"].label == "unknown"
    assert records["JPEGImages/cut.jpg"].label == "unknown"


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    draw(tmp_path / "a.jpg")
    with pytest.raises(SourceError, match="XML file"):
        list(SOURCE.read(tmp_path, Options("voc")))
    (tmp_path / "a.xml").write_text(sheet([("thing", (1, 2, 3, 4))]))
    with pytest.raises(SourceError, match="--labels"):
        list(SOURCE.read(tmp_path, Options("voc")))
    records, _ = read(SOURCE, tmp_path, labels={"thing": "fracture"})
    assert records["a.jpg"].label == "fracture"


EDGES = st.floats(-1e5, 1e5, allow_nan=False)


@given(st.lists(st.tuples(st.sampled_from(["fracture", "a<&>b"]), EDGES, EDGES, EDGES, EDGES)))
@settings(max_examples=50)
def test_boxes_survive_to_the_bit(tmp_path_factory: pytest.TempPathFactory, found: list) -> None:  # type: ignore[type-arg]
    path = tmp_path_factory.mktemp("voc") / "x.xml"
    boxes = [(name, (min(a, c), min(b, d), max(a, c), max(b, d))) for name, a, b, c, d in found]
    path.write_text(sheet(boxes, "x.jpg"))
    result = _read_sheet(path, "x.xml")
    assert isinstance(result, _Sheet)
    assert [(name, tuple(box.as_list())) for name, box in result.marks] == boxes
    assert not result.wrong
