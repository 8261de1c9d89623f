"""``fractura recipes``: what ships to train by."""

from __future__ import annotations

from typing import Annotated

import typer

from fractura.cli.terminal import show
from fractura.errors import WrongUsageError


def recipes(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Print this recipe, to save and change.")
    ] = None,
    resolved: Annotated[
        bool, typer.Option("--resolved", help="Print every default as well.")
    ] = False,
    fields: Annotated[
        bool, typer.Option("--fields", help="Explain every field of a recipe.")
    ] = False,
) -> None:
    """List the recipes that ship, print one, or explain the fields.

    \b
    fractura recipes
    fractura recipes binary-fracture > mine.yaml
    fractura recipes detection --resolved
    fractura recipes --fields
    """
    try:
        from fractura.training.pipeline import read_stages
        from fractura.training.recipe import explain, read_yaml, recipe_yaml
        from fractura.training.recipes import recipe_path, shipped_recipes
    except ImportError as error:
        raise WrongUsageError('recipes need pydantic: pip install "fractura[train]"') from error
    if fields:
        show(explain())
    elif name is None:
        for title in shipped_recipes():
            show(f"{title:<20} {read_yaml(recipe_path(title))['description']}")
    elif resolved:
        show("---\n".join(recipe_yaml(stage.recipe) for stage in read_stages(name)).rstrip())
    else:
        show(recipe_path(name).read_text("utf-8").rstrip())
