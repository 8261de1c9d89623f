"""How many copies of a picture are found, and how many strangers are taken for copies.

    python benchmarks/duplicates.py FRACATLAS.parquet ROBOFLOW.parquet --real 40 --phantoms 20

Takes pictures that no audit of these manifests put into a group, changes each in every way of
:data:`CHANGES`, and looks for the copies among all pictures and as many strangers. Beside ours
stand imagehash's pHash and its best rival reading, in which the copy is also turned by quarters,
mirrored and inverted before it is hashed. A pair counts as found from a Hamming distance of 10
(of 64) down, the usual threshold, or of 4, a strict one. If ``--export DIR`` is given, the
pictures are written there for other tools. Needs ``fractura[data]`` and imagehash.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.progress import track

from fractura.datasets.audit.duplicates import find_duplicates, groups_of
from fractura.datasets.audit.pictures import shrink
from fractura.datasets.grouping import read_groups
from fractura.datasets.storage import read_manifest
from fractura.imaging.load import load
from fractura.imaging.phantom import make_phantom
from fractura.imaging.save import save_png

Pixels = NDArray[np.float32]
FIRST_PHANTOM = 5000


def turned(pixels: Pixels, degrees: float) -> Pixels:
    height, width = pixels.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    return np.asarray(cv2.warpAffine(pixels, matrix, (width, height)), dtype=np.float32)


def cropped(pixels: Pixels, share: float) -> Pixels:
    """The share of both sides that holds most structure, so that a bone is in view."""
    height, width = (round(side * share) for side in pixels.shape)
    edges = np.abs(cv2.Laplacian(pixels, cv2.CV_32F, ksize=5))
    held = cv2.boxFilter(edges, -1, (width, height), borderType=cv2.BORDER_CONSTANT)
    top, left = pixels.shape[0] - height, pixels.shape[1] - width
    y, x = height // 2, width // 2
    inside = held[y : y + top + 1, x : x + left + 1]
    row, column = np.unravel_index(int(inside.argmax()), inside.shape)
    return pixels[row : row + height, column : column + width]


def compressed(pixels: Pixels, quality: int = 70) -> Pixels:
    done, data = cv2.imencode(
        ".jpg", np.rint(pixels * 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    assert done
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), dtype=np.float32) / 255


def contrasted(pixels: Pixels) -> Pixels:
    return np.clip((pixels - 0.5) * 1.6 + 0.5, 0, 1)


CHANGES: dict[str, Callable[[Pixels], Pixels]] = {
    "turned by 5°": lambda p: turned(p, 5),
    "turned by 15°": lambda p: turned(p, -15),
    "turned by 40°": lambda p: turned(p, 40),
    "turned by 90°": lambda p: np.rot90(p).copy(),
    "mirrored": lambda p: p[:, ::-1].copy(),
    "cropped to 90 %": lambda p: cropped(p, 0.9),
    "cropped to 75 %": lambda p: cropped(p, 0.75),
    "cropped to 60 %": lambda p: cropped(p, 0.6),
    "gamma 0.5": lambda p: p**0.5,
    "gamma 2": lambda p: p**2,
    "contrast × 1.6": contrasted,
    "inverted": lambda p: 1 - p,
    "JPEG 70": compressed,
    "half the size": lambda p: cv2.resize(p, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
    "mirrored, turned by 10°, gamma 1.5, JPEG 70": lambda p: compressed(
        turned(p[:, ::-1].copy(), 10) ** 1.5
    ),
    "inverted, cropped to 80 %, turned by -20°": lambda p: cropped(turned(1 - p, -20), 0.8),
}


def bits(pixels: Pixels) -> NDArray[np.bool_]:
    """imagehash's pHash, ``[64]``."""
    image = Image.fromarray(np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8))
    return np.asarray(imagehash.phash(image).hash).ravel()


def variants(pixels: Pixels) -> Iterable[Pixels]:
    """The eight turns and mirrorings, plain and inverted."""
    for grey in (pixels, 1 - pixels):
        for seen in (grey, grey[:, ::-1]):
            for quarter in range(4):
                yield np.ascontiguousarray(np.rot90(seen, quarter))


