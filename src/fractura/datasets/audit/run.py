"""The audit: every check of a manifest, in one run."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

from fractura.datasets.audit import (
    agreement,
    contents,
    families,
    files,
    labels,
    leaks,
    marks,
    not_radiographs,
)
from fractura.datasets.audit import shortcuts as shortcut_models
from fractura.datasets.audit.duplicates import find_duplicates
from fractura.datasets.audit.gather import examine_all
from fractura.datasets.audit.grouping import alike, connect
from fractura.datasets.audit.identical import identical_files, identical_pixels
from fractura.datasets.audit.pictures import PICTURE_SIDE
from fractura.datasets.audit.result import Audit
from fractura.datasets.audit.write import write_audit, write_page, write_pairs
from fractura.datasets.manifest import Manifest, ManifestError
from fractura.datasets.record import Record
from fractura.errors import FracturaError, SaveError
from fractura.progress import Progress
from fractura.version import __version__

_MODULES = ("scipy", "faiss", "jinja2")
_LIBRARIES = ("numpy", "opencv-python-headless", "scipy", "scikit-learn", "faiss-cpu")


def audit(manifest: Manifest, path: Path, out: Path, progress: Progress) -> Audit:
    """Examine every image, put all questions, and write the answers to ``out``.

    An audit that was stopped goes on where it was: what was decoded is kept in ``out/cache``. The
    result does not depend on the order of the records.

    Args:
        manifest: what to audit.
        path: where it was read from, as the report shows it.
        out: folder for ``audit.json``, ``audit.html``, ``problems.csv``, ``pairs.csv``,
            ``groups.csv`` and ``cache/``; made if it is not there.
        progress: hands items on and shows how many of a total have gone by, under a name.

    Raises:
        ManifestError: the manifest has no records.
        SaveError: ``out`` cannot be written.
        InUseError: another audit uses ``out``.
        FracturaError: an optional library is missing.
    """
    _need_libraries()
    records = sorted(manifest.records, key=lambda record: record.id)
    if not records:
        raise ManifestError(f"{path}: the manifest has no records, so there is nothing to audit")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SaveError(f"{out}: could not be made ({error.strerror})") from error
    seconds: dict[str, float] = {}
    with _timed("decoding", seconds):
        found, pictures = examine_all(records, out / "cache", progress)
    with _timed("near_duplicates", seconds):
        by_name = families.find_families(records)
        pairs = find_duplicates(
            pictures, candidates=families.candidates(by_name), progress=progress
        )
    with _timed("duplicates_and_leaks", seconds):
        same_files = identical_files(records, found)
        same_pixels = identical_pixels(records, found)
        same = connect([*same_files, *same_pixels], len(records))
        near = connect([(pair.first, pair.second) for pair in pairs], len(records))
        copies = connect([*same, *near], len(records))
        groups = _groups(records, copies)
        checks = [
            contents.check(records),
            leaks.identical(records, same_files, same_pixels),
            leaks.near_duplicates(records, pairs, near, same),
            families.check(records, by_name, copies),
            leaks.patients(records),
            leaks.groups(records),
            labels.contradictions(records, copies),
            labels.remarks(records, manifest.intakes),
            files.check(records, found),
            marks.check(records, found),
            agreement.check(records, found, pairs, near),
        ]
    with _timed("foreign_images", seconds):
        checks.append(not_radiographs.check(records, found, pictures))
    with _timed("shortcuts", seconds):
        checks.append(shortcut_models.check(records, found, groups))
    result = Audit(
        manifest=path.as_posix(),
        content_hash=manifest.content_hash,
        records=len(records),
        checks=tuple(checks),
        groups=groups,
        settings=_settings(),
        seconds=seconds,
    )
    write_pairs(records, pairs, same, out)
    write_page(result, records, pictures, out)
    write_audit(result, out)
    return result


def _need_libraries() -> None:
    missing = [name for name in _MODULES if find_spec(name) is None]
    if missing:
        raise FracturaError(
            f'an audit needs {", ".join(missing)}, not installed here: pip install "fractura[data]"'
        )


def _groups(records: Sequence[Record], copies: Sequence[Sequence[int]]) -> dict[str, str]:
    """For each record that shares anything with another: the least id that it shares it with."""
    keys = (
        lambda position: _owned(records[position], records[position].patient),
        lambda position: _owned(records[position], records[position].study),
        lambda position: records[position].group,
    )
    shared = [group for key in keys for group in alike(records, key)]
    return {
        records[position].id: records[group[0]].id
        for group in connect([*copies, *shared], len(records))
        for position in group
    }


def _owned(record: Record, name: str | None) -> tuple[str, str] | None:
    return (record.source, name) if name else None


def _settings() -> dict[str, Any]:
    return {
        "fractura": __version__,
        "python": platform.python_version(),
        "libraries": {name: _version(name) for name in _LIBRARIES},
        "picture_side": PICTURE_SIDE,
        "large_box": marks.LARGE,
        "uneven_probability": files.UNEVEN,
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


@contextmanager
def _timed(stage: str, seconds: dict[str, float]) -> Iterator[None]:
    start = perf_counter()
    yield
    seconds[stage] = round(perf_counter() - start, 3)
