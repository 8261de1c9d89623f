"""Class folders, as torchvision's ImageFolder and timm read them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from fractura.datasets.convert.place import Images, put_image, whole_folder
from fractura.datasets.convert.select import ConvertedImage


def write_folders(
    items: Sequence[ConvertedImage],
    folder: Path,
    images: Images,
    progress: Callable[[Iterable[ConvertedImage]], Iterable[ConvertedImage]],
) -> None:
    """Write ``SPLIT/LABEL/NAME``; each label has a folder of its own (``no_fracture``).

    Raises:
        FracturaError: ``folder`` is not empty, or an image is missing.
        SaveError: it cannot be written.
    """
    with whole_folder(folder) as target:
        for item in progress(items):
            label = item.record.label.replace(" ", "_")
            put_image(item.record.path, target / item.split / label / item.name, images)
