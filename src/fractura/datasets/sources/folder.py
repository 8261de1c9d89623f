"""What the folder of a data set holds, and how its files refer to each other."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path, PurePosixPath

from fractura.datasets.head import Head, read_head
from fractura.datasets.record import Dropped, Split
from fractura.datasets.sources.source import Source, SourceError
from fractura.datasets.sources.words import find_split, splits_named
from fractura.errors import LoadError
from fractura.findings import Failure
from fractura.imaging.files import may_be_radiograph, visible_files

_HEAD_BYTES = 1 << 16
_NO_PLACE = re.compile(
    "image|img|jpe?g|png|picture|photo|radiograph|x.?ray|ann|label|mark|xml|json|voc|coco|mask|box"
    "|data|result|default|raw|main|layout|segmentation"
)
"""Words in the names of folders that say what kind of file lies there, not of which pictures."""


@dataclass(frozen=True)
class Folder:
    """The files below a folder by their POSIX path from it, in the order of these paths.

    Attributes:
        root: the folder.
        images: files that may be radiographs.
        others: all other files that are not hidden.
        lost: folders that cannot be listed, and names that are no text.
    """

    root: Path
    images: Mapping[str, Path]
    others: Mapping[str, Path]
    lost: tuple[Dropped, ...]


def read_folder(root: Path, source: Source) -> Folder:
    """List a data set's folder.

    Raises:
        SourceError: it is no folder.
    """
    if not root.is_dir():
        raise source.missing(f"the folder {root}")
    found: dict[str, Path] = {}
    lost = []
    for item in visible_files(str(root)):
        path = Path(item.path if isinstance(item, Failure) else item)
        name = path.relative_to(root).as_posix()
        if isinstance(item, Failure):
            lost.append(Dropped(name, "folders that cannot be listed"))
        elif _is_text(name):
            found[name] = path
        else:
            shown = name.encode(errors="backslashreplace").decode()
            lost.append(Dropped(shown, "files whose names are not valid UTF-8"))
    images = {name: found[name] for name in sorted(found) if may_be_radiograph(str(found[name]))}
    others = {name: found[name] for name in sorted(found) if name not in images}
    return Folder(root, images, others, tuple(lost))


def with_images(folder: Folder) -> Folder:
    """The folder itself.

    Raises:
        SourceError: it holds no image.
    """
    if not folder.images:
        raise SourceError(f"{folder.root}: there is no image in this folder; is it the right one?")
    return folder


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def head_of(path: Path) -> Head | None:
    """Size, depth and format of an image, ``None`` where its head cannot be read."""
    try:
        with path.open("rb") as file:
            start = file.read(_HEAD_BYTES)
            try:
                return read_head(start)
            except LoadError:
                return read_head(start + file.read())
    except (LoadError, OSError):
        return None


def split_in(path: str) -> tuple[Split | None, tuple[str, ...]]:
    """The split that the folders of a path are named for, and a note where there are two."""
    found = {find_split(part) for part in PurePosixPath(path).parts[:-1]}
    return one_split((split for split in found if split), "the path")


def one_split(splits: Iterable[Split], where: str) -> tuple[Split | None, tuple[str, ...]]:
    """The only split there is, and a note where there are several."""
    found = sorted(set(splits))
    if len(found) > 1:
        return None, (f"{where} puts the image in several splits: {', '.join(found)}",)
    return (found[0] if found else None), ()


class Locator:
    """Finds the image that an annotation file speaks of by its name."""

    def __init__(self, images: Iterable[str]) -> None:
        self._named: dict[str, list[str]] = defaultdict(list)
        self._stems: dict[str, list[str]] = defaultdict(list)
        for image in images:
            path = PurePosixPath(_composed(image))
            self._named[path.name].append(image)
            self._stems[path.stem].append(image)

    def by_name(self, name: str, near: str) -> str | None:
        """The image with this name or path, or ``None``.

        Among several images of one name, it is the one whose path has the longest end in common
        with the given one; then the one nearest to ``near``; then the one in the same split. An
        image in another folder than the name says, in another split than the annotation file's or,
        for a bare name, in a folder that is not the annotation file's, is another image.

        Args:
            name: as annotation files have it: a name, a path, one of another machine.
            near: POSIX path of the annotation file.
        """
        path = PurePosixPath(_composed(name.replace("\\", "/")))
        found = [
            image
            for image in self._named.get(path.name, [])
            if _same_folders(_composed(image), path)
            and _same_split(image, near)
            and (len(path.parts) > 1 or _same_place(image, near))
        ]
        return _nearest(_most(found, lambda image: _shared_end(_composed(image), path)), near)

    def by_stem(self, stem: str, near: str) -> str | None:
        """As :meth:`by_name` for a name without its suffix."""
        found = [
            image
            for image in self._stems.get(_composed(stem), [])
            if _same_split(image, near) and _same_place(image, near)
        ]
        return _nearest(found, near)


def _composed(name: str) -> str:
    """Unicode's composed form: macOS writes accents in file names apart from their letters."""
    return unicodedata.normalize("NFC", name)


def _same_folders(image: str, path: PurePosixPath) -> bool:
    """Whether one of two paths ends in the other; paths of another machine may differ."""
    absolute = path.is_absolute() or re.match("[A-Za-z]:", path.parts[0]) is not None
    if absolute or len(path.parts) == 1:
        return True
    shared = _shared_end(image, path)
    return shared in (len(path.parts), len(PurePosixPath(image).parts))


def _same_split(image: str, near: str) -> bool:
    """Whether an image may belong to an annotation file, by the splits that both are named for."""
    own, theirs = splits_named(posixpath.dirname(image)), splits_named(near)
    return not own or not theirs or bool(own & theirs)


def _same_place(image: str, near: str) -> bool:
    """Whether the folders of an image and of an annotation file may be one patient's or ward's.

    ``images/p1`` and ``labels/p1`` may, and so may ``images/p1`` and ``labels``; ``p1`` and ``p2``
    may not, even where only one of them has an image of the name.
    """
    own, theirs = _places(image), _places(near)
    return own <= theirs or theirs <= own


def _places(path: str) -> set[str]:
    folders = PurePosixPath(_composed(path)).parts[:-1]
    words = {folder.casefold() for folder in folders}
    return {word for word in words if not _NO_PLACE.search(word) and not splits_named(word)}


def _nearest(found: list[str], near: str) -> str | None:
    found = _most(found, lambda image: _shared_depth(image, near))
    if len(found) > 1:
        splits = splits_named(near)
        found = [image for image in found if splits & splits_named(posixpath.dirname(image))]
    return found[0] if len(found) == 1 else None


def _most(found: list[str], shared: Callable[[str], int]) -> list[str]:
    """Those that share the most."""
    if len(found) < 2:
        return found
    counts = [shared(image) for image in found]
    most = max(counts)
    return [image for image, count in zip(found, counts, strict=True) if count == most]


def _shared_end(first: str, second: PurePosixPath) -> int:
    """How many parts two paths have in common, from the end."""
    pairs = zip(reversed(PurePosixPath(first).parts), reversed(second.parts), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _shared_depth(first: str, second: str) -> int:
    """How many folders two relative paths have in common, from the top and from the end."""
    own, theirs = (PurePosixPath(path).parts[:-1] for path in (first, second))
    pairs = (zip(own, theirs, strict=False), zip(own[::-1], theirs[::-1], strict=False))
    return sum(sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], one)) for one in pairs)
