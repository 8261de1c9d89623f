"""The whole audit: every planted fault is found, and nothing else."""

import csv
import json
import random
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from fractura.datasets.audit import gather
from fractura.datasets.audit.examine import examine_bytes
from fractura.datasets.audit.gather import examine_all
from fractura.datasets.audit.pictures import shrink
from fractura.datasets.audit.run import audit
from fractura.datasets.manifest import Manifest, ManifestError
from fractura.errors import InUseError
from fractura.imaging.load import load

from .conftest import HEIGHT, WIDTH, no_progress


def run(manifest, out):
    return audit(manifest, Path("m.parquet"), out, no_progress)


def told(result, check):
    """``{(severity, names of the files): sentence}`` of a check's problems."""
    problems = next(item for item in result.checks if item.name == check).problems
    return {
        (problem.severity, *(name.removeprefix("phantoms/") for name in problem.records)): (
            problem.sentence
        )
        for problem in problems
    }


def timeless(result):
    return {**json.loads(json.dumps(result.as_dict())), "seconds": None}


def test_clean_manifest_has_no_problem(clean, tmp_path):
    result = run(clean, tmp_path)
    assert [check.name for check in result.checks if check.problems] == []
    assert result.leaks == 0
    assert result.groups == {}
    assert result.records == 12
    assert (tmp_path / "groups.csv").read_text() == "id,group\n"


def test_every_planted_fault_is_found_and_nothing_else(faulty, tmp_path):
    result = run(faulty, tmp_path / "audit")
    assert set(told(result, "identical")) == {
        ("leak", "00.png", "copy.png"),
        ("note", "02.png", "rewrapped.bmp"),
    }
    near = told(result, "near_duplicates")
    assert set(near) == {
        ("leak", "01.png", "mirrored.jpg"),
        ("note", "03.png", "contradiction.jpg"),
        ("note", "7-rotated1.jpg", "7.png"),
    }
    assert "mirrored" in near["leak", "01.png", "mirrored.jpg"]
    assert "train (1) and valid (1)" in near["leak", "01.png", "mirrored.jpg"]
    assert set(told(result, "families")) == {("note", "7-rotated1.jpg", "7-rotated2.jpg", "7.png")}
    assert "confirm 2 of 3" in next(iter(told(result, "families").values()))
    assert set(told(result, "patients")) == {("leak", "04.png", "08.png"), ("note",)}
    assert set(told(result, "groups")) == {("leak", "05.png", "10.png")}
    assert set(told(result, "labels")) == {("error", "03.png", "contradiction.jpg")}
    assert set(told(result, "remarks")) == {("warning", "06.png")}
    files = told(result, "files")
    assert {key for key in files if key[0] != "note"} == {
        ("error", "empty.png"),
        ("error", "text.png"),
        ("error", "missing.png"),
        ("error", "06.png"),
        ("warning", "07.png"),
        ("warning", "truncated.jpg"),
    }
    assert "it is empty" in files["error", "empty.png"]
    assert "there is no such file" in files["error", "missing.png"]
    assert "changed since the manifest was built" in files["error", "06.png"]
    marks = told(result, "marks")
    assert set(marks) == {
        ("error", "boxes.png"),
        ("warning", "boxes.png"),
        ("error", "normal.png"),
        ("warning", "unmarked.png"),
    }
    figures = next(check for check in result.checks if check.name == "marks").figures
    for kind in ("outside", "partly_outside", "no_area", "large", "outline"):
        assert figures[kind] == 1
    assert figures["not_finite"] == 0
    assert told(result, "foreign") == {}
    assert {key[0] for key in told(result, "contents")} == {"note"}
    assert "abnormal" in next(iter(told(result, "contents").values()))
    assert result.leaks == 4
    members = [
        {"00.png", "copy.png"},
        {"01.png", "mirrored.jpg"},
        {"02.png", "rewrapped.bmp"},
        {"03.png", "contradiction.jpg"},
        {"04.png", "08.png"},
        {"05.png", "10.png"},
        {"7.png", "7-rotated1.jpg"},
    ]
    expected = {f"phantoms/{name}": f"phantoms/{min(group)}" for group in members for name in group}
    assert result.groups == expected


