"""Predictions as COCO results: a JSON list of boxes with scores."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from fractura.datasets.record import Outline, Record
from fractura.datasets.sources.rle import decode_mask, mask_outlines
from fractura.errors import FracturaError
from fractura.evaluation.predictions.classes import Classes
from fractura.evaluation.predictions.errors import PredictionError
from fractura.evaluation.predictions.gather import UNKNOWN, Gathering, Predictions

_REMEDY = "lay the COCO file with the categories' names beside the results"
_TAKEN = object()
"""Stands in the document for a result that went into the columns."""


@dataclass(frozen=True)
class _Listing:
    """What a COCO file says of images and categories, by their numbers."""

    path: Path
    images: Mapping[Hashable, Mapping[str, Any]]
    categories: Mapping[Hashable, str]


def read_coco(path: Path, records: Sequence[Record], looked_for: str) -> Predictions:
    """Results as https://cocodataset.org/#format-results has them, boxes ``[x, y, w, h]``.

    ``image_id`` is a file name, a path or an id of the manifest, or a number that a COCO file
    tells: one in the same folder, or in ``annotations`` there, whose ``images`` list the numbers
    (``images.json`` goes first). Without such a file a number is looked for in
    ``extra["image_id"]`` of the records, and in their file names (``000042.jpg`` is 42). The
    document may also hold ``images`` and ``categories`` itself, beside ``annotations`` with
    scores.

    An image's probability is the score of its best box. Images without a result count as read and
    without a box, unless a COCO file does not list them.

    Raises:
        FracturaError: the file cannot be read or is in another form, a number is none or out of
            range, numbers of images cannot be resolved, or several categories have no names.
    """
    listing = _listing(path)
    results = _Results(path, records, looked_for, listing)
    try:
        with path.open(encoding="utf-8-sig") as file:
            document = json.load(file, object_hook=results.take)
    except OSError as error:
        raise FracturaError(f"{path}: it cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise FracturaError(f"{path}: it is no well-formed JSON ({error})") from error
    entries = document.get("annotations") if isinstance(document, dict) else document
    if not isinstance(entries, list):
        raise FracturaError(f"{path}: it holds no list of results; give COCO results")
    for number, entry in enumerate(entries, 1):
        if entry is not _TAKEN:
            raise FracturaError(
                f"{path}, result {number}: it needs image_id, bbox and score; give COCO results, "
                "not annotations"
            )
    return results.finish()


def _listing(path: Path) -> _Listing | None:
    """The COCO file that tells what the numbers in the results mean; the results' own lists."""
    folder = path.parent
    beside = sorted(chain(folder.glob("*.json"), (folder / "annotations").glob("*.json")))
    beside.sort(key=lambda other: (other != path, other.name != "images.json"))
    found = [listing for other in beside if (listing := _read_listing(other)) is not None]
    if not found:
        return None
    first = found[0]
    if first.path in (path, folder / "images.json"):
        return first
    for other in found[1:]:
        clash = next(
            (
                key
                for key in first.images.keys() & other.images.keys()
                if first.images[key]["file_name"] != other.images[key]["file_name"]
            ),
            None,
        )
        if clash is not None:
            raise FracturaError(
                f"{path}: image {clash} is another in {first.path.name} than in "
                f"{other.path.name}; keep only the COCO file that the results were made with"
            )
    images = dict(chain.from_iterable(one.images.items() for one in found))
    return _Listing(first.path, images, first.categories)


