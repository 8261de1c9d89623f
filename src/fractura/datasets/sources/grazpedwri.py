"""GRAZPEDWRI-DX in its own layout (Nagy et al. 2022, doi 10.1038/s41597-022-01328-z).

Wrists of 6,091 children. ``fracture_visible`` speaks of the single image: a wrist whose fracture
shows in the lateral view alone has its AO codes on the frontal view as well, where they are kept
in ``extra``. ``projection`` is 1 for frontal (the annotations' tag ``projection_ap``), 2 for
lateral and 3 for oblique. The objects called ``axis`` are directions of the image, not findings,
and are not taken; neither does the YOLO edition of the labels have them.
"""

from __future__ import annotations

import filecmp
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from fractura.datasets.record import FRACTURE, Annotation, Dropped, Laterality, Record, Sex
from fractura.datasets.sources.folder import head_of, read_folder
from fractura.datasets.sources.source import Options, Source
from fractura.datasets.sources.tables import contradicted, read_table
from fractura.findings import Box

TABLE = "dataset.csv"
CLASSES = (
    *("boneanomaly", "bonelesion", "foreignbody", "fracture", "metal", "periostealreaction"),
    *("pronatorsign", "softtissue", "text"),
)
"""What the numbers in the YOLO labels mean (``folder_structure/yolov5/meta.yaml``)."""
_COLUMNS = (
    *("filestem", "patient_id", "study_number", "gender", "age", "laterality", "projection"),
    *("initial_exam", "ao_classification", "cast", "diagnosis_uncertain", "fracture_visible"),
    "metal",
)
_EXTRA = ("timehash", "osteopenia", "diagnosis_uncertain", "pixel_spacing", "device_manufacturer")
_VIEWS: dict[float, str] = {1: "frontal", 2: "lateral", 3: "oblique"}
_SEXES: dict[str, Sex] = {"F": "female", "M": "male"}
_SIDES: dict[str, Laterality] = {"L": "left", "R": "right"}


def read(root: Path, options: Options) -> Iterator[Record | Dropped]:
    """One record a line of ``dataset.csv`` whose image is there.

    Marks come from the Supervisely files, whose coordinates are pixels, else from the YOLO files,
    for which the image's size is read from its head.

    Args:
        root: the folder that holds ``dataset.csv``; the images may lie anywhere below.
        options: its name prefixes the ids.

    Raises:
        SourceError: ``dataset.csv``, one of its columns or every image is missing.
    """
    if not (root / TABLE).is_file():
        raise SOURCE.missing(root / TABLE)
    folder = read_folder(root, SOURCE)
    if not folder.images:
        raise SOURCE.missing(f"{root}: every image")
    yield from folder.lost
    files: dict[str, str] = {}
    others: set[str] = set()
    for place, path in folder.images.items():
        stem = PurePosixPath(place).stem
        first = files.setdefault(stem, place)
        if first != place:
            yield Dropped(place, "further copies of an image")
            if not filecmp.cmp(folder.images[first], path, shallow=False):
                others.add(stem)
    supervisely = _first_folder(root, "supervisely/wrist/ann")
    yolo = None if supervisely else _first_folder(root, "yolov5/labels")
    seen: set[str] = set()
    rows = list(read_table(root / TABLE, _COLUMNS))
    doubtful = contradicted(rows, "filestem", "fracture_visible")
    for row in rows:
        if isinstance(row, Dropped):
            yield row
            continue
        line, cells = row
        stem = cells["filestem"]
        if stem in seen:
            yield Dropped(f"{root / TABLE}, line {line}", "lines that list an image again")
        elif stem not in files:
            yield Dropped(f"{stem}.png", "files are missing")
        elif stem in others:
            yield Dropped(files[stem], "names that different images have")
        elif stem in doubtful:
            yield Dropped(files[stem], "images of lines that contradict each other")
        else:
            yield _record(folder.images[files[stem]], cells, supervisely, yolo, options)
        seen.add(stem)
    for stem in sorted(files.keys() - seen):
        yield Dropped(files[stem], f"files that {TABLE} does not list")


def _first_folder(root: Path, place: str) -> Path | None:
    candidates = (root / "folder_structure" / place, root / place)
    return next((candidate for candidate in candidates if candidate.is_dir()), None)


