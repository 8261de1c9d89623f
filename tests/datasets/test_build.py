"""Building manifests: every file is examined, nothing is lost silently, a kill costs nothing."""

import csv
import errno
import json
import os
import signal
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fractura.datasets import journal
from fractura.datasets.build import Request, build, unusable
from fractura.datasets.head import Head, read_head
from fractura.datasets.manifest import Intake, ManifestError
from fractura.datasets.record import Dropped, Record
from fractura.datasets.sources.source import Options, Source, SourceError
from fractura.datasets.storage import read_manifest
from fractura.errors import LoadError, SaveError
from fractura.imaging.load import load
from fractura.imaging.save import save_png


def _request(folder, items, name="made", licence=None, **options):
    """A data set of the given records (by file name, with their values) and dropped things."""

    def read(folder, options):
        for item in items:
            if isinstance(item, Dropped):
                yield item
                continue
            file, values = item
            yield Record(
                **{"id": f"{options.name}/{file}", "path": folder / file, "source": options.name}
                | {"label": "normal"}
                | values
            )

    source = Source("fake", "A fake", "", licence, "", "anything", read)
    return Request(source, folder, Options(name, **options))


def _png(path, width=30, height=20, kind=np.uint8):
    save_png(path, np.full((height, width), 7, kind))


def _listed(out):
    with out.with_name(f"{out.stem}.dropped.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_files_are_examined_and_nothing_is_dropped_silently(tmp_path):
    _png(tmp_path / "a.png", 30, 20, np.uint16)
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    _png(tmp_path / "Hüfte 漢.png")
    items = [
        ("a.png", {"official_split": "valid", "sha256": "0" * 64, "width": 60, "height": 40}),
        ("empty.png", {}),
        ("gone.png", {}),
        Dropped("labels.csv, line 7", "lines without an image"),
        ("text.png", {"official_split": "valid", "split": "test", "licence": "its own"}),
        ("folder.png", {}),
        ("pipe.png", {}),
        ("loop.png", {}),
        ("gone/gone.png", {}),
        ("a.png", {"label": "fracture"}),
        ("Hüfte 漢.png", {"age": 300.0}),
        ("Hüfte 漢.png", {"age": 30.0}),
    ]
    out = tmp_path / "new" / "m.csv"
    manifest = build([_request(tmp_path, items, licence="CC0", name="made")], out)
    assert read_manifest(out) == manifest
    first, text, last = manifest.records
    assert first.sha256 == sha256((tmp_path / "a.png").read_bytes()).hexdigest()
    assert (first.width, first.height, first.bits, first.format) == (30, 20, 16, "PNG")
    assert (first.official_split, first.split, first.licence) == ("valid", "valid", "CC0")
    assert first.notes == (
        f"the source says that the file's SHA-256 is {'0' * 64}",
        "the source says that the image has 60 x 40 pixels, the file has 30 x 20",
    )
    assert (text.width, text.format, text.split, text.licence) == (None, None, "test", "its own")
    assert text.notes == (
        "the file's head cannot be read: it is not a PNG, JPEG, TIFF, BMP, WebP or DICOM image",
    )
    assert (last.path.name, last.age, last.notes) == ("Hüfte 漢.png", 30.0, ())
    (intake,) = manifest.intakes
    assert unusable(intake) == 6
    assert intake.sentence() == (
        "made: read 12, kept 3, dropped 9 because: files are empty (1), "
        "files are missing (2), lines without an image (1), "
        "files are not regular (2), files cannot be opened (1), "
        "ids occur again (1), records break the schema (1)"
    )
    loop = os.strerror(errno.ELOOP)
    assert _listed(out) == [
        ["source", "what", "reason"],
        ["made", str(tmp_path / "empty.png"), "files are empty"],
        ["made", str(tmp_path / "gone.png"), "files are missing"],
        ["made", "labels.csv, line 7", "lines without an image"],
        ["made", str(tmp_path / "folder.png"), "files are not regular"],
        ["made", str(tmp_path / "pipe.png"), "files are not regular"],
        ["made", f"{tmp_path}/loop.png ({loop})", "files cannot be opened"],
        ["made", str(tmp_path / "gone/gone.png"), "files are missing"],
        ["made", f"{tmp_path}/a.png with the id made/a.png", "ids occur again"],
        [
            "made",
            "made/Hüfte 漢.png: an age of 300.0 years is none a person reaches",
            "records break the schema",
        ],
    ]
    assert sorted(path.name for path in out.parent.iterdir()) == [
        "m.csv", "m.csv-metadata.json", "m.dropped.csv",
    ]  # fmt: skip
    build([_request(tmp_path, items[:1])], out)
    assert not out.with_name("m.dropped.csv").exists()


def test_several_sources_in_their_order(tmp_path):
    _png(tmp_path / "a.png")
    requests = [
        _request(tmp_path, [("a.png", {})], name="two", licence="CC0", **{}),
        _request(tmp_path, [("a.png", {}), ("b.png", {"id": "two/a.png"})], name="one"),
    ]
    manifest = build(requests, tmp_path / "m.parquet")
    assert [record.id for record in manifest.records] == ["two/a.png", "one/a.png"]
    assert [(intake.name, intake.read, intake.kept, dict(intake.dropped)) for intake in
            manifest.intakes] == [
        ("two", 1, 1, {}), ("one", 2, 1, {"ids occur again": 1}),
    ]  # fmt: skip


def test_what_cannot_be_built_is_said_before_any_work(tmp_path):
    _png(tmp_path / "a.png")
    good = _request(tmp_path, [("a.png", {})])
    with pytest.raises(SourceError, match="2 data sets have the name 'made'; give each its own"):
        build([good, good], tmp_path / "m.csv")
    with pytest.raises(ManifestError, match=r"a manifest's name ends in \.parquet or \.csv"):
        build([good], tmp_path / "m.json")
    (tmp_path / "m.csv.journal").mkdir()
    with pytest.raises(SaveError, match=r"m\.csv\.journal: could not be written"):
        build([good], tmp_path / "m.csv")
    with pytest.raises(SourceError, match="there is nothing that fake lists"):
        build([_request(tmp_path, [])], tmp_path / "n.csv")
    with pytest.raises(ManifestError, match=r"see .*o\.dropped\.csv: made: read 1, kept 0, dr"):
        build([_request(tmp_path, [("gone.png", {})])], tmp_path / "o.csv")
    assert _listed(tmp_path / "o.csv")[1][2] == "files are missing"
    assert not list(tmp_path.glob("*.csv-metadata.json"))


KILLED = """
import os, signal, sys
from pathlib import Path
from fractura.datasets.build import build
from tests.datasets.test_build import _request

folder = Path(sys.argv[1])

def progress(items, total, name):
    for number, item in enumerate(items):
        if number == 20 and total:
            os.kill(os.getpid(), signal.SIGKILL)
        yield item

names = sorted(path.name for path in folder.glob("*.png"))
build([_request(folder, [(name, {}) for name in names])], folder / "m.csv", progress=progress)
"""


def test_a_killed_build_goes_on_where_it_was(tmp_path, command_environment, monkeypatch):
    names = [f"{number:02}.png" for number in range(40)]
    for number, name in enumerate(names):
        _png(tmp_path / name, 10 + number, 8)
    root = str(Path(__file__).parents[2])
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        env=command_environment,
        cwd=root,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    kept = tmp_path / "m.csv.journal"
    assert not (tmp_path / "m.csv").exists()
    lines = [line for line in kept.read_bytes().splitlines() if line]
    known = {Path(json.loads(line)[0]).name for line in lines}
    assert 20 <= len(known) < 40
    torn = json.loads(lines[-1])[0]
    kept.write_bytes(b"\n".join([b"[1]", b"{}", b"\xff", *lines])[:-9])
    changed = sorted(known - {Path(torn).name})[0]
    _png(tmp_path / changed, 99, 8)
    read = []
    real = journal._read
    monkeypatch.setattr(
        journal, "_read", lambda path, size: read.append(path.name) or real(path, size)
    )
    resumed = build([_request(tmp_path, [(name, {}) for name in names])], tmp_path / "m.csv")
    assert sorted(read) == sorted({*names} - known | {changed, Path(torn).name})
    assert not kept.exists()
    whole = build([_request(tmp_path, [(name, {}) for name in names])], tmp_path / "again.csv")
    assert resumed == whole
    assert whole.records[names.index(changed)].width == 99


def test_a_full_disk_is_one_sentence(tmp_path):
    resource = pytest.importorskip("resource")
    _png(tmp_path / "a.png")
    (tmp_path / "m.csv.journal").write_bytes(b"\n" * (2**20 - 20))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, before[1]))
    try:
        with pytest.raises(SaveError, match=r"m\.csv\.journal: could not be written"):
            build([_request(tmp_path, [("a.png", {})])], tmp_path / "m.csv")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not (tmp_path / "m.csv").exists()


