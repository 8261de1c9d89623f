"""Class folders, as torchvision's ImageFolder and timm read them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fractura.datasets.convert.place import Images, Progress, Written, put_images, whole_folder
from fractura.datasets.convert.select import ConvertedImage


def write_folders(
    items: Sequence[ConvertedImage],
    folder: Path,
    images: Images,
    progress: Progress,
) -> Written:
    """Write ``SPLIT/LABEL/NAME``; each label has a folder of its own (``no_fracture``).

    Raises:
        FracturaError: ``folder`` is not empty, an image is missing, or none can be written.
        SaveError: it cannot be written.
    """
    with whole_folder(folder) as target:

        def folder_of(item: ConvertedImage) -> Path:
            return target / item.split / item.record.label.replace(" ", "_")

        return put_images(items, folder_of, images, progress)