def _read_listing(path: Path) -> _Listing | None:
    try:
        with path.open(encoding="utf-8-sig") as file:
            if file.read(4096).lstrip()[:1] != "{":
                return None
            file.seek(0)
            document = json.load(file)
        images = {
            _key(item["id"]): item
            for item in document["images"]
            if isinstance(item["file_name"], str)
        }
        categories = {
            _key(item["id"]): str(item["name"]) for item in document.get("categories") or ()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return _Listing(path, images, categories)


def _key(value: Any) -> Hashable:
    """A number or a text; 42.0 is 42.

    Raises:
        TypeError: it is neither.
    """
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise TypeError(f"{value!r} is no number or text")
    return value


class _Results:
    """Takes results while the JSON is read, so that the document never lies in memory whole."""

    def __init__(
        self, path: Path, records: Sequence[Record], looked_for: str, listing: _Listing | None
    ) -> None:
        self._path, self._records, self._listing = path, records, listing
        self._gathering = Gathering(str(path), records, looked_for)
        names = listing.categories if listing is not None and listing.categories else None
        self._classes = Classes(str(path), names, looked_for, _REMEDY)
        self._answers: dict[Hashable, int] = {}
        self._numbers: dict[int, str] | None = None
        self._count = 0
        self._numbered = False

    def take(self, item: dict[str, Any]) -> Any:
        """An object of the document: itself, or :data:`_TAKEN` if it is a result."""
        if "image_id" not in item or "score" not in item:
            return item
        self._count += 1
        try:
            self._add(item)
        except PredictionError as problem:
            raise FracturaError(f"{self._path}, result {self._count}: {problem}") from None
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise FracturaError(
                f"{self._path}, result {self._count}: it is not understood ({error!r}); write "
                "image_id, category_id, bbox [x, y, width, height] and score"
            ) from None
        return _TAKEN

    def _add(self, item: Mapping[str, Any]) -> None:
        key = _key(item["image_id"])
        answer = self._answers.get(key)
        if answer is None:
            answer = self._answers[key] = self._gathering.begin(self._name(key))
            image = self._image(key)
            self._gathering.check_size(answer, image.get("width"), image.get("height"))
        if self._classes.counts(_key(item.get("category_id", 1))):
            outlines = _outlines(item.get("segmentation"))
            self._gathering.box(answer, _corners(item, outlines), float(item["score"]), outlines)

    def _name(self, key: Hashable) -> str:
        image = self._image(key)
        if image:
            return str(image["file_name"])
        if isinstance(key, str):
            return key
        if self._listing is not None:
            return f"image {key}"
        self._numbered = True
        if self._numbers is None:
            self._numbers = dict(_numbered(self._records))
        return self._numbers.get(int(str(key)), f"image {key}")

    def _image(self, key: Hashable) -> Mapping[str, Any]:
        return self._listing.images.get(key, {}) if self._listing else {}

    def finish(self) -> Predictions:
        """All of them, and images without a result as read without a box."""
        gathering, listing = self._gathering, self._listing
        matched = any(answer != UNKNOWN for answer in self._answers.values())
        if self._numbered and not matched:
            raise FracturaError(
                f"{self._path} names images by number, and nothing tells which they are; lay the "
                "COCO file that lists them beside it, as images.json"
            )
        empty = gathering.read_without_box(self._listed())
        gathering.notes.extend(self._classes.notes())
        if empty:
            gathering.notes.append(
                f"{empty:,} images have no result and count as read without a box"
                + (f", as {listing.path.name} lists them" if listing else "")
            )
        gathering.notes.append("the probability of an image is the score of its best box")
        return gathering.finish(self._path.stem, draws_boxes=True)

    def _listed(self) -> set[int] | None:
        """Indices of the records that the COCO file lists; ``None`` without such a file."""
        if self._listing is None:
            return None
        names = (str(image["file_name"]) for image in self._listing.images.values())
        try:
            found = [self._gathering.names.find(name) for name in names]
        except PredictionError as problem:
            raise FracturaError(f"{self._listing.path}: {problem}") from None
        return {match.record for match in found if match}


def _numbered(records: Sequence[Record]) -> Iterator[tuple[int, str]]:
    """Number and id of the records that have a number, in ``extra`` or as their file's name."""
    for record in records:
        if record.path.stem.isdecimal():
            yield int(record.path.stem), record.id
    for record in records:
        number = record.extra.get("image_id", "")
        if number.isdecimal():
            yield int(number), record.id


def _corners(item: Mapping[str, Any], outlines: tuple[Outline, ...]) -> list[float]:
    if item.get("bbox") is None and outlines:
        xs, ys = zip(*chain.from_iterable(outlines), strict=True)
        return [min(xs), min(ys), max(xs), max(ys)]
    x, y, width, height = (float(value) for value in item["bbox"])
    if width < 0 or height < 0:
        raise PredictionError(
            f"the box [{x}, {y}, {width}, {height}] has a negative width or height"
        )
    return [x, y, x + width, y + height]


def _outlines(segmentation: Any) -> tuple[Outline, ...]:
    if not segmentation:
        return ()
    if isinstance(segmentation, dict):
        return mask_outlines(decode_mask(segmentation))
    return tuple(
        tuple((float(x), float(y)) for x, y in zip(part[::2], part[1::2], strict=True))
        for part in segmentation
    )