def test_files_of_an_audit(faulty, tmp_path):
    result = run(faulty, tmp_path / "audit")
    stored = json.loads((tmp_path / "audit" / "audit.json").read_text())
    assert stored == json.loads(json.dumps(result.as_dict()))
    assert stored["schema"] == 1
    assert stored["leaks"] == 4

    def rows(name):
        with (tmp_path / "audit" / name).open(newline="") as file:
            return list(csv.DictReader(file))

    assert {row["id"]: row["group"] for row in rows("groups.csv")} == dict(result.groups)
    assert len(rows("problems.csv")) == sum(len(check.problems) for check in result.checks)
    pairs = {(row["first"], row["second"]): row for row in rows("pairs.csv")}
    mirrored = pairs["phantoms/01.png", "phantoms/mirrored.jpg"]
    assert mirrored["mirrored"] == "true"
    assert (mirrored["first_split"], mirrored["second_split"]) == ("train", "valid")
    assert 0.5 < float(mirrored["similarity"]) <= 1
    assert all(row["identical"] == "false" for key, row in pairs.items() if "mirrored" in str(key))
    page = (tmp_path / "audit" / "audit.html").read_text()
    assert "phantoms/copy.png" in page


def test_order_of_the_records_changes_nothing(faulty, tmp_path):
    shuffled = list(faulty.records)
    random.Random(3).shuffle(shuffled)
    one = run(faulty, tmp_path / "one")
    other = run(Manifest(tuple(shuffled)), tmp_path / "other")
    assert timeless(one) == timeless(other)
    for name in ("groups.csv", "pairs.csv", "problems.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_killed_audit_goes_on_where_it_was(faulty, tmp_path, monkeypatch):
    expected = timeless(run(faulty, tmp_path / "whole"))
    examined = []
    monkeypatch.setattr(
        gather, "examine_bytes", lambda data: examined.append(data) or examine_bytes(data)
    )

    def killed(items, total, name):
        yield from islice(items, 7)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        audit(faulty, Path("m.parquet"), tmp_path / "cut", killed)
    cache = tmp_path / "cut" / "cache"
    kept = len((cache / "examinations.jsonl").read_bytes().splitlines()) - 1
    assert kept >= 6
    with (cache / "pictures.bin").open("ab") as pictures:
        pictures.write(b"a picture whose line never came")
    with (cache / "examinations.jsonl").open("ab") as lines:
        lines.write(b'{"place": [0, 12, 12], "sha256": "torn')
    examined.clear()
    assert timeless(run(faulty, tmp_path / "cut")) == expected
    contents = {record.path.read_bytes() for record in faulty.records if record.path.exists()}
    assert len(set(examined)) == len(contents) - kept
    examined.clear()
    assert timeless(run(faulty, tmp_path / "cut")) == expected
    assert examined == []


def test_pictures_on_disk_are_those_of_the_files(faulty, tmp_path):
    found, pictures = examine_all(faulty.records, tmp_path / "cache", no_progress)
    assert len(found) == len(pictures) == len(faulty.records)
    for record, examination, picture in zip(faulty.records, found, pictures, strict=True):
        if examination.readable:
            np.testing.assert_array_equal(picture, shrink(load(record.path).pixels))
            assert (examination.width, examination.height) == (WIDTH, HEIGHT)
        else:
            assert picture is None


def test_without_a_split_nothing_leaks(faulty, tmp_path):
    records = tuple(replace(record, split=None) for record in faulty.records)
    result = run(Manifest(records), tmp_path)
    assert result.leaks == 0
    summaries = {check.name: check.summary for check in result.checks}
    for name in ("identical", "near_duplicates", "patients", "groups"):
        assert "there is no split yet" in summaries[name]
    contents = result.checks[0]
    assert contents.name == "contents"
    assert "there is no split yet" in contents.problems[0].sentence


def test_folds_leak_like_splits(clean, tmp_path):
    records = [
        replace(record, fold=number % 3, patient="one" if number in (1, 2) else record.patient)
        for number, record in enumerate(clean.records)
    ]
    result = run(Manifest(tuple(records)), tmp_path)
    assert told(result, "patients") == {
        ("leak", "01.png", "02.png"): (
            "2 images are of phantoms's patient one and lie in fold 1 (1) and fold 2 (1)."
        )
    }


def test_two_audits_in_one_folder_and_an_empty_manifest_are_refused(clean, tmp_path):
    def audit_again(items, total, name):
        with pytest.raises(InUseError, match="in use by another"):
            run(clean, tmp_path)
        yield from items

    examine_all(clean.records, tmp_path / "cache", audit_again)
    with pytest.raises(ManifestError, match="no records"):
        run(Manifest(()), tmp_path)
