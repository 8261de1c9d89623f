"""What ``import fractura`` offers besides types: one function for each thing a person wants done.

Every function imports what it needs when it is called, so that reading a radiograph needs neither
PyTorch nor the libraries of other extras.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fractura.datasets.audit.result import Audit
    from fractura.datasets.manifest import Manifest
    from fractura.datasets.record import Label
    from fractura.evaluation.scorecard import Scorecard
    from fractura.findings import Failure, Reading
    from fractura.imaging.radiograph import Radiograph
    from fractura.reading.reader import Reader
    from fractura.training.recipe import Recipe
    from fractura.training.run_folder import Run

    Image = str | Path | bytes | NDArray[np.generic] | Radiograph

DEFAULT_MODEL = "fractura-s"


def list_models() -> list[str]:
    """Names of the models inside the package, for :class:`fractura.Reader`."""
    from fractura.reading.model import shipped_models

    return shipped_models()


def load_model(model: str | Path = DEFAULT_MODEL, *, threads: int | None = None) -> Reader:
    """Open a model that reads radiographs.

    Args:
        model: a name from :func:`list_models`, or the path of an exported file.
        threads: processor threads that share one reading; the runtime's own choice if left out.

    Raises:
        ModelError: there is no such model, or the file was not exported by fractura.
    """
    from fractura.reading.reader import Reader

    return Reader(model, threads=threads)


def from_array(
    pixels: NDArray[np.generic], *, spacing_mm: tuple[float, float] | None = None
) -> Radiograph:
    """A radiograph of pixels that are in memory already.

    Args:
        pixels: ``[height, width]``, bone bright. Unsigned integers are divided by the largest value
            of their type; floating-point values must lie in 0..1.
        spacing_mm: millimetres between neighbouring pixels ``(row, column)``, where known.

    Raises:
        LoadError: the array has another number of axes, no pixels, another type, or values that
            are not finite or outside 0..1.
    """
    import numpy as np

    from fractura.errors import LoadError
    from fractura.imaging.radiograph import Radiograph

    if pixels.ndim != 2 or 0 in pixels.shape:
        raise LoadError(
            f"an array of shape {pixels.shape} is no grey image; give height and width above 0"
        )
    if np.issubdtype(pixels.dtype, np.unsignedinteger):
        levels = 2 ** (8 * pixels.dtype.itemsize) - 1
        values = (pixels.astype(np.float64) / levels).astype(np.float32)
    elif np.issubdtype(pixels.dtype, np.floating):
        values = pixels.astype(np.float32)
    else:
        raise LoadError(f"an array of {pixels.dtype} is no image; give unsigned integers or floats")
    if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
        raise LoadError("the array has values that are not finite or outside 0..1; scale it first")
    digest = sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()
    bits = 8 * pixels.dtype.itemsize
    return Radiograph(values, digest, spacing_mm=spacing_mm, bits=bits)


def read(
    image: Image,
    model: Reader | str | Path = DEFAULT_MODEL,
    *,
    frame: int | None = None,
    all_findings: bool = False,
    heatmap: bool = False,
) -> Reading:
    """Read one radiograph.

    Who reads several opens the model once, with :func:`load_model`, and hands it over.

    >>> import fractura
    >>> fractura.read("wrist.png").decision  # doctest: +SKIP
    'fracture'

    Args:
        image: the path of a file, its bytes, an array as in :func:`from_array`, or a radiograph.
        model: an open model, a name from :func:`list_models`, or the path of an exported file.
        frame: which frame of a file with several, counted from 1.
        all_findings: list every box down to a score of 0.001, whatever the decision.
        heatmap: add the map of where the model sees evidence, if it can make one.

    Raises:
        LoadError: the image is not a readable radiograph.
        ModelError: the model cannot be opened.
    """
    from fractura.imaging.load import load
    from fractura.imaging.radiograph import Radiograph
    from fractura.reading.reader import Reader

    reader = model if isinstance(model, Reader) else Reader(model)
    if isinstance(image, str | Path):
        radiograph = load(image, frame=frame)
    elif isinstance(image, bytes):
        return reader.read_bytes(image, frame=frame, all_findings=all_findings, heatmap=heatmap)
    else:
        radiograph = image if isinstance(image, Radiograph) else from_array(image)
    return reader.read(radiograph, all_findings=all_findings, heatmap=heatmap)


def read_many(
    paths: Iterable[str | Path],
    model: str | Path = DEFAULT_MODEL,
    *,
    workers: int | None = None,
    all_findings: bool = False,
) -> Iterator[Reading | Failure]:
    """Read files in the order given, several at a time.

    Args:
        paths: of files; may be an endless stream. For folders see :func:`find_radiographs`.
        model: a name from :func:`list_models`, or the path of an exported file.
        workers: files that are read at a time; by default one a processor.
        all_findings: as in :func:`read`.

    Yields:
        A reading for each file, or a failure that says why it could not be read.

    Raises:
        ModelError: the model cannot be opened.
    """
    from fractura.batch.read_files import read_files
    from fractura.reading.reader import Reader

    reader = Reader(model, threads=1)
    return read_files(reader, paths, workers=workers, all_findings=all_findings)


def find_radiographs(folder: str | Path) -> Iterator[str]:
    """Paths of the files below a folder that may be radiographs, in the order of their names.

    Hidden files, DICOMDIR and pictures that fractura drew are passed over.

    Args:
        folder: searched to any depth.

    Raises:
        LoadError: a folder cannot be listed.
    """
    from fractura.errors import LoadError
    from fractura.findings import Failure
    from fractura.imaging.files import image_files

    for item in image_files(str(folder)):
        if isinstance(item, Failure):
            raise LoadError(item.message)
        yield item


def build_manifest(
    source: str,
    folder: str | Path,
    out: str | Path,
    *,
    name: str | None = None,
    licence: str | None = None,
    columns: Mapping[str, str] | None = None,
    labels: Mapping[str, Label] | None = None,
) -> Manifest:
    """Read a data set into a manifest: a table with one record for each radiograph.

    Args:
        source: the kind of data set, a name from :func:`list_sources`.
        folder: that holds it.
        out: the manifest, a file ending in ``.parquet`` or ``.csv``; what was left out, and why, is
            written beside it.
        name: of the data set, which begins its records' ids; the source's own if left out.
        licence: of the images, if the source does not know it.
        columns: our field for each column of a table that has another name.
        labels: our label for each word of the source (folder names, class names, values).

    Raises:
        SourceError: there is no such source, or the folder is not what it needs.
        ManifestError: not one record is left, or ``out`` has another ending.
        SaveError: a file cannot be written.
    """
    from fractura.datasets.build import Request, build
    from fractura.datasets.sources import SOURCES
    from fractura.datasets.sources.source import Options, SourceError

    if source not in SOURCES:
        raise SourceError(f"there is no source {source!r}; there are {', '.join(SOURCES)}")
    options = Options(name or source, licence, columns or {}, labels or {})
    return build([Request(SOURCES[source], Path(folder), options)], Path(out))


def list_sources() -> list[str]:
    """Names of the kinds of data sets that :func:`build_manifest` reads."""
    from fractura.datasets.sources import SOURCES

    return list(SOURCES)


def read_manifest(path: str | Path) -> Manifest:
    """Read a manifest that :func:`build_manifest` or :func:`split_manifest` wrote.

    Args:
        path: of the manifest.

    Raises:
        ManifestError: the file cannot be read, or is no manifest.
    """
    from fractura.datasets.storage import read_manifest as read_table

    return read_table(Path(path))


def audit_manifest(manifest: str | Path, out: str | Path) -> Audit:
    """Look for copies, leaks, contradictory labels, broken files and shortcuts.

    Args:
        manifest: the path of a manifest.
        out: folder for ``audit.html``, ``audit.json``, ``problems.csv``, ``pairs.csv`` and
            ``groups.csv``.

    Raises:
        ManifestError: the manifest cannot be read or is empty.
        SaveError: ``out`` cannot be written.
        InUseError: another audit uses ``out``.
    """
    from fractura.datasets.audit.run import audit

    path = Path(manifest)
    return audit(read_manifest(path), path, Path(out), lambda items, total, name: items)


def split_manifest(
    manifest: str | Path,
    out: str | Path,
    *,
    ratios: Sequence[float] = (0.7, 0.15, 0.15),
    official: bool = False,
    folds: int | None = None,
    groups: str | Path | None = None,
    seed: int = 0,
) -> Manifest:
    """Share records out to training, validation and test, and never tear a group apart.

    Args:
        manifest: the path of a manifest.
        out: the split manifest, a file ending in ``.parquet`` or ``.csv``.
        ratios: shares of training, validation and, unless it is left out, test; more than 0.
        official: take the sources' own splits, without what they leak, instead of ``ratios``.
        folds: number training from fold 0 to ``folds - 1``.
        groups: ``groups.csv`` of an audit: what must stay together, too.
        seed: another seed, another split.

    Raises:
        SplitError: a source has no split of its own, or a label has too few groups.
        ManifestError: the manifest cannot be read.
        SaveError: ``out`` cannot be written.
    """
    from fractura.datasets.grouping import read_groups, with_groups
    from fractura.datasets.manifest import Manifest
    from fractura.datasets.record import SPLITS
    from fractura.datasets.split import split_by_ratios, split_in_folds, split_officially
    from fractura.datasets.storage import write_manifest

    table = read_manifest(manifest)
    records = with_groups(table.records, read_groups(Path(groups)) if groups else {})
    if official:
        records = split_officially(records)
    else:
        records = split_by_ratios(records, dict(zip(SPLITS, ratios, strict=False)), seed)
    if folds is not None:
        records = split_in_folds(records, folds, seed)
    written = Manifest(records, table.intakes)
    write_manifest(Path(out), written)
    return written


def train(
    recipe: str | Path | Recipe,
    manifest: str | Path,
    out: str | Path,
    *,
    changes: Sequence[str] = (),
    resume: bool = False,
    workers: int = 1,
) -> Run:
    """Train a model and measure it on the validation split.

    Args:
        recipe: the name of a recipe or pipeline inside the package, the path of a YAML file, or a
            recipe.
        manifest: the path of a split manifest.
        out: the run folder: recipe, checkpoints, weights, plots, ``scorecard.json``.
        changes: fields of a named recipe to change, as in ``"trainer.epochs=3"``.
        resume: go on from the folder's last checkpoint, if there is one.
        workers: processes that prepare images.

    Raises:
        FracturaError: the recipe, the manifest or the folder does not allow it.
        ImportError: PyTorch is not installed (``pip install "fractura[train]"``).
    """
    from fractura.training.pipeline import StageRun, read_stages
    from fractura.training.run_stages import train_stages
    from fractura.training.score import score_validation
    from fractura.training.trainer import Machine

    if isinstance(recipe, str | Path):
        stages = read_stages(str(recipe), Path(out), changes)
    else:
        stages = [StageRun(recipe, Path(out))]
    machine = Machine(workers=workers)
    finished = train_stages(stages, Path(manifest), machine=machine, resume=resume)
    score_validation(finished, Path(manifest))
    return finished


def evaluate(
    model: str | Path,
    manifest: str | Path,
    *,
    split: str = "test",
    out: str | Path | None = None,
    samples: int = 2000,
    seed: int = 0,
) -> Scorecard:
    """Measure a model, or the predictions of any other system, on one split of a manifest.

    Args:
        model: a shipped model's name, the path of an exported file, a run folder, or another
            system's predictions (readings, CSV, COCO results, a folder of YOLO text files).
        manifest: the path of a split manifest.
        split: that is measured.
        out: folder for ``scorecard.json``, predictions and pictures; ``None`` writes nothing, but
            for a run, whose own scorecard gets the split.
        samples: bootstrap samples of the 95 % intervals.
        seed: of everything drawn.

    Raises:
        LeakError: the model has seen some of the cases in training.
        FracturaError: the split is empty, or nothing of it can be measured.
    """
    from fractura.evaluation.evaluate import EvaluationSettings
    from fractura.evaluation.evaluate import evaluate as measure

    settings = EvaluationSettings(split=split, samples=samples, seed=seed)
    if (Path(model) / "run.json").is_file():
        from fractura.training.run_folder import read_run
        from fractura.training.score import score

        run = read_run(Path(model))
        return score(run, Path(manifest), settings, None if out is None else Path(out))
    return measure(str(model), Path(manifest), settings, None if out is None else Path(out))


def export(
    run: str | Path,
    out: str | Path,
    *,
    format: Literal["onnx", "fp16", "int8", "openvino"] = "onnx",
    accept_loss: bool = False,
) -> Path:
    """Write a trained run as one file, with preprocessing, calibration and thresholds inside.

    The file is run on the validation radiographs first; one that does not say what the network
    says is not written. A file whose boxes hit no fracture, or that lost accuracy which was
    accepted, is written with a ``UserWarning``, and says so in its provenance.

    Args:
        run: the run folder.
        out: the file: ``.onnx``, or ``.xml`` for OpenVINO.
        format: ``onnx`` in float32, ``fp16`` of half the size, ``int8``, or ``openvino``.
        accept_loss: write an ``fp16`` or ``int8`` file although it loses accuracy; the other
            formats lose none.

    Raises:
        AccuracyLossError: the file loses accuracy, and ``accept_loss`` is not set.
        FracturaError: the run cannot be read, or the file differs too much from the network.
        ImportError: PyTorch is not installed (``pip install "fractura[train]"``).
    """
    from fractura.training.export import LOSSY, WRITERS
    from fractura.training.export.examples import Validation
    from fractura.training.finish import UNCALIBRATED, describe_run
    from fractura.training.run_folder import load_network, read_run

    trained = read_run(Path(run))
    network, description = load_network(trained), describe_run(trained)
    accepted = {"accept_loss": accept_loss} if format in LOSSY else {}
    written = WRITERS[format](network, description, Path(out), Validation(trained), **accepted)
    for warning in filter(None, (description.provenance.get(UNCALIBRATED), written.loss)):
        warnings.warn(f"{written.path}: {warning}", stacklevel=2)
    return written.path
