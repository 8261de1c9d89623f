"""Tables with mapped columns: what is read, merged, noted, dropped, refused."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from fractura.datasets.record import FRACTURE
from fractura.datasets.sources.source import SourceError
from fractura.datasets.sources.table import SOURCE
from fractura.findings import Box
from tests.datasets.sources.trees import draw, read

COLUMNS = {
    "path": "Datei",
    "label": "Befund",
    "patient": "Pat",
    "age": "Alter",
    "sex": "Sex",
    "laterality": "Seite",
    "views": "Projektion",
    "regions": "Region",
}
LABELS = {"frisch": "fracture", "o.B.": "normal"}


def write(path: Path, text: str) -> Path:
    for name in ("a ü.png", "b.png", "c/d.png"):
        draw(path.parent / name)
    path.write_bytes(text.encode())
    return path


def test_mapped_columns_with_windows_paths_and_line_ends(tmp_path: Path) -> None:
    table = write(
        tmp_path / "t.csv",
        "Datei;Befund;Pat;Alter;Sex;Seite;Projektion;Region;Cast;Split;Gerät\r\n"
        "a ü.png;frisch;007;34Y;F;links;AP, lat;Distal_Radius;yes;Val;X1\r\n"
        ".\\c\\d.png;o.B.;;;;L;;;;;\r\n"
        "b.png;;8;61.5;m;R;Y view;hand|wrist;0;;\r\n",
    )
    records, dropped = read(SOURCE, tmp_path, columns=COLUMNS, labels=LABELS)
    assert not dropped
    first, second, third = records.values()
    assert list(records) == ["a ü.png", "c/d.png", "b.png"]
    assert (first.label, first.fracture_types) == ("fracture", ())
    assert (first.patient, first.age, first.sex) == ("007", 34, "female")
    assert first.laterality is None
    assert first.notes == (f"{table}, line 2: Seite is 'links', which is not known",)
    assert (first.views, first.regions) == (("frontal", "lateral"), ("distal radius",))
    assert (first.cast, first.official_split) == (True, "valid")
    assert first.extra == {"Gerät": "X1"}
    assert (second.label, second.laterality, second.patient) == ("normal", "left", None)
    assert (third.label, third.views, third.cast) == ("unknown", ("y view",), False)
    assert third.regions == ("hand", "wrist")
    assert all(record.annotations is None for record in records.values())


def test_lines_of_boxes_are_merged(tmp_path: Path) -> None:
    table = write(
        tmp_path / "t.csv",
        "path,label,x_min,y_min,x_max,y_max,reader,patient\n"
        "b.png,fracture,1,2,3,4,r1,p\n"
        "b.png,no fracture,5,6,7,8.5,r2,p\n"
        "b.png,fracture,9,9,8,8,r2,p\n"
        "b.png,fracture,1,2,3,4,r1,q\n"
        "c/d.png,no fracture,,,,,r1,p\n"
        "a ü.png,no fracture,,,,,r1,q\n"
        "a ü.png,no fracture,,,,,r1,q\n"
        "gone.png,fracture,,,,,,\n"
        ",fracture,,,,,,\n"
        "c/d.png;fracture;;;;;;\n"
        "c/d.png,fracture,1,2,3,4,r1,p\n",
    )
    records, dropped = read(SOURCE, table)
    assert dropped == {
        "lines that contradict an earlier line of the same image": [
            f"{table}, line {line}" for line in (5, 12)
        ],
        "lines that repeat an earlier line": [f"{table}, line 8"],
        "listed images that are missing": [f"{table}, line 9: gone.png"],
        "lines without an image": [f"{table}, line 10"],
        "lines with another number of cells than the head": [f"{table}, line 11"],
    }
    fractured, empty = records["b.png"], records["a ü.png"]
    assert fractured.label == "fracture"
    assert [(mark.label, mark.box) for mark in fractured.annotations or ()] == [
        (FRACTURE, Box(1, 2, 3, 4)),
        ("no fracture", Box(5, 6, 7, 8.5)),
    ]
    (note,) = fractured.notes
    assert note == f"{table}, line 4: the box 9, 9, 8, 8 is not understood and left out"
    assert fractured.extra == {"reader": "r1; r2"}
    assert (empty.label, empty.annotations) == ("no fracture", ())
    doubtful = records["c/d.png"]
    assert (doubtful.label, doubtful.annotations) == ("unknown", ())
    assert doubtful.notes == ("the table's lines of this image contradict each other",)


def test_two_files_with_one_id(tmp_path: Path) -> None:
    table = write(tmp_path / "t.tsv", "id\tpath\tlabel\n1\ta ü.png\tfracture\n1\tb.png\tnormal\n")
    records, dropped = read(SOURCE, table)
    assert list(records) == ["1"]
    assert dropped == {"lines with an id that an earlier line has": [f"{table}, line 3"]}


def test_parquet_says_the_same_as_csv(tmp_path: Path) -> None:
    text = "path,label,age,hardware,regions,x\na ü.png,1,7.5,true,hand;wrist,1\nb.png,0,,false,,\n"
    table = write(tmp_path / "t.csv", text.replace("label", "fractured"))
    columns = {
        "path": ["a ü.png", "b.png"],
        "fractured": [True, False],
        "age": [7.5, float("nan")],
        "hardware": [True, False],
        "regions": [["hand", "wrist"], None],
        "x": [1, None],
        "pixels": [b"\0" * 99, None],
    }
    pa.parquet.write_table(pa.table(columns), tmp_path / "t.parquet")
    told = {"columns": {"label": "fractured"}}
    from_csv, _ = read(SOURCE, table, **told)
    from_parquet, _ = read(SOURCE, tmp_path / "t.parquet", **told)
    assert from_csv == from_parquet
    assert [record.label for record in from_csv.values()] == ["fracture", "no fracture"]
    with pytest.raises(SourceError, match=r"one table.*t\.csv, t\.parquet"):
        read(SOURCE, tmp_path)
    (tmp_path / "t.parquet").write_bytes(b"PAR1")
    with pytest.raises(SourceError, match="not a Parquet file"):
        read(SOURCE, tmp_path / "t.parquet")


@pytest.mark.parametrize(
    ("text", "columns", "message"),
    [
        ("path,label\nb.png,cracked\nb.png,odd", {}, "'label' are not known: 'cracked', 'odd'"),
        ("path,target\nb.png,1", {"label": "target"}, "'target' are not known: '1'"),
        ("path,label\nb.png,positive", {}, "--labels 'positive=abnormal'"),
        ("path,label\nb.png,normal", {"lable": "x"}, "no field 'lable' (did you mean 'label'?)"),
        ("path,label\nb.png,normal", {"age": "Aeg"}, "the column 'Aeg' is missing"),
        ("scan,label\nb.png,normal", {}, "say which one it is, for example --columns path=scan"),
        ("path,label,x_min\nb.png,normal,1", {}, "only x_min have one"),
        ("path,label\n", {}, "no line that can be read"),
    ],
)
def test_a_wrong_mapping_says_what_to_do(
    tmp_path: Path, text: str, columns: dict[str, str], message: str
) -> None:
    table = write(tmp_path / "t.csv", text)
    with pytest.raises(SourceError, match=re.escape(message)):
        read(SOURCE, table, columns=columns)


def test_a_wrong_path(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such table"):
        read(SOURCE, tmp_path / "t.csv")
    with pytest.raises(SourceError, match="must hold one table"):
        read(SOURCE, tmp_path)
