"""Pictures in colour are told from radiographs, tinted and marked ones among these."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fractura import Reader, load
from fractura.imaging.colour import in_colour
from fractura.imaging.phantom import make_phantom

FORMATS = ("png", "jpg", "tif", "bmp", "webp")


def radiograph() -> np.ndarray:
    grey = np.rint(make_phantom(2, fracture="transverse").radiograph.pixels * 255)
    return np.repeat(grey.astype(np.uint8)[..., None], 3, 2)


def scene(grey: np.ndarray) -> np.ndarray:
    """As bright as a picture, and coloured where it shows something else."""
    colours = np.array([[40, -10, -60], [-50, 10, 60], [0, 20, -70], [60, -30, 20]])
    height, width = grey.shape[:2]
    parts = (np.arange(height)[:, None] // 40 + np.arange(width) // 40) % 4
    return np.clip(grey + colours[parts], 0, 255).astype(np.uint8)


@given(
    tint=st.tuples(*[st.floats(0.6, 1)] * 3),
    thickness=st.integers(1, 3),
    step=st.integers(1, 3),
)
def test_tints_and_marks_are_no_colour(
    tint: tuple[float, float, float], thickness: int, step: int
) -> None:
    picture = np.rint(radiograph()[::step, ::step] * np.array(tint)).astype(np.uint8)
    cv2.rectangle(picture, (20, 30), (90, 100), (255, 0, 0), thickness)
    cv2.putText(picture, "R 12.03", (10, 20), 0, 0.5, (0, 255, 0), 1)
    assert not in_colour(picture, 255)
    assert in_colour(scene(picture), 255)


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_tells(tmp_path: Path, kind: str) -> None:
    for name, picture, coloured in (
        ("grey", radiograph(), False),
        ("scene", scene(radiograph()), True),
    ):
        path = tmp_path / f"{name}.{kind}"
        Image.fromarray(picture).save(path, quality=90)
        assert load(path).in_colour is coloured


def test_deep_and_single_channel_files(tmp_path: Path) -> None:
    deep = scene(radiograph()).astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / "deep.png"), deep)
    Image.fromarray(scene(radiograph())).convert("P").save(tmp_path / "palette.png")
    Image.fromarray(radiograph()[..., 0]).save(tmp_path / "grey.jpg")
    assert load(tmp_path / "deep.png").in_colour
    assert load(tmp_path / "palette.png").in_colour
    assert not load(tmp_path / "grey.jpg").in_colour


def test_a_picture_in_colour_is_not_evaluated(tmp_path: Path) -> None:
    Image.fromarray(scene(radiograph())).save(tmp_path / "a.png")
    reading = Reader(threads=1).read_file(tmp_path / "a.png")
    assert reading.decision == "not evaluated"
    assert reading.reason is not None
    assert reading.reason.code == "no-radiograph"
    assert not reading.findings
