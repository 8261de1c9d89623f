"""Recipes are checked before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from fractura.errors import FracturaError
from fractura.training.recipe import Recipe, read_recipe

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.yaml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_shipped_recipes_are_valid_and_survive_json(path: Path) -> None:
    recipe = read_recipe(path)
    assert recipe.name == path.stem
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe


@pytest.mark.parametrize(
    "text", ["name: a\nepochs: 3\nepoch: 4", "name: a", "name: a\nepochs: -1", "{", "name: [1"]
)
def test_a_wrong_recipe_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(FracturaError, match=r"wrong\.yaml"):
        read_recipe(path)
