"""The public API, used as a person would."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fractura
from fractura.imaging.phantom import make_phantom
from fractura.imaging.save import save_png, to_16_bit


def test_everything_public_is_listed_documented_and_there() -> None:
    assert sorted(fractura.__all__) == dir(fractura)
    for name in fractura.__all__:
        thing = getattr(fractura, name)
        assert inspect.getdoc(thing) or name == "__version__", name
        if inspect.isfunction(thing):
            sections = inspect.getdoc(thing) or ""
            hints = inspect.signature(thing).parameters
            for parameter in hints:
                assert f"{parameter}:" in sections, f"{name} says nothing of {parameter}"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        fractura.nothing  # noqa: B018


def test_importing_costs_no_library() -> None:
    code = "import sys, fractura; print([m for m in ('numpy', 'cv2', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_file_its_bytes_and_its_pixels_are_read_alike(phantom_pngs: list[Path]) -> None:
    reader = fractura.load_model(threads=1)
    path = phantom_pngs[0]
    by_path = fractura.read(path, reader)
    by_bytes = fractura.read(path.read_bytes(), reader)
    radiograph = fractura.load(path)
    by_radiograph = fractura.read(radiograph, reader)
    by_array = fractura.read(radiograph.pixels, reader)
    for other in (by_bytes, by_radiograph, by_array):
        assert other.probability == by_path.probability
        assert other.findings == by_path.findings
    assert (by_path.path, by_bytes.path) == (str(path), None)
    assert by_path.model.startswith(fractura.list_models()[0])


def test_many_files_in_their_order_with_what_failed(phantom_pngs, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    first, second, third = fractura.read_many([phantom_pngs[0], bad, phantom_pngs[1]], workers=2)
    assert (first.path, third.path) == (str(phantom_pngs[0]), str(phantom_pngs[1]))
    assert isinstance(second, fractura.Failure)
    assert str(bad) in second.message
    folder = phantom_pngs[0].parent
    assert list(fractura.find_radiographs(folder)) == [str(path) for path in sorted(phantom_pngs)]
    with pytest.raises(fractura.LoadError, match="cannot be listed"):
        list(fractura.find_radiographs(tmp_path / "nowhere"))


def test_an_array_of_any_depth_is_the_same_radiograph() -> None:
    bright = make_phantom(1, width=64, height=80).radiograph.pixels
    in_8 = np.rint(bright * 255).astype(np.uint8)
    in_16 = in_8.astype(np.uint16) * 257
    one, other = fractura.from_array(in_8), fractura.from_array(in_16, spacing_mm=(0.1, 0.2))
    np.testing.assert_array_equal(one.pixels, other.pixels)
    assert (one.bits, other.bits) == (8, 16)
    assert other.spacing_mm == (0.1, 0.2)
    assert one.pixels.max() <= 1


@pytest.mark.parametrize(
    ("pixels", "said"),
    [
        (np.zeros((3, 4, 3), np.uint8), "shape"),
        (np.zeros((0, 4), np.uint8), "shape"),
        (np.zeros((3, 4), np.int16), "int16"),
        (np.full((3, 4), 2.0), "outside"),
        (np.full((3, 4), np.nan), "finite"),
    ],
)
def test_an_array_that_is_no_image_is_refused(pixels: np.ndarray, said: str) -> None:
    with pytest.raises(fractura.LoadError, match=said):
        fractura.from_array(pixels)


def test_from_a_folder_to_a_split(tmp_path: Path, phantom_pngs: list[Path]) -> None:
    pytest.importorskip("pyarrow")
    for index in range(12):
        folder = tmp_path / "data" / ("fractured" if index % 2 else "normal")
        folder.mkdir(parents=True, exist_ok=True)
        pixels = make_phantom(index, width=64, height=64, fracture=None).radiograph.pixels
        save_png(folder / f"{index}.png", to_16_bit(pixels))
    assert "class-folders" in fractura.list_sources()
    table = tmp_path / "m.parquet"
    built = fractura.build_manifest("class-folders", tmp_path / "data", table, name="ward")
    assert {record.label for record in built.records} == {"fracture", "normal"}
    assert fractura.read_manifest(table).records == built.records
    split = fractura.split_manifest(table, tmp_path / "s.parquet", ratios=(0.5, 0.5), seed=1)
    assert {record.split for record in split.records} == {"train", "valid"}
    assert split.records == fractura.read_manifest(tmp_path / "s.parquet").records
    with pytest.raises(fractura.FracturaError, match="no source 'x'"):
        fractura.build_manifest("x", tmp_path, table)
