"""Pictures that are no bone radiographs are noticed, radiographs are not taken for such."""

from __future__ import annotations

import json
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
from PIL import Image

from fractura import FracturaError, Radiograph, Reader, load
from fractura.imaging.phantom import make_phantom
from fractura.ood.detector import OodDetector, ood_detector_from
from fractura.ood.synthetic import NON_RADIOGRAPHS, make_non_radiograph
from tests.reading.networks import describe, write_constants

FRACTURES = ("no fracture", "fracture")


def tiny_flag(threshold: float = 1.0) -> OodDetector:
    """Radiographs lie around (1, 1); (5, 1) is a made-up picture."""
    return OodDetector(
        mean=np.array([1, 1, 0], np.float32),
        scale=np.array([1, 2, 1], np.float32),
        directions=np.array([[1, 0], [0, 1], [0, 0]], np.float32),
        centre=np.array([0.5, 0], np.float32),
        precision=np.array([[4, 0], [0, 1]], np.float32),
        vectors=np.array([[0, 0], [4, 0]], np.float32),
        weights=np.array([-2, 3], np.float32),
        bias=0.25,
        width=0.5,
        threshold=threshold,
    )


def test_the_score_is_the_distance_and_the_machines_decision() -> None:
    embedding = np.array([2.0, 5.0, 99.0], np.float32)  # at (1, 2)
    expected = math.log(4 * 0.5**2 + 2**2) + 0.25 - 2 * math.exp(-2.5) + 3 * math.exp(-6.5)
    assert tiny_flag().score(embedding) == pytest.approx(expected, abs=1e-6)


def test_far_away_and_not_finite_is_foreign_and_the_centre_is_not() -> None:
    flag = tiny_flag()
    assert flag.flags(flag.score(np.array([1e4, 1e4, 0], np.float32)))
    assert flag.flags(flag.score(np.array([np.nan, 1, 0], np.float32)))
    assert not flag.flags(flag.score(np.array([1.5, 1, 0], np.float32)))
    assert flag.flags(flag.score(np.array([5, 1, 0], np.float32)))


def test_it_survives_json() -> None:
    flag = tiny_flag()
    again = ood_detector_from(json.loads(json.dumps(flag.to_dict())))
    assert again is not None
    assert again.to_dict() == flag.to_dict()
    embedding = np.array([1.7, 0.2, 3], np.float32)
    assert again.score(embedding) == pytest.approx(flag.score(embedding), abs=1e-3)


def test_unknown_versions_are_silent_and_damage_is_told() -> None:
    stored = tiny_flag().to_dict()
    assert ood_detector_from(None) is None
    assert ood_detector_from({**stored, "version": 2}) is None
    del stored["weights"]
    with pytest.raises(FracturaError, match="damaged"):
        ood_detector_from(stored)
    with pytest.raises(FracturaError, match="damaged"):
        ood_detector_from(
            {**tiny_flag().to_dict(), "mean": {"shape": [3], "type": "<f4", "base64": "AAA"}}
        )


def test_only_models_that_remember_decline_and_the_network_runs_once(tmp_path: Path) -> None:
    radiograph = Radiograph(np.random.default_rng(0).random((40, 30), dtype=np.float32), "", None)
    radiograph = replace(radiograph, warnings=("first",))
    plain = describe("binary-fracture", FRACTURES)
    knowing = replace(plain, ood=tiny_flag().to_dict())
    far: dict[str, Any] = {"logits": [[1.0, 4.0]], "embedding": [[9.0, 9.0, 0.0]]}
    near: dict[str, Any] = {**far, "embedding": [[1.5, 1.0, 0.0]]}
    blind = {"logits": far["logits"]}
    decisions = []
    for description, outputs in ((knowing, far), (knowing, near), (knowing, blind), (plain, far)):
        reader = Reader(write_constants(tmp_path / "m.onnx", description, **outputs))
        runtime, runs = reader._model._runtime, []
        run = runtime.run
        runtime.run = lambda *given, run=run, runs=runs: (runs.append(1), run(*given))[1]  # type: ignore[method-assign]
        reading = reader.read(radiograph)
        assert reading.warnings == ("first",)
        decisions.append((reading.decision, reading.reason and reading.reason.code))
        assert len(runs) == 1
    assert decisions == [("not evaluated", "unlike"), *[("fracture", None)] * 3]


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(threads=1)


def is_flagged(reader: Reader, pixels: Any) -> bool:
    return not reader.read(Radiograph(np.asarray(pixels, np.float32), "")).reliable


def test_what_the_shipped_model_remembers_is_small(reader: Reader) -> None:
    assert len(json.dumps(reader.description.ood)) < 250_000


@pytest.mark.parametrize("kind", NON_RADIOGRAPHS)
def test_made_up_pictures_are_flagged(reader: Reader, kind: str) -> None:
    flags = [is_flagged(reader, make_non_radiograph(kind, 50_000 + seed)) for seed in range(4)]
    assert sum(flags) >= 3


def test_photographs_textures_and_pages_are_flagged_in_grey(reader: Reader, tmp_path: Path) -> None:
    """All but the two photographs of large smooth shapes, camera and coffee."""
    names = ("camera", "coffee", "brick", "grass", "page", "text", "cell")
    missed = []
    for name in names:
        Image.fromarray(getattr(skimage.data, name)()).save(tmp_path / "p.png")
        if reader.read(load(tmp_path / "p.png")).reliable:
            missed.append(name)
    assert set(missed) <= {"camera", "coffee"}


def test_phantoms_are_not_flagged_and_threads_agree(reader: Reader) -> None:
    phantoms = [make_phantom(5000 + seed).radiograph for seed in range(10)]
    alone = [reader.read(radiograph).decision for radiograph in phantoms]
    assert alone.count("not evaluated") <= 1
    with ThreadPoolExecutor(4) as pool:
        assert [reading.decision for reading in pool.map(reader.read, phantoms)] == alone


def test_radiographs_are_not_flagged(reader: Reader, shared_data: Path) -> None:
    own = sorted((shared_data / "fracatlas" / "images").glob("*/*.jpg"))[::180]
    others = sorted((shared_data / "roboflow-bone-fracture").glob("*/images/*.jpg"))[::90]
    tibia = shared_data / "dicom" / "WG04" / "REF" / "RG3_UNC.dcm"
    flags = [not reader.read_file(path).reliable for path in (*own, tibia)]
    assert sum(flags) <= 1
    assert not flags[-1]
    assert sum(not reader.read_file(path).reliable for path in others) <= 0.2 * len(others)
