"""``fractura data split`` and ``balance`` as a person runs them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from fractura.datasets.manifest import Manifest
from fractura.datasets.record import Record
from fractura.datasets.storage import read_manifest, write_manifest


@pytest.fixture
def manifest(tmp_path):
    """Forty patients of two images each, every fourth fractured, one of unknown label."""
    records = [
        Record(
            id=f"ward/{number}",
            path=Path(f"{number}.png"),
            source="ward",
            label="unknown" if number == 79 else "normal" if number % 8 > 1 else "fracture",
            patient=str(number // 2),
            official_split="test" if number >= 60 else "train" if number % 2 else "valid",
        )
        for number in range(80)
    ]
    write_manifest(tmp_path / "m.csv", Manifest(tuple(records)))


def records(name):
    return read_manifest(Path(name)).records


@pytest.mark.usefixtures("manifest")
def test_ratios_with_groups(fractura, tmp_path):
    (tmp_path / "groups.csv").write_text("id,group\nward/0,g\nward/70,g\n")
    result = fractura("data", "split", "m.csv", "--out", "s.csv", "--groups", "groups.csv")
    assert result.exit_code == 0
    head, *rows = result.stdout.splitlines()
    assert head.split() == ["SOURCE", "LABEL", "TRAIN", "VALID", "TEST", "LEFT", "OUT", "ALL"]
    assert rows[3].split()[:2] == ["all", "all"]
    assert rows[3].split()[-2:] == ["1", "80"]
    assert rows[4].split() == ["asked", "70.00", "%", "15.00", "%", "15.00", "%"]
    assert "Left out: 1 because its label is unknown." in rows
    assert "80 records form 39 groups: 38 of 2, 1 of 3 to 4." in rows
    split = {one.id: one.split for one in records("s.csv")}
    assert split["ward/0"] == split["ward/1"] == split["ward/70"] == split["ward/71"]
    counts = Counter(split.values())
    assert abs(counts["train"] - 0.7 * 79) <= 2
    again = fractura("data", "split", "m.csv", "--out", "t.csv", "--groups", "groups.csv")
    assert again.stdout == result.stdout.replace("s.csv", "t.csv")
    assert (tmp_path / "t.csv").read_bytes() == (tmp_path / "s.csv").read_bytes()


@pytest.mark.usefixtures("manifest")
def test_official_and_folds(fractura):
    result = fractura("data", "split", "m.csv", "--out", "s.csv", "--official")
    assert "Left out: 30 because its group is in valid, it was in train." in result.stdout
    apart = [
        replace(one, official_split="valid" if one.label == "fracture" else "test")
        for one in records("m.csv")
    ]
    write_manifest(Path("apart.csv"), Manifest(tuple(apart)))
    result = fractura("data", "split", "apart.csv", "--out", "s.csv", "--official")
    assert "Note: there is nothing labelled 'normal' in valid." in result.stdout
    folds = fractura("data", "split", "m.csv", "--out", "s.csv", "--folds", 3)
    assert folds.exit_code == 0
    assert "FOLD 2" in folds.stdout
    assert "asked" not in folds.stdout
    made = Counter((one.split, one.fold) for one in records("s.csv"))
    assert made == {
        **{("train", fold): 20 for fold in range(3)},
        ("test", None): 19,
        (None, None): 1,
    }
    both = fractura("data", "split", "m.csv", "--out", "s.csv", "--ratios", "50,0,50", "--folds", 2)
    assert "25.00 %         25.00 %         50.00 %" in both.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--ratios", "70"], 2, "--ratios 70: give the shares"),
        (["--ratios", "0,50,50"], 2, "give the shares"),
        (["--ratios", "a,b"], 2, "give the shares"),
        (["--ratios", "50,50", "--official"], 2, "exclude each other"),
        (["--groups", "no.csv"], 1, "no.csv"),
        (["--folds", "20"], 1, "labelled 'fracture' form 8 groups, too few for 20 folds"),
    ],
)
@pytest.mark.usefixtures("manifest")
def test_wrong_usage(fractura, tmp_path, arguments, status, message):
    result = fractura("data", "split", "m.csv", "--out", "s.csv", *arguments)
    assert result.exit_code == status
    assert message in result.stderr
    assert not (tmp_path / "s.csv").exists()


@pytest.mark.parametrize("command", ["split", "balance"])
@pytest.mark.usefixtures("manifest")
def test_where_the_result_goes(fractura, tmp_path, command):
    wrong = fractura("data", command, "m.csv", "--out", "s.txt")
    assert wrong.exit_code == 2
    assert "s.txt: a manifest's name ends in .parquet or .csv" in wrong.stderr
    assert fractura("data", "split", "m.csv", "--out", "new/folder/s.csv").exit_code == 0
    assert (tmp_path / "new" / "folder" / "s.csv").is_file()


def test_an_empty_manifest_is_not_split(fractura, tmp_path):
    (tmp_path / "m.csv").write_text("id,path,source,label\n")
    for arguments in ([], ["--official"], ["--folds", "3"]):
        result = fractura("data", "split", "m.csv", "--out", "s.csv", *arguments)
        assert result.exit_code == 1
        assert "no records" in result.stderr


@pytest.mark.usefixtures("manifest")
def test_balance(fractura):
    assert fractura("data", "balance", "m.csv", "--out", "b.csv").exit_code == 1
    fractura("data", "split", "m.csv", "--out", "s.csv", "--ratios", "80,20")
    result = fractura("data", "balance", "s.csv", "--out", "b.csv")
    assert result.exit_code == 0
    head, fracture, normal, *_ = result.stdout.splitlines()
    assert head.split() == ["LABEL", "IMAGES", "BEFORE", "AFTER", "EACH", "COUNTS"]
    assert fracture.split()[3] == normal.split()[3] == "50.00%"
    assert normal.split()[4] == "1.00"
    assert max(one.copies for one in records("b.csv") if one.split == "valid") == 1
    fractura("data", "balance", "s.csv", "--out", "w.csv", "--how", "weights")
    weights = {one.label: one.weight for one in records("w.csv") if one.split == "train"}
    assert weights["fracture"] > 2 * weights["normal"]
    wrong = fractura("data", "balance", "s.csv", "--out", "b.csv", "--by", "age")
    assert wrong.exit_code == 2
    assert "choose from label, region, source" in wrong.stderr
