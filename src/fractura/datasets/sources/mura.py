"""MURA v1.1 in its own layout (Rajpurkar et al. 2018, arXiv 1712.06957).

The CSV files have no head: ``train_image_paths.csv`` holds a path a line, beginning with
``MURA-v1.1/``; ``train_labeled_studies.csv`` a study's folder and 1 or 0. *Positive* means that
the radiologist called the study abnormal, of whatever kind: fracture, metal, arthrosis, a lesion.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from fractura.datasets.record import Dropped, Record, Split
from fractura.datasets.sources.folder import read_folder
from fractura.datasets.sources.source import Options, Source, SourceError

FOLDER = "MURA-v1.1"
_SPLITS: tuple[Split, ...] = ("train", "valid")
_PLACE = re.compile(
    r"(?P<split>train|valid)/XR_(?P<region>[A-Z]+)/(?P<patient>patient\d+)"
    r"/(?P<study>study\d+)_(?P<sign>positive|negative)/[^/]+"
)


def read(root: Path, options: Options) -> Iterator[Record | Dropped]:
    """One record an image; ``positive`` is ``abnormal`` and ``negative`` is ``normal``.

    Args:
        root: ``MURA-v1.1`` or the folder that holds it.
        options: its name prefixes the ids.

    Raises:
        SourceError: a split's folder or one of its two CSV files is missing.
    """
    root = root / FOLDER if (root / FOLDER).is_dir() else root
    for split in _SPLITS:
        for needed in (split, f"{split}_image_paths.csv", f"{split}_labeled_studies.csv"):
            if not (root / needed).exists():
                raise SOURCE.missing(root / needed)
    folder = read_folder(root, SOURCE)
    unseen: dict[str, None] = {}
    signs: dict[str, str] = {}
    for split in _SPLITS:
        unseen |= dict.fromkeys(_within(row[0]) for row in _rows(root / f"{split}_image_paths.csv"))
        for row in _rows(root / f"{split}_labeled_studies.csv"):
            signs[_within(row[0])] = row[-1]
    yield from folder.lost
    for place, path in folder.images.items():
        if match := _PLACE.fullmatch(place):
            yield _record(path, match, place in unseen, signs, options)
        else:
            yield Dropped(place, "files outside the layout REGION/patient/study_positive|negative")
        unseen.pop(place, None)
    for hidden in sorted(root.rglob("._*")):
        yield Dropped(hidden.relative_to(root).as_posix(), "files that macOS added (._*)")
    for place in unseen:
        yield Dropped(place, "files are missing")


def _record(
    path: Path, match: re.Match[str], is_listed: bool, signs: dict[str, str], options: Options
) -> Record:
    split: Split = "train" if match["split"] == "train" else "valid"
    patient, region = match["patient"], match["region"]
    notes: list[str] = []
    if not is_listed:
        notes.append(f"{split}_image_paths.csv does not list the image")
    sign = signs.get(str(PurePosixPath(match[0]).parent))
    table = f"{split}_labeled_studies.csv"
    if sign is None:
        notes.append(f"{table} does not list the study")
    elif sign != ("1" if match["sign"] == "positive" else "0"):
        notes.append(f"the folder says {match['sign']}, but {table} says {sign}")
    return Record(
        id=f"{options.name}/{match[0]}",
        path=path,
        source=options.name,
        label="abnormal" if match["sign"] == "positive" else "normal",
        patient=patient,
        study=f"{patient}/XR_{region}/{match['study']}",
        regions=(region.lower(),),
        official_split=split,
        notes=tuple(notes),
    )


def _rows(path: Path) -> Iterator[list[str]]:
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise SourceError(f"{path}: the table cannot be read ({error.strerror})") from error
    for row in csv.reader(text.splitlines(), skipinitialspace=True):
        if row and row[0].strip():
            yield [cell.strip() for cell in row]


def _within(place: str) -> str:
    """A path of the CSV files as it is below ``MURA-v1.1``, without the slash at its end."""
    return place.removeprefix(f"{FOLDER}/").rstrip("/")


SOURCE = Source(
    name="mura",
    title="MURA v1.1: musculoskeletal radiographs (Rajpurkar et al. 2018, arXiv 1712.06957)",
    address="https://stanfordmlgroup.github.io/competitions/mura/",
    licence="Stanford research use agreement, no redistribution",
    size="40,005 images, 3.3 GB",
    layout=(
        "MURA-v1.1 with train/ and valid/ and, for each, *_image_paths.csv and "
        "*_labeled_studies.csv"
    ),
    read=read,
)
