"""``data.yaml`` of YOLO's layout: names of the classes, and folders of the splits."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from fractura.datasets.record import Dropped, Split
from fractura.datasets.sources.folder import Folder
from fractura.datasets.sources.source import SourceError

NAME_FILES = ("classes.txt", "obj.names")
"""Text files with the name of a class a line, in Darknet's layout."""

_LISTS: Mapping[str, Split] = {
    "train.txt": "train",
    "val.txt": "valid",
    "valid.txt": "valid",
    "validation.txt": "valid",
    "test.txt": "test",
}
"""Lists of the images of each split beside them, in Darknet's layout; also of CVAT's exports."""

_SPLIT_KEYS: Mapping[str, Split] = {
    "train": "train",
    "val": "valid",
    "valid": "valid",
    "validation": "valid",
    "test": "test",
}


@dataclass(frozen=True)
class Config:
    """What ``data.yaml`` says.

    Attributes:
        path: the file, as it is called in messages.
        names: of the classes, by number.
        places: the splits that a folder or an image is put in.
        missing: what it names and is not there.
        key_points: lines are boxes with key points after them (``kpt_shape``), not polygons.
        lists: files that list the images of a split.
    """

    path: str
    names: Mapping[int, str]
    places: Mapping[str, set[Split]] = field(default_factory=dict)
    missing: tuple[Dropped, ...] = ()
    key_points: bool = False
    lists: frozenset[str] = frozenset()

    def splits_of(self, image: str) -> set[Split]:
        """The splits that the file puts an image in."""
        return {split for place in (image, *_above(image)) for split in self.places.get(place, ())}


def read_config(folder: Folder) -> Config:
    """Read ``data.yaml``, or the list of names of Darknet's layout.

    Raises:
        SourceError: there is neither, or it is not well formed.
    """
    by_depth = sorted(folder.others, key=lambda name: (name.count("/"), name))
    for name in by_depth:
        if name.endswith((".yaml", ".yml")):
            content = _load(folder.others[name])
            if content is not None:
                return _from_yaml(folder, name, content)
    for name in by_depth:
        if posixpath.basename(name) in NAME_FILES:
            return _from_names(folder, name)
    raise SourceError(
        f"{folder.root}: nothing tells what the numbers of the classes mean; add data.yaml with "
        "their names, or classes.txt with a name a line"
    )


def is_config(name: str, config: Config) -> bool:
    """Whether a text file tells of classes or splits, and is no image's label file."""
    return posixpath.basename(name) in NAME_FILES or name in config.lists


def _from_names(folder: Folder, name: str) -> Config:
    """The list of names, and the lists of splits beside it."""
    base = posixpath.dirname(name)
    known = {*folder.images, *folder.others}
    places: dict[str, set[Split]] = defaultdict(set)
    missing: list[Dropped] = []
    lists = {
        place: split
        for file, split in _LISTS.items()
        if (place := posixpath.join(base, file)) in folder.others
    }
    for place, split in lists.items():
        missing += _read_list(folder, known, place, split, places)
    names = dict(enumerate(text for _, text in _lines(folder.others[name])))
    where = ", ".join(lists) or name
    return Config(where, names, places, tuple(missing), lists=frozenset(lists))


def _read_list(
    folder: Folder,
    known: Collection[str],
    place: str,
    split: Split,
    places: dict[str, set[Split]],
) -> Iterator[Dropped]:
    """Put the images that a text file lists in a split; what is listed and not there."""
    for line, image in _lines(folder.others[place]):
        found = _find(known, posixpath.dirname(place), image)
        if found is not None and found in folder.images:
            places[found].add(split)
        else:
            yield Dropped(f"{place}, line {line}", "listed images that are missing")


def _load(path: Path) -> dict[str, Any] | None:
    """A file that names classes, with every scalar as text, so that a class may be called *no*."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path}: it cannot be read ({error.strerror})") from error
    if not re.search(rb"^names\s*:", data, re.MULTILINE):
        return None
    try:
        import yaml
    except ImportError as error:
        raise SourceError(
            f'{path}: YAML needs PyYAML: pip install "fractura[data]", or put the names of the '
            "classes in classes.txt"
        ) from error
    try:
        content = yaml.load(data, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        raise SourceError(f"{path}{where}: this is not well-formed YAML") from error
    return content if isinstance(content, dict) else None


def _from_yaml(folder: Folder, name: str, content: Mapping[str, Any]) -> Config:
    known = {*folder.images, *folder.others}
    known |= {place for image in folder.images for place in _above(image)}
    base, root = posixpath.dirname(name), content.get("path")
    places: dict[str, set[Split]] = defaultdict(set)
    missing: list[Dropped] = []
    lists: set[str] = set()
    for key, split in _SPLIT_KEYS.items():
        entries = content.get(key) or []
        for entry in entries if isinstance(entries, list) else [entries]:
            parts = [part for part in (root, entry) if isinstance(part, str)]
            place = _find(known, base, "/".join(parts)) if isinstance(entry, str) else None
            if place is None:
                missing.append(Dropped(f"{name}, {key}: {entry}", "named folders that are missing"))
            elif place not in folder.others:
                places[place].add(split)
            else:
                lists.add(place)
                missing += _read_list(folder, known, place, split, places)
    names = _names(folder.root / name, content["names"])
    key_points = bool(content.get("kpt_shape"))
    return Config(name, names, places, tuple(missing), key_points, frozenset(lists))


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield number, line.strip()


def _find(known: Collection[str], base: str, path: str) -> str | None:
    """A folder or file of the data set, by its path from the data set's folder.

    Exports of Roboflow say ``../train/images`` for what lies beside the file, and files that were
    moved name folders of another machine: leading parts are dropped until something is there.
    """
    parts = path.replace("\\", "/").split("/")
    for first in range(len(parts)):
        place = posixpath.normpath(posixpath.join(base, *parts[first:]))
        if place in known:
            return place
    return None


def _above(image: str) -> Iterator[str]:
    """The folders that an image lies in; ``"."`` is that of the data set."""
    return (str(place) for place in PurePosixPath(image).parents)


def _names(path: Path, names: Any) -> dict[int, str]:
    numbered = dict(enumerate(names)) if isinstance(names, list) else names
    try:
        found = {int(number): name.strip() for number, name in numbered.items()}
    except (AttributeError, ValueError) as error:
        raise SourceError(
            f"{path}: names must be a list of the classes' names, or give one for each number"
        ) from error
    if not found:
        raise SourceError(f"{path}: names is empty; list the names of the classes")
    return found
