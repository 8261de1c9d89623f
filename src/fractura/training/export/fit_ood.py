"""What a model file remembers of its training radiographs, to notice pictures that are none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torch import Tensor, nn

from fractura.datasets.record import Record
from fractura.datasets.storage import read_manifest
from fractura.datasets.target import FRACTURES
from fractura.errors import LoadError
from fractura.imaging.load import load
from fractura.imaging.preprocess import PreprocessConfig, preprocess, resize_long_side
from fractura.imaging.save import to_8_bit
from fractura.models.network import FractureNetwork
from fractura.models.two_stage import TwoStageNetwork
from fractura.ood.detector import OodDetector, ood_detector_from
from fractura.ood.synthetic import NON_RADIOGRAPHS, make_non_radiograph
from fractura.regions import is_outside
from fractura.training.data.elsewhere import as_elsewhere, strongly_equalised
from fractura.training.run_folder import Run

Pixels = NDArray[np.float32]
Embed = Callable[[Pixels], NDArray[np.float32]]
"""From a radiograph's pixels ``[H, W]`` in 0..1 to its embedding ``[D]``."""

MOST = 600
"""Training radiographs that are looked at, and validation radiographs at most."""
FEWEST = 100
"""With fewer training radiographs nothing is remembered."""
MADE = {"scene of shapes": 120, "slice of ellipses": 100}
"""Made-up pictures of a kind; :data:`OF_OTHERS` of the others."""
OF_OTHERS = 40
DIRECTIONS = 64
COST = 3.0
FALSE_ALARMS = 0.03
"""Share of strongly changed validation radiographs that may be flagged. Unchanged ones hardly
ever are then, and those of another hospital about as often as the changed ones."""

CHANGED = 2
"""Changed views of each radiograph beside it."""
STRONGLY = 0.12
"""Share of the changed views that are equalised far beyond habit."""

_SIDE = 512
_CONFIG = PreprocessConfig(long_side=_SIDE)


def remember(
    run: Run, network: nn.Module, manifest: Path, validation: Sequence[Record]
) -> dict[str, Any] | None:
    """What the file of a run is to hold; see :attr:`ModelDescription.ood`.

    Args:
        run: of the network.
        network: its best.
        manifest: that it was trained with.
        validation: on which the threshold is chosen.

    Returns:
        ``None`` for networks without an embedding, for those that tell no fractures, and for fewer
        than :data:`FEWEST` training radiographs.
    """
    names = set(run.split["train"])
    if run.recipe.task not in FRACTURES or run.recipe.task == "detection" or len(names) < FEWEST:
        return None
    network = network.eval().cpu()

    @torch.no_grad()
    def embed(pixels: Pixels) -> NDArray[np.float32]:
        inputs, _ = preprocess(pixels, run.recipe.data.preprocess)
        images = torch.from_numpy(inputs)
        if isinstance(network, TwoStageNetwork | FractureNetwork):
            return network.embed(images)[0].numpy()
        embedding: Tensor = network(images).embedding
        return embedding[0].float().numpy()

    training = [record for record in read_manifest(manifest).records if record.id in names]
    limbs = [record for record in training if not is_outside(record.regions)]
    others = [record for record in training if is_outside(record.regions)]
    return fit_flag(embed, _some(limbs), _some(validation), _some(others)).to_dict()


def _some(records: Sequence[Record]) -> Iterator[Pixels]:
    """Of :data:`MOST` records, of every source as many as there are, those that can be loaded."""
    sources: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        sources[record.source].append(record)
    left, chosen = MOST, list[Record]()
    for number, some in enumerate(sorted(sources.values(), key=len)):
        count = min(len(some), left // (len(sources) - number))
        chosen += some[:: len(some) // count][:count] if count else []
        left -= count
    for record in chosen:
        try:
            yield load(record.path).pixels
        except LoadError:
            continue


def fit_flag(
    embed: Embed,
    training: Iterable[Pixels],
    validation: Iterable[Pixels],
    others: Iterable[Pixels] = (),
    *,
    seed: int = 0,
) -> OodDetector:
    """Learn how a network sees radiographs and how it sees made-up pictures.

    Each training radiograph is taken as it is and changed (:func:`changed`), so that another
    hospital's exposure, collimation or view is not yet foreign.

    Args:
        embed: of the network.
        training: radiographs ``[H, W]`` in 0..1, at least :data:`FEWEST`.
        validation: radiographs on which the threshold is chosen; see :data:`FALSE_ALARMS`.
        others: pictures that count as foreign beside the made-up ones, such as radiographs of
            the chest; they are changed, too.
        seed: of the changes.
    """
    random = np.random.default_rng(seed)
    seen = [embed(view) for pixels in training for view in _views(pixels, random)]
    made = [
        embed(make_non_radiograph(kind, number))
        for kind in NON_RADIOGRAPHS
        for number in range(MADE.get(kind, OF_OTHERS))
    ]
    made += [embed(view) for pixels in others for view in _views(pixels, random)]
    both = np.array(seen + made, dtype=np.float64)
    is_made = np.arange(len(both)) >= len(seen)
    scaler = StandardScaler().fit(both)
    projection = PCA(min(DIRECTIONS, *both.shape), random_state=0).fit(scaler.transform(both))
    points = projection.transform(scaler.transform(both))
    spread = LedoitWolf().fit(points[~is_made])
    width = 1 / both.shape[1]
    machine = SVC(C=COST, gamma=width, class_weight="balanced").fit(points, is_made)
    shift = projection.mean_ @ projection.components_.T
    flag = OodDetector(
        mean=scaler.mean_.astype(np.float32),
        scale=scaler.scale_.astype(np.float32),
        directions=projection.components_.T.astype(np.float32),
        centre=(spread.location_ + shift).astype(np.float32),
        precision=spread.precision_.astype(np.float32),
        vectors=(machine.support_vectors_ + shift).astype(np.float32),
        weights=machine.dual_coef_[0].astype(np.float32),
        bias=float(machine.intercept_[0]),
        width=width,
        threshold=float("inf"),
    )
    return _with_threshold(flag, [embed(changed(pixels, random)) for pixels in validation])


def _with_threshold(flag: OodDetector, embeddings: list[NDArray[np.float32]]) -> OodDetector:
    """The flag as it comes back from a file, with its threshold."""
    stored = flag.to_dict()
    packed = ood_detector_from(stored)
    assert packed is not None
    scores = [packed.score(embedding) for embedding in embeddings]
    return replace(packed, threshold=float(np.quantile(scores, 1 - FALSE_ALARMS, method="higher")))


def _views(pixels: Pixels, random: np.random.Generator) -> Iterator[Pixels]:
    yield pixels
    for _ in range(CHANGED):
        yield changed(pixels, random)


def changed(pixels: Pixels, random: np.random.Generator) -> Pixels:
    """A radiograph ``[H, W]`` in 0..1 as others might take, process, cut and store it."""
    image = to_8_bit(resize_long_side(pixels, _SIDE))
    if random.random() < STRONGLY:
        return strongly_equalised(image, random).astype(np.float32) / np.float32(255)
    view = as_elsewhere(image, _CONFIG, int(random.integers(2**31)))[0, 0].numpy()
    return np.clip(view * _CONFIG.std + _CONFIG.mean, 0, 1).astype(np.float32)
