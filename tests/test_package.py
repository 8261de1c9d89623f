"""What is released: the wheel, the sdist and their metadata."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from importlib.util import find_spec
from pathlib import Path

import pytest

import fractura

pytestmark = pytest.mark.slow
for tool in ("build", "hatchling", "twine"):
    if find_spec(tool) is None:
        pytest.skip(f"{tool} is not installed", allow_module_level=True)

ROOT = Path(__file__).parents[1]
LARGEST_WHEEL = 16 * 1024**2
"""Bytes; twelve million of them are the shipped model."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def test_the_wheel_holds_what_runs_and_nothing_else(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    assert wheel.stat().st_size < LARGEST_WHEEL
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
        metadata = Parser().parsestr(
            file.read(next(name for name in names if name.endswith("/METADATA"))).decode()
        )
    sources = {
        str(path.relative_to(ROOT / "src"))
        for path in (ROOT / "src" / "fractura").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert {name for name in names if ".dist-info/" not in name} == sources
    for needed in ("py.typed", "weights/fractura-s.onnx", "service/page/index.html"):
        assert f"fractura/{needed}" in names
    assert {"LICENSE", "NOTICE"} <= {Path(name).name for name in names}
    assert metadata["Version"] == fractura.__version__
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    base = [one for one in metadata.get_all("Requires-Dist") or [] if "extra ==" not in one]
    assert not [one for one in base if one.startswith(("torch", "lightning", "scipy"))]


def test_the_sdist_builds_the_same_and_can_be_tested(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    assert {"pyproject.toml", "README.md", "tests/conftest.py", "src/fractura/py.typed"} <= names
    assert not [name for name in names if name.startswith(("node_modules", ".venv", "runs"))]


def test_the_index_takes_its_metadata(built: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *map(str, built.iterdir())],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
