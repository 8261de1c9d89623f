"""Read files and write their results, those that are not there yet."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path

import cv2
import typer

from fractura.atomic_write import make_folder, write_whole
from fractura.batch.paths import find_inputs
from fractura.batch.read_files import failure
from fractura.cli.terminal import NOTICE, show, show_head, show_outcome
from fractura.dicom.results.common import import_highdicom, instance_uid, to_bytes
from fractura.dicom.results.make import MAKERS, read_image
from fractura.dicom.results.source import read_source
from fractura.errors import DamagedFileError, LoadError, TooLargeError, WrongUsageError
from fractura.findings import Failure, Reading
from fractura.imaging.limits import MAX_FILE_BYTES
from fractura.parallel import map_in_order, processors
from fractura.progress import with_progress
from fractura.reading.reader import Reader
from fractura.text import printable


@dataclass(frozen=True, slots=True)
class _Done:
    """How many objects were written for a file; without a reading, all were there already."""

    path: str
    written: int
    reading: Reading | None = None


def write_results(
    paths: Sequence[str],
    out: Path,
    kinds: Sequence[str],
    model: str,
    frame: int | None,
    *,
    debug: bool,
) -> None:
    """Read radiographs and write ``KIND_UID.dcm`` for each of them and each kind.

    Raises:
        WrongUsageError: there is nothing to read, or ``out`` holds files to read.
        ModelError, SaveError, FracturaError: nothing can be read or written at all.
        Exit: with status 1, after all others are done, where files were left out.
    """
    import_highdicom()
    inputs = find_inputs(paths)
    files = [item for item in inputs if isinstance(item, str)]
    if any(Path(item).resolve().is_relative_to(out.resolve()) for item in files):
        raise WrongUsageError(f"{out} holds files to read; choose another folder for the results")
    workers = min(processors(), len(files))
    if workers > 1:
        cv2.setNumThreads(1)
    reader = Reader(model, threads=1 if workers > 1 else None)
    make_folder(out)
    instances: dict[str, str] = {}
    work = partial(_work, reader, out, kinds, frame, instances, debug)
    outcomes: list[_Done | Failure] = []
    show_head()
    with (
        closing(map_in_order(work, inputs, workers)) as stream,
        closing(with_progress(stream, len(inputs), "Reading")) as shown,
    ):
        for outcome in shown:
            _show(outcome)
            outcomes.append(outcome)
    done = [outcome for outcome in outcomes if isinstance(outcome, _Done)]
    written = sum(outcome.written for outcome in done)
    there = len(kinds) * len(done) - written
    lost = len(outcomes) - len(done)
    show(
        f"\n{written:,} objects written to {printable(str(out))}, {there:,} were there already, "
        f"{lost:,} files left out."
    )
    show(NOTICE)
    if lost:
        raise typer.Exit(1)


def _show(outcome: _Done | Failure) -> None:
    if isinstance(outcome, Failure):
        show_outcome(outcome)
    elif outcome.reading is None:
        show(f"{'there already':<57}{printable(outcome.path)}")
    else:
        show_outcome(outcome.reading)


def _work(
    reader: Reader,
    out: Path,
    kinds: Sequence[str],
    frame: int | None,
    instances: dict[str, str],
    debug: bool,
    item: str | Failure,
) -> _Done | Failure:
    if isinstance(item, Failure):
        return item
    try:
        return _make(reader, out, kinds, frame, instances, item)
    except Exception as error:
        return failure(item, error, debug=debug)


def _make(
    reader: Reader,
    out: Path,
    kinds: Sequence[str],
    frame: int | None,
    instances: dict[str, str],
    path: str,
) -> _Done:
    data = _read(Path(path))
    source = read_source(data, name=path, frame=frame)
    digest = sha256(data).hexdigest()
    if instances.setdefault(str(source.attributes.SOPInstanceUID), digest) != digest:
        raise DamagedFileError(
            f"{path}: another file has its SOP Instance UID and other content; renumber it"
        )
    places = {
        kind: out / f"{kind}_{instance_uid(source, reader.description, kind)}.dcm" for kind in kinds
    }
    missing = {kind: place for kind, place in places.items() if not place.exists()}
    if not missing:
        return _Done(path, 0)
    image = read_image(reader, data, source, name=path, made=datetime.now(UTC))
    for kind, place in missing.items():
        write_whole(place, to_bytes(MAKERS[kind](image)))
    return _Done(path, len(missing), image.reading)


def _read(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise LoadError(f"{path}: it is not a regular file")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise TooLargeError(
                f"{path}: it is larger than the {MAX_FILE_BYTES:,} bytes that are read"
            )
        return path.read_bytes()
    except OSError as error:
        raise LoadError(f"{path}: cannot be opened ({error.strerror})") from error
