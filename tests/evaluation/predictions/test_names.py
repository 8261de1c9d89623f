"""Which record a name means."""

from __future__ import annotations

from pathlib import Path

import pytest

from fractura.datasets.record import Record
from fractura.errors import FracturaError
from fractura.evaluation.predictions.names import Closeness, Names


def named(path: str, sha256: str | None = None) -> Record:
    return Record(
        id=f"set/{path}",
        path=Path("/data/set") / path,
        source="set",
        label="fracture",
        sha256=sha256,
    )


RECORDS = (
    named("p1/image1.png", "aa"),
    named("p2/image1.png"),
    named("wrist.v1.png", "bb"),
    named("é.jpg"),
    named("copy/one.png", "cc"),
    named("copy/two.png", "cc"),
)


@pytest.mark.parametrize(
    ("name", "sha256", "expected"),
    [
        ("set/p1/image1.png", None, (0, Closeness.EXACT)),
        ("/data/set/p2/image1.png", None, (1, Closeness.EXACT)),
        ("p2/image1.png", None, (1, Closeness.EXACT)),
        ("p2\\image1.png", None, (1, Closeness.EXACT)),
        ("p2/image1", None, (1, Closeness.EXACT)),
        ("/elsewhere/p2/image1.png", None, (1, Closeness.FILE_NAME)),
        ("/elsewhere/p3/image1.png", None, None),
        ("wrist.v1.png", None, (2, Closeness.EXACT)),
        ("wrist.v1", None, (2, Closeness.EXACT)),
        ("./wrist.v1.png", None, (2, Closeness.EXACT)),
        ("wrist.png", None, None),
        ("wrist.v1.JPG", None, (2, Closeness.FILE_NAME)),
        ("/elsewhere/wrist.v1.png", None, (2, Closeness.FILE_NAME)),
        ("e\u0301.jpg", None, (3, Closeness.EXACT)),
        ("", None, None),
        ("..", None, None),
        ("anything.png", "aa", (0, Closeness.SAME_BYTES)),
        ("image1.png", "aa", (0, Closeness.EXACT)),
        ("wrist.v1.png", "dd", None),
        ("é.jpg", "dd", (3, Closeness.EXACT)),
        ("two.png", "cc", (5, Closeness.EXACT)),
        ("three.png", "cc", (4, Closeness.SAME_BYTES)),
    ],
)
def test_a_name_means_a_record(name, sha256, expected):
    match = Names(RECORDS).find(name, sha256)
    assert (match and match[:2]) == expected


def test_a_name_of_several_records_is_refused():
    with pytest.raises(FracturaError, match=r"may be set/p1/image1.png or set/p2/image1.png"):
        Names(RECORDS).find("image1.png")


def test_many_files_of_one_name_are_told_apart_by_their_folders():
    paths = [f"{split}/p{n}/study1/image1.png" for split in ("a", "b") for n in range(300)]
    names = Names([named(path) for path in paths])
    for prefix in ("", "/data/set/", "set/", "/other/machine/"):
        found = [names.find(prefix + path) for path in paths]
        assert [match and match.record for match in found] == list(range(600))
    assert names.find("/other/p7/study1/image1.png") is None
    assert names.find("a/p999/study1/image1.png") is None
    with pytest.raises(FracturaError, match="give longer paths"):
        names.find("study1/image1.png")
