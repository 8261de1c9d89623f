"""Predictions as YOLO's text files: one an image, a box or polygon and its confidence a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from fractura.datasets.record import Outline, Record
from fractura.datasets.sources.folder import Folder
from fractura.datasets.sources.yolo_config import NAME_FILES, read_config
from fractura.errors import FracturaError
from fractura.evaluation.predictions.classes import Classes
from fractura.evaluation.predictions.errors import PredictionError
from fractura.evaluation.predictions.gather import UNKNOWN, Gathering, Predictions
from fractura.findings import Failure
from fractura.imaging.files import visible_files

_REMEDY = "add data.yaml or classes.txt with the classes' names"
_FARTHEST = 2
"""Fractions of a side beyond which a number must be meant in pixels."""


def read_yolo(root: Path, records: Sequence[Record], looked_for: str) -> Predictions:
    """A folder of text files, as detectors write with options like ``save_txt save_conf``.

    Lines are ``class x y width height confidence`` (the box's middle and size) or ``class x1 y1
    x2 y2 … confidence`` (a polygon), as fractions of the image's sides. ``labels/name.txt``
    speaks of the image ``name`` of any suffix. Which class counts, ``data.yaml`` or
    ``classes.txt`` in the folder or the one above tells; a single class needs no name.

    An image's probability is the confidence of its best box. An empty file is an image without a
    box, and so is an image without a file, since detectors write none then.

    Raises:
        FracturaError: there is no text file, a line lacks the confidence or is not understood, a
            number is out of range, an image's size is unknown, or several classes have no names.
    """
    texts, names = _files(root)
    gathering = Gathering(str(root), records, looked_for)
    classes = Classes(str(root), names, looked_for, _REMEDY)
    for name, path in texts.items():
        try:
            answer = gathering.begin(_image(name))
        except PredictionError as problem:
            raise FracturaError(f"{path}: {problem}") from None
        _read_file(path, answer, gathering, classes)
    empty = gathering.read_without_box()
    gathering.notes.extend(classes.notes())
    if empty:
        gathering.notes.append(
            f"{empty:,} images have no text file and count as read without a box"
        )
    gathering.notes.append("the probability of an image is the confidence of its best box")
    return gathering.finish(root.resolve().name, draws_boxes=True)


def _files(root: Path) -> tuple[dict[str, Path], Mapping[int, str] | None]:
    """The text files by their POSIX path from the folder, and the names of the classes."""
    texts: dict[str, Path] = {}
    configs: dict[str, Path] = {}
    for item in visible_files(str(root)):
        if isinstance(item, Failure):
            raise FracturaError(item.message)
        path = Path(item)
        if path.suffix in (".yaml", ".yml") or path.name in NAME_FILES:
            configs[path.relative_to(root).as_posix()] = path
        elif path.suffix == ".txt":
            texts[path.relative_to(root).as_posix()] = path
    if not texts:
        raise FracturaError(
            f"{root}: there is no text file with boxes; give the folder that holds labels/"
        )
    above = root.resolve().parent
    for folder, found in ((root, configs), (above, {p.name: p for p in _configs(above)})):
        if _names_classes(found):
            return texts, read_config(Folder(folder, {}, found, ())).names
    return texts, None


def _configs(folder: Path) -> list[Path]:
    named = [folder / name for name in ("data.yaml", "data.yml", *NAME_FILES)]
    return [path for path in named if path.is_file()]


def _names_classes(files: Mapping[str, Path]) -> bool:
    return any(
        path.name in NAME_FILES or b"\nnames" in b"\n" + path.read_bytes()
        for path in files.values()
    )


def _image(name: str) -> str:
    """The image of a text file, without suffix: ``val/labels/x.txt`` is of ``val/images/x``."""
    parts = PurePosixPath(name).with_suffix("").parts
    if "labels" in parts[:-1]:
        last = len(parts) - 1 - parts[::-1].index("labels")
        parts = (*parts[:last], *(["images"] if last else []), *parts[last + 1 :])
    return "/".join(parts)


def _read_file(path: Path, answer: int, gathering: Gathering, classes: Classes) -> None:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise FracturaError(f"{path}: it is no text; remove it") from None
    except OSError as error:
        raise FracturaError(f"{path}: it cannot be read ({error.strerror})") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            kind, corners, score, is_box = _parse(line.split())
            if not classes.counts(kind) or answer == UNKNOWN:
                continue
            width, height = gathering.size_of(answer)
            outline: Outline = tuple((x * width, y * height) for x, y in corners)
            xs, ys = zip(*outline, strict=True)
            box = [min(xs), min(ys), max(xs), max(ys)]
            gathering.box(answer, box, score, () if is_box else (outline,))
        except PredictionError as problem:
            raise FracturaError(f"{path}, line {number}: {problem}") from None


def _parse(words: list[str]) -> tuple[int, list[tuple[float, float]], float, bool]:
    """Class, corners as fractions, confidence, and whether the corners are a box's."""
    try:
        kind, *numbers = map(float, words)
    except ValueError:
        raise PredictionError("it is not understood; write numbers alone") from None
    if not kind.is_integer():
        raise PredictionError(f"the class is {kind}; write its number")
    if len(numbers) in (4, 6) or len(numbers) % 2 == 0:
        raise PredictionError(
            f"it has {len(numbers) + 1} numbers; write class x y width height confidence, or "
            "class, a polygon's corners and confidence (with ultralytics save_txt save_conf)"
        )
    *places, score = numbers
    if not all(abs(place) <= _FARTHEST for place in places):
        raise PredictionError(
            "a place is not a number or far outside the image; write fractions of its sides"
        )
    if len(places) == 4:
        x, y, width, height = places
        if width < 0 or height < 0:
            raise PredictionError("the box has a negative width or height")
        left, top, right, bottom = x - width / 2, y - height / 2, x + width / 2, y + height / 2
        return int(kind), [(left, top), (right, bottom)], score, True
    if len(places) < 6:
        raise PredictionError("a polygon needs three corners and the confidence")
    return int(kind), list(zip(places[::2], places[1::2], strict=True)), score, False
