"""The gallery shows the right cases, each cluster once, and names nobody."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fractura.evaluation.cases import Boxes, Cases
from fractura.evaluation.gallery import draw_case, gallery
from fractura.imaging.load import load
from fractura.imaging.phantom import make_phantom
from fractura.imaging.save import save_png, to_16_bit
from fractura.imaging.style import SKY_BLUE, VERMILLION
from tests.evaluation.strata import fracture, make_cases, random_cases

POSITIVE = [True] * 4 + [False] * 4
PROBABILITY = [0.1, 0.05, 0.2, 0.9, 0.8, 0.7, 0.45, 0.01]


def test_the_worst_come_first_and_no_two_of_one_cluster():
    cases = make_cases(POSITIVE, PROBABILITY, [0, 0, 1, 2, 3, 3, 4, 5])
    shown = gallery(cases, None, each=2)
    assert [(one["kind"], one["id"]) for one in shown] == [
        ("missed fracture", "made/1"),
        ("missed fracture", "made/2"),
        ("false alarm", "made/4"),
        ("most uncertain", "made/6"),
        ("most uncertain", "made/3"),
    ]
    assert {one["file"] for one in shown} == {None}
    assert shown[0]["caption"].endswith("also a suspected label error")
    assert shown[2]["label"] == "no fracture"


def test_the_models_own_decisions_say_what_is_missed():
    decisions = ["fracture"] * 4 + ["no fracture"] * 3 + ["uncertain"]
    shown = gallery(make_cases(POSITIVE, PROBABILITY, decisions=decisions), None, each=1)
    assert [one["id"] for one in shown if one["kind"] == "false alarm"] == ["made/7"]
    assert "missed fracture" not in {one["kind"] for one in shown}


@pytest.mark.parametrize("seed", range(3))
def test_clusters_and_limits_hold_for_random_cases(seed):
    cases = random_cases(seed, 200)
    shown = gallery(cases, None)
    index = [cases.ids.index(one["id"]) for one in shown]
    assert len(set(cases.clusters[index].tolist())) == len(shown)
    kinds = [one["kind"] for one in shown]
    assert max(map(kinds.count, kinds)) == 6


@pytest.mark.parametrize("positive", [[True], [False]])
def test_one_case_is_enough(positive):
    assert len(gallery(make_cases(positive, [0.5]), None)) == 1


def pictured(folder: Path) -> Cases:
    path = folder / "Smith^John.png"
    save_png(path, to_16_bit(make_phantom(3, width=700, height=1000).radiograph.pixels))
    cases = make_cases(
        [True, False],
        [0.1, 0.9],
        found=Boxes(
            np.array([0, 0, 1]),
            np.array([[100.0, 200, 300, 400], [400, 10, 500, 50], [0, 0, 9, 9]]),
            np.array([0.3, 0.001, 0.7]),
        ),
        annotations=[(fracture(400, 600, 600, 800),), ()],
    )
    broken = folder / "broken.png"
    broken.write_bytes(b"not a picture")
    paths = [path, broken]
    records = tuple(replace(one, path=at) for one, at in zip(cases.records, paths, strict=True))
    return replace(cases, records=records)


def test_pictures_are_small_and_their_names_tell_nothing(tmp_path):
    shown = gallery(pictured(tmp_path), tmp_path / "out")
    assert [one["file"] for one in shown] == ["gallery/01-missed-fracture.png", None]
    assert "could not be read" in shown[1]["note"]
    files = list((tmp_path / "out").rglob("*.png"))
    assert [file.name for file in files] == ["01-missed-fracture.png"]
    picture = load(files[0])
    assert max(picture.width, picture.height) == 480


def test_found_boxes_are_solid_and_true_ones_dashed(tmp_path):
    cases = pictured(tmp_path)
    picture = draw_case(load(cases.records[0].path), cases, 0)
    scale = 460 / 1000
    found = (picture[:460] == VERMILLION).all(-1)
    true = (picture[:460] == SKY_BLUE).all(-1)
    top = round(200 * scale) - 2
    assert found[top, round(100 * scale) : round(300 * scale)].all()
    side = true[round(600 * scale) - 2, round(400 * scale) : round(600 * scale)]
    assert 0.3 < side.mean() < 0.8
    assert not found[: round(60 * scale), round(380 * scale) :].any(), "a score of 0.001 is no box"
