"""Data sets in Pascal VOC's layout: one XML file an image."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree
from xml.parsers import expat

from fractura.datasets.record import Dropped, Record, Remark, Split
from fractura.datasets.sources.classes import (
    Meaning,
    annotate,
    find_meanings,
    image_fields,
    summary,
)
from fractura.datasets.sources.folder import (
    Folder,
    Locator,
    one_split,
    read_folder,
    split_in,
    with_images,
)
from fractura.datasets.sources.marks import MarkError, check_pixels, to_upright, turned
from fractura.datasets.sources.source import Options, Source, SourceError
from fractura.datasets.sources.words import find_split
from fractura.findings import Box

_EDGES = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True)
class _Sheet:
    """What one XML file says: the image's name and size, and class and box of what is marked."""

    name: str
    image: str
    width: int | None
    height: int | None
    marks: tuple[tuple[str, Box], ...]
    wrong: tuple[str, ...]
    notes: tuple[str, ...] = ()


def read(root: Path, options: Options) -> Iterator[Record | Dropped | Remark]:
    """One record an image of the layout of Everingham et al. 2010 (doi 10.1007/s11263-009-0275-4).

    Images and XML files may lie in any folders; they find each other by their own names, else by
    the name in the XML file. An image of which several speak has no marks, unless one has its
    name. The splits are those of ``ImageSets/Main/*.txt``, else of the folders' names.
    Coordinates are taken as they stand, as edges in pixels. An image with an XML file without
    objects shows no fracture; one without an XML file is ``unknown``.

    Raises:
        SourceError: there is no image or no XML file, or a class must be explained with
            ``--labels``.
    """
    folder = with_images(read_folder(root, SOURCE))
    yield from folder.lost
    sheets: dict[str, _Sheet] = {}
    locate = Locator(folder.images)
    names = [name for name in folder.others if name.lower().endswith(".xml")]
    if not names:
        raise SOURCE.missing(f"{root}: every XML file")
    by_own_name: set[str] = set()
    owned = {name: locate.by_stem(PurePosixPath(name).stem, name) for name in names}
    for name in sorted(names, key=lambda name: owned[name] is None):
        sheet, own = _read_sheet(folder.others[name], name), owned[name]
        if isinstance(sheet, Dropped):
            yield sheet
            continue
        named = locate.by_name(sheet.image, name) if sheet.image else None
        image = own or named
        if image is None:
            yield Dropped(name, "XML files without an image")
        elif own and named and own != named:
            yield Dropped(name, "XML files that name another image than their own name does")
        elif image in sheets:
            known = sheets[image]
            marks = known.marks if image in by_own_name and not own else ()
            wrong = (*known.wrong, f"{name} speaks of this image, too")
            sheets[image] = replace(known, marks=marks, wrong=wrong)
            yield Dropped(name, "XML files of an image that has another")
        else:
            if own:
                by_own_name.add(own)
            if sheet.image and PurePosixPath(sheet.image).stem != PurePosixPath(name).stem:
                there = "" if named else ", which is not there"
                sheet = replace(sheet, notes=(f"{name} calls its image {sheet.image}{there}",))
            sheets[image] = sheet
    classes = Counter(name for sheet in sheets.values() for name, _ in sheet.marks)
    meanings = find_meanings(str(root), sorted(classes), options.labels)
    yield from summary(classes, meanings)
    listed, missing = _read_image_sets(folder, locate)
    yield from missing
    for image, path in folder.images.items():
        split, notes = one_split(listed.get(image, ()), "ImageSets")
        if split is None and not notes:
            split, notes = split_in(image)
        content, more = _content(sheets.get(image), path, meanings)
        yield Record(
            id=f"{options.name}/{image}",
            path=path,
            source=options.name,
            licence=options.licence,
            official_split=split,
            notes=(*notes, *more),
            **content,
        )


