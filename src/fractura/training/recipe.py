"""Everything that determines a training run, as small typed parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from fractura.errors import FracturaError, RecipeError
from fractura.imaging.preprocess import PreprocessConfig

Positive = Annotated[int, Field(gt=0)]
Count = Annotated[int, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[float, Field(ge=1 / 16, le=1)]
Rate = Annotated[float, Field(gt=0)]
Range = tuple[float, float]

Task = Literal[
    "binary-fracture", "abnormality", "region", "fracture-type", "multi-task", "detection"
]


class RecipeSection(BaseModel):
    """Frozen, and a misspelt field is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Architecture(RecipeSection):
    """The network.

    Attributes:
        name: see ``fractura models --architectures``: ``custom-cnn``, ``monai-densenet121``, any
            timm model, torchvision's detectors, ``fractura`` (the multi-task network), or
            ``fractura-two-stage`` (a second look on top of it).
        pretrained: ``default`` takes what the library downloads, ``none`` starts from nothing, a
            path is a safetensors file. The multi-task networks also go on from an exported model,
            by its ONNX file's path or a shipped model's name; ``fractura-s#1`` is its second base
            network.
        hold_norm: batch norm of the multi-task networks keeps its statistics, as it must where
            they go on from an exported model.
        dropout: before the last layer of a classifier.
        channels: width of the multi-task network's feature pyramid and heads.
        freeze_stem: the multi-task network's layers up to stride 4 never train.
        base_runs: ``weights.safetensors`` of the multi-task runs on which ``fractura-two-stage``
            stands, or base networks of exported models; of several, the answers are averaged.
        mirror_tta: each of these sees every image and its mirror image; without it, they take
            turns.
        base_scales: what share of the image's size each of these sees; empty lets all see it whole.
        crop_fill: a refiner each, whose answers are averaged: what share of the
            enlarged place's side the suspected box takes. The smaller, the more of what is around.
    """

    name: str
    pretrained: str = "default"
    dropout: Fraction = 0.3
    channels: Positive = 64
    freeze_stem: bool = True
    hold_norm: bool = False
    base_runs: tuple[str, ...] = ()
    mirror_tta: bool = True
    base_scales: tuple[Share, ...] = ()
    crop_fill: tuple[Share, ...] = Field((0.4,), min_length=1)

    @model_validator(mode="after")
    def _a_size_each(self) -> Architecture:
        if self.base_scales and len(self.base_scales) != len(self.base_runs):
            raise ValueError(
                "model.base_scales must name one size for each of model.base_runs, or none"
            )
        return self


class Data(RecipeSection):
    """Which radiographs, and at what size.

    Attributes:
        preprocess: how radiographs become network inputs when they are read. A longer side above
            ``training_side`` makes up for the enlargement in augmentation (Touvron et al. 2019,
            arXiv 1906.06423). Classifiers and torchvision's detectors need a square: ``multiple``
            equal to ``long_side``.
        training_side: longer side of training images before augmentation; ``null`` is
            ``preprocess.long_side``.
        canvas: height and width of training images after it; ``null`` is a square of
            ``preprocess.long_side``.
        fold: number of the manifest's fold that is held out; ``null`` holds out none.
        classes: names of the classes, in order, for ``region`` and ``fracture-type``; empty takes
            all that the training records have, by name.
        fractured_only: leave out everything without a fracture.
        sampling: ``natural`` shows every record as often as its ``copies`` say; ``balanced`` draws
            each class equally often, with replacement (oversampling); ``balanced-sources`` draws
            data sets by the square root of their sizes, and in each every class equally often.
        normals_per_fracture: normals drawn anew in every epoch for each fractured record; ``null``
            shows all. For tasks that tell fractures.
        phantoms: synthetic radiographs mixed into every epoch. For tasks that tell fractures.
    """

    preprocess: PreprocessConfig = PreprocessConfig(long_side=224, multiple=224)
    training_side: Positive | None = None
    canvas: tuple[Positive, Positive] | None = None
    fold: int | None = None
    classes: tuple[str, ...] = ()
    fractured_only: bool = False
    sampling: Literal["natural", "balanced", "balanced-sources"] = "natural"
    normals_per_fracture: Rate | None = None
    phantoms: Count = 0

    @property
    def side(self) -> int:
        """Longer side of training images before augmentation, in pixels."""
        return self.training_side or self.preprocess.long_side

    @property
    def frame(self) -> tuple[int, int]:
        """Height and width of training images after augmentation, in pixels."""
        return self.canvas or (self.preprocess.long_side, self.preprocess.long_side)


