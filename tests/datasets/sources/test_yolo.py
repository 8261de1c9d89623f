"""YOLO's layout: boxes and polygons, data.yaml in its many forms, and what is wrong in a line."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fractura.datasets.record import FRACTURE
from fractura.datasets.sources.source import SourceError
from fractura.datasets.sources.yolo import SOURCE
from tests.datasets.sources.trees import HEIGHT, WIDTH, draw, read

YAML = "path: .\ntrain: ../train/images\nval: {val}\ntest: images/test\nnames: {names}\n"


def write(root: Path, image: str, label: str | None) -> None:
    draw(root / image)
    if label is not None:
        path = root / Path(image.replace("images", "labels")).with_suffix(".txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(label, encoding="utf-8")


@pytest.mark.parametrize("names", ["[fracture, metal]", "{0: fracture, 1: metal}"])
@pytest.mark.parametrize("wrapper", ["", "ü set/"])
def test_boxes_polygons_and_splits(tmp_path: Path, names: str, wrapper: str) -> None:
    root = tmp_path / wrapper
    polygon = "0 0.5 0.5 1 0.5 0.75 1"
    write(root, "train/images/a.jpg", f"0 0.5 0.5 0.25 0.5\r\n\r\n{polygon}\r\n1 0 0 0.5 0.25")
    write(root, "valid/images/b.png", "")
    write(root, "images/test/c.png", "1 0.5 0.5 1 1\n")
    write(root, "train/images/d.png", None)
    (root / "data.yaml").write_text(YAML.format(val="valid/images", names=names))
    records, dropped = read(SOURCE, tmp_path)
    assert not dropped
    places = ("train/images/a.jpg", "valid/images/b.png", "images/test/c.png", "train/images/d.png")
    a, b, c, d = (records[wrapper + place] for place in places)
    assert [r.label for r in (a, b, c, d)] == ["fracture", "no fracture", "unknown", "unknown"]
    assert [r.official_split for r in (a, b, c, d)] == ["train", "valid", "test", "train"]
    assert (b.annotations, d.annotations) == ((), None)
    box, outlined, metal = a.annotations or ()
    assert box.box.as_list() == [36, 32, 60, 96]
    assert outlined.outlines == (((48, 64), (96, 64), (72, 128)),)
    assert outlined.box.as_list() == [48, 64, 96, 128]
    assert (metal.label, metal.box.as_list()) == ("metal", [-24, -16, 24, 16])
    assert (box.label, outlined.label, box.kind) == (FRACTURE, FRACTURE, None)
    assert "says nothing of fractures: 'metal'" in c.notes[0]
    assert d.notes == ("there is no label file",)


def test_darknet_without_yaml(tmp_path: Path) -> None:
    draw(tmp_path / "x" / "a.png")
    draw(tmp_path / "x" / "b.png")
    (tmp_path / "x" / "a.txt").write_bytes(b"\xef\xbb\xbf0 0.5 0.5 1 1\r\n")
    (tmp_path / "x" / "b.txt").write_text("1 0.5 0.5 1 1 0.9\n0 nan 0 1 1\n7 0 0 1 1\nx\n")
    (tmp_path / "x" / "gone.txt").write_text("")
    with pytest.raises(SourceError, match=r"add data\.yaml"):
        read(SOURCE, tmp_path)
    (tmp_path / "x" / "classes.txt").write_text("greenstick\nno fracture\n")
    records, dropped = read(SOURCE, tmp_path, labels={"greenstick": "fracture"})
    assert dropped == {"label files without an image": ["x/gone.txt"]}
    assert records["x/a.png"].fracture_types == ("greenstick",)
    assert records["x/a.png"].fractures[0].kind == "greenstick"
    bad = records["x/b.png"]
    assert (bad.label, bad.annotations) == ("unknown", ())
    assert bad.notes == tuple(
        f"x/b.txt, line {line} is not understood and left out" for line in (1, 2, 3, 4)
    )


def test_an_image_without_a_head_keeps_its_label(tmp_path: Path) -> None:
    write(tmp_path, "images/a.png", "0 0.5 0.5 1 1\n")
    (tmp_path / "images" / "a.png").write_bytes(b"")
    (tmp_path / "data.yaml").write_text("names: [Fracture]")
    records, _ = read(SOURCE, tmp_path)
    record = records["images/a.png"]
    assert (record.label, record.annotations) == ("fracture", None)
    assert "size cannot be read" in record.notes[0]


def test_lists_of_images_and_splits_that_overlap(tmp_path: Path) -> None:
    for name in "ab":
        write(tmp_path, f"images/{name}.png", "")
    (tmp_path / "train.txt").write_text("./images/a.png\r\n/old/machine/images/b.png\nc.png\n")
    text = "train: train.txt\nval: [images/b.png, images/lost]\nnames: [fracture]\n"
    (tmp_path / "data.yaml").write_text(text)
    records, dropped = read(SOURCE, tmp_path)
    assert dropped == {
        "listed images that are missing": ["train.txt, line 3"],
        "named folders that are missing": ["data.yaml, val: images/lost"],
    }
    assert records["images/a.png"].official_split == "train"
    assert records["images/b.png"].official_split is None
    assert "train, valid" in records["images/b.png"].notes[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("names: [a\n\tb]", r"data\.yaml, line \d: this is not well-formed"),
        ("names: fracture", "names must be a list"),
        ("names: {a: b}", "names must be a list"),
        ("names: []", "names is empty"),
        ("names: [elbow positive, fracture]", "--labels 'elbow positive=fracture'"),
        ("names: [no]", "--labels 'no=fracture'"),
    ],
)
def test_what_is_wrong_with_the_yaml_is_said(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path, "images/a.png", "")
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(SourceError, match=message):
        read(SOURCE, tmp_path)


def test_without_labels_or_pyyaml_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw(tmp_path / "images" / "a.png")
    (tmp_path / "data.yaml").write_text("names: [fracture]")
    with pytest.raises(SourceError, match="the label file of every image is missing: yolo needs"):
        read(SOURCE, tmp_path)
    real = builtins.__import__

    def without_yaml(name: str, *rest: Any, **more: Any) -> Any:
        if name == "yaml":
            raise ImportError
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without_yaml)
    with pytest.raises(SourceError, match=r'pip install "fractura\[data\]"'):
        read(SOURCE, tmp_path)


SIDE = st.floats(-0.5, 1.5)


@given(boxes=st.lists(st.tuples(SIDE, SIDE, SIDE, SIDE), min_size=1), data=st.data())
def test_geometry_survives(
    tmp_path_factory: pytest.TempPathFactory,
    boxes: list[tuple[float, ...]],
    data: st.DataObject,
) -> None:
    """Pixels → fractions → pixels, for boxes and for the polygons of their corners."""
    root = tmp_path_factory.mktemp("yolo")
    lines, expected = [], []
    for a, b, c, d in boxes:
        left, right, top, bottom = min(a, c), max(a, c), min(b, d), max(b, d)
        if data.draw(st.booleans()):
            numbers = [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]
        else:
            numbers = [left, top, right, top, right, bottom, left, bottom]
        lines.append(" ".join(["0", *map(repr, numbers)]))
        expected.append([left * WIDTH, top * HEIGHT, right * WIDTH, bottom * HEIGHT])
    write(root, "images/a.png", "\n".join(lines))
    (root / "classes.txt").write_text("fracture")
    records, _ = read(SOURCE, root)
    marks = records["images/a.png"].annotations or ()
    for mark, corners in zip(marks, expected, strict=True):
        assert mark.box.as_list() == pytest.approx(corners, abs=1e-9)
