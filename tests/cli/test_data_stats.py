"""``fractura data stats`` as a person calls it."""

import json
from pathlib import Path

import pytest

from fractura.datasets.manifest import Intake, Manifest
from fractura.datasets.record import Annotation, Record
from fractura.datasets.storage import write_manifest
from fractura.findings import Box


@pytest.fixture
def manifest(tmp_path, phantom_pngs):
    """Four phantoms of two sources as a manifest on disk."""
    labels = ("fracture", "no fracture", "abnormal", "abnormal")
    records = [
        Record(
            id=f"s/{number}",
            path=path,
            source="one" if number < 2 else "two\x1b[31m",
            label=label,
            regions=("wrist",),
            width=200,
            height=240,
            age=40.0,
            annotations=(Annotation("fracture", Box(0, 0, 20, 24)),) if number == 0 else (),
        )
        for number, (path, label) in enumerate(zip(phantom_pngs, labels, strict=True))
    ]
    path = tmp_path / "m.csv"
    intake = Intake("one", "yolo", "", None, 3, 2, {"empty": 1})
    write_manifest(path, Manifest(tuple(records), (intake,)))
    return path


def rows(output, title):
    """The cells of a printed table, head and rows, without the line between them."""
    lines = output.split(f"\n{title}\n")[1].split("\n\n")[0].splitlines()
    return [[cell for cell in line.split("  ") if cell] for line in lines if "──" not in line]


def test_tables_on_the_terminal(fractura, manifest):
    result = fractura("data", "stats", manifest)
    assert result.exit_code == 0
    assert result.stdout.startswith("4 images, content hash ")
    assert "\none: read 3, kept 2, dropped 1 because: " in result.stdout
    assert "\x1b" not in result.stdout, "no colours off a terminal, and none from a source's name"
    table = [[cell.strip() for cell in row] for row in rows(result.stdout, "Sources")]
    assert table == [
        ["source", "fracture", "no fracture", "abnormal", "all"],
        ["one", "1", "1", "0", "2"],
        [r"two\x1b[31m", "0", "0", "2", "2"],
        ["all", "1", "1", "2", "4"],
    ]
    assert "not necessarily a fracture" in result.stdout
    sizes = rows(result.stdout, "Box area in % of the image")
    assert [cell.strip() for cell in sizes[1]] == ["fracture", "1", *["1"] * 7]


def test_files(fractura, manifest, tmp_path):
    result = fractura("data", "stats", manifest, "--out", "new/folder")
    assert result.exit_code == 0
    out = tmp_path / "new" / "folder"
    assert sorted(path.name for path in out.iterdir()) == [
        "ages.png",
        "box-sizes.png",
        "composition.png",
        "contact-sheet.png",
        "image-sizes.png",
        "stats.html",
        "stats.json",
    ]
    assert "stats.html, stats.json and 5 figures" in result.stdout
    data = json.loads((out / "stats.json").read_text(encoding="utf-8"))
    assert data["counts"]["label"] == {"fracture": 1, "no fracture": 1, "abnormal": 2}
    assert "Statistics of" in (out / "stats.html").read_text(encoding="utf-8")
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert fractura("data", "stats", manifest, "--out", "new/folder").exit_code == 0
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_an_empty_manifest(fractura, tmp_path):
    write_manifest(tmp_path / "empty.csv", Manifest(()))
    result = fractura("data", "stats", "empty.csv", "--out", "o")
    assert result.exit_code == 0
    assert result.stdout.startswith("0 images")
    assert sorted(path.name for path in Path("o").iterdir()) == ["stats.html", "stats.json"]


def test_what_goes_wrong_is_one_sentence(fractura, manifest):
    missing = fractura("data", "stats", "none.parquet")
    assert missing.exit_code == 1
    assert missing.stderr.count("\n") == 1
    assert "none.parquet: there is no such manifest" in missing.stderr
    Path("file").write_text("in the way")
    blocked = fractura("data", "stats", manifest, "--out", "file/deep")
    assert blocked.exit_code == 1
    assert blocked.stderr.startswith("fractura: file")
    assert blocked.stderr.count("\n") == 1
