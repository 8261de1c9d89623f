"""What is flagged as no radiograph, and what must not be."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
from PIL import Image

from fractura.datasets.audit.examine import examine_bytes
from fractura.datasets.audit.not_radiographs import check
from fractura.datasets.record import Record
from fractura.imaging.phantom import make_phantom


def encode(pixels, kind="JPEG"):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def flags(*images, modality=None):
    """The rule that each of the images breaks, or None."""
    records = [
        Record(id=str(i), path=Path(f"{i}"), source="s", label="unknown", modality=modality)
        for i in range(len(images))
    ]
    examinations, pictures = zip(*(examine_bytes(data) for data in images), strict=True)
    result = check(records, examinations, pictures)
    found = {name: problem for problem in result.problems for name in problem.records}
    assert sum(result.figures["flagged"].values()) == len(found)
    return [found[record.id].sentence if record.id in found else None for record in records]


@pytest.fixture(scope="module")
def radiographs():
    return [
        np.uint8(255 * make_phantom(seed, width=300, height=400).radiograph.pixels)
        for seed in range(8)
    ]


def test_phantoms_pass_upright_mirrored_inverted_and_noisy(radiographs):
    noise = np.random.default_rng(0).normal(0, 5, radiographs[0].shape)
    noisy = [np.uint8(np.clip(pixels + noise, 0, 255)) for pixels in radiographs]
    turned = [np.rot90(pixels)[:, ::-1] for pixels in radiographs]
    inverted = [255 - pixels for pixels in radiographs]
    for images in (radiographs, noisy, turned, inverted):
        assert flags(*map(encode, images)) == [None] * len(images)


@pytest.mark.parametrize("name", ["astronaut", "coffee", "rocket", "chelsea"])
def test_photographs_in_colour(name):
    assert "in colour" in flags(encode(getattr(skimage.data, name)()))[0]


@pytest.mark.parametrize("name", ["brick", "grass", "gravel"])
def test_textures(name):
    assert "texture" in flags(encode(getattr(skimage.data, name)()))[0]


def test_a_film_photographed_with_a_tint(radiographs):
    film = np.minimum(radiographs[0], 180)[..., None]
    tinted = np.uint8(film * np.array([0.85, 0.92, 1.0]))
    assert "tint" in flags(encode(tinted, "PNG"))[0]


def test_a_page_of_text():
    page = np.full((800, 600, 3), 255, np.uint8)
    for line in range(30, 780, 24):
        cv2.putText(page, "Distal radius, two views, no fracture seen", (20, line), 0, 0.7, 0, 1)
    assert flags(encode(page, "PNG"))[0]


@pytest.mark.parametrize("grey", [0, 7, 128, 255])
def test_empty_images(grey):
    assert "one shade" in flags(encode(np.full((300, 200), grey, np.uint8)))[0]


def test_noise_and_gradients():
    random = np.random.default_rng(0)
    ramp = np.broadcast_to(np.linspace(0, 255, 300), (400, 300)).astype(np.uint8)
    noise = np.uint8(random.integers(0, 256, (512, 512)))
    assert ["fine detail" in flags(encode(ramp))[0], "texture" in flags(encode(noise))[0]]


def test_several_pictures_parted_by_white(radiographs):
    gutter = np.full((400, 10), 255, np.uint8)
    left, right = radiographs[0][:, ::-1], radiographs[3]  # dark where they meet
    row = np.hstack([left, gutter, right])
    column = row.T.copy()
    black = np.hstack([left, 0 * gutter, right])
    sentences = flags(encode(row), encode(column), encode(black))
    assert ["white strip" in (sentence or "") for sentence in sentences] == [True, True, False]


def test_the_modality_of_the_header_decides(radiographs):
    image = encode(radiographs[0])
    assert "modality MR, magnetic resonance" in flags(image, modality="MR")[0]
    for modality in ("CR", "DX", "RF", "OT", None):
        assert flags(image, modality=modality) == [None]


def test_what_cannot_be_read_and_the_smallest_images_do_no_harm():
    pixel = encode(np.zeros((1, 1), np.uint8), "PNG")
    line = encode(np.uint8(np.random.default_rng(0).integers(0, 256, (1, 500))), "PNG")
    assert flags(b"not an image", pixel, line)[0] is None


def test_real_radiographs_pass_but_for_collages(shared_data):
    paths = sorted((shared_data / "fracatlas" / "images").glob("*/*.jpg"))[::71]
    paths += sorted((shared_data / "roboflow-bone-fracture").glob("*/images/*.jpg"))[::71]
    sentences = flags(*(path.read_bytes() for path in paths))
    assert len(paths) > 80
    assert all("white strip" in sentence for sentence in sentences if sentence)
    assert sum(map(bool, sentences)) <= 2
