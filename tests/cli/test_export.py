import dataclasses
import json

import pytest
import torch
from safetensors.torch import save_file

from fractura import Reader, load
from fractura.datasets.manifest import Manifest
from fractura.datasets.record import Record
from fractura.datasets.storage import read_manifest, write_manifest
from fractura.models.classifiers import build_classifier
from fractura.reading.model import Model
from fractura.training import finish
from fractura.training.export.write import ACCEPTED_LOSS, LARGEST_LOSS
from fractura.training.recipe import parse_recipe, recipe_yaml
from tests.reading.networks import describe

CLASSES = ("no fracture", "fracture")
RECIPE = {
    "name": "tiny",
    "task": "binary-fracture",
    "model": {"name": "custom-cnn", "pretrained": "none"},
    "data": {"preprocess": {"long_side": 64, "multiple": 64}},
    "trainer": {"epochs": 1},
}


@pytest.fixture
def run(tmp_path, phantom_pngs, monkeypatch):
    """A run folder as training leaves it, with four phantoms to validate on, one unreadable."""
    records = [
        Record(id=f"p/{n}", path=path, source="p", label=CLASSES[n % 2], split="valid")
        for n, path in enumerate([*phantom_pngs, tmp_path / "gone.png"])
    ]
    manifest = tmp_path / "m.parquet"
    write_manifest(manifest, Manifest(tuple(records)))
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "recipe.yaml").write_text(recipe_yaml(parse_recipe(RECIPE, "test")))
    place = {"path": str(manifest), "hash": read_manifest(manifest).content_hash}
    (folder / "run.json").write_text(json.dumps({"manifest": place, "classes": CLASSES}))
    split = {"train": [], "valid": [record.id for record in records]}
    (folder / "split.json").write_text(json.dumps(split))
    torch.manual_seed(0)
    save_file(build_classifier("custom-cnn", 2).state_dict(), folder / "weights.safetensors")
    description = describe("binary-fracture", CLASSES)
    monkeypatch.setattr(
        finish,
        "describe_run",
        lambda run, manifest, version: dataclasses.replace(description, version=version),
    )
    return folder


def test_a_run_becomes_a_file_that_detect_reads(fractura, run, phantom_pngs, tmp_path):
    result = fractura("export", run, "--out", "m.onnx", "--version", "2.1")
    assert result.exit_code == 0, result.output
    assert "4 radiographs" in result.stdout
    assert "AUROC" in result.stdout
    reading = Reader(tmp_path / "m.onnx").read(load(phantom_pngs[0]))
    assert reading.model == "tiny 2.1"


def test_openvino_is_read_as_well(fractura, run, phantom_pngs, tmp_path):
    pytest.importorskip("openvino")
    for name, format in (("m.onnx", "onnx"), ("m.xml", "openvino")):
        assert fractura("export", run, "--out", name, "--format", format).exit_code == 0
    one, other = (
        Reader(tmp_path / name).read(load(phantom_pngs[1])) for name in ("m.onnx", "m.xml")
    )
    assert one.probability == pytest.approx(other.probability, abs=1e-5)
    assert dataclasses.replace(one, probability=0) == dataclasses.replace(other, probability=0)


def test_a_loss_is_refused_until_it_is_accepted(fractura, run, tmp_path, monkeypatch):
    monkeypatch.setitem(LARGEST_LOSS, "AUROC", -2.0)  # an AUROC of 1 would have to be above 2
    ask = ("export", run, "--out", "m.onnx", "--format", "fp16")
    refused = fractura(*ask)
    assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
    assert "this format takes AUROC of tiny from" in refused.stderr
    assert "--accept-loss writes it all the same" in refused.stderr
    assert not (tmp_path / "m.onnx").exists()
    accepted = fractura(*ask, "--accept-loss")
    assert accepted.exit_code == 0, accepted.stderr
    assert "Warning: this format takes AUROC of tiny from" in accepted.stdout
    assert ACCEPTED_LOSS in Model(tmp_path / "m.onnx").description.provenance
    unneeded = fractura("export", run, "--out", "n.onnx", "--accept-loss")
    assert unneeded.exit_code == 2
    assert "--accept-loss is for fp16 and int8" in unneeded.stderr


def test_what_is_wrong_is_one_sentence(fractura, run, tmp_path):
    no_run = fractura("export", tmp_path, "--out", "m.onnx")
    assert (no_run.exit_code, no_run.stderr.count("\n")) == (1, 1)
    write_manifest(tmp_path / "other.parquet", Manifest(()))
    other = fractura("export", run, "--out", "m.onnx", "--manifest", tmp_path / "other.parquet")
    assert (other.exit_code, other.stderr.count("\n")) == (1, 1)
    assert "other.parquet" in other.stderr
    assert not (tmp_path / "m.onnx").exists()
