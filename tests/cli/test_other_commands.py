import csv
import json

import cv2
import numpy as np
import pytest

from fractura.batch.pictures import picture_name
from fractura.cli.phantom import Wanted, run_lengths
from fractura.imaging.load import load
from fractura.imaging.phantom import KINDS, make_phantom
from fractura.imaging.quality import psnr, ssim


def test_demo(fractura, tmp_path):
    result = fractura("demo", "--count", 4)
    assert result.exit_code == 0
    assert result.stdout.count("not a certified medical device") == 1
    names = [f"phantom-{seed:06}.png" for seed in range(1000, 1004)]
    head, *rows = result.stdout.splitlines()[:5]
    assert head.startswith("PHANTOM")
    assert [row.split()[0] for row in rows] == names
    assert [" no fracture, " in row for row in rows] == [False, True, False, True]
    for folder in ("phantoms", "pictures"):
        assert f"fractura-demo/{folder}" in result.stdout
        made = (tmp_path / "fractura-demo" / folder).glob("*.png")
        assert sorted(path.name for path in made) == names
    assert fractura("detect", "fractura-demo", "--json").stdout.count("\n") == 4


def test_phantoms_come_with_the_truth(fractura, tmp_path):
    result = fractura("phantom", "--count", 3, "--seed", 5, "--fracture", "oblique", "--out", "p")
    assert result.exit_code == 0
    coco = json.loads((tmp_path / "p" / "annotations.json").read_text())
    with (tmp_path / "p" / "labels.csv").open(newline="") as file:
        labels = list(csv.DictReader(file))
    assert [label["seed"] for label in labels] == ["5", "6", "7"]
    for seed, image, label in zip((5, 6, 7), coco["images"], labels, strict=True):
        truth = make_phantom(seed, fracture="oblique")
        stored = load(tmp_path / "p" / label["file"])
        np.testing.assert_allclose(stored.pixels, truth.radiograph.pixels, atol=1e-5)
        assert label["file"] == f"images/{image['file_name']}"
        assert label["region"] == truth.region
        assert label["kinds"].split() == list(truth.kinds)
        notes = [note for note in coco["annotations"] if note["image_id"] == image["id"]]
        assert len(notes) == len(truth.boxes) > 0
        for note, box, mask in zip(notes, truth.boxes, truth.masks, strict=True):
            assert note["bbox"] == [box.x_min, box.y_min, box.width, box.height]
            assert note["area"] == mask.sum()
            np.testing.assert_array_equal(_mask(note["segmentation"]), mask)
    identities = [note["id"] for note in coco["annotations"]]
    assert len(set(identities)) == len(identities)


def _mask(segmentation):
    """COCO's definition, spelled out."""
    counts = segmentation["counts"]
    flat = np.repeat(np.arange(len(counts)) % 2, counts)
    return flat.reshape(segmentation["size"], order="F").astype(bool)


@pytest.mark.parametrize("mask", [np.zeros((2, 3), bool), np.ones((2, 3), bool), np.eye(3) > 0])
def test_run_lengths_of_edge_cases(mask):
    np.testing.assert_array_equal(_mask(run_lengths(mask)), mask)


def test_every_kind_of_fracture_can_be_wanted():
    assert {wanted.value for wanted in Wanted} == {"random", "none", *KINDS}


def test_enhance(fractura, tmp_path, phantom_pngs):
    cv2.imwrite("grey.png", np.random.default_rng(0).integers(0, 255, (60, 50), np.uint8))
    (tmp_path / "bad.png").touch()
    arguments = [phantom_pngs[0], "grey.png", "bad.png", "--steps", "median,clahe", "--compare"]
    result = fractura("enhance", *arguments, "--out", "e")
    assert result.exit_code == 1
    assert "bad.png: it is empty" in result.stdout
    for path, depth in ((str(phantom_pngs[0]), np.uint16), ("grey.png", np.uint8)):
        name = tmp_path / "e" / picture_name(path, "_enhanced.png")
        assert cv2.imread(str(name), cv2.IMREAD_UNCHANGED).dtype == depth
        original, enhanced = load(path).pixels, load(name).pixels
        row = next(line for line in result.stdout.splitlines() if line.endswith(path))
        decibels, _, similarity, _ = row.split()
        assert float(decibels) == pytest.approx(psnr(original, enhanced), abs=0.2)
        assert float(similarity) == pytest.approx(ssim(original, enhanced), abs=0.01)
        assert (tmp_path / "e" / picture_name(path, "_compared.png")).is_file()


def test_enhance_to_another_size_has_nothing_to_compare(fractura, phantom_pngs):
    result = fractura("enhance", phantom_pngs[0], "--steps", "resize")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1].split()[:2] == ["-", "-"]


def test_enhance_knows_its_steps(fractura, phantom_pngs):
    result = fractura("enhance", phantom_pngs[0], "--steps", "clahe,polish")
    assert result.exit_code == 2
    assert "there is no step 'polish'; choose from resize" in result.output


def test_models(fractura):
    result = fractura("models")
    assert result.exit_code == 0
    assert result.stdout.startswith("fractura-s  version ")
    for word in ("high sensitivity", "high specificity", "FracAtlas", "CC BY 4.0", "MB"):
        assert word in result.stdout
    assert "fractura-s" in fractura("models", "--card").stdout


def test_a_folder_that_cannot_be_written_is_one_sentence(fractura, tmp_path):
    (tmp_path / "file").touch()
    for arguments in (["demo"], ["phantom"], ["detect", "file"], ["enhance", "file"]):
        result = fractura(*arguments, "--out", "file/below")
        assert result.exit_code in (1, 2)
        assert "file/below" in result.output
        assert "Traceback" not in result.output


def test_models_lists_what_can_be_trained(fractura):
    from fractura.models.registry import CLASSIFIERS, DETECTORS

    result = fractura("models", "--architectures")
    assert {*CLASSIFIERS, *DETECTORS, "fractura"} <= set(result.stdout.split())
