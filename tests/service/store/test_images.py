"""Images are durable, whole, and the same under every address."""

import errno
import os
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import pytest

from fractura.service.store.errors import DiskFullError, ImageGoneError, StoreError
from fractura.service.store.images import open_images

DATA = b"a radiograph"
NAME = sha256(DATA).hexdigest()


@pytest.fixture(params=["folder", "remote"])
def images(request, tmp_path):
    address = f"memory://{uuid4().hex}" if request.param == "remote" else None
    return open_images(address, tmp_path / "images")


def test_an_image_is_kept_under_its_hash_until_it_is_deleted(images):
    assert not images.has(NAME)
    assert images.put(DATA) == images.put(DATA) == NAME
    assert images.has(NAME)
    assert images.get(NAME) == DATA
    before = images.put_before(datetime.now(UTC) + timedelta(hours=1))
    assert [name for name, _ in before] == [NAME]
    assert list(images.put_before(datetime.now(UTC) - timedelta(hours=1))) == []
    images.delete(NAME)
    images.delete(NAME)
    assert not images.has(NAME)
    with pytest.raises(ImageGoneError):
        images.get(NAME)


@pytest.mark.parametrize("name", ["../../etc/passwd", "", NAME.upper(), NAME + "\n"])
def test_only_hashes_are_names(images, name):
    for ask in (images.get, images.has, images.delete):
        with pytest.raises(ImageGoneError):
            ask(name)


def test_put_returns_when_file_and_folders_are_on_the_disk(tmp_path, monkeypatch):
    images = open_images(None, tmp_path)
    steps, sync, replace = [], os.fsync, Path.replace

    def noted_sync(descriptor):
        steps.append(Path(f"/proc/self/fd/{descriptor}").resolve())
        sync(descriptor)

    def noted_replace(path, target):
        steps.append("renamed")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    images.put(DATA)
    prefix = tmp_path / NAME[:2]
    root, part, renamed, folder = steps
    assert (root, part.parent, renamed, folder) == (tmp_path, prefix, "renamed", prefix)
    assert part.suffix == ".part"
    images.put(DATA)
    # The one who put it first may not have come so far.
    assert steps[4:] == [prefix]
    assert [path.name for path in prefix.iterdir()] == [NAME]


def test_damage_is_found_and_mended_by_the_next_put(tmp_path):
    images = open_images(None, tmp_path)
    images.put(DATA)
    path = tmp_path / NAME[:2] / NAME
    for damaged in (DATA[:-1], DATA[:-1] + b"?"):
        path.write_bytes(damaged)
        with pytest.raises(ImageGoneError, match="damaged"):
            images.get(NAME)
    path.write_bytes(DATA[:-1])
    images.put(DATA)
    assert images.get(NAME) == DATA


@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.ENOSPC, DiskFullError), (errno.EDQUOT, DiskFullError), (errno.EIO, StoreError)],
)
def test_what_cannot_be_written_leaves_nothing(tmp_path, monkeypatch, number, kind):
    images = open_images(None, tmp_path)

    def refuse(descriptor):
        if Path(f"/proc/self/fd/{descriptor}").resolve().suffix == ".part":
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(kind) as caught:
        images.put(DATA)
    assert type(caught.value) is kind
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_leftovers_of_a_kill_are_cleared_away(tmp_path):
    images = open_images(None, tmp_path)
    left = tmp_path / "ab" / ".0123.part"
    left.parent.mkdir()
    left.write_bytes(DATA)
    assert list(images.put_before(datetime.now(UTC) - timedelta(minutes=1))) == []
    assert left.exists()
    assert list(images.put_before(datetime.now(UTC) + timedelta(minutes=1))) == []
    assert not left.exists()


def test_a_store_that_does_not_answer_is_one_sentence(tmp_path, monkeypatch):
    images = open_images("memory://there", tmp_path)

    def fail(*_, **__):
        raise ConnectionError("secret details")

    for name in ("pipe_file", "cat_file", "isfile", "rm_file"):
        monkeypatch.setattr(type(images.files), name, fail)
    for ask in (
        lambda: images.put(DATA),
        lambda: images.get(NAME),
        lambda: images.has(NAME),
        lambda: images.delete(NAME),
    ):
        with pytest.raises(StoreError, match=r"^the image store does not answer \(Conn"):
            ask()
    with pytest.raises(StoreError, match="nowhere"):
        open_images("nowhere://x", tmp_path)
