"""The shipped model, read as a user reads it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from fractura import FracturaError, Radiograph, Reader
from fractura.imaging.phantom import Phantom, make_phantom
from fractura.reading.model import ModelDescription
from fractura.reading.reader import SMALLEST_SCORE

HELD_OUT_SEED = 5000
"""Phantoms from here on were not trained on."""


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(threads=2)


@pytest.fixture(scope="module")
def phantoms() -> list[Phantom]:
    return [
        make_phantom(HELD_OUT_SEED + n, fracture="displaced" if n % 2 else None) for n in range(24)
    ]


def test_findings_are_sorted_inside_the_image_and_all_contain_the_listed(
    reader: Reader, phantoms: list[Phantom]
) -> None:
    for phantom in phantoms[:6]:
        listed = reader.read(phantom.radiograph)
        everything = reader.read(phantom.radiograph, all_findings=True)
        assert listed == reader.read(phantom.radiograph)
        assert set(listed.findings) <= set(everything.findings)
        scores = [finding.score for finding in everything.findings]
        assert scores == sorted(scores, reverse=True)
        assert min(scores) >= SMALLEST_SCORE
        for finding in everything.findings:
            box = finding.box
            assert 0 <= box.x_min < box.x_max <= phantom.radiograph.width
            assert 0 <= box.y_min < box.y_max <= phantom.radiograph.height
        assert set(everything.milliseconds) == {"preprocess", "network", "boxes"}


def test_fractured_phantoms_are_told_from_whole_ones(
    reader: Reader, phantoms: list[Phantom]
) -> None:
    probability = np.array([reader.read(item.radiograph).probability for item in phantoms])
    fractured = np.array([bool(item.boxes) for item in phantoms])
    better = (probability[fractured][:, None] > probability[~fractured][None]).mean()
    assert better > 0.9


def test_doubling_the_pixels_leaves_the_reading_nearly_as_it_is(
    reader: Reader, phantoms: list[Phantom]
) -> None:
    radiograph = phantoms[1].radiograph
    doubled = Radiograph(radiograph.pixels.repeat(2, 0).repeat(2, 1), radiograph.sha256)
    once, twice = reader.read(radiograph), reader.read(doubled)
    assert twice.probability == pytest.approx(once.probability, abs=0.15)
    ours, theirs = once.findings[0].box.as_list(), twice.findings[0].box.as_list()
    np.testing.assert_allclose(np.array(theirs) / 2, ours, atol=6)


def test_another_exposure_gives_the_same_reading(reader: Reader, phantoms: list[Phantom]) -> None:
    radiograph = phantoms[3].radiograph
    pixels = (radiograph.pixels * np.float32(0.6) + np.float32(0.1)).astype(np.float32)
    brighter = reader.read(Radiograph(pixels, radiograph.sha256))
    assert brighter.probability == pytest.approx(reader.read(radiograph).probability, abs=1e-3)


def test_heatmap_has_the_images_size_and_comes_on_request(
    reader: Reader, phantoms: list[Phantom]
) -> None:
    radiograph = phantoms[0].radiograph
    assert reader.read(radiograph).heatmap is None
    heatmap = reader.read(radiograph, heatmap=True).heatmap
    assert heatmap is not None
    assert heatmap.shape == radiograph.pixels.shape
    assert heatmap.dtype == np.float32
    assert 0 <= heatmap.min() < heatmap.max() <= 1


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (3000, 2), (31, 33)])
def test_noise_of_odd_sizes_is_not_evaluated(reader: Reader, shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).random(shape, dtype=np.float32)
    reading = reader.read(Radiograph(pixels, ""), all_findings=True, heatmap=True)
    assert 0 <= reading.probability <= 1
    assert reading.decision == "not evaluated"
    assert reading.findings == ()
    assert reading.heatmap is None


def test_threads_may_share_a_reader(reader: Reader, phantoms: list[Phantom]) -> None:
    radiographs = [phantom.radiograph for phantom in phantoms]
    alone = [reader.read(radiograph) for radiograph in radiographs]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(reader.read, radiographs)) == alone


def test_a_description_survives_json(reader: Reader) -> None:
    text = reader.description.to_json()
    assert ModelDescription.from_json(text) == reader.description
    assert ModelDescription.from_json(text).to_json() == text


def test_what_is_no_model_of_ours_is_named(tmp_path: Path) -> None:
    with pytest.raises(FracturaError, match=r"fractura-xxl.*fractura-s"):
        Reader("fractura-xxl")
    (tmp_path / "junk.onnx").write_bytes(b"no model")
    with pytest.raises(FracturaError, match=r"junk\.onnx"):
        Reader(tmp_path / "junk.onnx")
