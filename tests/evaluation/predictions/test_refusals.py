"""What cannot be used is refused with the file, the line and what to do."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fractura.errors import FracturaError
from fractura.evaluation.predictions.read import read_predictions_of
from tests.evaluation.predictions.forms import record

RECORDS = [record("a.png"), record("b.png", "no fracture"), record("c.png")]


def reading(path: str, probability=0.5, **fields) -> str:
    given = {"path": path, "model": "m 1", "fracture": {"probability": probability}}
    return json.dumps(given | fields) + "\n"


def box(image="a.png", **fields) -> dict:
    return {"image_id": image, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5} | fields


def found(score=0.5, corners=(1, 2, 3, 4)) -> dict:
    return {"findings": [{"label": "fracture", "score": score, "box": corners}]}


TABLES = {
    "id,probability\na.png,0.5\na.png,0.25\n": (
        r"line 3: a.png is the second answer for set/a.png after a.png \(line 2\); keep one"
    ),
    "id,probability\na.png,93\n": r"line 2: .*93 and must be in 0..1; divide percentages by 100",
    "id,probability\na.png,-2.5\n": r"line 2: .*-2.5 .* logistic function",
    "id,probability\na.png,nan\n": "line 2: .*not a number",
    "id,probability\na.png,inf\n": "line 2: .*in 0..1",
    "id,probability\na.png,\n": "line 2: a number is missing",
    "id;probability\na.png;0,5\n": "line 2: '0,5' is no number; write decimals with a point",
    "id,probability\na.png\n": "line 2: it has 1 fields, and the head has 2",
    "id,fracture,probability\na.png,1,0.5\n": "'fracture' and 'probability' may both hold",
    "id,fractured,p_fracture\na.png,1,0.5\n": "'fractured' and 'p_fracture' may both be",
    "patient,probability\na.png,0.5\n": "no column names the image, only 'patient', 'probabil",
    "id,fracture_type\na.png,0.5\n": "no column holds the probability of fracture",
    "id,probability\nz.png,0.5\n": r"no image in it such as z.png is one of the split's, such as",
    "id,probability\n": "no image in it is one of the split's",
    "id,x1,y1,x2,y2,score\na.png,1,2,nan,4,0.5\n": "line 2: .*no number; leave it out",
    "id,x1,y1,x2,y2,score\na.png,9,2,3,4,0.5\n": "line 2: .*ends before it begins",
    "id,x1,y1,x2,y2,score\na.png,1,2,3,4,1.5\n": "line 2: the score of a box is 1.5",
    "id,x1,y1,x2,y2,score\na.png,1,2,,4,0.5\n": "line 2: a number is missing",
    "id,p,x1,y1,x2,y2,score\na.png,0.5,,,,,\na.png,0.7,,,,,\n": "line 3: .*another probability",
    "id,p,decision\na.png,0.5,maybe\n": "line 2: the decision is 'maybe'",
    "id,p,model\na.png,0.5,m\nb.png,0.5,n\n": "line 3: it is of n, those before of m",
}
LINES = {
    reading("x/a.png") + reading("y/a.png"): "x/a.png and y/a.png may both be set/a.png",
    reading("a.png") * 2: r"line 2: a.png is the second answer .*\(line 1\)",
    reading("a.png", 1.5): "line 1: the probability is 1.5",
    reading("a.png", float("nan")): "line 1: the probability is not a number",
    reading("a.png", 10**400): "line 1: it is no reading",
    reading("a.png", "high"): "line 1: it is no reading",
    reading("a.png") + '{"path": "b.png", "fracture"': "line 2: it is no JSON object; is the file",
    reading("a.png") + "[1]\n": "line 2: it is no JSON object",
    reading("a.png") + reading("b.png", model="m 2"): "line 2: it is of m 2, those before of m 1",
    reading("a.png", **found(corners=(1, 2, 3))): "line 1: it is no reading",
    reading("a.png", **found(corners=(1, 2, float("nan"), 4))): "line 1: .*leave it out",
    reading("a.png", **found(score=7)): "line 1: the score of a box is 7",
    reading("a.png", width=100, height=50, **found()): "100 × 50 pixels, and set/a.png has 200",
    reading("a.png", probabilities={"hand": 1}): "line 1: none of its classes is fracture",
    reading("z.png"): "no image in it such as z.png is one of the split's",
}
COCO = [
    ([box(), box(score=float("nan"))], "result 2: .*not a number"),
    ([box(bbox=[1, 2, -3, 4])], "result 1: .*negative width"),
    ([box(bbox=[1, 2, float("nan"), 4])], "result 1: .*no number; leave it out"),
    ([box(bbox=[1, 2, 3])], "result 1: it is not understood"),
    ([box(bbox=None)], "result 1: it is not understood"),
    ([box(image=None)], "result 1: it is not understood"),
    ([box(), box(category_id=2)], "result 2: .*classes 1 and 2.*beside the results"),
    ([box(), {"image_id": "b.png", "bbox": [1, 2, 3, 4]}], "result 2: it needs image_id"),
    ([box(), 3], "result 2: it needs image_id"),
    ([box("z.png")], "no image in it such as z.png"),
    ([box(segmentation={"size": [9, 9], "counts": [1]})], "result 1: it is not understood"),
    ({"images": []}, "it holds no list of results"),
    ({"annotations": [{"image_id": 1, "bbox": [1, 2, 3, 4]}]}, "needs image_id, bbox and score"),
]
YOLO = {
    "0 0.5 0.5 0.1 0.1": "line 1: it has 5 numbers; write class x y width height confidence",
    "0 0.5 0.5 0.1 0.1 0.5 7": "line 1: it has 7 numbers",
    "0 0.5 0.5 0.1 0.1 nan": "line 1: .*not a number",
    "0 nan 0.5 0.1 0.1 0.5": "line 1: a place is not a number",
    "0 100 50 10 10 0.5": "line 1: .*write fractions of its sides",
    "0 0.5 0.5 -0.1 0.1 0.5": "line 1: .*negative width",
    "0 0.5 0.5 0.1 0.1 50": "line 1: .*divide percentages",
    "fracture 0.5 0.5 0.1 0.1 0.5": "line 1: it is not understood",
    "0.5 0.5 0.5 0.1 0.1 0.5": "line 1: the class is 0.5",
    "0 0.5 0.5 0.5": "line 1: ",
}


def refused(source, sentence):
    with pytest.raises(FracturaError, match=sentence) as caught:
        read_predictions_of(source, RECORDS)
    assert str(source) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", TABLES)
def test_tables(text, tmp_path):
    (tmp_path / "said.csv").write_text(text)
    refused(tmp_path / "said.csv", TABLES[text])


@pytest.mark.parametrize("text", LINES)
def test_lines(text, tmp_path):
    (tmp_path / "said.jsonl").write_text(text)
    refused(tmp_path / "said.jsonl", LINES[text])


@pytest.mark.parametrize(("results", "sentence"), COCO)
def test_coco_results(results, sentence, tmp_path):
    (tmp_path / "said.json").write_text(json.dumps(results))
    refused(tmp_path / "said.json", sentence)


@pytest.mark.parametrize("text", YOLO)
def test_yolo(text, tmp_path):
    (tmp_path / "a.txt").write_text(text)
    refused(tmp_path, YOLO[text])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty; give readings.jsonl"),
        (b"PK\3\4\0\0", "holds no text; give"),
        (b"[1, 2", "no well-formed JSON"),
        (b"[" * 10**5, "no well-formed JSON"),
        (b"hello", "no column names the image"),
        (b'"id","prob\n', "no image in it is one of the split's"),
    ],
)
def test_other_files(content, sentence, tmp_path):
    (tmp_path / "said").write_bytes(content)
    refused(tmp_path / "said", sentence)


def test_nothing_there(tmp_path):
    refused(tmp_path / "none.csv", "cannot be read")
    refused(tmp_path, "there is no text file with boxes")
    said = tmp_path / "said.csv"
    said.write_text("id,p\na.png,0.5\n")
    with pytest.raises(FracturaError, match="choose another split"):
        read_predictions_of(said, [])
    with pytest.raises(FracturaError, match="cannot be looked for"):
        read_predictions_of(said, RECORDS, looked_for="metal")


def test_a_name_that_fits_better_takes_the_place_of_a_guess(tmp_path):
    text = reading("x/a.png", 0.25, **found(0.25)) + reading("a.png", 0.5, **found(0.5))
    (tmp_path / "said.jsonl").write_text(text + reading("y/a.png", 0.125, **found(0.125)))
    answers = read_predictions_of(tmp_path / "said.jsonl", RECORDS)
    assert answers.cases.ids == ("set/a.png",)
    assert answers.cases.probability.tolist() == [0.5]
    assert answers.cases.found.scores.tolist() == [0.5]
    assert answers.unknown == ("x/a.png", "y/a.png")
    assert answers.unanswered == ("set/b.png", "set/c.png")
    text = reading("p/images/c.png", 0.75) + reading("q/c.png", 0.5)
    (tmp_path / "said.jsonl").write_text(text)
    answers = read_predictions_of(tmp_path / "said.jsonl", RECORDS)
    assert (answers.cases.probability.tolist(), answers.unknown) == ([0.75], ("q/c.png",))
    assert answers.notes[0].startswith("1 answers were matched by the file name alone")


def test_copies_of_one_file_answer_once(tmp_path):
    records = [record("a.png", sha256="aa"), record("b.png", sha256="bb")]
    text = reading("copy.png", 0.25, sha256="aa") + reading("a.png", 0.5, sha256="aa")
    (tmp_path / "said.jsonl").write_text(text + reading("b.png", 0.75, sha256="cc"))
    answers = read_predictions_of(tmp_path / "said.jsonl", records)
    assert (answers.cases.ids, answers.cases.probability.tolist()) == (("set/a.png",), [0.5])
    assert answers.unknown == ("b.png",)
    assert [note.split(" ", 1)[0] for note in answers.notes] == ["1", "1"]
    assert "copies of radiographs" in answers.notes[0]
    assert "other bytes" in answers.notes[1]
    (tmp_path / "said.jsonl").write_text(reading("b.png", sha256="cc"))
    with pytest.raises(FracturaError, match=r"such as b.png have other bytes"):
        read_predictions_of(tmp_path / "said.jsonl", records)


def test_labels_that_do_not_tell_are_left_out(tmp_path):
    records = [record("a.png"), record("b.png", "unknown"), record("c.png", "abnormal")]
    (tmp_path / "said.csv").write_text("id,abnormal\na.png,0.5\nb.png,0.5\nc.png,0.25\n")
    answers = read_predictions_of(tmp_path / "said.csv", records, looked_for="abnormal")
    assert answers.cases.ids == ("set/a.png", "set/c.png")
    assert answers.cases.names == ("normal", "abnormal")
    assert (answers.cases.truths, answers.unanswered) == (None, ())
    assert answers.notes == ("1 radiographs whose label does not tell of abnormal are left out",)
    with pytest.raises(FracturaError, match="no column holds the probability of fracture"):
        read_predictions_of(tmp_path / "said.csv", records)
    (tmp_path / "said.csv").write_text("id,p\nb.png,0.5\nc.png,0.25\n")
    with pytest.raises(FracturaError, match="no radiograph that it answers has a label"):
        read_predictions_of(tmp_path / "said.csv", records)


def test_decisions_instead_of_probabilities_are_noted(tmp_path):
    (tmp_path / "said.csv").write_text("id,p\na.png,1\nb.png,0\n")
    (note,) = read_predictions_of(tmp_path / "said.csv", RECORDS).notes
    assert note.startswith("every probability is 0 or 1")


def test_no_result_at_all_is_an_answer(tmp_path):
    (tmp_path / "said.json").write_text("[]")
    answers = read_predictions_of(tmp_path / "said.json", [*RECORDS, record("d.png", "unknown")])
    np.testing.assert_array_equal(answers.cases.probability, 0)
    assert len(answers.cases.found) == 0
    assert answers.unanswered == ()
    assert answers.notes[0] == "3 images have no result and count as read without a box"
