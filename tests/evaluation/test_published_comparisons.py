"""The tables in the documentation are what the committed scorecards give."""

from __future__ import annotations

from pathlib import Path

import pytest

from fractura.evaluation.compare.gather import gather
from fractura.evaluation.compare.write import write_comparison

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "training" / "comparison.md"
PARTS = [("fracatlas", "valid"), ("roboflow-regions", "test"), ("fracatlas-boxes", "valid")]


@pytest.mark.parametrize(("folder", "split"), PARTS)
def test_the_page_shows_the_committed_scorecards(folder: str, split: str, tmp_path: Path) -> None:
    cards = sorted((ROOT / "recipes" / "comparison" / folder).glob("*.scorecard.json"))
    assert len(cards) > 1
    write_comparison(gather(cards, split), split, tmp_path)
    page = PAGE.read_text(encoding="utf-8")
    tables = (tmp_path / "comparison.md").read_text(encoding="utf-8")
    for line in tables.splitlines():
        if line.startswith("|"):
            assert line in page