def pictures_of(manifests: list[Path], groups: list[Path], count: int) -> list[Pixels]:
    """As many from each manifest, at random, none of which the audits grouped."""
    found = []
    for manifest, file in zip(manifests, groups, strict=True):
        grouped = read_groups(file)
        records = [r for r in read_manifest(manifest).records if r.id not in grouped]
        chosen = np.random.default_rng(0).permutation(len(records))[:count]
        found += [load(records[index].path).pixels for index in chosen]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifests", type=Path, nargs="*")
    parser.add_argument("--groups", type=Path, nargs="*", default=[], help="groups.csv of each")
    parser.add_argument("--real", type=int, default=40, help="pictures from each manifest")
    parser.add_argument("--phantoms", type=int, default=20)
    parser.add_argument("--export", type=Path, help="write the pictures there")
    arguments = parser.parse_args()
    seeds = range(FIRST_PHANTOM, FIRST_PHANTOM + 2 * arguments.phantoms)
    everything = [
        *pictures_of(arguments.manifests, arguments.groups, 2 * arguments.real),
        *(make_phantom(seed).radiograph.pixels for seed in seeds),
    ]
    originals, strangers = everything[::2], everything[1::2]
    copies = [change(p).astype(np.float32) for change in CHANGES.values() for p in originals]
    pixels = [*originals, *strangers, *copies]
    if arguments.export:
        arguments.export.mkdir(parents=True, exist_ok=True)
        for index, picture in enumerate(pixels):
            name = arguments.export / f"{index:05}.png"
            save_png(name, np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8))
    first_copy = len(originals) + len(strangers)

    def owner(index: int) -> int:
        return (index - first_copy) % len(originals) if index >= first_copy else index

    proven = find_duplicates([shrink(picture) for picture in pixels])
    found = {(pair.first, pair.second) for pair in proven}
    groups = groups_of(proven, len(pixels))
    grouped = {(a, b) for group in groups for a in group for b in group if a < b}
    hashes = np.stack([bits(picture) for picture in track(pixels, "pHash")])
    turned_hashes = [
        np.stack([bits(seen) for seen in variants(picture)])
        for picture in track(pixels[:first_copy], "pHash, turned")
    ]
    plain: dict[int, set[tuple[int, int]]] = {4: set(), 10: set()}
    rival: dict[int, set[tuple[int, int]]] = {4: set(), 10: set()}
    for index in range(len(pixels)):
        distances = (hashes[index] != hashes[:index]).sum(1)
        for most, pairs in plain.items():
            pairs |= {(int(other), index) for other in np.flatnonzero(distances <= most)}
    for index, hashed in enumerate(turned_hashes):
        distances = (hashed[:, None] != hashes[None]).sum(2).min(0)
        for most, pairs in rival.items():
            near = np.flatnonzero(distances <= most).tolist()
            pairs |= {(min(index, other), max(index, other)) for other in near if other != index}
    methods = {
        "fractura, one group": grouped,
        "fractura, one pair": found,
        "pHash ≤ 10": plain[10],
        "pHash ≤ 4": plain[4],
        "pHash of 16 variants ≤ 10": rival[10],
        "pHash of 16 variants ≤ 4": rival[4],
    }
    print(f"n = {len(originals)} originals, {len(strangers)} strangers, {len(copies)} copies\n")
    print(f"| recall | {' | '.join(methods)} |\n" + "|---" * (len(methods) + 1) + "|")
    for row, name in enumerate(CHANGES):
        start = first_copy + row * len(originals)
        wanted = [(index, start + index) for index in range(len(originals))]
        cells = [f"{100 * np.mean([pair in p for pair in wanted]):.1f} %" for p in methods.values()]
        print(f"| {name} | {' | '.join(cells)} |")
    cells = []
    for pairs in methods.values():
        asked = [pair for pair in pairs if pair[0] < first_copy]
        right = sum(owner(first) == owner(second) for first, second in asked)
        cells.append(f"{100 * right / max(1, len(asked)):.1f} % of {len(asked):,}")
    print(f"| precision of pairs with an original or stranger | {' | '.join(cells)} |")
    wrong = [f"{sum(owner(a) != owner(b) for a, b in pairs):,}" for pairs in methods.values()]
    print(f"| wrong pairs in all | {' | '.join(wrong)} |")


if __name__ == "__main__":
    main()
