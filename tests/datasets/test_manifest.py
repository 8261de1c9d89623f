"""Manifests: what they hold, what they refuse, and that both files keep every bit of it."""

import csv
import string
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fractura.datasets.manifest import Intake, Manifest, ManifestError
from fractura.datasets.record import FIELDS, LABELS, LATERALITIES, SEXES, SPLITS, Annotation, Record
from fractura.datasets.storage import METADATA_KEY, read_manifest, write_manifest
from fractura.findings import Box

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAME = TEXT.filter(lambda text: text == text.strip() != "")
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
COUNT = st.none() | st.integers(0, 2**40)
FLAG = st.none() | st.booleans()
WORDS = st.lists(TEXT, max_size=2).map(tuple)
ANNOTATIONS = st.builds(
    Annotation,
    TEXT,
    st.builds(Box, NUMBER, NUMBER, NUMBER, NUMBER),
    st.lists(st.lists(st.tuples(NUMBER, NUMBER), max_size=2).map(tuple), max_size=2).map(tuple),
    st.none() | TEXT,
)
PATH = st.text(string.ascii_letters + " ,;\"'é漢\n", min_size=1, max_size=8).map(
    lambda name: Path("/data") / name
)
RECORDS = st.builds(
    Record,
    id=NAME,
    path=PATH,
    source=NAME,
    label=st.sampled_from(LABELS),
    **dict.fromkeys(("sha256", "licence", "patient", "study", "modality"), st.none() | NAME),
    **dict.fromkeys(("format", "group"), st.none() | NAME),
    **dict.fromkeys(("regions", "views", "fracture_types", "ao", "notes"), WORDS),
    **dict.fromkeys(("width", "height", "bits", "fold", "order"), COUNT),
    **dict.fromkeys(("hardware", "cast", "follow_up"), FLAG),
    **dict.fromkeys(("official_split", "split"), st.none() | st.sampled_from(SPLITS)),
    laterality=st.none() | st.sampled_from(LATERALITIES),
    sex=st.none() | st.sampled_from(SEXES),
    age=st.none() | st.floats(0, 130),
    annotations=st.none() | st.lists(ANNOTATIONS, max_size=2).map(tuple),
    copies=st.integers(0, 9),
    weight=st.floats(0, 1e9),
    extra=st.dictionaries(TEXT, TEXT, max_size=2),
)
MANIFESTS = st.builds(
    Manifest,
    st.lists(RECORDS, max_size=2, unique_by=lambda record: record.id).map(tuple),
    st.just((Intake("a", "mura", "https://a", None, 9, 7, {"files are empty": 2}),)),
)


def _record(name, **values):
    return Record(id=f"a/{name}", path=Path(f"/data/{name}.png"), source="a", **values)


SOME = Manifest(
    (
        _record("1", label="fracture", annotations=(Annotation("fracture", Box(1, 2, 3, 4.5)),)),
        _record("2", label="no fracture", annotations=(), regions=("wrist",), cast=False),
        _record("3", label="abnormal", split="train", extra={"note": "a,b;c"}),
    )
)


@settings(max_examples=80)
@given(manifest=MANIFESTS)
def test_both_files_keep_everything(manifest, tmp_path_factory):
    folder = tmp_path_factory.mktemp("manifests")
    write_manifest(folder / "m.parquet", manifest)
    from_parquet = read_manifest(folder / "m.parquet")
    write_manifest(folder / "m.csv", from_parquet)
    assert from_parquet == read_manifest(folder / "m.csv") == manifest
    assert from_parquet.content_hash == manifest.content_hash


@settings(max_examples=20)
@given(manifest=MANIFESTS, label=st.sampled_from(LABELS))
def test_the_hash_is_of_what_records_say_and_of_nothing_else(manifest, label):
    moved = [replace(record, path=Path("elsewhere")) for record in reversed(manifest.records)]
    assert Manifest(tuple(moved)).content_hash == manifest.content_hash
    for number, record in enumerate(moved):
        changed = [*moved[:number], replace(record, label=label), *moved[number + 1 :]]
        same = Manifest(tuple(changed)).content_hash == manifest.content_hash
        assert same == (label == record.label)


def test_the_hash_is_the_same_on_every_machine():
    assert SOME.content_hash == "a9cd51eb55658ce1ec63d36d0259c102ba74d3fa12aa13cb270a5e35e4a1cac7"


def test_images_are_found_when_they_and_the_manifest_move_together(tmp_path):
    inside = Manifest((replace(SOME.records[0], path=tmp_path / "old" / "images" / "ä.png"),))
    (tmp_path / "old" / "tables").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "old" / "tables")
    for name in ("m.csv", "m.parquet"):
        write_manifest(tmp_path / "link" / name, inside)
        assert read_manifest(tmp_path / "old" / "tables" / name) == inside
    assert "../images/ä.png" in (tmp_path / "old" / "tables" / "m.csv").read_text("utf-8")
    (tmp_path / "old").rename(tmp_path / "new")
    for name in ("m.csv", "m.parquet"):
        (record,) = read_manifest(tmp_path / "new" / "tables" / name).records
        assert record.path == tmp_path / "new" / "images" / "ä.png"


