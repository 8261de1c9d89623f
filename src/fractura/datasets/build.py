"""Read data sets into one manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from fractura.atomic_write import make_folder
from fractura.datasets.journal import Journal, UnusableFileError
from fractura.datasets.manifest import Intake, Manifest, ManifestError, check_record
from fractura.datasets.record import Dropped, Record, Remark
from fractura.datasets.sources.source import Options, Source, SourceError
from fractura.datasets.storage import check_target, write_dropped, write_manifest
from fractura.parallel import map_in_order, processors
from fractura.progress import Progress

_UNUSABLE = ("missing", "empty", "not regular", "cannot be", "not valid", "damaged")
"""Words in the reasons for which files that a source lists cannot be used."""


@dataclass(frozen=True)
class Request:
    """A data set to read: its kind, its folder, and what a person has to say of it."""

    source: Source
    folder: Path
    options: Options


def build(
    requests: Sequence[Request],
    out: Path,
    *,
    progress: Progress = lambda items, total, name: items,
) -> Manifest:
    """Read data sets, examine every file they list, and write the manifest.

    What is learnt of the files is kept beside ``out`` in a ``.journal`` until the manifest is
    written, so that a killed build goes on where it was. What was left out, and why, is listed in
    ``.dropped.csv`` beside it.

    Args:
        requests: read in this order; names must differ.
        out: a file ending in ``.parquet`` or ``.csv``; its folder is made if need be.
        progress: called twice for each data set: for what it lists, and for its files.

    Raises:
        SourceError: a folder is not what its source needs, or two data sets have one name.
        ManifestError: ``out`` has another ending, or not one record is left.
        SaveError: a file cannot be written.
    """
    names = Counter(request.options.name for request in requests)
    for name, count in names.items():
        if count > 1:
            raise SourceError(
                f"{count} data sets have the name {name!r}; give each its own with --name"
            )
    check_target(out)
    make_folder(out.parent)
    records: list[Record] = []
    intakes: list[Intake] = []
    dropped: list[tuple[str, Dropped]] = []
    ids: set[str] = set()
    with Journal(out.with_name(out.name + ".journal")) as journal:
        for request in requests:
            source, name = request.source, request.options.name
            taken, remarks = _take_in(request, ids, journal, progress)
            kept = [item for item in taken if isinstance(item, Record)]
            lost = [item for item in taken if isinstance(item, Dropped)]
            records += kept
            dropped += [(name, item) for item in lost]
            reasons = Counter(item.reason for item in lost)
            licence = request.options.licence or source.licence
            intakes.append(
                Intake(
                    name,
                    source.name,
                    source.address,
                    licence,
                    read=len(taken),
                    kept=len(kept),
                    dropped=dict(reasons),
                    unknown=sum(record.label == "unknown" for record in kept),
                    remarks=remarks,
                )
            )
    write_dropped(dropped_path(out), dropped)
    if not records:
        raise ManifestError(
            f"no record is left to write, see {dropped_path(out)}: "
            + "; ".join(intake.sentence() for intake in intakes)
        )
    manifest = Manifest(tuple(records), tuple(intakes))
    write_manifest(out, manifest)
    journal.remove()
    return manifest


def dropped_path(out: Path) -> Path:
    """The table of what :func:`build` left out of the manifest ``out``, if it left anything."""
    return out.with_name(out.stem + ".dropped.csv")


def unusable(intake: Intake) -> int:
    """How many of the files that a source lists are missing, empty or cannot be read."""
    return sum(
        count
        for reason, count in intake.dropped.items()
        if any(word in reason for word in _UNUSABLE)
    )


def _take_in(
    request: Request, ids: set[str], journal: Journal, progress: Progress
) -> tuple[list[Record | Dropped], tuple[str, ...]]:
    name = request.options.name
    found = list(progress(_checked(request, ids), None, f"Listing {name}"))
    remarks = tuple(item.text for item in found if isinstance(item, Remark))
    listed = [item for item in found if not isinstance(item, Remark)]
    if not listed:
        raise SourceError(f"{request.folder}: there is nothing that {request.source.name} lists")
    complete = partial(_complete, request, journal)
    with closing(map_in_order(complete, listed, processors())) as taken:
        return list(progress(taken, len(listed), f"Reading {name}")), remarks


def _checked(request: Request, ids: set[str]) -> Iterator[Record | Dropped | Remark]:
    """What the source lists, without records that break the schema or whose id is in ``ids``."""
    for item in request.source.read(request.folder, request.options):
        if isinstance(item, Record):
            try:
                check_record(item)
            except ManifestError as error:
                yield Dropped(str(error), "records break the schema")
                continue
            if item.id in ids:
                yield Dropped(f"{item.path} with the id {item.id}", "ids occur again")
                continue
            ids.add(item.id)
        yield item


def _complete(request: Request, journal: Journal, item: Record | Dropped) -> Record | Dropped:
    """Add to a record what the bytes of its file say; of a file without any, drop it."""
    if isinstance(item, Dropped):
        return item
    try:
        facts = journal.facts(item.path)
    except UnusableFileError as error:
        return Dropped(error.what, error.reason)
    notes = list(item.notes)
    if item.sha256 not in (None, facts.sha256):
        notes.append(f"the source says that the file's SHA-256 is {item.sha256}")
    if facts.head is None:
        notes.append(f"the file's head cannot be read: {facts.problem}")
    else:
        stated, found = (item.width, item.height), (facts.head.width, facts.head.height)
        if None not in stated and stated != found:
            notes.append(
                f"the source says that the image has {stated[0]} x {stated[1]} pixels, "
                f"the file has {found[0]} x {found[1]}"
            )
        item = replace(item, **facts.head.fields())
    return replace(
        item,
        sha256=facts.sha256,
        licence=item.licence or request.options.licence or request.source.licence,
        split=item.split or item.official_split,
        notes=tuple(notes),
    )
