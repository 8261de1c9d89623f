"""Images sorted into folders that are named for classes, and perhaps for splits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from fractura.datasets.record import Dropped, Label, Record, Remark
from fractura.datasets.sources.classes import Meaning, summary
from fractura.datasets.sources.folder import read_folder, split_in, with_images
from fractura.datasets.sources.source import Options, Source
from fractura.datasets.sources.words import (
    find_folder,
    find_region,
    find_split,
    fracture_type,
    is_region,
    unknown_words,
)

Parts = tuple[str, ...]


class _Class(NamedTuple):
    """A folder that is named for a class: where it is in a path, its name, and what that means."""

    depth: int
    word: str
    meaning: Meaning


def read(root: Path, options: Options) -> Iterator[Record | Dropped | Remark]:
    """One record an image whose folders name a class: ``train/fractured/x.png`` or the reverse.

    Folders may lie deeper (a patient's), or in one that holds everything. Folders of body regions
    and of types of fractures tell those; where no folder tells of fractures, the images of regions
    are ``unknown``. What ``options.labels`` calls a fracture is a type only if its name tells one.
    An image in folders of two classes is dropped, and so is one above the classes. What became of
    each folder's name is remarked.

    Raises:
        SourceError: there is no image, or a folder's name must be explained with ``--labels``.
    """
    folder = with_images(read_folder(root, SOURCE))
    places = {image: PurePosixPath(image).parts[:-1] for image in folder.images}
    common = _common(places.values())
    classes = {image: _classes(parts, common, options.labels) for image, parts in places.items()}
    if not any(classes.values()):
        classes = {image: _regions(parts) for image, parts in places.items()}
    above = {
        places[image][:depth]
        for image, found in classes.items()
        if found
        for depth in range(found[0].depth + 1)
    }
    unknown = {
        word
        for image, found in classes.items()
        if not found and (word := _unknown_word(places[image], above, common)) is not None
    }
    if unknown:
        raise unknown_words(f"{root}: these class folders", unknown)
    if not any(classes.values()):
        raise SOURCE.missing(f"{root}: a class folder")
    yield from folder.lost
    told = {
        image: [*found, *(region for region in _regions(places[image]) if found)]
        for image, found in classes.items()
    }
    words = {one.word: one.meaning for found in reversed(told.values()) for one in reversed(found)}
    counts = Counter(word for found in told.values() for word in {one.word for one in found})
    yield from summary(counts, words)
    for image, path in folder.images.items():
        yield _record(image, path, classes[image], told[image], options)
    for name in folder.others:
        if _classes(PurePosixPath(name).parts[:-1], common, options.labels):
            yield Dropped(name, "files that are not images")


def _record(
    image: str, path: Path, found: list[_Class], told: list[_Class], options: Options
) -> Record | Dropped:
    if not found:
        return Dropped(image, "images above the class folders")
    labels = {folder.meaning.label or "unknown" for folder in found}
    if len(labels) > 1:
        return Dropped(image, "images in folders of two classes")
    split, notes = split_in(image)
    return Record(
        id=f"{options.name}/{image}",
        path=path,
        source=options.name,
        label=labels.pop(),
        licence=options.licence,
        fracture_types=tuple(sorted({one.meaning.kind for one in found if one.meaning.kind})),
        regions=tuple(sorted({one.meaning.region for one in told if one.meaning.region})),
        official_split=split,
        notes=notes,
    )


def _common(places: Iterable[Parts]) -> int:
    """How many leading folders all images have in common."""
    listed = list(places)
    first, last = min(listed), max(listed)
    pairs = enumerate(zip(first, last, strict=False))
    return next((depth for depth, (a, b) in pairs if a != b), min(len(first), len(last)))


def _classes(parts: Parts, common: int, labels: Mapping[str, Label]) -> list[_Class]:
    """The class folders of an image; one that holds all images counts only if it is the last."""
    found = [
        _Class(depth, word, _meaning(word, label))
        for depth, word in enumerate(parts)
        if find_split(word) is None and (label := find_folder(word, labels)) is not None
    ]
    return [folder for folder in found if folder.depth >= common] or found[-1:]


def _meaning(word: str, label: Label) -> Meaning:
    return Meaning(label, fracture_type(word) if label == "fracture" else None, find_region(word))


def _regions(parts: Parts) -> list[_Class]:
    """The folders of an image that are named for body regions and nothing else."""
    return [
        _Class(depth, word, Meaning(None, None, find_region(word)))
        for depth, word in enumerate(parts)
        if is_region(word)
    ]


def _unknown_word(parts: Parts, above: set[Parts], common: int) -> str | None:
    """The folder that must be a class of unknown meaning; ``None`` if the image lies above all."""
    words = [(depth, word) for depth, word in enumerate(parts) if find_split(word) is None]
    if not words or parts in above:
        return None
    below = [word for depth, word in words if depth >= common and parts[: depth + 1] not in above]
    return below[0] if below else words[-1][1]


SOURCE = Source(
    name="class-folders",
    title="Folders named for classes, perhaps within folders named for splits",
    address="",
    licence=None,
    size="",
    layout="images in folders such as train/fractured and train/not fractured",
    read=read,
)
