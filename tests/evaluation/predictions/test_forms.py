"""Every form of answers gives the same cases."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from fractura.cli import app
from fractura.datasets.record import Record
from fractura.evaluation.predictions.read import read_predictions_of
from fractura.evaluation.predictions.run_table import run_predictions, write_predictions
from fractura.findings import Box
from tests.evaluation.predictions.forms import (
    Said,
    assert_same,
    record,
    write_coco,
    write_csv,
    write_jsonl,
    write_yolo,
)
from tests.reading.networks import describe, write_constants

corner = st.tuples(st.integers(0, 1900), st.integers(0, 900))
shape = st.tuples(st.integers(1, 100), st.integers(1, 100))
box = st.builds(
    lambda at, size: Box(at[0] / 10, at[1] / 10, (at[0] + size[0]) / 10, (at[1] + size[1]) / 10),
    corner,
    shape,
)
scores = st.lists(st.integers(1, 10**5), max_size=4, unique=True)


@st.composite
def answered(draw: st.DrawFn) -> list[Said]:
    said = []
    for number in range(draw(st.integers(2, 8))):
        falling = sorted(draw(scores), reverse=True)
        boxes = tuple((draw(box), score / 10**5) for score in falling)
        label = draw(st.sampled_from(("fracture", "no fracture")))
        said.append(Said(record(f"img {number:03}.v1.jpg", label), boxes))
    return said


@given(answered(), st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_every_form_gives_the_same_cases(said, random):
    records = [one.record for one in said]
    shuffled = random.sample(said, len(said))
    some_box = any(one.boxes for one in said)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sources = [
            write_csv(folder / "boxes.csv", shuffled, probability=False),
            write_csv(folder / "both.csv", shuffled, probability=True),
            write_coco(folder / "numbered" / "results.json", shuffled, numbered=True),
            write_coco(folder / "named" / "results.json", shuffled, numbered=False),
            write_yolo(folder / "yolo", shuffled),
        ]
        if some_box:
            sources.append(write_jsonl(folder / "readings.jsonl", shuffled))
        found = [read_predictions_of(source, records) for source in sources]
    for answers in found:
        assert_same(answers.cases, found[0].cases)
        assert (answers.unanswered, answers.unknown) == ((), ())
    cases = found[0].cases
    assert cases.records == tuple(records)
    assert cases.probability.tolist() == [one.probability for one in said]
    assert cases.found.corners.tolist() == [
        pytest.approx(box.as_list()) for one in said for box, _ in one.boxes
    ]
    if some_box:
        assert set(found[-1].cases.decisions) == {"uncertain"}


def test_a_table_of_predictions_gives_what_was_written(tmp_path):
    records = [record("a.png"), record("b.png", "no fracture"), record("c.png")]
    chances = np.array([[0.25, 0.75], [0.9, 0.1], [1 / 3, 2 / 3]])
    ids = [one.id for one in records]
    said = run_predictions(ids, ids, np.array([1, 0, 1]), chances, ("no fracture", "fracture"))
    write_predictions(tmp_path / "predictions.csv", {"valid": said, "test": said})
    with pytest.raises(Exception, match=r"line 5: set/a.png is the second answer for set/a.png"):
        read_predictions_of(tmp_path, records)
    write_predictions(tmp_path / "predictions.csv", {"valid": said})
    answers = read_predictions_of(tmp_path, [*records, record("d.png")])
    assert answers.cases.probability.tolist() == chances[:, 1].tolist()
    assert (answers.cases.found, answers.cases.decisions) == (None, None)
    assert answers.unanswered == ("set/d.png",)


def test_what_the_commands_print_can_be_read(phantom_pngs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    description = describe("binary-fracture", ("no fracture", "fracture"))
    model = write_constants(tmp_path / "binary.onnx", description, logits=[[0.0, 2.0]])
    (tmp_path / "broken.png").write_text("no picture")
    files = [*phantom_pngs, tmp_path / "broken.png"]
    records = [
        Record(id=f"phantoms/{number}", path=path, source="phantoms", label="fracture")
        for number, path in enumerate(files)
    ]
    for command in (
        ["predict", model, *files, "--out", "said.csv"],
        ["predict", model, *files, "--out", "said.jsonl"],
        ["detect", "--model", model, *files, "--out", "results"],
    ):
        assert CliRunner().invoke(app, list(map(str, command))).exit_code == 1
    for source in ("said.csv", "said.jsonl", "results", "results/readings.csv"):
        answers = read_predictions_of(tmp_path / source, records)
        assert answers.cases.probability.tolist() == [0.8808] * 4
        assert answers.unanswered == ("phantoms/4",)
        assert any("1 images could not be read" in note for note in answers.notes)
        assert answers.cases.found is None
        assert answers.cases.model == "tiny 3"
    with pytest.raises(Exception, match="abnormal"):
        read_predictions_of(tmp_path / "said.jsonl", records, looked_for="abnormal")


def test_polygons_keep_their_outlines(tmp_path):
    records = [record("a.png"), record("b.png")]
    triangle = [20.0, 10.0, 60.0, 10.0, 40.0, 50.0]
    mask = {"size": [100, 200], "counts": [1005, 10, 90, 10, 18885]}
    results = [
        {"image_id": "a.png", "category_id": 1, "segmentation": [triangle], "score": 0.5},
        {
            "image_id": "b.png",
            "category_id": 1,
            "segmentation": mask,
            "bbox": [10, 5, 2, 10],
            "score": 0.25,
        },
    ]
    (tmp_path / "results.json").write_text(json.dumps(results))
    (tmp_path / "yolo").mkdir()
    (tmp_path / "yolo" / "a.txt").write_text("0 0.1 0.1 0.3 0.1 0.2 0.5 0.5\n")
    coco = read_predictions_of(tmp_path / "results.json", records).cases.found
    yolo = read_predictions_of(tmp_path / "yolo", records).cases.found
    assert coco.corners.tolist() == [[20, 10, 60, 50], [10, 5, 12, 15]]
    assert coco.outlines[0] == (((20, 10), (60, 10), (40, 50)),)
    assert set(coco.outlines[1][0]) == {(10.5, 5.5), (10.5, 14.5), (11.5, 14.5), (11.5, 5.5)}
    np.testing.assert_allclose(yolo.corners, [[20, 10, 60, 50]])
    np.testing.assert_allclose(yolo.outlines[0][0], coco.outlines[0][0])


def test_boxes_of_other_classes_are_left_out(tmp_path):
    records = [record("a.png"), record("b.png")]
    text = "1 0.5 0.5 0.1 0.1 0.9\n0 0.5 0.5 0.1 0.1 0.25\n"
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text(text)
    with pytest.raises(Exception, match=r"a.txt, line 2: .* classes 1 and 0.*data.yaml"):
        read_predictions_of(tmp_path, records)
    (tmp_path / "data.yaml").write_text("names: [wrist fracture, metal]\n")
    answers = read_predictions_of(tmp_path, records)
    assert answers.cases.probability.tolist() == [0.25, 0]
    assert "boxes of classes other than fracture are left out: 'metal' (1)" in answers.notes
    assert "1 images have no text file and count as read without a box" in answers.notes
    (tmp_path / "data.yaml").write_text("names: [screw, metal]\n")
    with pytest.raises(Exception, match="none of the classes 'screw', 'metal' means fracture"):
        read_predictions_of(tmp_path, records)


def test_boxes_beyond_the_image_are_clipped_with_a_note(tmp_path):
    table = tmp_path / "boxes.csv"
    table.write_text(
        "id,x1,y1,x2,y2,score\nset/a.png,-5,-5,20,20,0.5\nset/a.png,190,90,300,300,0.25\n"
        "set/a.png,1,1,200.000001,2,0.125\n"
    )
    answers = read_predictions_of(table, [record("a.png")])
    expected = [[0, 0, 20, 20], [190, 90, 200, 100], [1, 1, 200, 2]]
    assert answers.cases.found.corners.tolist() == expected
    assert answers.notes == ("2 boxes reached beyond their image and were clipped to it",)


def test_numbers_of_images_without_a_coco_file(tmp_path):
    records = [record("000042.jpg"), record("b.jpg", extra={"image_id": "7"}), record("c.jpg")]
    results = [
        {"image_id": number, "category_id": 1, "bbox": [1, 2, 3, 4], "score": score}
        for number, score in ((42, 0.5), (7, 0.25), (99, 0.125))
    ]
    (tmp_path / "r.json").write_text(json.dumps(results))
    answers = read_predictions_of(tmp_path / "r.json", records)
    assert answers.cases.probability.tolist() == [0.5, 0.25, 0]
    assert answers.unknown == ("image 99",)
    with pytest.raises(Exception, match=r"lay the COCO file that lists them beside it"):
        read_predictions_of(tmp_path / "r.json", [record("x.jpg")])
    listing = {"images": [{"id": 42, "file_name": "c.jpg"}, {"id": 1, "file_name": "b.jpg"}]}
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "valid.json").write_text(json.dumps(listing))
    answers = read_predictions_of(tmp_path / "r.json", [*records, record("d.jpg")])
    assert answers.cases.ids == ("set/b.jpg", "set/c.jpg")
    assert answers.cases.probability.tolist() == [0, 0.5]
    assert answers.unknown == ("image 7", "image 99")
    assert answers.unanswered == ("set/000042.jpg", "set/d.jpg")


@pytest.mark.parametrize("names", [["fracture"], ["fracture", "metal"]])
def test_classes_counted_from_elsewhere_are_refused(tmp_path, names):
    """Shifted by one, boxes of metal would be measured as fractures."""
    records = [record("a.png"), record("b.png")]
    results = [
        {"image_id": "a.png", "category_id": number, "bbox": [1, 2, 3, 4], "score": 0.5}
        for number in range(len(names))
    ]
    (tmp_path / "predictions.json").write_text(json.dumps(results))
    listing = {
        "images": [{"id": 1, "file_name": "a.png"}],
        "categories": [{"id": number, "name": name} for number, name in enumerate(names, 1)],
    }
    (tmp_path / "images.json").write_text(json.dumps(listing))
    with pytest.raises(Exception, match=r"result 1: class 0 is none of those listed: 1 \(frac"):
        read_predictions_of(tmp_path / "predictions.json", records)
    folder = tmp_path / "yolo"
    (folder / "labels").mkdir(parents=True)
    (folder / "data.yaml").write_text(f"names: {json.dumps(names)}\n")
    (folder / "labels" / "a.txt").write_text(f"{len(names)} 0.5 0.5 0.1 0.1 0.9\n")
    with pytest.raises(Exception, match=f"a.txt, line 1: class {len(names)} is none of those"):
        read_predictions_of(folder, records)
