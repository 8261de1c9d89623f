"""One decoding pass over every image of a manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from fractura.datasets.audit.cache import Cache, Pictures
from fractura.datasets.audit.examine import Examination, Picture, examine_bytes, read_file
from fractura.datasets.record import Record
from fractura.errors import LoadError
from fractura.parallel import map_in_order, processors
from fractura.progress import Progress


def examine_all(
    records: Sequence[Record], folder: Path, progress: Progress
) -> tuple[list[Examination], Pictures]:
    """Examine the records' files, each content once, and keep in ``folder`` what was found.

    Files whose bytes were examined by an earlier run are only read, not decoded.

    Returns:
        An examination and a picture (``None`` if unreadable) for each record, in their order.

    Raises:
        InUseError: another audit uses the folder.
        SaveError: the folder cannot be written.
    """
    examinations: list[Examination] = []
    with Cache(folder) as cache:

        def examine(record: Record) -> tuple[Examination, Picture | None]:
            try:
                data = read_file(record.path)
            except LoadError as error:
                return Examination(problem=str(error), sha256="", size=0), None
            held = cache.get(hashlib.sha256(data).hexdigest())
            return (held[0], None) if held else examine_bytes(data)

        with closing(map_in_order(examine, records, processors())) as found:
            for examination, picture in progress(found, len(records), "Decoding"):
                examinations.append(examination)
                if examination.sha256 and cache.get(examination.sha256) is None:
                    cache.add(examination, picture)
        return examinations, cache.pictures([item.sha256 for item in examinations])
