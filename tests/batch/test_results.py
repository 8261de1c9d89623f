import csv
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fractura.batch.pictures import picture_name
from fractura.batch.results import Results
from fractura.errors import InUseError, WrongUsageError
from fractura.findings import Box, Failure, Finding, Reading


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "x.png"
    path.write_bytes(b"pixels")
    return str(path)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "out"


def _reading(path, probability=0.7):
    from hashlib import sha256

    digest = sha256(Path(path).read_bytes()).hexdigest() if Path(path).is_file() else "0" * 64
    finding = Finding("fracture", 0.61, Box(1, 2, 30.5, 40))
    return Reading(
        path, digest, "stub 1", 50, 60, probability, "fracture", (finding,), "hand", 0.9,
        ("the file ends early",), {"decode": 1.0},
    )  # fmt: skip


def _add(results, path, **changes):
    results.picture(path).write_bytes(b"picture")
    results.add(_reading(path, **changes))


def _lines(folder):
    return [json.loads(line) for line in (folder / "readings.jsonl").read_text().splitlines()]


def test_a_reading_is_held_while_nothing_changes(folder, image):
    with Results(folder, "settings") as results:
        assert not results.holds(image)
        _add(results, image)
    with Results(folder, "settings") as results:
        assert results.holds(image)
        assert results.reading(image) == _reading(image)
    with Results(folder, "other settings") as results:
        assert not results.holds(image)
    with Results(folder, "settings") as results:
        assert results.holds(image)
        Path(image).write_bytes(b"other pixels")
        assert not results.holds(image)


@pytest.mark.parametrize("lost", ["picture", "image", "readings.jsonl"])
def test_a_reading_is_not_held_when_something_is_lost(folder, image, lost):
    with Results(folder, "settings") as results:
        _add(results, image)
        picture = results.picture(image)
    {"picture": picture, "image": Path(image)}.get(lost, folder / lost).unlink()
    with Results(folder, "settings") as results:
        assert not results.holds(image)


def test_a_failure_is_never_held_and_takes_its_picture_away(folder, image):
    with Results(folder, "settings") as results:
        _add(results, image)
        results.add(Failure(image, "LoadError", "no"))
        assert not results.picture(image).exists()
        assert not results.holds(image)
    assert _lines(folder) == [Failure(image, "LoadError", "no").as_dict()]


def test_the_last_line_of_a_path_stays_in_the_place_of_the_first(folder):
    with Results(folder, "settings") as results:
        for path, probability in (("a", 0.1), ("b", 0.2), ("a", 0.3), ("c", 0.4)):
            _add(results, path, probability=probability)
        assert [line["path"] for line in _lines(folder)] == ["a", "b", "a", "c"]
    kept = [(line["path"], line["fracture"]["probability"]) for line in _lines(folder)]
    assert kept == [("a", 0.3), ("b", 0.2), ("c", 0.4)]


def test_lines_are_on_the_disk_at_once_and_survive_without_an_orderly_end(folder, image):
    results = Results(folder, "settings")
    _add(results, image)
    before = (folder / "readings.jsonl").read_bytes()
    assert json.loads(before) == _reading(image).as_dict()
    results._open_files.close()  # what a kill does
    with Results(folder, "settings") as again:
        assert again.holds(image)
    assert (folder / "readings.jsonl").read_bytes() == before


@given(st.integers(min_value=1, max_value=60), st.integers(min_value=1, max_value=30))
def test_torn_tails_cost_only_the_torn(tmp_path_factory, jsonl_cut, mark_cut):
    folder = tmp_path_factory.mktemp("torn")
    with Results(folder, "settings") as results:
        for name in "abc":
            _add(results, name)
    for path, cut in (
        (folder / "readings.jsonl", jsonl_cut),
        (folder / "pictures/.fractura", mark_cut),
    ):
        path.write_bytes(path.read_bytes()[:-cut])
    (folder / ".0123456789abcdef.part").write_bytes(b"half")
    with Results(folder, "settings") as results:
        _add(results, "c")
        _add(results, "d")
    with Results(folder, "settings"):
        pass
    assert [line["path"] for line in _lines(folder)] == list("abcd")
    assert sorted(path.name for path in folder.iterdir()) == [
        ".lock",
        "pictures",
        "readings.csv",
        "readings.jsonl",
    ]


@pytest.mark.parametrize("line", ['{"path": "a"}', "[1, 2]", '{"path": 1, "error": 2}', "x", ""])
def test_a_foreign_file_is_left_alone(folder, line):
    folder.mkdir()
    text = json.dumps(Failure("b", "LoadError", "no").as_dict()) + f"\n{line}\n"
    (folder / "readings.jsonl").write_text(text)
    with pytest.raises(WrongUsageError, match="line 2, is no reading"):
        Results(folder, "settings")
    assert (folder / "readings.jsonl").read_text() == text


def test_two_runs_do_not_share_a_folder(folder):
    pytest.importorskip("fcntl")
    with Results(folder, "settings"), pytest.raises(InUseError, match="in use by another"):
        Results(folder, "settings")


def test_the_table_says_the_same_as_the_lines(folder):
    strange = 'dir/wei\nrd, "é" \udce9.png'
    with Results(folder, "settings") as results:
        _add(results, strange)
        results.add(Failure("b", "DamagedFileError", "b: it is empty"))
    with (folder / "readings.csv").open(encoding="utf-8", newline="") as file:
        read, failed = csv.DictReader(file)
    assert read["path"] == strange.replace("\udce9", "\\udce9")
    assert (read["decision"], read["probability"], read["findings"]) == ("fracture", "0.7", "1")
    assert [read[name] for name in ("best_score", "x_min", "y_min", "x_max", "y_max")] == [
        "0.61", "1.0", "2.0", "30.5", "40.0",
    ]  # fmt: skip
    assert (folder / read["picture"]).is_file()
    assert (failed["error_type"], failed["error"]) == ("DamagedFileError", "b: it is empty")
    assert failed["decision"] == ""


@given(st.text(min_size=1).filter(lambda text: "\0" not in text))
def test_picture_names_stay_in_their_folder(path):
    name = picture_name(path)
    assert Path(name).name == name
    assert not name.startswith(".")
    assert len(name.encode()) <= 255


@pytest.mark.parametrize(
    ("path", "readable"),
    [
        ("wrist.png", "wrist"),
        ("ward 3/Hüfte links.dcm", "ward_3_Hüfte_links"),
        ("../../etc/passwd", "etc_passwd"),
        ("/", ""),
        ("a/1.2.840.113619", "a_1.2.840"),
    ],
)
def test_picture_names_are_readable(path, readable):
    assert picture_name(path).rpartition("_")[0] == readable


def test_equal_names_in_different_folders_get_different_pictures():
    names = {picture_name(path) for path in ("a/x.png", "b/x.png", "a/x.jpg", "x.png", "./x.png")}
    assert len(names) == 5
