"""Models of each kind, from the file to the answer."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fractura import FracturaError, Radiograph, Reader
from fractura.findings import Reading
from fractura.imaging.draw import overlay
from fractura.reading.calibration import Calibration, sigmoid
from fractura.reading.classify import ClassReader, probabilities
from fractura.reading.decode import NO_BOX, score_logits
from fractura.reading.model import Model, ModelDescription, model_path

from .networks import SIDE, describe, write_constants

RADIOGRAPH = Radiograph(np.random.default_rng(0).random((128, 96), dtype=np.float32), "")
FRACTURES = ("no fracture", "fracture")


def test_the_shipped_network_has_not_changed() -> None:
    graph = onnx.load(model_path("fractura-s")).graph
    assert hashlib.sha256(graph.SerializeToString(deterministic=True)).hexdigest() == (
        "117ce2f2b6f6a63a7144ea359405ec661b9f9d2e7b8de0d32f992041f15d0454"
    )
    description = Model("fractura-s", threads=1).description
    assert (description.task, description.classes) == ("multi-task", FRACTURES)


def test_a_binary_model_is_read_without_findings_and_region(tmp_path: Path) -> None:
    description = describe("binary-fracture", FRACTURES, Calibration(0.5, -1.0, 1.0, 0.0))
    path = write_constants(tmp_path / "b.onnx", description, logits=[[1.0, 4.0]])
    reading = Reader(path).read(RADIOGRAPH, heatmap=True, all_findings=True)
    assert reading.probability == pytest.approx(1 / (1 + math.exp(-0.5)), abs=1e-6)
    assert (reading.decision, reading.findings, reading.heatmap) == ("uncertain", (), None)
    assert (reading.region, reading.region_probability) == (None, None)
    assert '"region": null' in json.dumps(reading.as_dict())
    assert Reading.from_dict(reading.as_dict()).as_dict() == reading.as_dict()
    assert overlay(RADIOGRAPH, reading).ndim == 3
    shares = ClassReader(path).classify(RADIOGRAPH)
    assert shares["fracture"] == pytest.approx(reading.probability)
    assert list(shares) == list(FRACTURES)


def test_a_detection_model_gives_boxes_in_source_pixels_and_the_best_ones_probability(
    tmp_path: Path,
) -> None:
    path = write_constants(
        tmp_path / "d.onnx",
        describe("detection", calibration=Calibration(1.0, 1.0, 2.0, 0.0)),
        boxes=[[8, 16, 24, 32], [0, 0, 4, 4], [50, 10, 60, 20]],
        scores=[0.8, 0.5, 0.4],
    )
    reading = Reader(path).read(RADIOGRAPH, all_findings=True)
    assert reading.probability == pytest.approx(sigmoid(math.log(4) + 1), abs=1e-6)
    assert reading.decision == "fracture"
    assert [finding.box.as_list() for finding in reading.findings] == [
        [16, 32, 48, 64], [0, 0, 8, 8],
    ]  # fmt: skip
    assert reading.findings[0].score == pytest.approx(sigmoid(2 * math.log(4)), abs=1e-6)
    assert reading.region is None


def test_no_box_means_the_lowest_probability(tmp_path: Path) -> None:
    path = write_constants(
        tmp_path / "d.onnx", describe("detection"), boxes=np.zeros((0, 4)), scores=[]
    )
    reading = Reader(path).read(RADIOGRAPH, all_findings=True)
    assert reading.probability == pytest.approx(sigmoid(NO_BOX))
    assert (reading.decision, reading.findings) == ("no fracture", ())
    assert score_logits(np.array([0, 0.5, 1], np.float32)).tolist() == pytest.approx([-10, 0, 10])


def test_several_classes_are_scaled_by_the_temperature(tmp_path: Path) -> None:
    description = describe("region", ("hand", "leg", "hip"), Calibration(0.5, 0.0, 1.0, 0.0))
    path = write_constants(tmp_path / "r.onnx", description, logits=[[2.0, 0.0, -2.0]])
    shares = ClassReader(path).classify(RADIOGRAPH)
    weights = [math.exp(1), 1.0, math.exp(-1)]
    assert list(shares.values()) == pytest.approx([w / sum(weights) for w in weights])


@given(
    arrays(np.float32, st.integers(2, 9), elements=st.floats(-1e4, 1e4, width=32)),
    st.floats(0.01, 50),
)
def test_probabilities_sum_to_one_and_keep_the_order(logits: np.ndarray, weight: float) -> None:
    shares = probabilities(logits, Calibration(weight, 0.0, 1.0, 0.0))
    assert shares.sum() == pytest.approx(1, abs=1e-12)
    assert shares.min() >= 0
    assert shares[logits.argmax()] == shares.max()


@pytest.mark.parametrize("task", ["region", "fracture-type", "abnormality"])
def test_a_reader_sends_to_predict_what_does_not_tell_fractures(task: str, tmp_path: Path) -> None:
    path = write_constants(tmp_path / "r.onnx", describe(task, ("a", "b")), logits=[[0.0, 1.0]])
    with pytest.raises(FracturaError, match=rf"r\.onnx.*{task}.*fractura predict"):
        Reader(path)


@pytest.mark.parametrize("model", ["fractura-s", "d.onnx"])
def test_a_classifier_sends_to_detect_what_gives_boxes(model: str, tmp_path: Path) -> None:
    path = write_constants(
        tmp_path / "d.onnx", describe("detection"), boxes=np.zeros((0, 4)), scores=[]
    )
    with pytest.raises(FracturaError, match="fractura detect"):
        ClassReader(path if model == "d.onnx" else model)


def test_a_description_keeps_task_and_classes_and_refuses_unknown_tasks() -> None:
    description = describe("region", ("hand", "leg"))
    assert ModelDescription.from_json(description.to_json()) == description
    with pytest.raises(ValueError, match="another version"):
        ModelDescription.from_json(describe("astrology").to_json())


def test_a_model_without_embedding_says_so(tmp_path: Path) -> None:
    path = write_constants(tmp_path / "r.onnx", describe("region", ("a", "b")), logits=[[0.0, 1.0]])
    with pytest.raises(FracturaError, match="no embedding"):
        Model(path).embed(np.zeros((1, 1, SIDE, SIDE), np.float32))


def test_a_damaged_openvino_model_is_named(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    (tmp_path / "m.xml").write_text("<net/>")
    with pytest.raises(FracturaError, match=r"m\.xml could not be opened as an OpenVINO model"):
        Reader(tmp_path / "m.xml")
