"""Pictures: their sizes, what they show, and where they are transparent."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fractura.imaging.draw import heat
from fractura.imaging.enhance import enhance
from fractura.imaging.style import VERMILLION, YELLOW
from fractura.service.render.pictures import (
    NoHeatmapError,
    enhanced_png,
    heatmap_png,
    overlay_png,
    thumbnail_jpeg,
)
from tests.service.render.material import POINTS, heatmap, radiograph, reading


def decoded(data: bytes) -> NDArray[Any]:
    """Grey, RGB or RGBA."""
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    if picture.ndim == 2:
        return np.asarray(picture)
    order = cv2.COLOR_BGR2RGB if picture.shape[2] == 3 else cv2.COLOR_BGRA2RGBA
    return np.asarray(cv2.cvtColor(picture, order))


def test_overlay_shows_the_findings_at_the_operating_points() -> None:
    source = radiograph(1000, 1200)
    shown = reading(width=1000, height=1200, heatmap=heatmap(1000, 1200))
    picture = decoded(overlay_png(source, shown, POINTS, heatmap=False))
    assert picture.shape[1:] == (1000, 3)
    assert picture.shape[0] > 1200
    for colour, box in ((VERMILLION, shown.findings[0].box), (YELLOW, shown.findings[1].box)):
        ys, xs = np.nonzero((picture[:1200] == colour).all(axis=2))
        assert abs(xs.max() - box.x_max) < 8
        assert abs(ys.max() - box.y_max) < 8
    # The third is below both points.
    assert not ((picture[:15, :15] == YELLOW).all(axis=2)).any()
    none = reading(width=1000, height=1200, decision="no fracture")
    bare = decoded(overlay_png(source, none, POINTS, heatmap=False))[:1200]
    np.testing.assert_array_equal(bare[..., 0], bare[..., 1])
    warm = decoded(overlay_png(source, shown, POINTS, heatmap=True))[:1200]
    assert (warm[..., 0] != warm[..., 2]).mean() > 0.5


def test_the_heatmap_laid_over_at_its_opacity_is_the_drawn_one() -> None:
    source = radiograph()
    layer = decoded(heatmap_png(reading(heatmap=heatmap())))
    assert layer.shape == (240, 200, 4)
    assert layer[:, 0, 3].max() == 0
    assert layer[:, -1, 3].min() == 255
    share = 0.4 * layer[..., 3:] / 255
    below = 255 * source.pixels[..., None]
    laid_over = below + (layer[..., :3] - below) * share
    np.testing.assert_allclose(laid_over, heat(source.pixels, heatmap()), atol=1.5)


def test_without_a_heatmap_one_sentence_says_so() -> None:
    for make in (
        lambda: heatmap_png(reading()),
        lambda: overlay_png(radiograph(), reading(), POINTS, heatmap=True),
    ):
        with pytest.raises(NoHeatmapError, match="fractura-s 5 makes no heatmap"):
            make()


def test_enhanced_and_thumbnail() -> None:
    source = radiograph(1000, 300)
    np.testing.assert_array_equal(
        decoded(enhanced_png(source)), np.rint(enhance(source.pixels) * 255)
    )
    assert decoded(thumbnail_jpeg(source)).shape == (58, 192)
    assert decoded(thumbnail_jpeg(radiograph(72, 96))).shape == (192, 144)
