import pytest

from fractura.batch.paths import find_inputs
from fractura.errors import WrongUsageError
from fractura.findings import Failure


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("b.png", "a.JPG", "notes.txt", ".hidden.png", "deep/er/c d.tiff", "deep/DICOMDIR"):
        path = tmp_path / "study" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    preamble = bytes(128) + b"DICM"
    for name in ("IM0001", "1.2.840.7", ".IM0002", "deep/DICOMDIR"):
        (tmp_path / "study" / name).write_bytes(preamble)
    return tmp_path / "study"


WHOLE = ["study/1.2.840.7", "study/IM0001", "study/a.JPG", "study/b.png", "study/deep/er/c d.tiff"]


def test_a_folder_gives_images_and_dicom_by_name(study):
    assert find_inputs(["study"]) == WHOLE


def test_paths_are_spelled_as_given(study):
    assert find_inputs(["./study/notes.txt", str(study / "b.png")]) == [
        "./study/notes.txt",
        str(study / "b.png"),
    ]


def test_each_file_comes_once(study):
    assert find_inputs(["study/b.png", "./study/b.png", "study", str(study)])[0] == "study/b.png"
    assert sorted(find_inputs(["study/b.png", "./study/b.png", "study", str(study)])) == WHOLE


def test_patterns(study):
    assert find_inputs(["study/*.png"]) == ["study/b.png"]
    assert find_inputs(["study/**/*.tiff"]) == ["study/deep/er/c d.tiff"]
    assert find_inputs(["stu*"]) == WHOLE


def test_a_name_with_brackets_is_a_name(study):
    (study / "x[1].png").touch()
    assert find_inputs(["study/x[1].png"]) == ["study/x[1].png"]


def test_what_is_missing_is_a_failure_among_others(study):
    failed, found = find_inputs(["study/gone.png", "study/b.png"])
    assert found == "study/b.png"
    assert failed == Failure(
        "study/gone.png", "LoadError", "study/gone.png: there is no such file or folder"
    )


@pytest.mark.parametrize("paths", [["gone.png"], ["gone/*.png"], ["empty"], ["gone.png", "empty"]])
def test_nothing_to_read(study, paths):
    (study.parent / "empty").mkdir()
    with pytest.raises(WrongUsageError, match=f"nothing to read: .*{paths[0].replace('*', '.')}"):
        find_inputs(paths)
