"""A table adds to the records that it names, and to no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from fractura.datasets.label import add_labels
from fractura.datasets.record import Record
from fractura.errors import FracturaError

RECORDS = tuple(
    Record(
        id=f"a/{number}",
        path=Path(f"{number}.png"),
        source="a",
        label="no fracture",
        regions=("leg",),
        split="train",
    )
    for number in range(3)
)


def table(folder: Path, text: str) -> Path:
    path = folder / "labels.csv"
    path.write_text(text)
    return path


def test_cells_replace_and_empty_ones_leave(tmp_path) -> None:
    lines = "id,regions,growth_plates,split\na/1,Knee; thigh,open,\na/2,,,dropped\nb/9,foot,,\n"
    labelled = add_labels(RECORDS, table(tmp_path, lines))
    first, second, third = labelled.records
    assert first == RECORDS[0]
    assert (second.regions, second.extra, second.split) == (
        ("knee", "thigh"),
        {"growth_plates": "open"},
        "train",
    )
    assert (third.regions, third.split) == (("leg",), None)
    assert (labelled.changed, labelled.unknown) == (2, ("b/9",))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id,split\na/1,training\n", "line 2: split is 'training'"),
        ("id,growth_plates\na/1,maybe\n", "line 2: growth_plates is 'maybe'"),
        ("id,regions\na/1,knee\na/1,foot\n", "line 3: a/1 stands in an earlier line"),
        ("id,colour\na/1,red\n", "tells nothing that can be added"),
        ("id,regions\na/1,knee,more\n", "mend the table"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path, text, words) -> None:
    with pytest.raises(FracturaError, match=words):
        add_labels(RECORDS, table(tmp_path, text))
