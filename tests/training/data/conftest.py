"""Records of phantom files, and a recipe."""

import pytest

from fractura.datasets.record import Annotation, Record
from fractura.findings import Box
from fractura.imaging.phantom import make_phantom
from fractura.imaging.preprocess import PreprocessConfig
from fractura.imaging.save import save_png, to_16_bit
from fractura.training.recipe import Architecture, Augmentation, Data, Recipe, TrainerConfig

COUNT = 6


@pytest.fixture(scope="session")
def records(tmp_path_factory) -> list[Record]:
    """Every second one fractured; one lies."""
    folder = tmp_path_factory.mktemp("records")
    found = []
    for seed in range(COUNT):
        width, height = (150, 90) if seed == 1 else (90, 130)
        kind = "oblique" if seed % 2 else None
        phantom = make_phantom(seed, fracture=kind, width=width, height=height)
        path = folder / f"{seed}.png"
        save_png(path, to_16_bit(phantom.radiograph.pixels))
        marks = tuple(Annotation("fracture", Box(*box.as_list())) for box in phantom.boxes)
        found.append(
            Record(
                id=f"p/{seed}",
                path=path,
                source="p",
                label="fracture" if marks else "no fracture",
                regions=("hand",),
                annotations=marks,
            )
        )
    return found


@pytest.fixture
def make_recipe():
    """A recipe at 64 pixels; augmentation and data as given."""

    def make(task="multi-task", batch=4, seed=0, augmentation=None, **data) -> Recipe:
        return Recipe(
            name="test",
            task=task,
            model=Architecture(name="fractura", crop_fill=(0.4, 0.25)),
            data=Data(**{"preprocess": PreprocessConfig(long_side=64, multiple=64), **data}),
            augmentation=augmentation or Augmentation(),
            trainer=TrainerConfig(epochs=3, batch_size=batch, seed=seed),
        )

    return make
