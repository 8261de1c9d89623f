"""What holds for every kind of data set."""

from __future__ import annotations

from pathlib import Path

import pytest

from fractura.datasets.sources import SOURCES
from fractura.datasets.sources.source import Options, SourceError


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("place", ["nowhere", "empty"])
def test_a_wrong_path_is_named_with_what_to_do(name: str, place: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    source = SOURCES[name]
    with pytest.raises(SourceError) as caught:
        list(source.read(tmp_path / place, Options(name)))
    message = str(caught.value)
    assert str(tmp_path / place) in message
    if place == "nowhere" and source.address:
        assert source.address in message
        assert source.size in message


def test_every_published_set_says_where_to_get_it() -> None:
    assert len(SOURCES) == 14
    for name, source in SOURCES.items():
        assert source.name == name == name.lower()
        assert source.title
        assert source.layout
        assert bool(source.address) == bool(source.size)
        assert not source.address or source.address.startswith("https://")