@pytest.mark.parametrize(
    "reason", ["files whose names are not valid UTF-8", "damaged DICOM files", "files are missing"]
)
def test_files_that_cannot_be_used_are_counted(reason):
    assert unusable(Intake("a", "fake", "", None, 3, 0, {reason: 2, "ids occur again": 1})) == 2


PIXELS = np.random.default_rng(0).integers(0, 255, (24, 36), np.uint8)


def _files(folder):
    """One file of every kind, with what its head says."""
    pixels = PIXELS
    for name in ("grey.jpg", "grey.bmp", "grey.png", "grey.webp"):
        cv2.imwrite(str(folder / name), pixels)
    cv2.imwrite(str(folder / "16.png"), pixels.astype(np.uint16) * 200)
    cv2.imwrite(str(folder / "16.tif"), pixels.astype(np.uint16) * 200)
    cv2.imwrite(str(folder / "rgb16.png"), np.dstack([pixels.astype(np.uint16) * 200] * 3))
    Image.fromarray(pixels > 99).save(folder / "1.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    for name in ("turned.jpg", "turned.png", "turned.webp", "turned.tif"):
        Image.fromarray(pixels).convert("L").save(folder / name, exif=exif)
    return sorted(folder.iterdir())


def test_heads_say_what_loading_says(tmp_path):
    for path in _files(tmp_path):
        head = read_head(path.read_bytes())
        radiograph = load(path)
        stated = (head.width, head.height, head.bits)
        assert stated == (radiograph.width, radiograph.height, radiograph.bits), path.name
        sides = (24, 36) if path.stem == "turned" else (36, 24)
        assert (head.width, head.height) == sides, path.name
    assert read_head((tmp_path / "rgb16.png").read_bytes()) == Head(36, 24, 16, "PNG")
    assert read_head((tmp_path / "1.png").read_bytes()).bits == 1


@settings(max_examples=200)
@given(data=st.data())
def test_damaged_heads_raise_only_load_errors(data, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp() / "heads"
    if not folder.is_dir():
        folder.mkdir()
        _files(folder)
    whole = data.draw(st.sampled_from(sorted(folder.iterdir()))).read_bytes()
    damaged = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for place in data.draw(st.lists(st.integers(0, 200), max_size=4)):
        if place < len(damaged):
            damaged[place] = data.draw(st.integers(0, 255))
    try:
        head = read_head(bytes(damaged))
    except LoadError:
        return
    assert head.width > 0
    assert head.height > 0
