"""What is converted and read again says the same; what a layout cannot say is not written."""

from __future__ import annotations

import errno
import json
import tempfile
from collections import Counter
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fractura.datasets.convert.coco import FILE, write_coco
from fractura.datasets.convert.folders import write_folders
from fractura.datasets.convert.select import CLIPPED, OUTSIDE, ConvertedImage, select
from fractura.datasets.convert.yolo import write_yolo
from fractura.datasets.record import LABELS, SPLITS, Annotation, Record, Remark
from fractura.datasets.sources.source import Options
from fractura.errors import FracturaError
from fractura.findings import Box
from fractura.imaging.load import load
from fractura.imaging.save import save_png

WIDTH, HEIGHT = 60, 80
WRITERS = {"coco": write_coco, "yolo": write_yolo, "class_folders": write_folders}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Twelve images of two sources; every name is in both."""
    paths = []
    for number in range(12):
        name = ("Ä b.png", "c.d.png", "e.png")[number % 3]
        path = tmp_path_factory.getbasetemp() / "sources" / f"s{number % 2}" / str(number) / name
        path.parent.mkdir(parents=True)
        save_png(path, np.full((HEIGHT, WIDTH), number * 10, dtype=np.uint8))
        paths.append(path)
    return paths


def mark(label: str, *values: float, outlines: tuple = ()) -> Annotation:
    return Annotation(label, Box(*values), outlines)


@st.composite
def marks(draw: st.DrawFn) -> Annotation:
    """A box, sometimes with the outline of its corners, or of two parts that span it."""
    x, y = draw(st.floats(0, WIDTH - 2)), draw(st.floats(0, HEIGHT - 2))
    right, low = draw(st.floats(x + 1, WIDTH)), draw(st.floats(y + 1, HEIGHT))
    middle = (x + right) / 2, (y + low) / 2
    outlines = draw(
        st.sampled_from(
            (
                (),
                (((x, y), (right, y), (right, low), (x, low)),),
                (((x, y), (middle[0], y), (x, low)), ((right, low), middle, (right, y))),
            )
        )
    )
    return mark(
        draw(st.sampled_from(("fracture", "metal", "lesion"))), x, y, right, low, outlines=outlines
    )


@st.composite
def manifests(draw: st.DrawFn) -> list[Record]:
    """Twelve records of anything, one of them certainly with a fracture that is marked."""
    annotations = st.none() | st.lists(marks(), max_size=3).map(tuple)
    records = [
        Record(
            id=f"s{number % 2}/{number}/x.png",
            path=Path(),
            source=f"s{number % 2}",
            label=draw(st.sampled_from(LABELS)),
            annotations=draw(annotations),
            licence=draw(st.sampled_from((None, "CC BY 4.0"))),
            split=draw(st.sampled_from((None, *SPLITS))),
            width=WIDTH,
            height=HEIGHT,
        )
        for number in range(11)
    ]
    fracture = replace(records[0], id="s1/11/x.png", source="s1", label="fracture", split="train")
    return [*records, replace(fracture, annotations=(mark("fracture", 1, 2, 30, 40),))]


def write_and_read(
    kind: str, items: tuple[ConvertedImage, ...], folder: Path, **options: bool
) -> dict[str, Record]:
    WRITERS[kind](items, folder, "link", iter, **options)  # type: ignore[operator]
    adapter = import_module(f"fractura.datasets.sources.{kind}")
    read = adapter.SOURCE.read(
        folder, Options("again", labels={"metal": "no fracture", "lesion": "abnormal"})
    )
    records = [one for one in read if not isinstance(one, Remark)]
    assert all(isinstance(record, Record) for record in records)
    assert len(records) == len(items)
    return {record.path.name: record for record in records}


def with_files(records: list[Record], pictures: list[Path]) -> list[Record]:
    return [replace(one, path=path) for one, path in zip(records, pictures, strict=True)]


def split_items(records: list[Record], *, detection: bool) -> tuple[ConvertedImage, ...]:
    """What is selected, after a look at whether everything is accounted for."""
    selection = select(records, detection=detection)
    assert len(selection.items) + selection.skipped.total() == len(records)
    assert len({item.name.casefold() for item in selection.items}) == len(selection.items)
    assert all(item.record.label != "unknown" for item in selection.items)
    return selection.items


@pytest.mark.parametrize("kind", ["coco", "yolo", "polygons"])
@settings(max_examples=25)
@given(records=manifests())
def test_detection_layouts_come_back(
    kind: str, pictures: list[Path], records: list[Record]
) -> None:
    items = split_items(with_files(records, pictures), detection=True)
    options = {"polygons": True} if kind == "polygons" else {}
    with tempfile.TemporaryDirectory() as folder:
        layout = "yolo" if kind == "polygons" else kind
        read = write_and_read(layout, items, Path(folder), **options)
        for item in items:
            again = read[item.name]
            assert again.path.resolve() == item.record.path.resolve()
            assert again.official_split == item.split
            assert (again.label == "fracture") == (item.record.label == "fracture")
            if again.label != "fracture":
                lesion = any(one.label == "lesion" for one in item.marks)
                assert again.label == ("abnormal" if lesion else "no fracture")
            assert [one.label for one in again.annotations or ()] == [
                one.label for one in item.marks
            ]
            for one, other in zip(item.marks, again.annotations or (), strict=True):
                assert other.box.as_list() == pytest.approx(one.box.as_list(), abs=1e-4)
                if kind == "coco":
                    assert other.outlines == one.outlines
                elif kind == "polygons":
                    area = sum(map(_area, one.outlines)) or one.box.width * one.box.height
                    assert _area(other.outlines[0]) == pytest.approx(area, abs=1e-3)


def _area(outline: tuple[tuple[float, float], ...]) -> float:
    """Signed, clockwise; the bridges between the parts of an outline add nothing."""
    xs, ys = np.array(outline).T
    return float(xs @ np.roll(ys, -1) - ys @ np.roll(xs, -1)) / 2


@settings(max_examples=25)
@given(records=manifests())
def test_class_folders_come_back(pictures: list[Path], records: list[Record]) -> None:
    items = split_items(with_files(records, pictures), detection=False)
    with tempfile.TemporaryDirectory() as folder:
        read = write_and_read("class_folders", items, Path(folder))
        for item in items:
            again = read[item.name]
            assert (again.label, again.official_split) == (item.record.label, item.split)
            assert again.path.resolve() == item.record.path.resolve()


def record(number: int, label: str, *annotations: Annotation, **fields: object) -> Record:
    values = {"split": "train", "width": WIDTH, "height": HEIGHT, **fields}
    return Record(
        id=f"a/{number}.png",
        path=Path(f"{number}.png"),
        source="a",
        label=label,  # type: ignore[arg-type]
        annotations=annotations,
        **values,  # type: ignore[arg-type]
    )


def test_what_a_layout_cannot_say_is_skipped_and_counted() -> None:
    fracture, metal = mark("fracture", 1, 1, 5, 5), mark("metal", 2, 2, 4, 4)
    records = [
        record(0, "fracture", fracture, metal),
        record(1, "fracture"),
        record(2, "fracture", metal),
        record(3, "abnormal"),
        record(4, "abnormal", metal),
        record(5, "normal", fracture),
        record(6, "normal"),
        record(7, "unknown", fracture),
        record(8, "no fracture", split=None),
        record(9, "no fracture", width=None),
        record(10, "fracture", mark("fracture", -5, 70, 8, 90), mark("fracture", -5, 1, 0, 9)),
    ]
    detection = select(records, detection=True)
    assert [item.record.id for item in detection.items] == [f"a/{n}.png" for n in (0, 4, 6, 10)]
    assert detection.skipped == {
        "are labelled fracture, but none is marked": 2,
        "are labelled abnormal, but nothing is marked": 1,
        "are labelled normal, but a fracture is marked": 1,
        "have an unknown label": 1,
        "are in no split": 1,
        "have no known size": 1,
    }
    assert +detection.changed == {CLIPPED: 1, OUTSIDE: 1}
    assert detection.items[-1].marks == (mark("fracture", 0, 70, 8, 80),)
    folders = select(records, detection=False)
    assert Counter(item.record.label for item in folders.items)["abnormal"] == 2
    with pytest.raises(FracturaError, match="no record is in a split; split first"):
        select([record(0, "normal", split=None)], detection=False)
    with pytest.raises(FracturaError, match="nothing to convert: 1 have an unknown label"):
        select([record(0, "unknown")], detection=False)


def test_coco_is_what_cocos_own_tools_read(pictures: list[Path], tmp_path: Path) -> None:
    from faster_coco_eval import COCO, COCOeval_faster

    square = ((1.0, 2.0), (21.0, 2.0), (21.0, 22.0), (1.0, 22.0))
    triangle = ((30.0, 30.0), (40.0, 30.0), (30.0, 40.0))
    records = [
        record(0, "fracture", mark("fracture", 1, 2, 40, 40, outlines=(square, triangle))),
        record(1, "fracture", mark("fracture", 5, 5, 10.5, 20.25), mark("metal", 0, 0, 3, 3)),
        record(2, "normal"),
    ]
    items = select(with_files(records, pictures[:3]), detection=True).items
    write_coco(items, tmp_path / "out", "copy", iter)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["train"]
    coco = COCO(str(tmp_path / "out" / "train" / FILE))
    assert [category["name"] for category in coco.loadCats([1, 2])] == ["fracture", "metal"]
    assert len(coco.getImgIds()) == 3
    assert coco.anns[1]["area"] == 400 + 50
    assert coco.annToMask(coco.anns[1]).sum() == pytest.approx(450, abs=20)
    assert coco.anns[2]["bbox"] == [5, 5, 5.5, 15.25]
    for entry in coco.imgs.values():
        pixels = load(tmp_path / "out" / "train" / entry["file_name"]).pixels
        assert pixels.shape == (entry["height"], entry["width"])
    found = [
        {key: one[key] for key in ("image_id", "category_id", "bbox")} | {"score": 1.0}
        for one in coco.anns.values()
    ]
    evaluation = COCOeval_faster(coco, coco.loadRes(found), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert evaluation.stats[0] == 1

    write_coco(items, tmp_path / "alone", "none", iter)
    content = json.loads((tmp_path / "alone" / "train" / FILE).read_text())
    for entry, path in zip(content["images"], pictures, strict=False):
        assert (tmp_path / "alone" / "train" / entry["file_name"]).resolve() == path.resolve()


def test_yolo_as_it_is_documented(pictures: list[Path], tmp_path: Path) -> None:
    records = [
        record(0, "fracture", mark("fracture", 6, 8, 18, 24), split="valid"),
        record(1, "normal"),
    ]
    items = select(with_files(records, pictures[:2]), detection=True).items
    write_yolo(items, tmp_path / "out", "none", iter)
    files = {
        path.relative_to(tmp_path / "out").as_posix(): path.read_text()
        for path in (tmp_path / "out").rglob("*.*")
    }
    assert files == {
        "data.yaml": 'train: images/train\nval: images/valid\nnames:\n  0: "fracture"\n',
        "labels/valid/Ä b.txt": "0 0.2 0.2 0.2 0.2\n",
        "labels/train/c.d.txt": "",
    }


def test_a_folder_is_filled_whole_or_not_at_all(pictures: list[Path], tmp_path: Path) -> None:
    items = select(with_files([record(0, "normal")], pictures[:1]), detection=True).items
    (tmp_path / "out").mkdir()
    missing = select([record(0, "normal", split="test")], detection=True).items
    with pytest.raises(FracturaError, match=r"0\.png is missing"):
        write_folders(missing, tmp_path / "out", "copy", iter)
    assert [path.name for path in tmp_path.rglob("*")] == ["out"]
    write_folders(items, tmp_path / "out", "copy", iter)
    assert [path.name for path in tmp_path.rglob("*.png")] == ["Ä b.png"]
    with pytest.raises(FracturaError, match="there is something already"):
        write_folders(items, tmp_path / "out", "copy", iter)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_folder_one_stands_in_is_not_replaced(
    pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = select(with_files([record(0, "normal")], pictures[:1]), detection=True).items
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FracturaError, match=r"\.: this folder is in use; give a new one inside it"):
        write_folders(items, Path(), "copy", iter)


def test_a_full_disk_is_said_of_the_folder_and_a_closed_file_of_the_file(
    pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = select(with_files([record(0, "normal")], pictures[:1]), detection=True).items

    def full(source: object, target: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(pictures[0]))

    with monkeypatch.context() as patch:
        patch.setattr("shutil.copyfileobj", full)
        with pytest.raises(FracturaError, match=r"out: could not be written \(No space left"):
            write_folders(items, tmp_path / "out", "copy", iter)

    def closed(path: Path, mode: str = "r") -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", closed)
    with pytest.raises(FracturaError, match=r"Ä b\.png: cannot be opened \(Permission denied"):
        write_folders(items, tmp_path / "out", "copy", iter)
    assert not list(tmp_path.iterdir())