def _content(
    sheet: _Sheet | None, path: Path, meanings: Mapping[str, Meaning]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    if sheet is None:
        return {"label": "unknown"}, ("there is no XML file",)
    marked = [name for name, _ in sheet.marks]
    content, notes = image_fields(marked, meanings, complete=not sheet.wrong)
    content |= {"width": sheet.width, "height": sheet.height}
    wrong: tuple[str, ...] = ()
    try:
        for _, box in sheet.marks:
            check_pixels(box)
        boxes = to_upright([box for _, box in sheet.marks], path, (sheet.width, sheet.height))
    except MarkError as error:
        boxes, wrong = [], (f"the marks are left out: {error}",)
    content["annotations"] = tuple(
        annotate(name, meanings[name], box)
        for name, box in zip(marked[: len(boxes)], boxes, strict=True)
    )
    return content, (*notes, *sheet.notes, *sheet.wrong, *wrong)


def _read_sheet(path: Path, name: str) -> _Sheet | Dropped:
    try:
        data = path.read_bytes()
        _refuse_doctype(data)
        tree = ElementTree.fromstring(data)
    except (OSError, ElementTree.ParseError, expat.ExpatError, SourceError, ValueError):
        return Dropped(name, "XML files that cannot be read")
    if tree.tag != "annotation":
        return Dropped(name, "XML files that are no annotations")
    marks, wrong = [], []
    for number, element in enumerate(tree.iter("object"), 1):
        label = (element.findtext("name") or "").strip()
        try:
            edges = [float(element.findtext(f"bndbox/{edge}") or "") for edge in _EDGES]
        except ValueError:
            edges = []
        if not label or len(edges) != 4 or not all(abs(edge) < 1e6 for edge in edges):
            wrong.append(f"{name}, object {number} is not understood and left out")
        elif edges[0] > edges[2] or edges[1] > edges[3]:
            wrong.append(f"{name}, object {number} has its edges the wrong way round; left out")
        else:
            marks.append((label, turned(Box(*edges), _rotation(element))))
    image = (tree.findtext("filename") or "").strip()
    width, height = (_side(tree.findtext(f"size/{side}") or "") for side in ("width", "height"))
    return _Sheet(name, image, width, height, tuple(marks), tuple(wrong))


def _rotation(element: ElementTree.Element) -> float:
    """Degrees of CVAT's attribute ``rotation``; 0 without it."""
    for attribute in element.iter("attribute"):
        if (attribute.findtext("name") or "").strip() == "rotation":
            try:
                return float(attribute.findtext("value") or 0)
            except ValueError:
                return 0.0
    return 0.0


def _side(text: str) -> int | None:
    """A side of the image in pixels; many exporters write 0 where they do not know it."""
    return int(text) or None if text.isdecimal() else None


def _refuse_doctype(data: bytes) -> None:
    """Annotations need no document type, and entities are the way to attack a parser."""

    def refuse(*_: object) -> None:
        raise SourceError("the XML file declares a document type")

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.Parse(data, True)


def _read_image_sets(
    folder: Folder, locate: Locator
) -> tuple[dict[str, set[Split]], list[Dropped]]:
    """The splits of each image by ``ImageSets/Main``; lists of single classes are passed over."""
    splits: dict[str, set[Split]] = defaultdict(set)
    missing = []
    for name, path in folder.others.items():
        place = PurePosixPath(name)
        split = find_split(place.stem)
        if place.suffix != ".txt" or split is None or "ImageSets" not in place.parts:
            continue
        text = path.read_text(encoding="utf-8-sig", errors="replace")
        for number, line in enumerate(text.splitlines(), 1):
            listed = line.strip()
            image = locate.by_stem(listed, name) or locate.by_name(listed, name)
            if image is not None:
                splits[image].add(split)
            elif listed:
                missing.append(Dropped(f"{name}, line {number}", "listed images that are missing"))
    return splits, missing


SOURCE = Source(
    name="voc",
    title="Pascal VOC: one XML file an image (Everingham et al. 2010)",
    address="",
    licence=None,
    size="",
    layout="XML files (Annotations/), images (JPEGImages/ or images/); ImageSets/Main/ if there",
    read=read,
)
