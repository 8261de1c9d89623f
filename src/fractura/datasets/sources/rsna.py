"""A table of boxes beside DICOM files, as in the RSNA challenges.

The layout is that of the RSNA Pneumonia Detection Challenge 2018 (Shih et al. 2019,
doi 10.1148/ryai.2019180041): ``stage_2_train_labels.csv`` with ``patientId,x,y,width,height,
Target``, a line a box, and ``stage_2_train_images/<patientId>.dcm``. Tables with
``StudyInstanceUID`` and ``label`` in place of ``patientId`` and ``Target`` are read as well. A
target of 1 is a fracture; in the challenge itself it is a lung opacity, so that one is refused.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from fractura.datasets.record import FRACTURE, Annotation, Dropped, Label, Record
from fractura.datasets.sources.folder import Folder, read_folder
from fractura.datasets.sources.source import Options, Source, SourceError
from fractura.datasets.sources.tables import read_table
from fractura.findings import Box

PNEUMONIA = "stage_2_detailed_class_info.csv"
"""What the challenge has beside its table of boxes, and no table of fractures has."""
_COLUMNS = (("patientId", "Target"), ("StudyInstanceUID", "label"))
_BOX = ("x", "y", "width", "height")
_LABELS: dict[str, Label] = {"1": "fracture", "0": "no fracture"}


@dataclass
class _Entry:
    """What all lines of one id say; ``doubt``: they contradict themselves or are not whole."""

    targets: set[str] = field(default_factory=set)
    marks: list[Annotation] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    doubt: bool = False


def read(root: Path, options: Options) -> Iterator[Record | Dropped]:
    """One record an id of the table, with the boxes of all its lines.

    The image of an id is the file with its name, or the only file in the folder with its name.

    Args:
        root: the folder that holds the table; the images may lie anywhere below.
        options: its labels say what a target means, if not the usual.

    Raises:
        SourceError: there is no such table or no image, or it is the challenge on pneumonia.
    """
    if (root / PNEUMONIA).exists() and not options.labels:
        raise SourceError(
            f"{root}: the targets of the RSNA pneumonia challenge are lung opacities, not "
            "fractures; say what they shall count as: --labels 1=abnormal,0=unknown"
        )
    folder = read_folder(root, SOURCE)
    if not folder.images:
        raise SOURCE.missing(f"{root}: every image")
    yield from folder.lost
    path, name, rows = _find_table(root)
    labels = {**_LABELS, **options.labels}
    entries: dict[str, _Entry] = defaultdict(_Entry)
    for row in rows:
        if isinstance(row, Dropped):
            yield row
            continue
        line, cells = row
        target = cells[dict(_COLUMNS)[name]]
        if not cells[name] or target not in labels:
            entries[cells[name]].doubt |= bool(cells[name])
            yield Dropped(f"{path}, line {line}", "lines without an image or a known label")
        else:
            _add(entries[cells[name]], line, cells, target, labels[target])
    places = _places(folder)
    unused = dict.fromkeys(folder.images)
    for identifier, entry in entries.items():
        found = places.get(identifier, [])
        for place in found:
            unused.pop(place, None)
        if len(found) == 1:
            yield _record(folder.images[found[0]], identifier, name, entry, labels, options)
        elif found:
            yield Dropped(identifier, "ids that several images have")
        else:
            yield Dropped(identifier, "files are missing")
    for place in unused:
        yield Dropped(place, f"files that {path.name} does not list")


def _find_table(root: Path) -> tuple[Path, str, list[tuple[int, dict[str, str]] | Dropped]]:
    """The first table with the columns needed, the column of its ids, and its rows."""
    for path in sorted(root.glob("*.csv")):
        for name, target in _COLUMNS:
            try:
                return path, name, list(read_table(path, (name, *_BOX, target)))
            except SourceError:
                continue
    raise SOURCE.missing(f"{root}: the table of boxes")


def _add(entry: _Entry, line: int, cells: Mapping[str, str], target: str, label: Label) -> None:
    entry.targets.add(target)
    values = [cells[name] for name in _BOX]
    if not any(values):
        return
    try:
        x, y, width, height = map(float, values)
    except ValueError:
        x, y, width, height = (math.nan,) * 4
    if not (math.isfinite(x + y) and 0 < width < math.inf and 0 < height < math.inf):
        entry.notes.append(f"line {line}: its box is not understood and left out")
    elif label != "fracture":
        entry.notes.append(f"line {line}: a box although its target is {target}; left out")
        entry.doubt |= label in ("no fracture", "normal")
    else:
        entry.marks.append(Annotation(FRACTURE, Box(x, y, x + width, y + height)))


def _places(folder: Folder) -> dict[str, list[str]]:
    """The images for each name that a file, or a folder of files, has."""
    stems: dict[str, list[str]] = defaultdict(list)
    parents: dict[str, list[str]] = defaultdict(list)
    for place in folder.images:
        path = PurePosixPath(place)
        stems[path.stem].append(place)
        parents[path.parent.name].append(place)
    return {
        name: list(dict.fromkeys([*stems.get(name, ()), *parents.get(name, ())]))
        for name in {**parents, **stems}
    }


def _record(
    path: Path,
    identifier: str,
    name: str,
    entry: _Entry,
    labels: Mapping[str, Label],
    options: Options,
) -> Record:
    found = sorted({labels[target] for target in entry.targets})
    notes = list(entry.notes)
    if len(found) > 1:
        notes.append(f"the table's lines disagree: {' and '.join(found)}")
    known = len(found) == 1 and not (entry.doubt and found[0] != "fracture")
    return Record(
        id=f"{options.name}/{identifier}",
        path=path,
        source=options.name,
        label=found[0] if known else "unknown",
        patient=identifier if name == "patientId" else None,
        study=identifier if name == "StudyInstanceUID" else None,
        annotations=tuple(entry.marks) if known else (),
        notes=tuple(notes),
    )


SOURCE = Source(
    name="rsna",
    title="RSNA's layout: a CSV file of boxes and DICOM files (Shih et al. 2019)",
    address="",
    licence=None,
    size="",
    layout=(
        "a CSV file with patientId,x,y,width,height,Target and a folder with <patientId>.dcm "
        "(or StudyInstanceUID and label)"
    ),
    read=read,
)