def _record(
    path: Path,
    cells: Mapping[str, str],
    supervisely: Path | None,
    yolo: Path | None,
    options: Options,
) -> Record:
    fractured = _is_set(cells["fracture_visible"])
    codes = tuple(code.strip() for code in cells["ao_classification"].split(";") if code.strip())
    extra = {name: cells[name] for name in _EXTRA if cells.get(name)}
    if codes and not fractured:
        extra["ao_classification"] = "; ".join(codes)
    sex, side = _SEXES.get(cells["gender"]), _SIDES.get(cells["laterality"])
    age, view = _number(cells["age"]), _VIEWS.get(_number(cells["projection"]) or 0)
    notes = [
        f"{TABLE} says {column} {cells[column]!r}, which is not known"
        for column, value in {
            "gender": sex,
            "laterality": side,
            "age": age,
            "projection": view,
        }.items()
        if value is None and cells[column]
    ]
    if _is_set(cells["diagnosis_uncertain"]):
        notes.append("the source calls the diagnosis uncertain")
    marks = _read_marks(path, supervisely, yolo)
    if marks is None and (supervisely or yolo):
        notes.append("the file of annotations is missing or damaged")
    boxed = sum(mark.label == FRACTURE for mark in marks or ())
    if marks is not None and bool(boxed) != fractured:
        notes.append(
            f"{TABLE} says fracture_visible {cells['fracture_visible'] or 'empty'!r}, but "
            f"{boxed} fractures are boxed"
        )
    return Record(
        id=f"{options.name}/{path.stem}",
        path=path,
        source=options.name,
        label="fracture" if fractured else "no fracture",
        patient=cells["patient_id"] or None,
        study=f"{cells['patient_id']}/{cells['study_number']}",
        regions=("wrist",),
        views=(view,) if view else (),
        laterality=side,
        age=age,
        sex=sex,
        ao=codes if fractured else (),
        annotations=marks,
        hardware=_is_set(cells["metal"]),
        cast=_is_set(cells["cast"]),
        follow_up=not _is_set(cells["initial_exam"]),
        notes=tuple(notes),
        extra=extra,
    )


def _is_set(cell: str) -> bool:
    """Flags are 1 where set and empty where not."""
    return _number(cell) == 1


def _number(cell: str) -> float | None:
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _read_marks(
    path: Path, supervisely: Path | None, yolo: Path | None
) -> tuple[Annotation, ...] | None:
    try:
        if supervisely:
            return _read_supervisely(supervisely / f"{path.stem}.json")
        return _read_yolo(yolo / f"{path.stem}.txt", path) if yolo else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _read_supervisely(path: Path) -> tuple[Annotation, ...]:
    content = json.loads(path.read_bytes())
    return tuple(_object(item) for item in content["objects"] if item["classTitle"] != "axis")


def _object(item: Mapping[str, Any]) -> Annotation:
    corners = tuple((float(x), float(y)) for x, y in item["points"]["exterior"])
    columns, rows = zip(*corners, strict=True)
    box = Box(min(columns), min(rows), max(columns), max(rows))
    return Annotation(item["classTitle"], box, (corners,) if len(corners) > 2 else ())


def _read_yolo(path: Path, image: Path) -> tuple[Annotation, ...]:
    head = head_of(image)
    if head is None:
        raise ValueError("the image's size cannot be read")
    width, height = head.width, head.height
    names, marks = dict(enumerate(CLASSES)), []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.strip():
            continue
        number, x, y, across, down = map(float, line.split())
        if number not in names or not math.isfinite(x + y + across + down):
            raise ValueError(f"{path}: {line!r} is no box")
        left, top = (x - across / 2) * width, (y - down / 2) * height
        box = Box(left, top, left + across * width, top + down * height)
        marks.append(Annotation(names[int(number)], box))
    return tuple(marks)


SOURCE = Source(
    name="grazpedwri",
    title="GRAZPEDWRI-DX: wrists of children (Nagy et al. 2022, doi 10.1038/s41597-022-01328-z)",
    address="https://doi.org/10.6084/m9.figshare.14825193",
    licence="CC BY 4.0",
    size="20,327 images, 15 GB",
    layout=f"{TABLE}, images_part1 to images_part4 and folder_structure",
    read=read,
)