class Augmentation(RecipeSection):
    """Random changes of the training images. All fields but the ranges are probabilities in 0..1.

    Attributes:
        rotation: largest angle in degrees, either way.
        quarter_turn: of a turn by 90, 180 or 270 degrees.
        horizontal_flip, vertical_flip: of a flip left to right, top to bottom.
        scale: enlargement; ``(1, 1)`` leaves it.
        translation: largest shift as a share of the frame.
        gamma, contrast: exponent of, and factor around a random level on, grey values in 0..1.
        clahe, blur, noise, jpeg, invert, random_erasing: of contrast-limited adaptive histogram
            equalisation, Gaussian blur, Gaussian noise, JPEG compression, inversion, and one
            rectangle painted over (coarse dropout).
        unsharp, downsample, burned_in: of edge enhancement, low resolution, and words in the image.
        crop: of a part enlarged up to ``crop_zoom`` times; little of an image whose fractures are
            not marked.
        margin: of margins of one grey value around the image.
        paste: of a part of another radiograph pasted in without a seam, for detection and
            multi-task: a fracture, or as often mere bone, so that the pasting tells nothing.
        mosaic: of four radiographs in one frame, for detection and multi-task.
    """

    rotation: Annotated[float, Field(ge=0, le=180)] = 15
    quarter_turn: Fraction = 0
    horizontal_flip: Fraction = 0.5
    vertical_flip: Fraction = 0
    scale: Range = (0.85, 1.2)
    translation: Fraction = 0.05
    gamma: Range = (0.7, 1.5)
    contrast: Range = (0.8, 1.25)
    clahe: Fraction = 0
    blur: Fraction = 0.1
    noise: Fraction = 0.1
    jpeg: Fraction = 0
    invert: Fraction = 0
    random_erasing: Fraction = 0
    unsharp: Fraction = 0
    downsample: Fraction = 0
    burned_in: Fraction = 0
    crop: Fraction = 0
    crop_zoom: Annotated[float, Field(ge=1)] = 3.0
    margin: Fraction = 0
    paste: Fraction = 0
    mosaic: Fraction = 0


class Objective(RecipeSection):
    """What is minimised. Detectors and the multi-task network bring their own losses.

    Attributes:
        loss: ``cross-entropy`` and ``focal`` (Lin et al. 2017, arXiv 1708.02002) over classes;
            ``binary-cross-entropy`` asks of each class alone whether it is there.
        focal_gamma: of the focal loss.
        label_smoothing: share of the label spread over all classes.
        class_weights: ``balanced`` weights classes by the inverse of their number.
        mixup: alpha of mixup (Zhang et al. 2017, arXiv 1710.09412); 0 does without.
    """

    loss: Literal["cross-entropy", "binary-cross-entropy", "focal"] = "cross-entropy"
    focal_gamma: Annotated[float, Field(ge=0)] = 2.0
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    class_weights: Literal["none", "balanced"] = "none"
    mixup: Annotated[float, Field(ge=0)] = 0.0


class OptimizerConfig(RecipeSection):
    """How the weights move.

    Attributes:
        name: of torch's optimisers.
        head_lr, backbone_lr: learning rates of the new layers and of the pretrained ones.
        layer_decay: the backbone's rate falls by this factor from each of its stages to the one
            before.
        weight_decay: the L2 penalty; decoupled in AdamW (Loshchilov and Hutter 2017,
            arXiv 1711.05101).
        momentum: of SGD.
    """

    name: Literal["adamw", "adam", "sgd"] = "adamw"
    head_lr: Rate = 1e-3
    backbone_lr: Rate = 3e-4
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    weight_decay: Annotated[float, Field(ge=0)] = 0.02
    momentum: Fraction = 0.9


class Schedule(RecipeSection):
    """How the learning rates change, after any frozen epochs.

    Attributes:
        name: ``cosine`` falls to ``final``; ``step`` multiplies by ``step_factor`` every
            ``step_epochs``; ``one-cycle`` rises over the first 30 % and falls to ``final``
            (Smith and Topin 2017, arXiv 1708.07120); ``constant`` stays.
        warmup_steps: steps of linear rise at the very start.
        final: what is left of the rate at the end.
        step_epochs, step_factor: of ``step``.
    """

    name: Literal["cosine", "step", "one-cycle", "constant"] = "cosine"
    warmup_steps: Count = 0
    final: Fraction = 0.02
    step_epochs: Positive = 7
    step_factor: Fraction = 0.1


class FreezePhase(RecipeSection):
    """The first phase, in which only the new layers train.

    Attributes:
        epochs: its length; 0 does without.
        lr: learning rate of the new layers in it.
    """

    epochs: Count = 0
    lr: Rate = 1e-3


class TrainerConfig(RecipeSection):
    """The run.

    Attributes:
        epochs: all of them, the frozen ones included.
        batch_size: images a step, of all processes together.
        accumulate: batches whose gradients are added up before the weights move.
        grad_clip_norm: largest norm of the gradient; 0 does without.
        precision: ``bf16`` and ``fp16`` are mixed.
        ema_decay: decay of the exponential moving average of the weights, which forgets faster in
            the first steps; 0 does without.
        validate_every: epochs between validations.
        patience: validations without a better ``monitor`` after which the run stops; 0 never.
        monitor: the figure that chooses the best checkpoint; ``null`` takes the task's own.
        seed: of everything random.
    """

    epochs: Positive
    batch_size: Positive = 16
    accumulate: Positive = 1
    grad_clip_norm: Annotated[float, Field(ge=0)] = 10.0
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.0
    validate_every: Positive = 1
    patience: Count = 0
    monitor: str | None = None
    seed: Count = 0


