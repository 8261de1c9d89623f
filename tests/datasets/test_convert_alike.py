"""Other programs see in what is converted what we see in the original, where we see it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

from fractura.datasets.convert.coco import FILE, write_coco
from fractura.datasets.convert.folders import write_folders
from fractura.datasets.convert.place import OTHER_SIZE, Images, Written
from fractura.datasets.convert.select import select
from fractura.datasets.convert.yolo import write_yolo
from fractura.datasets.record import Annotation, Record
from fractura.errors import FracturaError
from fractura.findings import Box
from fractura.imaging.load import load
from tests.imaging.exif import TURNS

WIDTH, HEIGHT = 40, 56
BOX = (8, 32, 16, 48)
"""The one bright place of every picture; whole blocks of JPEG."""
UPRIGHT = np.full((HEIGHT, WIDTH), 60, np.uint8)
UPRIGHT[:, WIDTH // 2 :] = 100
UPRIGHT[BOX[1] : BOX[3], BOX[0] : BOX[2]] = 250


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def turned(orientation: int, kind: str) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(UPRIGHT).transpose(TURNS[orientation])
    return saved(image, kind, exif=exif, **({"quality": 100} if kind == "JPEG" else {}))


def told_twice() -> bytes:
    """A JPEG file with two EXIF segments, of which the first says that it was turned."""
    first, second = Image.Exif(), Image.Exif()
    first[0x0112], second[0x0112] = 6, 1
    image = Image.fromarray(UPRIGHT).transpose(TURNS[6])
    plain = saved(image, "JPEG", quality=100)
    segments = (b"Exif\0\0" + one.tobytes().removeprefix(b"Exif\0\0") for one in (first, second))
    app1 = b"".join(b"\xff\xe1" + (len(one) + 2).to_bytes(2) + one for one in segments)
    return plain[:2] + app1 + plain[2:]


def dicom(photometric: str, frames: int = 1) -> bytes:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = DigitalXRayImageStorageForPresentation
    dataset.SOPInstanceUID = generate_uid()
    dataset.Modality, dataset.PhotometricInterpretation = "DX", photometric
    dataset.SamplesPerPixel, dataset.PixelRepresentation = 1, 0
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = HEIGHT, WIDTH, frames
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    values = UPRIGHT.astype("<u2") * 16
    values = 4095 - values if photometric == "MONOCHROME1" else values
    dataset.PixelData = values.tobytes() * frames
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


GREY = Image.fromarray(UPRIGHT)
SIXTEEN = Image.fromarray(UPRIGHT.astype(np.uint16) * 257)
OPAQUE = GREY.convert("RGBA")
OPAQUE.putalpha(Image.fromarray(np.where(UPRIGHT == 100, 128, 255).astype(np.uint8)))
PNG, JPEG = saved(GREY, "PNG"), saved(GREY, "JPEG", quality=100)
LINKED = {
    "grey.png": PNG,
    "rgb.PNG": saved(GREY.convert("RGB"), "PNG"),
    "grey.jpg": JPEG,
    "rgb.jpeg": saved(GREY.convert("RGB"), "JPEG", quality=100, progressive=True),
}
RENAMED = {"jpeg.png": JPEG, "png.dcm": PNG, "1.2.84.7": PNG}
RENDERED = {
    **{f"turned-{number}.jpg": turned(number, "JPEG") for number in TURNS},
    "told-twice.jpg": told_twice(),
    "turned.png": turned(6, "PNG"),
    "sixteen.png": saved(SIXTEEN, "PNG"),
    "palette.png": saved(GREY.convert("P"), "PNG"),
    "alpha.png": saved(OPAQUE, "PNG"),
    "grey.tif": saved(GREY, "TIFF"),
    "sixteen.tiff": saved(SIXTEEN, "TIFF"),
    "grey.bmp": saved(GREY, "BMP"),
    "grey.webp": saved(GREY.convert("RGB"), "WEBP", lossless=True),
    "mono1.dcm": dicom("MONOCHROME1"),
    "mono2": dicom("MONOCHROME2"),
    "short.jpg": JPEG[:-2],
}
SKIPPED = {
    "cmyk.jpg": saved(GREY.convert("CMYK"), "JPEG"),
    "notes.png": b"no picture",
    "pages.tif": saved(GREY, "TIFF", save_all=True, append_images=[GREY]),
    "frames.dcm": dicom("MONOCHROME2", 2),
    "short.png": PNG[:-30],
    "rotten.png": PNG[:60] + bytes([PNG[60] ^ 255]) + PNG[61:],
    "wide.png": saved(GREY.resize((WIDTH + 1, HEIGHT)), "PNG"),
}


def converted(
    folder: Path, files: dict[str, bytes], write: Callable[..., Written], images: Images
) -> Written:
    """Files written below ``folder/in``, and converted to ``folder/out``."""
    (folder / "in").mkdir()
    records = []
    for name, content in files.items():
        (folder / "in" / name).write_bytes(content)
        records.append(
            Record(
                id=f"s/{name}",
                path=folder / "in" / name,
                source="s",
                label="fracture",
                split="train",
                annotations=(Annotation("fracture", Box(*BOX)),),
                width=WIDTH,
                height=HEIGHT,
            )
        )
    items = select(records, detection=write is not write_folders).items
    return write(items, folder / "out", images, iter)


def seen(path: Path) -> dict[str, NDArray[np.uint8]]:
    """What each program makes of a file by default, as RGB ``[H, W, 3]``."""
    with Image.open(path) as image:
        assert image.mode in ("L", "RGB")
        found = {"PIL": np.asarray(image.convert("RGB"))}
    found["OpenCV"] = cv2.imread(str(path))[..., ::-1]
    try:
        from torchvision.io import ImageReadMode, decode_image
    except ImportError:
        return found
    found["torchvision"] = decode_image(str(path), ImageReadMode.RGB).permute(1, 2, 0).numpy()
    return found


@pytest.mark.parametrize("images", ["link", "copy"])
def test_every_program_sees_the_picture_upright_and_the_mark_in_its_box(
    tmp_path: Path, images: Images
) -> None:
    files = LINKED | RENAMED | RENDERED
    written = converted(tmp_path, files, write_coco, images)
    assert (written.skipped, written.rendered, written.unlike) == ((), len(RENDERED), 0)
    content = json.loads((tmp_path / "out" / "train" / FILE).read_text())
    assert len(content["images"]) == len(files)
    boxes = {one["image_id"]: one["bbox"] for one in content["annotations"]}
    for entry, item in zip(content["images"], written.items, strict=True):
        path = tmp_path / "out" / "train" / entry["file_name"]
        kept = item.record.path.name in LINKED or item.record.path.name in RENAMED
        assert path.is_symlink() == (kept and images == "link")
        assert path.suffix.lower() in ((".png", ".jpg", ".jpeg") if kept else (".png",))
        assert not kept or path.read_bytes() == item.record.path.read_bytes()
        x, y, width, height = map(int, boxes[entry["id"]])
        inside = np.zeros((entry["height"], entry["width"]), bool)
        inside[y : y + height, x : x + width] = True
        pixels = load(item.record.path).pixels
        for program, picture in seen(path).items():
            assert picture.shape == (entry["height"], entry["width"], 3), (program, path)
            np.testing.assert_allclose(picture[..., 1] / 255, pixels, atol=0.002, err_msg=program)
            assert picture[inside].min() > picture[~inside].max() + 100, (program, path)


def test_the_suffix_becomes_that_of_the_content(tmp_path: Path) -> None:
    converted(tmp_path, {**RENAMED, "mono2": dicom("MONOCHROME2")}, write_yolo, "link")
    made = {path.name for path in (tmp_path / "out" / "images" / "train").iterdir()}
    assert made == {"jpeg.jpg", "png.png", "1.2.84.7.png", "mono2.png"}
    labels = {path.name: path.read_text() for path in (tmp_path / "out" / "labels").rglob("*.txt")}
    middle = f"{12 / WIDTH:.10g} {40 / HEIGHT:.10g} {8 / WIDTH:.10g} {16 / HEIGHT:.10g}"
    names = ("jpeg.txt", "png.txt", "1.2.84.7.txt", "mono2.txt")
    assert labels == dict.fromkeys(names, f"0 {middle}\n")


@pytest.mark.parametrize("write", [write_coco, write_yolo, write_folders])
def test_what_cannot_be_rendered_is_counted_and_not_written(
    tmp_path: Path, write: Callable[..., Written]
) -> None:
    written = converted(tmp_path, {**SKIPPED, "good.png": PNG}, write, "copy")
    assert {Path(one.what).name: one.reason for one in written.skipped} == {
        "cmyk.jpg": "are no pictures that can be rendered",
        "notes.png": "are no pictures that can be rendered",
        "pages.tif": "hold several frames",
        "frames.dcm": "hold several frames",
        "short.png": "are damaged",
        "rotten.png": "are damaged",
        "wide.png": OTHER_SIZE,
    }
    assert [item.name for item in written.items] == ["good.png"]
    made = {path.name for path in (tmp_path / "out").rglob("*.*")}
    assert made <= {"good.png", "good.txt", "data.yaml", FILE}
    if write is write_coco:
        content = json.loads((tmp_path / "out" / "train" / FILE).read_text())
        assert [one["file_name"] for one in content["images"]] == ["good.png"]
        assert len(content["annotations"]) == 1


def test_nothing_left_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FracturaError, match="there is nothing to convert: 1 are damaged"):
        converted(tmp_path, {"short.png": PNG[:-30]}, write_yolo, "link")
    assert not (tmp_path / "out").exists()


def test_what_is_not_written_is_said_where_images_stay(tmp_path: Path) -> None:
    files = {"grey.png": PNG, "turned.jpg": turned(6, "JPEG"), "x.dcm": dicom("MONOCHROME2")}
    written = converted(tmp_path, files, write_coco, "none")
    assert (len(written.items), written.rendered, written.unlike) == (3, 0, 2)
