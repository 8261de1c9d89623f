"""Read many files at once: in order, in parallel, at constant memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable
from typing import TypeVar

from fractura.errors import FracturaError
from fractura.findings import Failure, Reading
from fractura.imaging.radiograph import Radiograph
from fractura.parallel import map_in_order, processors
from fractura.reading.reader import Reader, load_and_read

Item = TypeVar("Item")
Result = TypeVar("Result")


def read_files(
    reader: Reader,
    paths: Iterable[str | os.PathLike[str]],
    *,
    workers: int | None = None,
    frame: int | None = None,
    all_findings: bool = False,
    heatmap: bool = False,
    finish: Callable[[Radiograph, Reading], Reading] | None = None,
    debug: bool = False,
) -> Generator[Reading | Failure, None, None]:
    """Read files in the order given, decoding some while the network reads others.

    At most :data:`IN_FLIGHT` files a worker are read ahead of the one that is handed out. A file
    that cannot be read gives a :class:`Failure`, and the others go on.

    Args:
        reader: opened with ``threads=1`` where several workers share it.
        paths: may be an endless stream; it is advanced in the caller's thread.
        workers: threads that each load and read one file at a time; by default one a processor.
        frame, all_findings, heatmap: as in :meth:`Reader.read_file`.
        finish: called with each radiograph and its reading in the worker's thread, to draw or
            save; what it returns is handed out. It should drop the heatmap if that is not needed
            any more. What it raises counts as the file's failure.
        debug: raise errors that are no :class:`FracturaError` (faults of the program).
    """

    def read(path: str | os.PathLike[str]) -> Reading | Failure:
        try:
            radiograph, reading = load_and_read(
                reader, path, frame=frame, all_findings=all_findings, heatmap=heatmap
            )
            return finish(radiograph, reading) if finish else reading
        except Exception as error:
            return failure(path, error, debug=debug)

    return map_in_order(read, paths, workers or processors())


def failure(path: str | os.PathLike[str], error: Exception, *, debug: bool = False) -> Failure:
    """What to say of a file that raised ``error``.

    Raises:
        Exception: the error itself, where ``debug`` is set and it is no :class:`FracturaError`.
    """
    name = os.fspath(path)
    if isinstance(error, FracturaError):
        message = str(error)
        return Failure(
            name, type(error).__name__, message if name in message else f"{name}: {message}"
        )
    if debug:
        raise error
    if isinstance(error, MemoryError):
        sentence = "there is not enough memory for it; use fewer workers"
    else:
        sentence = f"{error} (a fault in fractura, please report it with the output of --debug)"
    return Failure(name, type(error).__name__, f"{name}: {sentence}")
