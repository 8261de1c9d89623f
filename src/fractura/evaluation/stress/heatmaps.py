"""Whether a heatmap points at what is marked, and whether it comes from what was learnt."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from fractura.errors import ModelError
from fractura.evaluation.cases import Boxes, Cases
from fractura.evaluation.interval import estimate
from fractura.evaluation.stress.reread import over, reread
from fractura.findings import Reading
from fractura.imaging.radiograph import Radiograph
from fractura.progress import Progress
from fractura.reading.model import ModelDescription, model_path
from fractura.reading.reader import Reader
from fractura.reading.runtime import METADATA_KEY

Floats = NDArray[np.float64]

TOLERANCE = 0.03
"""How far outside a box, as a share of the longer side, still counts as pointing at it."""
_CORRELATED_SIDE = 64
_LAYERS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_NAMES = (
    *("pointing_game", "energy_in_box", "chance_pointing", "chance_energy", "found_by_best_box"),
    *("correlation", "randomised_pointing", "randomised_energy"),
)


class Reads(Protocol):
    """A :class:`fractura.reading.reader.Reader`, or what stands for one."""

    def read(
        self, radiograph: Radiograph, *, all_findings: bool = False, heatmap: bool = False
    ) -> Reading: ...


@dataclass(frozen=True)
class _Pointed:
    """One radiograph; ``nan`` where something is undefined."""

    pointing_game: float
    energy_in_box: float
    chance_pointing: float
    chance_energy: float
    found_by_best_box: float
    correlation: float
    randomised_pointing: float
    randomised_energy: float
    boxes: int


def heatmaps(
    cases: Cases,
    reader: Reads,
    model: str | Path | None,
    *,
    limit: int | None = None,
    workers: int = 1,
    samples: int = 2000,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Score the heatmaps of the radiographs that have true boxes.

    - ``pointing_game``: share of radiographs whose warmest pixel is in a true box, or within
      :data:`TOLERANCE` of one (Zhang et al. 2016, arXiv 1608.00507, whose 15 pixels are 3 % of
      their images of 500). Of several warmest pixels, the share that is.
    - ``energy_in_box``: mean share of the map's sum that lies in true boxes (Wang et al. 2020,
      arXiv 1910.01279).
    - ``chance_pointing``, ``chance_energy``: what a pixel drawn at random, and an even map, get.
    - ``found_by_best_box``: the pointing game of the middle of the best box; 0 without a box.
    - ``randomised``: ``correlation`` is Spearman's of the map with that of a network with shuffled
      weights; a map that explains what was learnt has little (Adebayo et al. 2018,
      arXiv 1810.03292). The others are that network's.

    Args:
        cases: single images; their files are loaded here, one at a time for each worker.
        reader: of the model.
        model: its name or file, whose copy is shuffled; ``None`` leaves that test out.
        limit: radiographs with boxes at most.
        workers: threads.
        samples: bootstrap samples.
        seed: of the choice of radiographs and the bootstrap.
        progress: see :data:`fractura.progress.Progress`.

    Returns:
        ``{"radiographs", "boxes", "figures", "randomised", "notes"}``.

    Raises:
        FracturaError: cases are not single images.
    """
    randomised, notes = _randomised(model, seed)
    marked = np.unique(cases.truths.case) if cases.truths is not None else np.empty(0, np.int64)

    def work(radiograph: Radiograph, truths: Boxes | None) -> _Pointed | None:
        reading = reader.read(radiograph, all_findings=True, heatmap=True)
        if reading.heatmap is None or truths is None:
            return None
        other = None if randomised is None else randomised.read(radiograph, heatmap=True).heatmap
        return _pointed(reading, reading.heatmap, other, truths.corners)

    done = reread(
        cases.of(marked),
        "heatmaps",
        work,
        limit=limit,
        workers=workers,
        seed=seed,
        progress=progress,
    )
    shown = np.array([one is not None for one in done.results], dtype=bool)
    pointed = [one for one in done.results if one is not None]
    clusters = done.cases.clusters[shown]
    notes += done.notes
    if not len(marked):
        notes.append("No radiograph has a true box, so heatmaps cannot be scored.")
    elif not pointed:
        notes.append("The model gives no heatmap.")
    elif not shown.all():
        silent = int((~shown).sum())
        notes.append(f"{silent} radiographs are not evaluated and have no heatmap.")
    columns = {
        name: np.array([getattr(one, name) for one in pointed], dtype=np.float64) for name in _NAMES
    }
    defined = {name: ~np.isnan(values) for name, values in columns.items()}
    constant = int((~defined["correlation"]).sum())
    if randomised is not None and constant:
        notes.append(f"{constant} maps are even, so they have no correlation.")

    def measure(counts: Floats) -> dict[str, Floats]:
        return {
            name: over(counts, np.nan_to_num(values), defined[name])
            for name, values in columns.items()
        }

    figures = estimate(
        measure, clusters, samples, seed, {name: int(some.sum()) for name, some in defined.items()}
    )
    return {
        "radiographs": len(pointed),
        "boxes": sum(one.boxes for one in pointed),
        "figures": {name: figures[name] for name in _NAMES[:5]},
        "randomised": {
            "correlation": figures["correlation"],
            "pointing_game": figures["randomised_pointing"],
            "energy_in_box": figures["randomised_energy"],
        },
        "notes": notes,
    }