def test_links_lead_to_the_images(tmp_path, monkeypatch):
    (tmp_path / "far" / "deep").mkdir(parents=True)
    (tmp_path / "far" / "x.png").touch()
    (tmp_path / "link").symlink_to("far/deep")
    monkeypatch.chdir(tmp_path)
    manifest = Manifest((replace(SOME.records[0], path=Path("link/../x.png")),), SOME.intakes)
    for name in ("m.csv", "m.parquet"):
        target = tmp_path / "new" / "tables" / name
        write_manifest(target, manifest)
        assert read_manifest(target).records[0].path == tmp_path / "far" / "x.png"
        Path(name).symlink_to(target)
        assert read_manifest(Path(name)) == read_manifest(target)
        assert read_manifest(Path(name)).intakes == SOME.intakes
        write_manifest(Path(name), manifest)
        assert read_manifest(Path(name)).records[0].path == tmp_path / "far" / "x.png"


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"label": "positive"}, "a/x: label is 'positive'; it must be one of 'fracture', 'no fra"),
        ({"split": "val"}, "a/x: split is 'val'; it must be one of 'train', 'valid', 'test'"),
        ({"age": 2024.0}, "a/x: an age of 2024.0 years is none a person reaches"),
        ({"age": float("nan")}, "a/x: an age of nan years"),
        ({"weight": float("nan")}, "a/x: copies and weight must be finite"),
        ({"copies": -1}, "a/x: copies and weight must be finite and not negative"),
        ({"patient": ""}, "a/x: patient is empty; None says nothing"),
        ({"id": ""}, "x.png: id is empty"),
        ({"id": "a/x "}, "the id 'a/x ' begins or ends with blanks"),
        ({"path": Path("/data/\udcff.png")}, "the file's name is not Unicode; rename it"),
        (
            {"annotations": (Annotation("fracture", Box(0, 0, float("inf"), 1)),)},
            "a/x: the box [0, 0, inf, 1] is not finite",
        ),
    ],
)
def test_what_breaks_the_schema_is_refused(values, complaint):
    with pytest.raises(ManifestError) as caught:
        Manifest((replace(_record("x", label="normal"), **values),))
    assert complaint in str(caught.value)


def test_an_id_stands_for_one_record():
    with pytest.raises(ManifestError, match="1 ids occur more than once, the first is 'a/1'"):
        Manifest((*SOME.records, SOME.records[0]))


@pytest.fixture
def table(tmp_path):
    """The lines of a good CSV manifest, and a function that reads other lines."""
    path = tmp_path / "m.csv"
    write_manifest(path, SOME)
    lines = path.read_text("utf-8").splitlines()

    def read(content):
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_manifest(path)

    return lines, read


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_tables_that_other_programs_saved(table, separator, end, encoding):
    lines, read = table
    rows = list(csv.reader(lines))
    rows[2][FIELDS.index("cast")] = "FALSE"
    assert rows[3][0] == "a/3"
    rows[3][0] = "a/Hüfte 漢"
    cells = [separator.join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows]
    records = read((end.join(cells) + end).encode(encoding)).records
    assert records[:2] == SOME.records[:2]
    assert records[2] == replace(SOME.records[2], id="a/Hüfte 漢")


def test_what_spreadsheets_add_is_passed_over(table):
    _, read = table
    head, line = "id;path;source;label;cast;width;;\r\n", "a/1;x.png;a;fracture;TRUE;373.0;;\r\n"
    (record,) = read(head + ";;;;;;;\r\n" + line + "\r\n" + ";;;;;;;\r\n").records
    assert (record.id, record.cast, record.width) == ("a/1", True, 373)


def test_columns_that_nobody_needs_may_be_left_out(table):
    _, read = table
    (record,) = read("label,id,path,source\nfracture,a/1,x.png,a\n").records
    assert (record.label, record.copies, record.annotations) == ("fracture", 1, None)


def test_a_cell_may_be_long(table):
    _, read = table
    long = "é" * 500_000
    (record,) = read(f"id,path,source,label,patient\na/1,x.png,a,fracture,{long}\n").records
    assert record.patient == long


