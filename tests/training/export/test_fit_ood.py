"""What a model file remembers of its training radiographs."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fractura.imaging.phantom import make_phantom
from fractura.imaging.preprocess import resize_long_side
from fractura.ood.detector import ood_detector_from
from fractura.ood.synthetic import make_non_radiograph
from fractura.training.export import fit_ood
from fractura.training.export.fit_ood import changed, fit_flag

Pixels = NDArray[np.float32]


def embed(pixels: Pixels) -> Pixels:
    """Grey values and how much they change, at several sizes."""
    found: list[float] = []
    for side in (256, 64, 16):
        small = resize_long_side(pixels, side)
        steps = np.abs(np.diff(small, axis=0))
        found += [*np.quantile(small, [0.05, 0.25, 0.5, 0.75, 0.95]), steps.mean(), steps.std()]
    return np.array(found, np.float32)


def phantoms(first: int, number: int) -> list[Pixels]:
    seeds = range(first, first + number)
    return [make_phantom(seed, width=150, height=180).radiograph.pixels for seed in seeds]


def test_made_up_pictures_are_told_from_phantoms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit_ood, "MADE", {"scene of shapes": 2, "slice of ellipses": 2})
    monkeypatch.setattr(fit_ood, "OF_OTHERS", 6)
    flag = fit_flag(embed, phantoms(0, 24), phantoms(100, 12))
    again = ood_detector_from(flag.to_dict())
    assert again is not None
    assert again.to_dict() == flag.to_dict()
    assert not any(again.flags(again.score(embed(pixels))) for pixels in phantoms(200, 8))
    for kind in ("noise", "page of text"):
        assert all(
            again.flags(again.score(embed(make_non_radiograph(kind, 900 + seed))))
            for seed in range(4)
        )


@pytest.mark.parametrize("shape", [(180, 150), (1, 1), (3, 700), (1300, 900)])
def test_changed_radiographs_are_radiographs(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    pixels = random.random(shape, dtype=np.float32)
    for _ in range(12):
        picture = changed(pixels, random)
        assert (picture.dtype, picture.ndim) == (np.float32, 2)
        assert 0 <= picture.min() <= picture.max() <= 1
        assert np.isfinite(picture).all()
