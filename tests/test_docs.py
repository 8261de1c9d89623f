"""Every Python block in the documentation runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fractura.imaging.phantom import make_phantom
from fractura.imaging.save import save_png, to_16_bit

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
BLOCKS = [
    pytest.param(block, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, block in enumerate(BLOCK.findall(page.read_text(encoding="utf-8")), start=1)
]


@pytest.mark.parametrize("block", BLOCKS)
def test_python_block_runs(block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pixels = make_phantom(0, fracture="transverse").radiograph.pixels
    for name in ("wrist.png", "wrist.dcm"):  # a file's content, not its name, says what it is
        save_png(tmp_path / name, to_16_bit(pixels))
    exec(compile(block, "documentation", "exec"), {"__name__": "documentation"})


def test_every_relative_link_leads_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
