"""Recipes are checked before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from fractura.errors import FracturaError
from fractura.reading.model import Model
from fractura.training.pipeline import read_stages
from fractura.training.recipe import (
    Recipe,
    explain,
    field_names,
    parse_recipe,
    read_recipe,
    read_yaml,
    recipe_yaml,
)
from fractura.training.recipes import recipe_path, shipped_recipes

ROOT = Path(__file__).parents[2]
MINIMAL = "name: a\ntask: region\nmodel: {name: resnet18}\ntrainer: {epochs: 3}\n"


@pytest.mark.parametrize("name", shipped_recipes())
def test_shipped_recipes_survive_yaml_and_json(name: str) -> None:
    assert read_yaml(recipe_path(name))["description"]
    for stage in read_stages(name):
        survives(stage.recipe)


def survives(recipe: Recipe) -> None:
    assert recipe.description
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe
    assert Recipe.model_validate(yaml.safe_load(recipe_yaml(recipe))) == recipe


def test_single_fields_are_changed(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(MINIMAL)
    changes = [
        "trainer.epochs=5",
        "data.preprocess.long_side=64",
        "data.preprocess.multiple=64",
        "name=b",
    ]
    recipe = read_recipe(path, [*changes, "augmentation.scale=[1, 2]", "trainer.monitor=null"])
    assert (recipe.trainer.epochs, recipe.name, recipe.data.frame) == (5, "b", (64, 64))
    assert recipe.augmentation.scale == (1, 2)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["trainer.epoch=3"], r"trainer.epoch is no field; did you mean trainer.epochs\?"),
        (["trainer.epochs=0"], "trainer.epochs: .*greater than 0"),
        (["trainer.epochs=many"], "trainer.epochs: .*integer"),
        (["trainer.epochs"], "write it as trainer.epochs=3"),
        (["name.first=3"], "name.first is no field"),
        (["task=fractures"], "task: .*binary-fracture"),
        (["freeze.epochs=3"], "freeze.epochs must be smaller"),
        (
            ["model.base_runs=[a, b]", "model.base_scales=[1]"],
            "model.base_scales must name one size for each",
        ),
        (
            ["data.preprocess.multiple=32"],
            "data.preprocess.multiple equal to data.preprocess.long_side",
        ),
        (["name=../../etc"], "name: "),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, changes: list[str], said: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(MINIMAL)
    with pytest.raises(FracturaError, match=said):
        read_recipe(path, changes)


@pytest.mark.parametrize("text", ["{", "name: [1", "[1, 2]", "", "\x00"])
def test_what_is_no_recipe_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(FracturaError, match=r"wrong\.yaml"):
        read_recipe(path)
    with pytest.raises(FracturaError, match=r"shipped: .*binary-fracture"):
        recipe_path(str(tmp_path / "none.yaml"))


def test_every_field_is_explained() -> None:
    words = explain()
    for name in field_names():
        leaf = name.rpartition(".")[2]
        assert leaf in words, name


@pytest.mark.parametrize(
    "path", sorted((ROOT / "recipes/comparison").glob("*.yaml")), ids=lambda path: path.stem
)
def test_the_published_comparisons_recipes_are_recipes(path: Path) -> None:
    assert read_recipe(path).trainer.epochs > 1


def test_the_shipped_model_says_which_recipe_made_it() -> None:
    recipe = Model("fractura-s", threads=1).description.provenance["recipe"]
    assert parse_recipe(recipe, "fractura-s").model.name == "fractura-two-stage"
