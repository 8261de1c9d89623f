"""What the weights of a run have seen, in it and in the runs before."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from fractura.datasets.storage import read_manifest
from fractura.errors import FracturaError
from fractura.evaluation.leaks import content_marks
from fractura.reading.trained_on import trained_on
from fractura.training.finish import provenance, unseen
from fractura.training.recipe import Architecture
from fractura.training.run_folder import all_trained, trained_before, write_json

from .noise import MULTI_TASK, TWO_STAGE, run, write_noise


def test_a_run_on_top_of_another_has_seen_what_that_saw(tmp_path: Path) -> None:
    manifest = write_noise(tmp_path)
    records = read_manifest(manifest).records
    first = run(MULTI_TASK, write_noise(tmp_path / "other"), tmp_path / "first")
    split = {**first.split, "train": [records[3].id, records[0].id]}
    write_json(first.folder / "split.json", split)
    weights = str(first.folder / "weights.safetensors")
    model = TWO_STAGE.model.model_copy(
        update={"base_runs": (weights, weights), "pretrained": "default"}
    )
    second = run(TWO_STAGE.model_copy(update={"model": model}), manifest, tmp_path / "second")
    assert trained_before(model) == sorted([records[0].id, records[3].id])
    assert all_trained(second) == {records[0].id, records[3].id, *second.split["train"]}
    known = provenance(second, manifest)
    learnt = [one for one in records if one.id in all_trained(second)]
    assert trained_on(known) == all_trained(second) | content_marks(learnt)
    assert known["started_from"] == "first, first"
    stored = load_file(second.folder / "weights.safetensors")
    for name, tensor in load_file(weights).items():
        assert torch.equal(stored[f"base.0.{name}"], tensor)
        assert torch.equal(stored[f"base.1.{name}"], tensor)
    elsewhere = Architecture(name="fractura", pretrained=str(tmp_path / "weights.safetensors"))
    assert trained_before(elsewhere) == trained_before(Architecture(name="fractura")) == []


def test_two_stages_need_base_runs(tmp_path: Path) -> None:
    model = TWO_STAGE.model.model_copy(update={"base_runs": ()})
    with pytest.raises(FracturaError, match=r"name .* of their runs in model\.base_runs"):
        run(TWO_STAGE.model_copy(update={"model": model}), write_noise(tmp_path), tmp_path / "run")


def test_only_groups_that_no_run_has_seen_calibrate(tmp_path: Path) -> None:
    split = {"change": lambda index: {"split": "valid" if index >= 16 else "train"}}
    manifest = write_noise(tmp_path, **split)
    done = run(MULTI_TASK, manifest, tmp_path / "run")
    valid = [one for one in read_manifest(manifest).records if one.split == "valid"]
    assert unseen(done, manifest, valid) == valid
    seen = {**done.info, "trained_before": [valid[0].id]}
    write_json(done.folder / "run.json", seen)
    again = type(done)(done.folder, done.recipe, seen, done.split)
    assert unseen(again, manifest, valid) == valid[1:]
    everything = type(done)(
        done.folder, done.recipe, {**seen, "trained_before": [one.id for one in valid]}, done.split
    )
    with pytest.raises(FracturaError, match="have seen all of its validation split"):
        unseen(everything, manifest, valid)
