"""FracAtlas in its own layout (Abedeen et al. 2023, doi 10.1038/s41597-023-02432-4)."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from fractura.datasets.record import FRACTURE, Annotation, Dropped, Record, Split
from fractura.datasets.sources.folder import read_folder
from fractura.datasets.sources.source import Options, Source, SourceError
from fractura.datasets.sources.tables import contradicted, read_table
from fractura.findings import Box

FIRST_TEST_NUMBER = 3295
FIRST_VALID_NUMBER = 3733
TABLE = "dataset.csv"
COCO = "Annotations/COCO JSON/COCO_fracture_masks.json"
_FOLDERS = {"1": "Fractured", "0": "Non_fractured"}
_REGIONS = ("hand", "leg", "hip", "shoulder")
_VIEWS = ("frontal", "lateral", "oblique")
_COLUMNS = ("image_id", *_REGIONS, *_VIEWS, "hardware", "multiscan", "fractured", "fracture_count")


def official_split(number: int) -> Split:
    """The split that FracAtlas's own CSV files imply by image number, normals included."""
    if number < FIRST_TEST_NUMBER:
        return "train"
    return "test" if number < FIRST_VALID_NUMBER else "valid"


def read(root: Path, options: Options) -> Iterator[Record | Dropped]:
    """One record a line of ``dataset.csv`` whose image is there, with COCO's polygons.

    The label is that of ``dataset.csv``, unless the file lies in ``Fractured`` and has boxes;
    whatever the table, the folder and the boxes say against each other is noted.

    Args:
        root: the folder that holds ``dataset.csv``.
        options: its name prefixes the ids.

    Raises:
        SourceError: ``dataset.csv``, one of its columns, or the COCO file is missing.
    """
    for needed in (TABLE, COCO):
        if not (root / needed).is_file():
            raise SOURCE.missing(root / needed)
    marks = _read_coco(root / COCO)
    folder = read_folder(root / "images", SOURCE)
    yield from folder.lost
    files: dict[str, list[str]] = defaultdict(list)
    for place in folder.images:
        files[PurePosixPath(place).name].append(place)
    seen: set[str] = set()
    rows = list(read_table(root / TABLE, _COLUMNS))
    doubtful = contradicted(rows, "image_id", "fractured")
    for row in rows:
        if isinstance(row, Dropped):
            yield row
            continue
        line, cells = row
        name = cells["image_id"]
        number = re.fullmatch(r"IMG(\d+)\.\w+", name)
        if number is None or cells["fractured"] not in _FOLDERS:
            yield Dropped(f"{root / TABLE}, line {line}", "lines without an image or a label")
        elif name in seen:
            yield Dropped(f"{root / TABLE}, line {line}", "lines that list an image again")
        elif name not in files:
            yield Dropped(name, "files are missing")
        elif name in doubtful:
            yield Dropped(name, "images of lines that contradict each other")
            files.pop(name)
        else:
            wanted = f"{_FOLDERS[cells['fractured']]}/{name}"
            places = sorted(files.pop(name), key=lambda place: (place != wanted, place))
            if len(places) > 1 and places[0] != wanted:
                yield from (Dropped(place, "files that lie in two folders") for place in places)
                seen.add(name)
                continue
            path = folder.images[places[0]]
            yield _record(path, int(number[1]), cells, marks.get(name, ()), options)
            for place in places[1:]:
                yield Dropped(place, "files that lie in two folders")
        seen.add(name)
    for name in sorted(marks.keys() - seen):
        yield Dropped(name, "images that only COCO lists")
    for places in files.values():
        for place in places:
            yield Dropped(place, f"files that {TABLE} does not list")


def _record(
    path: Path,
    number: int,
    cells: Mapping[str, str],
    marks: tuple[Annotation, ...],
    options: Options,
) -> Record:
    fractured = cells["fractured"] == "1" or (path.parent.name == _FOLDERS["1"] and bool(marks))
    return Record(
        id=f"{options.name}/{path.name}",
        path=path,
        source=options.name,
        label="fracture" if fractured else "no fracture",
        regions=tuple(region for region in _REGIONS if cells[region] == "1"),
        views=tuple(view for view in _VIEWS if cells[view] == "1"),
        annotations=marks,
        hardware=cells["hardware"] == "1",
        official_split=official_split(number),
        order=number,
        notes=tuple(_contradictions(cells, path.parent.name, len(marks))),
        extra={name: cells[name] for name in ("multiscan", "fracture_count")},
    )


def _contradictions(cells: Mapping[str, str], place: str, boxes: int) -> Iterator[str]:
    listed = cells["fractured"]
    if place != _FOLDERS[listed] or bool(boxes) != (listed == "1"):
        yield (
            f"{TABLE} says fractured {listed}, the file lies in {place} and COCO has {boxes} boxes"
        )
    if cells["fracture_count"] != str(boxes):
        yield f"{TABLE} counts {cells['fracture_count']} fractures, COCO has {boxes} boxes"


def _read_coco(path: Path) -> dict[str, tuple[Annotation, ...]]:
    try:
        content = json.loads(path.read_bytes())
        names = {image["id"]: image["file_name"] for image in content["images"]}
        if len(names) < len(content["images"]):
            raise SourceError(f"{path}: several images have one id; unpack it again")
        marks: dict[str, list[Annotation]] = defaultdict(list)
        for item in content["annotations"]:
            marks[names[item["image_id"]]].append(_annotation(item))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise SourceError(
            f"{path}: this is not the COCO file of FracAtlas; unpack it again"
        ) from error
    return {name: tuple(found) for name, found in marks.items()}


def _annotation(item: Mapping[str, Any]) -> Annotation:
    x, y, width, height = map(float, item["bbox"])
    outlines = tuple(
        tuple(zip(map(float, part[::2]), map(float, part[1::2]), strict=True))
        for part in item["segmentation"]
    )
    return Annotation(FRACTURE, Box(x, y, x + width, y + height), outlines)


SOURCE = Source(
    name="fracatlas",
    title="FracAtlas (Abedeen et al. 2023, doi 10.1038/s41597-023-02432-4)",
    address="https://doi.org/10.6084/m9.figshare.22363012",
    licence="CC BY 4.0",
    size="4,083 images, 0.3 GB",
    layout=f"{TABLE}, images/Fractured, images/Non_fractured and {COCO}",
    read=read,
)