def randomised_reader(model: str | Path, seed: int = 0, *, threads: int | None = None) -> Reader:
    """A model whose weights and biases are shuffled within each layer.

    It forgets its scope, too, and what its training radiographs look like: else every radiograph
    would look unlike to it and get no heatmap.

    Args:
        model: a shipped model's name or the path of an ONNX file.
        seed: of the shuffling.
        threads: see :class:`fractura.reading.reader.Reader`.

    Raises:
        ModelError: the file is no ONNX model of ours, or the onnx package is missing.
    """
    path = model_path(model)
    try:
        import onnx
    except ImportError:
        raise ModelError(
            f"{path} needs the onnx package to be shuffled: pip install onnx"
        ) from None
    if path.suffix != ".onnx":
        raise ModelError(f"the weights of {path} cannot be shuffled; give the ONNX file")
    try:
        network = onnx.load(str(path))
    except Exception as error:  # protobuf's own errors have no common base
        raise ModelError(f"{path} could not be opened as an ONNX model; re-export it") from error
    random = np.random.default_rng(seed)
    weights = _weights(network.graph)
    for tensor in network.graph.initializer:
        if tensor.name in weights:
            values = onnx.numpy_helper.to_array(tensor)
            shuffled = random.permutation(values.ravel()).reshape(values.shape)
            tensor.CopyFrom(onnx.numpy_helper.from_array(shuffled, tensor.name))
    for entry in network.metadata_props:
        if entry.key == METADATA_KEY:
            known = ModelDescription.from_json(entry.value)
            entry.value = replace(known, ood=None, scope=None).to_json()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        onnx.save(network, str(copy))
        return Reader(copy, threads=threads)


def _randomised(model: str | Path | None, seed: int) -> tuple[Reader | None, list[str]]:
    if model is None:
        return None, ["There is no network with shuffled weights to compare with."]
    try:
        return randomised_reader(model, seed, threads=1), []
    except ModelError as error:
        return None, [f"There is no network with shuffled weights to compare with: {error}."]


def _weights(graph: Any) -> set[str]:
    """Names of the tensors that layers multiply with or add, also if they are quantised."""
    stored = {
        output: node.input[0]
        for node in graph.node
        if node.op_type == "DequantizeLinear"
        for output in node.output
    }
    names = {name for node in graph.node if node.op_type in _LAYERS for name in node.input[1:]}
    return {stored.get(name, name) for name in names}


def _pointed(
    reading: Reading,
    heatmap: NDArray[np.float32],
    other: NDArray[np.float32] | None,
    truths: Floats,
) -> _Pointed:
    inside = _painted(heatmap.shape, truths)
    margin = TOLERANCE * max(heatmap.shape)
    near = _painted(heatmap.shape, truths + margin * np.array([-1, -1, 1, 1]))
    best = 0.0
    if reading.findings:
        box = reading.findings[0].box
        x, y = (box.x_min + box.x_max) / 2, (box.y_min + box.y_max) / 2
        low, high = truths[:, :2] - margin, truths[:, 2:] + margin
        best = float(((low <= [x, y]) & ([x, y] <= high)).all(1).any())
    return _Pointed(
        pointing_game=_warmest(heatmap, near),
        energy_in_box=_energy(heatmap, inside),
        chance_pointing=float(near.mean()),
        chance_energy=float(inside.mean()),
        found_by_best_box=best,
        correlation=np.nan if other is None else rank_correlation(heatmap, other),
        randomised_pointing=np.nan if other is None else _warmest(other, near),
        randomised_energy=np.nan if other is None else _energy(other, inside),
        boxes=len(truths),
    )


def rank_correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Spearman's, of two maps ``[h, w]`` after resizing; ``nan`` where one is even."""
    from scipy.stats import rankdata

    height, width = one.shape
    scale = min(1.0, _CORRELATED_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    ranks = [
        rankdata(cv2.resize(values, size, interpolation=cv2.INTER_AREA)) for values in (one, other)
    ]
    if any(np.ptp(values) == 0 for values in ranks):
        return float("nan")
    return float(np.corrcoef(*ranks)[0, 1])


def _painted(shape: tuple[int, ...], corners: Floats) -> NDArray[np.bool_]:
    """The pixels ``[h, w]`` whose middles are in one of the boxes ``[m, 4]``."""
    rows, columns = np.arange(shape[0]) + 0.5, np.arange(shape[1]) + 0.5
    found = np.zeros(shape, dtype=bool)
    for x_min, y_min, x_max, y_max in corners:
        down = (rows >= y_min) & (rows <= y_max)
        found |= down[:, None] & ((columns >= x_min) & (columns <= x_max))
    return found


def _warmest(heatmap: NDArray[np.float32], near: NDArray[np.bool_]) -> float:
    return float(near[heatmap == heatmap.max()].mean())


def _energy(heatmap: NDArray[np.float32], inside: NDArray[np.bool_]) -> float:
    total = float(heatmap.sum(dtype=np.float64))
    return float(heatmap[inside].sum(dtype=np.float64)) / total if total else float("nan")
