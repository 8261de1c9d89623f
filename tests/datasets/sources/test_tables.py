"""Tables as programs write them: every row comes out, or is named with its line."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fractura.datasets.record import Dropped
from fractura.datasets.sources.source import SourceError
from fractura.datasets.sources.tables import BAD_CELLS, BAD_QUOTES, SEPARATORS, read_table

ROWS = [(2, {"file": "a ü.png", "label": "yes"}), (3, {"file": "b.png", "label": ""})]


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_one_table_in_every_dress(tmp_path: Path, separator: str, end: str, encoding: str) -> None:
    lines = ["file , label", "a ü.png,yes", "b.png,", ""]
    text = end.join(lines).replace(",", separator)
    assert list(read_table(written(tmp_path / "t.csv", text.encode(encoding)))) == ROWS


def test_mixed_separators_and_loose_quotes_are_named_with_their_line(tmp_path: Path) -> None:
    text = (
        'file,label,note\na.png,1,"two\nlines, one cell"\nb.png;0;\n\n,,\nc.png,1,"open\n'
        'd.png,0,"a ""b""",,\ne.png,0\nf.png,0,x,y\ng.png,1,last'
    )
    path = written(tmp_path / "t.csv", text.encode())
    assert list(read_table(path)) == [
        (2, {"file": "a.png", "label": "1", "note": "two\nlines, one cell"}),
        Dropped(f"{path}, line 4", BAD_CELLS),
        Dropped(f"{path}, line 7", BAD_QUOTES),
        (8, {"file": "d.png", "label": "0", "note": 'a "b"'}),
        Dropped(f"{path}, line 9", BAD_CELLS),
        Dropped(f"{path}, line 10", BAD_CELLS),
        (11, {"file": "g.png", "label": "1", "note": "last"}),
    ]


def test_the_separator_is_not_taken_from_quoted_text(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", b'"a,b,c,d";e\n"1,2";3\n')
    assert list(read_table(path, ["e"])) == [(2, {"a,b,c,d": "1,2", "e": "3"})]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"image_id,split\n1,2\n", r"t\.csv: the column 'imageid' is missing.*'split'.*image_id"),
        (b"imageid,imageid\n1,2\n", "two columns are called 'imageid'"),
        (b" \r\n", "is empty"),
        (None, "cannot be read"),
    ],
)
def test_a_useless_table_says_why(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "t.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError, match=message):
        list(read_table(path, ["imageid"]))


CELL = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=9).map(str.strip)


@given(st.lists(st.tuples(CELL, CELL, CELL)), st.sampled_from(SEPARATORS))
def test_what_csv_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]], separator: str
) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=separator, quoting=csv.QUOTE_ALL).writerows([("a", "b", "c"), *rows])
    path = written(tmp_path_factory.mktemp("t") / "t.csv", text.getvalue().encode())
    expected = [
        (number, dict(zip("abc", row, strict=True)))
        for number, row in enumerate(rows, 2)
        if any(row)
    ]
    assert list(read_table(path)) == expected