class Recipe(RecipeSection):
    """One training run.

    Attributes:
        name: the model's, stored in exported files.
        description: one sentence for ``fractura recipes``.
        task: what the model tells. ``binary-fracture``: fracture or none. ``abnormality``: normal
            or abnormal (MURA). ``region``, ``fracture-type``: one of several classes.
            ``detection``: boxes around fractures. ``multi-task``: boxes, image probability and
            region, as the shipped model.
        model, data, augmentation, objective, optimizer, schedule, freeze, trainer: see their types.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    description: str = ""
    task: Task
    model: Architecture
    data: Data = Data()
    augmentation: Augmentation = Augmentation()
    objective: Objective = Objective()
    optimizer: OptimizerConfig = OptimizerConfig()
    schedule: Schedule = Schedule()
    freeze: FreezePhase = FreezePhase()
    trainer: TrainerConfig

    @model_validator(mode="after")
    def _fits_together(self) -> Recipe:
        if self.freeze.epochs >= self.trainer.epochs:
            raise ValueError("freeze.epochs must be smaller than trainer.epochs")
        parameters = self.data.preprocess
        if self.task != "multi-task" and parameters.multiple != parameters.long_side:
            raise ValueError(
                "this task needs data.preprocess.multiple equal to data.preprocess.long_side"
            )
        return self


def read_recipe(path: Path, changes: Sequence[str] = ()) -> Recipe:
    """Read a YAML recipe and change single fields.

    Args:
        path: the file.
        changes: ``"trainer.epochs=3"``, the value as in YAML.

    Raises:
        FracturaError: the file is no recipe, or a field is unknown or wrong; says which.
    """
    content = read_yaml(path)
    for change in changes:
        _change(content, change)
    return parse_recipe(content, str(path))


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping that a YAML file holds.

    Raises:
        FracturaError: the file cannot be read, is no YAML, or holds no mapping.
    """
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise FracturaError(f"{path} is not a readable YAML file: {error}") from error
    if not isinstance(content, dict):
        raise FracturaError(f"{path} is not a recipe, which is a list of fields")
    return content


def parse_recipe(content: Mapping[str, Any], name: str) -> Recipe:
    """Check a recipe's content; errors name the field, and like-named ones.

    Raises:
        FracturaError: a field is unknown, missing or wrong.
    """
    from pydantic import ValidationError

    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(_problem(item) for item in error.errors())
        raise RecipeError(f"{name} is not a valid recipe: {problems}") from error


def recipe_yaml(recipe: Recipe) -> str:
    """The whole recipe as YAML, every default written out."""
    import yaml

    text: str = yaml.safe_dump(
        recipe.model_dump(mode="json"), sort_keys=False, default_flow_style=None, width=100
    )
    return text


def _change(content: dict[str, Any], change: str) -> None:
    import yaml

    place, separator, value = change.partition("=")
    if not separator:
        raise RecipeError(f"{change!r} changes nothing; write it as trainer.epochs=3")
    *parents, last = place.strip().split(".")
    target: Any = content
    for parent in parents:
        target = target.setdefault(parent, {}) if isinstance(target, dict) else None
    if not isinstance(target, dict):
        raise RecipeError(f"{place} is no field of a recipe")
    try:
        target[last] = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise RecipeError(f"{change!r} is not valid YAML after the equals sign") from error


def _problem(item: Any) -> str:
    from difflib import get_close_matches

    place = ".".join(str(part) for part in item["loc"]) or "the recipe"
    if item["type"] != "extra_forbidden":
        return f"{place}: {item['msg']}"
    near = get_close_matches(place, field_names(), n=1)
    return f"{place} is no field" + (f"; did you mean {near[0]}?" if near else "")


def field_names() -> list[str]:
    """Dotted names of all fields."""
    from dataclasses import fields, is_dataclass

    names = []
    for name, field in Recipe.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, RecipeSection):
            for inner, part in kind.model_fields.items():
                names.append(f"{name}.{inner}")
                if isinstance(part.annotation, type) and is_dataclass(part.annotation):
                    names += [f"{name}.{inner}.{leaf.name}" for leaf in fields(part.annotation)]
        else:
            names.append(name)
    return names


def explain() -> str:
    """Every part of a recipe and its fields, in words."""
    from inspect import cleandoc

    parts = [
        (name, field.annotation)
        for name, field in Recipe.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, RecipeSection)
    ]
    texts = [f"A recipe. {cleandoc(Recipe.__doc__ or '')}"]
    texts += [f"{name}: {cleandoc(kind.__doc__ or '')}" for name, kind in parts]
    texts.append(f"data.preprocess: {cleandoc(PreprocessConfig.__doc__ or '')}")
    return "\n\n".join(texts).replace("``", "")
