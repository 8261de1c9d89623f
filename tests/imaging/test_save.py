import cv2
import numpy as np
import pytest

from fractura.atomic_write import write_whole
from fractura.errors import FracturaError, SaveError
from fractura.imaging.save import save_png, to_16_bit


def test_16_bit_round_trip(tmp_path):
    pixels = np.random.default_rng(0).random((30, 40), dtype=np.float32)
    save_png(tmp_path / "a.png", to_16_bit(pixels))
    stored = cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED)
    assert stored.dtype == np.uint16
    assert np.abs(stored / 65535 - pixels).max() <= 0.51 / 65535


def test_8_bit_rgb_keeps_its_channel_order(tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    save_png(tmp_path / "ä.png", picture)
    data = np.frombuffer((tmp_path / "ä.png").read_bytes(), np.uint8)
    assert np.array_equal(cv2.imdecode(data, cv2.IMREAD_UNCHANGED)[..., ::-1], picture)


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    write_whole(path, b"old")

    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, b"new")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]
    assert path.read_bytes() == b"old"


def test_a_full_disk_is_told_in_one_sentence(tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(SaveError, match=r"a\.png: could not be written \(No space left"):
        save_png(tmp_path / "a.png", np.zeros((2, 2), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_and_a_folder_as_target(tmp_path):
    with pytest.raises(SaveError, match="No such file"):
        write_whole(tmp_path / "none" / "a.txt", b"")
    with pytest.raises(SaveError, match="directory"):
        write_whole(tmp_path, b"")
    assert list(tmp_path.iterdir()) == []
    assert issubclass(SaveError, FracturaError)


def test_the_longest_file_name_can_be_written(tmp_path):
    path = tmp_path / ("a" * 251 + ".png")
    save_png(path, np.zeros((2, 2), np.uint8))
    assert path.exists()