HEAD = "id,path,source,label,split,regions,extra,annotations,width,cast\n"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "line 1: there is no column 'id'; every manifest needs one"),
        ("id,path,source\na,b,c\n", "line 1: there is no column 'label'"),
        ("id,path,source,label,finding\n", "line 1: the column 'finding' is not in the schema"),
        ("id,path,source,label,id\n", "line 1: the column 'id' stands there twice"),
        (HEAD + "1,x,a,normal,,,,,,\n2,x,a,yes,,,,,,\n", "line 3: 2: label is 'yes'; it must be"),
        (HEAD + "1,x,a,normal,val,,,,,\n", "line 2: 1: split is 'val'; it must be one of 'train'"),
        (HEAD + "1,x,a,,,,,,,\n", "line 2: label is missing; every record needs one"),
        (HEAD + "1,x,a,normal,,,,,,,,more\n", "line 2: the line has 12 cells and the head 10"),
        (HEAD + "1,x,a,normal,,,,,,\n1,y,a,normal,,,,,,\n", "line 3: the id '1' occurs before"),
        (HEAD + "1;x;a;normal;;;;;;\n", "line 2: the line has 1 cells and the head 10; is a sep"),
        (HEAD + "1,x,a,norm", "line 2: the line has 4 cells and the head 10"),
        (HEAD + "1,x,a,normal,,wrist,,,,\n", "line 2: 'wrist' is no value that regions can have"),
        (HEAD + '1,x,a,normal,,"""wrist""",,,,\n', "is no value that regions can have"),
        (HEAD + '1,x,a,normal,,,"{""a"": 1}",,,\n', "is no value that extra can have"),
        (HEAD + '1,x,a,normal,,,,"[{""label"": ""a""}]",,\n', "line 2: the annotations or extra"),
        (HEAD + "1,x,a,normal,,,,7,,\n", "line 2: the annotations or extra are not well formed"),
        (HEAD + "1,x,a,normal,,,,,3.5,\n", "'3.5' is no value that width can have; write a whole"),
        (HEAD + "1,x,a,normal,,,,,,maybe\n", "'maybe' is no value that cast can have; write true"),
        (HEAD + '1,x,a,"normal', "line 2: unexpected end of data"),
        (HEAD.encode() + b"1,H\xfcfte,a,normal,,,,,,\n", "the table is not in UTF-8; save it so"),
    ],
)
def test_broken_tables_are_refused_with_the_line(table, content, complaint):
    _, read = table
    with pytest.raises(ManifestError) as caught:
        read(content)
    assert complaint in str(caught.value)
    assert "m.csv" in str(caught.value)


def _arrow(path, metadata=b'{"schema": 1}', **columns):
    columns = {name: ["a"] for name in ("id", "path", "source")} | {"label": ["normal"]} | columns
    table = pa.table(columns).replace_schema_metadata(metadata and {METADATA_KEY: metadata})
    pyarrow.parquet.write_table(table, path)


@pytest.mark.parametrize(
    ("write", "complaint"),
    [
        (lambda path: None, "there is no such manifest; fractura data build makes one"),
        (lambda path: path.write_text("id,path"), "this is not a Parquet file, or only a part"),
        (lambda path: path.touch(), "this is not a Parquet file, or only a part of one"),
        (lambda path: _arrow(path, None), "this Parquet file is not a manifest of fractura"),
        (lambda path: _arrow(path, b'{"schema": 2}'), "has schema 2, this version of fractura re"),
        (lambda path: _arrow(path, b"[]"), "this is not the metadata of a manifest"),
        (lambda path: _arrow(path, b'{"intakes": [{}]}'), "its metadata are damaged"),
        (lambda path: _arrow(path, b'{"intakes": 3}'), "its metadata are damaged"),
        (lambda path: _arrow(path, label=["yes"]), "row 1: a: label is 'yes'; it must be one of"),
        (lambda path: _arrow(path, age=["old"]), "the column 'age' holds string, not double"),
        (lambda path: _arrow(path, finding=["x"]), "the column 'finding' is not in the schema"),
        (lambda path: _arrow(path, id=pa.nulls(1, pa.string())), "row 1: id is missing"),
    ],
)
def test_files_that_are_no_manifest(tmp_path, write, complaint):
    path = tmp_path / "m.parquet"
    write(path)
    with pytest.raises(ManifestError) as caught:
        read_manifest(path)
    assert str(path) in str(caught.value)
    assert complaint in str(caught.value)


def test_a_part_of_a_file_is_never_taken_for_the_whole(tmp_path):
    path = tmp_path / "m.parquet"
    write_manifest(path, SOME)
    whole = path.read_bytes()
    for length in range(0, len(whole), 997):
        path.write_bytes(whole[:length])
        with pytest.raises(ManifestError):
            read_manifest(path)


def test_other_endings_are_refused(tmp_path):
    for use in (lambda path: write_manifest(path, SOME), read_manifest):
        (tmp_path / "m.xlsx").touch()
        with pytest.raises(ManifestError, match=r"a manifest's name ends in \.parquet or \.csv"):
            use(tmp_path / "m.xlsx")
    assert (tmp_path / "m.xlsx").read_bytes() == b""


def test_the_sentence_of_a_source():
    intake = Intake("a", "mura", "", None, 40_010, 40_006, {"files are empty": 3, "odd ones": 1})
    assert intake.sentence() == (
        "a: read 40,010, kept 40,006, dropped 4 because: files are empty (3), odd ones (1)"
    )
    assert Intake("a", "mura", "", None, 1, 1).sentence() == "a: read 1, kept 1, dropped 0"
