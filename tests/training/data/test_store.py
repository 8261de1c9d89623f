"""Decoded once, whatever happens."""

from __future__ import annotations

import errno
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fractura.datasets.record import Annotation
from fractura.errors import FracturaError, SaveError
from fractura.findings import Box
from fractura.imaging.load import load
from fractura.imaging.phantom import make_phantom
from fractura.imaging.preprocess import PreprocessConfig, resize_long_side
from fractura.locking import LOCK
from fractura.training.data import store as module
from fractura.training.data.store import open_store
from fractura.training.recipe import Data

DATA = Data(preprocess=PreprocessConfig(long_side=64, multiple=64))


@pytest.fixture
def decoded(monkeypatch) -> list[Path]:
    """The files that were decoded."""
    seen: list[Path] = []

    def watch(path: Path):
        seen.append(Path(path))
        return load(path)

    monkeypatch.setattr(module, "load", watch)
    return seen


def test_images_are_resized_floats_in_eight_bits(records, tmp_path) -> None:
    store = open_store(records, DATA, tmp_path, workers=2)
    assert len(store) == len(records)
    for index, record in enumerate(records):
        expected = np.rint(resize_long_side(load(record.path).pixels, 64) * 255)
        np.testing.assert_array_equal(store.image(index), expected)
    store.image(0)[:] = 0
    assert store.image(0).any()


def test_a_second_run_decodes_nothing(records, tmp_path, decoded) -> None:
    open_store(records[:4], DATA, tmp_path, 1)
    assert len(decoded) == 4
    again = open_store(records, DATA, tmp_path, 1)
    assert len(decoded) == len(records)
    open_store(records[::-1], DATA, tmp_path, 0)
    assert len(decoded) == len(records)
    first = pickle.loads(pickle.dumps(again))
    np.testing.assert_array_equal(first.image(2), again.image(2))


def test_a_changed_file_or_side_is_decoded_again(records, tmp_path, decoded) -> None:
    path = tmp_path / "one.png"
    shutil.copy(records[0].path, path)
    record = replace(records[0], path=path)
    before = open_store([record], DATA, tmp_path, 1).image(0)
    shutil.copy(records[1].path, path)
    after = open_store([record], DATA, tmp_path, 1).image(0)
    assert before.shape != after.shape
    small = DATA.model_copy(update={"training_side": 32})
    assert max(open_store([record], small, tmp_path, 1).image(0).shape) == 32
    assert len(decoded) == 3


def test_outlines_scale_with_the_image(records, tmp_path) -> None:
    polygon = Annotation("fracture", Box(10, 20, 30, 40), (((10, 20), (30, 20), (20, 40)),))
    other = Annotation("metal", Box(0, 0, 5, 5))
    record = replace(records[1], annotations=(polygon, other))
    store = open_store([record, records[3]], DATA, tmp_path, 1)
    scale = np.array([64 / 150, round(90 * 64 / 150) / 90], np.float32)
    expected = np.array([[10, 20], [30, 20], [20, 40]], np.float32) * scale
    (outline,) = store.outlines(0)
    np.testing.assert_array_equal(outline, expected)
    box = records[3].fractures[0].box
    for outline, mark in zip(store.outlines(1), records[3].fractures, strict=True):
        box = mark.box
        low = np.array([box.x_min, box.y_min]) * (44 / 90, 64 / 130)
        np.testing.assert_allclose(outline.min(0), low, rtol=1e-6)


def test_phantoms_follow_with_tight_outlines(records, tmp_path) -> None:
    data = DATA.model_copy(update={"phantoms": 1})
    store = open_store(records[:1], data, tmp_path, 1)
    assert len(store) == 5
    for seed in range(4):
        boxes = make_phantom(seed).boxes
        outlines = open_store(records[:1], data, tmp_path, 1).outlines(1 + seed)
        assert len(outlines) == len(boxes)
        for outline, box in zip(outlines, boxes, strict=True):
            corners = np.concatenate([outline.min(0), outline.max(0)])
            np.testing.assert_allclose(corners, np.array(box.as_list()) * 64 / 454, rtol=0.01)


def test_an_unreadable_image_is_left_out_with_a_sentence(records, tmp_path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\nnot much")
    bad = [replace(records[0], id="p/broken", path=broken)]
    bad.append(replace(records[0], id="p/gone", path=tmp_path / "gone.png"))
    store = open_store([bad[0], records[1], bad[1], records[2]], DATA, tmp_path, 1)
    assert store.records == (records[1], records[2])
    assert store.unreadable.keys() == {"p/broken", "p/gone"}
    assert str(broken) in store.unreadable["p/broken"]
    assert str(tmp_path / "gone.png") in store.unreadable["p/gone"]
    expected = open_store(records, DATA, tmp_path, 1).image(2)
    np.testing.assert_array_equal(store.image(1), expected)
    with pytest.raises(FracturaError, match=r"none of 2 radiographs can be read: .*gone.png"):
        open_store(bad, DATA, tmp_path, 1)
    with pytest.raises(FracturaError, match="the manifest is empty"):
        open_store([], DATA, tmp_path, 1)


def test_damaged_files_are_made_again(records, tmp_path, decoded) -> None:
    open_store(records, DATA, tmp_path, 1)
    folder = tmp_path / "64"
    (segment,) = folder.glob("*.safetensors")
    segment.write_bytes(segment.read_bytes()[:-100])
    (folder / ".0123456789abcdef.part").write_bytes(b"killed")
    store = open_store(records, DATA, tmp_path, 1)
    assert len(decoded) == 2 * len(records)
    assert store.image(5).shape == (64, 44)
    assert len([path for path in folder.iterdir() if path.name != LOCK]) == 1


def test_a_full_disk_leaves_nothing_behind(records, tmp_path, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("fractura.atomic_write.os.fsync", full)
        with pytest.raises(SaveError, match="No space left on device"):
            open_store(records, DATA, tmp_path, 2)
    assert [path.name for path in (tmp_path / "64").iterdir()] == [LOCK]
    assert len(open_store(records, DATA, tmp_path, 2)) == len(records)


def test_two_at_once_share_the_work(records, tmp_path, decoded) -> None:
    with ThreadPoolExecutor(2) as pool:
        stores = pool.map(lambda _: open_store(records, DATA, tmp_path, 1), range(2))
    assert len(decoded) == len(records)
    first, second = stores
    np.testing.assert_array_equal(first.image(3), second.image(3))


SCRIPT = """
import sys, time
from pathlib import Path
from fractura.datasets.record import Record
from fractura.training.data import store
from fractura.training.recipe import Data
store.SEGMENT_BYTES, store.CHUNK = 1, 2
load = store.load
store.load = lambda path: (time.sleep(0.1), load(path))[1]
records = [Record(id=name, path=Path(name), source="p", label="normal") for name in sys.argv[2:]]
store.open_store(records, Data(training_side=64), Path(sys.argv[1]), 1)
"""


def test_a_killed_process_keeps_what_it_had_written(
    records, tmp_path, decoded, command_environment
) -> None:
    plain = [replace(record, id=str(record.path)) for record in records]
    names = [str(record.path) for record in plain]
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path), *names],
        env=command_environment,
        stdout=subprocess.PIPE,
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("64/*.safetensors")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    store = open_store(plain, DATA.model_copy(update={"training_side": 64}), tmp_path, 1)
    assert len(store) == len(records)
    assert 0 < len(decoded) < len(records)
