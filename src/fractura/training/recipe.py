"""Everything that determines a training run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from fractura.errors import FracturaError
from fractura.imaging.fit import FitParameters

Positive = Annotated[int, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class Augmentation(BaseModel):
    """Random changes of the training images; probabilities in 0..1, angles in degrees."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rotation: float = 20
    quarter_turn: Fraction = 0.15
    mirror: Fraction = 0.5
    scale: tuple[float, float] = (0.8, 1.4)
    translation: Fraction = 0.1
    gamma: tuple[float, float] = (0.6, 1.7)
    contrast: tuple[float, float] = (0.7, 1.3)
    blur: Fraction = 0.15
    noise: Fraction = 0.2
    erase: Fraction = 0.2


class Recipe(BaseModel):
    """One training run. Image sizes are in pixels, learning rates are those of AdamW.

    Attributes:
        name: the model's name, stored in the exported file.
        fit: how radiographs become network inputs when they are read. A longer side above
            ``training_side`` makes up for the enlargement in augmentation (Touvron et al. 2019,
            arXiv 1906.06423).
        training_side: longer side of training images before augmentation.
        canvas: height and width of training images after it.
        channels: width of the feature pyramid and the heads.
        fold: number of the manifest's fold that is held out; ``null`` holds out none.
        phantoms: synthetic radiographs mixed into every epoch.
        normals_per_fracture: normals drawn in every epoch for each fractured image.
        epochs, batch, warmup_steps: length of the run.
        backbone_rate, head_rate, weight_decay: the optimiser's.
        average: decay of the exponential moving average of the weights.
        validate_every: epochs between validations.
        seed: of everything random.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    fit: FitParameters = FitParameters()
    training_side: Positive = 448
    canvas: tuple[Positive, Positive] = (448, 384)
    channels: Positive = 64
    fold: int | None = None
    phantoms: int = 100
    normals_per_fracture: float = 1.0
    epochs: Positive
    batch: Positive = 16
    warmup_steps: int = 200
    backbone_rate: float = 3e-4
    head_rate: float = 1e-3
    weight_decay: float = 0.02
    average: Fraction = 0.998
    validate_every: Positive = 5
    seed: int = 0
    augmentation: Augmentation = Augmentation()


def read_recipe(path: Path) -> Recipe:
    """Read a YAML recipe; unknown or wrong fields are named in the error."""
    import yaml
    from pydantic import ValidationError

    try:
        return Recipe.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise FracturaError(f"{path} is not a valid recipe: {error}") from error
